//! A report is rendered again, and judged again, from itself alone.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Run, Scratch, arg, corpus, run};

/// A folder of reports: one failing run of the demo.
fn demo(scratch: &Scratch) -> PathBuf {
    let demo = scratch.path("demo");
    assert_eq!(run(&["demo", "-q", "-o", arg(&demo)]).code, 0);
    demo.join("report")
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn again(report: &Path, more: &[&str]) -> Run {
    run(&[&["report", arg(report)], more].concat())
}

fn judged(report: &Path, more: &[&str]) -> (i32, Value) {
    let run = again(report, &[more, &["--format", "json"]].concat());
    (run.code, serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr)))
}

/// Every format of a report, rendered again, is what the run itself wrote.
fn assert_rendered_alike(folder: &Path) {
    let report = folder.join("report.json");
    for (format, file) in [("json", "report.json"), ("markdown", "comment.md"), ("junit", "junit.xml")] {
        let run = again(&report, &["--format", format]);
        assert!(
            run.stdout == text(&folder.join(file)),
            "{}: {format} differs\n{}",
            folder.display(),
            run.stderr
        );
    }
}

#[test]
fn rendered_again_every_format_is_the_same() {
    let scratch = Scratch::new("report-again");
    let folder = demo(&scratch);
    assert_rendered_alike(&folder);
    let copy = scratch.path("copy");
    let run = again(&folder.join("report.json"), &["-q", "--report-dir", arg(&copy)]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with("fail: "), "{}", run.stdout);
    for file in ["report.json", "junit.xml", "comment.md"] {
        assert!(text(&copy.join(file)) == text(&folder.join(file)), "{file}");
    }
    let github = again(&folder.join("report.json"), &["--github=annotations"]);
    assert!(github.stdout.starts_with("::error file="), "{}", github.stdout);
}

#[test]
fn judged_again_another_policy_decides() {
    let scratch = Scratch::new("judge-again");
    let report = demo(&scratch).join("report.json");
    let original: Value = serde_json::from_str(&text(&report)).unwrap();
    let codes: Vec<String> = original["scenarios"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect();
    assert!(codes.len() >= 2, "{codes:?}");
    // Every finding lowered, the run passes with warnings; a lost path that only warns leaves its kernels to the
    // price of structure.
    let codes: Vec<String> = codes.into_iter().chain(["structure-costlier".to_owned()]).collect();
    let levels: Vec<String> = codes.iter().map(|code| format!("{code}=warn")).collect();
    let lower: Vec<&str> = levels.iter().flat_map(|level| ["--level", level.as_str()]).collect();
    let (code, lowered) = judged(&report, &lower);
    assert_eq!((code, lowered["verdict"].as_str()), (0, Some("warn")));
    assert_eq!(lowered["policy"]["levels"][&codes[0]], "warn");
    // The same levels from a configuration.
    let listed: Vec<String> = codes.iter().map(|code| format!("{code}: warn")).collect();
    let config = scratch.file(
        "profgate.yaml",
        format!(
            "schema: 1\nscenarios:\n  a: {{ input: t, baseline: b }}\npolicy: {{ levels: {{ {} }} }}\n",
            listed.join(", ")
        ),
    );
    let (_, configured) = judged(&report, &["--config", arg(&config)]);
    assert_eq!(configured, lowered);
    // Judged by what it was judged by, the report is what it was: the numbers are all there.
    let lowered_file = scratch.file("lowered.json", serde_json::to_string(&lowered).unwrap());
    let raise: Vec<String> = original["scenarios"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            format!("{}={}", finding["code"].as_str().unwrap(), finding["level"].as_str().unwrap())
        })
        .chain(["structure-costlier=deny".to_owned()])
        .collect();
    let raise: Vec<&str> = raise.iter().flat_map(|level| ["--level", level.as_str()]).collect();
    let (code, raised) = judged(&lowered_file, &raise);
    assert_eq!(code, 1);
    assert_eq!(raised["scenarios"], original["scenarios"]);
}

#[test]
fn judged_again_another_baseline_decides() {
    let scratch = Scratch::new("baseline-again");
    let folder = demo(&scratch);
    let report = folder.join("report.json");
    let now = scratch.path("now.yaml");
    let after = folder.join("../after");
    assert_eq!(run(&["baseline", "record", arg(&after), "-o", arg(&now)]).code, 0);
    let (code, judged) = judged(&report, &["--baseline", arg(&now)]);
    assert_eq!(
        (code, judged["verdict"].as_str()),
        (0, Some("pass")),
        "{}",
        judged["scenarios"][0]["findings"]
    );
    assert_eq!(judged["scenarios"][0]["baseline"]["path"], arg(&now));
    let wrong = again(&report, &["--baseline", "nowhere.yaml"]);
    assert_eq!(wrong.code, 5, "{}", wrong.stderr);
}

#[test]
fn the_waiver_of_the_comment_accepts_what_fails_once_it_is_filled_in() {
    let scratch = Scratch::new("waiver-again");
    let folder = demo(&scratch);
    let report = folder.join("report.json");
    let comment = text(&folder.join("comment.md"));
    let (_, rest) = comment.split_once("<pre lang=\"yaml\">\n").unwrap();
    let (waivers, _) = rest.split_once("</pre>").unwrap();
    let baseline = text(&folder.join("../baseline.yaml"));
    let pasted = scratch.file("pasted.yaml", format!("{baseline}{waivers}"));
    let unfilled = again(&report, &["--baseline", arg(&pasted)]);
    assert_eq!(unfilled.code, 2, "{}", unfilled.stdout);
    assert!(unfilled.stderr.contains("`reason` has no value"), "{}", unfilled.stderr);
    let filled = waivers
        .replace("reason: ", "reason: \"a trial\"")
        .replace("owner: ", "owner: \"@me\"")
        .replace("until: ", "until: 2999-12-31");
    let pasted = scratch.file("filled.yaml", format!("{baseline}{filled}"));
    // One waiver is enough: it accepts the kernels that changed with the path too.
    let (code, judged) = judged(&report, &["--baseline", arg(&pasted)]);
    assert_eq!(
        (code, judged["verdict"].as_str()),
        (0, Some("warn")),
        "{}",
        judged["scenarios"][0]["findings"]
    );
    for finding in judged["scenarios"][0]["findings"].as_array().unwrap() {
        assert_eq!(finding["waived_by"].is_string(), finding["level"] == "deny", "{finding}");
    }
}

