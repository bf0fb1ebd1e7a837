//! Real traces: what follows what, by an independent count, and one summary of each for a person to read.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{arg, corpus, run};

fn triage(trace: &Path) -> Value {
    let run = run(&["triage", arg(trace), "--format", "json"]);
    // The trace of a graph's capture cannot be judged, and is tabled all the same.
    let is_recording = run.code == 3 && run.stderr.contains("mapping-capture");
    assert!(run.code == 0 || is_recording, "{}\n{}", trace.display(), run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().unwrap()
}

/// Launches of a stage's row inside steps, over all its steps.
fn in_steps(stage: &Value, row: &Value) -> u64 {
    let steps = stage["steps"]["count"].as_f64().unwrap();
    (row["launches_per_step"].as_f64().unwrap() * steps).round() as u64
}

/// What the report says of the names that an expression finds: launches, and launches inside steps of the
/// rows that hold no other name.
fn kernel(report: &Value, names: &regex_lite::Regex) -> (u64, Option<u64>) {
    let mut launches = 0;
    let mut inside = Some(0);
    for stage in list(report, "stages") {
        for row in list(stage, "kernels") {
            let is_found = |name: &&Value| names.is_match(name["name"].as_str().unwrap());
            let found: Vec<&Value> = list(row, "names").iter().filter(is_found).collect();
            launches += found.iter().map(|name| name["launches"].as_u64().unwrap()).sum::<u64>();
            match found.len() {
                0 => {}
                all if all == list(row, "names").len() => {
                    inside = inside.map(|sum: u64| sum + in_steps(stage, row));
                }
                _ => inside = None,
            }
        }
    }
    (launches, inside)
}

#[test]
fn an_independent_count_finds_the_known_structure_and_so_does_triage() {
    let Some(root) = corpus("") else { return };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let said = Command::new("python3")
        .arg(tests.join("check_structure.py"))
        .arg(tests.join("structure.txt"))
        .arg(&root)
        .output()
        .unwrap();
    let stdout = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success(), "{stdout}{}", String::from_utf8_lossy(&said.stderr));

    let mut reports: BTreeMap<String, Value> = BTreeMap::new();
    let (mut layers, mut kernels, mut rows) = (0, 0, 0);
    for line in stdout.lines().filter(|line| line.starts_with("ok\t")) {
        let [_, trace, kind, label, count, expressions] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let count: u64 = count.parse().unwrap();
        let report = reports.entry(trace.to_owned()).or_insert_with(|| triage(&root.join(trace)));
        match kind {
            "layers" => {
                let of_stage = |stage: &Value| {
                    let steps = stage["steps"]["count"].as_u64().unwrap();
                    stage["layers"]["count"].as_u64().unwrap_or(0) * steps
                };
                let found: u64 = list(report, "stages").iter().map(of_stage).sum();
                assert_eq!(found, count, "{trace}: layers of all steps");
                layers += 1;
            }
            "kernel" => {
                let (launches, inside) = kernel(report, &regex_lite::Regex::new(expressions).unwrap());
                assert_eq!(launches, count, "{trace}: {label}");
                if let Some(inside) = inside {
                    assert_eq!(inside, count, "{trace}: {label}: launches_per_step");
                    rows += 1;
                }
                kernels += 1;
            }
            _ => {}
        }
    }
    assert_eq!((layers, reports.len()), (9, 9));
    assert!(kernels >= 20 && rows >= 15, "{kernels} kernels, {rows} of them whole rows");
}

/// One line for the steps of a stage, one for its layers.
fn summary(stage: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let steps = &stage["steps"];
    let mut out = format!(
        "  {} ({}): {} steps by {}, {:.1} activities a step, busy {:.2} ms a step\n",
        text(&stage["stage"]),
        text(&stage["stage_evidence"]),
        steps["count"],
        text(&steps["found_by"]),
        steps["activities_per_step"].as_f64().unwrap(),
        steps["busy_per_step_ns"].as_f64().unwrap() / 1e6,
    );
    let layers = &stage["layers"];
    if layers.is_null() {
        out.push_str("    no layers\n");
        return out;
    }
    let bodies: Vec<String> = list(layers, "bodies")
        .iter()
        .map(|body| {
            let streams: Vec<String> = list(body, "streams")
                .iter()
                .map(|stream| list(stream, "kernels").len().to_string())
                .collect();
            let variants = match list(body, "variants").len() {
                0 => String::new(),
                _ => format!(", variants {}", body["variants"]),
            };
            format!("{} of {} kernels{variants}", text(&body["id"]), streams.join(" + "))
        })
        .collect();
    out.push_str(&format!(
        "    {} layers by {}: {}; {}; {} before, {} after\n",
        layers["count"],
        text(&layers["found_by"]),
        text(&layers["bodies"][0]["pattern"]),
        bodies.join("; "),
        list(layers, "prologue").len(),
        list(layers, "epilogue").len(),
    ));
    out
}

