//! JUnit XML: one suite per scenario and table, one test case per row that was judged.
//!
//! The strict subset that Jenkins' own schema accepts. Reasons stand in `message`, which is all that some
//! readers show; file and line in the body, because the schema has no place for them on a test case.

use std::collections::{BTreeMap, BTreeSet};

use junit_report::{Duration, OffsetDateTime, Report, TestCaseBuilder, TestSuiteBuilder};

use super::unit::{pair, price};
use super::{select, words};
use crate::common::link::DocsUrl;
use crate::common::text::{printable, shorten_middle};
use crate::verdict::{Case, CaseResult, CheckReport, Finding, Kind, ScenarioReport};

/// Why no XML could be written.
#[derive(Debug, thiserror::Error)]
#[error("JUnit XML could not be written: {reason}")]
pub struct JunitError {
    reason: String,
}

/// Longest message.
const MESSAGE: usize = 1_000;

/// Longest name of a case or a suite.
const NAME: usize = 300;

/// What the crate writes about the machine of a suite, which no report knows.
const HOST: &str = " hostname=\"localhost\"";

/// What it writes where no time was set.
const NO_TIME: &str = " timestamp=\"1970-01-01T00:00:00Z\"";

/// Renders a run. Valid, with an empty list of suites, when nothing was judged.
pub fn xml(report: &CheckReport) -> Result<String, JunitError> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<testsuites>\n");
    let mut id = 0_usize;
    for scenario in &report.scenarios {
        let mut tables: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
        for case in &scenario.cases {
            tables.entry(&case.table).or_default().push(case);
        }
        for (table, cases) in tables {
            out.push_str(&suite(scenario, table, &cases, id, report.docs.as_ref())?);
            out.push('\n');
            id += 1;
        }
    }
    out.push_str("</testsuites>\n");
    Ok(out)
}

/// One suite as an element.
///
/// The crate has no `skipped` count, which readers show. It writes the name of a host instead, a time where
/// none is known, and a package that Jenkins would put before every name. Each suite is therefore written on its
/// own and its opening tag set right: the first such text is the tag's, as quotes inside attributes are escaped.
fn suite(
    scenario: &ScenarioReport,
    table: &str,
    cases: &[&Case],
    id: usize,
    docs: Option<&DocsUrl>,
) -> Result<String, JunitError> {
    let mut builder = TestSuiteBuilder::new(&name(&format!("{}.{table}", scenario.scenario)));
    builder.set_timestamp(recorded(scenario).unwrap_or(OffsetDateTime::UNIX_EPOCH));
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    for case in cases {
        let class = match case.stage {
            Some(stage) => name(&format!("{}.{}.{table}", scenario.scenario, stage.as_str())),
            None => name(&format!("{}.{table}", scenario.scenario)),
        };
        // Readers drop the second of two cases with the same name: a row may have more than one finding.
        let plain = name(&case.subject);
        let mut subject = plain.clone();
        if !seen.insert((class.clone(), subject.clone())) {
            let mut times = 1;
            subject = case.code.map_or_else(|| plain.clone(), |code| format!("{plain} ({})", code.as_str()));
            while !seen.insert((class.clone(), subject.clone())) {
                times += 1;
                subject = format!("{plain} ({times})");
            }
        }
        let mut built = test_case(scenario, case, &subject, docs);
        built.set_classname(&class);
        builder.add_testcase(built.build());
    }
    let suite = builder.build();
    let skipped = suite.skipped();
    let mut report = Report::new();
    report.add_testsuite(suite);
    let mut bytes = Vec::new();
    report.write_xml(&mut bytes).map_err(|error| JunitError { reason: error.to_string() })?;
    let text = String::from_utf8(bytes).map_err(|error| JunitError { reason: error.to_string() })?;
    let inner = text
        .split_once("<testsuites>")
        .and_then(|(_, rest)| rest.strip_suffix("</testsuites>"))
        .ok_or_else(|| JunitError { reason: "the suite has no frame".to_owned() })?;
    let (open, rest) =
        inner.split_once('>').ok_or_else(|| JunitError { reason: "the suite has no tag".to_owned() })?;
    let open = without_attribute(open, " package=\"")
        .replacen(" id=\"0\"", &format!(" id=\"{id}\""), 1)
        .replacen(HOST, &format!(" skipped=\"{skipped}\""), 1)
        .replacen(NO_TIME, "", 1);
    Ok(format!("{open}>{rest}"))
}

/// An opening tag without the first attribute that begins so.
fn without_attribute(tag: &str, start: &str) -> String {
    match tag.split_once(start).and_then(|(before, rest)| Some((before, rest.split_once('"')?.1))) {
        Some((before, after)) => format!("{before}{after}"),
        None => tag.to_owned(),
    }
}

