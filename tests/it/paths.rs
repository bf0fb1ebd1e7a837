//! The fuse table: what is on and off in real traces, and what a lost fusion says at the gate.

use std::path::Path;

use serde_json::Value;

use crate::support::{Scratch, arg, corpus, run};
use profgate::synth::presets;

/// The fuse table of a stage: path, state, fused and split a step, class; in the order of the path ids.
fn table(trace: &Path, stage: &str) -> Vec<(String, String, u64, u64, String)> {
    let triage: Value =
        serde_json::from_str(&run(&["triage", arg(trace), "--format", "json"]).stdout).unwrap();
    let stages = triage["stages"].as_array().unwrap();
    let stage = stages.iter().find(|one| one["stage"] == stage).unwrap();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let mut rows: Vec<_> = stage["paths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let count = |key: &str| row[key].as_u64().unwrap();
            (text(row, "path"), text(row, "state"), count("fused"), count("split"), text(row, "class"))
        })
        .collect();
    rows.sort();
    rows
}

type Row<'a> = (&'a str, &'a str, u64, u64, &'a str);

fn assert_table(trace: &str, stage: &str, expected: &[Row<'_>]) {
    let Some(path) = corpus(trace) else { return };
    let rows = table(&path, stage);
    let rows: Vec<Row<'_>> = rows.iter().map(|row| (&*row.0, &*row.1, row.2, row.3, &*row.4)).collect();
    assert_eq!(rows, expected, "{trace} {stage}");
}

fn evidence(trace: &Path, path: &str) -> Vec<String> {
    let triage: Value =
        serde_json::from_str(&run(&["triage", arg(trace), "--format", "json"]).stdout).unwrap();
    let stages = triage["stages"].as_array().unwrap();
    let mut rows = stages.iter().flat_map(|stage| stage["paths"].as_array().unwrap());
    let row = rows.find(|row| row["path"] == path).unwrap();
    row["evidence"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

#[test]
fn sglang_decode_on_a_b300() {
    assert_table(
        "sglang-qwen3-30b-a3b-decode/B300",
        "decode",
        &[
            ("flashinfer-fused-moe", "active", 48, 0, "on"),
            ("fused-qk-rmsnorm-rope", "split", 0, 48, "opt-in"),
            ("fused-residual-add-rmsnorm", "active", 96, 0, "on"),
            ("fused-rope-kv-store", "active", 48, 0, "on"),
            ("inplace-qk-rmsnorm", "active", 48, 0, "on"),
        ],
    );
}

#[test]
fn the_same_server_on_an_amd_gpu_has_amd_paths() {
    assert_table(
        "sglang-qwen3-30b-a3b-decode/MI300",
        "decode",
        &[
            ("aiter-fused-moe-experts", "active", 96, 0, "on"),
            ("aiter-topk-softmax-router", "active", 48, 0, "on"),
            ("fused-qk-rope-reshape-kv-write", "active", 48, 0, "on"),
            ("fused-residual-add-rmsnorm", "active", 96, 0, "on"),
            // W-50: what another framework has is shown as that.
            ("vllm-qk-norm-rope", "split", 0, 48, "mainline-elsewhere"),
        ],
    );
}

#[test]
fn rotation_and_cache_write_are_apart_on_an_amd_gpu() {
    let fixed = [
        ("fused-activation-and-mul", "active", 36, 0, "on"),
        ("fused-qk-rope-reshape-kv-write", "split", 0, 36, "should-apply"),
        ("fused-residual-add-rmsnorm", "active", 72, 0, "on"),
    ];
    let elsewhere = ("vllm-qk-norm-rope", "split", 0, 36, "mainline-elsewhere");
    let rows = [&fixed[..], &[elsewhere]].concat();
    assert_table("sglang-qwen3-8b-mi300x/sglang_Qwen3-8B_prefilldecode.json.gz", "prefill", &rows);
    // The AITER kernel for three-dimensional rotation is none for a model that rotates in one.
    assert_table("sglang-qwen3-8b-mi300x/sglang_Qwen3-8B_decode.json.gz", "decode", &rows);
}

#[test]
fn vllm_reduces_and_normalises_apart_in_both_stages() {
    let trace = "vllm-llama70b-tp4-h100-vs-mi300x/1_h100_1000isl_10osl_32con.pt.trace.json.gz";
    // 160 norms with residual, and the one after the embedding; the pass would take both.
    let rows = |class| {
        [
            ("fused-rope-kv-store", "split", 0, 80, "mainline-elsewhere"),
            ("vllm-allreduce-rmsnorm", "split", 0, 161, class),
            ("vllm-fused-activation-and-mul", "active", 80, 0, "on"),
            ("vllm-reshape-and-cache", "active", 80, 0, "on"),
        ]
    };
    assert_table(trace, "decode", &rows("should-apply"));
    // A prefill reduces more than the fused kernel takes.
    assert_table(trace, "prefill", &rows("off"));
}

/// W-55: what took most time comes first among the evidence.
#[test]
fn copies_between_the_rungs_are_named_as_part_of_the_ladder() {
    let trace = "vllm-gptoss-b200-tp8-eager/eager_trace.json.gz";
    assert_table(
        trace,
        "prefill",
        &[
            ("flashinfer-fused-moe", "active", 36, 0, "on"),
            ("fused-rope-kv-store", "split", 0, 36, "mainline-elsewhere"),
            // A prefill reduces more than the fused kernel takes.
            ("vllm-allreduce-rmsnorm", "split", 0, 73, "off"),
            ("vllm-fused-add-rmsnorm", "active", 72, 0, "on"),
            ("vllm-reshape-and-cache", "active", 36, 0, "on"),
        ],
    );
    let Some(path) = corpus(trace) else { return };
    assert_eq!(
        evidence(&path, "vllm-allreduce-rmsnorm"),
        [
            "off here: not compiled: Python code of the layers ran, and the pass needs compiled code",
            "multimem_all_reduce_kernel-bf16 → memcpy-dtod → fused_add_rms_norm_kernel-bf16",
            "multimem_all_reduce_kernel-bf16 → memcpy-dtod → rms_norm_kernel-bf16",
        ]
    );
    assert_eq!(
        evidence(&path, "fused-rope-kv-store"),
        [
            "rotary_embedding_kernel-bf16 → torch-copy-bf16 → scaled_fp8_quant_kernel_strided-bf16-e4m3 → reshape_and_cache_flash_kernel-bf16-fp8"
        ]
    );
}

/// W-51: without the server's arguments a gated path is neither hidden nor claimed. W-56: what ran (the state) and
/// what to make of it (the class) are two things.
#[test]
fn kernels_tell_the_maker_of_a_gpu_that_the_trace_does_not_name() {
    let trace = "vllm-gptoss-mi300x-decode-full/graph_execution.json.gz";
    assert_table(
        trace,
        "decode",
        &[
            // The router's GEMM stands between norm and padding.
            ("vllm-add-rmsnorm-pad", "split", 0, 24, "should-apply"),
            ("vllm-fused-add-rmsnorm", "active", 48, 0, "on"),
            ("vllm-fused-moe-experts", "active", 48, 0, "on"),
            ("vllm-reshape-and-cache", "active", 24, 0, "on"),
            // Its GEMMs are those of AMD GPUs, although it names none.
            ("vllm-rope-kvcache", "split", 0, 24, "should-apply"),
        ],
    );
}

/// The GEMM that stays is named where it stands, and counted to nothing.
#[test]
fn what_stands_between_the_rungs_and_stays_is_shown_in_brackets() {
    let Some(path) = corpus("vllm-gptoss-mi300x-decode-full/graph_execution.json.gz") else { return };
    let (norm, gemm) = ("ck-fused-add-rms-norm-2d-fwd-bf16", "hipblaslt-gemm-bf16-tn");
    let pad = "inductor-constant-pad-nd-moe-forward";
    assert_eq!(evidence(&path, "vllm-add-rmsnorm-pad"), [format!("{norm} → ({gemm}) → {pad}")]);
    let triage: Value =
        serde_json::from_str(&run(&["triage", arg(&path), "--format", "json"]).stdout).unwrap();
    let rows = triage["stages"][0]["overlaps"].as_array().unwrap();
    let covering = |kernel: &str| rows.iter().find(|row| row["kernel"] == kernel).unwrap()["path"].clone();
    assert_eq!(covering(pad), "vllm-add-rmsnorm-pad");
    assert_eq!(covering(gemm), Value::Null, "it stays");
}

#[test]
fn a_server_of_no_known_framework_hides_no_path() {
    for run in ["A0-lightllm-triton-quant", "B0-sglquant", "B1-sglquant", "C0-deepgemm576"] {
        assert_table(
            &format!("lightllm-dsv3-ep8-h200-decode/{run}"),
            "all",
            &[
                ("fused-activation-and-mul", "active", 119, 0, "on"),
                ("fused-moe-activation-requant", "active", 58, 0, "on"),
                ("fused-moe-grouped-topk-gate", "active", 58, 0, "on"),
                ("fused-residual-add-rmsnorm", "split", 0, 122, "mainline-elsewhere"),
                // Its latent cache is written behind the rotation.
                ("vllm-mla-rope-kvcache-cat", "split", 0, 61, "mainline-elsewhere"),
                ("vllm-rmsnorm-quant", "split", 0, 183, "mainline-elsewhere"),
                ("vllm-silu-mul-quant", "split", 0, 61, "mainline-elsewhere"),
            ],
        );
    }
}

#[test]
fn programs_that_serve_no_model_have_no_paths() {
    for trace in [
        "torchao-ep-moe-b200-pair/ref_ep_moe_fwd.json",
        "modded-nanogpt-h100-adam-hook-pair/modded-nanogpt-hook-gpu-rank-00-chrome-trace.json.gz",
        "segment-anything-fast-a100/asdf_True.rev7.json.gz",
    ] {
        assert_table(trace, "all", &[]);
    }
}

#[test]
fn the_demos_baseline_is_what_its_capture_records() {
    let scratch = Scratch::new("demo-baseline");
    let capture = scratch.capture("before", &presets::moe_decode());
    let recorded = run(&["baseline", "record", arg(&capture)]);
    assert_eq!(recorded.code, 0, "{}", recorded.stderr);
    assert_eq!(recorded.stdout, profgate::cli::DEMO_BASELINE);
}

#[test]
fn the_demo_names_the_lost_path_with_its_code() {
    let scratch = Scratch::new("demo-path");
    let folder = scratch.path("demo");
    assert_eq!(run(&["demo", "-o", arg(&folder)]).code, 0);
    let report: Value =
        serde_json::from_slice(&std::fs::read(folder.join("report/report.json")).unwrap()).unwrap();
    let findings = report["scenarios"][0]["findings"].as_array().unwrap();
    let lost = findings.iter().find(|one| one["code"] == "path-missing").unwrap();
    assert_eq!(lost["subject"], "fused-residual-add-rmsnorm");
    assert_eq!((&lost["before"], &lost["after"]), (&Value::from(96.0), &Value::from(0.0)));
    assert!(lost["message"].as_str().unwrap().contains("split into separate kernels 96 times"), "{lost}");
    assert!(lost["evidence"].to_string().contains("python/sglang/srt/layers/layernorm.py"), "{lost}");
    assert!(lost["line"].as_u64().unwrap() > 3, "the baseline's row is named");
    assert!(lost["price_ns"].as_i64().unwrap() > 0, "{lost}");
    assert!(findings.iter().all(|one| one["code"] != "structure-costlier"), "one change is one failure");
}

#[test]
fn a_path_that_lost_some_of_its_layers_is_partial() {
    use presets::names::moe;
    use profgate::synth::KernelSpec;
    let scratch = Scratch::new("partial");
    let before = scratch.capture("before", &presets::moe_one_step());
    let mut workload = presets::moe_one_step();
    let layer = workload.shapes[0].bodies[0].clone();
    let mut odd = layer.clone();
    let split = [KernelSpec::kernel(moe::ADD_BF16, 1.9).on(13), KernelSpec::kernel(moe::RMSNORM, 2.5).on(13)];
    let at = odd.iter().position(|kernel| kernel.name == moe::FUSED_ADD_RMSNORM).unwrap();
    odd.splice(at..=at, split);
    workload.shapes[0].bodies = vec![layer, odd];
    workload.shapes[0].pattern = [0, 1].repeat(24);
    let after = scratch.capture("after", &workload);
    let baseline = scratch.path("b.yaml");
    assert_eq!(run(&["baseline", "record", arg(&before), "-o", arg(&baseline)]).code, 0);
    let reports = scratch.path("reports");
    let check = run(&["check", "--baseline", arg(&baseline), "--report-dir", arg(&reports), arg(&after)]);
    assert_eq!(check.code, 1, "{}", check.stdout);
    let report: Value = serde_json::from_slice(&std::fs::read(reports.join("report.json")).unwrap()).unwrap();
    let findings = report["scenarios"][0]["findings"].as_array().unwrap();
    let partial = findings.iter().find(|one| one["code"] == "path-partial").unwrap();
    assert!(
        partial["message"].as_str().unwrap().contains("fused 72 times and split into separate kernels 24"),
        "{partial}"
    );
}

#[test]
fn the_catalog_can_be_looked_at() {
    let list = run(&["catalog", "list", "--paths"]);
    assert_eq!(list.code, 0, "{}", list.stderr);
    assert!(
        list.stdout.contains("fused-residual-add-rmsnorm") && !list.stdout.contains("flashinfer-cute-norm")
    );
    let kernels: Value =
        serde_json::from_str(&run(&["catalog", "list", "--kernels", "--format", "json"]).stdout).unwrap();
    assert!(kernels["paths"].as_array().unwrap().is_empty());
    assert!(kernels["kernels"].as_array().unwrap().len() > 100);
    let show = run(&["catalog", "show", "flashinfer-unified-allreduce-fusion"]);
    assert!(show.stdout.contains("enable_flashinfer_allreduce_fusion"), "{}", show.stdout);
    assert!(show.stdout.contains("all-reduce → any-norm"), "{}", show.stdout);
    assert!(run(&["catalog", "show", "rope"]).stdout.contains("catalogs/kernels-layer.yaml:"));
    let typo = run(&["catalog", "show", "fused-rope-kv-stor"]);
    assert_eq!(typo.code, 2);
    assert!(typo.stderr.contains("did you mean `fused-rope-kv-store`?"), "{}", typo.stderr);
}

#[test]
fn the_catalog_says_why_a_name_matches() {
    let fused =
        run(&["catalog", "match", "void flashinfer::norm::FusedAddRMSNormKernel<8u, __nv_bfloat16>(int)"]);
    assert_eq!(fused.code, 0, "{}", fused.stderr);
    for part in [
        "FusedAddRMSNormKernel-bf16",
        "framework-norm (catalogs/kernels-layer.yaml:",
        "fused add rms norm kernel",
        "fused-residual-add-rmsnorm: its fused kernel",
        "flashinfer-unified-allreduce-fusion: a rung of all-reduce → any-norm",
    ] {
        assert!(fused.stdout.contains(part), "{part}\n{}", fused.stdout);
    }
    let unknown = run(&["catalog", "match", "draw_kernel\u{1b}[31m"]);
    assert!(unknown.stdout.contains("none claims it"), "{}", unknown.stdout);
    assert!(unknown.stdout.contains("No path looks for it.") && !unknown.stdout.contains('\u{1b}'));
}

#[test]
fn a_note_of_somebody_else_is_shown_as_such_and_held_to_the_rules() {
    let scratch = Scratch::new("similarity-note");
    let capture = scratch.capture("capture", &presets::moe_decode());
    let hint = "- { stage: decode, path: fused-residual-add-rmsnorm, level: medium, signals: [order, 'model.py:7'] }\n";
    let note = scratch.file("agent.yaml", hint);
    let with =
        |more: &[&str]| run(&[&["triage", arg(&capture), "--similarity-note", arg(&note)], more].concat());
    let json: Value = serde_json::from_str(&with(&["--format", "json"]).stdout).unwrap();
    let last = json["similarity"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["by"], &last["level"]), (&Value::from("agent.yaml"), &Value::from("medium")), "{last}");
    for format in ["text", "markdown"] {
        let page = with(&["--format", format]).stdout;
        let (_, below) = page.split_once("AI similarity judgment").unwrap();
        let below = below.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(below.contains("not by profgate: written in agent.yaml"), "{format}: {below}");
    }
    scratch.file("agent.yaml", hint.replace("decode", "prefill"));
    let wrong = with(&[]);
    assert_eq!(wrong.code, 2, "{}", wrong.stdout);
    assert!(wrong.stderr.contains("the capture has no stage `prefill`"), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("agent.yaml:1:12"), "{}", wrong.stderr);
    assert_eq!(run(&["triage", arg(&capture), "--similarity-note", "/nowhere.yaml"]).code, 5);
}
