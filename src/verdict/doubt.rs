//! Tier 0, *may I judge?* Everything that makes a comparison meaningless, the reason first.

use std::collections::BTreeMap;

use super::code::Code;
use super::finding::Finding;
use crate::baseline::{Baseline, Observation};
use crate::trace::HealthCode;
use crate::triage::{Stage, Triage};

/// Doubts about the capture alone: it measured nothing, or part of it is missing.
pub fn about_capture(ranks: &[Triage]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for triage in ranks {
        let files = || triage.traces.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>().join(", ");
        for entry in triage.health.iter().filter(|entry| crate::trace::forbids_judgement(&entry.code)) {
            let message = format!("{} ({} ×{})", entry.detail, entry.code, entry.count);
            findings.push(
                Finding::new(Code::CaptureDamaged, files(), message)
                    .with_help(crate::trace::advice(main_loss(triage, &entry.code))),
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
    findings.extend(about_gpus(ranks));
    findings
}

/// The subject of the doubt about ranks that ran on different GPUs.
pub const MIXED_GPUS: &str = "gpu of the ranks";

/// Ranks of one stage that ran on different models of GPU: their numbers have no median that means something.
///
/// Prefill and decode may run on different ones, where each has a server of its own.
fn about_gpus(ranks: &[Triage]) -> Option<Finding> {
    let mut of_stage: BTreeMap<Stage, BTreeMap<&str, Vec<u32>>> = BTreeMap::new();
    for triage in ranks {
        for entry in triage.traces.iter().filter(|entry| entry.part == "formal") {
            let Some(gpu) = entry.gpu.as_deref() else { continue };
            let stages = match entry.stage {
                Some(stage) => vec![stage],
                None => triage.stages.iter().map(|stage| stage.stage).collect(),
            };
            for stage in stages {
                of_stage.entry(stage).or_default().entry(gpu).or_default().push(entry.rank);
            }
        }
    }
    let (stage, gpus) = of_stage.into_iter().find(|(_, gpus)| gpus.len() > 1)?;
    let names = |ranks: Vec<u32>| ranks.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let parts: Vec<String> =
        gpus.into_iter().map(|(gpu, ranks)| format!("{gpu} (rank {})", names(ranks))).collect();
    let message =
        format!("the ranks of stage `{}` ran on different GPUs: {}", stage.as_str(), parts.join("; "));
    Some(
        Finding::new(Code::NotComparable, MIXED_GPUS, message).in_stage(stage).with_help(
            "leave files of another machine out of the capture, or judge each machine's on its own",
        ),
    )
}

/// The code whose advice helps: where most of what is lost beyond the limit is of one kind, that kind's.
fn main_loss<'c>(triage: &'c Triage, code: &'c str) -> &'c str {
    if code != HealthCode::LossBeyondLimit.as_str() {
        return code;
    }
    let count =
        |of: &str| triage.health.iter().filter(|one| one.code == of).map(|one| one.count).sum::<u64>();
    let clock = [HealthCode::NegativeDuration, HealthCode::ActivityAtZero].map(HealthCode::as_str);
    let others = [
        HealthCode::ActivityWithoutTime,
        HealthCode::NameMissing,
        HealthCode::LaunchWithoutTime,
        HealthCode::ActivityMissing,
        HealthCode::EventLost,
    ];
    let lost: u64 = others.iter().map(|of| count(of.as_str())).sum();
    let by_clock = clock.into_iter().max_by_key(|of| count(of)).filter(|of| count(of) > lost);
    by_clock.unwrap_or(code)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::triage::HealthEntry;

    #[test]
    fn times_that_cannot_be_are_no_overflow_of_a_buffer() {
        let help = |codes: &[(HealthCode, u64)]| {
            let mut triage = fixture::triage();
            triage.health = codes
                .iter()
                .map(|(code, count)| HealthEntry {
                    code: code.as_str().to_owned(),
                    count: *count,
                    detail: String::new(),
                })
                .collect();
            about_capture(&[triage]).first().map(|one| one.help.clone()).unwrap_or_default()
        };
        let beyond = (HealthCode::LossBeyondLimit, 1);
        assert!(help(&[(HealthCode::NegativeDuration, 40), beyond]).contains("clock"));
        assert!(help(&[(HealthCode::ActivityMissing, 40), beyond]).contains("buffers"));
        assert!(
            help(&[(HealthCode::NegativeDuration, 4), (HealthCode::ActivityMissing, 40), beyond])
                .contains("buffers")
        );
    }
}
