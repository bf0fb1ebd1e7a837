//! Steps of two kinds in one capture: in turn, or a prefill among replays of decode.

use profgate::synth::{Annotations, KernelSpec, LaunchMode, ModelShape, Stage, Workload, presets};
use serde_json::Value;

use crate::meaning::{
    DECODE, PREFILL, attention, document, health, is, layer, plain, prefill_attention, rows, shape, told,
    triage, workload,
};
use crate::support::{Scratch, arg, run};

/// A capture of steps that alternate, beginning with the one or the other.
fn alternating(scratch: &Scratch, kinds: &[ModelShape; 2], count: usize, first: usize) -> String {
    let shapes = (0..count).map(|step| kinds[(first + step) % 2].clone()).collect();
    let document = document(&workload(shapes, LaunchMode::Eager, Annotations::Sglang));
    arg(&scratch.file(&format!("{count}-{first}.json"), document.to_string())).to_owned()
}

#[test]
fn which_of_two_kinds_of_steps_comes_first_changes_nothing() {
    let dense = || layer(8, attention(), false);
    let experts = || layer(8, attention(), true);
    let quantised = || {
        let mut body = dense();
        body.insert(1, KernelSpec::kernel("void per_token_group_quant_8bit_kernel<128>(int)", 2.0));
        body
    };
    let of = |bodies: Vec<Vec<KernelSpec>>, pattern| shape(DECODE, bodies, pattern, 8);
    let all = [
        ("layers", [of(vec![dense()], vec![0; 36]), of(vec![dense()], vec![0; 31])]),
        (
            "bodies",
            [
                of(vec![dense()], vec![0; 36]),
                of(vec![dense(), experts()], [vec![0; 31], vec![1; 5]].concat()),
            ],
        ),
        ("slots", [of(vec![dense()], vec![0; 16]), of(vec![quantised()], vec![0; 16])]),
        ("names", [of(vec![dense()], vec![0; 16]), of(vec![experts()], vec![0; 16])]),
    ];
    let mut loud: Vec<String> = Vec::new();
    for (name, kinds) in all {
        let scratch = Scratch::new(&format!("phases-{name}"));
        let files: Vec<String> = (2..=5)
            .flat_map(|count| [0, 1].map(|first| (count, first)))
            .map(|(count, first)| alternating(&scratch, &kinds, count, first))
            .collect();
        for (old, new) in files.iter().zip(files.iter().cycle().skip(1)) {
            let run = run(&["diff", old, new]);
            if run.code != 0 || !run.stdout.contains("nothing changed") {
                loud.push(format!("{name}: {old} {new}\n{}{}", run.stdout, run.stderr));
            }
        }
    }
    assert!(loud.is_empty(), "{}", loud.join("\n"));
}

/// Takes the activities of the last graph launch but `kept` away.
fn lose(document: &mut Value, kept: usize) {
    let device = ["kernel", "gpu_memcpy", "gpu_memset"];
    let number = |row: &Value| row["args"]["correlation"].as_u64();
    let launch = rows(document)
        .iter()
        .filter(|row| row["name"].as_str().is_some_and(|name| name.contains("GraphLaunch")))
        .filter_map(number)
        .max();
    let is_own = |row: &Value| is(row, &device) && number(row) == launch;
    let start = |row: &Value| (row["ts"].as_f64().unwrap() * 1000.0) as u64;
    let mut starts: Vec<u64> = rows(document).iter().filter(|row| is_own(row)).map(start).collect();
    starts.sort_unstable();
    rows(document).retain(|row| !is_own(row) || start(row) < starts[kept]);
}