/// What the path catalog says of a stage: one line a path, and what it hints at.
fn claims(report: &Value, stage: &Value) -> String {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let joined = |row: &Value, key: &str| {
        list(row, key).iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join(" → ")
    };
    let mut out = format!("  {}\n", text(stage, "stage"));
    for row in list(stage, "paths") {
        let also: Vec<String> = list(row, "also").iter().map(|kin| text(kin, "path")).collect();
        out.push_str(&format!(
            "    {}: {}, fused {}, split {}, {}\n      {}\n",
            text(row, "path"),
            text(row, "state"),
            row["fused"],
            row["split"],
            text(row, "class"),
            list(row, "evidence")
                .iter()
                .map(|one| one.as_str().unwrap())
                .collect::<Vec<_>>()
                .join("\n      ")
        ));
        if !also.is_empty() {
            out.push_str(&format!("      also {}\n", also.join(", ")));
        }
    }
    for hint in list(report, "similarity").iter().filter(|hint| hint["stage"] == stage["stage"]) {
        out.push_str(&format!("    like {}: {}\n", text(hint, "path"), text(hint, "level")));
    }
    for row in list(report, "unlisted").iter().filter(|row| row["stage"] == stage["stage"]) {
        out.push_str(&format!("    new: {}, {} a step\n", joined(row, "kernels"), row["per_step"]));
    }
    out
}

/// The traces of the corpus that hold work; of several ranks the lowest.
const SUMMARISED: [(&str, &[&str]); 4] = [
    (
        "serving",
        &[
            "sglang-qwen3-30b-a3b-decode/B300",
            "sglang-qwen3-30b-a3b-decode/MI300",
            "sglang-qwen3-8b-mi300x/sglang_Qwen3-8B_decode.json.gz",
            "sglang-qwen3-8b-mi300x/sglang_Qwen3-8B_prefilldecode.json.gz",
            "sglang-qwen3-8b-mi300x/capture_traces/bs_32_rank0.json.gz",
            "vllm-gptoss-b200-tp8-eager/eager_trace.json.gz",
            "vllm-gptoss-mi300x-decode-full/graph_execution.json.gz",
            "vllm-gptoss-mi300x-decode-full/capture_traces",
            "vllm-llama70b-tp4-h100-vs-mi300x/1_h100_1000isl_10osl_32con.pt.trace.json.gz",
        ],
    ),
    (
        "lightllm",
        &[
            "lightllm-dsv3-ep8-h200-decode/A0-lightllm-triton-quant",
            "lightllm-dsv3-ep8-h200-decode/B0-sglquant",
            "lightllm-dsv3-ep8-h200-decode/B1-sglquant",
            "lightllm-dsv3-ep8-h200-decode/C0-deepgemm576",
        ],
    ),
    (
        "training",
        &[
            "megatron-tp2-v100-2rank",
            "modded-nanogpt-h100-adam-hook-pair/modded-nanogpt-hook-gpu-rank-00-chrome-trace.json.gz",
            "modded-nanogpt-h100-adam-hook-pair/modded-nanogpt-current-gpu-rank-00-chrome-trace.json.gz",
            "hta/negative_queue_length_values_check/rank0.json.gz",
            "kineto-tb-resnet50/resnet50_num_workers_0/worker0.pt.trace.rev1.json.gz",
            "kineto-tb-resnet50/resnet50_autograd_api_num_workers_0/worker0.pt.trace.json.gz",
        ],
    ),
    (
        "programs",
        &[
            "torchao-ep-moe-b200-pair/ref_ep_moe_fwd.json",
            "torchao-ep-moe-b200-pair/syncless_ep_moe_fwd.json",
            "segment-anything-fast-a100/asdf_True.rev0.json.gz",
            "segment-anything-fast-a100/asdf_True.rev3.json.gz",
            "segment-anything-fast-a100/asdf_True.rev4.json.gz",
            "segment-anything-fast-a100/asdf_True.rev7.json.gz",
            "hf-h100-vs-mi300-pairs/Qwen_Qwen1.5-0.5B-Chat/h100.Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz",
            "hf-h100-vs-mi300-pairs/Qwen_Qwen1.5-0.5B-Chat/mi300.Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz",
            "hta/triton_example/triton_example.json.gz",
            "mi210-gpu-only/gpu_only_trace.json.gz",
        ],
    ),
];

#[test]
fn every_real_trace_has_the_steps_stages_layers_and_paths_that_a_person_read() {
    if corpus("").is_none() {
        return;
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (name, traces) in SUMMARISED {
        let (mut text, mut said) = (String::new(), String::new());
        for trace in traces {
            let report = triage(&corpus(trace).unwrap());
            text.push_str(&format!("{trace}\n"));
            said.push_str(&format!("{trace}\n"));
            for stage in list(&report, "stages") {
                text.push_str(&summary(stage));
                said.push_str(&claims(&report, stage));
            }
        }
        settings.bind(|| insta::assert_snapshot!(format!("structure-{name}"), text));
        settings.bind(|| insta::assert_snapshot!(format!("paths-{name}"), said));
    }
}
