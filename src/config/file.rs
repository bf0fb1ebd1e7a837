//! The configuration as a person writes it. Strict: an unknown key is an error with its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::server::ConfigServer;
use crate::common::yaml::{self, Spanned, YamlError};
use crate::verdict::{Code, Kind, Level, Policy, Promise, Waiver, WaiverRow, check_promises};

/// The schema number that this version reads.
const SCHEMA: u32 = 1;

/// `profgate.yaml`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Version of the format.
    #[schemars(with = "u32", extend("const" = 1))]
    pub schema: Spanned<u32>,
    /// What is gated, by name.
    pub scenarios: BTreeMap<String, ConfigScenario>,
    /// Levels and thresholds.
    #[serde(default)]
    pub policy: ConfigPolicy,
    /// Directory of the repository's own catalogs, relative to the configuration.
    pub catalog: Option<PathBuf>,
}

/// One scenario.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(extend("anyOf" = [{ "required": ["baseline"] }, { "required": ["expect"] }]))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfigScenario {
    /// Trace file or directory, relative to the configuration. Either this or `server`.
    #[serde(default)]
    #[schemars(with = "Option<Inputs>")]
    pub input: Option<Spanned<Inputs>>,
    /// A running server to profile first. Either this or `input`.
    #[serde(default)]
    #[schemars(with = "Option<ConfigServer>")]
    pub server: Option<Spanned<ConfigServer>>,
    /// Traces of a run that names the source of what the input measured, relative to the configuration.
    #[serde(default)]
    #[schemars(with = "Option<Inputs>")]
    pub mapping: Option<Spanned<Inputs>>,
    /// Baseline file, relative to the configuration. A scenario with promises can do without.
    #[serde(default)]
    #[schemars(with = "Option<PathBuf>")]
    pub baseline: Option<Spanned<PathBuf>>,
    /// What was sent to the server, in the user's words; a baseline of another workload is not comparable.
    pub workload: Option<String>,
    /// What a person promises. It needs no recorded number.
    #[serde(default)]
    #[schemars(with = "Vec<Promise>")]
    pub expect: Vec<Spanned<Promise>>,
    /// Findings that are accepted for a while.
    #[serde(default)]
    #[schemars(with = "Vec<WaiverRow>")]
    pub waivers: Vec<Spanned<WaiverRow>>,
    /// Levels by finding code, for this scenario only.
    #[serde(default)]
    #[schemars(schema_with = "levels")]
    pub levels: BTreeMap<Code, Spanned<Level>>,
}