#[test]
fn a_replay_that_lost_kernels_is_told_from_another_graph() {
    let scratch = Scratch::new("phases-lost");
    let hip = presets::hip_decode().gpu;
    let cuda = workload(Vec::new(), LaunchMode::Graph, Annotations::None).gpu;
    for (gpu, annotations) in [
        (&cuda, Annotations::Sglang),
        (&cuda, Annotations::Vllm),
        (&cuda, Annotations::None),
        (&hip, Annotations::Vllm),
        (&hip, Annotations::None),
    ] {
        let of = |shapes| Workload { gpu: gpu.clone(), ..workload(shapes, LaunchMode::Graph, annotations) };
        let capture = document(&of(vec![plain(DECODE, 8); 5]));
        let told = |document: &Value| {
            let run =
                run(&["triage", arg(&scratch.file("t.json", document.to_string())), "--format", "json"]);
            health(&serde_json::from_str(&run.stdout).unwrap(), "replay-incomplete")
        };
        assert_eq!(told(&capture), 0);
        for kept in [125, 100, 50] {
            let mut short = capture.clone();
            lose(&mut short, kept);
            assert_eq!(told(&short), 1, "{annotations:?}, {kept} kept");
        }
        // A graph of another size of batch may do without a kernel.
        let mut small = plain(Stage::Decode { batch: 4, cached: 800 }, 4);
        small.bodies[0].remove(6);
        let mixed = [vec![plain(DECODE, 8); 3], vec![small; 3]].concat();
        assert_eq!(told(&document(&of(mixed))), 0, "{annotations:?}");
    }
    let mut pieces = plain(DECODE, 8);
    pieces.bodies[0][2].outside_graph = true;
    let piecewise = document(&workload(vec![pieces; 3], LaunchMode::Piecewise, Annotations::Vllm));
    assert_eq!(health(&triage(&scratch, "p.json", &piecewise), "replay-incomplete"), 0);
}

/// Seven steps, of which the fourth is launched kernel by kernel and the others are replays of a graph.
fn one_among_replays(decode: &ModelShape, other: &ModelShape) -> Workload {
    let mut other = other.clone();
    for kernel in other.bodies.iter_mut().chain([&mut other.prologue, &mut other.epilogue]).flatten() {
        kernel.outside_graph = true;
    }
    let mut shapes = vec![decode.clone(); 7];
    shapes[3] = other;
    workload(shapes, LaunchMode::Piecewise, Annotations::None)
}

fn attention_of_another_kind() -> KernelSpec {
    KernelSpec { ns: attention().ns, ..prefill_attention() }
}

fn prefill(attention: &KernelSpec, times: u64) -> ModelShape {
    let mut shape = shape(PREFILL, vec![layer(2048, attention.clone(), false)], vec![0; 16], 2048);
    shape.bodies.iter_mut().flatten().for_each(|kernel| kernel.ns *= times);
    shape
}

#[test]
fn a_pass_among_replays_that_is_neither_prefill_nor_decode_is_not_counted_as_what_its_file_is_called() {
    let scratch = Scratch::new("phases-neither");
    // Many tokens and another attention, in the time of a decode step.
    let document = document(&one_among_replays(&plain(DECODE, 8), &prefill(&attention_of_another_kind(), 1)));
    let report = triage(&scratch, "1-TP-0-DECODE.trace.json", &document);
    assert_eq!(stages(&report), ["decode directory 6×130", "all none 1×132"]);
    assert_eq!(health(&report, "stage-unclear"), 1);
}

/// The stages and their steps, without the layers.
fn stages(report: &Value) -> Vec<String> {
    told(report).into_iter().map(|(steps, _)| steps).collect()
}

#[test]
fn a_prefill_among_replays_without_grids_is_told_by_its_launches_attention_and_time() {
    let scratch = Scratch::new("phases-hip");
    let hip = |other: &ModelShape| {
        document(&Workload { gpu: presets::hip_decode().gpu, ..one_among_replays(&plain(DECODE, 8), other) })
    };
    for (name, evidence) in [("t.json", "none"), ("1-TP-0-DECODE.trace.json", "directory")] {
        for clear in [prefill(&prefill_attention(), 3), prefill(&attention(), 5)] {
            let report = triage(&scratch, name, &hip(&clear));
            assert_eq!(stages(&report), ["prefill inferred 1×132", "decode inferred 6×130"], "{name}");
        }
        // Twice the time and the same attention: a larger batch, or a short prompt.
        let unclear = triage(&scratch, name, &hip(&prefill(&attention(), 2)));
        assert_eq!(health(&unclear, "stage-unclear"), 1);
        match evidence {
            "none" => assert_eq!(stages(&unclear).len(), 1),
            _ => assert_eq!(stages(&unclear), ["decode directory 6×130", "all none 1×132"]),
        }
        // No longer than the others: a decode step whose batch no graph was recorded for.
        let eager = triage(&scratch, name, &hip(&plain(DECODE, 8)));
        assert_eq!(health(&eager, "stage-unclear"), 0);
        assert_eq!(stages(&eager).len(), 1);
    }
}

