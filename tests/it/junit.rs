//! `junit.xml` is valid by Jenkins' own schema, and readers of others see in it what the report says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;

use crate::support::{Scratch, arg, run};

/// What Jenkins' schema allows of an element: read from the schema itself.
#[derive(Default, Debug)]
struct Allowed {
    attributes: BTreeSet<String>,
    required: BTreeSet<String>,
    children: BTreeSet<String>,
    text: bool,
}

fn attributes(start: &BytesStart<'_>) -> BTreeMap<String, String> {
    start
        .attributes()
        .map(|attribute| {
            let attribute = attribute.unwrap();
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap().into_owned();
            (String::from_utf8(attribute.key.as_ref().to_vec()).unwrap(), value)
        })
        .collect()
}

fn name(start: &BytesStart<'_>) -> String {
    String::from_utf8(start.name().as_ref().to_vec()).unwrap()
}

/// The elements that the schema declares.
fn schema() -> BTreeMap<String, Allowed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/junit-10.xsd");
    let text = std::fs::read_to_string(path).unwrap();
    let mut reader = Reader::from_str(&text);
    let mut allowed: BTreeMap<String, Allowed> = BTreeMap::new();
    let (mut depth, mut current) = (0, None::<String>);
    loop {
        let event = reader.read_event().unwrap();
        let is_open = matches!(event, Event::Start(_));
        match event {
            Event::Eof => return allowed,
            Event::End(_) => depth -= 1,
            Event::Start(start) | Event::Empty(start) => {
                let has = attributes(&start);
                match (name(&start).as_str(), depth) {
                    ("xs:element", 1) => {
                        let declared = allowed.entry(has["name"].clone()).or_default();
                        declared.text = has.get("type").is_some_and(|kind| kind == "xs:string");
                        current = Some(has["name"].clone());
                    }
                    (_, 1) => current = None,
                    (kind, _) => {
                        let Some(of) = current.as_ref().and_then(|of| allowed.get_mut(of)) else {
                            depth += i32::from(is_open);
                            continue;
                        };
                        match kind {
                            "xs:complexType" => of.text |= has.get("mixed").is_some_and(|it| it == "true"),
                            "xs:element" => drop(of.children.insert(has["ref"].clone())),
                            "xs:attribute" => {
                                of.attributes.insert(has["name"].clone());
                                if has.get("use").is_some_and(|it| it == "required") {
                                    of.required.insert(has["name"].clone());
                                }
                            }
                            _ => {}
                        }
                    }
                }
                depth += i32::from(is_open);
            }
            _ => {}
        }
    }
}

/// What the schema does not allow in a file.
fn mistakes(schema: &BTreeMap<String, Allowed>, text: &str) -> Vec<String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    loop {
        let event = reader.read_event().unwrap();
        let stays = matches!(event, Event::Start(_));
        match event {
            Event::Eof => return wrong,
            Event::End(_) => drop(open.pop()),
            Event::Start(start) | Event::Empty(start) => {
                let element = name(&start);
                let Some(allowed) = schema.get(&element) else {
                    wrong.push(format!("<{element}>"));
                    continue;
                };
                if open.last().is_some_and(|parent| !schema[parent].children.contains(&element)) {
                    wrong.push(format!("<{element}> in <{}>", open.last().unwrap()));
                }
                let has = attributes(&start);
                wrong.extend(
                    has.keys()
                        .filter(|key| !allowed.attributes.contains(*key))
                        .map(|key| format!("{element} {key}=")),
                );
                wrong.extend(
                    allowed
                        .required
                        .iter()
                        .filter(|key| !has.contains_key(*key))
                        .map(|key| format!("{element} without {key}=")),
                );
                // SUREFIRE_TIME: at most three decimals.
                if element != "testcase"
                    && let Some(time) = has.get("time")
                {
                    let decimals = time.split_once('.').map_or("", |(_, rest)| rest);
                    if decimals.len() > 3 || time.parse::<f64>().is_err() {
                        wrong.push(format!("{element} time={time}"));
                    }
                }
                if stays {
                    open.push(element);
                }
            }
            Event::Text(text)
                if !text.iter().all(u8::is_ascii_whitespace)
                    && open.last().is_some_and(|parent| !schema[parent].text) =>
            {
                wrong.push(format!("text in <{}>", open.last().unwrap()));
            }
            Event::CData(_) if open.last().is_some_and(|parent| !schema[parent].text) => {
                wrong.push(format!("text in <{}>", open.last().unwrap()));
            }
            _ => {}
        }
    }
}

/// Cases by result: passed, failed, errors, skipped.
type Counts = (usize, usize, usize, usize);

fn by_the_report(report: &Value) -> Counts {
    let cases =
        report["scenarios"].as_array().unwrap().iter().flat_map(|one| one["cases"].as_array().unwrap());
    let results: Vec<&str> = cases.map(|case| case["result"].as_str().unwrap()).collect();
    let of = |result: &str| results.iter().filter(|one| **one == result).count();
    (of("held"), of("violated"), of("unjudged"), of("skipped"))
}

