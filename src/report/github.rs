//! Annotations: the worst findings as commands that a GitHub runner reads from the log.

use super::markdown::refresh::is_failing;
use super::select::{self, Mark, Shown};
use super::words;
use crate::common::text::{printable, shorten_middle};
use crate::verdict::{CheckReport, Finding};

/// Longest message; a runner shows a few lines.
const MESSAGE: usize = 1_000;

/// Longest title or path.
const PROPERTY: usize = 200;

/// One command a line for the worst ten findings that count: errors for what decides, warnings for the rest.
///
/// GitHub shows ten annotations of a level and step.
pub fn annotations(report: &CheckReport) -> Vec<String> {
    select::findings(report)
        .iter()
        .filter_map(|shown| annotation(report, shown))
        .take(select::SHOWN)
        .collect()
}

fn annotation(report: &CheckReport, shown: &Shown<'_>) -> Option<String> {
    let command = match shown.mark {
        Mark::Fail | Mark::Inconclusive | Mark::NoBaseline => "error",
        Mark::Warn => "warning",
        Mark::Note | Mark::Waived => return None,
    };
    let finding = shown.finding;
    let mut properties = place(finding);
    let title = format!("profgate: {} in {}", finding.code.as_str(), shown.scenario.scenario);
    properties.push(format!("title={}", property(&title)));
    let help = if finding.help.is_empty() { String::new() } else { format!("\nTo do: {}", finding.help) };
    let page = words::explanation(finding.code, report.docs.as_ref());
    let text =
        format!("{}\nExplained: {page}", shorten_middle(&format!("{}{help}", finding.message), MESSAGE));
    Some(format!("::{command} {}::{}", properties.join(","), data(&text)))
}

/// A warning about something beside the verdict, as such a command.
pub fn warning(title: &str, text: &str) -> String {
    format!("::warning title={}::{}", property(title), data(text))
}

/// One command a line for the worst ten of what a refresh did not take from the captures of a scenario.
pub fn not_taken<'f>(scenario: &str, held: impl IntoIterator<Item = &'f Finding>) -> Vec<String> {
    let one = |finding: &Finding| {
        let command = if is_failing(finding) { "error" } else { "warning" };
        let mut properties = place(finding);
        let title = format!("profgate: not taken into {scenario}, {}", finding.code.as_str());
        properties.push(format!("title={}", property(&title)));
        let text = shorten_middle(&finding.message_in_case(), MESSAGE);
        format!("::{command} {}::{}", properties.join(","), data(&text))
    };
    held.into_iter().take(select::SHOWN).map(one).collect()
}

/// The command for a scenario whose baseline nothing could be held against.
pub fn not_refreshed(scenario: &str, file: &str, reason: &str) -> String {
    let title = format!("profgate: {scenario} was not refreshed");
    let text = shorten_middle(reason, MESSAGE);
    format!("::error file={},title={}::{}", property(file), property(&title), data(&text))
}

/// The row that a finding is about, as properties of a command.
fn place(finding: &Finding) -> Vec<String> {
    let mut properties = Vec::new();
    if let Some(file) = finding.file.as_deref().filter(|file| !file.is_empty()) {
        properties.push(format!("file={}", property(file)));
        if let Some(line) = finding.line {
            properties.push(format!("line={line}"));
        }
    }
    properties
}

/// The text after the second `::`. Line breaks are ours; those of a name become visible first.
fn data(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    escaped(&lines.join("\n"))
}

fn property(text: &str) -> String {
    escaped(&printable(&shorten_middle(text, PROPERTY))).replace(':', "%3A").replace(',', "%2C")
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn each_finding_that_counts_is_one_command() {
        insta::assert_snapshot!(annotations(&fixture::mixed()).join("\n"), @r#"
        ::error file=baselines/qwen3-30b-decode.b300.yaml,line=31,title=profgate%3A path-missing in qwen3-30b-decode::Fused QK norm and RoPE is expected 48 times a step; it ran fused 0 times and split into separate kernels 48 times%0ATo do: check the server's flags: `--enable-fused-qk-norm-rope` switches it on%0AExplained: profgate explain path-missing, or docs/findings.md#path-missing of profgate
        ::error file=baselines/qwen3-30b-decode.b300.yaml,line=14,title=profgate%3A structure-costlier in qwen3-30b-decode::`fused-qknorm-rope-bf16` (48 a step, 230 µs) is gone, `rotary-embedding` (48 a step, 300 µs) came in its place, and 1 kernel more changed: +310 µs a step, +8.1 %25 of GPU time%0ATo do: find the flag, version or shape that switched the kernel; if the change is wanted, record the baseline anew%0AExplained: profgate explain structure-costlier, or docs/findings.md#structure-costlier of profgate
        ::error title=profgate%3A capture-empty in mistral-prefill::no GPU activity was recorded%0ATo do: profile with GPU activities on while requests run%0AExplained: profgate explain capture-empty, or docs/findings.md#capture-empty of profgate
        ::error title=profgate%3A baseline-missing in llama-mixed::there is no baseline `baselines/llama-mixed.b300.yaml`%0ATo do: record one with `profgate baseline record`%0AExplained: profgate explain baseline-missing, or docs/findings.md#baseline-missing of profgate
        ::warning file=baselines/qwen3-30b-decode.b300.yaml,line=16,title=profgate%3A kernel-slower in qwen3-30b-decode::`fmha-trtllm-gen` (48 a step, as before) takes 26 µs instead of 20 µs each (+30.0 %25): +288 µs a step, +7.5 %25 of GPU time%0ATo do: look for another tile, clock or input shape behind the same name%0AExplained: profgate explain kernel-slower, or docs/findings.md#kernel-slower of profgate
        "#);
    }

    #[test]
    fn what_ends_a_property_is_escaped() {
        assert_eq!(property("a:b,c%d\n"), "a%3Ab%2Cc%25d\u{fffd}");
        assert_eq!(data("50 %, a::b\nnext"), "50 %25, a::b%0Anext");
    }

    #[test]
    fn a_hostile_name_makes_no_second_command() {
        for name in fixture::HOSTILE.map(str::to_owned).into_iter().chain(["%0A::".repeat(5_000)]) {
            assert_inert(&name);
        }
    }

    fn assert_inert(name: &str) {
        let lines = annotations(&fixture::hostile(name));
        assert_eq!(lines.len(), 5);
        for line in &lines {
            assert_eq!(line.lines().count(), 1, "{line}");
            let (properties, _) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
            assert!(properties.starts_with("error ") || properties.starts_with("warning "), "{line}");
            assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line}");
            assert!(line.len() < 8_000, "{}", line.len());
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]
        #[test]
        fn any_name_at_all_makes_no_second_command(name in fixture::any_name()) {
            assert_inert(&name);
        }
    }

    #[test]
    fn an_annotation_says_where_it_is_explained() {
        let mut report = fixture::one_failure();
        report.docs = fixture::docs();
        assert!(
            annotations(&report)[0]
                .ends_with("%0AExplained: https://example.com/profgate/findings.md#path-missing")
        );
    }

    #[test]
    fn no_more_than_ten_are_made() {
        assert_eq!(annotations(&fixture::real_size()).len(), 10);
        assert_eq!(annotations(&fixture::green()), Vec::<String>::new());
    }
}
