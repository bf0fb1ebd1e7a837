//! The pull-request comment, written for a tired reader.
//!
//! Line one says the verdict and what to do; then the worst findings with their numbers, what each costs and
//! what to do about it; everything else is folded. A run without changes is three lines. A report that is
//! too long is rendered shorter, never cut.

use std::fmt::Write;

use super::{MdCell, MdCode, details, findings};
use crate::common::text::count;
use crate::report::headline;
use crate::report::ranks;
use crate::report::select::{self, Mark, Shown};
use crate::verdict::CheckReport;

/// The hidden last line by which the comment is found again.
pub const MARKER: &str = "<!-- profgate:comment -->";

/// Bytes that a comment may have. GitHub takes 65,536 characters.
pub const BUDGET: usize = 60_000;

/// How much of a report is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    findings: usize,
    /// Lines of evidence, and of causes, of a finding.
    pub evidence: usize,
    improvements: usize,
    /// Stages whose cost is shown.
    pub prices: usize,
    scenarios: usize,
    tables: bool,
    diffs: bool,
}

const FULL: Form = Form {
    findings: select::SHOWN,
    evidence: 5,
    improvements: 5,
    prices: 10,
    scenarios: 10,
    tables: true,
    diffs: true,
};

/// From everything to little; the last resort is the headline alone.
const FORMS: [Form; 4] = [
    FULL,
    Form { tables: false, ..FULL },
    Form { tables: false, diffs: false, evidence: 1, improvements: 1, prices: 3, scenarios: 3, ..FULL },
    Form { findings: 3, evidence: 0, improvements: 0, prices: 3, scenarios: 3, tables: false, diffs: false },
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
    if select::is_quiet(report) {
        let _ = writeln!(out, "{}", compared(report, form));
        stragglers(&mut out, report);
        let _ = writeln!(out, "{MARKER}");
        return out;
    }
    findings::table(&mut out, report, &shown);
    findings::prices(&mut out, report, form);
    findings::blocks(&mut out, report, &shown, form);
    rest(&mut out, report, &all, form);
    stragglers(&mut out, report);
    findings::explained(&mut out, report, &shown);
    if form.diffs {
        details::layer_diffs(&mut out, report);
        findings::waivers(&mut out, report, &shown);
    }
    if form.tables {
        details::tables(&mut out, report);
    }
    left_out(&mut out, report, form);
    let _ = writeln!(out, "\n{MARKER}");
    out
}

