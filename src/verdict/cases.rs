//! What became of each row of the baseline: the test cases of JUnit.

use super::code::Kind;
use super::finding::{Finding, Level};
use super::report::{Case, CaseResult, ScenarioReport};
use super::waiver::case_message;
use crate::baseline::Baseline;
use crate::triage::Stage;

/// One case per row of the baseline, and one for the question whether it could be judged.
pub fn cases(baseline: &Baseline, report: &ScenarioReport, is_judged: bool) -> Vec<Case> {
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
    }
    // A change that no row stands for is a case of its own: else a gate could fail in a file without a failure.
    for finding in report.findings.iter().filter(|finding| finding.code.kind() == Kind::Regression) {
        let is_told = cases.iter().any(|case| {
            case.stage == finding.stage && case.subject == finding.subject && case.code == Some(finding.code)
        });
        if !is_told {
            cases.push(Case {
                table: "kernels".to_owned(),
                stage: finding.stage,
                subject: finding.subject.clone(),
                result: result_of(finding),
                code: Some(finding.code),
                message: case_message(finding),
                line: finding.line,
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
    let of_stage = || {
        report.findings.iter().filter(|finding| finding.stage == Some(stage) && finding.level == Level::Deny)
    };
    // One change is one failure, however many kernels it moved: the row that the finding is about.
    let own = of_stage().find(|finding| finding.subject == subject);
    let shared = of_stage().find(|finding| finding.kernels.iter().any(|kernel| kernel == subject));
    let (result, code, message) = match (own, shared) {
        (Some(finding), _) => (result_of(finding), Some(finding.code), case_message(finding)),
        (None, Some(finding)) => {
            let message = format!("changed together with `{}` and judged there", finding.subject);
            (CaseResult::Skipped, Some(finding.code), message)
        }
        (None, None) if is_judged => (CaseResult::Held, None, String::new()),
        (None, None) => (CaseResult::Unjudged, None, "the capture could not be judged".to_owned()),
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

/// What became of a row, by the worst finding about it.
pub(super) fn result_of(finding: &Finding) -> CaseResult {
    match (finding.waived_by.is_some(), finding.level) {
        (true, _) => CaseResult::Skipped,
        (false, Level::Deny) => CaseResult::Violated,
        (false, Level::Warn | Level::Allow) => CaseResult::Held,
    }
}
