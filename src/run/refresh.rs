//! A baseline held against new captures, and rewritten where something moved that nobody has to accept first.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::check::{CheckError, Scenario, read_baseline};
use super::repeats::{self, Repeats, RepeatsError};
use super::{LoadOptions, terms};
use crate::baseline::{self, Baseline, Held, Kept, Looser, Noise, Observation};
use crate::common::date::Date;
use crate::common::yaml::{self, Spanned};
use crate::triage::Catalogs;
use crate::verdict::{
    BaselineRef, Code, Finding, Judged, Kind, Level, Policy, SIGMA_PER_MAD, ScenarioReport, Thresholds, judge,
};

/// A finding that is wanted from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// Its kind.
    pub code: Code,
    /// Its subject, exactly.
    pub subject: String,
}

/// How baselines are refreshed.
pub struct RefreshOptions<'a> {
    /// Levels and thresholds.
    pub policy: Policy,
    /// What a person accepts.
    pub accept: &'a [Acceptance],
    /// The day against which waivers are held.
    pub today: Date,
    /// The server's commit, where something changed.
    pub commit: Option<String>,
    /// How captures are read.
    pub load: LoadOptions<'a>,
}

/// One baseline, before and after.
#[derive(Debug)]
pub struct Refreshed {
    /// The scenario's name.
    pub scenario: String,
    /// The file.
    pub path: PathBuf,
    /// As it was read.
    pub before: Baseline,
    /// As it would be.
    pub after: Baseline,
    /// The new text; `None` when nothing moved beyond noise, or nothing of it may be taken.
    pub text: Option<String>,
    /// What the captures show, noise included, in the terms of the baseline.
    pub observed: Observation,
    /// What `check` would say and was not taken.
    pub held: Vec<Finding>,
    /// What was accepted.
    pub accepted: Vec<Finding>,
    /// What the new text accepts more of than the old one.
    pub looser: Looser,
    /// Choices made while reading, a sentence each.
    pub notes: Vec<String>,
}

/// Why a baseline could not be refreshed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The baseline or its scenario.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The captures.
    #[error(transparent)]
    Repeats(#[from] RepeatsError),
    /// There is nothing to refresh.
    #[error("there is no baseline at {}", .0.display())]
    Missing(PathBuf),
    /// The captures cannot be held against the baseline.
    #[error("{}", .0.message)]
    Doubt(Box<Finding>),
}

/// Holds new captures against a scenario's baseline. Writes nothing.
pub fn refresh(
    scenario: &Scenario,
    path: &Path,
    repeats: &[PathBuf],
    catalogs: &Catalogs,
    options: &RefreshOptions<'_>,
) -> Result<Refreshed, RefreshError> {
    let file = read_baseline(path)?.ok_or_else(|| RefreshError::Missing(path.to_owned()))?;
    let Repeats { mut observation, ranks, notes } =
        repeats::read(&scenario.inputs, repeats, catalogs, &options.load)?;
    if scenario.workload.is_some() {
        observation.fingerprint.workload.clone_from(&scenario.workload);
    }
    let label = path.display().to_string();
    let terms = terms::of(scenario, Some((&file.promises, &file.waivers)), options.today);
    let subject = Judged {
        scenario: &scenario.name,
        baseline: BaselineRef { path: label.clone(), sha256: Some(file.sha256.clone()), gpu: file.gpu() },
        doubts: Vec::new(),
        triage: ranks.first(),
        notes: Vec::new(),
        terms: &terms,
        changed_files: &[],
    };
    let policy = options.policy.with_levels(&scenario.levels);
    let report = judge(subject, &file.baseline, &observation, &policy);
    if let Some(doubt) = report.findings.iter().find(|finding| finding.code.kind() == Kind::Doubt) {
        return Err(RefreshError::Doubt(Box::new(doubt.clone())));
    }
    let (accepted, held) = sort(report, options.accept);
    let old = file.baseline.observation();
    let new = baseline::refresh(&old, &observation, noise(&policy.thresholds), &held_by(&held));
    let mut observed = new.clone();
    observed.stages.extend(observation.stages);
    let mut kept = kept_of(&file.baseline, &file.text);
    let unchanged = baseline::write(&old, &kept);
    loosen(&mut kept, &file.baseline, &accepted, &label);
    let mut text = (baseline::write(&new, &kept) != unchanged).then_some(String::new());
    if let Some(text) = &mut text {
        kept.commit.clone_from(&options.commit);
        *text = baseline::write(&new, &kept);
    }
    let after = baseline::parse(text.as_deref().unwrap_or(&file.text), path).map_err(CheckError::Baseline)?;
    let looser = baseline::looser(&old, &after.observation());
    Ok(Refreshed {
        scenario: scenario.name.clone(),
        path: path.to_owned(),
        before: file.baseline,
        after,
        text,
        observed,
        held,
        accepted,
        looser,
        notes,
    })
}

