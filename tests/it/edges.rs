//! What stands at the edges of steps that nothing marks, and of the window: copies, and steps that are cut.

use profgate::synth::{Annotations, KernelSpec, LaunchMode, ModelShape};
use serde_json::{Value, json};

use crate::meaning::{
    DECODE, PREFILL, attention, document, health, is, layer, plain, rows, shape, told, triage, workload,
};
use crate::support::{Scratch, arg, run};

const DEVICE: [&str; 3] = ["kernel", "gpu_memcpy", "gpu_memset"];

fn stages(report: &Value) -> Vec<String> {
    told(report).into_iter().map(|(steps, _)| steps).collect()
}

/// A prefill of the kernels of a decode step, which takes `times` as long.
fn prefill(times: u64) -> ModelShape {
    let mut shape = shape(PREFILL, vec![layer(2048, attention(), false)], vec![0; 16], 2048);
    shape.bodies.iter_mut().flatten().for_each(|kernel| kernel.ns *= times);
    shape
}

/// A step that copies three times to the device before its first kernel, and once to the host behind its last.
fn with_copies(mut shape: ModelShape) -> ModelShape {
    let to_device = || KernelSpec::copy("Memcpy HtoD (Pinned -> Device)", 1.0, 64);
    shape.before.splice(0..0, [to_device(), to_device(), to_device()]);
    shape.after.push(KernelSpec::copy("Memcpy DtoH (Device -> Pinned)", 1.0, 64));
    shape
}

fn unmarked(shapes: Vec<ModelShape>) -> Value {
    document(&workload(shapes, LaunchMode::Eager, Annotations::None))
}

#[test]
fn copies_at_the_edge_belong_to_the_step_that_they_prepare_or_end() {
    let scratch = Scratch::new("edges-copies");
    for is_first in [true, false] {
        let mut shapes = vec![with_copies(plain(DECODE, 8)); 3];
        shapes.insert(if is_first { 0 } else { 3 }, with_copies(prefill(4)));
        let mut document = unmarked(shapes);
        // A kernel before the layers, 16 × 8 of them, and three behind them; four copies.
        let want = ["prefill inferred 1×136", "decode inferred 3×136"];
        assert_eq!(stages(&triage(&scratch, "t.json", &document)), want, "prefill first: {is_first}");
        rows(&mut document).retain(|row| row["ph"] == "M" || is(row, &DEVICE));
        assert_eq!(
            stages(&triage(&scratch, "t.json", &document)),
            want,
            "GPU alone, prefill first: {is_first}"
        );
    }
}

/// Takes the first, or the last, activities and their launches away.
fn cut(document: &Value, count: usize, is_front: bool) -> Value {
    let mut document = document.clone();
    let start = |row: &Value| (row["ts"].as_f64().unwrap() * 1000.0) as i64;
    let number = |row: &Value| row["args"]["correlation"].as_u64();
    let mut device: Vec<(i64, Option<u64>)> = rows(&mut document)
        .iter()
        .filter(|row| is(row, &DEVICE))
        .map(|row| (start(row), number(row)))
        .collect();
    device.sort_unstable();
    if !is_front {
        device.reverse();
    }
    let gone: Vec<u64> = device.into_iter().take(count).filter_map(|(_, number)| number).collect();
    rows(&mut document).retain(|row| number(row).is_none_or(|number| !gone.contains(&number)));
    document
}

#[test]
fn a_step_that_the_window_cuts_is_in_no_figure_of_a_step() {
    let scratch = Scratch::new("edges-cut");
    let decode = unmarked(vec![plain(DECODE, 8); 6]);
    let mut first = vec![plain(DECODE, 8); 4];
    first.insert(0, prefill(4));
    let mut last = vec![plain(DECODE, 8); 4];
    last.push(prefill(4));
    let (first, last) = (unmarked(first), unmarked(last));
    for lost in [3, 12, 40] {
        for is_front in [true, false] {
            let report = triage(&scratch, "t.json", &cut(&decode, lost, is_front));
            assert_eq!(stages(&report), ["all none 5×132"], "{lost} lost");
            assert_eq!(report["stages"][0]["steps"]["activities"], 6 * 132 - lost);
            assert_eq!(health(&report, "step-cut"), 1);
            let mixed = if is_front { &first } else { &last };
            let report = triage(&scratch, "t.json", &cut(mixed, lost, is_front));
            // Without the prefill's own begin it is not certain to a kernel where it ends.
            let found = stages(&report);
            assert!(found[0].starts_with("decode inferred 4×"), "{lost} lost: {found:?}");
            assert!(found[1].starts_with("all none 1×") && found.len() == 2, "{lost} lost: {found:?}");
            assert_eq!(health(&report, "step-cut"), 1);
        }
    }
    for whole in [&decode, &first, &last] {
        assert_eq!(health(&triage(&scratch, "t.json", whole), "step-cut"), 0);
    }
}

