//! Each outcome has its exit code, its three lines, and its reports.

use profgate::synth::presets;

use crate::support::{Scratch, arg, one_step, run, run_in};

#[test]
fn a_missing_path_is_five_and_says_which() {
    let scratch = Scratch::new("missing");
    let run = run_in(&scratch.path(""), &["triage", "nowhere.json"]);
    assert_eq!(run.code, 5);
    assert_eq!(
        run.stderr,
        "error: cannot read the capture\n  --> cannot read nowhere.json: no such file or directory\n  help: check the path and its permissions\n"
    );
}

#[test]
fn a_missing_capture_of_a_scenario_is_five_and_still_reported() {
    let scratch = Scratch::new("missing-capture");
    let capture = scratch.capture("good", &one_step());
    let baseline = scratch.path("b.yaml");
    assert_eq!(run(&["baseline", "record", arg(&capture), "-o", arg(&baseline)]).code, 0);
    let run = run_in(&scratch.path(""), &["check", "--baseline", "b.yaml", "nowhere"]);
    assert_eq!(run.code, 5, "{}", run.stdout);
    let junit = std::fs::read_to_string(scratch.path("profgate-report/junit.xml")).unwrap();
    assert!(junit.contains("<error"), "{junit}");
}

#[test]
fn no_baseline_is_four_unless_told_otherwise() {
    let scratch = Scratch::new("no-baseline");
    scratch.capture("t", &one_step());
    let here = scratch.path("");
    let check = |more: &[&str]| {
        let args = [&["check", "--baseline", "b.yaml", "t"], more].concat();
        run_in(&here, &args)
    };
    assert_eq!(check(&[]).code, 4);
    assert!(scratch.path("profgate-report/report.json").is_file());
    assert_eq!(check(&["--on-missing-baseline", "warn"]).code, 0);
    assert_eq!(check(&["--exit-zero"]).code, 0);
    assert!(!scratch.path("b.yaml").exists());
    assert_eq!(check(&["--on-missing-baseline", "seed"]).code, 0);
    assert!(scratch.path("b.yaml").exists());
    assert_eq!(check(&[]).code, 0);
}

#[test]
fn a_typo_in_the_configuration_is_two_with_place_and_nearest_key() {
    let scratch = Scratch::new("typo");
    scratch.file("profgate.yaml", "schema: 1\nscenarios:\n  decode:\n    input: t\n    bseline: b.yaml\n");
    let run = run_in(&scratch.path(""), &["check"]);
    assert_eq!(run.code, 2);
    assert_eq!(
        run.stderr,
        "error: cannot use the configuration\n  --> profgate.yaml:5:5: unknown key `bseline`\n  help: did you mean `baseline`?\n"
    );
}

#[test]
fn a_typo_in_the_baseline_is_two_with_place_and_nearest_key() {
    let scratch = Scratch::new("typo-baseline");
    let capture = scratch.capture("t", &one_step());
    let baseline = scratch.path("b.yaml");
    assert_eq!(run(&["baseline", "record", arg(&capture), "-o", arg(&baseline)]).code, 0);
    let text = std::fs::read_to_string(&baseline).unwrap().replacen("each-us", "each-uss", 1);
    std::fs::write(&baseline, text).unwrap();
    let run = run_in(&scratch.path(""), &["check", "--baseline", "b.yaml", "t"]);
    assert_eq!(run.code, 2, "{}", run.stdout);
    assert!(
        run.stderr.contains("b.yaml:9:") && run.stderr.contains("did you mean `each-us`?"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_lost_fusion_is_one_and_an_equal_capture_zero() {
    let scratch = Scratch::new("lost");
    scratch.capture("before", &presets::moe_decode());
    scratch.capture("after", &presets::moe_decode_unfused());
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "before", "-o", "b.yaml"]).code, 0);
    assert_eq!(run_in(&here, &["check", "--baseline", "b.yaml", "before"]).code, 0);
    let lost = run_in(&here, &["check", "--baseline", "b.yaml", "after"]);
    assert_eq!(lost.code, 1, "{}", lost.stdout);
    assert!(lost.stdout.contains("path-missing"), "{}", lost.stdout);
    let back = run_in(&here, &["baseline", "record", "after", "-o", "a.yaml"]);
    assert_eq!(back.code, 0);
    let repaired = run_in(&here, &["check", "--baseline", "a.yaml", "before"]);
    assert_eq!(repaired.code, 0, "{}", repaired.stdout);
}

