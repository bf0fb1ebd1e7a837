//! One scenario: doubts first, then structure, then time.

use std::collections::BTreeMap;

use super::bodies;
use super::cases::cases;
use super::cause::{self, Around, Difference};
use super::code::{Code, Kind};
use super::cost::{self, Scene};
use super::doubt;
use super::exposed;
use super::finding::{Finding, Level};
use super::layer_diff;
use super::outcome::Outcome;
use super::own::{self, Holders};
use super::policy::{OnMissingBaseline, Policy, RowLevels, apply_rows};
use super::price;
use super::promise;
use super::report::{BaselineRef, Case, CaseResult, Price, ScenarioReport};
use super::sets::{self, Set};
use super::stage_total;
use super::structure;
use super::terms::Terms;
use super::time::{self, Clock};
use super::waiver::{self, Sizes};
use crate::baseline::{Baseline, Observation, RowDelta, StageDelta, StageObservation, compare};
use crate::triage::{Role, Stage, Triage};

/// What was measured for a scenario.
#[derive(Clone)]
pub struct Judged<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// The baseline file as the user names it, and its digest.
    pub baseline: BaselineRef,
    /// Doubts about the capture alone.
    pub doubts: Vec<Finding>,
    /// The tables of the rank that speaks for the capture.
    pub triage: Option<&'a Triage>,
    /// Choices made while reading.
    pub notes: Vec<String>,
    /// What people promise and waive.
    pub terms: &'a Terms,
    /// Files that the change under test touches; empty when the user does not tell.
    pub changed_files: &'a [String],
}

/// Factor on every noise band where versions differ between baseline and capture.
const WIDEN: f64 = 2.0;

/// Judges a capture that was read against a baseline that was read.
///
/// Which path may hold the kernels that changed with it is known when levels and waivers are, so a stage with a
/// lost path is judged twice.
pub fn judge(
    subject: Judged<'_>,
    baseline: &Baseline,
    capture: &Observation,
    policy: &Policy,
) -> ScenarioReport {
    let first = judge_with(subject.clone(), baseline, capture, policy, &Holders::new());
    let holders = own::holders(&first.findings);
    if holders.is_empty() { first } else { judge_with(subject, baseline, capture, policy, &holders) }
}

fn judge_with(
    subject: Judged<'_>,
    baseline: &Baseline,
    capture: &Observation,
    policy: &Policy,
    holders: &Holders,
) -> ScenarioReport {
    let file = subject.baseline.path.clone();
    let mut subject = subject;
    let mut findings = std::mem::take(&mut subject.doubts);
    if findings.is_empty() {
        findings.extend(doubt::about_comparison(baseline, capture, &file));
    }
    let expected = baseline.comparable.fingerprint();
    // Without numbers nothing is compared, and that is said once.
    let unknowns = if baseline.stages.is_empty() {
        Vec::new()
    } else {
        expected.unknowns(&capture.fingerprint).into_iter().map(str::to_owned).collect()
    };
    let is_judged = findings.is_empty();
    subject.notes.extend(beside_the_baseline(baseline, capture));
    subject.notes.extend(other_versions(baseline, capture));
    let (mut price, mut layer_diff) = (Vec::new(), Vec::new());
    // One rank alone does not know how long it waited, unless it is alone.
    let ranks = expected.ranks.min(capture.fingerprint.ranks);
    let is_waiting_known = ranks > 1 || capture.fingerprint.gpus == Some(1);
    let around = around(baseline, capture, subject.changed_files);
    let widen = if around.versions.is_empty() { 1.0 } else { WIDEN };
    if is_judged {
        let both = baseline
            .stages
            .iter()
            .filter_map(|(stage, expected)| Some((*stage, expected, capture.stages.get(stage)?)));
        let deltas: Vec<_> = both
            .map(|(stage, expected, observed)| (stage, expected, observed, compare(expected, observed)))
            .collect();
        for (stage, _, _, delta) in &deltas {
            findings.extend(structure::paths(delta, *stage, &file));
        }
        promise::add(&mut findings, promise::findings(&subject.terms.promises, capture));
        for (stage, expected, observed, delta) in &deltas {
            let layers = expected.layers.as_ref().map(|layers| layers.value.observation());
            let roles: BTreeMap<&str, Role> =
                delta.rows.iter().map(|row| (row.kernel.as_str(), row.role)).collect();
            let role_of = |kernel: &str| roles.get(kernel).copied().unwrap_or(Role::Other);
            let bodies = match (&layers, &observed.layers) {
                (Some(before), Some(after)) => bodies::pairs(before, after, &role_of),
                _ => Vec::new(),
            };
            let clock = Clock { drift: time::drift(delta), widen, is_waiting_known };
            let all = sets::sets(delta, &bodies::links(&bodies));
            let sets = own::share(&mut findings, holders, *stage, delta, observed, &all, &policy.thresholds);
            let of = StageOf { stage: *stage, delta, observed, all: &all, sets: &sets, clock, file: &file };
            findings.extend(stage_findings(&of, policy));
            let table = subject.triage.and_then(|triage| triage.stage(*stage));
            let of_stage = findings.iter_mut().filter(|one| one.stage == Some(*stage));
            Scene::new(delta, observed, &all, &bodies, table).complete(of_stage);
            subject.notes.extend(exposed::waiting(delta, *stage, &policy.thresholds, clock));
            layer_diff.extend(layer_diff::diffs(*stage, &bodies));
            price.push(price_of(delta, *stage));
        }
        cost::place(&mut findings, capture, subject.triage);
    }
    to_stage_lines(&mut findings, baseline, &file);
    cause::attach(&mut findings, &around, subject.triage);
    let terms = subject.terms;
    let waivers = waiver::apply(
        &mut findings,
        &terms.waivers,
        &Sizes { price: &price, busy_ns: &|stage| busy_of(baseline, stage) },
        terms.today,
        is_judged,
    );
    let mut report = finish(subject, findings, policy, &row_levels(baseline));
    report.cases = cases(baseline, &report, terms, capture, is_judged);
    report.waivers = waivers;
    report.price = price;
    report.layer_diff = layer_diff;
    report.unknowns = unknowns;
    report
}

