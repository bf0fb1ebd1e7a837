//! Traces that real SGLang and vLLM servers wrote on a CPU: names, ranks, stages, and what lies beside them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Run, Scratch, arg, corpus, run_in};

fn triage(path: &Path) -> Run {
    run_in(Path::new("."), &["triage", arg(path), "--rank", "all", "--format", "json"])
}

/// Name, rank and stage of every file read.
fn read(run: &Run) -> Vec<(String, u64, Option<String>)> {
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    report
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|triage| triage["traces"].as_array().unwrap())
        .map(|entry| {
            let path = PathBuf::from(entry["path"].as_str().unwrap());
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                entry["rank"].as_u64().unwrap(),
                entry["stage"].as_str().map(str::to_owned),
            )
        })
        .collect()
}

#[test]
fn each_capture_has_its_files_ranks_and_stages_and_is_never_green() {
    let prefill = || Some("prefill".to_owned());
    let decode = || Some("decode".to_owned());
    let cases = [
        (
            "sglang-by-stage",
            vec![
                ("c2-TP-0-DECODE.trace.json.gz", 0, decode()),
                ("c2-TP-0-EXTEND.trace.json.gz", 0, prefill()),
            ],
            None,
        ),
        (
            "sglang-merged",
            vec![("d-TP-0.trace.json.gz", 0, None)],
            Some("merged-d.trace.json.gz: it is a merged copy of the rank files"),
        ),
        (
            "sglang-stop-mid-stage",
            vec![("s-TP-0-EXTEND.trace.json.gz", 0, prefill()), ("s-TP-0.trace.json.gz", 0, None)],
            None,
        ),
        (
            "vllm",
            vec![("lim_rank0.1795485301809775500.pt.trace.json.gz", 0, None)],
            Some(
                "lim_vm_18479.async_llm.1795485302548568084.pt.trace.json.gz: it is the front end's own trace and holds no GPU work",
            ),
        ),
        ("vllm-moe", vec![("dp0_pp0_tp0_dcp0_ep0_rank0.1795486287771230863.pt.trace.json", 0, None)], None),
        (
            "vllm-tp2",
            vec![
                ("rank0.1795485550254795234.pt.trace.json.gz", 0, None),
                ("rank1.1795485550155923056.pt.trace.json.gz", 1, None),
            ],
            None,
        ),
    ];
    for (folder, files, left_out) in cases {
        let Some(path) = corpus(&format!("live-cpu/{folder}")) else { return };
        let run = triage(&path);
        let files: Vec<_> =
            files.into_iter().map(|(name, rank, stage)| (name.to_owned(), rank, stage)).collect();
        assert_eq!(read(&run), files, "{folder}");
        assert_eq!(run.code, 3, "{folder}: {}", run.stderr);
        assert!(run.stderr.contains("no GPU activity was recorded"), "{folder}: {}", run.stderr);
        assert!(run.stderr.contains("a server on a CPU"), "{folder}: {}", run.stderr);
        assert!(run.stdout.contains("\"no-gpu\""), "{folder}");
        match left_out {
            Some(said) => assert!(run.stderr.contains(said), "{folder}: {}", run.stderr),
            None => assert!(!run.stderr.contains("left out"), "{folder}: {}", run.stderr),
        }
    }
}

#[test]
fn a_merged_file_and_a_front_end_alone_are_refused() {
    let Some(root) = corpus("live-cpu") else { return };
    let scratch = Scratch::new("live-alone");
    for name in [
        "sglang-merged/merged-d.trace.json.gz",
        "vllm/lim_vm_18479.async_llm.1795485302548568084.pt.trace.json.gz",
    ] {
        let path = scratch.file(name, std::fs::read(root.join(name)).unwrap());
        for input in [path.as_path(), path.parent().unwrap()] {
            let run = triage(input);
            assert_eq!(run.code, 3, "{}", run.stderr);
            let said = if name.contains("merged") {
                "merged copy of several ranks (TP00)"
            } else {
                "no GPU activity"
            };
            assert!(run.stderr.contains(said), "{}", run.stderr);
        }
    }
}

#[test]
fn a_capture_of_a_cpu_server_becomes_no_baseline_and_passes_no_gate() {
    let Some(path) = corpus("live-cpu/vllm-tp2") else { return };
    let Some(good) = corpus("lightllm-dsv3-ep8-h200-decode/B0-sglquant") else { return };
    let scratch = Scratch::new("live-gate");
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", arg(&path)]).code, 3);
    assert_eq!(run_in(&here, &["baseline", "record", arg(&good), "-o", "b.yaml"]).code, 0);
    let run = run_in(&here, &["check", "--baseline", "b.yaml", arg(&path)]);
    assert_eq!(run.code, 3, "{}", run.stdout);
    assert!(run.stdout.contains("capture-empty"), "{}", run.stdout);
}