/// When the scenario's capture was recorded, by its own word. No clock is read: the same report, the same bytes.
fn recorded(scenario: &ScenarioReport) -> Option<OffsetDateTime> {
    let traces = scenario.triage.iter().flat_map(|triage| &triage.traces);
    let first =
        traces.filter(|entry| entry.part == "formal").filter_map(|entry| entry.recorded_unix_ns).min()?;
    OffsetDateTime::from_unix_timestamp(first.div_euclid(1_000_000_000)).ok()
}

fn test_case(
    scenario: &ScenarioReport,
    case: &Case,
    subject: &str,
    docs: Option<&DocsUrl>,
) -> TestCaseBuilder {
    let findings = about(scenario, case);
    let kind = findings.first().map_or(result_text(case.result), |finding| finding.code.as_str());
    let reason = if case.message.is_empty() { result_text(case.result) } else { &case.message };
    let message = one_line(&shorten_middle(reason, MESSAGE));
    let body = body(scenario, case, &findings, docs);
    match case.result {
        CaseResult::Held => {
            let mut built = TestCaseBuilder::success(subject, Duration::ZERO);
            if !case.message.is_empty() {
                built.set_system_out(&body);
            }
            built
        }
        CaseResult::Violated => {
            let mut built = TestCaseBuilder::failure(subject, Duration::ZERO, kind, &message);
            built.set_trace(&body);
            built
        }
        CaseResult::Unjudged => {
            let mut built = TestCaseBuilder::error(subject, Duration::ZERO, kind, &message);
            built.set_trace(&body);
            built
        }
        // A skipped case has no body of its own: the message says it, and the output the rest.
        CaseResult::Skipped => {
            let mut built = TestCaseBuilder::skipped_with_cause(subject, kind, &message);
            built.set_system_out(&body);
            built
        }
    }
}

fn result_text(result: CaseResult) -> &'static str {
    match result {
        CaseResult::Held => "held",
        CaseResult::Violated => "violated",
        CaseResult::Unjudged => "could not be judged",
        CaseResult::Skipped => "skipped",
    }
}

/// The findings that a case stands for: the one that it quotes, or every doubt about the capture itself.
fn about<'a>(scenario: &'a ScenarioReport, case: &Case) -> Vec<&'a Finding> {
    let all = scenario.findings.iter().filter(|finding| finding.stage == case.stage);
    match case.code {
        Some(code) if case.stage.is_none() && code.kind() == Kind::Doubt => {
            let doubts = scenario.findings.iter().filter(|finding| finding.code.kind() == Kind::Doubt);
            doubts.filter(|finding| case.message.contains(&finding.message)).collect()
        }
        Some(code) => all
            .filter(|finding| finding.code == code && finding.message_in_case() == case.message)
            .take(1)
            .collect(),
        // Reports of the first version do not say which finding a case is about.
        None if case.result != CaseResult::Held => all
            .filter(|finding| finding.subject == case.subject && finding.line == case.line)
            .take(1)
            .collect(),
        None => Vec::new(),
    }
}

fn body(scenario: &ScenarioReport, case: &Case, findings: &[&Finding], docs: Option<&DocsUrl>) -> String {
    let mut lines = Vec::new();
    let file = case.file.as_ref().unwrap_or(&scenario.baseline.path);
    lines.extend(case.line.map(|line| format!("{file}:{line}")));
    if findings.is_empty() && !case.message.is_empty() {
        lines.push(case.message.clone());
    }
    for finding in findings {
        lines.push(format!("{}: {}", finding.code.as_str(), finding.message));
        if case.line.is_none() {
            lines.extend(select::place(finding));
        }
        lines.extend(pair(finding).map(|pair| format!("  before → after: {pair}")));
        lines.extend(price(finding).map(|price| format!("  price of a step: {price}")));
        lines.extend(finding.layer.iter().map(|layer| format!("  where: {layer}")));
        lines.extend(finding.evidence.iter().map(|line| format!("  {line}")));
        lines.extend(finding.cause.iter().map(|line| format!("  likely cause: {line}")));
        if let Some(waiver) = &finding.waived_by {
            lines.push(format!("  waived by {waiver}"));
        }
        if !finding.help.is_empty() {
            lines.push(format!("  to do: {}", finding.help));
        }
    }
    let codes = select::codes(findings.iter().copied());
    lines.extend(codes.iter().map(|code| format!("explained: {}", words::explanation(*code, docs))));
    let lines: Vec<String> = lines.iter().map(|line| one_line(&shorten_middle(line, MESSAGE))).collect();
    lines.join("\n")
}

fn name(text: &str) -> String {
    let text = one_line(&shorten_middle(text, NAME));
    // A case without a name is dropped by some readers.
    if text.trim().is_empty() { "(no name)".to_owned() } else { text }
}

