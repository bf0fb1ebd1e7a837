//! JUnit XML: one suite per scenario and table, one test case per row that was judged.
//!
//! The strict subset that Jenkins' own schema accepts. Reasons stand in `message`, which is all that some
//! readers show; file and line in the body, because the schema has no place for them on a test case.

use std::collections::BTreeMap;

use junit_report::{Duration, OffsetDateTime, Report, TestCaseBuilder, TestSuiteBuilder};

use super::select;
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

/// What the crate writes about machine and time of a suite; a report knows neither.
const NOT_OURS: &str = " hostname=\"localhost\" timestamp=\"1970-01-01T00:00:00Z\"";

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
            out.push_str(&suite(scenario, table, &cases, id)?);
            out.push('\n');
            id += 1;
        }
    }
    out.push_str("</testsuites>\n");
    Ok(out)
}

/// One suite as an element.
///
/// The crate has no `skipped` count, which readers show. It writes the name of a host and a time instead,
/// and a package that Jenkins would put before every name. Each suite is therefore written on its own and
/// its opening tag set right: the first such text is the tag's, as quotes inside attributes are escaped.
fn suite(scenario: &ScenarioReport, table: &str, cases: &[&Case], id: usize) -> Result<String, JunitError> {
    let mut builder = TestSuiteBuilder::new(&name(&format!("{}.{table}", scenario.scenario)));
    builder.set_timestamp(OffsetDateTime::UNIX_EPOCH);
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for case in cases {
        let class = match case.stage {
            Some(stage) => name(&format!("{}.{}.{table}", scenario.scenario, stage.as_str())),
            None => name(&format!("{}.{table}", scenario.scenario)),
        };
        let mut subject = name(&case.subject);
        // Readers drop the second of two cases with the same name.
        let times = seen.entry((class.clone(), subject.clone())).or_default();
        *times += 1;
        if *times > 1 {
            subject = format!("{subject} ({times})");
        }
        let mut built = test_case(scenario, case, &subject);
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
    Ok(inner.replacen(" id=\"0\"", &format!(" id=\"{id}\""), 1).replacen(
        NOT_OURS,
        &format!(" skipped=\"{skipped}\""),
        1,
    ))
}

fn test_case(scenario: &ScenarioReport, case: &Case, subject: &str) -> TestCaseBuilder {
    let findings = about(scenario, case);
    let kind = findings.first().map_or(result_text(case.result), |finding| finding.code.as_str());
    let reason = if case.message.is_empty() { result_text(case.result) } else { &case.message };
    let message = one_line(&shorten_middle(reason, MESSAGE));
    match case.result {
        CaseResult::Held => TestCaseBuilder::success(subject, Duration::ZERO),
        CaseResult::Violated => {
            let mut built = TestCaseBuilder::failure(subject, Duration::ZERO, kind, &message);
            built.set_trace(&body(scenario, case, &findings));
            built
        }
        CaseResult::Unjudged => {
            let mut built = TestCaseBuilder::error(subject, Duration::ZERO, kind, &message);
            built.set_trace(&body(scenario, case, &findings));
            built
        }
        CaseResult::Skipped => {
            let mut built = TestCaseBuilder::skipped_with_cause(subject, kind, &message);
            built.set_trace(&body(scenario, case, &findings));
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

/// The findings that a case stands for: those of its row, or every doubt for the capture itself.
fn about<'a>(scenario: &'a ScenarioReport, case: &Case) -> Vec<&'a Finding> {
    let mut found: Vec<&Finding> = scenario
        .findings
        .iter()
        .filter(|finding| match case.stage {
            None => finding.code.kind() == Kind::Doubt,
            Some(stage) => {
                let is_subject = finding.subject == case.subject && finding.line == case.line;
                finding.stage == Some(stage)
                    && (is_subject || finding.kernels.contains(&case.subject))
                    && finding.code.kind() != Kind::Doubt
            }
        })
        .collect();
    // The one that the case quotes comes first.
    found.sort_by_key(|finding| finding.message != case.message);
    found
}

fn body(scenario: &ScenarioReport, case: &Case, findings: &[&Finding]) -> String {
    let mut lines = Vec::new();
    if let Some(line) = case.line {
        lines.push(format!("{}:{line}", scenario.baseline.path));
    }
    if findings.is_empty() && !case.message.is_empty() {
        lines.push(case.message.clone());
    }
    for finding in findings {
        lines.push(format!("{}: {}", finding.code.as_str(), finding.message));
        if case.line.is_none() {
            lines.extend(select::place(finding));
        }
        lines.extend(finding.evidence.iter().map(|line| format!("  {line}")));
        lines.extend(finding.cause.iter().map(|line| format!("  likely cause: {line}")));
        if let Some(waiver) = &finding.waived_by {
            lines.push(format!("  waived by {waiver}"));
        }
        if !finding.help.is_empty() {
            lines.push(format!("  to do: {}", finding.help));
        }
    }
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
        report.scenarios[0].scenario = format!("x{NOT_OURS} id=\"0\"");
        let text = xml(&report).unwrap();
        assert_eq!(text.matches(" skipped=\"").count(), get(&elements(&text), "testsuite"));
        assert!(!text.contains(NOT_OURS));
    }

    #[test]
    fn two_cases_of_one_name_stay_two() {
        let mut report = fixture::one_failure();
        let again = report.scenarios[0].cases[1].clone();
        report.scenarios[0].cases.push(again);
        assert!(xml(&report).unwrap().contains("nvjet-gemm-bf16 (2)"));
    }
}
