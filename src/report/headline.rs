//! The first sentence of every rendering: the verdict, what it rests on, and what to do.

use super::select::{self, Mark, Shown};
use super::unit::signed_time;
use crate::common::text::{count, shorten_middle};
use crate::verdict::{CheckReport, Code, Outcome};

/// Longest name in a headline.
const NAME: usize = 60;

/// Longest quoted message in a headline.
const QUOTE: usize = 200;

/// The verdict in a word.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "Pass",
        Outcome::Warn => "Pass with warnings",
        Outcome::NoBaseline => "No baseline",
        Outcome::Inconclusive => "Inconclusive",
        Outcome::Fail => "Fail",
    }
}

/// What the verdict rests on and what to do. Names stand in backticks.
pub fn sentence(report: &CheckReport) -> String {
    let all = select::findings(report);
    match report.verdict {
        Outcome::Pass => passed(report, &all),
        Outcome::Warn => format!(
            "look at {}; nothing fails the gate.",
            about(&with(&all, Mark::Warn)).unwrap_or_else(|| "nothing".to_owned())
        ),
        Outcome::NoBaseline => format!(
            "nothing to compare with in {}. Record a baseline with `profgate baseline record`.",
            scenarios(&with(&all, Mark::NoBaseline))
        ),
        Outcome::Inconclusive => inconclusive(&all),
        Outcome::Fail => failed(&all),
    }
}

fn passed(report: &CheckReport, all: &[Shown<'_>]) -> String {
    let improved = select::improvements(report).len() as u64;
    let waived = with(all, Mark::Waived);
    let mut text = if !waived.is_empty() {
        let is = if waived.len() == 1 { "is" } else { "are" };
        format!(
            "{} in {} {is} accepted by waivers; nothing else got worse.",
            count(waived.len() as u64, "finding"),
            scenarios(&waived)
        )
    } else if all.is_empty() && improved == 0 {
        format!("no change in {}; nothing to do.", count(report.scenarios.len() as u64, "scenario"))
    } else {
        format!("nothing got worse in {}.", count(report.scenarios.len() as u64, "scenario"))
    };
    if improved > 0 {
        text.push_str(&format!(
            " {}: record the baseline anew to keep what was gained.",
            count(improved, "improvement")
        ));
    }
    text
}

/// The doubt that explains the others leads; they are counted.
fn inconclusive(all: &[Shown<'_>]) -> String {
    let doubts = with(all, Mark::Inconclusive);
    let Some(worst) = doubts.first() else { return "the run could not be judged.".to_owned() };
    let others = doubts.len().saturating_sub(1) as u64;
    format!(
        "{} could not be judged: {}{}.{}",
        scenarios(&doubts),
        shorten_middle(worst.finding.message.trim_end_matches('.'), QUOTE),
        if others > 0 { format!(" ({})", count(others, "more reason")) } else { String::new() },
        to_do(&worst.finding.help, "")
    )
}

fn failed(all: &[Shown<'_>]) -> String {
    let failures = with(all, Mark::Fail);
    let help = failures.first().map_or("", |worst| worst.finding.help.as_str());
    let mut text = format!(
        "{}.{}",
        about(&failures).unwrap_or_else(|| "a scenario failed".to_owned()),
        to_do(help, "undo what caused it, or record the baseline anew if the change is wanted")
    );
    let unjudged = distinct(&with(all, Mark::Inconclusive)).len() as u64;
    if unjudged > 0 {
        text.push_str(&format!(" {} could not be judged.", count(unjudged, "scenario")));
    }
    let without = distinct(&with(all, Mark::NoBaseline)).len() as u64;
    if without > 0 {
        let has = if without == 1 { "has" } else { "have" };
        text.push_str(&format!(" {} {has} no baseline.", count(without, "scenario")));
    }
    text
}

/// What to do, as a sentence behind another one.
fn to_do(help: &str, otherwise: &str) -> String {
    let help = if help.is_empty() { otherwise } else { help };
    if help.is_empty() {
        return String::new();
    }
    format!(" To do: {}.", shorten_middle(help.trim_end_matches('.'), QUOTE))
}

/// The worst of some findings by name and price, the others by number, and where they are.
fn about(some: &[Shown<'_>]) -> Option<String> {
    let worst = some.first()?;
    let stage = worst.finding.stage.map_or(String::new(), |stage| format!(", {}", stage.as_str()));
    let price = match worst.finding.price_ns {
        Some(ns) if ns > 0 => format!(", {} a step", signed_time(ns)),
        Some(_) | None => String::new(),
    };
    let mut text = format!(
        "{}{} ({}{stage}{price})",
        name(&worst.finding.subject),
        select::and_others(worst.finding),
        worst.finding.code.as_str()
    );
    let others = some.len().saturating_sub(1) as u64;
    if others > 0 {
        text.push_str(&format!(" and {}", count(others, "more finding")));
    }
    text.push_str(&format!(" in {}", scenarios(some)));
    if let Some(whole) = cheaper_as_a_whole(worst) {
        text.push_str(&format!(", though all that changed there makes {whole} a step"));
    }
    Some(text)
}

/// What a mixed change comes to: its dearer part alone reads as a loss.
fn cheaper_as_a_whole(shown: &Shown<'_>) -> Option<String> {
    let is_mixed = shown.finding.code == Code::Mixed;
    let price = shown.scenario.price.iter().find(|price| Some(price.stage) == shown.finding.stage)?;
    is_mixed.then(|| signed_time(price.structural_ns))
}

fn scenarios(some: &[Shown<'_>]) -> String {
    let names = distinct(some);
    match names.as_slice() {
        [] => "no scenario".to_owned(),
        [one] => name(one),
        [one, two] => format!("{} and {}", name(one), name(two)),
        [one, rest @ ..] => format!("{} and {}", name(one), count(rest.len() as u64, "more scenario")),
    }
}

fn name(text: &str) -> String {
    if text.trim().is_empty() {
        return "(no name)".to_owned();
    }
    format!("`{}`", shorten_middle(text, NAME).replace('`', "'"))
}

fn with<'a>(all: &[Shown<'a>], mark: Mark) -> Vec<Shown<'a>> {
    all.iter().filter(|shown| shown.mark == mark).copied().collect()
}

fn distinct<'a>(some: &[Shown<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for shown in some {
        if !names.contains(&shown.scenario.scenario.as_str()) {
            names.push(&shown.scenario.scenario);
        }
    }
    names
}

