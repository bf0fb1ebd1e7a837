//! Promises of a person, held against a capture. They deny by themselves and need no recorded number.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::finding::Finding;
use super::lost_path::{name_of, ran_as, what_to_do};
use crate::baseline::{
    Baseline, LayersObservation, Observation, Per, Promise, PromiseSubject, PromisedState, RowObservation,
    StageObservation, promise_matches,
};
use crate::common::text::{launches, signed_time, time, times};
use crate::common::yaml::Spanned;
use crate::triage::{PathState, Stage};

/// A promise and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlacedPromise {
    /// What is promised.
    pub promise: Promise,
    /// The file, as the user names it.
    pub file: String,
    /// Its line there.
    pub line: u64,
}

impl PlacedPromise {
    /// Promises of a file.
    pub fn of_rows(rows: &[Spanned<Promise>], file: &str) -> Vec<Self> {
        let placed = rows.iter().map(|row| Self {
            promise: row.value.clone(),
            file: file.to_owned(),
            line: row.referenced.line(),
        });
        placed.collect()
    }

    /// The promises of a baseline: its `expect`, and the limits of its overlap rows.
    pub fn of_baseline(baseline: &Baseline, file: &str) -> Vec<Self> {
        let mut placed = Self::of_rows(&baseline.expect, file);
        for (stage, expected) in &baseline.stages {
            for row in &expected.overlaps {
                let Some(limit) = row.value.at_most else { continue };
                let promise = Promise {
                    role: Some(row.value.role),
                    stage: Some(*stage),
                    exposed_us: Some(limit),
                    ..Promise::default()
                };
                placed.push(Self { promise, file: file.to_owned(), line: row.referenced.line() });
            }
        }
        placed
    }

    /// The stages that it is about, of those that a capture has.
    fn stages<'c>(&self, capture: &'c Observation) -> Vec<(Stage, &'c StageObservation)> {
        let stages = capture.stages.iter().map(|(stage, observed)| (*stage, observed));
        stages.filter(|(stage, _)| self.promise.stage.is_none_or(|wanted| wanted == *stage)).collect()
    }

    /// The stages that a case is about: those that the capture has, else the one that is promised.
    pub(super) fn stages_told(&self, capture: &Observation) -> Vec<Stage> {
        let mut stages: Vec<Stage> = self.stages(capture).into_iter().map(|(stage, _)| stage).collect();
        if stages.is_empty() {
            stages.extend(self.promise.stage);
        }
        stages
    }

    /// What it is about: a path, a pattern of kernel ids, or a role.
    pub(super) fn subject(&self) -> String {
        self.promise.subject().map(PromiseSubject::text).unwrap_or_default()
    }

    fn finding(&self, code: Code, stage: Stage, message: String) -> Finding {
        let mut finding =
            Finding::new(code, self.subject(), message).in_stage(stage).at(&self.file, self.line);
        finding
            .evidence
            .extend(self.promise.reason.as_ref().map(|reason| format!("promised because: {reason}")));
        finding
    }
}

/// What breaks a promise, of a capture that can be judged.
pub fn findings(promises: &[PlacedPromise], capture: &Observation) -> Vec<Finding> {
    let mut findings = Vec::new();
    for placed in promises {
        let stages = placed.stages(capture);
        if let (true, Some(stage)) = (stages.is_empty(), placed.promise.stage) {
            findings.push(stage_missing(placed, stage, capture));
        }
        for (stage, observed) in stages {
            findings.extend(broken(placed, stage, observed));
        }
    }
    findings
}

/// Adds what breaks promises to what was found; a lost path of which a row of the baseline tells is told once.
pub fn add(findings: &mut Vec<Finding>, promised: Vec<Finding>) {
    for finding in promised {
        let is_told = findings.iter().any(|known| {
            known.code == finding.code && known.stage == finding.stage && known.subject == finding.subject
        });
        if !is_told {
            findings.push(finding);
        }
    }
}