#[test]
fn a_run_without_a_verdict_is_no_greener_when_judged_again() {
    let scratch = Scratch::new("unjudged-again");
    let trace = scratch.file("t.json", r#"{"schemaVersion":1,"traceEvents":[]}"#);
    let folder = demo(&scratch);
    let baseline = folder.join("../baseline.yaml");
    let absent = scratch.path("absent.yaml");
    for (baseline, input, code, verdict) in [
        (&baseline, &trace, 3, "inconclusive"),
        (&absent, &folder.join("../after"), 4, "no-baseline"),
        (&baseline, &scratch.path("nowhere"), 5, "inconclusive"),
    ] {
        let reports = scratch.path("reports");
        let run = run(&["check", "--baseline", arg(baseline), "--report-dir", arg(&reports), arg(input)]);
        assert_eq!(run.code, code, "{}", run.stderr);
        assert_rendered_alike(&reports);
        let report = reports.join("report.json");
        let (again, judged) = judged(&report, &["--level", "path-missing=allow"]);
        assert_eq!((again, judged["verdict"].as_str()), (code, Some(verdict)));
        let excused: &[&str] = match code {
            3 => &["--on-inconclusive", "warn"],
            4 => &["--on-missing-baseline", "warn"],
            _ => &["--exit-zero"],
        };
        let (again, _) = self::judged(&report, excused);
        assert_eq!(again, 0);
    }
}

#[test]
fn the_first_report_of_schema_1_stays_readable() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/report-0.1.json");
    let (code, read) = judged(&old, &[]);
    assert_eq!((code, read["verdict"].as_str()), (1, Some("fail")));
    let written: Value = serde_json::from_str(&text(&old)).unwrap();
    assert_keeps("", &written, &read);
    let mistakes = crate::schemas::mistakes(&crate::schemas::validator("check-report"), &read);
    assert_eq!(mistakes, [""; 0]);
    for format in ["--format=text", "--format=markdown", "--format=junit", "--github=annotations"] {
        let rendered = again(&old, &[format]);
        assert_eq!(rendered.code, 1, "{}", rendered.stderr);
        assert!(rendered.stdout.contains("path-missing"), "{}", rendered.stdout);
    }
}

/// Every key of an earlier report is still there and says the same.
fn assert_keeps(at: &str, old: &Value, new: &Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                let found = new.get(key).unwrap_or_else(|| panic!("{at}.{key} is gone"));
                assert_keeps(&format!("{at}.{key}"), value, found);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            assert_eq!(old.len(), new.len(), "{at}");
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                assert_keeps(&format!("{at}[{index}]"), old, new);
            }
        }
        _ => assert_eq!(old, new, "{at}"),
    }
}

#[test]
fn what_is_no_report_is_refused_in_three_lines() {
    let scratch = Scratch::new("no-report");
    let folder = demo(&scratch);
    let whole = text(&folder.join("report.json"));
    let triage = run(&["triage", arg(&folder.join("../after")), "--format", "json"]).stdout;
    for (content, said) in [
        ("", "EOF"),
        ("[]", "invalid"),
        ("{}", "has no `schema`"),
        (&whole[..whole.len() / 2], "EOF"),
        (&whole.replacen("\"schema\": 1", "\"schema\": 2", 1), "schema 2 is not known"),
        (&whole.replacen("\"exit_code\": 1", "\"exit_code\": 77", 1), "77 is no exit code"),
        (&whole.replacen("\"verdict\": \"fail\"", "\"verdict\": \"green\"", 1), "unknown variant"),
        (&triage, "what `profgate triage` prints"),
        (&"[".repeat(100_000), "invalid"),
    ] {
        let path = scratch.file("report.json", content);
        let run = again(&path, &[]);
        assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 3, "{}", run.stderr);
        assert!(run.stderr.contains(said), "{said}: {}", run.stderr);
    }
    assert_eq!(again(&scratch.path("nowhere.json"), &[]).code, 5);
}

#[test]
fn a_real_pair_is_judged_again_alike() {
    let Some(folder) = corpus("lightllm-dsv3-ep8-h200-decode") else { return };
    let scratch = Scratch::new("real-again");
    let baseline = scratch.path("b.yaml");
    let before = folder.join("C0-deepgemm576");
    assert_eq!(run(&["baseline", "record", arg(&before), "-o", arg(&baseline)]).code, 0);
    let reports = scratch.path("reports");
    let after = folder.join("B0-sglquant");
    let first = run(&["check", "--baseline", arg(&baseline), "--report-dir", arg(&reports), arg(&after)]);
    assert_rendered_alike(&reports);
    // Another policy than its own, so that it is judged; one that changes nothing of what is said.
    let report = reports.join("report.json");
    let (code, judged) = judged(&report, &["--level", "environment-drift=warn"]);
    assert_eq!(code, first.code);
    let original: Value = serde_json::from_str(&text(&report)).unwrap();
    assert!(judged["scenarios"] == original["scenarios"], "judged again, the report is another");
}
