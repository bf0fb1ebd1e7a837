//! Steps, stages, layers and places of generated captures that lack what usually tells them.

use std::path::Path;

use profgate::synth::{
    Annotations, KernelSpec, LaunchMode, ModelShape, Order, Stage, Workload, presets, write_rank,
};
use serde_json::{Value, json};

use crate::support::{Run, Scratch, arg, run};

/// A workload's first rank, as the file that a profiler would have written.
pub fn document(workload: &Workload) -> Value {
    let mut bytes = Vec::new();
    write_rank(workload, 0, &mut bytes).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

pub fn rows(document: &mut Value) -> &mut Vec<Value> {
    document["traceEvents"].as_array_mut().unwrap()
}

pub fn is(row: &Value, categories: &[&str]) -> bool {
    row["cat"].as_str().is_some_and(|cat| categories.contains(&cat))
}

pub fn triage(scratch: &Scratch, name: &str, document: &Value) -> Value {
    let path = scratch.file(name, serde_json::to_vec(document).unwrap());
    report(&run(&["triage", arg(&path), "--format", "json"]))
}

pub fn report(run: &Run) -> Value {
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

/// `stage evidence steps×activities`, and the pattern of the layers.
pub fn told(report: &Value) -> Vec<(String, String)> {
    let stages = report["stages"].as_array().unwrap().iter();
    stages
        .map(|stage| {
            let steps = &stage["steps"];
            let text = format!(
                "{} {} {}×{}",
                stage["stage"].as_str().unwrap(),
                stage["stage_evidence"].as_str().unwrap(),
                steps["count"],
                steps["activities_per_step"].as_f64().unwrap(),
            );
            (text, stage["layers"]["bodies"][0]["pattern"].as_str().unwrap_or("-").to_owned())
        })
        .collect()
}

pub fn health(report: &Value, code: &str) -> u64 {
    let entries = report["health"].as_array().unwrap();
    entries.iter().find(|entry| entry["code"] == code).map_or(0, |entry| entry["count"].as_u64().unwrap())
}

pub fn prefill_attention() -> KernelSpec {
    KernelSpec::kernel(
        "void flashinfer::BatchPrefillWithPagedKVCacheKernel<flashinfer::KernelTraits<128>>(int)",
        30.0,
    )
}

pub fn attention() -> KernelSpec {
    KernelSpec::kernel("fmhaSm100fKernel_QkvBfloat16OBfloat16H128PagedKvDenseP32VarSeqQ16Kv128", 12.0)
}

pub fn norm(tokens: u32) -> KernelSpec {
    KernelSpec::kernel("void flashinfer::norm::FusedAddRMSNormKernel<8u, __nv_bfloat16>(int)", 3.0)
        .grid([tokens, 1, 1], 256)
}

pub fn gemm(name: &'static str) -> KernelSpec {
    KernelSpec::kernel(name, 9.0)
}

/// Attention, and an MLP or experts behind it.
pub fn layer(tokens: u32, attention: KernelSpec, has_experts: bool) -> Vec<KernelSpec> {
    let mut layer = vec![norm(tokens), gemm("nvjet_tst_192x192_64x4_1x2_h_bz_coopA_TNN"), attention];
    layer.extend([gemm("nvjet_tst_64x8_64x16_2x4_h_bz_splitK_TNT"), norm(tokens)]);
    if has_experts {
        layer.push(KernelSpec::kernel("void vllm::moe::topkGatingSoftmax<8, 128, 4, 16, 32, int>(int)", 2.0));
        layer.extend([gemm("fused_moe_kernel"), gemm("fused_moe_kernel")]);
    } else {
        layer.push(gemm("nvjet_tst_128x8_64x12_2x1_v_bz_TNT"));
        layer.push(KernelSpec::kernel(
            "void flashinfer::activation::act_and_mul_kernel<__nv_bfloat16>(int)",
            2.0,
        ));
        layer.push(gemm("nvjet_tst_64x16_64x16_4x1_v_bz_TNT"));
    }
    layer
}

pub fn shape(stage: Stage, bodies: Vec<Vec<KernelSpec>>, pattern: Vec<usize>, tokens: u32) -> ModelShape {
    let mut shape = ModelShape::of_layers(stage, 0, Vec::new());
    shape.bodies = bodies;
    shape.pattern = pattern;
    shape.before =
        vec![KernelSpec::kernel("void at::native::vectorized_gather_kernel<16, long>(char*)", 3.0)];
    shape.epilogue = vec![norm(tokens), gemm("nvjet_tst_256x8_64x6_2x1_v_bz_TNT")];
    shape.after = vec![KernelSpec::kernel(presets::names::moe::ARGMAX, 4.0)];
    shape
}

pub const DECODE: Stage = Stage::Decode { batch: 8, cached: 800 };
pub const PREFILL: Stage = Stage::Prefill { sequences: 1, tokens: 2048 };

pub fn workload(shapes: Vec<ModelShape>, launch: LaunchMode, annotations: Annotations) -> Workload {
    let steps = u32::try_from(shapes.len()).unwrap();
    Workload { shapes, steps, launch, annotations, noise_permille: 0, ..presets::moe_decode() }
}

pub fn plain(stage: Stage, tokens: u32) -> ModelShape {
    shape(stage, vec![layer(tokens, attention(), false)], vec![0; 16], tokens)
}

#[test]
fn a_gpu_that_runs_a_step_behind_gives_each_step_its_own_work() {
    let scratch = Scratch::new("lag");
    let shapes = vec![plain(PREFILL, 2048), plain(DECODE, 8), plain(DECODE, 8)];
    let mut document = document(&workload(shapes, LaunchMode::Graph, Annotations::Sglang));
    let want = told(&triage(&scratch, "whole.json", &document));
    assert_eq!(
        want.iter().map(|(steps, _)| steps.split(' ').next().unwrap()).collect::<Vec<_>>(),
        ["prefill", "decode"]
    );
    // Without launches; on the CPU's clock all steps come before the GPU's second one.
    rows(&mut document).retain(|row| !is(row, &["cuda_runtime", "cuda_driver"]));
    for is_joined_by_id in [true, false] {
        let mut late = document.clone();
        for row in rows(&mut late) {
            if is(row, &["user_annotation"]) {
                let ts = row["ts"].as_f64().unwrap();
                row["ts"] = json!(ts - 1e6);
            }
            if !is_joined_by_id && is(row, &["user_annotation", "gpu_user_annotation"]) {
                row["args"].as_object_mut().unwrap().remove("External id");
            }
        }
        assert_eq!(told(&triage(&scratch, "late.json", &late)), want, "by id: {is_joined_by_id}");
    }
    rows(&mut document).retain(|row| !is(row, &["user_annotation"]));
    let alone = triage(&scratch, "alone.json", &document);
    assert_eq!(told(&alone), want, "the GPU's side alone");
    assert!(health(&alone, "annotation-disagrees") > 0);
}

#[test]
fn a_prefill_that_was_launched_singly_is_a_step_beside_replayed_decode() {
    let scratch = Scratch::new("prefill-graph");
    for times in [2, 20] {
        let mut prefill = plain(PREFILL, 2048);
        for kernel in prefill.bodies.iter_mut().flatten() {
            kernel.ns *= times;
        }
        let mut eager = document(&workload(vec![prefill], LaunchMode::Eager, Annotations::None));
        let decode = workload(vec![plain(DECODE, 8); 8], LaunchMode::Graph, Annotations::None);
        let mut document = document(&decode);
        // The decode steps follow when the prefill has ended; the ids of the two do not meet.
        for row in rows(&mut document) {
            if let Some(ts) = row["ts"].as_f64() {
                row["ts"] = json!(ts + 100_000.0 * times as f64);
            }
            if let Some(id) = row["args"]["correlation"].as_u64() {
                row["args"]["correlation"] = json!(id + 1_000_000_000);
            }
        }
        rows(&mut document).append(rows(&mut eager));
        let steps: Vec<String> =
            told(&triage(&scratch, "t.json", &document)).into_iter().map(|(steps, _)| steps).collect();
        assert_eq!(steps.len(), 2, "{steps:?}");
        assert!(steps[0].starts_with("prefill inferred 1×13"), "{steps:?}");
        assert!(steps[1].starts_with("decode inferred 8×13"), "{steps:?}");
    }
}

#[test]
fn one_dense_layer_before_the_experts_does_not_join_the_steps() {
    let scratch = Scratch::new("dense-one");
    // Two thousand tokens take longer than eight, and another attention.
    let step = |stage, tokens: u32| {
        let attention = if tokens > 1000 { prefill_attention() } else { attention() };
        let bodies = vec![layer(tokens, attention.clone(), false), layer(tokens, attention, true)];
        let pattern = std::iter::once(0).chain(std::iter::repeat_n(1, 26)).collect();
        let mut shape = shape(stage, bodies, pattern, tokens);
        let parts = [&mut shape.before, &mut shape.epilogue, &mut shape.after];
        for kernel in shape.bodies.iter_mut().chain(parts).flatten() {
            kernel.ns *= u64::from(tokens / 1024).max(1);
        }
        shape
    };
    let decode = vec![step(DECODE, 8); 6];
    let report = triage(
        &scratch,
        "d.json",
        &document(&workload(decode.clone(), LaunchMode::Eager, Annotations::None)),
    );
    assert_eq!(told(&report), [("all none 6×220".to_owned(), "A B×26".to_owned())]);
    let both = [vec![step(PREFILL, 2048)], decode].concat();
    let report =
        triage(&scratch, "pd.json", &document(&workload(both, LaunchMode::Eager, Annotations::None)));
    let told = told(&report);
    let stages: Vec<(&str, &str)> =
        told.iter().map(|(steps, layers)| (steps.split('×').next().unwrap(), layers.as_str())).collect();
    // Which step the first kernel behind a prefill without idle time belongs to is not asked here.
    assert_eq!(stages, [("prefill inferred 1", "A B×26"), ("decode inferred 6", "A B×26")]);
}

#[test]
fn the_last_of_alternating_layers_is_whole() {
    let scratch = Scratch::new("alternating");
    let bodies = vec![layer(8, attention(), false), layer(8, attention(), true)];
    let step = shape(DECODE, bodies, [0, 1].repeat(8), 8);
    let report =
        triage(&scratch, "t.json", &document(&workload(vec![step], LaunchMode::Eager, Annotations::Sglang)));
    assert_eq!(told(&report)[0].1, "(AB)×8");
    assert_eq!(report["stages"][0]["layers"]["epilogue"].as_array().unwrap().len(), 3);
}

#[test]
fn attention_on_a_stream_of_its_own_anchors_the_layers_all_the_same() {
    let scratch = Scratch::new("own-stream");
    for launch in [LaunchMode::Eager, LaunchMode::Graph] {
        let step = shape(DECODE, vec![layer(8, attention().on(99), false)], vec![0; 16], 8);
        let report =
            triage(&scratch, "t.json", &document(&workload(vec![step; 3], launch, Annotations::Sglang)));
        assert_eq!(told(&report)[0].1, "A×16", "{launch:?}");
        let streams = report["stages"][0]["layers"]["bodies"][0]["streams"].as_array().unwrap();
        assert_eq!(streams.len(), 2);
    }
}

#[test]
fn streams_that_run_one_model_by_turns_are_one_sequence() {
    let scratch = Scratch::new("by-turns");
    // Fifteen kernels in two layers: every second one on another stream puts attention on both.
    let mut long = layer(8, attention(), false);
    long.pop();
    let bodies = vec![layer(8, attention(), true), long];
    let step = shape(DECODE, bodies, [0, 1].repeat(8), 8);
    for launch in [LaunchMode::Eager, LaunchMode::Graph] {
        let document = document(&workload(vec![step.clone(); 2], launch, Annotations::Sglang));
        let want = told(&triage(&scratch, "t.json", &document));
        assert_eq!(want[0].1, "(AB)×8");
        for every in [2, 4] {
            let mut split = document.clone();
            let kernels = rows(&mut split).iter_mut().filter(|row| is(row, &["kernel"]));
            for row in kernels.enumerate().filter(|(at, _)| at % every == 0).map(|(_, row)| row) {
                (row["tid"], row["args"]["stream"]) = (json!(99), json!(99));
            }
            let report = triage(&scratch, "t.json", &split);
            assert_eq!(told(&report), want, "{launch:?}, one kernel in {every}");
            assert_eq!(report["stages"][0]["layers"]["count"], 16);
        }
    }
}

#[test]
fn streams_that_run_two_batches_at_once_are_not_joined() {
    let scratch = Scratch::new("at-once");
    let beside = |kernel: KernelSpec| kernel.on(21).order(Order::Beside);
    let body: Vec<KernelSpec> = layer(8, attention(), false)
        .into_iter()
        .flat_map(|kernel| [kernel.clone(), beside(kernel)])
        .collect();
    let step = shape(DECODE, vec![body], vec![0; 16], 8);
    // Replayed, so that no launch keeps them apart.
    let document = document(&workload(vec![step; 2], LaunchMode::Graph, Annotations::Sglang));
    let report = triage(&scratch, "t.json", &document);
    assert_eq!(report["stages"][0]["layers"]["count"], 16);
    assert_eq!(report["stages"][0]["layers"]["bodies"][0]["streams"].as_array().unwrap().len(), 2);
}

#[test]
fn linear_attention_stands_in_for_attention() {
    let scratch = Scratch::new("linear");
    let linear = KernelSpec::kernel("fused_recurrent_gated_delta_rule_update_fwd_kernel", 8.0);
    let bodies = vec![layer(8, linear, false), layer(8, attention(), false)];
    for (pattern, want, found_by) in [
        (vec![0; 16], "A×16", "linear-attention"),
        ([0, 0, 0, 1].repeat(4), "A×3 B A×3 B A×3 B A×3 B", "attention"),
    ] {
        let step = shape(DECODE, bodies.clone(), pattern, 8);
        let report = triage(
            &scratch,
            "t.json",
            &document(&workload(vec![step], LaunchMode::Graph, Annotations::Sglang)),
        );
        assert_eq!(told(&report)[0].1, want);
        assert_eq!(report["stages"][0]["layers"]["found_by"], found_by);
    }
}

/// Delays everything on a stream.
fn delay(document: &mut Value, stream: u64, us: f64) {
    for row in rows(document).iter_mut().filter(|row| is(row, &["kernel"])) {
        if row["args"]["stream"] == stream {
            let ts = row["ts"].as_f64().unwrap();
            row["ts"] = json!(ts + us);
        }
    }
}

#[test]
fn a_side_stream_that_runs_late_does_not_change_the_layers() {
    let scratch = Scratch::new("side-late");
    let mut body = layer(8, attention(), false);
    let side = |name| KernelSpec::kernel(name, 4.0).on(21).order(Order::Beside);
    body.insert(5, side("fused_moe_kernel"));
    body.insert(6, side("void vllm::moe::topkGatingSoftmax<8, 128, 4, 16, 32, int>(int)"));
    let step = shape(DECODE, vec![body], vec![0; 16], 8);
    for launch in [LaunchMode::Eager, LaunchMode::Graph] {
        let document = document(&workload(vec![step.clone()], launch, Annotations::Sglang));
        let stages = |report: &Value| report["stages"][0]["layers"].clone();
        let want = stages(&triage(&scratch, "t.json", &document));
        assert_eq!(want["bodies"].as_array().unwrap().len(), 1, "{want}");
        assert_eq!(want["bodies"][0]["streams"][1]["kernels"].as_array().unwrap().len(), 2);
        for us in [9.0, 25.0, 40.0] {
            let mut late = document.clone();
            delay(&mut late, 21, us);
            assert_eq!(stages(&triage(&scratch, "t.json", &late)), want, "{launch:?} {us} µs late");
        }
    }
}

#[test]
fn drafts_do_not_hide_the_layers_of_the_model_that_verifies() {
    let scratch = Scratch::new("drafts");
    let draft = || shape(DECODE, vec![layer(1, attention(), false)], vec![0], 1);
    let verify = || shape(DECODE, vec![layer(8, attention(), false)], vec![0; 24], 8);
    let shapes = (0..3).flat_map(|_| [draft(), draft(), draft(), verify()]).collect();
    let report =
        triage(&scratch, "t.json", &document(&workload(shapes, LaunchMode::Eager, Annotations::Sglang)));
    assert_eq!(told(&report)[0].1, "A×24");
    assert_eq!(report["stages"][0]["steps"]["count"], 12);
}

/// A graph whose three kernels two streams run, and the launches of its recording.
fn two_stream_graph(scratch: &Scratch, has_numbers: bool, has_names: bool) -> Value {
    let row = |cat: &str, name: &str, (ts, dur): (u32, u32), args: Value| json!({"ph": "X", "cat": cat, "name": name, "pid": 1, "tid": 2, "ts": ts, "dur": dur, "args": args});
    let (attn, shared, norm) = ("attn_kernel_a", "gemm_shared_b", "rms_norm_c");
    let mut recording =
        vec![row("cuda_runtime", "cudaStreamBeginCapture", (5, 1), json!({"correlation": 900}))];
    for (at, (file, kernel)) in (0..).zip([("attention.py", attn), ("shared.py", shared), ("norm.py", norm)])
    {
        let frame = format!("/x/site-packages/vllm/model_executor/layers/{file}(10): run");
        recording.push(row("python_function", &frame, (10 + at * 20, 15), json!({})));
        let mut args = json!({"correlation": 10 + at});
        if has_names {
            args["kernel"] = json!(kernel);
        }
        recording.push(row("cuda_runtime", "cudaLaunchKernel", (15 + at * 20, 1), args));
    }
    recording.push(row("cuda_runtime", "cudaStreamEndCapture", (90, 1), json!({"correlation": 901})));
    let mut formal = vec![
        row("user_annotation", "step[DECODE bs=1]", (0, 50), json!({})),
        row("cuda_runtime", "cudaGraphLaunch", (10, 1), json!({"correlation": 5})),
    ];
    for (kernel, ts, stream, node) in [(attn, 100, 7, 1), (norm, 110, 7, 3), (shared, 120, 20, 2)] {
        let mut args = json!({"correlation": 5, "stream": stream, "device": 0});
        if has_numbers {
            args["graph node id"] = json!(node);
        }
        formal.push(row("kernel", kernel, (ts, 8), args));
    }
    let formal = scratch.file("formal.json", json!({"traceEvents": formal}).to_string());
    let recording = scratch.file("recording.json", json!({"traceEvents": recording}).to_string());
    report(&run(&["triage", arg(&formal), "--mapping", arg(&recording), "--format", "json"]))
}

/// For each kernel its file, and whether that is exact.
fn places(report: &Value) -> Vec<(String, String, bool)> {
    let kernels = report["stages"][0]["kernels"].as_array().unwrap().iter();
    let mut places: Vec<_> = kernels
        .filter_map(|row| {
            let site = row["sites"].get(0)?;
            let file = Path::new(site["path"].as_str()?).file_name()?.to_string_lossy().into_owned();
            Some((row["kernel"].as_str()?.to_owned(), file, site["exact"].as_bool()?))
        })
        .collect();
    places.sort();
    places
}

#[test]
fn the_order_of_a_graph_on_two_streams_is_that_of_its_nodes() {
    let scratch = Scratch::new("two-stream-graph");
    let places_of = |has_numbers, has_names| places(&two_stream_graph(&scratch, has_numbers, has_names));
    let right =
        [("attn_kernel_a", "attention.py"), ("gemm_shared_b", "shared.py"), ("rms_norm_c", "norm.py")];
    for has_names in [true, false] {
        let want: Vec<_> =
            right.iter().map(|(kernel, file)| ((*kernel).to_owned(), (*file).to_owned(), true)).collect();
        assert_eq!(places_of(true, has_names), want);
    }
    // Neither numbers nor names: the order of starts is all there is, and it is not sure.
    let guessed = places_of(false, false);
    assert!(!guessed.is_empty() && guessed.iter().all(|(_, _, is_exact)| !is_exact), "{guessed:?}");
}

#[test]
fn contradictions_about_a_stage_are_told() {
    let scratch = Scratch::new("contradictions");
    let prefill = document(&workload(vec![plain(PREFILL, 2048)], LaunchMode::Eager, Annotations::Sglang));
    let report = triage(&scratch, "x-TP-0-DECODE.trace.json", &prefill);
    assert!(told(&report)[0].0.starts_with("prefill annotation"));
    assert_eq!(health(&report, "stage-disagrees"), 1);
    let mut nested = document(&workload(vec![plain(DECODE, 8)], LaunchMode::Eager, Annotations::Sglang));
    for row in rows(&mut nested) {
        if is(row, &["user_annotation", "gpu_user_annotation"])
            && row["name"].as_str().unwrap().starts_with("execute_")
        {
            row["name"] = json!("execute_context_1(5)_generation_0(0)");
        }
    }
    assert_eq!(health(&triage(&scratch, "t.json", &nested), "annotation-disagrees"), 1);
}

#[test]
fn a_step_in_the_file_of_another_stage_does_not_make_the_capture_unreadable() {
    let scratch = Scratch::new("stray");
    let of = |shapes| {
        serde_json::to_vec(&document(&workload(shapes, LaunchMode::Eager, Annotations::Sglang))).unwrap()
    };
    scratch.file("s/x-TP-0-EXTEND.trace.json", of(vec![plain(PREFILL, 2048), plain(DECODE, 8)]));
    scratch.file("s/x-TP-0-DECODE.trace.json", of(vec![plain(DECODE, 8), plain(DECODE, 8)]));
    let report = report(&run(&["triage", arg(&scratch.path("s")), "--format", "json"]));
    let stages = told(&report);
    assert!(
        stages[0].0.starts_with("prefill annotation 1×") && stages[1].0.starts_with("decode annotation 2×"),
        "{stages:?}"
    );
    assert_eq!(health(&report, "stage-disagrees"), 1);
    let activities: u64 = report["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| stage["steps"]["activities"].as_u64().unwrap())
        .sum();
    let read: u64 =
        report["traces"].as_array().unwrap().iter().map(|trace| trace["activities"].as_u64().unwrap()).sum();
    assert_eq!(activities, read);
}

#[test]
fn merged_copies_are_left_out_whatever_marks_them() {
    let scratch = Scratch::new("merged");
    let one = document(&workload(vec![plain(DECODE, 8)], LaunchMode::Eager, Annotations::Sglang));
    let marked = |mark: &str| {
        let mut marked = one.clone();
        for row in rows(&mut marked) {
            let pid = row["pid"].to_string();
            row["pid"] = json!(format!("{mark} {pid}"));
        }
        marked
    };
    let marks = [
        "[TP00]",
        "[TP-0]",
        "[rank0]",
        "[rank 0]",
        "[Rank:1]",
        "[rank=12]",
        "[DP0_TP00]",
        "[DP0-PP1-TP3]",
        "[TP00 EP01]",
        "[local_rank 3]",
        "[worker-2]",
        "[0]",
    ];
    let by_pid =
        marks.iter().enumerate().map(|(at, mark)| (format!("pid-{at}"), marked(mark), "all.trace.json"));
    let by_name = ("name".to_owned(), one.clone(), "merged-x.trace.json");
    for (name, merged, file) in std::iter::once(by_name).chain(by_pid) {
        scratch.file(&format!("{name}/x-TP-0.trace.json"), one.to_string());
        let copy = scratch.file(&format!("{name}/{file}"), merged.to_string());
        let folder = scratch.path(&name);
        let run = run(&["triage", arg(&folder), "--format", "json"]);
        assert_eq!(report(&run)["traces"].as_array().unwrap().len(), 1);
        assert!(run.stderr.contains(arg(&copy)) && run.stderr.contains("merged copy"), "{}", run.stderr);
    }
}
