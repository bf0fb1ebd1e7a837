//! Two captures held against each other, without a baseline.

use std::path::PathBuf;

use super::LoadOptions;
use super::repeats::{self, Repeats, RepeatsError, against, as_baseline};
use crate::baseline::{Baseline, Observation};
use crate::triage::Catalogs;
use crate::verdict::{CheckReport, Outcome, Policy};

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
    let before = as_baseline(&observation, &label)?;
    let second = read(new)?;
    let scenario = against(&before, &second.observation, &second.ranks, second.notes.clone(), &label);
    let verdict = scenario.verdict;
    let mut report = CheckReport::conclude(Policy::default(), vec![scenario]);
    report.exit_code = if verdict == Outcome::Inconclusive { 3 } else { 0 };
    let mut all = notes;
    all.extend(second.notes);
    Ok(Diffed { before, after: second.observation, report, notes: all })
}
