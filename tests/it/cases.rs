//! Each finding has exactly one test case, so that the failures of a JUnit file are the findings that fail the gate.

use std::collections::BTreeSet;
use std::path::Path;

use profgate::synth::presets;
use profgate::verdict::{Case, CaseResult, CheckReport, Code, Kind, Level, ScenarioReport};

use crate::support::{Scratch, arg, corpus, run, run_in};

fn read(folder: &Path) -> CheckReport {
    let text = std::fs::read(folder.join("profgate-report/report.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Holds the cases of a scenario to its findings, and its findings to their order.
fn assert_told_once(scenario: &ScenarioReport) {
    let all = serde_json::to_string_pretty(&scenario.findings).unwrap();
    let cases = &scenario.cases;
    let of = |result: CaseResult| cases.iter().filter(|case| case.result == result).collect::<Vec<&Case>>();
    let is_capture_doubt = |code: Code| code.kind() == Kind::Doubt && code != Code::PromiseUnjudged;
    let open = || scenario.findings.iter().filter(|finding| finding.waived_by.is_none());
    let denied = open().filter(|one| one.level == Level::Deny && one.code.kind() == Kind::Regression);
    assert_eq!(of(CaseResult::Violated).len(), denied.count(), "{all}\n{cases:#?}");
    let waived = scenario.findings.iter().filter(|finding| finding.waived_by.is_some()).count();
    let without = scenario.findings.iter().filter(|one| one.code == Code::BaselineMissing).count();
    assert_eq!(of(CaseResult::Skipped).len(), waived + without, "{all}\n{cases:#?}");
    let about_capture: Vec<_> = open()
        .filter(|one| is_capture_doubt(one.code) && one.code != Code::BaselineMissing && one.line.is_none())
        .collect();
    let promised = open().filter(|one| one.code.kind() == Kind::Doubt && one.line.is_some()).count();
    let errors = usize::from(!about_capture.is_empty()) + promised;
    assert_eq!(of(CaseResult::Unjudged).len(), errors, "{all}\n{cases:#?}");
    for finding in scenario.findings.iter().filter(|one| !about_capture.contains(one)) {
        let told = cases.iter().filter(|case| {
            case.code == Some(finding.code)
                && case.stage == finding.stage
                && case.message.contains(&finding.message)
        });
        assert_eq!(told.count(), 1, "{finding:#?}\n{cases:#?}");
    }
    let named = cases.iter().filter(|case| case.code.is_some()).count();
    assert_eq!(named, scenario.findings.len() - about_capture.len() + usize::from(!about_capture.is_empty()));
    for finding in scenario.findings.iter().chain(&scenario.improvements) {
        assert_eq!(finding.docs, format!("docs/findings.md#{}", finding.code.as_str()));
    }
    for pair in scenario.findings.windows(2) {
        assert!(pair[0].worst_first(&pair[1]).is_le(), "{all}");
    }
}

/// The rows of a baseline that have a case.
fn lines(scenario: &ScenarioReport, tables: &[&str]) -> BTreeSet<u64> {
    let cases = scenario.cases.iter().filter(|case| tables.contains(&case.table.as_str()));
    cases.filter_map(|case| case.line).collect()
}

/// Checks one capture of a scratch folder, with more arguments.
fn checked(scratch: &Scratch, args: &[&str]) -> ScenarioReport {
    let here = scratch.path("");
    let run = run_in(&here, &[&["check"], args].concat());
    assert!(run.code != 2, "{}", run.stderr);
    for wrong in [" 1 times", "+0 µs", "−0 µs", " -0 ", "  +0.00 %"] {
        assert!(!run.stdout.contains(wrong), "{wrong}: {}", run.stdout);
    }
    let mut report = read(&here);
    let scenario = report.scenarios.remove(0);
    assert_told_once(&scenario);
    scenario
}

/// A scratch folder with captures and the recorded baseline `b.yaml` of `before`.
fn recorded(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    scratch.capture("before", &presets::moe_decode());
    scratch.capture("after", &presets::moe_decode_unfused());
    let mut slower = presets::moe_decode_unfused();
    assert!(slower.scale("fmha", 140) > 0);
    scratch.capture("slower", &slower);
    assert_eq!(run_in(&scratch.path(""), &["baseline", "record", "before", "-o", "b.yaml"]).code, 0);
    scratch
}

fn append(scratch: &Scratch, text: &str) {
    let path = scratch.path("b.yaml");
    let baseline = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{baseline}{text}")).unwrap();
}

#[test]
fn each_finding_of_a_generated_pair_has_one_case() {
    let scratch = recorded("cases-pair");
    for input in ["before", "after", "slower"] {
        let scenario = checked(&scratch, &["--baseline", "b.yaml", input]);
        let text = std::fs::read_to_string(scratch.path("b.yaml")).unwrap();
        let starts = ["- { kernel:", "- { path:", "- { role:"];
        let rows =
            text.lines().filter(|line| starts.iter().any(|start| line.trim_start().starts_with(start)));
        // What came has no row; its case stands at the stage.
        let stage = text.lines().position(|line| line.trim_start().starts_with("steps:")).unwrap() as u64 + 1;
        let mut cases = lines(&scenario, &["kernels", "paths", "overlaps"]);
        cases.retain(|line| *line != stage);
        assert_eq!(cases.len(), rows.count(), "{input}");
    }
}

#[test]
fn an_out_of_date_waiver_is_one_failure_and_a_used_one_is_skipped() {
    let scratch = recorded("cases-waivers");
    let subject = "fused-residual-add-rmsnorm";
    for (until, code) in [("2026-05-31", Code::WaiverExpired), ("2026-07-01", Code::PathMissing)] {
        let row = format!(
            "waivers:\n  - {{ finding: path-missing, subject: {subject}, reason: r, owner: o, until: {until} }}\n"
        );
        let text = std::fs::read_to_string(scratch.path("b.yaml")).unwrap();
        let plain = text.split("waivers:\n").next().unwrap();
        scratch.file("b.yaml", format!("{plain}{row}"));
        for input in ["before", "after", "nothing"] {
            scratch.file("nothing/t.json", r#"{"schemaVersion":1,"traceEvents":[]}"#);
            let scenario = checked(&scratch, &["--baseline", "b.yaml", "--today", "2026-06-01", input]);
            let is_told = scenario.findings.iter().any(|finding| finding.code == code);
            assert_eq!(is_told, input == "after" || code == Code::WaiverExpired, "{input} {until}");
        }
    }
}

#[test]
fn promises_are_told_where_they_stand_and_once() {
    let scratch = recorded("cases-promises");
    append(
        &scratch,
        "expect:\n\
         \x20 - { path: fused-residual-add-rmsnorm, stage: decode }\n\
         \x20 - { path: fused-residual-add-rmsnorm, at-least: 2, per: layer }\n\
         \x20 - { kernel: \"*fused-add-rms*\", state: required }\n\
         \x20 - { kernel: \"*\", launches: [1, 2] }\n\
         \x20 - { kernel: \"*\", stage: prefill, state: required }\n\
         \x20 - { role: moe, exposed-us: 1 }\n",
    );
    for input in ["before", "after"] {
        let scenario = checked(&scratch, &["--baseline", "b.yaml", input]);
        assert_eq!(lines(&scenario, &["promises"]).len(), 6, "{input}");
    }
    // Without a baseline what is promised stands in another file.
    let config = "schema: 1\nscenarios:\n  s:\n    input: after\n    baseline: none.yaml\n    expect:\n      \
         - { path: fused-residual-add-rmsnorm }\n      - { kernel: nothing, state: required }\n";
    scratch.file("profgate.yaml", config);
    let scenario = checked(&scratch, &[]);
    let broken: Vec<&Case> =
        scenario.cases.iter().filter(|case| case.result == CaseResult::Violated).collect();
    assert_eq!(broken.len(), 2);
    assert!(broken.iter().all(|case| case.file.as_deref() == Some("profgate.yaml")), "{broken:#?}");
}

#[test]
fn a_capture_that_cannot_be_judged_is_one_error_however_many_rows_wait() {
    let scratch = recorded("cases-doubt");
    let nothing = scratch.file("t.json", r#"{"schemaVersion":1,"traceEvents":[]}"#);
    let scenario = checked(&scratch, &["--baseline", "b.yaml", arg(&nothing)]);
    assert_eq!(scenario.cases.len(), 1, "{:#?}", scenario.cases);
    let scenario = checked(&scratch, &["--baseline", "none.yaml", "before"]);
    assert_eq!(scenario.cases.len(), 1, "{:#?}", scenario.cases);
}

#[test]
fn a_row_that_changed_with_others_passes_and_says_where_it_was_judged() {
    let scratch = recorded("cases-together");
    let scenario = checked(&scratch, &["--baseline", "b.yaml", "after"]);
    let lost = scenario.findings.iter().find(|one| one.code == Code::PathMissing).unwrap();
    let together: Vec<&Case> =
        scenario.cases.iter().filter(|case| case.message.starts_with("judged together with")).collect();
    assert!(!together.is_empty(), "{:#?}", scenario.cases);
    for case in together {
        assert_eq!((case.result, case.code), (CaseResult::Held, None));
        assert!(lost.kernels.contains(&case.subject) && case.message.contains(&lost.subject));
    }
}

#[test]
fn a_lost_path_has_price_place_and_advice_and_stands_before_what_is_cheaper() {
    let scratch = recorded("cases-path");
    append(&scratch, "expect:\n  - { kernel: \"*fused-add-rms*\", state: required }\n");
    let scenario = checked(&scratch, &["--baseline", "b.yaml", "slower"]);
    let stage = scenario.price[0].structural_ns;
    for code in [Code::PathMissing, Code::KernelMissing] {
        let lost = scenario.findings.iter().find(|one| one.code == code).unwrap();
        let price = lost.price_ns.unwrap();
        assert!(price > 0 && price <= stage, "{price} of {stage}");
        assert!(lost.layer.as_ref().is_some_and(|layer| layer.starts_with("layer ")), "{lost:?}");
        assert!(!lost.help.is_empty());
    }
    assert!(scenario.findings.iter().all(|one| one.code != Code::StructureCostlier), "it is told once");
    let slower = scenario.findings.iter().find(|one| one.code == Code::KernelSlower).unwrap();
    assert!(slower.price_ns.is_some_and(|ns| ns > 0));
    // What a lost path costs is known without numbers of a baseline only where a promise says so; its place is.
    let config =
        "schema: 1\nscenarios:\n  s: { input: after, expect: [{ path: fused-residual-add-rmsnorm }] }\n";
    scratch.file("profgate.yaml", config);
    let scenario = checked(&scratch, &[]);
    let lost = &scenario.findings[0];
    assert_eq!((lost.code, lost.price_ns), (Code::PathMissing, None));
    assert!(lost.layer.is_some() && !lost.help.is_empty(), "{lost:?}");
}

#[test]
fn a_path_that_left_no_trace_has_the_price_and_place_of_its_own_kernel() {
    let scratch = recorded("cases-absent");
    let mut other = presets::moe_decode();
    let renamed = other.edit("FusedAddRMSNorm", |kernel| {
        kernel.name = "entirely_new_kernel".into();
        kernel.ns *= 2;
    });
    assert!(renamed > 0);
    scratch.capture("other", &other);
    append(&scratch, "expect:\n  - { kernel: \"*fused-add-rms*\", launches: [1, 1] }\n");
    let scenario = checked(&scratch, &["--baseline", "b.yaml", "other"]);
    let lost = scenario.findings.iter().find(|one| one.code == Code::PathMissing).unwrap();
    assert!(lost.price_ns.is_some_and(|ns| ns > 100_000), "{lost:?}");
    assert!(lost.layer.is_some() && lost.message.starts_with("Residual add + RMSNorm "), "{lost:?}");
    let range = scenario.findings.iter().find(|one| one.code == Code::LaunchesOutOfRange).unwrap();
    assert!(range.message.contains("to run 1 time a step; it ran 0 times"), "{}", range.message);
}

#[test]
fn lost_overlap_is_told_in_its_own_row() {
    let scratch = Scratch::new("cases-overlap");
    scratch.capture("before", &presets::two_stream_moe());
    let mut serial = presets::two_stream_moe();
    assert!(serial.edit("", |kernel| kernel.stream = 7) > 0);
    scratch.capture("after", &serial);
    assert_eq!(run_in(&scratch.path(""), &["baseline", "record", "before", "-o", "b.yaml"]).code, 0);
    let scenario = checked(&scratch, &["--baseline", "b.yaml", "after"]);
    assert!(!lines(&scenario, &["overlaps"]).is_empty(), "{:#?}", scenario.cases);
}

#[test]
fn each_finding_of_a_real_pair_has_one_case() {
    let Some(root) = corpus("") else { return };
    for (folder, before, after) in [
        ("lightllm-dsv3-ep8-h200-decode", "C0-deepgemm576", "B0-sglquant"),
        ("lightllm-dsv3-ep8-h200-decode", "B0-sglquant", "A0-lightllm-triton-quant"),
        ("segment-anything-fast-a100", "asdf_True.rev4.json.gz", "asdf_True.rev0.json.gz"),
        ("segment-anything-fast-a100", "asdf_True.rev4.json.gz", "asdf_True.rev7.json.gz"),
        ("torchao-ep-moe-b200-pair", "syncless_ep_moe_fwd.json", "ref_ep_moe_fwd.json"),
        ("sglang-qwen3-30b-a3b-decode", "B300", "MI300"),
    ] {
        let scratch = Scratch::new("cases-real");
        let (before, after) = (root.join(folder).join(before), root.join(folder).join(after));
        let baseline = scratch.path("b.yaml");
        assert_eq!(run(&["baseline", "record", arg(&before), "-o", arg(&baseline)]).code, 0);
        checked(&scratch, &["--baseline", arg(&baseline), arg(&after)]);
    }
}
