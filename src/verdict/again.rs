//! Judging again from the report alone: another policy, or another baseline, without trace or GPU.

use std::collections::BTreeMap;
use std::path::Path;

use super::code::{Code, Kind};
use super::confirm::{confirm, has_open_time};
use super::doubt::MIXED_GPUS;
use super::finding::{Finding, Level};
use super::judge::{Judged, judge, judge_promises, unjudged};
use super::policy::Policy;
use super::promise::PlacedPromise;
use super::report::{BaselineRef, CheckReport, ScenarioReport};
use super::terms::Terms;
use super::waiver::Waiver;
use crate::baseline;
use crate::common::yaml::YamlError;

/// What is different when a report is judged again.
#[derive(Debug, Clone, PartialEq)]
pub struct Anew {
    /// The policy, its exit code rules included.
    pub policy: Policy,
    /// Levels of single scenarios, by name; those that are not named keep the levels that they had.
    pub scenario_levels: BTreeMap<String, BTreeMap<Code, Level>>,
    /// Levels that hold whatever policy and scenario say.
    pub levels: BTreeMap<Code, Level>,
    /// Waivers of this judgement, beside those that the report holds.
    pub waivers: Vec<Waiver>,
    /// Other baselines, by scenario.
    pub baselines: BTreeMap<String, OtherBaseline>,
}

/// A baseline to judge against instead of the one that a report holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherBaseline {
    /// As the user names it, and its digest.
    pub file: BaselineRef,
    /// Its text.
    pub text: String,
}

/// Judges each scenario of a report anew, with the numbers that the report holds.
///
/// The same policy gives the same report. A scenario whose capture could not be read stays what it was.
pub fn judge_again(report: &CheckReport, anew: &Anew) -> Result<CheckReport, YamlError> {
    let scenarios =
        report.scenarios.iter().map(|scenario| one(scenario, anew)).collect::<Result<Vec<_>, _>>()?;
    Ok(CheckReport {
        tool: report.tool.clone(),
        docs: report.docs.clone(),
        ..CheckReport::conclude(anew.policy.with_levels(&anew.levels), scenarios)
    })
}

fn one(scenario: &ScenarioReport, anew: &Anew) -> Result<ScenarioReport, YamlError> {
    // Earlier versions stored no basis: what they judged stays, rather than turning into another verdict.
    if scenario.basis.is_none() && scenario.findings.iter().all(|finding| finding.code.kind() != Kind::Doubt)
    {
        return Ok(scenario.clone());
    }
    let doubts = || scenario.findings.iter().filter(|finding| finding.code.kind() == Kind::Doubt);
    let other = anew.baselines.get(&scenario.scenario);
    let mut basis = scenario.basis.clone();
    if let Some(basis) = &mut basis {
        if let Some(levels) = anew.scenario_levels.get(&scenario.scenario) {
            basis.levels.clone_from(levels);
        }
        // They stand in the policy from now on, which what a scenario says would overrule.
        basis.levels.retain(|code, _| !anew.levels.contains_key(code));
        basis.terms.waivers.extend(anew.waivers.iter().cloned());
        if let Some(other) = other {
            basis.baseline = Some(other.text.clone());
        }
    }
    let mut reference: BaselineRef =
        other.map_or_else(|| scenario.baseline.clone(), |other| other.file.clone());
    let baseline = match basis.as_ref().and_then(|basis| basis.baseline.as_ref()) {
        Some(text) => Some(baseline::parse(text, Path::new(&reference.path))?),
        None => None,
    };
    let mut terms = basis.as_ref().map_or_else(Terms::none, |basis| basis.terms.clone());
    if let Some(baseline) = &baseline {
        reference.gpu = baseline.comparable.fingerprint().gpu;
        terms.promises.extend(PlacedPromise::of_baseline(baseline, &reference.path));
        terms.waivers.extend(Waiver::of_rows(&baseline.waivers, Path::new(&reference.path))?);
    }
    let subject = || Judged {
        scenario: &scenario.scenario,
        baseline: reference.clone(),
        doubts: doubts()
            .filter(|finding| finding.code.is_about_capture() || finding.subject == MIXED_GPUS)
            .map(unlevelled)
            .collect(),
        triage: scenario.triage.as_ref(),
        notes: basis.as_ref().map_or_else(|| scenario.notes.clone(), |basis| basis.notes.clone()),
        terms: &terms,
        changed_files: basis.as_ref().map_or(&[], |basis| basis.changed_files.as_slice()),
    };
    let policy = anew.policy.with_levels(&anew.levels);
    let policy = basis.as_ref().map_or_else(|| policy.clone(), |basis| policy.with_levels(&basis.levels));
    let mut judged = match (&basis, &baseline) {
        (Some(basis), Some(baseline)) => {
            let mut judged = judge(subject(), baseline, &basis.capture, &policy);
            if let Some(second) = basis.confirm.as_ref().filter(|_| has_open_time(&judged)) {
                let mut again = subject();
                again.doubts.clear();
                confirm(&mut judged, &judge(again, baseline, second, &policy));
            }
            judged
        }
        (Some(basis), None) if !basis.terms.promises.is_empty() => {
            let missing = doubts().find(|finding| finding.code == Code::BaselineMissing).map(unlevelled);
            judge_promises(subject(), missing, &basis.capture, &policy)
        }
        _ => {
            // There is no more than this one reason; without it the report is not one of ours, and not green.
            let nothing = "the report holds nothing to judge";
            let reason = doubts().next().map_or_else(
                || Finding::new(Code::CaptureUnreadable, &scenario.scenario, nothing),
                unlevelled,
            );
            unjudged(subject(), reason, &policy)
        }
    };
    judged.basis = basis.clone();
    Ok(judged)
}

/// The same finding before any policy was applied to it.
fn unlevelled(finding: &Finding) -> Finding {
    Finding { level: finding.code.default_level(), waived_by: None, ..finding.clone() }
}
