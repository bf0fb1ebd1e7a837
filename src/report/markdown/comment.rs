//! The pull-request comment, written for a tired reader.
//!
//! Line one says the verdict and what to do; then the worst findings with their numbers, what each costs and
//! what to do about it; everything else is folded. A run without changes is three lines. A report that is
//! too long is rendered shorter, never cut.

use std::fmt::Write;

use super::{MdCell, MdCode, MdDiff};
use crate::common::text::count;
use crate::report::select::{self, Mark, Shown};
use crate::report::unit::{figures, signed_percent, signed_time};
use crate::report::{headline, markdown};
use crate::verdict::{CheckReport, Outcome, ScenarioReport};

/// The hidden last line by which the comment is found again.
pub const MARKER: &str = "<!-- profgate:comment -->";

/// Bytes that a comment may have. GitHub takes 65,536 characters.
pub const BUDGET: usize = 60_000;

/// Lines of one layer's diff.
const DIFF_LINES: usize = 80;

/// How much of a report is rendered.
#[derive(Debug, Clone, Copy)]
struct Form {
    findings: usize,
    evidence: usize,
    improvements: usize,
    prices: usize,
    scenarios: usize,
    tables: bool,
}

const FULL: Form =
    Form { findings: select::SHOWN, evidence: 5, improvements: 5, prices: 10, scenarios: 10, tables: true };

/// From everything to little; the last resort is the headline alone.
const FORMS: [Form; 4] = [
    FULL,
    Form { tables: false, ..FULL },
    Form { tables: false, evidence: 1, ..FULL },
    Form { findings: 3, evidence: 0, improvements: 0, prices: 3, scenarios: 3, tables: false },
];

/// Renders the comment of a run: at most [`BUDGET`] bytes, [`MARKER`] as its last line.
pub fn comment(report: &CheckReport) -> String {
    within(report, BUDGET)
}

fn within(report: &CheckReport, budget: usize) -> String {
    for form in FORMS {
        let text = render(report, form);
        if text.len() <= budget {
            return text;
        }
    }
    let mut out = first_line(report);
    let _ = writeln!(out, "\nThe rest does not fit into a comment; `report.json` has it.\n\n{MARKER}");
    out
}

fn first_line(report: &CheckReport) -> String {
    format!("**{}**: {}\n", headline::word(report.verdict), MdCell::new(&headline::sentence(report)))
}

fn render(report: &CheckReport, form: Form) -> String {
    let all = select::findings(report);
    let shown: Vec<Shown<'_>> = all.iter().take(form.findings).copied().collect();
    let mut out = first_line(report);
    let is_quiet = all.is_empty() && select::improvements(report).is_empty();
    if is_quiet && report.verdict == Outcome::Pass {
        let _ = writeln!(out, "{}\n{MARKER}", compared(report, form));
        return out;
    }
    let has_numbers = |row: &Shown<'_>| row.finding.before.is_some() || row.finding.file.is_some();
    if shown.iter().any(has_numbers) {
        table(&mut out, report, &shown);
    }
    prices(&mut out, report, form);
    blocks(&mut out, report, &shown, form);
    rest(&mut out, report, &all, form);
    if form.tables {
        details(&mut out, report);
    }
    let _ = writeln!(out, "\n{MARKER}");
    out
}

/// What a quiet run looked at.
fn compared(report: &CheckReport, form: Form) -> String {
    let parts: Vec<String> = report
        .scenarios
        .iter()
        .take(form.scenarios)
        .map(|scenario| {
            format!("{} with {}", MdCode::new(&scenario.scenario), MdCode::new(&scenario.baseline.path))
        })
        .collect();
    let more = report.scenarios.len().saturating_sub(parts.len()) as u64;
    match (parts.is_empty(), more) {
        (true, _) => "Nothing was compared.".to_owned(),
        (false, 0) => format!("Compared {}.", parts.join(", ")),
        (false, more) => format!("Compared {} and {}.", parts.join(", "), count(more, "more scenario")),
    }
}

