//! What can be typed. No input or output happens here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::baseline::args::BaselineArgs;
use super::catalog::args::CatalogArgs;
use super::completions::{CompletionsArgs, ManArgs};
use super::explain::ExplainArgs;
use super::github::GithubArgs;
use super::init::InitArgs;
use super::live_args::{CaptureArgs, LiveArgs};
use super::report::ReportArgs;
use super::schema::SchemaArgs;
use crate::common::date::Date;
use crate::verdict::{OnInconclusive, OnMissingBaseline};

/// Exit codes, the same for every command.
const EXIT_CODES: &str = "\
Exit codes:
  0  pass (warnings and waived findings included)
  1  the gate failed
  2  usage, configuration or baseline error
  3  inconclusive: unreadable, cut off, without kernels, or not comparable
  4  no baseline for this scenario
  5  capture or I/O failure, a missing path included";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "profgate",
    version,
    about = "Fails the build when an LLM server's fused or overlapped GPU path has switched itself off",
    after_help = EXIT_CODES,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = ColorWhen::Auto, value_name = "WHEN")]
    pub color: ColorWhen,
    /// Print only the verdict line and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say of every file what was read from it
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Files read at once; the output does not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Directory of your own catalogs, which add to the built-in ones and override them by id
    #[arg(long, global = true, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
    /// Most bytes of one file after inflating
    #[arg(long, global = true, value_name = "BYTES", default_value_t = 4 << 30, hide_short_help = true)]
    pub max_inflated: u64,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Turn one capture into three tables: kernels, overlap opportunities, fusion patterns
    Triage(Box<TriageArgs>),
    /// Judge captures against their baselines, write every report, set the exit code
    Check(Box<CheckArgs>),
    /// Compare two captures without a baseline: what changed, kernel by kernel and in the order of the layer
    Diff(DiffArgs),
    /// Profile a running server into a capture folder
    Capture(Box<CaptureArgs>),
    /// Write, refresh, compare and examine baselines
    Baseline(BaselineArgs),
    /// Create or update the one comment of a pull request, from report.json
    Comment(CommentArgs),
    /// Look at what is known of kernels and paths, and say why a kernel name matches or not
    Catalog(CatalogArgs),
    /// Render a report again, or judge it again under another policy, without trace or GPU
    Report(ReportArgs),
    /// Say what a finding means, how to fix it and how to accept it
    Explain(ExplainArgs),
    /// Print the JSON Schema of a file that profgate reads or writes
    Schema(SchemaArgs),
    /// Write the files that a repository starts with: configuration, baseline directory, CI
    Init(InitArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print a manual page
    Man(ManArgs),
    /// Show the gate at work on built-in data: a fused kernel that switched itself off
    Demo(DemoArgs),
}

/// `profgate demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate demo
  profgate demo -o /tmp/demo && profgate check --baseline /tmp/demo/baseline.yaml /tmp/demo/before")]
pub struct DemoArgs {
    /// Where the captures, the baseline and the reports go
    #[arg(short, long, value_name = "DIR", default_value = "profgate-demo")]
    pub output: PathBuf,
}

/// `profgate triage`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate triage traces/1782799835-TP-0-DECODE.trace.json.gz
  profgate triage traces/ --rank 3 --min-share 0.5
  profgate triage 'traces/*-DECODE*.gz' --rank all
  profgate triage traces/ --format json > triage.json
  profgate triage traces/ --mapping traces-without-graphs/
  profgate triage --url http://127.0.0.1:30000 --num-steps 5 --profile-by-stage
  profgate triage --mapping-url http://127.0.0.1:31025 --formal-url http://127.0.0.1:31026
  zcat trace.json.gz | profgate triage -")]
pub struct TriageArgs {
    /// Trace file, directory of one capture, quoted pattern, or `-` for standard input
    #[arg(required_unless_present_any = ["input", "url"], value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// The same as INPUT
    #[arg(long = "input", visible_alias = "formal-input", value_name = "PATH", conflicts_with = "inputs")]
    pub input: Vec<PathBuf>,
    /// Profile this running server first, and triage that
    #[arg(long, visible_alias = "formal-url", value_name = "URL", conflicts_with_all = ["inputs", "input"])]
    pub url: Option<String>,
    /// Capture that names the source lines of graph replays: a run without graphs, or the graph's recording
    #[arg(long, visible_alias = "mapping-input", value_name = "PATH")]
    pub mapping: Vec<PathBuf>,
    /// The server's log; a capture of a server that fell back to a diffusers backend is refused (exit 3)
    #[arg(long, value_name = "FILE")]
    pub server_log: Vec<PathBuf>,
    /// Hints that somebody else wrote, an agent say: a list of stage, path, level and signals, shown below the tables
    #[arg(long, value_name = "FILE")]
    pub similarity_note: Option<PathBuf>,
    /// Profile this running server too, for the source lines: one that runs without graphs
    #[arg(long, value_name = "URL", conflicts_with = "mapping")]
    pub mapping_url: Option<String>,
    /// The rank to speak for, or `all` for each in turn [default: 0, or the lowest there is]
    #[arg(long, value_name = "N|all", value_parser = rank)]
    pub rank: Option<RankArg>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = TriageFormat::Text)]
    pub format: TriageFormat,
    /// Leave rows below this share of GPU time, in percent, out of the tables (JSON keeps all)
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0, value_parser = percent)]
    pub min_share: f64,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where captures of running servers go [default: the first free of profgate-capture, profgate-capture-2, …]
    #[arg(long, value_name = "DIR")]
    pub capture_dir: Option<PathBuf>,
    /// How to profile running servers.
    #[command(flatten)]
    pub live: LiveArgs,
    /// Where the server of --mapping-url writes, as that server sees it [default: --server-dir]
    #[arg(long, value_name = "PATH")]
    pub mapping_server_dir: Option<String>,
    /// The same directory as this machine sees it [default: --local-dir]
    #[arg(long, value_name = "DIR")]
    pub mapping_local_dir: Option<PathBuf>,
}

