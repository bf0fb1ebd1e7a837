//! What became of each thing that was to be judged: the test cases of JUnit.
//!
//! Each finding has exactly one case: that of the row that it is about, or one of its own where no row is. So
//! the failures that a reader counts are the findings that fail the gate.

use super::code::{Code, Kind};
use super::finding::{Finding, Level};
use super::promise;
use super::report::{Case, CaseResult, ScenarioReport};
use super::terms::Terms;
use crate::baseline::{Baseline, Observation};
use crate::triage::Stage;

/// What rows of one kind are called.
const CAPTURE: &str = "capture";
const KERNELS: &str = "kernels";
const PATHS: &str = "paths";
const OVERLAPS: &str = "overlaps";
const STAGES: &str = "stages";
const PROMISES: &str = "promises";
const WAIVERS: &str = "waivers";

/// Something that was to be judged, and where it is written.
struct Row<'a> {
    table: &'static str,
    stage: Option<Stage>,
    /// What the case is called.
    name: String,
    /// What a finding about it has as its subject.
    subject: String,
    file: &'a str,
    line: u64,
}

impl Row<'_> {
    /// Whether a finding is about this very row.
    fn is_meant(&self, finding: &Finding) -> bool {
        let is_placed = finding.line == Some(self.line) && finding.file.as_deref() == Some(self.file);
        match self.table {
            PROMISES => promise::is_about(finding.code) && is_placed && finding.stage == self.stage,
            WAIVERS => table_of(finding.code) == WAIVERS && is_placed,
            table => {
                table_of(finding.code) == table
                    && finding.stage == self.stage
                    && finding.subject == self.subject
            }
        }
    }

    fn case(&self, result: CaseResult, code: Option<Code>, message: String) -> Case {
        Case {
            table: self.table.to_owned(),
            stage: self.stage,
            subject: self.name.clone(),
            result,
            code,
            message,
            file: Some(self.file.to_owned()),
            line: (self.line > 0).then_some(self.line),
        }
    }
}

/// One case for the question whether the capture could be judged; where it could, one for each row of the
/// baseline, each promise and each waiver, and one for each finding that none of them stands for.
pub fn cases(
    baseline: &Baseline,
    report: &ScenarioReport,
    terms: &Terms,
    capture: &Observation,
    is_judged: bool,
) -> Vec<Case> {
    let rows = rows(baseline, report, terms, capture, is_judged);
    let mut open: Vec<&Finding> = report.findings.iter().collect();
    let mut judged = Vec::new();
    // A promise and a waiver know their line, so they choose before the rows that go by a name.
    let (by_line, by_name): (Vec<Row<'_>>, Vec<Row<'_>>) =
        rows.into_iter().partition(|row| matches!(row.table, PROMISES | WAIVERS));
    for row in &by_line {
        judged.push(case(row, &mut open, report));
    }
    let by_line = std::mem::take(&mut judged);
    for row in &by_name {
        judged.push(case(row, &mut open, report));
    }
    let (doubts, others): (Vec<&Finding>, Vec<&Finding>) =
        open.into_iter().partition(|finding| finding.code.kind() == Kind::Doubt);
    let mut cases = vec![comparable(&doubts, is_judged)];
    cases.extend(judged);
    cases.extend(by_line);
    cases.extend(others.into_iter().map(alone));
    cases
}

/// Everything that was judged and has a place in a file.
fn rows<'a>(
    baseline: &Baseline,
    report: &'a ScenarioReport,
    terms: &'a Terms,
    capture: &Observation,
    is_judged: bool,
) -> Vec<Row<'a>> {
    let file = report.baseline.path.as_str();
    let row = |table, stage, subject: &str, line| Row {
        table,
        stage: Some(stage),
        name: subject.to_owned(),
        subject: subject.to_owned(),
        file,
        line,
    };
    let mut rows = Vec::new();
    // What could not be judged is one error, not one for each row that nobody looked at.
    if is_judged {
        for (stage, expected) in &baseline.stages {
            let kernels = expected
                .kernels
                .iter()
                .map(|one| row(KERNELS, *stage, &one.value.kernel, one.referenced.line()));
            let paths =
                expected.paths.iter().map(|one| row(PATHS, *stage, &one.value.path, one.referenced.line()));
            let overlaps = expected
                .overlaps
                .iter()
                .map(|one| row(OVERLAPS, *stage, one.value.role.as_str(), one.referenced.line()));
            rows.extend(kernels.chain(paths).chain(overlaps));
        }
        for placed in &terms.promises {
            rows.extend(placed.stages_told(capture).into_iter().map(|stage| Row {
                table: PROMISES,
                stage: Some(stage),
                name: placed.subject(),
                subject: placed.subject(),
                file: &placed.file,
                line: placed.line,
            }));
        }
    }
    // Whether a waiver is out of date needs no capture.
    let is_out = |line: u64, file: &str| {
        report.findings.iter().any(|finding| {
            table_of(finding.code) == WAIVERS
                && finding.line == Some(line)
                && finding.file.as_deref() == Some(file)
        })
    };
    let waivers = terms.waivers.iter().filter(|waiver| is_judged || is_out(waiver.line, &waiver.file));
    rows.extend(waivers.map(|waiver| Row {
        table: WAIVERS,
        stage: waiver.stage,
        name: format!("{}:{}", waiver.code.as_str(), waiver.subject),
        subject: waiver.subject.clone(),
        file: &waiver.file,
        line: waiver.line,
    }));
    rows
}