/// Judges what people promise of a scenario that has no numbers; `missing` says that it should have some.
pub fn judge_promises(
    subject: Judged<'_>,
    missing: Option<Finding>,
    capture: &Observation,
    policy: &Policy,
) -> ScenarioReport {
    let mut report = judge(subject, &Baseline::without_numbers(), capture, policy);
    if let Some(mut finding) = missing {
        if policy.on_missing_baseline == OnMissingBaseline::Warn {
            finding.level = Level::Warn;
        }
        report.cases.push(capture_case(&finding, CaseResult::Skipped));
        report.findings.push(finding);
        report.verdict = Outcome::of(&report.findings).max(Outcome::of(&report.improvements));
    }
    report
}

/// A finding about what has no row of its own, such as a kernel that came, stands at its stage.
fn to_stage_lines(findings: &mut [Finding], baseline: &Baseline, file: &str) {
    for finding in findings.iter_mut().filter(|one| one.line.is_none() && one.file.as_deref() == Some(file)) {
        let stage = finding.stage.and_then(|stage| baseline.stages.get(&stage));
        finding.line = stage.map(|stage| stage.steps.referenced.line()).filter(|line| *line > 0);
    }
}

/// Busy nanoseconds of a step in the baseline.
fn busy_of(baseline: &Baseline, stage: Stage) -> Option<f64> {
    baseline.stages.get(&stage).map(|expected| expected.steps.value.busy_us * 1e3).filter(|busy| *busy > 0.0)
}

/// What changed besides the kernels, where both sides tell.
fn around(baseline: &Baseline, capture: &Observation, changed_files: &[String]) -> Around {
    let (before, after) = (&baseline.recorded.server_args, &capture.server_args);
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    // A side without any argument was recorded without the file that holds them.
    let are_known = !before.is_empty() && !after.is_empty();
    let server_args = keys
        .into_iter()
        .filter(|key| are_known && before.get(*key) != after.get(*key))
        .map(|key| Difference {
            what: key.clone(),
            before: before.get(key).cloned(),
            after: after.get(key).cloned(),
        })
        .collect();
    let versions = baseline.recorded.versions().differences(&capture.versions).into_iter();
    Around {
        server_args,
        versions: versions
            .map(|one| Difference {
                what: one.what.to_owned(),
                before: Some(one.baseline),
                after: Some(one.capture),
            })
            .collect(),
        changed_files: changed_files.to_vec(),
    }
}

