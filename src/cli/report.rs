//! `profgate report`: a report rendered again, or judged again, without trace or GPU.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::args::{InconclusiveArg, MissingArg, percent};
use super::context::Context;
use super::error::CliError;
use super::github::{self, GithubArgs};
use crate::common::text::{nearest, shorten_middle};
use crate::config;
use crate::publish::files::{self, ReportSet};
use crate::report;
use crate::source;
use crate::triage::SCHEMA;
use crate::verdict::{Anew, BaselineRef, CheckReport, Code, Kind, Level, OtherBaseline, judge_again};

/// Longest reason for which a report is refused.
const LONGEST_REASON: usize = 400;

/// `profgate report`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate report profgate-report/report.json
  profgate report report.json --format markdown --exit-zero > comment.md
  profgate report report.json --level kernel-slower=warn
  profgate report report.json --config profgate.yaml --baseline decode=baselines/decode.yaml

Ends with the exit code of the verdict, as the run itself did.")]
pub struct ReportArgs {
    /// The report.json of a run of `profgate check`
    #[arg(value_name = "REPORT.json")]
    pub report: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// Judge by the policy of this configuration
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Judge with another level for a finding
    #[arg(long = "level", value_name = "CODE=LEVEL", value_parser = level)]
    pub levels: Vec<(Code, Level)>,
    /// Judge against this baseline as it is now; names the scenario where the report has several
    #[arg(long = "baseline", value_name = "[SCENARIO=]FILE")]
    pub baselines: Vec<String>,
    /// Commit messages or a description whose `Profgate-Waive:` trailers count for this judgement
    #[arg(long, value_name = "FILE")]
    pub trailers: Option<PathBuf>,
    /// Leave rows below this share of GPU time, in percent, out of the tables
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub min_share: Option<f64>,
    /// What an inconclusive verdict does
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_inconclusive: Option<InconclusiveArg>,
    /// What a missing baseline does; there is no capture to write one from
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_missing_baseline: Option<MissingArg>,
    /// Exit 0 whatever the verdict
    #[arg(long)]
    pub exit_zero: bool,
    /// Also write report.json, junit.xml and comment.md into this folder
    #[arg(long, value_name = "DIR")]
    pub report_dir: Option<PathBuf>,
    /// GitHub Actions.
    #[command(flatten)]
    pub github: GithubArgs,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// How to print a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a terminal.
    Text,
    /// The comment.
    Markdown,
    /// report.json.
    Json,
    /// junit.xml.
    Junit,
}

/// Prints the report in the format asked for and ends with its exit code.
pub fn run(args: &ReportArgs, context: &Context) -> Result<u8, CliError> {
    let mut report = read(&args.report)?;
    let anew = anew(args, &report)?;
    let is_judged_alike = anew.policy == report.policy
        && anew.levels.is_empty()
        && anew.scenario_levels.is_empty()
        && anew.waivers.is_empty()
        && anew.baselines.is_empty();
    if !is_judged_alike {
        report = judge_again(&report, &anew).map_err(|error| CliError::yaml("baseline", &error))?;
    }
    report.docs = context.docs.clone();
    let reports = args.report_dir.clone().map(|dir| ReportSet { dir });
    if let Some(reports) = &reports {
        reports.prepare()?;
        reports.write_all(&report)?;
    }
    github::publish(&args.github, &report, reports.as_ref(), context)?;
    let text = render(&report, args, context)?;
    match &args.output {
        None => context.print(&text)?,
        Some(path) => files::write_output(path, text.as_bytes())?,
    }
    Ok(report.exit_code)
}

fn render(report: &CheckReport, args: &ReportArgs, context: &Context) -> Result<String, CliError> {
    Ok(match args.format {
        ReportFormat::Json => report::json::check(report),
        ReportFormat::Markdown => report::markdown::comment(report),
        ReportFormat::Junit => report::junit::xml(report).map_err(|error| CliError {
            what: "cannot render the report".to_owned(),
            place: error.to_string(),
            help: "choose another --format".to_owned(),
            exit: 5,
        })?,
        ReportFormat::Text if context.quiet => report::text::check_line(report),
        ReportFormat::Text => {
            let color = context.color && args.output.is_none();
            report::text::check(report, context.width, color)
        }
    })
}

