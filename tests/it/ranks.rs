//! Several ranks: who waits, who is slow, and what a collective costs.

use std::path::Path;

use profgate::synth::presets;
use serde_json::Value;

use crate::support::{Scratch, arg, corpus, run};

fn triage(path: &Path, more: &[&str]) -> Value {
    let run = run(&[&["triage", arg(path), "--format", "json"], more].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

fn ms(value: &Value) -> f64 {
    value.as_f64().unwrap() / 1e6
}

#[test]
fn the_rank_that_waits_inside_the_all_reduce_is_named() {
    let Some(folder) = corpus("megatron-tp2-v100-2rank") else { return };
    let ranks = &triage(&folder, &[])["ranks"];
    let rows = ranks["collectives"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((&row["kernel"], &row["matched"]), (&"nccl-all-reduce-fp32".into(), &true.into()));
    assert!((0.26..0.28).contains(&ms(&row["true_ns"])), "{row}");
    assert_eq!(ms(&row["ranks"][0]["waiting_ns"]), 0.0);
    assert!((48.0..48.3).contains(&ms(&row["ranks"][1]["waiting_ns"])), "{row}");
    let text = run(&["triage", arg(&folder)]).stdout;
    assert!(text.contains("\nRanks\n") && text.contains("Rank 0 computes 12.2 % longer"), "{text}");
}

#[test]
fn half_of_deepep_combine_is_waiting_on_every_rank() {
    let Some(folder) = corpus("lightllm-dsv3-ep8-h200-decode/B0-sglquant") else { return };
    let triage = triage(&folder, &[]);
    let rows = triage["ranks"]["collectives"].as_array().unwrap();
    let row = rows.iter().find(|row| row["kernel"] == "deepep-low-latency-combine").unwrap();
    assert_eq!(row["matched"], true);
    assert!((21.25..21.35).contains(&ms(&row["true_ns"])), "{row}");
    let times: Vec<f64> = row["ranks"].as_array().unwrap().iter().map(|rank| ms(&rank["ns"])).collect();
    let least = times.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!((times.len(), times[7]), (8, least));
    assert!((41.7..41.85).contains(&least), "{times:?}");
    assert_eq!(triage["ranks"]["stragglers"].as_array().unwrap().len(), 0);
    // The baseline holds the cost, and not a rank's time.
    let baseline = run(&["baseline", "record", arg(&folder)]).stdout;
    let line = baseline.lines().find(|line| line.contains("deepep-low-latency-combine")).unwrap();
    assert!(line.contains("21300"), "{line}");
}

#[test]
fn a_late_rank_makes_the_other_wait() {
    let scratch = Scratch::new("late");
    let mut workload = presets::two_rank_tp();
    workload.noise_permille = 0;
    workload.late = None;
    let even = triage(&scratch.capture("even", &workload), &[]);
    workload.late = Some(profgate::synth::LateRank { rank: 1, ns: 50_000 });
    let late = triage(&scratch.capture("late", &workload), &[]);
    let row = |triage: &Value| triage["ranks"]["collectives"][0].clone();
    assert_eq!(row(&late)["true_ns"], row(&even)["true_ns"]);
    assert_eq!(row(&late)["ranks"][1]["waiting_ns"], 0);
    let waits = row(&late)["ranks"][0]["waiting_ns"].as_i64().unwrap();
    assert!(waits > 50_000, "{waits}");
    assert_eq!(row(&late)["waiting_ns"], waits);
}

#[test]
fn a_single_rank_is_compared_with_nobody() {
    let scratch = Scratch::new("single");
    let two = scratch.capture("two", &presets::two_rank_tp());
    assert!(triage(&two, &[])["ranks"].is_object());
    assert!(triage(&two, &["--rank", "1"])["ranks"].is_null());
    let markdown = run(&["triage", arg(&two), "--format", "markdown", "--rank", "1"]).stdout;
    assert!(!markdown.contains("## Ranks"), "{markdown}");
}
