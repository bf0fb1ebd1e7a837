//! `profgate check`: the gate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::{CheckArgs, CheckFormat};
use super::context::Context;
use super::error::CliError;
use super::github;
use crate::common::text::nearest;
use crate::config::{self, Config};
use crate::publish::files::ReportSet;
use crate::report;
use crate::run::check::{CheckOptions, Scenario, check};
use crate::verdict::{CheckReport, Policy};

/// The scenario's name where no configuration gives one.
const UNNAMED: &str = "capture";

/// Judges, writes every report, prints, and says how the process ends.
pub fn run(args: &CheckArgs, context: &Context) -> Result<u8, CliError> {
    let reports = ReportSet { dir: args.report_dir.clone() };
    reports.prepare()?;
    reports.clear()?;
    let Resolved { scenarios, mut policy, catalog } = resolve(args)?;
    if let Some(min_share) = args.min_share {
        policy.min_share = min_share;
    }
    let catalogs = context.catalogs_or(catalog.as_deref())?;
    let progress = |done, all| context.progress(done, all);
    policy.on_missing_baseline = args.on_missing_baseline.into();
    policy.on_inconclusive = args.on_inconclusive.into();
    policy.exit_zero = args.exit_zero;
    let options = CheckOptions {
        policy,
        changed_files: changed_files(args)?,
        load: context.load_options(None, &args.server_log, &progress),
    };
    let mut report = check(&scenarios, &catalogs, &options)?;
    for entry in report.scenarios.iter().filter_map(|one| one.triage.as_ref()).flat_map(|one| &one.traces) {
        context.read(entry);
    }
    report.docs.clone_from(&context.docs);
    reports.write_all(&report)?;
    github::publish(&args.github, &report, Some(&reports), context)?;
    context.print(&render(&report, args, context))?;
    Ok(report.exit_code)
}

/// The files of `--changed-files`: the lines of a file that is there, else a list with commas.
fn changed_files(args: &CheckArgs) -> Result<Vec<String>, CliError> {
    let Some(given) = &args.changed_files else { return Ok(Vec::new()) };
    let path = Path::new(given);
    let text = if path.is_file() {
        crate::source::read_text(path).map_err(|error| {
            CliError::usage(
                "cannot read the list of changed files",
                format!("{given}: {error}"),
                "write one path a line, as `git diff --name-only` does",
            )
        })?
    } else {
        given.replace(',', "\n")
    };
    let files: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    // A word without a folder and without an ending is a list that somebody forgot to write.
    if !path.is_file() && files.len() == 1 && !given.contains(['/', '.']) {
        return Err(CliError::usage(
            "there is no list of changed files",
            format!("{given}: no such file, and no path of a changed file"),
            "name a file with one path a line, or write the paths with commas between them",
        ));
    }
    Ok(files)
}

fn render(report: &CheckReport, args: &CheckArgs, context: &Context) -> String {
    match args.format {
        CheckFormat::Json => report::json::check(report),
        CheckFormat::Markdown => report::markdown::comment(report),
        CheckFormat::Text if context.quiet => report::text::check_line(report),
        CheckFormat::Text => report::text::check(report, context.width, context.color),
    }
}

/// What the arguments and the configuration mean together.
struct Resolved {
    scenarios: Vec<Scenario>,
    policy: Policy,
    /// Directory of catalogs that the configuration names.
    catalog: Option<PathBuf>,
}

fn resolve(args: &CheckArgs) -> Result<Resolved, CliError> {
    match &args.baseline {
        Some(baseline) => {
            let scenarios = vec![without_config(args, baseline)?];
            Ok(Resolved { scenarios, policy: Policy::default(), catalog: None })
        }
        None => with_config(args),
    }
}

fn without_config(args: &CheckArgs, baseline: &Path) -> Result<Scenario, CliError> {
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
    if inputs.is_empty() {
        return Err(CliError::usage(
            "no traces to judge",
            "--baseline was given without an input",
            "name them: profgate check --baseline FILE TRACES",
        ));
    }
    let mut scenarios = [Scenario {
        name,
        inputs,
        mapping: Vec::new(),
        baseline: baseline.to_owned(),
        levels: BTreeMap::new(),
    }];
    replace_paths(&mut scenarios, &args.mapping, Paths::Mapping)?;
    let [scenario] = scenarios;
    Ok(scenario)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn with_config(args: &CheckArgs) -> Result<Resolved, CliError> {
    let path = args.config.clone().unwrap_or_else(|| PathBuf::from("profgate.yaml"));
    let text = crate::source::read_text(&path).map_err(|error| CliError {
        what: "cannot read the configuration".to_owned(),
        place: format!("{}: {error}", path.display()),
        help: "name one with --config, or judge without: profgate check --baseline FILE TRACES".to_owned(),
        exit: 2,
    })?;
    let config = config::parse(&text, &path).map_err(|error| CliError::yaml("configuration", &error))?;
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    let wanted = chosen(&config, &args.scenarios, &path)?;
    let mut scenarios: Vec<Scenario> = wanted
        .into_iter()
        .filter_map(|name| {
            let scenario = config.scenarios.get(&name)?;
            Some(Scenario {
                inputs: scenario.input.value.0.iter().map(|input| base.join(input)).collect(),
                mapping: scenario
                    .mapping
                    .iter()
                    .flat_map(|mapping| &mapping.value.0)
                    .map(|input| base.join(input))
                    .collect(),
                baseline: baseline_of(args, base, &scenario.baseline),
                levels: scenario.levels.iter().map(|(code, level)| (*code, level.value)).collect(),
                name,
            })
        })
        .collect();
    replace_paths(&mut scenarios, &args.inputs, Paths::Input)?;
    replace_paths(&mut scenarios, &args.mapping, Paths::Mapping)?;
    let catalog = config.catalog.as_ref().map(|folder| base.join(folder));
    Ok(Resolved { scenarios, policy: config.policy(), catalog })
}

/// The scenario's baseline: beside the configuration, or in the directory that takes the place of its folder.
fn baseline_of(args: &CheckArgs, base: &Path, named: &Path) -> PathBuf {
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
enum Paths {
    Input,
    Mapping,
}

/// `--input` and `--mapping` replace a scenario's own; several for one scenario add up.
fn replace_paths(scenarios: &mut [Scenario], inputs: &[String], which: Paths) -> Result<(), CliError> {
    let option = match which {
        Paths::Input => "--input",
        Paths::Mapping => "--mapping",
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
        };
        if !replaced.contains(&name) {
            paths.clear();
            replaced.push(name);
        }
        paths.push(PathBuf::from(path));
    }
    Ok(())
}
