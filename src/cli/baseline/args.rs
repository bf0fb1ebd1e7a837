//! Arguments of `profgate baseline`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::super::args::ScenarioArgs;
use super::super::github::GithubArgs;
use crate::common::date::Date;

/// `profgate baseline`.
#[derive(Debug, Args)]
pub struct BaselineArgs {
    /// What to do with baselines.
    #[command(subcommand)]
    pub command: BaselineCommand,
}

/// What to do with baselines.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Write a baseline from one capture, or from several repeats of it
    Record(RecordArgs),
    /// Rewrite what moved beyond noise; what `check` would fail stays until it is accepted
    Refresh(RefreshArgs),
    /// What changed between two baselines, as a review reads it
    Diff(BaselineDiffArgs),
    /// Rows that guard nothing: unset, dead, duplicate or unguarded; waivers that are over or accept nothing
    Lint(LintArgs),
}

/// `profgate baseline refresh`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate baseline refresh                                   every scenario of ./profgate.yaml
  profgate baseline refresh --input qwen3-30b-decode=nightly/ with new traces
  profgate baseline refresh --baseline b.yaml traces/         without a configuration
  profgate baseline refresh --accept kernel-slower:fmha-trtllm-gen-bf16

refresh.md lists for a review what changed and what was not taken. Exit code 1 when `check` fails something
of the captures: that is never taken by itself, and what else moved is written all the same.")]
pub struct RefreshArgs {
    /// Which scenarios.
    #[command(flatten)]
    pub of: ScenarioArgs,
    /// More captures of the same scenario, each path a whole one
    #[arg(long, value_name = "[SCENARIO=]PATH")]
    pub repeat: Vec<String>,
    /// A finding that is wanted from now on; loosens a promise, or takes numbers that `check` fails
    #[arg(long, value_name = "CODE:SUBJECT")]
    pub accept: Vec<String>,
    /// The server's commit, to note where something changed
    #[arg(long, value_name = "REV")]
    pub commit: Option<String>,
    /// The server's log; a capture of a server that fell back to a diffusers backend is refused (exit 3)
    #[arg(long, value_name = "FILE")]
    pub server_log: Vec<PathBuf>,
    /// Say what would change, and write no baseline
    #[arg(long)]
    pub dry_run: bool,
    /// Exit 0 also when something was not taken that `check` fails
    #[arg(long)]
    pub exit_zero: bool,
    /// Where refresh.md goes
    #[arg(long, value_name = "DIR", default_value = "profgate-report")]
    pub report_dir: PathBuf,
    /// The day against which waivers are held [default: today, in UTC]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub today: Option<Date>,
    /// GitHub Actions.
    #[command(flatten)]
    pub github: GithubArgs,
}

/// `profgate baseline diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate baseline diff old.yaml new.yaml
  git show main:baselines/b.yaml > old.yaml && profgate baseline diff old.yaml baselines/b.yaml")]
pub struct BaselineDiffArgs {
    /// The baseline before
    pub old: PathBuf,
    /// The baseline after
    pub new: PathBuf,
}

/// `profgate baseline lint`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate baseline lint                               profgate.yaml and its baselines
  profgate baseline lint baselines/*.yaml
  profgate baseline lint baselines/b.yaml --against traces/

Exit code 1 when a row guards nothing although it looks as if it did.")]
pub struct LintArgs {
    /// Baseline files; those of the configuration when not given
    #[arg(value_name = "BASELINE")]
    pub baselines: Vec<PathBuf>,
    /// The configuration [default: profgate.yaml]
    #[arg(long, value_name = "FILE", conflicts_with = "baselines")]
    pub config: Option<PathBuf>,
    /// A capture of today; rows and waivers that find nothing in it are dead or unused
    #[arg(long, value_name = "INPUT", requires = "baselines")]
    pub against: Vec<PathBuf>,
    /// The day against which waivers are held [default: today, in UTC]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub today: Option<Date>,
}

/// `profgate baseline record`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate baseline record traces/ -o baselines/qwen3-30b-decode.b300.yaml
  profgate baseline record --repeat run1/ run2/ run3/ run4/ run5/ -o b.yaml
  profgate baseline record traces/ --commit \"$(git rev-parse --short HEAD)\"")]
pub struct RecordArgs {
    /// Trace files, quoted patterns, or the directory of one capture; or a report.json or triage JSON of it
    #[arg(required_unless_present = "repeat", value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// The server's log; a capture of a server that fell back to a diffusers backend is refused (exit 3)
    #[arg(long, value_name = "FILE")]
    pub server_log: Vec<PathBuf>,
    /// More captures of the same, each path a whole one; five make a noise band
    #[arg(long, value_name = "INPUT", num_args = 1..)]
    pub repeat: Vec<PathBuf>,
    /// What was sent to the server, in your words; a scenario that names another workload is not comparable
    #[arg(long, value_name = "TEXT")]
    pub workload: Option<String>,
    /// Where to write; standard output when not given
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The server's commit, to note in the file
    #[arg(long, value_name = "REV")]
    pub commit: Option<String>,
}
