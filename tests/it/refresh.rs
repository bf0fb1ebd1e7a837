//! A refresh rewrites what moved beyond noise, and loosens nothing by itself; diff and lint say what a baseline holds.

use profgate::synth::{Workload, presets};

use crate::support::{Run, Scratch, arg, corpus, run, run_in, run_with};

fn recorded(scratch: &Scratch, workload: &Workload) -> String {
    scratch.capture("old", workload);
    let here = scratch.path("");
    let record = run_in(&here, &["baseline", "record", "old", "-o", "b.yaml"]);
    assert_eq!(record.code, 0, "{}", record.stderr);
    text(scratch, "b.yaml")
}

fn text(scratch: &Scratch, name: &str) -> String {
    std::fs::read_to_string(scratch.path(name)).unwrap()
}

fn refresh(scratch: &Scratch, more: &[&str]) -> Run {
    let arguments = [&["baseline", "refresh", "--baseline", "b.yaml", "new"], more].concat();
    run_in(&scratch.path(""), &arguments)
}

/// Every kernel whose name holds the word takes this part of its time, in percent.
fn scaled(word: &str, percent: u64) -> Workload {
    let mut workload = presets::moe_decode();
    assert!(workload.scale(word, percent) > 0);
    workload
}

#[test]
fn noise_rewrites_nothing() {
    let scratch = Scratch::new("refresh-noise");
    let before = recorded(&scratch, &presets::moe_decode());
    let mut again = presets::moe_decode();
    again.seed += 1;
    scratch.capture("new", &again);
    let run = refresh(&scratch, &["--commit", "abc"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("nothing moved beyond noise"), "{}", run.stdout);
    assert_eq!(text(&scratch, "b.yaml"), before, "not a byte, nor a commit");
}

#[test]
fn what_got_faster_is_taken_and_nothing_else_is_touched() {
    let scratch = Scratch::new("refresh-faster");
    let before = recorded(&scratch, &presets::moe_decode());
    scratch.capture("new", &scaled("fused_qknorm", 60));
    let dry = refresh(&scratch, &["--dry-run"]);
    assert_eq!((dry.code, text(&scratch, "b.yaml")), (0, before.clone()), "{}", dry.stderr);
    let run = refresh(&scratch, &["--commit", "abc"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let after = text(&scratch, "b.yaml");
    let changed: Vec<(&str, &str)> = before
        .lines()
        .zip(after.lines())
        .filter(|(old, new)| old != new && !new.contains("commit: abc"))
        .collect();
    assert!(!changed.is_empty() && changed.len() <= 3, "{changed:?}");
    assert!(changed.iter().any(|(_, new)| new.contains("qknorm")), "{changed:?}");
    assert!(run.stdout.contains("!   ") && run.stdout.contains("qknorm"), "{}", run.stdout);
    assert!(text(&scratch, "profgate-report/refresh.md").contains("```diff"));
    let clean = run_in(&scratch.path(""), &["check", "--baseline", "b.yaml", "new"]);
    assert_eq!(clean.code, 0, "{}", clean.stdout);
}

#[test]
fn a_lost_path_is_not_taken_until_somebody_accepts_it() {
    let scratch = Scratch::new("refresh-lost");
    let before = recorded(&scratch, &presets::moe_decode());
    scratch.capture("new", &presets::moe_decode_unfused());
    let run = refresh(&scratch, &[]);
    assert_eq!((run.code, text(&scratch, "b.yaml")), (1, before.clone()), "{}", run.stdout);
    assert!(run.stdout.contains("--accept path-missing:fused-residual-add-rmsnorm"), "{}", run.stdout);
    // A word that is nearly right accepts nothing, and says so.
    let typo = refresh(&scratch, &["--accept", "path-missing:fused-residual"]);
    assert_eq!((typo.code, text(&scratch, "b.yaml")), (2, before.clone()));
    assert!(typo.stderr.contains("to be accepted: "), "{}", typo.stderr);
    let unknown = refresh(&scratch, &["--accept", "path-mising:x"]);
    assert!(unknown.stderr.contains("did you mean `path-missing`?"), "{}", unknown.stderr);
    // Everything that the list names.
    let wanted: Vec<String> = run
        .stdout
        .lines()
        .filter_map(|line| Some(line.split_once("(`--accept ")?.1.strip_suffix("`)")?.to_owned()))
        .collect();
    let mut arguments = Vec::new();
    for one in &wanted {
        arguments.extend(["--accept", one]);
    }
    let taken = refresh(&scratch, &arguments);
    assert_eq!(taken.code, 0, "{}", taken.stderr);
    assert!(text(&scratch, "b.yaml").contains("path: fused-residual-add-rmsnorm, expect: split"));
    assert_eq!(run_in(&scratch.path(""), &["check", "--baseline", "b.yaml", "new"]).code, 0);
}

#[test]
fn a_night_that_regressed_says_so_first_and_is_red() {
    let scratch = Scratch::new("refresh-regressed");
    let before = recorded(&scratch, &presets::moe_decode());
    scratch.capture("new", &presets::moe_decode_unfused());
    let (output, summary) = (scratch.path("output"), scratch.path("summary"));
    let variables = [("GITHUB_OUTPUT", arg(&output)), ("GITHUB_STEP_SUMMARY", arg(&summary))];
    let arguments = ["baseline", "refresh", "--baseline", "b.yaml", "new", "--github"];
    let run = run_with(&scratch.path(""), &arguments, &variables);
    assert_eq!((run.code, text(&scratch, "b.yaml")), (1, before), "{}", run.stderr);
    assert!(
        run.stdout.starts_with("**Regressed**: the captures of 1 of 1 baseline fail `check`."),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains("nothing moved"), "{}", run.stdout);
    // What moved, for the review, though none of it was taken.
    assert!(
        run.stdout.contains("-   flashinfer-fused-add-rms-norm-bf16 (norm), 96 a step"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("\n::error file=b.yaml,line="), "{}", run.stdout);
    assert!(text(&scratch, "output").contains("refreshed<<profgate-end\nfalse\n"));
    assert!(text(&scratch, "summary").starts_with("**Regressed**"));
    assert_eq!(
        text(&scratch, "profgate-report/refresh.md"),
        text(&scratch, "summary").trim_end().to_owned() + "\n\n"
    );
    assert_eq!(refresh(&scratch, &["--exit-zero"]).code, 0);
    // What a waiver accepts for now stays listed, and is not red.
    let waiver =
        |finding: &str| format!("  - {{ finding: {finding}, reason: r, owner: o, until: 2027-01-31 }}\n");
    let waivers = [
        "path-missing, subject: fused-residual-add-rmsnorm",
        "structure-costlier, subject: flashinfer-fused-add-rms-norm-bf16",
    ];
    let waived = text(&scratch, "b.yaml") + "waivers:\n" + &waivers.map(waiver).concat();
    scratch.file("b.yaml", &waived);
    let run = refresh(&scratch, &["--today", "2026-12-01"]);
    assert_eq!((run.code, text(&scratch, "b.yaml")), (0, waived), "{}", run.stdout);
    assert!(run.stdout.starts_with("**For review**"), "{}", run.stdout);
}

#[test]
fn what_a_person_wrote_stays_and_only_the_accepted_promise_goes() {
    let scratch = Scratch::new("refresh-people");
    let before = recorded(&scratch, &presets::moe_decode());
    let people = "# why we promise\nexpect:\n  # two norms a layer\n  - { kernel: \"*fused-add-rms*\", at-least: 96 }\n  - { role: moe, exposed-us: 1 }\nstages:\n";
    let waivers = "waivers:\n  # until the library is out\n  - { finding: kernel-slower, subject: k, reason: r, owner: o, until: 2027-01-31 }\n";
    let row = before.lines().find(|line| line.contains("role: moe,")).unwrap().to_owned();
    let levelled = row.replacen(" }", ", level: warn }", 1);
    let written = before.replacen("stages:\n", people, 1).replacen(&row, &levelled, 1) + waivers;
    scratch.file("b.yaml", &written);
    scratch.capture("new", &scaled("fused_qknorm", 60));
    let run = refresh(&scratch, &["--today", "2026-12-01", "--accept", "overlap-exposed:moe"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let after = text(&scratch, "b.yaml");
    assert!(
        after.contains("  # two norms a layer\n  - { kernel: \"*fused-add-rms*\", at-least: 96 }\n"),
        "{after}"
    );
    assert!(!after.contains("exposed-us: 1 }\n"), "{after}");
    assert!(after.contains(waivers) && after.contains("level: warn"), "{after}");
    assert!(run.stdout.contains("-   - { role: moe, exposed-us: 1 }"), "{}", run.stdout);
}

#[test]
fn a_machine_that_is_slower_as_a_whole_gives_no_new_numbers() {
    let scratch = Scratch::new("refresh-drift");
    let before = recorded(&scratch, &presets::moe_decode());
    scratch.capture("new", &scaled("", 108));
    let run = refresh(&scratch, &[]);
    assert_eq!((run.code, text(&scratch, "b.yaml")), (0, before), "{}", run.stdout);
    assert!(run.stdout.contains("--accept environment-drift:decode"), "{}", run.stdout);
}

#[test]
fn the_configuration_names_what_is_refreshed() {
    let scratch = Scratch::new("refresh-config");
    let before = recorded(&scratch, &presets::moe_one_step());
    for number in 1..=5 {
        let mut workload = presets::moe_one_step();
        workload.seed += number;
        workload.scale("fused_qknorm", 60);
        scratch.capture(&format!("night/repeat-{number}"), &workload);
    }
    scratch.file("profgate.yaml", "schema: 1\nscenarios:\n  s: { input: old, baseline: b.yaml }\n  t: { input: old, expect: [{ kernel: \"*\", state: required }] }\n");
    let run = run_in(&scratch.path(""), &["baseline", "refresh", "--input=s=night"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let after = text(&scratch, "b.yaml");
    assert_ne!(after, before);
    assert!(after.contains("n: 5"), "five captures of one set are five: {after}");
    let none = run_in(&scratch.path(""), &["baseline", "refresh", "--baseline", "none.yaml", "old"]);
    assert_eq!(none.code, 4, "{}", none.stderr);
}

#[test]
fn what_is_wrong_with_one_scenario_keeps_no_other_from_being_refreshed() {
    let scratch = Scratch::new("refresh-several");
    recorded(&scratch, &presets::moe_decode());
    let here = scratch.path("");
    let before = text(&scratch, "b.yaml");
    scratch.file("c.yaml", &before);
    scratch.capture("fast", &scaled("fused_qknorm", 60));
    scratch.capture("other", &presets::hip_decode());
    let scenario =
        |name: &str, input: &str, file: &str| format!("  {name}: {{ input: {input}, baseline: {file} }}\n");
    let config = |rows: &[String]| format!("schema: 1\nscenarios:\n{}", rows.concat());
    let (output, summary) = (scratch.path("output"), scratch.path("summary"));
    let variables = [("GITHUB_OUTPUT", arg(&output)), ("GITHUB_STEP_SUMMARY", arg(&summary))];
    // In the order of names: one of another GPU, one without traces, and one that got faster.
    for (rows, code) in [
        (vec![scenario("a", "other", "c.yaml")], 3),
        (vec![scenario("a", "other", "c.yaml"), scenario("b", "nowhere", "c.yaml")], 5),
        (vec![scenario("b", "fast", "none.yaml")], 4),
        (vec![scenario("a", "other", "c.yaml"), scenario("b", "fast", "none.yaml")], 3),
    ] {
        scratch.file("b.yaml", &before);
        scratch.file("profgate.yaml", config(&[&rows[..], &[scenario("z", "fast", "b.yaml")]].concat()));
        let run = run_with(&here, &["baseline", "refresh", "--github"], &variables);
        assert_eq!(run.code, code, "{}{}", run.stdout, run.stderr);
        let failed = rows.len();
        let first = format!(
            "**Not refreshed**: nothing could be held against {failed} of {} baselines. ",
            failed + 1
        );
        assert!(run.stdout.starts_with(&first), "{}", run.stdout);
        assert_ne!(text(&scratch, "b.yaml"), before, "{code}: the last one was refreshed all the same");
        assert_eq!(run.stderr.matches("error: ").count(), failed, "{}", run.stderr);
        assert_eq!(run.stdout.matches("\n::error file=").count(), failed, "{}", run.stdout);
        assert!(text(&scratch, "output").contains("refreshed<<profgate-end\ntrue\n"));
        assert_eq!(text(&scratch, "c.yaml"), before);
    }
    let output = text(&scratch, "output");
    assert!(
        output.contains("profgate: 1 baseline with new numbers") && output.contains(", 2 not refreshed\n")
    );
    // A regression outranks a doubt, as with `check`; an acceptance may be of what could not be refreshed.
    scratch.capture("slow", &presets::moe_decode_unfused());
    let rows = [scenario("a", "other", "c.yaml"), scenario("z", "slow", "b.yaml")];
    scratch.file("b.yaml", &before);
    scratch.file("profgate.yaml", config(&rows));
    let run = run_in(&here, &["baseline", "refresh", "--accept", "kernel-slower:k"]);
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("warning: nothing is accepted by kernel-slower:k"), "{}", run.stderr);
    assert!(run.stdout.starts_with("**Regressed**: the captures of 1 of 2 baselines"), "{}", run.stdout);
}

#[test]
fn slower_numbers_that_are_taken_are_told_first() {
    let scratch = Scratch::new("refresh-looser");
    recorded(&scratch, &presets::moe_decode());
    // Slower, and not by enough to fail: it goes into the file.
    scratch.capture("new", &scaled("fused_qknorm", 112));
    let run = refresh(&scratch, &[]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.starts_with("**Looser**: "), "{}", run.stdout);
    assert!(run.stdout.contains("accepts more than before, most of all `fused_qknorm"), "{}", run.stdout);
}

#[test]
fn a_diff_of_baselines_names_each_thing_that_changed() {
    let scratch = Scratch::new("baseline-diff");
    recorded(&scratch, &presets::moe_decode());
    scratch.capture("new", &presets::moe_decode_unfused());
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "new", "-o", "n.yaml"]).code, 0);
    let same = run_in(&here, &["baseline", "diff", "b.yaml", "b.yaml"]);
    assert_eq!((same.code, same.stdout.as_str()), (0, "nothing changed\n"));
    let diff = run_in(&here, &["baseline", "diff", "b.yaml", "n.yaml"]);
    assert_eq!(diff.code, 0, "{}", diff.stderr);
    for wanted in [
        "  stage decode",
        "-   flashinfer-fused-add-rms-norm-bf16 (norm), 96 a step",
        "in its place",
        "!   path fused-residual-add-rmsnorm: active, 96 fused",
        " decode · layer A ×48",
    ] {
        assert!(diff.stdout.contains(wanted), "{wanted}: {}", diff.stdout);
    }
}

#[test]
fn two_captures_are_compared_without_a_baseline() {
    let scratch = Scratch::new("diff");
    scratch.capture("a", &presets::moe_decode());
    scratch.capture("b", &presets::moe_decode_unfused());
    scratch.capture("hip", &presets::hip_decode());
    let here = scratch.path("");
    let same = run_in(&here, &["diff", "a", "a"]);
    assert_eq!((same.code, same.stdout.as_str()), (0, "  nothing changed\n\n"), "{}", same.stderr);
    let diff = run_in(&here, &["diff", "a", "b"]);
    assert_eq!(diff.code, 0, "{}", diff.stderr);
    assert!(
        diff.stdout.contains("[path-missing]") && diff.stdout.contains(" decode · layer A ×48"),
        "{}",
        diff.stdout
    );
    let json = run_in(&here, &["diff", "a", "b", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((report["verdict"].as_str(), report["exit_code"].as_u64()), (Some("fail"), Some(0)));
    let other = run_in(&here, &["diff", "a", "hip"]);
    assert_eq!(other.code, 3, "{}", other.stdout);
    assert!(other.stdout.starts_with("\ncannot be compared: "), "{}", other.stdout);
}

#[test]
fn a_lint_names_what_guards_nothing() {
    let scratch = Scratch::new("lint");
    let good = recorded(&scratch, &presets::moe_decode());
    let here = scratch.path("");
    let clean = run_in(&here, &["baseline", "lint", "b.yaml", "--against", "old"]);
    assert_eq!(clean.code, 0, "{}", clean.stdout);
    assert!(clean.stdout.contains("0 errors"), "{}", clean.stdout);
    let row = good.lines().find(|line| line.contains("kernel: flashinfer-fused-add")).unwrap();
    let path = good.lines().find(|line| line.contains("path: fused-residual-add-rmsnorm")).unwrap();
    let waiver = |day: &str| {
        format!("waivers:\n  - {{ finding: kernel-slower, subject: k, reason: r, owner: o, until: {day} }}\n")
    };
    let promise = |row: &str| {
        good.replacen("stages:\n", &format!("expect:\n  - {{ {row} }}\n  - {{ {row} }}\nstages:\n"), 1)
    };
    for (text, rule, code) in [
        (good.replacen(row, &zeroed(row), 1), "error[unset]", 1),
        (
            good.replacen(row, &row.replace(" }", ", n: 1 }"), 1).replacen("captures: 1", "captures: 5", 1),
            "note[unset]",
            0,
        ),
        (good.replacen(path, &path.replace("rmsnorm", "rmsnrm"), 1), "error[dead]", 1),
        (good.replacen(path, &path.replace(" }", ", level: allow }"), 1), "warning[unguarded]", 0),
        (good.replacen(row, &row.replace("fused-add", "fused-sub"), 1), "error[dead]", 1),
        (promise("kernel: \"flashinfer*\", state: required"), "warning[duplicate]", 0),
        (promise("kernel: nosuch, state: required"), "warning[dead]", 0),
        (good.clone() + &waiver("2026-01-31"), "error[expired]", 1),
        (good.clone() + &waiver("2026-12-05"), "warning[expired]", 0),
        (good.clone() + &waiver("2027-12-05"), "warning[unused]", 0),
    ] {
        scratch.file("c.yaml", &text);
        let run = run_in(&here, &["baseline", "lint", "c.yaml", "--against", "old", "--today", "2026-12-01"]);
        assert_eq!(run.code, code, "{rule}: {}{}", run.stdout, run.stderr);
        assert!(run.stdout.contains(rule), "{rule}: {}", run.stdout);
    }
}

/// The row with its time of a step set to 0, as a file that was filled in by hand has it.
fn zeroed(row: &str) -> String {
    let (before, rest) = row.split_once(" us: ").unwrap();
    let (_, after) = rest.split_once(',').unwrap();
    format!("{before} us: 0,{after}")
}

#[test]
fn a_time_that_a_second_capture_does_not_repeat_is_flaky() {
    let scratch = Scratch::new("confirm");
    recorded(&scratch, &presets::moe_decode());
    scratch.capture("slow", &scaled("fused_add_rmsnorm", 160));
    let here = scratch.path("");
    let check =
        |second: &[&str]| run_in(&here, &[&["check", "--baseline", "b.yaml", "slow"], second].concat());
    let alone = check(&[]);
    assert_eq!(alone.code, 1, "{}", alone.stdout);
    assert!(alone.stdout.contains("kernel-slower"), "{}", alone.stdout);
    let repeated = check(&["--confirm", "slow"]);
    assert_eq!(repeated.code, 1, "{}", repeated.stdout);
    let flaky = check(&["--confirm", "old"]);
    assert_eq!(flaky.code, 0, "{}", flaky.stdout);
    assert!(flaky.stdout.contains("flaky"), "{}", flaky.stdout);
}

#[test]
fn real_repeats_and_improvements_are_refreshed_as_a_person_would() {
    let Some(folder) = corpus("lightllm-dsv3-ep8-h200-decode") else { return };
    let scratch = Scratch::new("refresh-real");
    let capture = |name: &str| folder.join(name);
    let file = scratch.path("b.yaml");
    let (b0, b1, c0) = (capture("B0-sglquant"), capture("B1-sglquant"), capture("C0-deepgemm576"));
    assert_eq!(run(&["baseline", "record", arg(&b0), "-o", arg(&file)]).code, 0);
    let before = text(&scratch, "b.yaml");
    let reports = scratch.path("reports");
    let refresh = |capture| {
        run(&["baseline", "refresh", "--baseline", arg(&file), "--report-dir", arg(&reports), capture])
    };
    let repeat = refresh(arg(&b1));
    assert_eq!((repeat.code, text(&scratch, "b.yaml")), (0, before), "{}", repeat.stderr);
    assert_eq!(refresh(arg(&c0)).code, 0);
    let better = text(&scratch, "b.yaml");
    assert!(better.contains("deepgemm-fp8-gemm-576x7168") && !better.contains("_block_scaled_block_gemm"));
    // The way back is what `check` fails, so it is not taken.
    let back = refresh(arg(&b0));
    assert_eq!((back.code, text(&scratch, "b.yaml")), (1, better), "{}", back.stderr);
    assert!(back.stdout.contains("- [ ] `deepgemm-fp8-gemm-576x7168`"), "{}", back.stdout);
}
