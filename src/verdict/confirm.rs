//! A second capture: what it does not repeat of the first one's times was noise.
//!
//! Structure is exact and needs no second look.

use super::code::{Code, Kind};
use super::finding::{Finding, Level, explained_at};
use super::outcome::Outcome;
use super::report::{CaseResult, ScenarioReport};

/// Whether a finding rests on time alone.
fn is_time(code: Code) -> bool {
    matches!(
        code,
        Code::KernelSlower | Code::StageSlower | Code::CommunicationExposed | Code::StreamOverlapLost
    )
}

/// Whether a report has something that a second capture could confirm.
pub fn has_open_time(report: &ScenarioReport) -> bool {
    report.findings.iter().any(|finding| is_time(finding.code) && finding.level > Level::Allow)
}

/// Makes `flaky` of each finding about time that the second capture does not repeat as severely.
///
/// A second capture that could not be judged confirms nothing and excuses nothing.
pub fn confirm(report: &mut ScenarioReport, again: &ScenarioReport) {
    if let Some(doubt) = again.findings.iter().find(|finding| finding.code.kind() == Kind::Doubt) {
        report.notes.push(format!(
            "the second capture could not be judged, so it confirms nothing: {}",
            doubt.message
        ));
        return;
    }
    for finding in &mut report.findings {
        if !is_time(finding.code) || finding.level == Level::Allow {
            continue;
        }
        let is_repeated = again.findings.iter().any(|other| {
            other.code == finding.code
                && other.stage == finding.stage
                && other.subject == finding.subject
                && other.level >= finding.level
        });
        if is_repeated {
            finding.evidence.insert(0, "a second capture repeats it".to_owned());
            continue;
        }
        let was = finding.code;
        let said = finding.message_in_case();
        make_flaky(finding, was);
        for case in &mut report.cases {
            if case.code == Some(was) && case.stage == finding.stage && case.message == said {
                case.code = Some(Code::Flaky);
                case.message = finding.message_in_case();
                if case.result == CaseResult::Violated {
                    case.result = CaseResult::Held;
                }
            }
        }
    }
    report.findings.sort_by(Finding::worst_first);
    report.verdict = Outcome::of(&report.findings).max(Outcome::of(&report.improvements));
}

fn make_flaky(finding: &mut Finding, was: Code) {
    finding.code = Code::Flaky;
    finding.docs = explained_at(Code::Flaky);
    finding.level = finding.level.min(Level::Warn);
    finding.message = format!("{}; a second capture does not repeat this", finding.message);
    finding.evidence.insert(0, format!("it would be `{}`", was.as_str()));
    finding.help = "look at clocks and at what else the machine did; nothing fails for it".to_owned();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::Stage;
    use crate::verdict::BaselineRef;

    fn report(findings: Vec<Finding>) -> ScenarioReport {
        ScenarioReport {
            scenario: "s".to_owned(),
            verdict: Outcome::of(&findings),
            baseline: BaselineRef { path: "b.yaml".to_owned(), sha256: None, gpu: None },
            findings,
            improvements: Vec::new(),
            price: Vec::new(),
            layer_diff: Vec::new(),
            unknowns: Vec::new(),
            waivers: Vec::new(),
            notes: Vec::new(),
            cases: Vec::new(),
            triage: None,
            basis: None,
        }
    }

    fn slower(subject: &str) -> Finding {
        Finding::new(Code::KernelSlower, subject, "slower").in_stage(Stage::Decode)
    }

    #[test]
    fn what_is_repeated_fails_and_what_is_not_warns() {
        let mut first = report(vec![slower("a"), slower("b")]);
        let mut advisory = slower("b");
        advisory.level = Level::Warn;
        confirm(&mut first, &report(vec![slower("a"), advisory]));
        let found: Vec<_> =
            first.findings.iter().map(|one| (one.code, one.level, one.subject.as_str())).collect();
        assert_eq!(found, [(Code::KernelSlower, Level::Deny, "a"), (Code::Flaky, Level::Warn, "b")]);
        assert_eq!(first.verdict, Outcome::Fail);
        let mut alone = report(vec![slower("b")]);
        confirm(&mut alone, &report(Vec::new()));
        assert_eq!(alone.verdict, Outcome::Warn);
    }

    #[test]
    fn structure_needs_no_second_look_and_a_doubt_excuses_nothing() {
        let dearer = Finding::new(Code::StructureCostlier, "k", "dearer").in_stage(Stage::Decode);
        let mut first = report(vec![dearer]);
        assert!(!has_open_time(&first));
        confirm(&mut first, &report(Vec::new()));
        assert_eq!(first.verdict, Outcome::Fail);
        let mut slow = report(vec![slower("a")]);
        confirm(&mut slow, &report(vec![Finding::new(Code::CaptureEmpty, "t", "no kernels")]));
        assert_eq!(slow.verdict, Outcome::Fail);
        assert!(slow.notes[0].contains("confirms nothing"), "{:?}", slow.notes);
    }
}
