//! `profgate check`: the gate.

use std::path::Path;

use super::args::{CheckArgs, CheckFormat};
use super::check_server;
use super::context::Context;
use super::error::CliError;
use super::github;
use super::scenarios::{Paths, Resolved, Traces, replace_paths, resolve};
use crate::common::date::Date;
use crate::publish::files::ReportSet;
use crate::report;
use crate::run::check::{CheckOptions, Checked, check};
use crate::verdict::{self, CheckReport, Waiver};

/// Judges, writes every report, prints, and says how the process ends.
pub fn run(args: &CheckArgs, context: &Context) -> Result<u8, CliError> {
    let reports = ReportSet { dir: args.report_dir.clone() };
    reports.prepare()?;
    reports.clear()?;
    let traces = if args.url.is_some() { Traces::ToCome } else { Traces::There };
    let Resolved { mut scenarios, mut policy, catalog } = resolve(&args.of, traces)?;
    replace_paths(&mut scenarios, &args.mapping, Paths::Mapping)?;
    replace_paths(&mut scenarios, &args.confirm, Paths::Confirm)?;
    check_server::capture(&mut scenarios, args, context)?;
    let waivers = trailers(args.trailers.as_deref())?;
    for scenario in &mut scenarios {
        scenario.waivers.extend(waivers.iter().cloned());
    }
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
        today: args.today.unwrap_or_else(Date::today),
        changed_files: changed_files(args)?,
        load: context.load_options(None, &args.server_log, &progress),
    };
    let Checked { mut report, mistake } = check(&scenarios, &catalogs, &options)?;
    for entry in report.scenarios.iter().filter_map(|one| one.triage.as_ref()).flat_map(|one| &one.traces) {
        context.read(entry);
    }
    report.docs.clone_from(&context.docs);
    reports.write_all(&report)?;
    github::publish(&args.github, &report, Some(&reports), context)?;
    context.print(&render(&report, args, context))?;
    match mistake {
        Some(error) => Err(error.into()),
        None => Ok(report.exit_code),
    }
}

/// Waivers of this run alone, from the messages of its commits.
pub(super) fn trailers(path: Option<&Path>) -> Result<Vec<Waiver>, CliError> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let name = path.display().to_string();
    let text = crate::source::read_text(path).map_err(|error| CliError {
        what: "cannot read the commit messages".to_owned(),
        place: format!("{name}: {error}"),
        help: "write them before: git log --format=%B origin/main..HEAD > commits.txt".to_owned(),
        exit: 5,
    })?;
    verdict::waivers_of_trailers(&text, &name).map_err(|error| {
        CliError::usage(
            "cannot use a waiver",
            format!("{name}:{}: {}", error.line, error.message),
            error.help,
        )
    })
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