/// The ranks to speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankArg {
    /// One of them.
    One(u32),
    /// Each in turn.
    All,
}

/// How to print a triage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TriageFormat {
    /// Tables for a terminal.
    Text,
    /// Tables for a pull request.
    Markdown,
    /// Everything, for machines.
    Json,
}

/// `profgate check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate check                                   every scenario of ./profgate.yaml
  profgate check qwen3-30b-decode                  one of them
  profgate check --input qwen3-30b-decode=traces/  with traces that another job made
  profgate check --baseline b.yaml traces/         without a configuration
  profgate check --url http://127.0.0.1:30000      profile a running server first

report.json, junit.xml and comment.md are written before a non-zero exit.")]
pub struct CheckArgs {
    /// Which scenarios.
    #[command(flatten)]
    pub of: ScenarioArgs,
    /// A capture that names the source of what the traces measured
    #[arg(long, visible_alias = "mapping-input", value_name = "[SCENARIO=]PATH")]
    pub mapping: Vec<String>,
    /// A second, fresh capture of the same; a finding about time that it does not repeat only warns
    #[arg(long, value_name = "[SCENARIO=]PATH")]
    pub confirm: Vec<String>,
    /// Files that the change under test touches: a file with one path a line, or paths with commas between
    /// them; findings whose code they hold are marked
    #[arg(long, value_name = "FILE|LIST")]
    pub changed_files: Option<String>,
    /// The server's log; a capture of a server that fell back to a diffusers backend is refused (exit 3)
    #[arg(long, value_name = "FILE")]
    pub server_log: Vec<PathBuf>,
    /// Profile this running server first, and judge that; a capture that fails is in the report, too
    #[arg(long, value_name = "URL", conflicts_with = "inputs")]
    pub url: Option<String>,
    /// Where that capture goes, a new or empty directory [default: below profgate-capture]
    #[arg(long, value_name = "DIR", requires = "url")]
    pub capture_dir: Option<PathBuf>,
    /// Where report.json, junit.xml and comment.md go
    #[arg(long, value_name = "DIR", default_value = "profgate-report")]
    pub report_dir: PathBuf,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
    /// GitHub Actions.
    #[command(flatten)]
    pub github: GithubArgs,
    /// Exit 0 whatever the verdict
    #[arg(long)]
    pub exit_zero: bool,
    /// What an inconclusive verdict does
    #[arg(long, value_enum, default_value_t = InconclusiveArg::Fail, value_name = "WHAT")]
    pub on_inconclusive: InconclusiveArg,
    /// What a missing baseline does; `seed` writes one from this capture
    #[arg(long, value_enum, default_value_t = MissingArg::Fail, value_name = "WHAT")]
    pub on_missing_baseline: MissingArg,
    /// Leave rows below this share of GPU time, in percent, out of the tables
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub min_share: Option<f64>,
    /// Commit messages whose `Profgate-Waive:` trailers count for this run
    #[arg(long, value_name = "FILE")]
    pub trailers: Option<PathBuf>,
    /// The day against which waivers are held [default: today, in UTC]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub today: Option<Date>,
    /// How to profile that server.
    #[command(flatten, next_help_heading = "Profiling the server of --url")]
    pub live: LiveArgs,
}

/// The scenarios that a command is about.
#[derive(Debug, Args)]
pub struct ScenarioArgs {
    /// Scenarios of the configuration; with --baseline, the traces themselves
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    /// The configuration [default: profgate.yaml]
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    pub config: Option<PathBuf>,
    /// Judge against this baseline, without a configuration
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Take the configuration's baselines from this directory, by file name
    #[arg(long, value_name = "DIR", conflicts_with = "baseline")]
    pub baseline_dir: Option<PathBuf>,
    /// Traces to judge; names the scenario where the configuration has several
    #[arg(long = "input", value_name = "[SCENARIO=]PATH")]
    pub inputs: Vec<String>,
}

