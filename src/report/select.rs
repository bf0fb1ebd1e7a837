//! What of a report is shown, and in which order: shared by every rendering, so that all tell one story.

use super::unit::time;
use crate::common::text::{count, digits3};
use crate::triage::{KernelRow, OverlapRow, PathRow, StageTriage};
use crate::verdict::{CheckReport, Code, Finding, Outcome, Price, ScenarioReport};

/// Findings that a rendering shows before it counts the rest.
pub const SHOWN: usize = 10;

/// How a finding enters the verdict, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It fails the gate.
    Fail,
    /// It keeps the capture from being judged.
    Inconclusive,
    /// There is nothing to compare with.
    NoBaseline,
    /// It is to be looked at.
    Warn,
    /// Policy allows it.
    Note,
    /// A waiver accepts it.
    Waived,
}

impl Mark {
    /// The mark of a finding, by the verdict's own rule.
    pub fn of(finding: &Finding) -> Self {
        if finding.waived_by.is_some() {
            return Self::Waived;
        }
        match Outcome::of(std::slice::from_ref(finding)) {
            Outcome::Fail => Self::Fail,
            Outcome::Inconclusive => Self::Inconclusive,
            Outcome::NoBaseline => Self::NoBaseline,
            Outcome::Warn => Self::Warn,
            Outcome::Pass => Self::Note,
        }
    }

    /// Its text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NoBaseline => "no baseline",
            Self::Warn => "warn",
            Self::Note => "note",
            Self::Waived => "waived",
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Fail => 5,
            Self::Inconclusive => 4,
            Self::NoBaseline => 3,
            Self::Warn => 2,
            Self::Note => 1,
            Self::Waived => 0,
        }
    }
}

/// A finding with the scenario that it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Where it was found.
    pub scenario: &'a ScenarioReport,
    /// What was found.
    pub finding: &'a Finding,
    /// How it counts.
    pub mark: Mark,
}

/// Every finding of a run, worst first: by mark, then as the verdict orders them, over all scenarios.
pub fn findings(report: &CheckReport) -> Vec<Shown<'_>> {
    let mut all: Vec<Shown<'_>> = report
        .scenarios
        .iter()
        .flat_map(|scenario| {
            scenario.findings.iter().map(move |finding| Shown { scenario, finding, mark: Mark::of(finding) })
        })
        .collect();
    all.sort_by(|a, b| b.mark.rank().cmp(&a.mark.rank()).then_with(|| a.finding.worst_first(b.finding)));
    all
}

/// How much of each kind a run found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Findings that fail the gate.
    pub failed: usize,
    /// Findings that warn.
    pub warned: usize,
    /// Findings that were waived.
    pub waived: usize,
    /// Scenarios that could not be judged.
    pub inconclusive: usize,
}

/// Counts what a run found.
pub fn counts(report: &CheckReport) -> Counts {
    let all = findings(report);
    let marked = |mark: Mark| all.iter().filter(|shown| shown.mark == mark).count();
    let is_unjudged = |scenario: &&ScenarioReport| scenario.verdict == Outcome::Inconclusive;
    Counts {
        failed: marked(Mark::Fail),
        warned: marked(Mark::Warn),
        waived: marked(Mark::Waived),
        inconclusive: report.scenarios.iter().filter(is_unjudged).count(),
    }
}

/// Every improvement of a run.
pub fn improvements(report: &CheckReport) -> Vec<(&ScenarioReport, &Finding)> {
    report
        .scenarios
        .iter()
        .flat_map(|scenario| scenario.improvements.iter().map(move |finding| (scenario, finding)))
        .collect()
}

/// Every price of a run.
pub fn prices(report: &CheckReport) -> Vec<(&ScenarioReport, &Price)> {
    report
        .scenarios
        .iter()
        .flat_map(|scenario| scenario.price.iter().map(move |price| (scenario, price)))
        .collect()
}

/// The other kernels that a finding's numbers add up, in words: ` and 2 more kernels`; empty where there is none.
pub fn and_others(finding: &Finding) -> String {
    match finding.rows_added_up() as u64 - 1 {
        0 => String::new(),
        others => format!(" and {}", count(others, "more kernel")),
    }
}

