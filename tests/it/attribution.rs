//! Where kernels come from: on real traces, and for graph replays through a mapping capture.

use std::path::Path;

use serde_json::Value;

use crate::support::{Scratch, arg, corpus, run, run_in};
use profgate::source::Limits;
use profgate::synth::{Stage, presets};
use profgate::trace::{SetupKind, Trace};

fn triage(args: &[&str]) -> Value {
    let run = run(&[&["triage", "--format", "json"], args].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

fn stage<'a>(triage: &'a Value, name: &str) -> &'a Value {
    triage["stages"].as_array().unwrap().iter().find(|one| one["stage"] == name).unwrap()
}

fn rows(stage: &Value) -> &[Value] {
    stage["kernels"].as_array().unwrap()
}

/// The first place of the row that begins with this kernel id: path and function.
fn place<'a>(stage: &'a Value, kernel: &str) -> (&'a str, &'a str) {
    let row = rows(stage).iter().find(|row| row["kernel"].as_str().unwrap().starts_with(kernel)).unwrap();
    let site = &row["sites"][0];
    (site["path"].as_str().unwrap(), site["function"].as_str().unwrap())
}

fn read(path: &Path) -> Trace {
    let opened = profgate::source::open(path, Limits::default()).unwrap();
    profgate::trace::read(&opened.bytes).unwrap()
}

/// Names that recorded launches give, and names of what the graph's replay ran, both in order.
fn recorded_and_replayed(recording: &Path, replay: &Path) -> (Vec<String>, Vec<String>) {
    let trace = read(recording);
    let begin = trace.setups.iter().find(|call| call.kind == SetupKind::CaptureBegin).unwrap();
    let mut launches: Vec<_> =
        trace.launches.iter().filter(|launch| launch.span.start > begin.span.start).collect();
    launches.retain(|launch| trace.activities.iter().all(|one| one.correlation != Some(launch.correlation)));
    launches.sort_by_key(|launch| launch.span.start);
    let recorded =
        launches.iter().filter_map(|launch| Some(trace.names.get(launch.kernel?).to_owned())).collect();
    let trace = read(replay);
    let graph =
        trace.launches.iter().find(|launch| trace.names.get(launch.name).contains("GraphLaunch")).unwrap();
    let mut nodes: Vec<_> =
        trace.activities.iter().filter(|one| one.correlation == Some(graph.correlation)).collect();
    nodes.sort_by_key(|one| one.span.start);
    (recorded, nodes.iter().map(|one| trace.names.get(one.name).to_owned()).collect())
}

fn assert_all_exact(stage: &Value) {
    assert_eq!(stage["attribution"]["exact_pct"], 100.0, "{}", stage["attribution"]);
    assert_eq!(stage["attribution"]["notes"].as_array().unwrap().len(), 0, "{}", stage["attribution"]);
}

#[test]
fn every_node_of_a_real_graph_is_named_by_its_recording() {
    let Some(folder) = corpus("sglang-qwen3-8b-mi300x") else { return };
    let decode = folder.join("sglang_Qwen3-8B_decode.json.gz");
    let recording = folder.join("capture_traces/bs_32_rank0.json.gz");
    let (recorded, replayed) = recorded_and_replayed(&recording, &decode);
    assert_eq!((recorded.len(), replayed.len()), (544, 544));
    assert_eq!(recorded, replayed);
    let triage = triage(&[arg(&decode), "--mapping", arg(&recording)]);
    assert_eq!(triage["mode"], "mapping-formal");
    let decode = stage(&triage, "decode");
    assert_all_exact(decode);
    assert!(decode["steps"]["activities"].as_u64().unwrap() > 544);
    assert_eq!(
        place(decode, "hipblaslt-gemm"),
        ("python/sglang/srt/layers/quantization/unquant.py", "apply")
    );
    assert_eq!(
        place(decode, "paged_attention_ll4mi_QKV"),
        ("python/sglang/srt/layers/attention/aiter_backend.py", "forward_decode")
    );
    assert_eq!(place(decode, "act_and_mul").0, "python/sglang/srt/layers/activation.py");
    let mm =
        rows(decode).iter().find(|row| row["kernel"].as_str().unwrap().starts_with("hipblaslt")).unwrap();
    assert_eq!(mm["cpu_ops"][0], "aten::mm");
}