/// How many findings of each mark there are, in words; empty without findings.
pub fn tally(report: &CheckReport) -> String {
    let all = select::findings(report);
    let number = |mark: Mark| all.iter().filter(|shown| shown.mark == mark).count() as u64;
    let mut parts: Vec<String> = [
        (Mark::Fail, "failure"),
        (Mark::Inconclusive, "doubt"),
        (Mark::NoBaseline, "missing baseline"),
        (Mark::Warn, "warning"),
        (Mark::Note, "note"),
        (Mark::Waived, "waived finding"),
    ]
    .into_iter()
    .filter(|(mark, _)| number(*mark) > 0)
    .map(|(mark, noun)| count(number(mark), noun))
    .collect();
    let improved = select::improvements(report).len() as u64;
    if improved > 0 {
        parts.push(count(improved, "improvement"));
    }
    parts.push(count(report.scenarios.len() as u64, "scenario"));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::verdict::Level;

    #[test]
    fn every_verdict_says_what_it_rests_on_and_what_to_do() {
        let say = |report: &CheckReport| format!("{}: {}", word(report.verdict), sentence(report));
        insta::assert_snapshot!(say(&fixture::green()), @r#"Pass: no change in 2 scenarios; nothing to do."#);
        insta::assert_snapshot!(say(&fixture::one_failure()), @r#"Fail: `fused-qknorm-rope` (path-missing, decode, +310 µs a step) and 1 more finding in `qwen3-30b-decode`. To do: check the server's flags: `--enable-fused-qk-norm-rope` switches it on."#);
        insta::assert_snapshot!(say(&fixture::mixed()), @r#"Fail: `fused-qknorm-rope` (path-missing, decode, +310 µs a step) and 1 more finding in `qwen3-30b-decode`. To do: check the server's flags: `--enable-fused-qk-norm-rope` switches it on. 1 scenario could not be judged. 1 scenario has no baseline."#);
        insta::assert_snapshot!(say(&fixture::run(vec![fixture::unjudged()])), @r#"Inconclusive: `mistral-prefill` could not be judged: no GPU activity was recorded. To do: profile with GPU activities on while requests run."#);
        insta::assert_snapshot!(say(&fixture::run(vec![fixture::missing_baseline()])), @r#"No baseline: nothing to compare with in `llama-mixed`. Record a baseline with `profgate baseline record`."#);
        insta::assert_snapshot!(say(&fixture::run(vec![fixture::waived()])), @r#"Pass: 1 finding in `deepseek` is accepted by waivers; nothing else got worse."#);
        let mut warned = fixture::failing();
        warned.findings.drain(..2);
        warned.verdict = Outcome::Warn;
        insta::assert_snapshot!(say(&fixture::run(vec![warned])), @r#"Pass with warnings: look at `fmha-trtllm-gen` (kernel-slower, decode, +288 µs a step) in `qwen3-30b-decode`; nothing fails the gate."#);
        let mut mixed = fixture::failing();
        mixed.findings.truncate(1);
        mixed.findings[0].code = Code::Mixed;
        mixed.findings[0].level = Level::Warn;
        mixed.price[0].structural_ns = -55_700;
        mixed.verdict = Outcome::Warn;
        insta::assert_snapshot!(say(&fixture::run(vec![mixed])), @r#"Pass with warnings: look at `fused-qknorm-rope` (mixed, decode, +310 µs a step) in `qwen3-30b-decode`, though all that changed there makes −55.7 µs a step; nothing fails the gate."#);
        let mut improved = fixture::failing();
        improved.findings.clear();
        improved.verdict = Outcome::Pass;
        insta::assert_snapshot!(say(&fixture::run(vec![improved])), @r#"Pass: nothing got worse in 1 scenario. 1 improvement: record the baseline anew to keep what was gained."#);
    }

    #[test]
    fn the_tally_counts_by_mark() {
        insta::assert_snapshot!(tally(&fixture::mixed()), @r#"2 failures, 1 doubt, 1 missing baseline, 1 warning, 1 waived finding, 1 improvement, 4 scenarios"#);
    }
}
