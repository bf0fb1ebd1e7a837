//! Which scenarios a command is about: what was typed and what the configuration says, put together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::ScenarioArgs;
use super::error::CliError;
use crate::common::text::nearest;
use crate::config::{self, Config};
use crate::run::check::Scenario;
use crate::verdict::{PlacedPromise, Policy, Waiver};

/// The scenario's name where no configuration gives one.
const UNNAMED: &str = "capture";

/// What the arguments and the configuration mean together.
pub struct Resolved {
    /// What is judged.
    pub scenarios: Vec<Scenario>,
    /// How.
    pub policy: Policy,
    /// Directory of catalogs that the configuration names.
    pub catalog: Option<PathBuf>,
}

/// Whether what is judged has to be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traces {
    /// It has.
    There,
    /// A server is profiled first.
    ToCome,
}

/// Puts together what was typed and what the configuration says.
pub fn resolve(args: &ScenarioArgs, traces: Traces) -> Result<Resolved, CliError> {
    match &args.baseline {
        Some(baseline) => {
            let scenarios = vec![without_config(args, baseline, traces)?];
            Ok(Resolved { scenarios, policy: Policy::default(), catalog: None })
        }
        None => with_config(args),
    }
}

fn without_config(args: &ScenarioArgs, baseline: &Path, traces: Traces) -> Result<Scenario, CliError> {
    let mut name = UNNAMED.to_owned();
    let mut inputs: Vec<PathBuf> = args.scenarios.iter().map(PathBuf::from).collect();
    for input in &args.inputs {
        // A path may hold an equals sign; the part before it is a name only where no such file exists.
        match input.split_once('=') {
            Some((before, path)) if is_name(before) && !Path::new(input).exists() => {
                before.clone_into(&mut name);
                inputs.push(PathBuf::from(path));
            }
            _ => inputs.push(PathBuf::from(input)),
        }
    }
    if let (Traces::ToCome, Some(first)) = (traces, inputs.first()) {
        return Err(CliError::usage(
            "both a server and traces are to be judged",
            format!("--url beside {}", first.display()),
            "give one of them",
        ));
    }
    if inputs.is_empty() && traces == Traces::There {
        return Err(CliError::usage(
            "no traces to judge",
            "--baseline was given without an input",
            "name them behind the baseline: --baseline FILE TRACES",
        ));
    }
    Ok(Scenario {
        name,
        inputs,
        mapping: Vec::new(),
        confirm: Vec::new(),
        baseline: Some(baseline.to_owned()),
        workload: None,
        promises: Vec::new(),
        waivers: Vec::new(),
        levels: BTreeMap::new(),
        failed: None,
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// The configuration that the arguments name, and where it lies.
pub fn configuration(args: &ScenarioArgs) -> Result<(PathBuf, Config), CliError> {
    let path = args.config.clone().unwrap_or_else(|| PathBuf::from("profgate.yaml"));
    let text = crate::source::read_text(&path).map_err(|error| CliError {
        what: "cannot read the configuration".to_owned(),
        place: format!("{}: {error}", path.display()),
        help: "name one with --config, or judge without: profgate check --baseline FILE TRACES".to_owned(),
        exit: 2,
    })?;
    let config = config::parse(&text, &path).map_err(|error| CliError::yaml("configuration", &error))?;
    Ok((path, config))
}

fn with_config(args: &ScenarioArgs) -> Result<Resolved, CliError> {
    let (path, config) = configuration(args)?;
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    let wanted = chosen(&config, &args.scenarios, &path)?;
    let file = path.display().to_string();
    let mut scenarios = Vec::new();
    for name in wanted {
        let Some(scenario) = config.scenarios.get(&name) else { continue };
        let waivers = Waiver::of_rows(&scenario.waivers, &path)
            .map_err(|error| CliError::yaml("configuration", &error))?;
        let mapping = scenario.mapping.iter().flat_map(|mapping| &mapping.value.0);
        let inputs = scenario.input.iter().flat_map(|input| &input.value.0);
        scenarios.push(Scenario {
            inputs: inputs.map(|input| base.join(input)).collect(),
            mapping: mapping.map(|input| base.join(input)).collect(),
            confirm: Vec::new(),
            baseline: scenario.baseline.as_ref().map(|named| baseline_of(args, base, &named.value)),
            workload: scenario.workload.clone(),
            promises: PlacedPromise::of_rows(&scenario.expect, &file),
            waivers,
            levels: scenario.levels.iter().map(|(code, level)| (*code, level.value)).collect(),
            failed: None,
            name,
        });
    }
    replace_paths(&mut scenarios, &args.inputs, Paths::Input)?;
    let catalog = config.catalog.as_ref().map(|folder| base.join(folder));
    Ok(Resolved { scenarios, policy: config.policy(), catalog })
}

/// The scenario's baseline: beside the configuration, or in the directory that takes the place of its folder.
fn baseline_of(args: &ScenarioArgs, base: &Path, named: &Path) -> PathBuf {
    match (&args.baseline_dir, named.file_name()) {
        (Some(dir), Some(name)) => dir.join(name),
        _ => base.join(named),
    }
}

fn chosen(config: &Config, wanted: &[String], path: &Path) -> Result<Vec<String>, CliError> {
    if config.scenarios.is_empty() {
        return Err(CliError::usage(
            "there is no scenario to check",
            format!("{}: `scenarios` is empty", path.display()),
            "add one with its `input` and `baseline`",
        ));
    }
    if wanted.is_empty() {
        return Ok(config.scenarios.keys().cloned().collect());
    }
    for name in wanted {
        if !config.scenarios.contains_key(name) {
            return Err(unknown_scenario(name, config.scenarios.keys().map(String::as_str)));
        }
    }
    Ok(wanted.to_vec())
}

fn unknown_scenario<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> CliError {
    let help = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known scenarios: {}", known.collect::<Vec<_>>().join(", ")),
    };
    CliError::usage("unknown scenario", name, help)
}

/// Which paths of a scenario an option replaces.
#[derive(Debug, Clone, Copy)]
pub enum Paths {
    /// What is judged.
    Input,
    /// What names the source.
    Mapping,
    /// What confirms times.
    Confirm,
}

/// `--input`, `--mapping` and `--confirm` replace a scenario's own; several for one scenario add up.
pub fn replace_paths(scenarios: &mut [Scenario], inputs: &[String], which: Paths) -> Result<(), CliError> {
    let option = match which {
        Paths::Input => "--input",
        Paths::Mapping => "--mapping",
        Paths::Confirm => "--confirm",
    };
    let mut replaced: Vec<String> = Vec::new();
    let names: Vec<String> = scenarios.iter().map(|scenario| scenario.name.clone()).collect();
    for input in inputs {
        let (name, path) = match input.split_once('=') {
            Some((name, path)) if names.iter().any(|known| known == name) => (name.to_owned(), path),
            Some((name, _)) if is_name(name) && !Path::new(input).exists() => {
                return Err(unknown_scenario(name, names.iter().map(String::as_str)));
            }
            _ => match names.as_slice() {
                [only] => (only.clone(), input.as_str()),
                _ => {
                    return Err(CliError::usage(
                        "which scenario is this path for?",
                        input.clone(),
                        format!("write {option} SCENARIO={input}"),
                    ));
                }
            },
        };
        let Some(scenario) = scenarios.iter_mut().find(|scenario| scenario.name == name) else { continue };
        let paths = match which {
            Paths::Input => &mut scenario.inputs,
            Paths::Mapping => &mut scenario.mapping,
            Paths::Confirm => &mut scenario.confirm,
        };
        if !replaced.contains(&name) {
            paths.clear();
            replaced.push(name);
        }
        paths.push(PathBuf::from(path));
    }
    Ok(())
}
