//! `profgate init`: the files that a repository starts with.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::error::CliError;
use super::schema::{self, SchemaName};
use crate::publish::files;

/// Stands for the action in the templates.
const ACTION: &str = "PROFGATE_ACTION";

/// What is written where nobody named the action: as it stands, no runner finds it.
const UNNAMED_ACTION: &str = "OWNER/profgate@COMMIT";

/// `profgate init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate init                                    for GitHub, in this directory
  profgate init --action me/profgate@1a2b3c4       with the action that the workflows use
  profgate init ../engine --ci gitlab
  profgate init --dry-run                          say what would be written

A file that is there is left as it is. Each file says in its comments what is left to fill in.")]
pub struct InitArgs {
    /// The repository
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// The CI to write a job for
    #[arg(long, value_enum, default_value_t = Ci::Github)]
    pub ci: Ci,
    /// The action that the workflows use, pinned to a commit
    #[arg(long, value_name = "OWNER/REPOSITORY@COMMIT", default_value = UNNAMED_ACTION, value_parser = action)]
    pub action: String,
    /// Say what would be written and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Where the gate runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ci {
    /// Four workflows: gate, comment, judging again, nightly refresh.
    Github,
    /// A job to include.
    Gitlab,
    /// A pipeline.
    Jenkins,
    /// A script for any other.
    Shell,
    /// None: configuration and baselines alone.
    None,
}

/// The template of one file, and where it goes.
struct Starter {
    to: &'static str,
    text: &'static str,
}

/// A template of the repository under the path that it has for a user.
macro_rules! starter {
    ($from:literal, $to:literal) => {
        Starter { to: $to, text: include_str!(concat!("../../templates/", $from)) }
    };
}

const COMMON: [Starter; 2] =
    [starter!("profgate.yaml", "profgate.yaml"), starter!("baselines.md", "baselines/README.md")];
const GITHUB: [Starter; 4] = [
    starter!("workflows/profgate.yml", ".github/workflows/profgate.yml"),
    starter!("workflows/profgate-comment.yml", ".github/workflows/profgate-comment.yml"),
    starter!("workflows/profgate-again.yml", ".github/workflows/profgate-again.yml"),
    starter!("workflows/profgate-nightly.yml", ".github/workflows/profgate-nightly.yml"),
];
const GITLAB: [Starter; 2] =
    [starter!("ci/gitlab.yml", ".gitlab/profgate.yml"), starter!("ci/gate.sh", ".gitlab/profgate-gate.sh")];
const JENKINS: [Starter; 2] =
    [starter!("ci/Jenkinsfile", "Jenkinsfile"), starter!("ci/gate.sh", "ci/profgate-gate.sh")];
const SHELL: [Starter; 1] = [starter!("ci/gate.sh", "profgate-gate.sh")];

/// Writes what is not there yet and says what is left to do.
pub fn run(args: &InitArgs, context: &Context) -> Result<u8, CliError> {
    if !args.dir.is_dir() {
        return Err(CliError::usage(
            "there is no directory to start in",
            format!("{}: not a directory", args.dir.display()),
            "create it first, or name the root of the repository",
        ));
    }
    let of_ci: &[Starter] = match args.ci {
        Ci::Github => &GITHUB,
        Ci::Gitlab => &GITLAB,
        Ci::Jenkins => &JENKINS,
        Ci::Shell => &SHELL,
        Ci::None => &[],
    };
    let mut said = String::new();
    for starter in COMMON.iter().chain(of_ci) {
        let text = starter.text.replace(ACTION, &args.action);
        said.push_str(&write(args, starter.to, &text)?);
    }
    for (to, name) in [
        (".profgate/config.schema.json", SchemaName::Config),
        (".profgate/baseline.schema.json", SchemaName::Baseline),
    ] {
        said.push_str(&write(args, to, &schema::text(name))?);
    }
    if !context.quiet || args.dry_run {
        context.print(&said)?;
        context.print(&next_steps(args))?;
    }
    Ok(0)
}

/// Writes one file unless it is there; returns the line about it.
fn write(args: &InitArgs, to: &str, text: &str) -> Result<String, CliError> {
    let path = args.dir.join(to);
    // A link that leads nowhere is there as well: following it would write outside of the repository.
    if path.symlink_metadata().is_ok() {
        return Ok(format!("kept   {}\n", path.display()));
    }
    if args.dry_run {
        return Ok(format!("would write {}\n", path.display()));
    }
    files::write(&path, text.as_bytes())?;
    Ok(format!("wrote  {}\n", path.display()))
}

fn next_steps(args: &InitArgs) -> String {
    let mut steps = vec![
        format!("name your scenarios in {}", args.dir.join("profgate.yaml").display()),
        "record a baseline of a server that is good: profgate baseline record TRACES -o baselines/NAME.GPU.yaml"
            .to_owned(),
        "see that it is green: profgate check".to_owned(),
    ];
    if args.ci != Ci::None {
        steps.push("fill in what `TODO` marks in the job, then commit all of it".to_owned());
    }
    if args.ci == Ci::Github && args.action == UNNAMED_ACTION {
        steps.push(format!(
            "replace {UNNAMED_ACTION} in the workflows by the action and the commit that you trust"
        ));
    }
    let list: String = steps.iter().enumerate().map(|(at, step)| format!("  {}. {step}\n", at + 1)).collect();
    format!("\nNext:\n{list}")
}

/// An action with what it is pinned to; only characters that mean nothing else in a workflow.
fn action(text: &str) -> Result<String, String> {
    let is_word = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
    };
    match text.split_once('@') {
        Some((repository, commit)) if repository.contains('/') && is_word(repository) && is_word(commit) => {
            Ok(text.to_owned())
        }
        _ => Err("expected OWNER/REPOSITORY@COMMIT".to_owned()),
    }
}
