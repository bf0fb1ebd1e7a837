//! Rules of the verdict, on small captures that show one thing each.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use crate::support::{Scratch, run_in};

/// A kernel of a hand-made capture: name, launches, microseconds of each.
type Row<'a> = (&'a str, u32, f64);

/// A trace without steps in which the rows run one after the other.
fn trace(rows: &[Row<'_>]) -> String {
    let mut events = String::from("[");
    let mut at = 1000.0;
    for (name, launches, us) in rows {
        for launch in 0..*launches {
            // A little noise, the same for every capture: instances of no spread would be certain of anything.
            let us = us * (1.0 + f64::from(launch % 5) * 0.002);
            let _ = write!(
                events,
                r#"{{"ph":"X","cat":"kernel","name":"{name}","pid":0,"tid":7,"ts":{at:.3},"dur":{us:.3},"args":{{"stream":7,"device":0}}}},"#
            );
            at += us + 1.0;
        }
    }
    events.pop();
    events + "]"
}

fn check(name: &str, before: &[Row<'_>], after: &[Row<'_>]) -> (i32, Value) {
    let scratch = Scratch::new(name);
    scratch.file("before.json", trace(before));
    scratch.file("after.json", trace(after));
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "before.json", "-o", "b.yaml"]).code, 0);
    judge(&here, "after.json")
}

fn judge(here: &Path, capture: &str) -> (i32, Value) {
    let run = run_in(here, &["check", "--baseline", "b.yaml", capture]);
    let report: Value =
        serde_json::from_slice(&std::fs::read(here.join("profgate-report/report.json")).unwrap()).unwrap();
    (run.code, report["scenarios"][0].clone())
}

fn codes(scenario: &Value) -> Vec<&str> {
    scenario["findings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect()
}

const SMALL: [Row<'static>; 5] = [
    ("alpha", 40, 20.0),
    ("beta", 40, 22.0),
    ("gamma", 40, 24.0),
    ("delta", 40, 18.0),
    ("epsilon", 40, 19.0),
];

fn with(more: &[Row<'static>]) -> Vec<Row<'static>> {
    SMALL.iter().chain(more).copied().collect()
}

#[test]
fn a_dominant_kernel_that_slows_down_is_no_drift() {
    let (code, scenario) =
        check("dominant", &with(&[("gemm_main", 60, 200.0)]), &with(&[("gemm_main", 60, 280.0)]));
    assert_eq!(code, 1, "{scenario}");
    assert_eq!(codes(&scenario), ["kernel-slower"]);
}

#[test]
fn all_kernels_together_are_drift_and_fail_nothing() {
    let slower: Vec<Row<'_>> = SMALL.iter().map(|(name, count, us)| (*name, *count, us * 1.4)).collect();
    let (code, scenario) = check("drift", &SMALL, &slower);
    assert_eq!(code, 0, "{scenario}");
    assert!(codes(&scenario).contains(&"environment-drift"), "{scenario}");
}

#[test]
fn a_swap_on_a_slightly_slower_machine_has_no_price() {
    let slower: Vec<Row<'_>> = SMALL.iter().map(|(name, count, us)| (*name, *count, us * 1.019)).collect();
    let after: Vec<Row<'_>> = slower.into_iter().chain([("gemm_new", 60, 203.8)]).collect();
    let (code, scenario) = check("swap", &with(&[("gemm_old", 60, 200.0)]), &after);
    assert_eq!(code, 0, "{scenario}");
    assert_eq!(codes(&scenario), ["kernel-replaced"]);
}

#[test]
fn missing_work_is_no_improvement() {
    let (code, scenario) = check("vanished", &with(&[("attention_main", 40, 50.0)]), &SMALL);
    assert_eq!(code, 1, "{scenario}");
    assert_eq!(codes(&scenario), ["kernel-vanished"]);
    // One more launch of another kernel of the role takes no place of forty.
    let (code, _) = check(
        "vanished-one",
        &with(&[("attention_main", 40, 50.0), ("attention_small", 40, 5.0)]),
        &with(&[("attention_small", 41, 5.0)]),
    );
    assert_eq!(code, 1);
}

#[test]
fn the_message_leads_with_what_costs() {
    let before = with(&[("tiny_helper", 1, 1.0), ("gemm_main", 40, 50.0)]);
    let after = with(&[("gemm_main", 80, 50.0)]);
    let (code, scenario) = check("lead", &before, &after);
    assert_eq!(code, 1);
    assert_eq!(scenario["findings"][0]["subject"], "gemm_main");
}

#[test]
fn one_change_violates_one_case_and_the_other_rows_point_at_it() {
    let before = with(&[("gemm_a", 40, 50.0), ("gemm_b", 40, 40.0)]);
    let after = with(&[("gemm_c", 40, 70.0), ("gemm_d", 40, 60.0)]);
    let (code, scenario) = check("cases", &before, &after);
    assert_eq!(code, 1);
    let of = |result: &str| -> Vec<&str> {
        let cases = scenario["cases"].as_array().unwrap().iter().filter(|case| case["result"] == result);
        cases.map(|case| case["subject"].as_str().unwrap()).collect()
    };
    let subject = scenario["findings"][0]["subject"].as_str().unwrap();
    assert_eq!(of("violated"), [subject]);
    let other = if subject == "gemm_a" { "gemm_b" } else { "gemm_a" };
    assert_eq!(of("skipped"), [""; 0]);
    let cases = scenario["cases"].as_array().unwrap();
    let pointing = cases.iter().find(|case| case["subject"] == other).unwrap();
    assert_eq!(pointing["result"], "held");
    assert!(pointing["message"].as_str().unwrap().contains(subject), "{pointing}");
}

#[test]
fn unlike_launches_of_one_row_are_no_noise() {
    // Six copies of two sizes: their spread is as large as they are, and the same in every capture.
    let unlike = |name: &'static str, part: f64| -> Vec<Row<'static>> {
        (0..6).map(|at| (name, 1, if at % 2 == 0 { 10.0 } else { 200.0 } * part)).collect()
    };
    let side = |name, part| with(&[("gemm_main", 60, 60.0)]).into_iter().chain(unlike(name, part)).collect();
    let (before, after): (Vec<Row<'_>>, Vec<Row<'_>>) =
        (side("copy_old_kernel", 1.0), side("copy_new_kernel", 1.27));
    let (code, scenario) = check("unlike", &before, &after);
    let pct = scenario["price"][0]["structural_pct"].as_f64().unwrap();
    assert!((1.8..2.2).contains(&pct), "{pct}");
    assert_eq!((code, codes(&scenario)), (1, vec!["structure-costlier"]));
}

#[test]
fn a_kernel_that_one_rank_of_eight_lost_is_seen() {
    let scratch = Scratch::new("one-rank");
    let all = with(&[("norm_fused", 30, 30.0)]);
    let swapped = with(&[("norm_plain", 30, 60.0)]);
    // No two ranks write the same bytes.
    let of_rank = |rank: usize, text: String| text + &"\n".repeat(rank);
    for rank in 0..8 {
        scratch.file(&format!("before/rank{rank}.json"), of_rank(rank, trace(&all)));
        let after = trace(if rank == 5 { &swapped } else { &all });
        scratch.file(&format!("after/rank{rank}.json"), of_rank(rank, after));
    }
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "before", "-o", "b.yaml"]).code, 0);
    let (_, scenario) = judge(&here, "after");
    assert!(!codes(&scenario).is_empty(), "{scenario}");
}

