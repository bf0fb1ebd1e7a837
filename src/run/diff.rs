//! Two captures held against each other, without a baseline.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::LoadOptions;
use super::repeats::{self, Repeats, RepeatsError};
use crate::baseline::{self, Baseline, Observation};
use crate::triage::Catalogs;
use crate::verdict::{BaselineRef, CheckReport, Judged, Outcome, Policy, Terms, judge};

/// Two captures and what is to be said of them.
#[derive(Debug)]
pub struct Diffed {
    /// The capture before, as a baseline would hold it.
    pub before: Baseline,
    /// The capture after.
    pub after: Observation,
    /// What the gate would say. The exit code is 0, or 3 when the two cannot be compared.
    pub report: CheckReport,
    /// Choices made while reading, a sentence each.
    pub notes: Vec<String>,
}

/// Reads both and compares them.
pub fn diff(
    old: &PathBuf,
    new: &PathBuf,
    catalogs: &Catalogs,
    options: &LoadOptions<'_>,
) -> Result<Diffed, RepeatsError> {
    let read = |path: &PathBuf| repeats::read(std::slice::from_ref(path), &[], catalogs, options);
    let Repeats { observation, notes, .. } = read(old)?;
    let label = old.display().to_string();
    let text = baseline::to_yaml(&observation, None);
    // What profgate writes it can read; anything else is told as a broken report would be.
    let before = baseline::parse(&text, old).map_err(|error| RepeatsError::Report {
        path: label.clone(),
        reason: error.to_string(),
        help: "name the traces instead",
    })?;
    let second = read(new)?;
    let policy = Policy::default();
    let terms = Terms::none();
    let subject = Judged {
        scenario: "diff",
        baseline: BaselineRef { path: label, sha256: None, gpu: None },
        doubts: Vec::new(),
        triage: second.ranks.first(),
        notes: second.notes.clone(),
        terms: &terms,
        changed_files: &[],
    };
    let scenario = judge(subject, &before, &second.observation, &policy.with_levels(&BTreeMap::new()));
    let verdict = scenario.verdict;
    let mut report = CheckReport::conclude(policy, vec![scenario]);
    report.exit_code = if verdict == Outcome::Inconclusive { 3 } else { 0 };
    let mut all = notes;
    all.extend(second.notes);
    Ok(Diffed { before, after: second.observation, report, notes: all })
}