impl ScenarioArgs {
    /// Every scenario of a configuration as it stands.
    pub fn of_config(config: Option<PathBuf>) -> Self {
        Self { scenarios: Vec::new(), config, baseline: None, baseline_dir: None, inputs: Vec::new() }
    }
}

/// What to print of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For a terminal.
    Text,
    /// The comment.
    Markdown,
    /// report.json.
    Json,
}

/// What an inconclusive verdict does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InconclusiveArg {
    /// Exit 3.
    Fail,
    /// Say so and exit 0.
    Warn,
}

/// What a missing baseline does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MissingArg {
    /// Exit 4.
    Fail,
    /// Say so and exit 0.
    Warn,
    /// Write one and exit 0.
    Seed,
}

impl From<InconclusiveArg> for OnInconclusive {
    fn from(arg: InconclusiveArg) -> Self {
        match arg {
            InconclusiveArg::Fail => Self::Fail,
            InconclusiveArg::Warn => Self::Warn,
        }
    }
}

impl From<MissingArg> for OnMissingBaseline {
    fn from(arg: MissingArg) -> Self {
        match arg {
            MissingArg::Fail => Self::Fail,
            MissingArg::Warn => Self::Warn,
            MissingArg::Seed => Self::Seed,
        }
    }
}

/// `profgate diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate diff before/ after/
  profgate diff before/ after/ --format json | jq '.scenarios[0].price'

Exit code 0 whatever changed, and 3 when the two cannot be compared; `profgate check` is the gate.")]
pub struct DiffArgs {
    /// The capture before: a trace, a directory, a quoted pattern, or a report of profgate
    pub old: PathBuf,
    /// The capture after
    pub new: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

fn rank(text: &str) -> Result<RankArg, String> {
    match text {
        "all" => Ok(RankArg::All),
        _ => text.parse().map(RankArg::One).map_err(|_| "a rank is a number, or `all`".to_owned()),
    }
}

/// Reads a share in percent.
pub fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=100.0).contains(&value) => Ok(value),
        _ => Err("a number from 0 to 100 is needed".to_owned()),
    }
}

/// The command line's definition, for documentation and tests.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_is_consistent() {
        super::command().debug_assert();
    }
}

/// `profgate comment`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate comment                                     in a workflow of a pull request
  profgate comment --when failures                     only when the gate did not pass
  profgate comment --dry-run                           print it and post nothing
  profgate comment --repo me/engine --pr 7 --sha 1a2b  from anywhere

The token comes from PROFGATE_TOKEN, GITHUB_TOKEN or GITLAB_TOKEN, or from --token-file, and needs
`pull-requests: write` (GitHub) or the scope `api` (GitLab). A failure to comment is a warning.")]
pub struct CommentArgs {
    /// The report of `profgate check`
    #[arg(value_name = "REPORT_JSON", default_value = "profgate-report/report.json")]
    pub report: PathBuf,
    /// When a comment is wanted; one that stands there is always kept true
    #[arg(long, value_enum, default_value_t = CommentWhen::Changes, value_name = "WHEN")]
    pub when: CommentWhen,
    /// Where the change is [default: as the CI's environment says]
    #[arg(long, value_enum, value_name = "HOST")]
    pub forge: Option<ForgeArg>,
    /// Address of the API [default: GITHUB_API_URL or CI_API_V4_URL]
    #[arg(long, value_name = "URL")]
    pub api: Option<String>,
    /// OWNER/NAME, or GitLab's project [default: GITHUB_REPOSITORY or CI_PROJECT_ID]
    #[arg(long = "repo", value_name = "REPOSITORY")]
    pub repository: Option<String>,
    /// Number of the pull request [default: of the event, else the one whose newest commit was judged]
    #[arg(long = "pr", visible_alias = "mr", value_name = "NUMBER")]
    pub number: Option<u64>,
    /// The commit that was judged [default: of the event]
    #[arg(long, value_name = "COMMIT")]
    pub sha: Option<String>,
    /// What tells this gate's comment from another gate's [default: the workflow's name]
    #[arg(long, value_name = "NAME")]
    pub id: Option<String>,
    /// Whose comments may be written over [default: the token's own]
    #[arg(long, value_name = "LOGIN")]
    pub author: Option<String>,
    /// File that holds the token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Most seconds to wait for a busy host
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub max_wait: u64,
    /// Print the comment and post nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Also write the output `comment-url` and warnings for GitHub Actions
    #[arg(long)]
    pub github: bool,
    /// Exit 5 when no comment could be written, 2 when it is not known where to
    #[arg(long)]
    pub strict: bool,
}

/// When a comment is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CommentWhen {
    /// On every run.
    Always,
    /// When something changed.
    Changes,
    /// When the gate did not pass.
    Failures,
    /// Never.
    Off,
}

/// Where a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ForgeArg {
    /// GitHub or GitHub Enterprise.
    Github,
    /// GitLab.
    Gitlab,
}