/// Text that XML can carry: without control characters and non-characters, and without the end of a CDATA
/// section, which the crate does not look for.
fn one_line(text: &str) -> String {
    printable(text).replace("]]>", "]]\u{fffd}")
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;
    use quick_xml::events::Event;

    use super::*;
    use crate::report::fixture;

    /// How often each element occurs, with a failed test for anything that is not well-formed.
    fn elements(text: &str) -> BTreeMap<String, usize> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = true;
        let mut counts = BTreeMap::new();
        let mut depth = 0_i32;
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => break,
                Event::Start(start) | Event::Empty(start) => {
                    for attribute in start.attributes() {
                        attribute.unwrap().normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap();
                    }
                    let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
                    *counts.entry(name).or_default() += 1;
                    depth += 1;
                }
                Event::End(_) => depth -= 1,
                Event::CData(data) => {
                    let text = String::from_utf8(data.to_vec()).unwrap();
                    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
                }
                Event::Text(_) | Event::Decl(_) => {}
                other => panic!("unexpected {other:?}"),
            }
        }
        assert!(depth >= 1 || text.contains("<testsuites>\n</testsuites>"));
        counts
    }

    fn results(report: &CheckReport, result: CaseResult) -> usize {
        report.scenarios.iter().flat_map(|one| &one.cases).filter(|case| case.result == result).count()
    }

    fn get(counts: &BTreeMap<String, usize>, element: &str) -> usize {
        counts.get(element).copied().unwrap_or(0)
    }

    fn assert_counts(report: &CheckReport) {
        let counts = elements(&xml(report).unwrap());
        assert_eq!(get(&counts, "failure"), results(report, CaseResult::Violated));
        assert_eq!(get(&counts, "error"), results(report, CaseResult::Unjudged));
        assert_eq!(get(&counts, "skipped"), results(report, CaseResult::Skipped));
        let cases: usize = report.scenarios.iter().map(|scenario| scenario.cases.len()).sum();
        assert_eq!(get(&counts, "testcase"), cases);
    }

    #[test]
    fn every_case_is_told_by_its_result() {
        let text = xml(&fixture::mixed()).unwrap();
        insta::assert_snapshot!("junit_mixed", text.replace("><testcase", ">\n<testcase"));
        assert_counts(&fixture::mixed());
    }

    #[test]
    fn a_run_without_cases_is_still_a_file() {
        let text = xml(&fixture::run(Vec::new())).unwrap();
        assert_eq!(text, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<testsuites>\n</testsuites>\n");
        elements(&text);
    }

    #[test]
    fn any_name_gives_the_same_elements() {
        for name in fixture::HOSTILE.map(str::to_owned).into_iter().chain(["<]]>&\"'\n".repeat(1_000)]) {
            let report = fixture::hostile(&name);
            assert_counts(&report);
            assert_eq!(xml(&report).unwrap(), xml(&report).unwrap());
        }
    }

    #[test]
    fn a_name_cannot_forge_the_opening_tag() {
        let mut report = fixture::mixed();
        report.scenarios[0].scenario = format!("x{HOST}{NO_TIME} package=\"p\" id=\"0\"");
        let text = xml(&report).unwrap();
        let suites = get(&elements(&text), "testsuite");
        for (attribute, times) in [(" skipped=\"", suites), (HOST, 0), (NO_TIME, 0), (" package=\"", 0)] {
            assert_eq!(text.matches(attribute).count(), times, "{attribute}");
        }
    }

    #[test]
    fn a_suite_has_the_time_of_its_capture_and_no_other() {
        let mut report = fixture::one_failure();
        let text = xml(&report).unwrap();
        assert_eq!(text.matches("timestamp=\"2026-06-30T06:10:35Z\"").count(), 3, "{text}");
        report.scenarios[0].triage = None;
        assert!(!xml(&report).unwrap().contains("timestamp"));
    }

    #[test]
    fn a_warning_is_said_in_a_case_that_passes() {
        let text = xml(&fixture::one_failure()).unwrap();
        assert!(
            text.contains("<system-out><![CDATA[baselines/qwen3-30b-decode.b300.yaml:16\nkernel-slower: "),
            "{text}"
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]
        #[test]
        fn any_name_at_all_gives_the_same_elements(name in fixture::any_name()) {
            assert_counts(&fixture::hostile(&name));
        }
    }

    #[test]
    fn two_cases_of_one_name_stay_two() {
        let mut report = fixture::one_failure();
        let again = report.scenarios[0].cases[1].clone();
        report.scenarios[0].cases.push(again);
        assert!(xml(&report).unwrap().contains("nvjet-gemm-bf16 (2)"));
    }
}
