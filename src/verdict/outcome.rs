//! Verdicts and the exit codes that stand for them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::{Code, Kind};
use super::finding::{Finding, Level};

/// The verdict of a scenario or of a run, in the order in which the worse one speaks for several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing to report, or only improvements.
    Pass,
    /// Something to look at, nothing to stop for.
    Warn,
    /// There is nothing to compare with.
    NoBaseline,
    /// It could not be judged.
    Inconclusive,
    /// A finding denies.
    Fail,
}

impl Outcome {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::NoBaseline => "no-baseline",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        }
    }

    /// The verdict that a list of findings amounts to. A proven regression outranks a doubt.
    pub fn of(findings: &[Finding]) -> Self {
        findings
            .iter()
            .filter(|finding| finding.waived_by.is_none())
            .map(Self::of_one)
            .max()
            .unwrap_or(Self::Pass)
    }

    fn of_one(finding: &Finding) -> Self {
        match (finding.level, finding.code.kind()) {
            (Level::Allow, _) => Self::Pass,
            (Level::Warn, _) => Self::Warn,
            (Level::Deny, Kind::Regression | Kind::Improvement) => Self::Fail,
            (Level::Deny, Kind::Doubt) => match finding.code {
                Code::BaselineMissing => Self::NoBaseline,
                _ => Self::Inconclusive,
            },
        }
    }
}

/// The exit code of a run: documented and stable, one number per outcome.
///
/// `has_failed_capture` tells an input that could not be read apart from content that could not be judged.
pub fn exit_code(outcome: Outcome, has_failed_capture: bool) -> u8 {
    match outcome {
        Outcome::Pass | Outcome::Warn => 0,
        Outcome::Fail => 1,
        Outcome::Inconclusive if has_failed_capture => 5,
        Outcome::Inconclusive => 3,
        Outcome::NoBaseline => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: Code) -> Finding {
        Finding::new(code, "s", "m")
    }

    #[test]
    fn the_worst_finding_speaks() {
        assert_eq!(Outcome::of(&[]), Outcome::Pass);
        assert_eq!(Outcome::of(&[finding(Code::KernelReplaced)]), Outcome::Warn);
        assert_eq!(Outcome::of(&[finding(Code::CaptureEmpty), finding(Code::PathMissing)]), Outcome::Fail);
        assert_eq!(Outcome::of(&[finding(Code::CaptureEmpty)]), Outcome::Inconclusive);
        assert_eq!(Outcome::of(&[finding(Code::BaselineMissing)]), Outcome::NoBaseline);
        assert_eq!(Outcome::of(&[finding(Code::StructureCheaper)]), Outcome::Pass);
    }

    #[test]
    fn a_waived_finding_does_not_speak() {
        let mut waived = finding(Code::PathMissing);
        waived.waived_by = Some("w".to_owned());
        assert_eq!(Outcome::of(&[waived]), Outcome::Pass);
    }
}
