//! What a person promises is held against every capture, with recorded numbers and without.

use std::path::Path;

use serde_json::Value;

use profgate::synth::presets;

use crate::support::{Run, Scratch, run_in};

/// A scratch folder with a capture that takes the fused path and one that does not.
fn pair(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    scratch.capture("before", &presets::moe_decode());
    scratch.capture("after", &presets::moe_decode_unfused());
    scratch
}

fn config(scratch: &Scratch, input: &str, promises: &[&str]) {
    let rows: String = promises.iter().map(|row| format!("      - {{ {row} }}\n")).collect();
    let text = format!("schema: 1\nscenarios:\n  s:\n    input: {input}\n    expect:\n{rows}");
    scratch.file("profgate.yaml", text);
}

fn check(scratch: &Scratch) -> (Run, Value) {
    let here = scratch.path("");
    let run = run_in(&here, &["check"]);
    let report = std::fs::read(here.join("profgate-report/report.json")).unwrap_or_default();
    (run, serde_json::from_slice(&report).unwrap_or_default())
}

fn findings(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = report["scenarios"][0]["findings"].as_array().unwrap();
    list.iter().map(|one| (text(&one["code"]), text(&one["subject"]))).collect()
}

fn file(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

const PATH: &str = "path: fused-residual-add-rmsnorm, stage: decode";

#[test]
fn a_new_model_is_gated_on_day_one() {
    let scratch = pair("promise-day-one");
    let per_layer = format!("{PATH}, at-least: 2, per: layer, reason: two norms a layer");
    config(&scratch, "before", &[&per_layer]);
    let (run, report) = check(&scratch);
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert_eq!(report["scenarios"][0]["cases"][1]["table"], "promises");
    config(&scratch, "after", &[&per_layer]);
    let (run, report) = check(&scratch);
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert_eq!(findings(&report), [("path-missing".to_owned(), "fused-residual-add-rmsnorm".to_owned())]);
    let finding = &report["scenarios"][0]["findings"][0];
    assert_eq!((finding["file"].as_str(), finding["line"].as_u64()), (Some("profgate.yaml"), Some(6)));
    assert!(finding["evidence"].to_string().contains("two norms a layer"), "{finding}");
    assert!(file(&scratch.path("profgate-report/junit.xml")).contains("s.promises"));
    // A layer has two; nobody could keep three.
    config(&scratch, "before", &[&format!("{PATH}, at-least: 3, per: layer")]);
    let (run, report) = check(&scratch);
    assert_eq!((run.code, findings(&report)[0].0.as_str()), (1, "path-partial"));
}

#[test]
fn each_kind_of_promise_is_kept_or_broken() {
    let scratch = pair("promise-kinds");
    let norm = "flashinfer-fused-add-rms-norm-bf16";
    for (input, promise, code) in [
        ("before", format!("kernel: {norm}, state: required, at-least: 96"), None),
        ("before", format!("kernel: {norm}, launches: 96"), None),
        ("before", format!("kernel: {norm}, launches: [97, 99]"), Some("launches-out-of-range")),
        ("before", format!("kernel: {norm}, at-least: 97"), Some("launches-out-of-range")),
        ("before", "kernel: \"*fused-add-rms*\", state: forbidden".to_owned(), Some("kernel-forbidden")),
        ("after", "kernel: \"*fused-add-rms*\", state: forbidden".to_owned(), None),
        ("after", format!("kernel: {norm}, state: required"), Some("kernel-missing")),
        ("before", format!("{PATH}, state: absent"), Some("kernel-forbidden")),
        ("after", format!("{PATH}, state: absent"), None),
        ("before", "role: moe, exposed-us: 1".to_owned(), Some("overlap-exposed")),
        ("before", "role: moe, exposed-us: 1e6".to_owned(), None),
        ("before", "role: communication, exposed-us: 0".to_owned(), None),
    ] {
        config(&scratch, input, &[&promise]);
        let (run, report) = check(&scratch);
        let found: Vec<String> = findings(&report).into_iter().map(|(code, _)| code).collect();
        assert_eq!(found, code.into_iter().collect::<Vec<_>>(), "{input}, {promise}: {}", run.stdout);
        assert_eq!(run.code, i32::from(code.is_some()), "{input}, {promise}");
        assert!(!run.stdout.contains("-0 "), "{}", run.stdout);
    }
}

#[test]
fn what_cannot_be_judged_is_no_pass() {
    let scratch = pair("promise-doubt");
    config(&scratch, "before", &["kernel: \"*\", stage: prefill, state: required"]);
    let (run, report) = check(&scratch);
    assert_eq!((run.code, findings(&report)[0].0.as_str()), (3, "stage-missing"), "{}", run.stdout);
    config(&scratch, "before", &["path: fused-residual-add-rmsnrm"]);
    let (run, _) = check(&scratch);
    assert_eq!(run.code, 2, "{}", run.stdout);
    assert!(
        run.stderr.contains("profgate.yaml:6")
            && run.stderr.contains("did you mean `fused-residual-add-rmsnorm`?"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_promise_counts_beside_recorded_numbers_and_without_the_file_of_them() {
    let scratch = pair("promise-beside");
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "before", "-o", "b.yaml"]).code, 0);
    let text = file(&scratch.path("b.yaml"));
    let promised = text.replacen(
        "stages:\n",
        "expect:\n  - { kernel: \"*\", stage: decode, at-least: 1000 }\nstages:\n",
        1,
    );
    scratch.file("b.yaml", promised);
    let (run, report) = (run_in(&here, &["check", "--baseline", "b.yaml", "before"]), check_report(&here));
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert_eq!(findings(&report), [("launches-out-of-range".to_owned(), "*".to_owned())]);
    // A lost path that a row and a promise tell of is told once.
    scratch.file("b.yaml", text.replacen("stages:\n", &format!("expect:\n  - {{ {PATH} }}\nstages:\n"), 1));
    assert_eq!(run_in(&here, &["check", "--baseline", "b.yaml", "after"]).code, 1);
    let lost = findings(&check_report(&here));
    assert_eq!(lost.iter().filter(|(code, _)| code == "path-missing").count(), 1, "{lost:?}");
    // Without the baseline file the promise of the configuration still fails.
    let rows = format!(
        "schema: 1\nscenarios:\n  s:\n    input: after\n    baseline: none.yaml\n    expect:\n      - {{ {PATH} }}\n"
    );
    scratch.file("profgate.yaml", rows.as_str());
    assert_eq!(run_in(&here, &["check"]).code, 1);
    scratch.file("profgate.yaml", rows.replace("after", "before"));
    let kept = run_in(&here, &["check"]);
    assert_eq!(kept.code, 4);
    // What is missing is said once, and not of each stage and property.
    assert!(kept.stdout.contains("there are no recorded numbers"), "{}", kept.stdout);
    assert!(!kept.stdout.contains("is not in the baseline"), "{}", kept.stdout);
    assert!(!kept.stdout.contains("not compared, because"), "{}", kept.stdout);
    assert_eq!(run_in(&here, &["check", "--on-missing-baseline", "warn"]).code, 0);
}

fn check_report(here: &Path) -> Value {
    serde_json::from_str(&file(&here.join("profgate-report/report.json"))).unwrap()
}

#[test]
fn the_limit_of_an_overlap_row_is_a_promise() {
    let scratch = Scratch::new("promise-limit");
    scratch.capture("t", &presets::two_stream_moe());
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "t", "-o", "b.yaml"]).code, 0);
    let text = file(&scratch.path("b.yaml"));
    let row = text.lines().find(|line| line.contains("exposed-us:")).expect("the preset hides something");
    let limited = row.replacen(" }", ", at-most: 0.001 }", 1);
    scratch.file("b.yaml", text.replace(row, &limited));
    let run = run_in(&here, &["check", "--baseline", "b.yaml", "t"]);
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert_eq!(findings(&check_report(&here))[0].0, "overlap-exposed");
    let line = text.lines().position(|line| line == row).unwrap() + 1;
    assert_eq!(check_report(&here)["scenarios"][0]["findings"][0]["line"], line);
}
