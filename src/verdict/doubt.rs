//! Tier 0, *may I judge?* Everything that makes a comparison meaningless, the reason first.

use super::code::Code;
use super::finding::Finding;
use crate::baseline::{Baseline, Observation};
use crate::triage::Triage;

/// Doubts about the capture alone: it measured nothing, or part of it is missing.
pub fn about_capture(ranks: &[Triage]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for triage in ranks {
        let files = || triage.traces.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>().join(", ");
        for entry in triage.health.iter().filter(|entry| crate::trace::forbids_judgement(&entry.code)) {
            let message = format!("{} ({} ×{})", entry.detail, entry.code, entry.count);
            findings.push(
                Finding::new(Code::CaptureDamaged, files(), message)
                    .with_help("profile again, and wait until the server has written the whole file"),
            );
        }
        if triage.kernels() == 0 {
            let copies = triage.activities();
            let message = if copies == 0 {
                "no GPU activity was recorded".to_owned()
            } else {
                format!("no kernel was recorded, only {}", crate::common::text::count(copies, "copy"))
            };
            findings.push(Finding::new(Code::CaptureEmpty, files(), message).with_help(
                "profile with GPU activities on while requests run, and check that the profiler may read GPU counters",
            ));
        }
    }
    findings
}

/// Doubts about holding this capture against this baseline.
pub fn about_comparison(baseline: &Baseline, capture: &Observation, file: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let expected = baseline.comparable.fingerprint();
    for mismatch in expected.mismatches(&capture.fingerprint) {
        let message = format!(
            "the baseline's {} is {}, the capture's is {}",
            mismatch.what, mismatch.baseline, mismatch.capture
        );
        findings.push(
            Finding::new(Code::NotComparable, mismatch.what, message)
                .at(file, 0)
                .with_help("use the baseline of this machine and model, or record one"),
        );
    }
    if capture.fingerprint.ranks < expected.ranks {
        let message = format!(
            "the baseline has {} ranks, the capture has {}",
            expected.ranks, capture.fingerprint.ranks
        );
        findings.push(
            Finding::new(Code::RankMissing, "ranks", message)
                .at(file, 0)
                .with_numbers(f64::from(expected.ranks), f64::from(capture.fingerprint.ranks), "ranks")
                .with_help("collect the trace of every rank; a rank that crashed leaves none"),
        );
    }
    for (stage, expected) in &baseline.stages {
        let Some(observed) = capture.stages.get(stage) else { continue };
        let expected_by = expected.steps.value.found_by;
        if expected_by != observed.found_by {
            let message = format!(
                "the baseline's steps were told by {}, the capture's by {}; their numbers are not of the same thing",
                expected_by.as_str(),
                observed.found_by.as_str()
            );
            findings.push(
                Finding::new(Code::NotComparable, "steps", message)
                    .in_stage(*stage)
                    .at(file, expected.steps.referenced.line())
                    .with_help("profile as the baseline was profiled, or record it anew"),
            );
        }
    }
    for stage in baseline.stages.keys() {
        if !capture.stages.contains_key(stage) {
            let present: Vec<&str> = capture.stages.keys().map(|stage| stage.as_str()).collect();
            let message = format!(
                "the baseline expects stage `{}`; the capture has {}",
                stage.as_str(),
                if present.is_empty() { "none".to_owned() } else { present.join(", ") }
            );
            findings.push(
                Finding::new(Code::StageMissing, stage.as_str(), message)
                    .in_stage(*stage)
                    .at(file, 0)
                    .with_help("profile both stages, or name the stage in the file or directory"),
            );
        }
    }
    findings
}
