//! A run of `check` in the manner of a compiler: what failed, where it was promised, why, what to do.

use super::page::{Page, Tone, safe};
use crate::common::text::count;
use crate::report::headline;
use crate::report::ranks;
use crate::report::select::{self, Mark, Shown};
use crate::report::unit::{changed_kernels, pair, price, signed_percent};
use crate::report::words;
use crate::verdict::{CheckReport, Outcome, ScenarioReport};

/// Lines of evidence under a finding.
const EVIDENCE: usize = 5;

/// Changed layers that are shown.
const DIFFS: usize = 3;

/// Lines of each.
const DIFF_LINES: usize = 30;

/// Renders a run. The kernel tables are `triage`'s; a terminal cannot fold them away.
pub fn check(report: &CheckReport, width: usize, color: bool) -> String {
    let mut page = Page::new(width, color);
    let all = select::findings(report);
    for shown in all.iter().take(select::SHOWN) {
        finding(&mut page, shown);
    }
    let hidden = all.len().saturating_sub(select::SHOWN) as u64;
    if hidden > 0 {
        page.paragraph(&format!("{}; report.json has all.", count(hidden, "more finding")));
        page.blank();
    }
    for scenario in &report.scenarios {
        layer_diffs(&mut page, scenario);
    }
    let better = select::improvements(report).into_iter().map(|(_, finding)| finding);
    let codes = select::codes(all.iter().take(select::SHOWN).map(|shown| shown.finding).chain(better));
    if let Some(docs) = report.docs.as_ref().filter(|_| !codes.is_empty()) {
        page.paragraph(&format!("Findings are explained at {}", docs.page()));
        page.blank();
    } else if !codes.is_empty() {
        page.paragraph(&words::explained(&codes));
        page.blank();
    }
    for (scenario, better) in select::improvements(report) {
        let text = format!("{}: {} [{}]", scenario.scenario, better.message, better.code.as_str());
        page.item(Tone::Good, "better  ", 4, &text);
    }
    if !all.is_empty() {
        for (scenario, price) in select::prices(report) {
            let changed = match changed_kernels(price) {
                Some(cost) => {
                    format!("changed kernels {cost} ({} of the step)", signed_percent(price.structural_pct))
                }
                None => "changes of kernels cost nothing".to_owned(),
            };
            page.item(
                Tone::Strong,
                "cost    ",
                4,
                &format!(
                    "{}, {}, per step: {changed}, unchanged kernels {} of their own time, GPU busy time {}",
                    scenario.scenario,
                    price.stage.as_str(),
                    signed_percent(price.same_rows_pct),
                    signed_percent(price.busy_pct),
                ),
            );
        }
    }
    for scenario in &report.scenarios {
        if !scenario.unknowns.is_empty() {
            let what = scenario.unknowns.join(", ");
            page.item(
                Tone::Strong,
                "note    ",
                4,
                &format!("{}: not compared, because one side does not tell: {what}", scenario.scenario),
            );
        }
        for note in &scenario.notes {
            page.item(Tone::Strong, "note    ", 4, &format!("{}: {note}", scenario.scenario));
        }
    }
    for (scenario, sentence) in ranks::stragglers(report) {
        page.item(Tone::Strong, "note    ", 4, &format!("{scenario}: {sentence}"));
    }
    let (label, text) = last_line(report);
    page.item(tone_of(report.verdict), &label, 4, &text);
    page.into_text()
}

/// The changed layers of a scenario; a long diff ends early, because the report has all of it.
fn layer_diffs(page: &mut Page, scenario: &ScenarioReport) {
    for diff in scenario.layer_diff.iter().take(DIFFS) {
        for line in diff.text.lines().take(DIFF_LINES) {
            let tone = match line.chars().next() {
                Some('+') => Tone::Good,
                Some('-') => Tone::Bad,
                _ => Tone::Plain,
            };
            page.verbatim(tone, &format!("  {line}"));
        }
        let more = diff.text.lines().count().saturating_sub(DIFF_LINES) as u64;
        if more > 0 {
            page.paragraph(&format!("  {} in report.json", count(more, "more line")));
        }
        page.blank();
    }
    let more = scenario.layer_diff.len().saturating_sub(DIFFS) as u64;
    if more > 0 {
        page.paragraph(&format!("  {} in report.json", count(more, "more changed layer")));
        page.blank();
    }
}

/// A run in one line, for `--quiet`.
pub fn check_line(report: &CheckReport) -> String {
    let (label, text) = last_line(report);
    format!("{label}{}\n", safe(&text))
}

fn last_line(report: &CheckReport) -> (String, String) {
    (
        format!("{}: ", report.verdict.as_str()),
        format!("{} (exit code {})", headline::tally(report), report.exit_code),
    )
}