#[test]
fn scenarios_come_from_the_configuration_and_inputs_can_be_replaced() {
    let scratch = Scratch::new("config");
    scratch.capture("before", &presets::moe_decode());
    scratch.capture("after", &presets::moe_decode_unfused());
    scratch.file(
        "profgate.yaml",
        "schema: 1\nscenarios:\n  one: { input: before, baseline: b.yaml }\n  two: { input: before, baseline: b.yaml }\n",
    );
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "before", "-o", "b.yaml"]).code, 0);
    assert_eq!(run_in(&here, &["check"]).code, 0);
    assert_eq!(run_in(&here, &["check", "--input", "two=after"]).code, 1);
    assert_eq!(run_in(&here, &["check", "one", "--input=one=before"]).code, 0);
    assert_eq!(run_in(&here, &["check", "--github", "--", "one"]).code, 0);
    let wrong = run_in(&here, &["check", "tow"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("did you mean `two`?"), "{}", wrong.stderr);
    let wrong = run_in(&here, &["check", "--input", "after"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("SCENARIO=after"), "{}", wrong.stderr);
}

#[test]
fn baselines_of_another_folder_take_the_place_of_the_configurations_own() {
    let scratch = Scratch::new("baseline-dir");
    scratch.capture("before", &presets::moe_decode());
    scratch.capture("after", &presets::moe_decode_unfused());
    std::fs::create_dir_all(scratch.path("own")).unwrap();
    std::fs::create_dir_all(scratch.path("main")).unwrap();
    scratch.file("profgate.yaml", "schema: 1\nscenarios:\n  one: { input: after, baseline: own/b.yaml }\n");
    let here = scratch.path("");
    // The change under test brings a baseline that accepts it; the main branch's does not.
    assert_eq!(run_in(&here, &["baseline", "record", "after", "-o", "own/b.yaml"]).code, 0);
    assert_eq!(run_in(&here, &["baseline", "record", "before", "-o", "main/b.yaml"]).code, 0);
    assert_eq!(run_in(&here, &["check"]).code, 0);
    assert_eq!(run_in(&here, &["check", "--baseline-dir", "main"]).code, 1);
    assert_eq!(run_in(&here, &["check", "--baseline-dir", "nowhere"]).code, 4);
    assert_eq!(run_in(&here, &["check", "--baseline-dir", "main", "--baseline", "own/b.yaml"]).code, 2);
}

#[test]
fn a_rank_that_is_missing_is_no_verdict() {
    let scratch = Scratch::new("ranks");
    let capture = scratch.capture("t", &presets::two_rank_tp());
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "t", "-o", "b.yaml"]).code, 0);
    assert_eq!(run_in(&here, &["check", "--baseline", "b.yaml", "t"]).code, 0);
    let last = std::fs::read_dir(&capture).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    std::fs::remove_file(last).unwrap();
    let run = run_in(&here, &["check", "--baseline", "b.yaml", "t"]);
    assert_eq!(run.code, 3, "{}", run.stdout);
    assert!(run.stdout.contains("rank-missing"), "{}", run.stdout);
    assert_eq!(run_in(&here, &["check", "--baseline", "b.yaml", "t", "--on-inconclusive", "warn"]).code, 0);
}

#[test]
fn usage_errors_are_two() {
    assert_eq!(run(&["check", "--no-such-flag"]).code, 2);
    assert_eq!(run(&["triage"]).code, 2);
    assert_eq!(run(&["triage", "x", "--min-share", "101"]).code, 2);
    let nothing = Scratch::new("usage");
    let run = run_in(&nothing.path(""), &["check"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("profgate.yaml"), "{}", run.stderr);
}