/// What the capture has and the baseline does not speak of.
fn beside_the_baseline(baseline: &Baseline, capture: &Observation) -> Vec<String> {
    if baseline.stages.is_empty() {
        return vec!["there are no recorded numbers, so only promises were judged".to_owned()];
    }
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

/// Which versions differ, where any does.
fn other_versions(baseline: &Baseline, capture: &Observation) -> Option<String> {
    let differences = baseline.recorded.versions().differences(&capture.versions);
    let differences: Vec<String> =
        differences.iter().map(|one| format!("{} {} → {}", one.what, one.baseline, one.capture)).collect();
    (!differences.is_empty())
        .then(|| format!("versions differ, so noise bands count twice as wide: {}", differences.join(", ")))
}

/// The report of a scenario that could not be judged at all, for one reason.
pub fn unjudged(subject: Judged<'_>, mut finding: Finding, policy: &Policy) -> ScenarioReport {
    if finding.code == Code::BaselineMissing && policy.on_missing_baseline == OnMissingBaseline::Warn {
        finding.level = Level::Warn;
    }
    let result =
        if finding.code == Code::BaselineMissing { CaseResult::Skipped } else { CaseResult::Unjudged };
    let case = capture_case(&finding, result);
    let mut report = finish(subject, vec![finding], policy, &RowLevels::new());
    report.cases = vec![case];
    report
}

fn capture_case(finding: &Finding, result: CaseResult) -> Case {
    Case {
        table: "capture".to_owned(),
        stage: None,
        subject: finding.subject.clone(),
        result,
        code: Some(finding.code),
        message: finding.message.clone(),
        file: None,
        line: None,
    }
}

/// The levels that the baseline sets for its rows.
fn row_levels(baseline: &Baseline) -> RowLevels {
    let mut levels = RowLevels::new();
    for (stage, expected) in &baseline.stages {
        let kernels = expected.kernels.iter().map(|row| (row.value.kernel.clone(), row.value.level));
        let paths = expected.paths.iter().map(|row| (row.value.path.clone(), row.value.level));
        let overlaps =
            expected.overlaps.iter().map(|row| (row.value.role.as_str().to_owned(), row.value.level));
        let set = kernels.chain(paths).chain(overlaps);
        levels.extend(set.filter_map(|(subject, level)| Some(((*stage, subject), level?))));
    }
    levels
}

fn finish(
    subject: Judged<'_>,
    mut findings: Vec<Finding>,
    policy: &Policy,
    rows: &RowLevels,
) -> ScenarioReport {
    for finding in &mut findings {
        policy.apply(finding);
        apply_rows(finding, rows);
    }
    let (improvements, mut findings): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|finding| finding.code.kind() == Kind::Improvement);
    findings.sort_by(Finding::worst_first);
    ScenarioReport {
        scenario: subject.scenario.to_owned(),
        verdict: Outcome::of(&findings).max(Outcome::of(&improvements)),
        baseline: subject.baseline,
        findings,
        improvements,
        price: Vec::new(),
        layer_diff: Vec::new(),
        unknowns: Vec::new(),
        waivers: Vec::new(),
        notes: subject.notes,
        cases: Vec::new(),
        triage: subject.triage.cloned(),
        basis: None,
    }
}

/// One stage on both sides, and what its judgement rests on.
struct StageOf<'a> {
    stage: Stage,
    delta: &'a StageDelta,
    observed: &'a StageObservation,
    /// What changed.
    all: &'a [Set<'a>],
    /// What of it no lost path holds.
    sets: &'a [Set<'a>],
    clock: Clock,
    file: &'a str,
}

fn stage_findings(of: &StageOf<'_>, policy: &Policy) -> Vec<Finding> {
    let StageOf { stage, delta, observed, all, sets, clock, file } = *of;
    let thresholds = &policy.thresholds;
    let drift = clock.drift.factor;
    let mut findings = structure::vanished(delta, stage, thresholds, all, file);
    let priced = structure::priced(delta, stage, thresholds, sets, drift, file);
    findings.extend(match priced {
        // Work that is missing is no gain: what the rest saves is told without it.
        Some(cheaper) if cheaper.code == Code::StructureCheaper && !findings.is_empty() => {
            let is_missing = |row: &&RowDelta| findings.iter().any(|one| one.subject == row.kernel);
            let rest: Vec<Set<'_>> =
                sets.iter().filter(|set| !set.rows.iter().any(&is_missing)).cloned().collect();
            structure::priced(delta, stage, thresholds, &rest, drift, file)
                .filter(|one| one.code != Code::StructureCostlier)
        }
        priced => priced,
    });
    findings.extend(structure::uneven(delta, stage, thresholds, file));
    findings.extend(structure::mixed(delta, stage, thresholds, sets, drift, file));
    let mut slower = time::rows(delta, stage, observed, thresholds, clock, file);
    let together = stage_total::finding(delta, stage, thresholds, clock, &slower, file);
    let failed = |one: &&Finding| one.code == Code::KernelSlower && one.level == Level::Deny;
    let failed: Vec<&Finding> = slower.iter().filter(failed).collect();
    let overlap = exposed::streams(delta, stage, thresholds, &failed, file);
    if let Some(lost) = overlap.as_ref().filter(|overlap| exposed::explains_drift(overlap)) {
        slower.retain(|finding| finding.code != Code::EnvironmentDrift);
        exposed::tell_once(&mut slower, lost);
    }
    findings.extend(slower);
    findings.extend(exposed::communication(delta, stage, thresholds, clock, file));
    // Kernels that no longer start early take longer all together, and that is told once.
    findings.extend(together.filter(|_| !overlap.as_ref().is_some_and(exposed::is_within_a_stream)));
    findings.extend(overlap);
    findings
}

fn price_of(delta: &StageDelta, stage: Stage) -> Price {
    let changed = delta.rows.iter().filter(|row| price::is_structural(row));
    let total = price::total(delta, changed, time::drift(delta).factor);
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