/// One path, or a list of them.
#[derive(Debug, Clone)]
pub struct Inputs(pub Vec<PathBuf>);

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> serde::de::Visitor<'de> for OneOrMany {
            type Value = Inputs;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a path or a list of paths")
            }
            fn visit_str<E>(self, text: &str) -> Result<Inputs, E> {
                Ok(Inputs(vec![PathBuf::from(text)]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Inputs, A::Error> {
                let mut paths = Vec::new();
                while let Some(path) = seq.next_element()? {
                    paths.push(path);
                }
                Ok(Inputs(paths))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

impl JsonSchema for Inputs {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Inputs".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (one, many) = (generator.subschema_for::<PathBuf>(), generator.subschema_for::<Vec<PathBuf>>());
        schemars::json_schema!({ "description": "One path, or a list of them.", "anyOf": [one, { "minItems": 1, "allOf": [many] }] })
    }
}

/// What the team makes of findings.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfigPolicy {
    /// Rows below this share of a stage, in percent, are not shown in tables.
    #[schemars(with = "Option<f64>", range(min = 0, max = 100))]
    pub min_share: Option<Spanned<f64>>,
    /// Levels by finding code.
    #[serde(default)]
    #[schemars(schema_with = "levels")]
    pub levels: BTreeMap<Code, Spanned<Level>>,
}

/// Only what can have a level is completed and accepted.
fn levels(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let codes: Vec<&str> =
        Code::ALL.iter().filter(|code| code.kind() != Kind::Doubt).map(|code| code.as_str()).collect();
    let level = generator.subschema_for::<Level>();
    schemars::json_schema!({
        "type": "object",
        "propertyNames": { "enum": codes },
        "additionalProperties": level,
    })
}

impl Config {
    /// The policy with the defaults filled in.
    pub fn policy(&self) -> Policy {
        let levels = self.policy.levels.iter().map(|(code, level)| (*code, level.value)).collect();
        let mut policy = Policy { levels, ..Policy::default() };
        if let Some(min_share) = &self.policy.min_share {
            policy.min_share = min_share.value;
        }
        policy
    }
}

/// Reads a configuration. `path` labels errors; nothing is opened here.
pub fn parse(text: &str, path: &Path) -> Result<Config, YamlError> {
    let config: Config = yaml::from_str(text, path)?;
    if config.schema.value != SCHEMA {
        let message = format!("schema {} is not known to this version", config.schema.value);
        return Err(YamlError::at(path, &config.schema, message).with_help("this version reads `schema: 1`"));
    }
    for (name, scenario) in &config.scenarios {
        let input = scenario.input.iter().map(|input| ("input", input));
        let mapping = scenario.mapping.iter().map(|mapping| ("mapping", mapping));
        for (key, inputs) in input.chain(mapping) {
            if inputs.value.0.is_empty() {
                return Err(YamlError::at(path, inputs, format!("`{key}` is an empty list"))
                    .with_help("name a trace file or a directory"));
            }
        }
        check_promises(&scenario.expect, path)?;
        Waiver::of_rows(&scenario.waivers, path)?;
        let nothing = "the scenario has neither `baseline` nor `expect`";
        let nothing_help = "name its baseline, or promise something under `expect`";
        let is_bare = scenario.baseline.is_none() && scenario.expect.is_empty();
        match (&scenario.input, &scenario.server) {
            (Some(input), None) if is_bare => {
                return Err(YamlError::at(path, input, nothing).with_help(nothing_help));
            }
            (None, Some(server)) if is_bare => {
                return Err(YamlError::at(path, server, nothing).with_help(nothing_help));
            }
            (Some(_), None) | (None, Some(_)) => {}
            (Some(_), Some(server)) => {
                let message = format!("`{name}` has both `input` and `server`");
                return Err(YamlError::at(path, server, message)
                    .with_help("keep one: traces that are there, or a server to profile"));
            }
            (None, None) => {
                let message = format!("`{name}` has neither `input` nor `server`");
                let error = match (&scenario.baseline, scenario.expect.first()) {
                    (Some(baseline), _) => YamlError::at(path, baseline, message),
                    (None, Some(promise)) => YamlError::at(path, promise, message),
                    (None, None) => YamlError::at(path, &config.schema, message),
                };
                return Err(
                    error.with_help("name the traces with `input`, or a running server with `server`")
                );
            }
        }
    }
    let of_scenarios = config.scenarios.values().flat_map(|scenario| &scenario.levels);
    for (code, level) in config.policy.levels.iter().chain(of_scenarios) {
        if code.kind() == Kind::Doubt {
            let message = format!("`{}` has no level: it says that nothing could be judged", code.as_str());
            return Err(YamlError::at(path, level, message)
                .with_help("use --on-inconclusive or --on-missing-baseline"));
        }
    }
    if let Some(share) = &config.policy.min_share
        && !(0.0..=100.0).contains(&share.value)
    {
        let message = format!("`min-share` is {}, which is no percentage", share.value);
        return Err(YamlError::at(path, share, message).with_help("give a number from 0 to 100"));
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "schema: 1\nscenarios:\n  a: { input: t/, baseline: b.yaml }\n";

    fn error(text: &str) -> YamlError {
        parse(text, Path::new("profgate.yaml")).unwrap_err()
    }

    #[test]
    fn a_small_file_is_enough() {
        let config = parse(GOOD, Path::new("profgate.yaml")).unwrap();
        assert_eq!(config.scenarios["a"].baseline.as_ref().unwrap().value, Path::new("b.yaml"));
        assert_eq!(config.policy().min_share, 1.0);
    }

    #[test]
    fn typos_name_the_place_and_the_key_meant() {
        let typo = error("schema: 1\nscenarios:\n  a: { input: t/, bseline: b.yaml }\n");
        assert_eq!(typo.place(), "profgate.yaml:3:19");
        assert_eq!(typo.help.as_deref(), Some("did you mean `baseline`?"));
        let typo = error(&format!("{GOOD}policy:\n  levels: {{ kernel-slowr: warn }}\n"));
        assert_eq!(typo.place(), "profgate.yaml:5:13");
        assert_eq!(typo.help.as_deref(), Some("did you mean `kernel-slower`?"));
        let typo = error(&format!("{GOOD}policy:\n  levels: {{ kernel-slower: wran }}\n"));
        assert_eq!(typo.place(), "profgate.yaml:5:28");
        assert_eq!(typo.help.as_deref(), Some("did you mean `warn`?"));
    }

    #[test]
    fn a_scenario_needs_an_input() {
        assert_eq!(
            error("schema: 1\nscenarios:\n  a: { input: [], baseline: b.yaml }\n").place(),
            "profgate.yaml:3:15"
        );
        let empty = error("schema: 1\nscenarios:\n  a: { input: t/, mapping: [], baseline: b.yaml }\n");
        assert_eq!(empty.place(), "profgate.yaml:3:28");
        assert!(empty.message.contains("`mapping`"), "{}", empty.message);
    }

    #[test]
    fn a_scenario_needs_a_baseline_or_a_promise() {
        let wrong = error("schema: 1\nscenarios:\n  a: { input: t/ }\n");
        assert_eq!(wrong.line, 3);
        assert!(wrong.message.contains("neither `baseline` nor `expect`"), "{}", wrong.message);
        let text = "schema: 1\nscenarios:\n  a:\n    input: t/\n    expect:\n      - { path: p }\n";
        assert_eq!(parse(text, Path::new("p.yaml")).unwrap().scenarios["a"].expect.len(), 1);
        let typo = error(&text.replace("path: p", "path: p, state: required"));
        assert_eq!(typo.line, 6);
    }

    #[test]
    fn a_waiver_that_is_not_in_order_names_its_place() {
        let row = "{ finding: kernel-slower, subject: k, reason: r, owner: o, until: 2027-01-31 }";
        let file = |row: &str| {
            format!(
                "schema: 1\nscenarios:\n  a:\n    input: t/\n    baseline: b.yaml\n    waivers:\n      - {row}\n"
            )
        };
        assert!(parse(&file(row), Path::new("p.yaml")).is_ok());
        for (from, to, said) in [
            ("kernel-slower", "kernel-slowr", "unknown finding"),
            ("kernel-slower", "capture-empty", "cannot be waived"),
            ("until: 2027-01-31", "until: 2027-02-30", "no day"),
            ("reason: r", "reason: \" \"", "no reason"),
            ("owner: o, ", "", "key `owner` is missing"),
            ("2027-01-31", "2027-01-31, max-delta: 8", "no percentage"),
        ] {
            let wrong = error(&file(&row.replace(from, to)));
            assert!(wrong.message.contains(said), "{to}: {}", wrong.message);
            assert_eq!(wrong.line, 7, "{to}");
        }
    }

    #[test]
    fn a_scenario_has_traces_or_a_server() {
        let server = "schema: 1\nscenarios:\n  a: { server: { url: h, workload: { decode: \"1:9\" } }, baseline: b.yaml }\n";
        let config = parse(server, Path::new("profgate.yaml")).unwrap();
        let read = config.scenarios["a"].server.as_ref().unwrap();
        assert_eq!((read.value.url.as_str(), read.value.workload.decode.as_deref()), ("h", Some("1:9")));
        let neither = error("schema: 1\nscenarios:\n  a: { baseline: b.yaml }\n");
        assert!(neither.message.contains("neither") && neither.line == 3, "{neither:?}");
        let both = error("schema: 1\nscenarios:\n  a: { input: t, server: { url: h }, baseline: b.yaml }\n");
        assert!(both.message.contains("both") && both.line == 3, "{both:?}");
        let key = error("schema: 1\nscenarios:\n  a: { server: { url: h, api-key: x }, baseline: b.yaml }\n");
        assert_eq!(key.help.as_deref(), Some("did you mean `api-key-file`?"));
    }

    #[test]
    fn a_doubt_cannot_be_levelled_away() {
        let wrong = error(&format!("{GOOD}policy:\n  levels: {{ capture-empty: allow }}\n"));
        assert_eq!(wrong.line, 5);
        assert!(wrong.help.unwrap().contains("--on-inconclusive"));
        let text = GOOD.replace("b.yaml", "b.yaml, levels: { rank-missing: warn }");
        assert_eq!(error(&text).place(), "profgate.yaml:3:61");
    }

    #[test]
    fn shares_outside_a_hundred_are_refused() {
        for share in ["-1", "101", ".nan", ".inf"] {
            let wrong = error(&format!("{GOOD}policy: {{ min-share: {share} }}\n"));
            assert_eq!(wrong.line, 4, "{share}");
        }
    }
}
