//! Findings that a person accepts: for how long, how far, and what the reports still show.

use serde_json::Value;

use profgate::synth::presets;

use crate::support::{Run, Scratch, run_in};

const SUBJECT: &str = "fmha-trtllm-gen-bf16-h128-causal-for-gen";

/// A baseline and a capture in which attention takes 40 % longer.
fn slower(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    scratch.capture("before", &presets::moe_decode());
    let mut after = presets::moe_decode();
    assert!(after.scale("fmha", 140) > 0);
    scratch.capture("after", &after);
    assert_eq!(run_in(&scratch.path(""), &["baseline", "record", "before", "-o", "recorded.yaml"]).code, 0);
    scratch
}

fn waive(scratch: &Scratch, waivers: &[&str]) {
    let mut text = std::fs::read_to_string(scratch.path("recorded.yaml")).unwrap();
    text.push_str("waivers:\n");
    text.extend(waivers.iter().map(|row| format!("  - {{ {row} }}\n")));
    scratch.file("b.yaml", text);
}

fn check(scratch: &Scratch, input: &str, more: &[&str]) -> (Run, Value) {
    let here = scratch.path("");
    let args = [&["check", "--baseline", "b.yaml", "--today", "2026-06-01", input], more].concat();
    let run = run_in(&here, &args);
    let report = std::fs::read(here.join("profgate-report/report.json")).unwrap_or_default();
    (run, serde_json::from_slice(&report).unwrap_or_default())
}

fn codes(report: &Value) -> Vec<&str> {
    let list = report["scenarios"][0]["findings"].as_array().unwrap();
    list.iter().map(|one| one["code"].as_str().unwrap()).collect()
}

fn row(more: &str) -> String {
    format!("finding: kernel-slower, subject: {SUBJECT}, reason: waits for 0.7.3, owner: \"@infra\"{more}")
}

