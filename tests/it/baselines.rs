//! Baselines of several captures, and what may go into one.

use profgate::synth::presets::{self, names};
use profgate::synth::{self, KernelSpec, Workload};

use crate::support::{Scratch, arg, corpus, run, run_in};

/// Repeats of one workload: other noise, same work.
fn repeats(scratch: &Scratch, of: impl Fn() -> Workload, count: u64) -> Vec<String> {
    (0..count)
        .map(|number| {
            let mut workload = of();
            workload.seed += number;
            scratch.capture(&format!("run{number}"), &workload);
            format!("run{number}")
        })
        .collect()
}

fn record(scratch: &Scratch, runs: &[&str]) -> String {
    let recorded = run_in(&scratch.path(""), &[&["baseline", "record", "--repeat"], runs].concat());
    assert_eq!(recorded.code, 0, "{}", recorded.stderr);
    recorded.stdout
}

#[test]
fn the_order_of_repeats_does_not_matter_and_each_of_them_passes() {
    let scratch = Scratch::new("repeats");
    let runs = repeats(&scratch, presets::moe_one_step, 5);
    let mut order: Vec<&str> = runs.iter().map(String::as_str).collect();
    let text = record(&scratch, &order);
    assert!(text.contains("captures: 5") && text.contains("mad-us: "), "{text}");
    let steps = text.lines().find(|line| line.contains("busy-us:")).unwrap();
    assert!(!steps.contains("mad-us: 0 "), "the noise of repeats is not zero: {steps}");
    for _ in 1..order.len() {
        order.rotate_left(1);
        assert_eq!(record(&scratch, &order), text);
    }
    order.reverse();
    assert_eq!(record(&scratch, &order), text);
    scratch.file("b.yaml", &text);
    for one in &runs {
        let run = run_in(&scratch.path(""), &["check", "--baseline", "b.yaml", one]);
        assert_eq!(run.code, 0, "{}", run.stdout);
        assert!(!run.stdout.contains("warn"), "{}", run.stdout);
    }
}

#[test]
fn reports_stand_for_their_captures() {
    let scratch = Scratch::new("from-reports");
    let runs = repeats(&scratch, presets::moe_one_step, 2);
    let here = scratch.path("");
    let traces = record(&scratch, &[&runs[0], &runs[1]]);
    for one in &runs {
        let triage = run_in(&here, &["triage", one, "--format", "json"]);
        scratch.file(&format!("{one}.json"), triage.stdout);
    }
    assert_eq!(record(&scratch, &["run0.json", "run1.json"]), traces);
    let named = run_in(&here, &["baseline", "record", "run0.json", "run1.json"]);
    assert_eq!(named.stdout, traces, "{}", named.stderr);
    // So does the report of a check.
    scratch.file("b.yaml", record(&scratch, &["run0"]));
    assert_eq!(run_in(&here, &["check", "--baseline", "b.yaml", "run0"]).code, 0);
    assert_eq!(record(&scratch, &["profgate-report/report.json"]), record(&scratch, &["run0"]));
}

#[test]
fn a_report_of_one_rank_does_not_stand_for_two() {
    let scratch = Scratch::new("rank-report");
    scratch.capture("t", &presets::two_rank_tp());
    let here = scratch.path("");
    scratch.file("one.json", run_in(&here, &["triage", "t", "--format", "json"]).stdout);
    scratch.file("all.json", run_in(&here, &["triage", "t", "--rank", "all", "--format", "json"]).stdout);
    let refused = run_in(&here, &["baseline", "record", "one.json"]);
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert!(refused.stderr.contains("1 of 2 ranks"), "{}", refused.stderr);
    let whole = run_in(&here, &["baseline", "record", "all.json"]);
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    assert_eq!(whole.stdout, run_in(&here, &["baseline", "record", "t"]).stdout);
}