/// The reader of the nextest project.
fn by_quick_junit(text: &str) -> (Counts, Vec<String>) {
    use quick_junit::{NonSuccessKind, TestCaseStatus};
    let read = quick_junit::Report::deserialize_from_str(text).unwrap();
    let mut counts = (0, 0, 0, 0);
    let mut bodies = Vec::new();
    for suite in &read.test_suites {
        let mut of_suite = (0, 0, 0, 0);
        for case in &suite.test_cases {
            assert!(case.classname.as_ref().is_some_and(|class| !class.is_empty()));
            match &case.status {
                TestCaseStatus::Success { .. } => of_suite.0 += 1,
                TestCaseStatus::NonSuccess { kind, message, description, .. } => {
                    assert!(message.as_ref().is_some_and(|message| !message.is_empty()));
                    bodies.push(description.as_ref().map(|text| text.to_string()).unwrap_or_default());
                    match kind {
                        NonSuccessKind::Failure => of_suite.1 += 1,
                        NonSuccessKind::Error => of_suite.2 += 1,
                    }
                }
                TestCaseStatus::Skipped { message, .. } => {
                    assert!(message.as_ref().is_some_and(|message| !message.is_empty()));
                    of_suite.3 += 1;
                }
            }
        }
        assert_eq!(
            (suite.tests, suite.failures, suite.errors, suite.skipped),
            (suite.test_cases.len(), of_suite.1, of_suite.2, of_suite.3),
            "{:?}",
            suite.name
        );
        counts = (counts.0 + of_suite.0, counts.1 + of_suite.1, counts.2 + of_suite.2, counts.3 + of_suite.3);
    }
    (counts, bodies)
}

/// A reader of another hand.
fn by_junit_parser(text: &str) -> Counts {
    let read = junit_parser::from_reader(text.as_bytes()).unwrap();
    let mut counts = (0, 0, 0, 0);
    for suite in &read.suites {
        for case in &suite.cases {
            match &case.status {
                junit_parser::TestStatus::Success => counts.0 += 1,
                junit_parser::TestStatus::Failure(_) => counts.1 += 1,
                junit_parser::TestStatus::Error(_) => counts.2 += 1,
                junit_parser::TestStatus::Skipped(_) => counts.3 += 1,
            }
        }
        let of = |what: fn(&junit_parser::TestStatus) -> bool| {
            suite.cases.iter().filter(|case| what(&case.status)).count() as u64
        };
        assert_eq!(suite.tests, suite.cases.len() as u64);
        assert_eq!(suite.failures, of(|status| matches!(status, junit_parser::TestStatus::Failure(_))));
        assert_eq!(suite.errors, of(|status| matches!(status, junit_parser::TestStatus::Error(_))));
        assert_eq!(suite.skipped, of(|status| matches!(status, junit_parser::TestStatus::Skipped(_))));
    }
    counts
}

/// Reads a folder of reports back and holds its JUnit file to its JSON.
fn assert_readable(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("junit.xml")).unwrap();
    assert_eq!(mistakes(&schema(), &text), [""; 0], "{text}");
    let report = serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap();
    let wanted = by_the_report(&report);
    let (counts, bodies) = by_quick_junit(&text);
    assert_eq!(counts, wanted);
    assert_eq!(by_junit_parser(&text), wanted);
    bodies
}

#[test]
fn the_check_by_the_schema_can_fail() {
    let schema = schema();
    assert!(schema["testsuite"].required.contains("failures"), "{schema:?}");
    assert!(schema["testcase"].children.contains("skipped"), "{schema:?}");
    let good = "<testsuites><testsuite name='s' tests='1' failures='0' errors='0' time='0.012'><testcase name='c'><failure message='m'>t</failure></testcase></testsuite></testsuites>";
    assert_eq!(mistakes(&schema, good), [""; 0]);
    for (right, wrong, said) in [
        ("<testcase name='c'>", "<testcase name='c' line='1'>", "testcase line="),
        ("<testcase name='c'>", "<testcase>", "testcase without name="),
        ("failures='0' ", "", "testsuite without failures="),
        ("0.012", "0.01234", "testsuite time=0.01234"),
        ("<testsuites>", "<testsuites skipped='1'>", "testsuites skipped="),
        ("<failure message='m'>t</failure>", "loose", "text in <testcase>"),
        ("<failure message='m'>t</failure>", "<properties/>", "<properties> in <testcase>"),
    ] {
        assert_eq!(mistakes(&schema, &good.replacen(right, wrong, 1)), [said]);
    }
}

