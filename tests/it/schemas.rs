//! The published schemas are those of the types, and what profgate writes and reads is valid by them.

use std::collections::BTreeSet;
use std::path::Path;

use jsonschema::Validator;
use profgate::common::yaml;
use serde_json::Value;

use crate::support::{Scratch, arg, run};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Names of the schemas, as the program lists them.
fn names() -> Vec<String> {
    let listed = run(&["schema"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    listed.stdout.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

fn committed(name: &str) -> Value {
    let path = root().join(format!("schemas/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// A validator of one of the committed schemas.
pub fn validator(name: &str) -> Validator {
    jsonschema::validator_for(&committed(name)).unwrap()
}

/// What is wrong with a document, a line each.
pub fn mistakes(validator: &Validator, document: &Value) -> Vec<String> {
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn from_yaml(text: &str) -> Value {
    yaml::from_str(text, Path::new("test.yaml")).unwrap()
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let names = names();
    assert!(names.len() >= 6, "{names:?}");
    for name in &names {
        let now = run(&["schema", name]);
        assert_eq!(now.code, 0, "{}", now.stderr);
        let path = root().join(format!("schemas/{name}.json"));
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(now.stdout == committed, "schemas/{name}.json is not what `profgate schema {name}` prints");
    }
    let files: BTreeSet<String> = std::fs::read_dir(root().join("schemas"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, names.iter().map(|name| format!("{name}.json")).collect());
}

#[test]
fn every_schema_is_one_by_the_standard() {
    for name in names() {
        let schema = committed(&name);
        assert!(jsonschema::draft202012::meta::is_valid(&schema), "{name}");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
    }
}

#[test]
fn every_key_of_a_schema_says_what_it_means() {
    fn walk(at: &str, schema: &Value, silent: &mut Vec<String>) {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_said = property.get("description").is_some() || property.get("$ref").is_some();
            if !is_said {
                silent.push(format!("{at}.{key}"));
            }
        }
        for (key, part) in schema["$defs"].as_object().into_iter().flatten() {
            walk(key, part, silent);
        }
    }
    for name in names() {
        let mut silent = Vec::new();
        walk(&name, &committed(&name), &mut silent);
        assert!(silent.is_empty(), "without a description: {silent:?}");
    }
}

#[test]
fn what_the_demo_writes_is_valid() {
    let scratch = Scratch::new("schemas");
    let demo = scratch.path("demo");
    assert_eq!(run(&["demo", "-o", arg(&demo)]).code, 0);
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(demo.join("report/report.json")).unwrap()).unwrap();
    assert_eq!(mistakes(&validator("check-report"), &report), [""; 0]);
    assert_eq!(mistakes(&validator("triage-report"), &report["scenarios"][0]["triage"]), [""; 0]);
    let after = demo.join("after");
    let printed = run(&["triage", arg(&after), "--format", "json"]);
    assert_eq!(
        mistakes(&validator("triage-report"), &serde_json::from_str(&printed.stdout).unwrap()),
        [""; 0]
    );
    let recorded = run(&["baseline", "record", arg(&after)]);
    assert_eq!(mistakes(&validator("baseline"), &from_yaml(&recorded.stdout)), [""; 0]);
}

#[test]
fn a_run_that_judged_nothing_is_valid() {
    let scratch = Scratch::new("schemas-unjudged");
    let trace = scratch.file("t.json", r#"{"schemaVersion":1,"traceEvents":[]}"#);
    let baseline = root().join("baselines/demo-moe-decode.b300.yaml");
    let absent = scratch.path("absent.yaml");
    for (baseline, input, code) in
        [(&baseline, &trace, 3), (&absent, &trace, 4), (&baseline, &scratch.path("nowhere"), 5)]
    {
        let reports = scratch.path("reports");
        let run = run(&["check", "--baseline", arg(baseline), "--report-dir", arg(&reports), arg(input)]);
        assert_eq!(run.code, code, "{}", run.stderr);
        let text = std::fs::read_to_string(reports.join("report.json")).unwrap();
        assert_eq!(mistakes(&validator("check-report"), &serde_json::from_str(&text).unwrap()), [""; 0]);
    }
}

#[test]
fn the_files_in_the_repository_are_valid() {
    for (folder, of) in [("baselines", "baseline"), ("catalogs", "kernel-catalog")] {
        let mut seen = 0;
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let schema = match name.as_str() {
                // What to say of a role, and which Python frames carry no place: no catalog of kernels or paths.
                "advice.yaml" | "frames.yaml" => continue,
                paths if ["fusions", "overlaps", "toggles"].iter().any(|start| paths.starts_with(start)) => {
                    "path-catalog"
                }
                _ => of,
            };
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let document = from_yaml(&std::fs::read_to_string(&path).unwrap());
                assert_eq!(mistakes(&validator(schema), &document), [""; 0], "{}", path.display());
                seen += 1;
            }
        }
        assert!(seen > 0, "{folder}");
    }
}

/// First cells of the tables below a heading: the keys that a page promises.
fn documented(page: &str, heading: &str) -> BTreeSet<String> {
    let mut lines = page.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading);
    assert!(lines.next().is_some(), "no heading {heading}");
    lines
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| line.strip_prefix('|')?.split('|').next().map(str::to_owned))
        .flat_map(|cell| cell.split(',').map(|key| key.trim().to_owned()).collect::<Vec<_>>())
        .filter_map(|key| key.strip_prefix('`')?.strip_suffix('`').map(str::to_owned))
        .map(|key| key.split(['[', '.']).next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_page_names_exactly_the_keys_that_are_there() {
    let page = std::fs::read_to_string(root().join("docs/report-json.md")).unwrap();
    let schema = committed("check-report");
    let keys =
        |of: &Value| -> BTreeSet<String> { of["properties"].as_object().unwrap().keys().cloned().collect() };
    for (heading, definition) in [
        ("Triage", "Triage"),
        ("traces[]", "TraceEntry"),
        ("stages[]", "StageTriage"),
        ("stages[].steps", "StepTotals"),
        ("stages[].kernels[]", "KernelRow"),
        ("stages[].kernels[].sites[]", "Site"),
        ("stages[].attribution", "Attribution"),
        ("stages[].layers", "Layers"),
        ("stages[].overlaps[]", "OverlapRow"),
        ("stages[].paths[]", "PathRow"),
        ("similarity[]", "Similarity"),
        ("unlisted[]", "Unlisted"),
        ("ranks", "Ranks"),
        ("ranks.collectives[]", "Collective"),
        ("scenarios[]", "ScenarioReport"),
        ("scenarios[].findings[]", "Finding"),
        ("scenarios[].price[]", "Price"),
        ("scenarios[].cases[]", "Case"),
    ] {
        assert_eq!(documented(&page, heading), keys(&schema["$defs"][definition]), "{heading}");
    }
    assert_eq!(documented(&page, "report.json"), keys(&schema));
}

/// What the program refuses in a file that people write is refused by its schema too, so that editors show it.
#[test]
fn a_mistake_in_a_configuration_is_one_for_the_schema() {
    let good = "schema: 1\nscenarios:\n  a: { input: [t/, u/], baseline: b.yaml }\npolicy: { min-share: 1.5, levels: { kernel-slower: warn } }\n";
    let config = validator("config");
    assert_eq!(mistakes(&config, &from_yaml(good)), [""; 0]);
    for (right, wrong) in [
        ("schema: 1", "schema: 2"),
        ("baseline:", "bseline:"),
        (", baseline: b.yaml", ""),
        ("kernel-slower", "kernel-slowr"),
        ("kernel-slower", "capture-empty"),
        ("warn", "wran"),
        ("min-share: 1.5", "min-share: 101"),
        ("min-share: 1.5", "min-share: -1"),
        ("[t/, u/]", "[]"),
        ("[t/, u/]", "{}"),
    ] {
        let text = good.replacen(right, wrong, 1);
        assert!(profgate::config::parse(&text, Path::new("c.yaml")).is_err(), "{text}");
        assert!(!config.is_valid(&from_yaml(&text)), "{text}");
    }
}
