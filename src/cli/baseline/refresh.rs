//! `profgate baseline refresh`: new numbers where something moved, and a list for the review.

use std::fmt::Write;
use std::path::PathBuf;

use super::super::context::Context;
use super::super::error::CliError;
use super::super::scenarios::{Paths, Resolved, replace_paths, resolve};
use super::args::RefreshArgs;
use super::diff::of_people;
use crate::common::date::Date;
use crate::common::text::{nearest, printable};
use crate::publish::{files, github};
use crate::report::changes::{self, Fineness};
use crate::run::refresh::{Acceptance, RefreshOptions, Refreshed, refresh};
use crate::verdict::{Code, Finding};

/// Every number that was rewritten counts.
const FINE: Fineness = Fineness { least_pct: 0.0 };

/// Refreshes every scenario, writes what changed, and lists it.
pub fn run(args: &RefreshArgs, context: &Context) -> Result<u8, CliError> {
    let accept: Vec<Acceptance> =
        args.accept.iter().map(|text| acceptance(text)).collect::<Result<_, _>>()?;
    let Resolved { mut scenarios, policy, catalog } = resolve(&args.of)?;
    // The paths of repeats are kept apart from the inputs: each is a capture of its own.
    let mut repeats = scenarios.clone();
    for scenario in &mut repeats {
        scenario.inputs.clear();
    }
    replace_paths(&mut repeats, &args.repeat, Paths::Input)?;
    scenarios.retain(|scenario| scenario.baseline.is_some());
    if scenarios.is_empty() {
        return Err(CliError::usage(
            "there is no baseline to refresh",
            "no scenario names one",
            "name a `baseline` in the scenario, or use: profgate baseline refresh --baseline FILE TRACES",
        ));
    }
    let catalogs = context.catalogs_or(catalog.as_deref())?;
    let progress = |done, all| context.progress(done, all);
    let options = RefreshOptions {
        policy,
        accept: &accept,
        today: args.today.unwrap_or_else(Date::today),
        commit: args.commit.clone(),
        load: context.load_options(None, &args.server_log, &progress),
    };
    let mut all: Vec<(Refreshed, String)> = Vec::new();
    for scenario in &scenarios {
        let Some(path) = scenario.baseline.as_deref() else { continue };
        let more = repeats.iter().find(|one| one.name == scenario.name).map(|one| one.inputs.clone());
        let refreshed = refresh(scenario, path, &more.unwrap_or_default(), &catalogs, &options)?;
        for note in &refreshed.notes {
            context.note(note);
        }
        let text = crate::source::read_text(path).unwrap_or_default();
        all.push((refreshed, text));
    }
    unused(&accept, &all)?;
    let mut is_changed = false;
    let mut page = String::new();
    for (refreshed, before) in &all {
        section(&mut page, refreshed, before, args.dry_run);
        let Some(text) = &refreshed.text else { continue };
        is_changed = true;
        if !args.dry_run {
            files::write_output(&refreshed.path, text.as_bytes())?;
            context.note(&format!("wrote {}; review and commit it", refreshed.path.display()));
        }
    }
    files::write(&args.report_dir.join("refresh.md"), page.as_bytes())?;
    context.print(&page)?;
    tell_github(args, is_changed && !args.dry_run, &page)?;
    Ok(0)
}

fn tell_github(args: &RefreshArgs, is_refreshed: bool, page: &str) -> Result<(), CliError> {
    if args.github.kinds.is_empty() {
        return Ok(());
    }
    let file = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let environment =
        github::Environment { step_summary: file("GITHUB_STEP_SUMMARY"), output: file("GITHUB_OUTPUT") };
    github::append_summary(&environment, page)?;
    github::append_output(&environment, "refreshed", if is_refreshed { "true" } else { "false" })?;
    Ok(())
}

/// One scenario, for the review.
fn section(page: &mut String, refreshed: &Refreshed, before: &str, is_dry: bool) {
    // Writing to a String cannot fail.
    let path = refreshed.path.display();
    let _ = writeln!(page, "## {}\n", printable(&refreshed.scenario));
    match &refreshed.text {
        None => {
            let _ = writeln!(page, "{path}: nothing moved beyond noise; the file stays as it is.\n");
        }
        Some(text) => {
            let verb = if is_dry { "would be rewritten" } else { "rewritten" };
            let _ = writeln!(
                page,
                "{path}: {verb}. Numbers that did not move beyond noise are the old ones.\n\n```diff"
            );
            let mut lines = changes::lines(&refreshed.before, &refreshed.after.observation(), FINE);
            lines.extend(of_people(before, text));
            for line in lines {
                let _ = writeln!(page, "{}", printable(&line).replace("```", "\u{2032}\u{2032}\u{2032}"));
            }
            let _ = writeln!(page, "```\n");
        }
    }
    list(page, "Accepted", &refreshed.accepted, false);
    list(page, "Not taken, because `check` fails it or a promise would be loosened", &refreshed.held, true);
}

fn list(page: &mut String, title: &str, findings: &[Finding], is_open: bool) {
    if findings.is_empty() {
        return;
    }
    let _ = writeln!(page, "{title}:\n");
    for finding in findings {
        let mark = if is_open { "- [ ]" } else { "- [x]" };
        let accept = format!("{}:{}", finding.code.as_str(), finding.subject).replace('`', "'");
        let message = printable(&finding.message);
        let _ = writeln!(page, "{mark} {message} (`--accept {}`)", printable(&accept));
    }
    page.push('\n');
}

fn acceptance(text: &str) -> Result<Acceptance, CliError> {
    let help = "write it as the list of the refresh does: --accept kernel-slower:SUBJECT";
    let (code, subject) = text
        .split_once(':')
        .filter(|(_, subject)| !subject.is_empty())
        .ok_or_else(|| CliError::usage("cannot accept this", format!("`{text}` is no CODE:SUBJECT"), help))?;
    match Code::parse(code) {
        Some(code) => Ok(Acceptance { code, subject: subject.to_owned() }),
        None => {
            let near = nearest(code, Code::ALL.iter().map(|code| code.as_str()));
            let help = near.map_or_else(|| help.to_owned(), |near| format!("did you mean `{near}`?"));
            Err(CliError::usage("cannot accept this", format!("unknown finding `{code}`"), help))
        }
    }
}

/// An acceptance of nothing is a typo, and a typo must not look as if it had been heard.
fn unused(accept: &[Acceptance], all: &[(Refreshed, String)]) -> Result<(), CliError> {
    for one in accept {
        let is_used = all
            .iter()
            .flat_map(|(refreshed, _)| &refreshed.accepted)
            .any(|finding| finding.code == one.code && finding.subject == one.subject);
        if !is_used {
            let open = all.iter().flat_map(|(refreshed, _)| &refreshed.held);
            let open: Vec<String> =
                open.map(|finding| format!("{}:{}", finding.code.as_str(), finding.subject)).collect();
            let help = if open.is_empty() {
                "nothing has to be accepted".to_owned()
            } else {
                format!("to be accepted: {}", open.join(", "))
            };
            let place = format!("{}:{}: there is no such finding", one.code.as_str(), one.subject);
            return Err(CliError::usage("nothing is accepted by this", place, help));
        }
    }
    Ok(())
}