#[test]
fn every_node_of_another_engines_graph_is_named_by_its_recording() {
    let Some(folder) = corpus("vllm-gptoss-mi300x-decode-full") else { return };
    let decode = folder.join("graph_execution.json.gz");
    let recording = "capture_traces/graph_capture_rank_0.1773709742341309550.pt.trace.json.gz";
    let (recorded, replayed) = recorded_and_replayed(&folder.join(recording), &decode);
    assert_eq!((recorded.len(), replayed.len()), (421, 421));
    assert_eq!(recorded, replayed);
    let triage =
        triage(&["--formal-input", arg(&decode), "--mapping-input", arg(&folder.join("capture_traces"))]);
    let decode = stage(&triage, "decode");
    assert_all_exact(decode);
    assert_eq!(
        place(decode, "matmul_ogs"),
        ("vllm/model_executor/layers/fused_moe/gpt_oss_triton_kernels_moe.py", "triton_kernel_fused_experts")
    );
    assert_eq!(
        place(decode, "kernel_unified_attention").0,
        "vllm/v1/attention/backends/rocm_aiter_unified_attn.py"
    );
}

#[test]
fn the_recording_of_another_graph_names_nothing_for_certain() {
    let Some(sglang) = corpus("sglang-qwen3-8b-mi300x/sglang_Qwen3-8B_decode.json.gz") else { return };
    let Some(vllm) = corpus("vllm-gptoss-mi300x-decode-full/capture_traces") else { return };
    let triage = triage(&[arg(&sglang), "--mapping", arg(&vllm)]);
    let attribution = &stage(&triage, "decode")["attribution"];
    assert!(attribution["replayed_pct"].as_f64().unwrap() > 90.0, "{attribution}");
    assert_eq!(attribution["inexact_pct"], 0.0);
}

#[test]
fn eager_kernels_of_real_servers_point_into_the_engine() {
    if let Some(trace) = corpus("sglang-qwen3-8b-mi300x/sglang_Qwen3-8B_prefilldecode.json.gz") {
        let triage = triage(&[arg(&trace)]);
        let prefill = stage(&triage, "prefill");
        assert_all_exact(prefill);
        assert_eq!(place(prefill, "hipblaslt-gemm").1, "apply");
        for row in rows(prefill).iter().take(10) {
            let path = row["sites"][0]["path"].as_str().unwrap();
            assert!(path.starts_with("python/sglang/"), "{} at {path}", row["kernel"]);
        }
    }
    if let Some(trace) =
        corpus("vllm-llama70b-tp4-h100-vs-mi300x/1_h100_1000isl_10osl_32con.pt.trace.json.gz")
    {
        let triage = triage(&[arg(&trace)]);
        let prefill = stage(&triage, "prefill");
        assert_eq!(prefill["attribution"]["exact_pct"], 100.0);
        assert_eq!(place(prefill, "cublas-gemm"), ("vllm/model_executor/models/llama.py", "forward"));
        let decode = &stage(&triage, "decode")["attribution"];
        let resolved = decode["exact_pct"].as_f64().unwrap() + decode["replayed_pct"].as_f64().unwrap();
        assert!(resolved > 99.9, "what no graph replayed has a place: {decode}");
    }
    if let Some(trace) = corpus("vllm-gptoss-b200-tp8-eager/eager_trace.json.gz") {
        let triage = triage(&[arg(&trace)]);
        let prefill = stage(&triage, "prefill");
        assert_eq!(prefill["attribution"]["exact_pct"], 100.0);
        for row in rows(prefill).iter().take(10) {
            let path = row["sites"][0]["path"].as_str().unwrap();
            assert!(path.starts_with("vllm/"), "{} at {path}", row["kernel"]);
        }
    }
}

fn pair(scratch: &Scratch) -> (std::path::PathBuf, std::path::PathBuf) {
    (scratch.capture("formal", &presets::moe_decode()), scratch.capture("mapping", &presets::moe_mapping()))
}