#[test]
fn two_readers_see_what_the_demo_says() {
    let scratch = Scratch::new("junit-demo");
    let demo = scratch.path("demo");
    assert_eq!(run(&["demo", "-q", "-o", arg(&demo)]).code, 0);
    let bodies = assert_readable(&demo.join("report"));
    assert!(!bodies.is_empty());
    for body in bodies {
        let (path, line) = body.lines().next().unwrap().rsplit_once(':').unwrap();
        assert!(path.ends_with("baseline.yaml") && line.parse::<u32>().is_ok(), "{body}");
    }
    let after = demo.join("after");
    let baseline = scratch.path("b.yaml");
    assert_eq!(run(&["baseline", "record", arg(&after), "-o", arg(&baseline)]).code, 0);
    let green = scratch.path("green");
    assert_eq!(
        run(&["check", "--baseline", arg(&baseline), "--report-dir", arg(&green), arg(&after)]).code,
        0
    );
    assert!(assert_readable(&green).is_empty());
}

#[test]
fn a_capture_that_failed_is_one_error() {
    let scratch = Scratch::new("junit-failed");
    let baseline = Path::new(env!("CARGO_MANIFEST_DIR")).join("baselines/demo-moe-decode.b300.yaml");
    let reports = scratch.path("reports");
    let nowhere = scratch.path("nowhere");
    let run = run(&["check", "--baseline", arg(&baseline), "--report-dir", arg(&reports), arg(&nowhere)]);
    assert_eq!(run.code, 5);
    assert_readable(&reports);
    let text = std::fs::read_to_string(reports.join("junit.xml")).unwrap();
    assert_eq!(by_quick_junit(&text).0, (0, 0, 1, 0));
}

/// Names as a trace can hold them, in the bytes of a JSON string.
const HOSTILE: [&[u8]; 10] = [
    br"a|b||c",
    br"`` ``` code ` end",
    br"<img src=x onerror=alert(1)>",
    br"@everyone --> <!-- profgate:comment -->",
    br"]]> <![CDATA[",
    br"\u202egnp.exe\u2066",
    br"\u001b[31mred\u0000\u0007",
    br"::error file=x::boo\n##[error]c",
    b"not \xff\xfe utf-8 \xc3",
    br"</code></pre></details>",
];

#[test]
fn hostile_names_go_through_the_whole_program_and_stay_inert() {
    let scratch = Scratch::new("junit-hostile");
    let event = |index: usize, name: &[u8]| {
        let mut event = br#"{"ph":"X","cat":"kernel","name":""#.to_vec();
        event.extend_from_slice(name);
        let (ts, correlation) = (10 + index * 20, index + 1);
        event.extend_from_slice(
            format!(
                r#"","pid":0,"tid":7,"ts":{ts},"dur":10,"args":{{"device":0,"stream":7,"correlation":{correlation}}}}}"#
            )
            .as_bytes(),
        );
        event
    };
    let document = |names: &[Vec<u8>]| {
        let events: Vec<Vec<u8>> = names.iter().enumerate().map(|(index, name)| event(index, name)).collect();
        [br#"{"schemaVersion":1,"traceEvents":["#.to_vec(), events.join(&b","[..]), b"]}".to_vec()].concat()
    };
    let mut names: Vec<Vec<u8>> = HOSTILE.iter().map(|name| name.to_vec()).collect();
    names.push(vec![b'x'; 5_000]);
    let hostile = scratch.file("hostile.json", document(&names));
    let plain = scratch.file("plain.json", document(&[b"plain_kernel".to_vec(), b"other_kernel".to_vec()]));
    let baseline = scratch.path("b.yaml");
    for (recorded, judged) in [(&plain, &hostile), (&hostile, &plain)] {
        let record = run(&["baseline", "record", arg(recorded), "-o", arg(&baseline)]);
        assert_eq!(record.code, 0, "{}", record.stderr);
        let reports = scratch.path("reports");
        let check = run(&[
            "check",
            "--github",
            "--baseline",
            arg(&baseline),
            "--report-dir",
            arg(&reports),
            arg(judged),
        ]);
        assert!([0, 1].contains(&check.code), "{}", check.stderr);
        assert_readable(&reports);
        let comment = std::fs::read_to_string(reports.join("comment.md")).unwrap();
        assert_eq!(comment.matches("<!--").count(), 1, "{comment}");
        assert!(!comment.contains('@') && !comment.contains("<img"), "{comment}");
        assert!(comment.len() <= 60_000);
        for line in check.stdout.lines() {
            assert!(!line.contains(['\u{1b}', '\u{202e}', '\u{0}']), "{line:?}");
            let is_ours = line.starts_with("::error ") || line.starts_with("::warning ");
            assert!(is_ours || !line.trim_start().starts_with("::"), "{line}");
            assert!(!line.contains("##["), "{line}");
        }
    }
    for format in ["text", "markdown"] {
        let triage = run(&["triage", arg(&hostile), "--format", format, "--min-share", "0"]);
        assert_eq!(triage.code, 0, "{}", triage.stderr);
        assert!(!triage.stdout.contains(['\u{1b}', '\u{202e}', '\u{0}']), "{}", triage.stdout);
        assert!(!triage.stdout.contains("<!--") || format == "text", "{}", triage.stdout);
    }
}
