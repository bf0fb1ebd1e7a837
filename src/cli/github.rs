//! What a command tells GitHub Actions: annotations, the step's summary, the step's outputs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::error::CliError;
use crate::publish::files::{COMMENT_MD, JUNIT_XML, REPORT_JSON, ReportSet};
use crate::publish::github;
use crate::report;
use crate::verdict::CheckReport;

/// `--github`.
#[derive(Debug, Args)]
pub struct GithubArgs {
    /// Also write for GitHub Actions: all three kinds, or only those named
    #[arg(
        long = "github",
        value_enum,
        value_name = "KINDS",
        num_args = 0..=1,
        require_equals = true,
        value_delimiter = ',',
        default_missing_value = "annotations,summary,outputs"
    )]
    pub kinds: Vec<GithubKind>,
}

/// A channel of GitHub Actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GithubKind {
    /// Marks the baseline's lines with the worst findings.
    Annotations,
    /// Appends the comment to the step's summary.
    Summary,
    /// Verdict, counts and paths for later steps.
    Outputs,
}

/// Writes what was asked for.
pub fn publish(
    args: &GithubArgs,
    report: &CheckReport,
    reports: Option<&ReportSet>,
    context: &Context,
) -> Result<(), CliError> {
    let file = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let environment =
        github::Environment { step_summary: file("GITHUB_STEP_SUMMARY"), output: file("GITHUB_OUTPUT") };
    if args.kinds.contains(&GithubKind::Annotations) {
        for line in report::github::annotations(report) {
            context.print(&format!("{line}\n"))?;
        }
    }
    if args.kinds.contains(&GithubKind::Summary) {
        let trouble = match github::append_summary(&environment, &report::markdown::comment(report)) {
            Ok(github::Summary::Full) => Some("the step summary is full".to_owned()),
            Ok(github::Summary::Written | github::Summary::NotAsked) => None,
            Err(error) => Some(error.to_string()),
        };
        // What cannot be shown changes no verdict.
        if let Some(trouble) = trouble {
            let text = report::github::warning("no step summary", &trouble);
            context.print(&format!("{text}\n"))?;
        }
    }
    if args.kinds.contains(&GithubKind::Outputs) {
        let files = reports.map(|set| [REPORT_JSON, JUNIT_XML, COMMENT_MD].map(|name| set.path(name)));
        let paths =
            files.as_ref().map(|[report_json, junit, comment]| github::Paths { report_json, junit, comment });
        github::append_outputs(&environment, report, paths)?;
    }
    Ok(())
}