#[test]
fn a_run_without_graphs_names_every_kernel_of_a_layer_by_its_slot() {
    let scratch = Scratch::new("attribution-positions");
    let (formal, mapping) = pair(&scratch);
    let triage = triage(&[arg(&formal), "--mapping", arg(&mapping)]);
    let decode = stage(&triage, "decode");
    let mut seen = 0;
    for stream in decode["layers"]["bodies"][0]["streams"].as_array().unwrap() {
        for id in stream["kernels"].as_array().unwrap() {
            let row = rows(decode).iter().find(|row| row["kernel"] == *id).unwrap();
            let sites = row["sites"].as_array().unwrap();
            let share: f64 = sites.iter().map(|site| site["share_pct"].as_f64().unwrap()).sum();
            assert!((share - 100.0).abs() < 0.01, "{row}");
            assert!(sites.iter().all(|site| site["exact"] == true), "{row}");
            assert!(!row["cpu_ops"].as_array().unwrap().is_empty(), "{row}");
            seen += 1;
        }
    }
    assert_eq!(seen, 14);
    // One id that runs in two places of the layer has both.
    let splitk =
        rows(decode).iter().find(|row| row["kernel"].as_str().unwrap().contains("splitk-reduce")).unwrap();
    let lines: Vec<u64> =
        splitk["sites"].as_array().unwrap().iter().map(|site| site["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [518, 231]);
}

#[test]
fn a_mapping_run_whose_last_kernels_were_not_recorded_still_names_the_others() {
    let scratch = Scratch::new("attribution-stopped");
    let (formal, mapping) = pair(&scratch);
    let file = std::fs::read_dir(&mapping).unwrap().next().unwrap().unwrap().path();
    let mut bytes = Vec::new();
    let packed = std::fs::read(file).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(packed.as_slice()), &mut bytes)
        .unwrap();
    let mut trace: Value = serde_json::from_slice(&bytes).unwrap();
    let events = trace["traceEvents"].as_array_mut().unwrap();
    let last = events.iter().rposition(|event| event["cat"] == "kernel").unwrap();
    events.remove(last);
    scratch.file("stopped/trace.json", trace.to_string());
    let triage = triage(&[arg(&formal), "--mapping", arg(&scratch.path("stopped"))]);
    let attribution = &stage(&triage, "decode")["attribution"];
    let named = attribution["exact_pct"].as_f64().unwrap() + attribution["inexact_pct"].as_f64().unwrap();
    assert!(named > 90.0, "{attribution}");
}

/// The share of decode's time with an exact place, and the row of the fused norms.
fn with_mapping(formal: &Path, mapping: &Path) -> (f64, Value, Value) {
    let triage = triage(&[arg(formal), "--mapping", arg(mapping)]);
    let decode = stage(&triage, "decode");
    let norm = rows(decode)
        .iter()
        .find(|row| row["kernel"].as_str().unwrap().contains("fused-add-rms-norm"))
        .unwrap();
    let attribution = decode["attribution"].clone();
    (attribution["exact_pct"].as_f64().unwrap(), norm.clone(), attribution)
}

#[test]
fn a_layer_that_runs_a_kernel_more_often_makes_its_place_inexact_and_no_other() {
    let scratch = Scratch::new("attribution-count");
    let (formal, equal) = pair(&scratch);
    let mut other = presets::moe_mapping();
    let twice = {
        let mut norms = other.shapes[0].kernels().filter(|kernel| kernel.name.contains("FusedAddRMSNorm"));
        vec![norms.next().unwrap().clone(); 2]
    };
    assert!(other.replace("FusedAddRMSNorm", &twice) > 0);
    let other = scratch.capture("other", &other);
    let (all, norm, _) = with_mapping(&formal, &equal);
    assert_eq!(norm["sites"][0]["exact"], true);
    let (some, norm, _) = with_mapping(&formal, &other);
    assert_eq!(norm["sites"][0]["exact"], false, "{norm}");
    assert!(some > all - 10.0 && some < all, "{some} of {all}");
}

#[test]
fn a_prefill_that_stands_in_for_decode_is_inexact_and_said() {
    let scratch = Scratch::new("attribution-stage");
    let formal = scratch.capture("formal", &presets::moe_decode());
    let mut other = presets::moe_mapping();
    for shape in &mut other.shapes {
        shape.stage = Stage::Prefill { sequences: 1, tokens: 512 };
    }
    let other = scratch.capture("other", &other);
    let (exact, norm, attribution) = with_mapping(&formal, &other);
    assert!(exact < 5.0, "{attribution}");
    assert_eq!(norm["sites"][0]["exact"], false);
    assert!(
        attribution["notes"][0].as_str().unwrap().contains("no places for stage `decode`"),
        "{attribution}"
    );
}

#[test]
fn a_mapping_of_which_no_place_is_certain_says_so_in_a_sentence() {
    let scratch = Scratch::new("attribution-none-exact");
    let (formal, exact) = pair(&scratch);
    // Another number of layers: nothing has its place.
    let mut other = presets::moe_mapping();
    other.shapes.iter_mut().for_each(|shape| shape.pattern.truncate(20));
    let other = scratch.capture("other", &other);
    let (_, _, attribution) = with_mapping(&formal, &exact);
    assert!(attribution["notes"].as_array().unwrap().is_empty(), "{attribution}");
    let (exact, _, attribution) = with_mapping(&formal, &other);
    assert!(exact < 1.0 && attribution["inexact_pct"].as_f64().unwrap() > 50.0, "{attribution}");
    assert!(attribution["notes"].to_string().contains("is certain"), "{attribution}");
    for format in ["text", "markdown"] {
        let run = run(&["triage", arg(&formal), "--mapping", arg(&other), "--format", format]);
        assert!(run.stdout.contains("Places: no place that the mapping"), "{}", run.stdout);
    }
    // A capture of other kernels, which names none of these.
    let foreign = scratch.capture("foreign", &presets::eager_prefill());
    let report = triage(&[arg(&formal), "--mapping", arg(&foreign)]);
    assert!(stage(&report, "decode")["attribution"]["notes"][0].is_string(), "{report}");
}

#[test]
fn a_replay_without_a_mapping_names_the_flags_that_help() {
    let scratch = Scratch::new("attribution-flags");
    let (formal, mapping) = pair(&scratch);
    for format in ["text", "markdown"] {
        let alone = run(&["triage", arg(&formal), "--format", format]).stdout;
        for flag in ["--disable-cuda-graph", "--disable-piecewise-cuda-graph", "--mapping"] {
            assert!(alone.contains(flag), "{format}: {alone}");
        }
        let pair = run(&["triage", arg(&formal), "--mapping", arg(&mapping), "--format", format]).stdout;
        assert!(!pair.contains("--disable-cuda-graph"), "{pair}");
        assert!(pair.contains("Python location") && pair.contains("qwen3_moe.py:231"), "{format}: {pair}");
        let flat = pair.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("source lines only"), "{pair}");
    }
}