/// Reads a report of this version's schema, or of an earlier version of it.
fn read(path: &Path) -> Result<CheckReport, CliError> {
    let text = source::read_report(path).map_err(|error| CliError {
        what: "cannot read the report".to_owned(),
        place: format!("{}: {error}", path.display()),
        help: "name the report.json that `profgate check` wrote".to_owned(),
        exit: if error.kind() == std::io::ErrorKind::InvalidData { 3 } else { 5 },
    })?;
    let refused = |reason: String, help: &str| CliError {
        what: "cannot use the report".to_owned(),
        // A reason may quote what stands in the file.
        place: format!("{}: {}", path.display(), shorten_middle(&reason, LONGEST_REASON)),
        help: help.to_owned(),
        exit: 3,
    };
    #[derive(serde::Deserialize)]
    struct Head {
        schema: Option<u32>,
        stages: Option<serde::de::IgnoredAny>,
    }
    let head: Head = serde_json::from_str(&text).map_err(|error| {
        refused(error.to_string(), "name the report.json that `profgate check` wrote, whole")
    })?;
    match head.schema {
        Some(SCHEMA) if head.stages.is_some() => {
            return Err(refused(
                "this is what `profgate triage` prints, not a run of the gate".to_owned(),
                "name the report.json that `profgate check` wrote",
            ));
        }
        Some(SCHEMA) => {}
        Some(other) => {
            let reason = format!("schema {other} is not known to this version, which reads {SCHEMA}");
            return Err(refused(reason, "use the version of profgate that wrote it"));
        }
        None => {
            return Err(refused(
                "it has no `schema`".to_owned(),
                "name the report.json that `profgate check` wrote",
            ));
        }
    }
    let report: CheckReport = serde_json::from_str(&text)
        .map_err(|error| refused(error.to_string(), "use the version of profgate that wrote it"))?;
    if report.exit_code > 5 {
        return Err(refused(
            format!("{} is no exit code of profgate", report.exit_code),
            "judge the capture again",
        ));
    }
    Ok(report)
}

/// The report's own policy, with what the command line says instead.
fn anew(args: &ReportArgs, report: &CheckReport) -> Result<Anew, CliError> {
    let mut policy = report.policy.clone();
    let mut scenario_levels = BTreeMap::new();
    if let Some(path) = &args.config {
        let text = source::read_text(path).map_err(|error| CliError {
            what: "cannot read the configuration".to_owned(),
            place: format!("{}: {error}", path.display()),
            help: "name a profgate.yaml".to_owned(),
            exit: 2,
        })?;
        let config = config::parse(&text, path).map_err(|error| CliError::yaml("configuration", &error))?;
        let theirs = config.policy();
        (policy.min_share, policy.levels, policy.thresholds) =
            (theirs.min_share, theirs.levels, theirs.thresholds);
        scenario_levels = config
            .scenarios
            .iter()
            .map(|(name, scenario)| {
                let levels = scenario.levels.iter().map(|(code, level)| (*code, level.value));
                (name.clone(), levels.collect())
            })
            .collect();
    }
    if let Some(min_share) = args.min_share {
        policy.min_share = min_share;
    }
    if let Some(what) = args.on_inconclusive {
        policy.on_inconclusive = what.into();
    }
    if let Some(what) = args.on_missing_baseline {
        policy.on_missing_baseline = what.into();
    }
    policy.exit_zero |= args.exit_zero;
    Ok(Anew {
        policy,
        scenario_levels,
        levels: args.levels.iter().copied().collect(),
        waivers: super::check::trailers(args.trailers.as_deref())?,
        baselines: baselines(args, report)?,
    })
}

fn baselines(args: &ReportArgs, report: &CheckReport) -> Result<BTreeMap<String, OtherBaseline>, CliError> {
    let names: Vec<&str> = report.scenarios.iter().map(|scenario| scenario.scenario.as_str()).collect();
    let mut others = BTreeMap::new();
    for given in &args.baselines {
        let (name, path) = match (given.split_once('='), names.as_slice()) {
            (Some((name, path)), _) if names.contains(&name) => (name, path),
            (_, [only]) => (*only, given.as_str()),
            (Some((name, _)), _) if !Path::new(given).exists() => {
                let help = nearest(name, names.iter().copied()).map_or_else(
                    || format!("the report has: {}", names.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(CliError::usage("unknown scenario", name, help));
            }
            _ => {
                return Err(CliError::usage(
                    "which scenario is this baseline for?",
                    given.clone(),
                    format!("write --baseline SCENARIO={given}"),
                ));
            }
        };
        let text = source::read_text(Path::new(path)).map_err(|error| CliError {
            what: "cannot read the baseline".to_owned(),
            place: format!("{path}: {error}"),
            help: "check the path and its permissions".to_owned(),
            exit: if error.kind() == std::io::ErrorKind::NotFound { 5 } else { 2 },
        })?;
        let sha256 = Some(source::sha256(text.as_bytes()));
        // Whose GPU it is stands in the text, which is read where it is judged.
        let file = BaselineRef { path: path.to_owned(), sha256, gpu: None };
        others.insert(name.to_owned(), OtherBaseline { file, text });
    }
    Ok(others)
}

/// Reads `CODE=LEVEL`, for the command line.
fn level(text: &str) -> Result<(Code, Level), String> {
    let (code, level) = text.split_once('=').ok_or("write CODE=LEVEL, such as kernel-slower=warn")?;
    let code =
        Code::parse(code).ok_or_else(|| match nearest(code, Code::ALL.iter().map(|code| code.as_str())) {
            Some(near) => format!("no finding is called `{code}`; did you mean `{near}`?"),
            None => format!("no finding is called `{code}`; `profgate explain` lists them"),
        })?;
    if code.kind() == Kind::Doubt {
        return Err(format!("`{}` has no level: it says that nothing could be judged", code.as_str()));
    }
    match level {
        "allow" => Ok((code, Level::Allow)),
        "warn" => Ok((code, Level::Warn)),
        "deny" => Ok((code, Level::Deny)),
        _ => Err(format!("a level is allow, warn or deny, not `{level}`")),
    }
}