#[test]
fn captures_of_two_things_make_no_baseline() {
    let scratch = Scratch::new("no-repeats");
    scratch.capture("b300", &presets::moe_one_step());
    scratch.capture("hip", &presets::hip_decode());
    let refused = run_in(&scratch.path(""), &["baseline", "record", "--repeat", "b300", "hip"]);
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert!(refused.stderr.contains("hip is no repeat of b300: gpu is"), "{}", refused.stderr);
}

#[test]
fn real_repeats_make_one_baseline_and_keep_to_it() {
    let Some(folder) = corpus("lightllm-dsv3-ep8-h200-decode") else { return };
    let scratch = Scratch::new("real-repeats");
    let (b0, b1) = (folder.join("B0-sglquant"), folder.join("B1-sglquant"));
    let baseline = scratch.path("b.yaml");
    let recorded = run(&["baseline", "record", "--repeat", arg(&b0), arg(&b1), "-o", arg(&baseline)]);
    assert_eq!(recorded.code, 0, "{}", recorded.stderr);
    let reports = scratch.path("reports");
    for capture in [&b0, &b1] {
        let run = run(&["check", "--baseline", arg(&baseline), "--report-dir", arg(&reports), arg(capture)]);
        assert_eq!(run.code, 0, "{}", run.stdout);
        assert!(!run.stdout.contains("warn"), "{}", run.stdout);
    }
}

/// Two ranks, of which the second comes from another workload.
fn with_second_rank_of(scratch: &Scratch, name: &str, first: &Workload, second: &Workload) {
    scratch.capture(name, first);
    scratch.capture("other", second);
    let file = synth::capture_file_name(first, 1);
    std::fs::copy(scratch.path(&format!("other/{file}")), scratch.path(&format!("{name}/{file}"))).unwrap();
}

#[test]
fn a_rank_that_stops_doing_part_of_the_work_is_doubted_and_one_that_does_more_fails() {
    let before = presets::two_rank_tp();
    let scratch = Scratch::new("uneven");
    let here = scratch.path("");
    scratch.capture("before", &before);
    assert_eq!(run_in(&here, &["baseline", "record", "before", "-o", "b.yaml"]).code, 0);
    let mut less = before.clone();
    assert!(less.remove(names::dense::MLP_GEMM) > 0);
    with_second_rank_of(&scratch, "less", &before, &less);
    let said = run_in(&here, &["check", "--baseline", "b.yaml", "less"]);
    assert_eq!(said.code, 3, "{}", said.stdout);
    assert!(said.stdout.contains("steps or ranks of the capture are not alike"), "{}", said.stdout);
    // Nothing of it is taken for the baseline either.
    let text = std::fs::read_to_string(scratch.path("b.yaml")).unwrap();
    let refreshed = run_in(&here, &["baseline", "refresh", "--baseline", "b.yaml", "less"]);
    assert!(refreshed.code != 0, "{}", refreshed.stdout);
    assert_eq!(std::fs::read_to_string(scratch.path("b.yaml")).unwrap(), text);
    let mut more = before.clone();
    let norm = names::dense::ADD_NORM;
    let extra =
        [KernelSpec::kernel(norm, 5.0), KernelSpec::kernel("void one_more_kernel<float>(float*)", 30.0)];
    assert!(more.replace(norm, &extra) > 0);
    with_second_rank_of(&scratch, "more", &before, &more);
    let said = run_in(&here, &["check", "--baseline", "b.yaml", "more"]);
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.stdout.contains("[structure-costlier]"), "{}", said.stdout);
}

#[test]
fn repeats_that_ran_other_kernels_or_are_one_capture_are_refused() {
    let scratch = Scratch::new("unlike-repeats");
    let here = scratch.path("");
    scratch.capture("fused", &presets::moe_decode());
    scratch.capture("unfused", &presets::moe_decode_unfused());
    let refused = run_in(&here, &["baseline", "record", "--repeat", "fused", "unfused"]);
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert!(refused.stderr.contains("unfused is no repeat of fused: "), "{}", refused.stderr);
    let refused = run_in(&here, &["baseline", "record", "--repeat", "fused", "fused"]);
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert!(refused.stderr.contains("fused is named twice"), "{}", refused.stderr);
}