/// The case of a row: by the worst finding about it, which is told from then on.
fn case(row: &Row<'_>, open: &mut Vec<&Finding>, report: &ScenarioReport) -> Case {
    if let Some(at) = open.iter().position(|finding| row.is_meant(finding)) {
        let finding = open.remove(at);
        return row.case(result_of(finding), Some(finding.code), finding.message_in_case());
    }
    let message = elsewhere(row, report).map_or_else(String::new, |finding| {
        let place = match finding.line {
            Some(line) => format!(", {}:{line}", finding.file.as_deref().unwrap_or_default()),
            None => String::new(),
        };
        format!("judged together with `{}` ({}{place})", finding.subject, finding.code.as_str())
    });
    row.case(CaseResult::Held, None, message)
}

/// The finding that tells what became of a row of which none is the subject: one change, however many rows it moved.
fn elsewhere<'a>(row: &Row<'_>, report: &'a ScenarioReport) -> Option<&'a Finding> {
    let mut all = report.findings.iter().chain(&report.improvements).filter(|one| one.stage == row.stage);
    match row.table {
        // A change of kernels, or else the lost path that they changed with.
        KERNELS => [KERNELS, PATHS].into_iter().find_map(|table| {
            all.clone().find(|one| table_of(one.code) == table && one.kernels.contains(&row.subject))
        }),
        // A lost path of which a row and a promise tell is one finding.
        PROMISES => all.find(|finding| table_of(finding.code) == PATHS && finding.subject == row.subject),
        _ => None,
    }
}

/// The case of a finding that no row stands for: else a gate could fail in a file without a failure.
fn alone(finding: &Finding) -> Case {
    Case {
        table: table_of(finding.code).to_owned(),
        stage: finding.stage,
        subject: finding.subject.clone(),
        result: result_of(finding),
        code: Some(finding.code),
        message: finding.message_in_case(),
        file: finding.file.clone(),
        line: finding.line,
    }
}

/// Whether the capture could be judged at all.
fn comparable(doubts: &[&Finding], is_judged: bool) -> Case {
    let messages: Vec<&str> = doubts.iter().map(|finding| finding.message.as_str()).collect();
    Case {
        table: CAPTURE.to_owned(),
        stage: None,
        subject: "comparable".to_owned(),
        result: if is_judged { CaseResult::Held } else { CaseResult::Unjudged },
        code: doubts.first().map(|finding| finding.code),
        message: messages.join("; "),
        file: None,
        line: None,
    }
}

/// What became of a row, by the finding about it.
fn result_of(finding: &Finding) -> CaseResult {
    match (finding.waived_by.is_some(), finding.code.kind(), finding.level) {
        (true, _, _) => CaseResult::Skipped,
        (false, Kind::Doubt, Level::Deny) => CaseResult::Unjudged,
        (false, Kind::Regression | Kind::Improvement, Level::Deny) => CaseResult::Violated,
        (false, _, Level::Warn | Level::Allow) => CaseResult::Held,
    }
}

/// Where a finding is told when no promise or waiver has its line.
fn table_of(code: Code) -> &'static str {
    match code {
        Code::CaptureFailed
        | Code::CaptureUnreadable
        | Code::CaptureEmpty
        | Code::CaptureDamaged
        | Code::RankMissing
        | Code::StageMissing
        | Code::NotComparable
        | Code::PromiseUnjudged
        | Code::BaselineMissing => CAPTURE,
        Code::PathMissing | Code::PathPartial => PATHS,
        Code::KernelForbidden | Code::KernelMissing | Code::LaunchesOutOfRange | Code::OverlapExposed => {
            PROMISES
        }
        Code::KernelVanished
        | Code::StructureCostlier
        | Code::KernelReplaced
        | Code::Mixed
        | Code::KernelSlower
        | Code::Flaky
        | Code::StructureCheaper
        | Code::KernelFaster => KERNELS,
        Code::CommunicationExposed
        | Code::StreamOverlapLost
        | Code::CommunicationHidden
        | Code::StreamOverlapGained => OVERLAPS,
        Code::EnvironmentDrift | Code::StageSlower | Code::StageFaster => STAGES,
        Code::WaiverExpired | Code::WaiverUnused => WAIVERS,
    }
}