#[test]
fn a_mapping_run_that_still_replays_graphs_is_reported() {
    let scratch = Scratch::new("attribution-graphs");
    let formal = scratch.capture("formal", &presets::moe_decode());
    let triage = triage(&[arg(&formal), "--mapping", arg(&formal)]);
    let codes: Vec<&str> =
        triage["health"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"mapping-graphs"), "{codes:?}");
}

#[test]
fn a_mapping_changes_places_and_nothing_else() {
    let scratch = Scratch::new("attribution-numbers");
    let (formal, mapping) = pair(&scratch);
    let strip = |mut triage: Value| {
        for stage in triage["stages"].as_array_mut().unwrap() {
            stage["attribution"] = Value::Null;
            for row in stage["kernels"].as_array_mut().unwrap() {
                row["sites"] = Value::Null;
                row["cpu_ops"] = Value::Null;
            }
            for row in stage["paths"].as_array_mut().unwrap() {
                row["locations"] = Value::Null;
            }
            // What the overlap table makes of places is its own matter; no number of it may change.
            for row in stage["overlaps"].as_array_mut().unwrap() {
                for key in ["verdict", "dependency_risk", "neighbours", "recommendation", "headroom_ns"] {
                    row[key] = Value::Null;
                }
            }
            stage["overlaps"].as_array_mut().unwrap().sort_by_key(|row| row["kernel"].to_string());
        }
        triage["stages"].take()
    };
    let alone = strip(triage(&[arg(&formal)]));
    let mapped = strip(triage(&[arg(&formal), "--mapping", arg(&mapping)]));
    assert_eq!(alone, mapped);
}

#[test]
fn a_mapping_that_is_missing_is_said() {
    let scratch = Scratch::new("attribution-missing");
    let formal = scratch.capture("formal", &presets::moe_one_step());
    let run = run(&["triage", arg(&formal), "--mapping", arg(Path::new("no-such-file.json"))]);
    assert_eq!(run.code, 5, "{}", run.stderr);
}

#[test]
fn the_gate_takes_the_mapping_capture_of_a_scenario_or_of_the_command_line() {
    let scratch = Scratch::new("attribution-gate");
    let (formal, mapping) = pair(&scratch);
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", arg(&formal), "-o", "b.yaml"]).code, 0);
    let exact_pct = |args: &[&str]| {
        let run = run_in(&here, args);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let report: Value =
            serde_json::from_slice(&std::fs::read(here.join("profgate-report/report.json")).unwrap())
                .unwrap();
        stage(&report["scenarios"][0]["triage"], "decode")["attribution"]["exact_pct"].as_f64().unwrap()
    };
    let without = exact_pct(&["check", "--baseline", "b.yaml", arg(&formal)]);
    let named = exact_pct(&["check", "--baseline", "b.yaml", arg(&formal), "--mapping", arg(&mapping)]);
    assert!(named > without + 50.0, "{named} after {without}");
    scratch.file(
        "profgate.yaml",
        "schema: 1\nscenarios:\n  d: { input: formal, mapping: mapping, baseline: b.yaml }\n",
    );
    assert_eq!(exact_pct(&["check"]), named);
    let missing = run_in(&here, &["check", "--mapping", "d=nowhere"]);
    assert_eq!(missing.code, 5, "{}", missing.stdout);
    assert!(missing.stdout.contains("nowhere"), "{}", missing.stdout);
}