#[test]
fn what_is_excused_hides_nothing() {
    let scratch = Scratch::new("excused");
    scratch.file("good.json", trace(&SMALL));
    scratch.file("empty.json", "[]");
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "good.json", "-o", "b.yaml"]).code, 0);
    scratch.file(
        "profgate.yaml",
        "schema: 1\nscenarios:\n  a: { input: empty.json, baseline: b.yaml }\n  b: { input: good.json, baseline: none.yaml }\n",
    );
    assert_eq!(run_in(&here, &["check"]).code, 3);
    assert_eq!(run_in(&here, &["check", "--on-inconclusive", "warn"]).code, 4);
    assert_eq!(
        run_in(&here, &["check", "--on-inconclusive", "warn", "--on-missing-baseline", "warn"]).code,
        0
    );
}

#[test]
fn a_noise_band_of_five_captures_decides_what_is_slower() {
    let before = with(&[("gemm_main", 60, 200.0)]);
    let scratch = Scratch::new("band");
    scratch.file("before.json", trace(&before));
    scratch.file("after.json", trace(&with(&[("gemm_main", 60, 222.0)])));
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "before.json", "-o", "b.yaml"]).code, 0);
    let recorded = std::fs::read_to_string(here.join("b.yaml")).unwrap();
    assert_eq!(codes(&judge(&here, "after.json").1), ["kernel-slower"], "a warning without a band");
    assert_eq!(judge(&here, "after.json").0, 0);
    let band = |captures: u32, mad_us: f64| {
        // Every row gets the band; the time of a step is 12 ms.
        let text = recorded
            .replace("captures: 1", &format!("captures: {captures}"))
            .replace(", each-us:", &format!(", mad-us: {mad_us}, each-us:"));
        scratch.file("b.yaml", text);
        judge(&here, "after.json").0
    };
    // The kernel takes 1.33 ms more, 11 %.
    assert_eq!(band(5, 20.0), 1, "five times 1.48 × 20 µs are 148 µs, and the least band is 600 µs");
    assert_eq!(band(5, 400.0), 0, "five times 1.48 × 400 µs are 2.97 ms");
    assert_eq!(band(4, 20.0), 0, "four captures are no band");
}