/// Whether a finding of this kind may come from a promise.
pub fn is_about(code: Code) -> bool {
    match code {
        Code::StageMissing
        | Code::PromiseUnjudged
        | Code::PathMissing
        | Code::PathPartial
        | Code::KernelForbidden
        | Code::KernelMissing
        | Code::LaunchesOutOfRange
        | Code::OverlapExposed => true,
        Code::CaptureFailed
        | Code::CaptureUnreadable
        | Code::CaptureEmpty
        | Code::CaptureDamaged
        | Code::RankMissing
        | Code::NotComparable
        | Code::BaselineMissing
        | Code::KernelVanished
        | Code::StructureCostlier
        | Code::KernelReplaced
        | Code::Mixed
        | Code::KernelSlower
        | Code::StageSlower
        | Code::CommunicationExposed
        | Code::StreamOverlapLost
        | Code::EnvironmentDrift
        | Code::Flaky
        | Code::WaiverExpired
        | Code::WaiverUnused
        | Code::StructureCheaper
        | Code::KernelFaster
        | Code::StageFaster
        | Code::CommunicationHidden
        | Code::StreamOverlapGained => false,
    }
}

fn stage_missing(placed: &PlacedPromise, stage: Stage, capture: &Observation) -> Finding {
    let present: Vec<&str> = capture.stages.keys().map(|stage| stage.as_str()).collect();
    let message = format!(
        "`{}` is promised in stage `{}`; the capture has {}",
        placed.subject(),
        stage.as_str(),
        if present.is_empty() { "none".to_owned() } else { present.join(", ") }
    );
    Finding::new(Code::StageMissing, stage.as_str(), message)
        .in_stage(stage)
        .at(&placed.file, placed.line)
        .with_help("profile this stage, or name it in the file or directory")
}

fn broken(placed: &PlacedPromise, stage: Stage, observed: &StageObservation) -> Option<Finding> {
    match placed.promise.subject()? {
        PromiseSubject::Path(path) => broken_path(placed, path, stage, observed),
        PromiseSubject::Kernel(kernel) => broken_kernel(placed, kernel, stage, observed),
        PromiseSubject::Role(role) => {
            let limit = placed.promise.exposed_us? * 1e3;
            let exposed = observed.overlaps.get(&role).map_or(0.0, |overlap| overlap.exposed_ns);
            (exposed > limit).then(|| {
                let message = format!(
                    "kernels of role `{}` are exposed for {} a step; the limit is {} ({})",
                    role.as_str(),
                    time(exposed),
                    time(limit),
                    signed_time(exposed - limit)
                );
                let numbers = (limit / 1e3, crate::common::text::round3(exposed / 1e3));
                placed
                    .finding(Code::OverlapExposed, stage, message)
                    .with_numbers(numbers.0, numbers.1, "us/step")
                    .costing(exposed - limit)
                    .with_help(
                        "look for the flag or the event that makes this work wait for the other stream",
                    )
            })
        }
    }
}

fn broken_path(
    placed: &PlacedPromise,
    path: &str,
    stage: Stage,
    observed: &StageObservation,
) -> Option<Finding> {
    let found = observed.paths.get(path);
    let (state, fused, split) = match found {
        Some(found) => (found.state, found.fused, found.split),
        None => (PathState::Absent, 0, 0),
    };
    let name = name_of(path, found);
    let promised = placed.promise.state.unwrap_or(PromisedState::Active);
    if promised == PromisedState::Absent {
        return (fused > 0).then(|| {
            let message =
                format!("{name} is promised not to run; it ran fused {} a step", times(fused as f64));
            placed.finding(Code::KernelForbidden, stage, message).with_numbers(
                0.0,
                fused as f64,
                "fused/step",
            )
        });
    }
    let least = match least(placed, observed.layers.as_ref()) {
        Ok(least) => least,
        Err(why) => return Some(unjudged(placed, stage, why)),
    };
    let is_partly_allowed = promised == PromisedState::Partial;
    let code = match state {
        PathState::Active | PathState::Partial if (fused as f64) < least => Code::PathPartial,
        PathState::Active => return None,
        PathState::Partial if is_partly_allowed => return None,
        PathState::Partial => Code::PathPartial,
        PathState::Split | PathState::Absent | PathState::GateUnknown => Code::PathMissing,
    };
    let wanted = match (placed.promise.at_least, is_partly_allowed) {
        (Some(_), _) => format!("is promised at least {} a step", times(least)),
        (None, false) => "is promised everywhere".to_owned(),
        (None, true) => "is promised somewhere".to_owned(),
    };
    let ran = match state {
        PathState::Absent => "it did not run".to_owned(),
        _ => ran_as(fused, split),
    };
    let mut finding = placed.finding(code, stage, format!("{name} {wanted}; {ran}")).with_numbers(
        least.max(1.0),
        fused as f64,
        "fused/step",
    );
    if let Some(found) = found {
        finding.evidence.extend(found.source_paths.iter().map(|path| format!("its code: {path}")));
    }
    Some(finding.with_help(what_to_do(path, found)))
}