/// What counts as noise is what `check` passes over in silence.
fn noise(thresholds: &Thresholds) -> Noise {
    Noise {
        least_pct: thresholds.slower_warn_pct,
        sigmas: thresholds.band_sigmas,
        sigma_per_mad: SIGMA_PER_MAD,
        band_captures: thresholds.band_captures,
        overlap_pct: thresholds.overlap_warn_pct,
    }
}

/// What is accepted, and what stays as it is because nobody accepted it.
///
/// A waiver accepts a finding for a while, and a level makes it a matter of taste; neither makes it the new normal.
fn sort(report: ScenarioReport, accept: &[Acceptance]) -> (Vec<Finding>, Vec<Finding>) {
    let (mut accepted, mut held) = (Vec::new(), Vec::new());
    for finding in report.findings {
        let is_wanted = accept.iter().any(|one| one.code == finding.code && one.subject == finding.subject);
        if is_wanted {
            accepted.push(finding);
        } else if is_promise(finding.code) || is_failing(&finding) {
            held.push(finding);
        }
    }
    (accepted, held)
}

/// What `check` fails, and what all kernels moved together by.
fn is_failing(finding: &Finding) -> bool {
    let is_denied = finding.level == Level::Deny && finding.code != Code::WaiverExpired;
    is_denied || finding.code == Code::EnvironmentDrift
}

/// Whether a finding says that something is not as promised.
fn is_promise(code: Code) -> bool {
    matches!(
        code,
        Code::PathMissing
            | Code::PathPartial
            | Code::KernelVanished
            | Code::KernelForbidden
            | Code::KernelMissing
            | Code::LaunchesOutOfRange
            | Code::OverlapExposed
    )
}

fn held_by(findings: &[Finding]) -> Held {
    let mut held = Held::default();
    for finding in findings {
        let Some(stage) = finding.stage else { continue };
        held.subjects.insert((stage, finding.subject.clone()));
        held.subjects.extend(finding.kernels.iter().map(|kernel| (stage, kernel.clone())));
        match finding.code {
            Code::EnvironmentDrift => held.times.insert(stage),
            Code::StreamOverlapLost => held.overlap.insert(stage),
            Code::KernelSlower | Code::CommunicationExposed | Code::OverlapExposed => false,
            _ => held.structure.insert(stage),
        };
    }
    held
}

fn kept_of(baseline: &Baseline, text: &str) -> Kept {
    let mut kept = Kept {
        commit: baseline.recorded.commit.clone(),
        expect: yaml::block(text, "expect"),
        waivers: yaml::block(text, "waivers"),
        ..Kept::default()
    };
    for (stage, expected) in &baseline.stages {
        let kernels = expected.kernels.iter().map(|row| (row.value.kernel.clone(), row.value.level));
        let paths = expected.paths.iter().map(|row| (row.value.path.clone(), row.value.level));
        let roles = expected.overlaps.iter().map(|row| (row.value.role.as_str().to_owned(), row.value.level));
        let levels = kernels.chain(paths).chain(roles);
        kept.levels.extend(levels.filter_map(|(subject, level)| Some(((*stage, subject), level?))));
        let limits =
            expected.overlaps.iter().filter_map(|row| Some(((*stage, row.value.role), row.value.at_most?)));
        kept.at_most.extend(limits);
    }
    kept
}

/// Removes the promises that accepted findings are about. Those of another file are that file's.
fn loosen(kept: &mut Kept, baseline: &Baseline, accepted: &[Finding], label: &str) {
    let is_accepted = |line: u64| {
        accepted.iter().any(|finding| finding.line == Some(line) && finding.file.as_deref() == Some(label))
    };
    let line = |row: u64, all: &[u64]| all.iter().copied().find(|next| *next > row);
    let starts: Vec<u64> = baseline.expect.iter().map(|row: &Spanned<_>| row.referenced.line()).collect();
    let first = starts.first().copied().unwrap_or_default();
    let mut gone = BTreeSet::new();
    for start in starts.iter().copied().filter(|start| is_accepted(*start)) {
        gone.extend(start..line(start, &starts).unwrap_or(u64::MAX).min(start + 64));
    }
    if starts.iter().all(|start| gone.contains(start)) && !starts.is_empty() {
        kept.expect.clear();
    } else if !gone.is_empty() {
        // The block begins with its key; its first row stands where the key does or below it.
        let above =
            kept.expect.lines().position(|line| line.trim_start().starts_with('-')).unwrap_or(0) as u64;
        let of_file = |at: usize| (first + at as u64).saturating_sub(above);
        let lines = kept.expect.lines().enumerate().filter(|(at, _)| !gone.contains(&of_file(*at)));
        kept.expect = lines.map(|(_, line)| format!("{line}\n")).collect();
    }
    for (stage, expected) in &baseline.stages {
        for row in expected.overlaps.iter().filter(|row| is_accepted(row.referenced.line())) {
            kept.at_most.remove(&(*stage, row.value.role));
        }
    }
}