#[test]
fn steps_of_different_shapes_are_told_apart_or_said_to_be_there() {
    let scratch = Scratch::new("edges-shapes");
    for (prefills, times, want) in [
        (1, 4, vec!["prefill inferred 1×132", "all none 1×132"]),
        (3, 4, vec!["prefill inferred 3×132", "all none 1×132"]),
        (1, 2, vec!["all none 2×132"]),
    ] {
        let mut shapes = vec![prefill(times); prefills];
        shapes.push(plain(DECODE, 8));
        let report = triage(&scratch, "t.json", &unmarked(shapes));
        assert_eq!(stages(&report), want);
        assert_eq!(health(&report, "stage-unclear"), 1);
    }
}

#[test]
fn a_stage_that_is_drawn_inside_another_promises_no_work() {
    let scratch = Scratch::new("edges-nested");
    let mut document = document(&workload(vec![plain(DECODE, 8); 3], LaunchMode::Eager, Annotations::Sglang));
    let want = stages(&triage(&scratch, "t.json", &document));
    let outer = rows(&mut document)
        .iter()
        .find(|row| {
            is(row, &["gpu_user_annotation"])
                && row["name"].as_str().is_some_and(|name| name.starts_with("execute_"))
        })
        .unwrap()
        .clone();
    let mut inner = outer;
    inner["name"] = json!("step[EXTEND bs=1 toks=4]");
    inner["dur"] = json!(inner["dur"].as_f64().unwrap() / 2.0);
    inner["args"].as_object_mut().unwrap().remove("External id");
    rows(&mut document).push(inner);
    let report = triage(&scratch, "t.json", &document);
    assert_eq!(stages(&report), want);
    assert_eq!((health(&report, "step-empty"), health(&report, "annotation-disagrees")), (0, 1));
}

#[test]
fn layers_whose_kernels_lie_over_two_streams_at_once_are_counted_once() {
    let scratch = Scratch::new("edges-streams");
    let of = |every: usize| {
        let mut document =
            document(&workload(vec![plain(DECODE, 8); 2], LaunchMode::Graph, Annotations::Sglang));
        let mut kernels: Vec<&mut Value> =
            rows(&mut document).iter_mut().filter(|row| is(row, &["kernel"])).collect();
        kernels.sort_by_key(|row| (row["ts"].as_f64().unwrap() * 1000.0) as i64);
        for (at, row) in kernels.into_iter().enumerate() {
            // Each begins before the one ahead of it has ended; replays whose nodes have no number tell no order.
            row["dur"] = json!(row["dur"].as_f64().unwrap() * 1.4);
            row["args"].as_object_mut().unwrap().remove("graph node id");
            if at % every == 0 {
                row["tid"] = json!(99);
                row["args"]["stream"] = json!(99);
            }
        }
        triage(&scratch, "t.json", &document)["stages"][0]["layers"].clone()
    };
    for every in [3, 5] {
        assert_eq!(of(every)["count"], 16, "every {every}. kernel on another stream");
    }
}

#[test]
fn ranks_on_different_gpus_are_doubted_unless_each_stage_has_its_own() {
    let scratch = Scratch::new("edges-gpus");
    let of = |gpu: &str, rank: u32, stage: Annotations| {
        let mut document = document(&workload(vec![plain(DECODE, 8); 2], LaunchMode::Graph, stage));
        for device in document["deviceProperties"].as_array_mut().unwrap() {
            device["name"] = json!(gpu);
        }
        document["distributedInfo"] = json!({"rank": rank, "world_size": 2});
        document.to_string()
    };
    let record = |name: &str| run(&["baseline", "record", arg(&scratch.path(name))]);
    for (gpu, code) in [("NVIDIA H200", 3), ("NVIDIA H100", 0)] {
        let name = format!("ranks-{code}");
        scratch.file(&format!("{name}/rank0.json"), of("NVIDIA H100", 0, Annotations::Sglang));
        scratch.file(&format!("{name}/rank1.json"), of(gpu, 1, Annotations::Sglang));
        let run = record(&name);
        assert_eq!(run.code, code, "{}", run.stderr);
        assert_eq!(
            run.stderr.contains("different GPUs: NVIDIA H100 (rank 0); NVIDIA H200 (rank 1)"),
            code == 3,
            "{}",
            run.stderr
        );
    }
    scratch.file("apart/DECODE/rank0.json", of("NVIDIA H100", 0, Annotations::None));
    scratch.file("apart/EXTEND/rank1.json", of("NVIDIA H200", 1, Annotations::None));
    let run = record("apart");
    assert!(!run.stderr.contains("different GPUs"), "{}", run.stderr);
}
