//! One scenario: doubts first, then structure, then time.

use super::code::{Code, Kind};
use super::doubt;
use super::finding::{Finding, Level};
use super::outcome::Outcome;
use super::policy::Policy;
use super::report::{BaselineRef, Case, CaseResult, Price, ScenarioReport};
use super::structure;
use super::time;
use crate::baseline::{Baseline, Observation, StageDelta, compare};
use crate::triage::{Stage, Triage};

/// What was measured for a scenario.
pub struct Judged<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// The baseline file as the user names it, and its digest.
    pub baseline: BaselineRef,
    /// Every rank's triage, rank 0 first.
    pub ranks: &'a [Triage],
    /// Choices made while reading.
    pub notes: Vec<String>,
}

/// Judges a capture that was read against a baseline that was read.
pub fn judge(
    subject: Judged<'_>,
    baseline: &Baseline,
    capture: &Observation,
    policy: &Policy,
) -> ScenarioReport {
    let file = subject.baseline.path.clone();
    let mut findings = doubt::about_capture(subject.ranks);
    if findings.is_empty() {
        findings.extend(doubt::about_comparison(baseline, capture, &file));
    }
    let expected = baseline.comparable.fingerprint();
    let unknowns = expected.unknowns(&capture.fingerprint).into_iter().map(str::to_owned).collect();
    let is_judged = findings.is_empty();
    let mut subject = subject;
    subject.notes.extend(beside_the_baseline(baseline, capture));
    let mut price = Vec::new();
    if is_judged {
        for (stage, expected) in &baseline.stages {
            let Some(observed) = capture.stages.get(stage) else { continue };
            let delta = compare(expected, observed);
            findings.extend(stage_findings(&delta, *stage, policy, &file));
            price.push(price_of(&delta, *stage));
        }
    }
    let mut report = finish(subject, findings, policy);
    report.cases = cases(baseline, &report, is_judged);
    report.price = price;
    report.unknowns = unknowns;
    report
}

/// What the capture has and the baseline does not speak of.
fn beside_the_baseline(baseline: &Baseline, capture: &Observation) -> Vec<String> {
    let unknown = capture.stages.keys().filter(|stage| !baseline.stages.contains_key(stage));
    let mut notes: Vec<String> = unknown
        .map(|stage| format!("stage `{}` is not in the baseline and was not judged", stage.as_str()))
        .collect();
    for (stage, observed) in &capture.stages {
        if observed.outside_pct >= 1.0 {
            notes.push(format!(
                "{:.1} % of the GPU time of stage `{}` lies outside every step and was not judged",
                observed.outside_pct,
                stage.as_str()
            ));
        }
    }
    notes
}

/// The report of a scenario that could not be judged at all, for one reason.
pub fn unjudged(subject: Judged<'_>, finding: Finding, policy: &Policy) -> ScenarioReport {
    let result =
        if finding.code == Code::BaselineMissing { CaseResult::Skipped } else { CaseResult::Unjudged };
    let case = Case {
        table: "capture".to_owned(),
        stage: None,
        subject: finding.subject.clone(),
        result,
        code: Some(finding.code),
        message: finding.message.clone(),
        line: None,
    };
    let mut report = finish(subject, vec![finding], policy);
    report.cases = vec![case];
    report
}

fn finish(subject: Judged<'_>, mut findings: Vec<Finding>, policy: &Policy) -> ScenarioReport {
    for finding in &mut findings {
        policy.apply(finding);
    }
    let (improvements, mut findings): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|finding| finding.code.kind() == Kind::Improvement);
    findings.sort_by(|a, b| {
        b.level.cmp(&a.level).then_with(|| a.code.cmp(&b.code)).then_with(|| a.subject.cmp(&b.subject))
    });
    ScenarioReport {
        scenario: subject.scenario.to_owned(),
        verdict: Outcome::of(&findings).max(Outcome::of(&improvements)),
        baseline: subject.baseline,
        findings,
        improvements,
        price: Vec::new(),
        layer_diff: Vec::new(),
        unknowns: Vec::new(),
        notes: subject.notes,
        cases: Vec::new(),
        triage: subject.ranks.first().cloned(),
    }
}