fn finding(page: &mut Page, shown: &Shown<'_>) {
    let finding = shown.finding;
    let subject = if select::says_its_subject(finding) || finding.subject.is_empty() {
        String::new()
    } else {
        format!("`{}`: ", finding.subject)
    };
    let stage = finding.stage.map_or(String::new(), |stage| format!(" ({})", stage.as_str()));
    let text = format!(
        "{}{stage}: {subject}{} [{}]",
        shown.scenario.scenario,
        finding.message,
        finding.code.as_str()
    );
    page.item(tone_of_mark(shown.mark), &format!("{}  ", shown.mark.as_str()), 4, &text);
    if let Some(place) = select::place(finding) {
        page.item(Tone::Plain, "  --> ", 6, &place);
    }
    let price = price(finding).map(|price| format!("price of a step: {price}"));
    let numbers: Vec<String> = pair(finding).into_iter().chain(price).collect();
    if !numbers.is_empty() {
        page.item(Tone::Plain, "   = ", 5, &numbers.join("; "));
    }
    if let Some(layer) = &finding.layer {
        page.item(Tone::Plain, "   = ", 5, &format!("where: {layer}"));
    }
    let evidence = finding.evidence.iter().take(EVIDENCE);
    for line in evidence {
        page.item(Tone::Plain, "   = ", 5, line);
    }
    let more = finding.evidence.len().saturating_sub(EVIDENCE) as u64;
    if more > 0 {
        page.item(Tone::Plain, "   = ", 5, &format!("{} in report.json", count(more, "more line")));
    }
    for cause in &finding.cause {
        page.item(Tone::Plain, "   = likely cause: ", 5, cause);
    }
    if let Some(waiver) = &finding.waived_by {
        page.item(Tone::Plain, "   = waived by: ", 5, waiver);
    }
    if !finding.help.is_empty() {
        page.item(Tone::Strong, "   = help: ", 5, &finding.help);
    }
    page.blank();
}

fn tone_of_mark(mark: Mark) -> Tone {
    match mark {
        Mark::Fail => Tone::Bad,
        Mark::Inconclusive | Mark::NoBaseline | Mark::Warn => Tone::Warning,
        Mark::Note | Mark::Waived => Tone::Strong,
    }
}

fn tone_of(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Pass => Tone::Good,
        Outcome::Warn | Outcome::NoBaseline | Outcome::Inconclusive => Tone::Warning,
        Outcome::Fail => Tone::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_run_reads_like_a_compiler() {
        insta::assert_snapshot!("check_mixed", check(&fixture::mixed(), 100, false));
    }

    #[test]
    fn a_quiet_run_is_one_line() {
        insta::assert_snapshot!(check_line(&fixture::mixed()), @r#"fail: 2 failures, 1 doubt, 1 missing baseline, 1 warning, 1 waived finding, 1 improvement, 4 scenarios (exit code 1)"#);
        insta::assert_snapshot!(check(&fixture::green(), 80, false), @r#"pass: 2 scenarios (exit code 0)"#);
    }

    #[test]
    fn a_rank_that_computes_longer_is_named() {
        let mut report = fixture::green();
        for scenario in &mut report.scenarios {
            let mut triage = fixture::triage();
            triage.ranks = Some(ranks::example());
            scenario.triage = Some(triage);
        }
        let text = check(&report, 200, false);
        assert!(text.contains("note") && text.contains("Rank 0 computes"), "{text}");
    }

    #[test]
    fn only_colour_differs_between_a_terminal_and_a_pipe() {
        let report = fixture::mixed();
        let colored = check(&report, 90, true);
        assert!(colored.contains('\u{1b}'));
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), check(&report, 90, false));
        assert_eq!(colored, check(&report, 90, true));
    }

    #[test]
    fn no_name_acts_on_a_terminal_or_a_build_log() {
        for name in fixture::HOSTILE.map(str::to_owned).into_iter().chain(["x".repeat(5_000)]) {
            for width in [40, 100] {
                let text = check(&fixture::hostile(&name), width, false);
                assert!(!text.contains(['\u{1b}', '\u{202e}', '\r', '\u{0}']), "{text}");
                for line in text.lines() {
                    assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line}");
                    assert!(line.chars().count() <= width, "{width}: {line}");
                }
            }
            assert_eq!(check_line(&fixture::hostile(&name)).lines().count(), 1);
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]
        #[test]
        fn any_name_at_all_is_inert(name in fixture::any_name(), width in 40..160_usize) {
            let text = check(&fixture::hostile(&name), width, false);
            for line in text.lines() {
                assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
                assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line}");
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
            assert_eq!(check_line(&fixture::hostile(&name)).lines().count(), 1);
        }
    }

    #[test]
    fn a_large_report_stays_short() {
        let text = check(&fixture::real_size(), 100, false);
        assert!(text.contains("290 more findings; report.json has all."), "{text}");
        assert!(text.lines().count() < 150);
    }
}