fn broken_kernel(
    placed: &PlacedPromise,
    pattern: &str,
    stage: Stage,
    observed: &StageObservation,
) -> Option<Finding> {
    let mut found: Vec<(&String, &RowObservation)> =
        observed.rows.iter().filter(|(kernel, _)| promise_matches(pattern, kernel)).collect();
    found.sort_by(|a, b| b.1.measure.ns.total_cmp(&a.1.measure.ns).then_with(|| a.0.cmp(b.0)));
    // The sum of nothing would be minus zero.
    let ran = found.iter().fold(0.0, |sum, (_, row)| sum + row.measure.launches);
    let kernels = || found.iter().map(|(kernel, _)| (*kernel).clone()).collect::<Vec<_>>();
    let evidence = || {
        let rows = found.iter().take(10);
        rows.map(|(kernel, row)| {
            let (count, cost) = (launches(row.measure.launches), time(row.measure.ns));
            format!("`{kernel}` ({}): {count} a step, {cost}; {}", row.role.as_str(), row.name)
        })
        .collect::<Vec<_>>()
    };
    let about = |code: Code, message: String, before: f64, help: &str| {
        let mut finding = placed
            .finding(code, stage, message)
            .with_numbers(before, ran, "launches/step")
            .with_kernels(kernels())
            .with_help(help);
        finding.evidence.extend(evidence());
        Some(finding)
    };
    if placed.promise.state == Some(PromisedState::Forbidden) {
        if found.is_empty() {
            return None;
        }
        let message = format!("`{pattern}` is forbidden; it ran {} a step", times(ran));
        return about(
            Code::KernelForbidden,
            message,
            0.0,
            "find the flag, version or shape that lets it run",
        );
    }
    if let Some(range) = placed.promise.launches {
        let wanted = match range.least == range.most {
            true => times(range.least),
            false => format!("{} times", range.text()),
        };
        let message = format!("`{pattern}` is promised to run {wanted} a step; it ran {}", times(ran));
        let nearest = if ran < range.least { range.least } else { range.most };
        let help = "look at the layers, the batch and the flags that decide how often it runs";
        return if range.holds(ran) { None } else { about(Code::LaunchesOutOfRange, message, nearest, help) };
    }
    let least = match least(placed, observed.layers.as_ref()) {
        Ok(least) => least,
        Err(why) => return Some(unjudged(placed, stage, why)),
    };
    if ran > 0.0 && ran + 0.0005 >= least {
        return None;
    }
    let help = "find the flag, version or shape that switched it off, or what it is called now";
    if ran > 0.0 {
        let message =
            format!("`{pattern}` is promised at least {} a step; it ran {}", times(least), times(ran));
        return about(Code::LaunchesOutOfRange, message, least, help);
    }
    about(Code::KernelMissing, format!("`{pattern}` is required and did not run"), least.max(1.0), help)
}

/// Fewest instances of a step; an error when layers must be counted and were not found.
fn least(placed: &PlacedPromise, layers: Option<&LayersObservation>) -> Result<f64, &'static str> {
    let least = placed.promise.at_least.unwrap_or(0.0);
    match (placed.promise.per, layers) {
        (None | Some(Per::Step), _) => Ok(least),
        (Some(Per::Layer), Some(layers)) => Ok(least * layers.count as f64),
        (Some(Per::Layer), None) => Err("it counts in layers, and no layers were found in the capture"),
    }
}

fn unjudged(placed: &PlacedPromise, stage: Stage, why: &str) -> Finding {
    let message = format!("the promise about `{}` could not be judged: {why}", placed.subject());
    placed
        .finding(Code::PromiseUnjudged, stage, message)
        .with_help("promise a number of instances per step, or profile whole steps")
}