fn stage_findings(delta: &StageDelta, stage: Stage, policy: &Policy, file: &str) -> Vec<Finding> {
    let thresholds = &policy.thresholds;
    let mut findings = structure::paths(delta, stage, file);
    findings.extend(structure::vanished(delta, stage, thresholds, file));
    let drift = time::drift(delta);
    findings.extend(structure::priced(delta, stage, thresholds, drift.factor, file));
    findings.extend(time::rows(delta, stage, thresholds, drift, file));
    findings
}

fn price_of(delta: &StageDelta, stage: Stage) -> Price {
    let total = structure::total(delta, time::drift(delta).factor);
    let busy = delta.busy_after_ns - delta.busy_before_ns;
    Price {
        stage,
        structural_ns: total.ns.round() as i64,
        structural_pct: thousandth(total.pct),
        same_rows_pct: hundredth(time::same_rows_pct(delta)),
        busy_pct: hundredth(if delta.busy_before_ns > 0.0 {
            busy * 100.0 / delta.busy_before_ns
        } else {
            0.0
        }),
    }
}

fn thousandth(value: f64) -> f64 {
    let rounded = (value * 1e3).round() / 1e3;
    if rounded == 0.0 { 0.0 } else { rounded }
}

fn hundredth(value: f64) -> f64 {
    let rounded = (value * 100.0).round() / 100.0;
    // No report shall say minus zero.
    if rounded == 0.0 { 0.0 } else { rounded }
}

/// One case per row of the baseline, and one for the question whether it could be judged.
fn cases(baseline: &Baseline, report: &ScenarioReport, is_judged: bool) -> Vec<Case> {
    let doubts: Vec<&str> = report
        .findings
        .iter()
        .filter(|finding| finding.code.kind() == Kind::Doubt)
        .map(|finding| finding.message.as_str())
        .collect();
    let mut cases = vec![Case {
        table: "capture".to_owned(),
        stage: None,
        subject: "comparable".to_owned(),
        result: if is_judged { CaseResult::Held } else { CaseResult::Unjudged },
        code: report.findings.iter().map(|finding| finding.code).find(|code| code.kind() == Kind::Doubt),
        message: doubts.join("; "),
        line: None,
    }];
    for (stage, expected) in &baseline.stages {
        for row in &expected.kernels {
            cases.push(case("kernels", *stage, &row.value.kernel, row.referenced.line(), report, is_judged));
        }
        for row in &expected.paths {
            cases.push(case("paths", *stage, &row.value.path, row.referenced.line(), report, is_judged));
        }
        // A change that no baseline row stands for is a case of its own.
        let extra = report.findings.iter().filter(|finding| {
            finding.stage == Some(*stage) && finding.line.is_none() && finding.code.kind() == Kind::Regression
        });
        for finding in extra {
            cases.push(Case {
                table: "kernels".to_owned(),
                stage: Some(*stage),
                subject: finding.subject.clone(),
                result: result_of(finding),
                code: Some(finding.code),
                message: finding.message.clone(),
                line: None,
            });
        }
    }
    cases
}

fn case(
    table: &str,
    stage: Stage,
    subject: &str,
    line: u64,
    report: &ScenarioReport,
    is_judged: bool,
) -> Case {
    let worst = report.findings.iter().find(|finding| {
        finding.stage == Some(stage)
            && finding.level == Level::Deny
            && (finding.subject == subject || finding.kernels.iter().any(|kernel| kernel == subject))
    });
    let (result, code, message) = match worst {
        Some(finding) => (result_of(finding), Some(finding.code), finding.message.clone()),
        None if is_judged => (CaseResult::Held, None, String::new()),
        None => (CaseResult::Unjudged, None, "the capture could not be judged".to_owned()),
    };
    Case {
        table: table.to_owned(),
        stage: Some(stage),
        subject: subject.to_owned(),
        result,
        code,
        message,
        line: (line > 0).then_some(line),
    }
}

fn result_of(finding: &Finding) -> CaseResult {
    match (finding.waived_by.is_some(), finding.level) {
        (true, _) => CaseResult::Skipped,
        (false, Level::Deny) => CaseResult::Violated,
        (false, Level::Warn | Level::Allow) => CaseResult::Held,
    }
}