fn table(out: &mut String, report: &CheckReport, shown: &[Shown<'_>]) {
    let has_many = report.scenarios.len() > 1;
    out.push('\n');
    out.push_str(if has_many { "| | Scenario " } else { "| " });
    out.push_str("| Finding | Before → after | Change | Stage | Baseline |\n");
    out.push_str(if has_many { "|:--|:--" } else { "|:--" });
    out.push_str("|:--|--:|--:|:--|:--|\n");
    for row in shown {
        let finding = row.finding;
        let (pair, change) = figures(finding.before, finding.after, &finding.unit)
            .map_or_else(Default::default, |figures| (figures.pair, figures.change));
        let scenario =
            if has_many { format!("| {} ", MdCode::new(&row.scenario.scenario)) } else { String::new() };
        let _ = writeln!(
            out,
            "| **{}** {scenario}| {} {} | {} | {} | {} | {} |",
            row.mark.as_str(),
            MdCode::new(&finding.subject),
            finding.code.as_str(),
            MdCell::new(&pair),
            MdCell::new(&change),
            finding.stage.map_or("", |stage| stage.as_str()),
            select::place(finding).map_or_else(String::new, |place| MdCode::new(&place).to_string()),
        );
    }
}

fn prices(out: &mut String, report: &CheckReport, form: Form) {
    let all = select::prices(report);
    if all.is_empty() || report.scenarios.iter().all(|scenario| scenario.findings.is_empty()) {
        return;
    }
    out.push('\n');
    for (scenario, price) in all.iter().take(form.prices) {
        let of = if report.scenarios.len() > 1 {
            format!("{}, {}", MdCode::new(&scenario.scenario), price.stage.as_str())
        } else {
            price.stage.as_str().to_owned()
        };
        let _ = writeln!(
            out,
            "- Cost of a step ({of}): changed kernels **{}** ({}), unchanged kernels {}, GPU busy time {}",
            signed_time(price.structural_ns),
            signed_percent(price.structural_pct),
            signed_percent(price.same_rows_pct),
            signed_percent(price.busy_pct),
        );
    }
    let more = all.len().saturating_sub(form.prices) as u64;
    if more > 0 {
        let _ = writeln!(out, "- The cost of {} is in `report.json`", count(more, "more stage"));
    }
}

/// Each finding as a sentence, with what to do and what it rests on.
fn blocks(out: &mut String, report: &CheckReport, shown: &[Shown<'_>], form: Form) {
    if shown.is_empty() {
        return;
    }
    out.push('\n');
    for (index, row) in shown.iter().enumerate() {
        let finding = row.finding;
        let of = if report.scenarios.len() > 1 {
            format!(" in {}", MdCode::new(&row.scenario.scenario))
        } else {
            String::new()
        };
        let subject = if select::says_its_subject(finding) {
            String::new()
        } else {
            format!(" {}", MdCode::new(&finding.subject))
        };
        let _ = writeln!(
            out,
            "{}. **{}**{subject}{of}: {}",
            index + 1,
            row.mark.as_str(),
            MdCell::new(&finding.message)
        );
        if let Some(waiver) = &finding.waived_by {
            let _ = writeln!(out, "   - Waived by {}", MdCode::new(waiver));
        }
        if !finding.help.is_empty() {
            let _ = writeln!(out, "   - **To do:** {}", MdCell::new(&finding.help));
        }
        for cause in finding.cause.iter().take(form.evidence) {
            let _ = writeln!(out, "   - Likely cause: {}", MdCell::new(cause));
        }
        for line in finding.evidence.iter().take(form.evidence) {
            let _ = writeln!(out, "   - {}", MdCell::new(line));
        }
        let more = finding.evidence.len().saturating_sub(form.evidence) as u64;
        if more > 0 && form.evidence > 0 {
            let _ = writeln!(out, "   - {} in `report.json`", count(more, "more line"));
        }
    }
}

/// Findings that are not shown, improvements and unknowns.
fn rest(out: &mut String, report: &CheckReport, all: &[Shown<'_>], form: Form) {
    let hidden: Vec<&Shown<'_>> = all.iter().skip(form.findings).collect();
    if !hidden.is_empty() {
        let failing = hidden.iter().filter(|row| row.mark == Mark::Fail).count() as u64;
        let what = match failing {
            0 => "none of which fails the gate".to_owned(),
            1 => "1 of which fails the gate".to_owned(),
            n => format!("{n} of which fail the gate"),
        };
        let _ =
            writeln!(out, "\n{}, {what}; `report.json` has all.", count(hidden.len() as u64, "more finding"));
    }
    let improvements = select::improvements(report);
    if !improvements.is_empty() {
        let _ = writeln!(out, "\nBetter than the baseline:\n");
        for (_, finding) in improvements.iter().take(form.improvements) {
            let stage = finding.stage.map_or(String::new(), |stage| format!("{}: ", stage.as_str()));
            let _ = writeln!(out, "- {stage}{}", MdCell::new(&finding.message));
        }
        let more = improvements.len().saturating_sub(form.improvements) as u64;
        if more > 0 {
            let _ = writeln!(out, "- {}", count(more, "more improvement"));
        }
    }
    let unknowns: Vec<String> = report
        .scenarios
        .iter()
        .filter(|scenario| !scenario.unknowns.is_empty())
        .take(form.scenarios)
        .map(|scenario| {
            let what = MdCell::new(&scenario.unknowns.join(", "));
            if report.scenarios.len() > 1 {
                format!("{what} ({})", MdCode::new(&scenario.scenario))
            } else {
                what.to_string()
            }
        })
        .collect();
    if !unknowns.is_empty() {
        let _ = writeln!(out, "\nNot compared, because one side does not tell: {}.", unknowns.join("; "));
    }
}

fn details(out: &mut String, report: &CheckReport) {
    for scenario in report.scenarios.iter().filter(|scenario| has_changed(scenario)) {
        for diff in &scenario.layer_diff {
            let _ = writeln!(
                out,
                "\n<details><summary>Layer {} of {}, {}</summary>\n\n{}\n\n</details>",
                MdCell::new(&diff.body),
                MdCell::new(&scenario.scenario),
                diff.stage.as_str(),
                MdDiff::new(&diff.text, DIFF_LINES),
            );
        }
        for stage in scenario.triage.iter().flat_map(|triage| &triage.stages) {
            let _ = writeln!(
                out,
                "\n<details><summary>Kernels of {}, {}</summary>\n\n{}\n</details>",
                MdCell::new(&scenario.scenario),
                stage.stage.as_str(),
                markdown::kernel_table(stage, report.policy.min_share),
            );
        }
        if !scenario.notes.is_empty() {
            let _ =
                writeln!(out, "\n<details><summary>Notes on {}</summary>\n", MdCell::new(&scenario.scenario));
            for note in &scenario.notes {
                let _ = writeln!(out, "- {}", MdCell::new(note));
            }
            let _ = writeln!(out, "\n</details>");
        }
    }
}

fn has_changed(scenario: &ScenarioReport) -> bool {
    !scenario.findings.is_empty() || !scenario.improvements.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_failing_run_says_what_broke_and_what_it_costs() {
        insta::assert_snapshot!("comment_one_failure", comment(&fixture::one_failure()));
    }

    #[test]
    fn a_run_of_every_verdict_names_its_scenarios() {
        insta::assert_snapshot!("comment_mixed", comment(&fixture::mixed()));
    }

    #[test]
    fn a_green_run_is_three_lines() {
        insta::assert_snapshot!(comment(&fixture::green()), @r#"
        **Pass**: no change in 2 scenarios; nothing to do.
        Compared `qwen3-30b-decode` with `baselines/qwen3-30b-decode.b300.yaml`, `qwen3-30b-prefill` with `baselines/qwen3-30b-prefill.b300.yaml`.
        <!-- profgate:comment -->
        "#);
    }

    #[test]
    fn an_unjudged_run_and_one_without_baseline_say_what_to_do() {
        insta::assert_snapshot!(comment(&fixture::run(vec![fixture::unjudged()])), @r#"
        **Inconclusive**: `mistral-prefill` could not be judged: no GPU activity was recorded. To do: profile with GPU activities on while requests run.

        1. **inconclusive** `captures/mistral/rank0.json`: no GPU activity was recorded
           - **To do:** profile with GPU activities on while requests run

        <!-- profgate:comment -->
        "#);
        insta::assert_snapshot!(comment(&fixture::run(vec![fixture::missing_baseline()])), @r#"
        **No baseline**: nothing to compare with in `llama-mixed`. Record a baseline with `profgate baseline record`.

        1. **no baseline**: there is no baseline `baselines/llama-mixed.b300.yaml`
           - **To do:** record one with `profgate baseline record`

        <!-- profgate:comment -->
        "#);
    }

    /// Rows of the tables, each with its number of cells.
    fn cells(text: &str) -> Vec<usize> {
        text.lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.replace("\\|", "").matches('|').count())
            .collect()
    }

    fn assert_harmless(name: &str) {
        let report = fixture::hostile(name);
        let text = comment(&report);
        let plain = comment(&fixture::hostile("plain"));
        assert_eq!(text.matches(MARKER).count(), 1, "{text}");
        assert!(text.ends_with(&format!("\n{MARKER}\n")), "{text}");
        // Without a name there is no help either.
        let missing = if name.is_empty() { 6 } else { 0 };
        // Very long names make the report use a shorter form.
        if name.len() < 1_000 {
            assert_eq!(cells(&text), cells(&plain), "{text}");
            assert_eq!(text.lines().count() + missing, plain.lines().count(), "{text}");
        }
        // What is left of angle brackets is ours.
        let mut rest = text.replace(MARKER, "");
        for ours in [
            "<code>",
            "</code>",
            "<details>",
            "</details>",
            "<summary>",
            "</summary>",
            "<pre lang=\"diff\">",
            "</pre>",
        ] {
            rest = rest.replace(ours, "");
        }
        assert!(!rest.contains('<') && !rest.contains('>'), "{rest}");
        assert!(!text.contains('@'), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{2066}', '\r', '\u{0}']), "{text}");
        assert!(text.len() <= BUDGET);
        assert_eq!(text, comment(&report));
    }

    #[test]
    fn a_hostile_name_stays_in_its_cell() {
        for name in fixture::HOSTILE {
            assert_harmless(name);
        }
        assert_harmless(&"<|`@]]>".repeat(1_000));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]
        #[test]
        fn any_name_stays_in_its_cell(name in "[a-c|`<>@#&\\\\*_\n\u{202e}\u{1b}\\-! ~$\\[\\]():/.\"w]{0,60}") {
            assert_harmless(&name);
        }
    }

    #[test]
    fn a_hostile_name_can_still_be_read() {
        let text = comment(&fixture::hostile("gemm<float, 4>|x"));
        assert!(text.contains("<code>gemm&#60;float, 4&#62;&#124;x</code>"), "{text}");
    }

    #[test]
    fn a_large_report_is_rendered_shorter_and_never_cut() {
        let report = fixture::real_size();
        let text = comment(&report);
        assert!(text.len() <= BUDGET);
        assert!(text.contains("290 more findings, 290 of which fail the gate"), "{text}");
        assert!(text.contains("more rows below 1 % of GPU time"), "{text}");
        let mut last = usize::MAX;
        for budget in [BUDGET, 12_000, 6_000, 4_000, 800, 10] {
            let text = within(&report, budget);
            assert!(text.len() <= budget.max(800), "{budget}: {}", text.len());
            assert!(text.starts_with("**Fail**: ") && text.ends_with(&format!("\n{MARKER}\n")), "{text}");
            assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
            assert!(text.len() <= last);
            last = text.len();
        }
    }
}