#[test]
fn a_waived_finding_passes_and_is_still_shown() {
    let scratch = slower("waived");
    scratch.file("b.yaml", std::fs::read(scratch.path("recorded.yaml")).unwrap());
    assert_eq!(check(&scratch, "after", &[]).0.code, 1);
    waive(&scratch, &[&row(", until: 2026-06-01")]);
    let (run, report) = check(&scratch, "after", &[]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert_eq!(codes(&report), ["kernel-slower"]);
    let waived = report["scenarios"][0]["findings"][0]["waived_by"].as_str().unwrap();
    assert!(
        waived.contains("@infra") && waived.contains("waits for 0.7.3") && waived.contains("b.yaml:"),
        "{waived}"
    );
    assert_eq!(report["scenarios"][0]["waivers"][0]["state"], "used");
    for name in ["comment.md", "junit.xml"] {
        let text = std::fs::read_to_string(scratch.path("profgate-report").join(name)).unwrap();
        assert!(text.contains("waits for 0.7.3"), "{name}: {text}");
    }
    assert!(run.stdout.contains("waits for 0.7.3"), "{}", run.stdout);
}

#[test]
fn a_waiver_that_is_not_filled_in_names_what_it_lacks_and_its_line() {
    let scratch = slower("unfilled");
    for (row, said) in [
        ("reason: , owner: o, until: 2027-01-31", "`reason` has no value"),
        ("reason: r, owner: \"\", until: 2027-01-31", "the waiver has no owner"),
        ("reason: r, owner: o, until:  ", "`until` has no value"),
        ("reason: r, owner: o, max-delta: 8%,\n      until: ", "`until` has no value"),
        ("reason: r, owner: o, until: \"\"", "the waiver has no last day"),
    ] {
        waive(&scratch, &[&format!("finding: kernel-slower, subject: {SUBJECT}, {row}")]);
        let text = std::fs::read_to_string(scratch.path("b.yaml")).unwrap();
        let (run, _) = check(&scratch, "after", &[]);
        assert_eq!(run.code, 2, "{row}");
        assert!(run.stderr.contains(said), "{row}: {}", run.stderr);
        assert!(run.stderr.contains(&format!("b.yaml:{}:", text.lines().count())), "{row}: {}", run.stderr);
    }
}

#[test]
fn waivers_beside_waivers_are_refused_and_the_comment_offers_rows_alone() {
    let scratch = slower("beside");
    waive(&scratch, &["finding: kernel-slower, subject: other, reason: r, owner: o, until: 2027-01-31"]);
    assert_eq!(check(&scratch, "after", &[]).0.code, 1);
    let comment = std::fs::read_to_string(scratch.path("profgate-report/comment.md")).unwrap();
    let (_, rest) = comment.split_once("<pre lang=\"yaml\">\n").unwrap();
    assert!(rest.starts_with("  - { finding: kernel-slower, "), "{rest}");
    assert!(comment.contains("Add these rows to the `waivers:` of"), "{comment}");
    let twice = format!("{}waivers: []\n", std::fs::read_to_string(scratch.path("b.yaml")).unwrap());
    scratch.file("b.yaml", twice);
    let (run, _) = check(&scratch, "after", &[]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("`waivers` stands twice"), "{}", run.stderr);
}

#[test]
fn a_waiver_covers_its_size_its_stage_and_its_days() {
    let scratch = slower("waiver-limits");
    for (more, code, found, state) in [
        (", until: 2026-07-01, max-delta: 60%", 0, vec!["kernel-slower"], "used"),
        (", until: 2026-07-01, max-delta: 8%", 1, vec!["kernel-slower"], "exceeded"),
        (", until: 2026-07-01, stage: prefill", 1, vec!["kernel-slower", "waiver-unused"], "unused"),
        (", until: 2026-05-31", 1, vec!["kernel-slower", "waiver-expired"], "expired"),
    ] {
        waive(&scratch, &[&row(more)]);
        let (run, report) = check(&scratch, "after", &[]);
        let mut codes = codes(&report);
        codes.sort_unstable();
        assert_eq!((run.code, codes), (code, found), "{more}: {}", run.stdout);
        assert_eq!(report["scenarios"][0]["waivers"][0]["state"], state, "{more}");
    }
}

#[test]
fn a_waiver_of_nothing_warns_and_an_expired_one_fails() {
    let scratch = slower("waiver-unused");
    waive(&scratch, &[&row(", until: 2026-07-01")]);
    let (run, report) = check(&scratch, "before", &[]);
    assert_eq!((run.code, codes(&report)), (0, vec!["waiver-unused"]), "{}", run.stdout);
    assert_eq!(report["verdict"], "warn");
    waive(&scratch, &[&row(", until: 2026-05-31")]);
    let (run, report) = check(&scratch, "before", &[]);
    assert_eq!((run.code, codes(&report)), (1, vec!["waiver-expired"]), "{}", run.stdout);
}

#[test]
fn a_trailer_waives_for_one_run() {
    let scratch = slower("waiver-trailer");
    scratch.file("b.yaml", std::fs::read(scratch.path("recorded.yaml")).unwrap());
    let trailer = format!("Profgate-Waive: kernel-slower:{SUBJECT} owner=@me reason=known, see 12\n");
    scratch.file("commits.txt", format!("Change it\n\n{trailer}"));
    let (run, report) = check(&scratch, "after", &["--trailers", "commits.txt"]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert!(report["scenarios"][0]["findings"][0]["waived_by"].as_str().unwrap().contains("commits.txt:3"));
    // Only the exact line counts, and one that cannot be read is an error.
    scratch.file("commits.txt", format!("Change it\n\n {trailer}"));
    assert_eq!(check(&scratch, "after", &["--trailers", "commits.txt"]).0.code, 1);
    scratch.file("commits.txt", "Change it\n\nProfgate-Waive: kernel-slower\n");
    let (run, _) = check(&scratch, "after", &["--trailers", "commits.txt"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("commits.txt:3"), "{}", run.stderr);
    assert_eq!(check(&scratch, "after", &["--trailers", "none.txt"]).0.code, 5);
}

#[test]
fn what_was_waived_promised_or_flaky_is_so_again_from_the_report_alone() {
    let scratch = slower("waived-again");
    waive(&scratch, &[&row(", until: 2026-06-01")]);
    let again = |report: &Value| -> Value {
        scratch.file("r.json", serde_json::to_vec(report).unwrap());
        // Another policy, so that it is judged anew; it changes nothing here.
        let arguments = ["report", "r.json", "--level", "mixed=deny", "--format", "json"];
        serde_json::from_str(&run_in(&scratch.path(""), &arguments).stdout).unwrap()
    };
    let (run, report) = check(&scratch, "after", &[]);
    assert_eq!((run.code, codes(&report)), (0, vec!["kernel-slower"]), "{}", run.stdout);
    assert_eq!(again(&report)["scenarios"], report["scenarios"]);
    scratch.file("b.yaml", std::fs::read(scratch.path("recorded.yaml")).unwrap());
    let (run, report) = check(&scratch, "after", &["--confirm", "before"]);
    assert_eq!((run.code, codes(&report)), (0, vec!["flaky"]), "{}", run.stdout);
    assert_eq!(again(&report)["scenarios"], report["scenarios"]);
    let config = "schema: 1\nscenarios:\n  s: { input: after, expect: [{ kernel: \"*\", launches: [1, 2], stage: decode }] }\n";
    scratch.file("profgate.yaml", config);
    assert_eq!(run_in(&scratch.path(""), &["check"]).code, 1);
    let text = std::fs::read_to_string(scratch.path("profgate-report/report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(codes(&report), ["launches-out-of-range"]);
    assert_eq!(again(&report)["scenarios"], report["scenarios"]);
}

#[test]
fn a_trailer_waives_in_a_stored_report_too_and_stays_there() {
    let scratch = slower("waived-stored");
    scratch.file("b.yaml", std::fs::read(scratch.path("recorded.yaml")).unwrap());
    let (run, report) = check(&scratch, "after", &[]);
    assert_eq!(run.code, 1, "{}", run.stdout);
    scratch.file("r.json", serde_json::to_vec(&report).unwrap());
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["report", "r.json"]).code, 1);
    let trailer = format!("Profgate-Waive: kernel-slower:{SUBJECT} owner=@me reason=known, see 12\n");
    scratch.file("words.txt", format!("Please take this\n\n{trailer}"));
    let again = run_in(&here, &["report", "r.json", "--trailers", "words.txt", "--format", "json"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let waived: Value = serde_json::from_str(&again.stdout).unwrap();
    assert!(waived["scenarios"][0]["findings"][0]["waived_by"].as_str().unwrap().contains("words.txt:3"));
    // The waiver is part of the report from now on.
    scratch.file("w.json", again.stdout);
    assert_eq!(run_in(&here, &["report", "w.json", "--level", "mixed=deny"]).code, 0);
}
