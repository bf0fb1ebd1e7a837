//! Real traces: an independent program must agree with every number.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Scratch, arg, corpus, run};

/// Trace files below a folder, in order; captures of CPU servers and their like are named by others.
fn traces(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(traces(&path));
        } else if name.ends_with(".json") || name.ends_with(".json.gz") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn the_oracle_and_the_schema_agree_on_every_trace_with_kernels() {
    let Some(root) = corpus("") else { return };
    let schema = crate::schemas::validator("triage-report");
    let oracle = root.join("../tools/oracle.py");
    if !oracle.exists() {
        eprintln!("not tested: {} is absent", oracle.display());
        return;
    }
    let scratch = Scratch::new("oracle");
    let mut wrong = Vec::new();
    let mut agreed = 0;
    for trace in traces(&root) {
        let report = scratch.path("triage.json");
        let run = run(&["triage", arg(&trace), "--format", "json", "-o", arg(&report)]);
        match run.code {
            0 => {}
            // Nothing was measured: there is nothing to agree about. What is only no recording of what ran was.
            3 if !run.stderr.contains("mapping-capture") => continue,
            3 => {}
            code => {
                wrong.push(format!("{}: exit {code}\n{}", trace.display(), run.stderr));
                continue;
            }
        }
        let written = serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
        let mistakes = crate::schemas::mistakes(&schema, &written);
        if !mistakes.is_empty() {
            wrong.push(format!("{}: not valid by its schema: {}", trace.display(), mistakes.join("; ")));
        }
        let said = Command::new("python3").arg(&oracle).arg(&trace).arg(&report).output().unwrap();
        if said.status.success() {
            agreed += 1;
        } else {
            wrong.push(format!("{}:\n{}", trace.display(), String::from_utf8_lossy(&said.stdout)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(agreed >= 57, "only {agreed} traces were compared");
}

#[test]
fn a_file_without_kernels_is_never_green() {
    let Some(folder) = corpus("edge-no-kernels") else { return };
    let Some(good) = corpus("lightllm-dsv3-ep8-h200-decode/B0-sglquant") else { return };
    let scratch = Scratch::new("edge");
    let baseline = scratch.path("b.yaml");
    assert_eq!(run(&["baseline", "record", arg(&good), "-o", arg(&baseline)]).code, 0);
    let files = traces(&folder);
    assert_eq!(files.len(), 5);
    for file in files {
        assert_eq!(run(&["triage", arg(&file)]).code, 3, "{}", file.display());
        assert_eq!(run(&["baseline", "record", arg(&file)]).code, 3, "{}", file.display());
        let reports = scratch.path("reports");
        let run = run(&["check", "--baseline", arg(&baseline), "--report-dir", arg(&reports), arg(&file)]);
        assert_eq!(run.code, 3, "{}\n{}", file.display(), run.stdout);
        assert!(run.stdout.contains("capture-empty"), "{}", run.stdout);
    }
}