/// Codes of what is shown, each once, in order.
pub fn codes<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<Code> {
    let mut codes = Vec::new();
    for finding in findings {
        if !codes.contains(&finding.code) {
            codes.push(finding.code);
        }
    }
    codes
}

/// Whether the finding's sentence names its subject, which need not be said twice then.
pub fn says_its_subject(finding: &Finding) -> bool {
    finding.message.contains(&format!("`{}`", finding.subject))
}

/// `path:line` of the baseline's row.
pub fn place(finding: &Finding) -> Option<String> {
    let file = finding.file.as_deref().filter(|file| !file.is_empty())?;
    Some(match finding.line {
        Some(line) => format!("{file}:{line}"),
        None => file.to_owned(),
    })
}

/// The rows of a table that reach the share cut, and what the others amount to.
#[derive(Debug)]
pub struct Cut<'a> {
    /// Rows shown.
    pub rows: Vec<&'a KernelRow>,
    /// How many are not.
    pub below: u64,
    /// Their time together.
    pub below_ns: i64,
}

/// Cuts a stage's kernel table at `min_share` percent.
pub fn kernels(stage: &StageTriage, min_share: f64) -> Cut<'_> {
    let (rows, rest): (Vec<&KernelRow>, Vec<&KernelRow>) =
        stage.kernels.iter().partition(|row| row.share_pct >= min_share);
    Cut { rows, below: rest.len() as u64, below_ns: rest.iter().map(|row| row.total_ns).sum() }
}

/// What a cut table leaves out, or why it is empty, in a sentence.
pub fn below(cut: &Cut<'_>, min_share: f64) -> String {
    let share = digits3(min_share);
    match (cut.rows.is_empty(), cut.below) {
        (true, 0) => "No GPU activity was recorded.".to_owned(),
        (true, n) => format!("No kernel reaches {share} % of GPU time; all {n} lie below."),
        (false, 0) => format!("Every kernel reaches {share} % of GPU time."),
        (false, n) => {
            format!("{} below {share} % of GPU time, {} in all.", count(n, "more row"), time(cut.below_ns))
        }
    }
}

/// Overlap rows whose kernel reaches the cut.
pub fn overlaps(stage: &StageTriage, min_share: f64) -> Vec<&OverlapRow> {
    let share = |kernel: &str| stage.kernels.iter().find(|row| row.kernel == kernel).map(|row| row.share_pct);
    stage.overlaps.iter().filter(|row| share(&row.kernel).is_none_or(|share| share >= min_share)).collect()
}

/// Catalog paths that reach the cut, and how many do not.
pub fn paths(stage: &StageTriage, min_share: f64) -> (Vec<&PathRow>, u64) {
    let (rows, rest): (Vec<&PathRow>, Vec<&PathRow>) =
        stage.paths.iter().partition(|row| row.share_pct >= min_share);
    (rows, rest.len() as u64)
}

/// Whether a run has nothing to tell: it passed, and nothing moved, for worse or for better.
pub fn is_quiet(report: &CheckReport) -> bool {
    report.verdict == Outcome::Pass && findings(report).is_empty() && improvements(report).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_worst_comes_first_over_all_scenarios() {
        let report = fixture::mixed();
        let marks: Vec<Mark> = findings(&report).into_iter().map(|shown| shown.mark).collect();
        assert_eq!(
            marks,
            [Mark::Fail, Mark::Fail, Mark::Inconclusive, Mark::NoBaseline, Mark::Warn, Mark::Waived]
        );
    }

    #[test]
    fn the_cut_hides_rows_and_counts_them() {
        let report = fixture::mixed();
        let stage = &report.scenarios[0].triage.as_ref().unwrap().stages[0];
        let cut = kernels(stage, 1.0);
        assert_eq!(cut.rows.len() as u64 + cut.below, stage.kernels.len() as u64);
        assert!(cut.below > 0 && cut.below_ns > 0);
    }
}