/// Ranks that compute longer than the others: they are judged by nothing, and a reader should know.
fn stragglers(out: &mut String, report: &CheckReport) {
    for (scenario, sentence) in ranks::stragglers(report) {
        let _ = writeln!(out, "\n{}: {}", MdCode::new(scenario), MdCell::new(&sentence));
    }
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

/// What a shorter form leaves out as a whole, and where it is.
fn left_out(out: &mut String, report: &CheckReport, form: Form) {
    let has_diffs = report.scenarios.iter().any(|scenario| !scenario.layer_diff.is_empty());
    let has_tables = report.scenarios.iter().any(|scenario| scenario.triage.is_some());
    let mut parts = Vec::new();
    if !form.diffs && has_diffs {
        parts.push("what changed in the layers");
    }
    if !form.diffs {
        parts.push("the waivers to paste");
    }
    if !form.tables && has_tables {
        parts.push("the kernel tables");
    }
    if !parts.is_empty() {
        let _ = writeln!(
            out,
            "\nLeft out for length: {}. `profgate report report.json` and `report.json` have them.",
            parts.join(", ")
        );
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
            let code = findings::linked(report, finding.code);
            let _ = writeln!(out, "- {stage}{} ({code})", MdCell::new(&finding.message));
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
    let all = report.scenarios.iter().filter(|scenario| !scenario.unknowns.is_empty()).count();
    let more = match all.saturating_sub(unknowns.len()) as u64 {
        0 => String::new(),
        more => format!("; {} in `report.json`", count(more, "more scenario")),
    };
    if !unknowns.is_empty() {
        let unknowns = unknowns.join("; ");
        let _ = writeln!(out, "\nNot compared, because one side does not tell: {unknowns}{more}.");
    }
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

        Explained: `profgate explain capture-empty`, or in profgate's pages: `docs/findings.md#capture-empty`.

        <!-- profgate:comment -->
        "#);
        insta::assert_snapshot!(comment(&fixture::run(vec![fixture::missing_baseline()])), @r#"
        **No baseline**: nothing to compare with in `llama-mixed`. Record a baseline with `profgate baseline record`.

        1. **no baseline**: there is no baseline `baselines/llama-mixed.b300.yaml`
           - **To do:** record one with `profgate baseline record`

        Explained: `profgate explain baseline-missing`, or in profgate's pages: `docs/findings.md#baseline-missing`.

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

    /// What GitHub would find in what a reader sees outside of code, and make a link, a call or a picture of.
    fn found(markdown: &str) -> Vec<String> {
        let pattern = |text: &str| regex_lite::Regex::new(text).unwrap();
        let shown =
            pattern("(?s)<pre.*?</pre>|<code>.*?</code>|`[^`\n]*`|<!--.*?-->").replace_all(markdown, " ");
        let shown = pattern("&#([0-9]+);").replace_all(&shown, |number: &regex_lite::Captures<'_>| {
            char::from_u32(number[1].parse().unwrap()).unwrap().to_string()
        });
        let sought = [
            r"(?i)\bgh-[0-9]+",
            r"#[0-9]+",
            r"@[0-9A-Za-z]+",
            r"(?i)(^|[^0-9a-z\u{200b}])[0-9a-f]{7,40}([^0-9a-z\u{200b}]|$)",
            r":[0-9A-Za-z_+-]+:",
            r"[a-z]+://",
            r"(?i)\bwww\.[a-z]",
            r"(?i)\b(mailto|xmpp):[^\s\u{200b}]",
        ];
        let all = sought.iter().flat_map(|one| {
            let regex = pattern(one);
            regex.find_iter(&shown).map(|found| found.as_str().to_owned()).collect::<Vec<_>>()
        });
        all.collect()
    }

    #[test]
    fn what_github_looks_for_is_found_where_nothing_parts_it() {
        let text = "GH-1 o/r#2 @x 1a2b3c4 :tada: https://e.com www.e.com mailto:a";
        assert_eq!(found(text).len(), 8, "{:?}", found(text));
        assert_eq!(found(&format!("`{text}` <code>{text}</code>")), [""; 0]);
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
            "<pre lang=\"yaml\">",
            "</pre>",
        ] {
            rest = rest.replace(ours, "");
        }
        assert!(!rest.contains('<') && !rest.contains('>'), "{rest}");
        assert!(!text.contains('@'), "{text}");
        assert_eq!(found(&text), [""; 0], "{text}");
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
        fn any_name_stays_in_its_cell(name in fixture::any_name()) {
            assert_harmless(&name);
        }
    }

    #[test]
    fn codes_are_links_where_a_page_is_known() {
        let mut report = fixture::one_failure();
        assert!(comment(&report).contains("Explained: `profgate explain path-missing`, or"));
        report.docs = fixture::docs();
        let text = comment(&report);
        assert!(
            text.contains("[path-missing](https://example.com/profgate/findings.md#path-missing)"),
            "{text}"
        );
        assert!(!text.contains("profgate explain"), "{text}");
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
        // Each form is used where the one before does not fit.
        let forms = FORMS.map(|form| render(&report, form));
        assert!(
            forms.windows(2).all(|two| two[0].len() > two[1].len()),
            "{:?}",
            forms.each_ref().map(String::len)
        );
        for form in &forms {
            assert_eq!(within(&report, form.len()), *form);
        }
        let mut last = usize::MAX;
        assert!(!text.contains("Left out for length"), "{text}");
        for budget in [12_000, 6_000, 4_000] {
            assert!(within(&report, budget).contains("Left out for length: "), "{budget}");
        }
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