#[test]
fn a_prefill_among_replays_is_its_own_kernels_and_no_others() {
    let scratch = Scratch::new("phases-neighbours");
    let small = |name: &'static str| KernelSpec::kernel(name, 2.0);
    let prepare = || {
        vec![
            small("prepare_attention_indices_kernel"),
            small("void index_elementwise_kernel<128>(long)"),
            small("void cumsum_kernel<int>(int*)"),
        ]
    };
    let finish = || {
        let argmax = KernelSpec::kernel(presets::names::moe::ARGMAX, 4.0);
        vec![argmax, small("void finish_kernel<int>(int*)"), small("void append_kernel<int>(int*)")]
    };
    let around = |mut shape: ModelShape, before: Vec<KernelSpec>, after: Vec<KernelSpec>| {
        (shape.before, shape.after) = (before, after);
        shape
    };
    let decode = around(plain(DECODE, 8), prepare(), finish());
    let own = vec![small("void own_kernel<int>(int*)")];
    for (before, after) in [
        (prepare(), finish()),
        (vec![], finish()),
        (own.clone(), finish()),
        ([prepare(), own.clone()].concat(), finish()),
        (prepare(), [finish(), own.clone()].concat()),
        (own.clone(), own),
    ] {
        let mine = before.len() + 16 * 8 + 2 + after.len();
        let other = around(prefill(&prefill_attention(), 3), before, after);
        let report = triage(&scratch, "t.json", &document(&one_among_replays(&decode, &other)));
        assert_eq!(
            stages(&report),
            [format!("prefill inferred 1×{mine}"), "decode inferred 6×130".to_owned()]
        );
    }
}

#[test]
fn a_prefill_that_nothing_marks_is_in_no_marked_step() {
    let scratch = Scratch::new("phases-unmarked");
    // What prepares the attention is launched, not replayed.
    let mut decode = plain(DECODE, 8);
    decode.before.push(KernelSpec::kernel("void prepare_attention_indices_kernel<128>(int*)", 2.0));
    let of = |other: &ModelShape| {
        let workload = one_among_replays(&decode, other);
        let mut document = document(&Workload { annotations: Annotations::Sglang, ..workload });
        rows(&mut document).retain(|row| {
            let name = row["name"].as_str().unwrap_or_default();
            !is(row, &["user_annotation", "gpu_user_annotation"])
                || !(name.starts_with("step[EXTEND") || name.contains("generation_0"))
        });
        document
    };
    let report = triage(&scratch, "t.json", &of(&prefill(&prefill_attention(), 3)));
    assert_eq!(stages(&report), ["prefill inferred 1×132", "decode annotation 6×133"]);
    assert_eq!(report["stages"][0]["steps"]["found_by"], "period");
    assert_eq!(health(&report, "pass-unmarked"), 0);
    // A pass that shows no sign of a prefill is in no step, and said to be there.
    let mut like_decode = plain(PREFILL, 8);
    like_decode.bodies.iter_mut().flatten().for_each(|kernel| kernel.ns += 1);
    let report = triage(&scratch, "t.json", &of(&like_decode));
    assert_eq!(stages(&report), ["decode annotation 6×133"]);
    assert_eq!(report["stages"][0]["steps"]["activities"], 6 * 133 + 132);
    assert_eq!(health(&report, "pass-unmarked"), 1);
}

#[test]
fn a_nested_range_that_ends_a_rounding_later_is_no_step() {
    let scratch = Scratch::new("phases-overhang");
    let whole = document(&workload(vec![plain(DECODE, 8); 3], LaunchMode::Eager, Annotations::Sglang));
    let want = stages(&triage(&scratch, "t.json", &whole));
    // `step[…]` inside `execute_…` ends a nanosecond behind it, or begins one before; whole microseconds in old files.
    for (before, after) in [(0.0, 0.001), (0.001, 0.0), (0.001, 0.001), (0.0, 1.0), (1.0, 0.0)] {
        let mut edited = whole.clone();
        let outer: Vec<(f64, f64)> = rows(&mut edited)
            .iter()
            .filter(|row| is(row, &["user_annotation"]))
            .filter(|row| row["name"].as_str().is_some_and(|name| name.starts_with("execute_")))
            .map(|row| (row["ts"].as_f64().unwrap(), row["dur"].as_f64().unwrap()))
            .collect();
        let mut outer = outer.into_iter();
        for row in rows(&mut edited).iter_mut().filter(|row| is(row, &["user_annotation"])) {
            if row["name"].as_str().is_some_and(|name| name.starts_with("step[")) {
                let (ts, dur) = outer.next().unwrap();
                row["ts"] = serde_json::json!(ts - before);
                row["dur"] = serde_json::json!(dur + before + after);
            }
        }
        let report = triage(&scratch, "t.json", &edited);
        assert_eq!(stages(&report), want, "{before} before, {after} after");
        assert_eq!(health(&report, "step-empty"), 0);
    }
}
