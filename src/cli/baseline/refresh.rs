//! `profgate baseline refresh`: new numbers where something moved, and a list for the review.

use std::path::PathBuf;

use super::super::context::Context;
use super::super::error::CliError;
use super::super::github::GithubKind;
use super::super::scenarios::{Paths, Resolved, Traces, replace_paths, resolve};
use super::args::RefreshArgs;
use super::diff::of_people;
use crate::common::date::Date;
use crate::common::text::nearest;
use crate::publish::{files, github};
use crate::report;
use crate::report::changes::{self, Fineness};
use crate::report::markdown::refresh::{self as page, File, Refresh, is_failing};
use crate::run::check::Scenario;
use crate::run::refresh::{Acceptance, RefreshOptions, Refreshed, refresh};
use crate::verdict::Code;

/// Every number that was rewritten counts.
const FINE: Fineness = Fineness { least_pct: 0.0 };

/// Of what stays as it is, kernels that moved by less of the busy time are told together, as `diff` does.
const COARSE: Fineness = Fineness { least_pct: 0.1 };

/// Refreshes every scenario, writes what changed, and lists it. What `check` fails is not taken, and fails this too.
pub fn run(args: &RefreshArgs, context: &Context) -> Result<u8, CliError> {
    let accept: Vec<Acceptance> =
        args.accept.iter().map(|text| acceptance(text)).collect::<Result<_, _>>()?;
    let Resolved { mut scenarios, policy, catalog } = resolve(&args.of, Traces::There)?;
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
    let has_traces = |scenario: &Scenario| {
        let own = repeats.iter().find(|one| one.name == scenario.name);
        !scenario.inputs.is_empty() || own.is_some_and(|one| !one.inputs.is_empty())
    };
    if let Some(bare) = scenarios.iter().find(|scenario| !has_traces(scenario)) {
        return Err(without_traces(&bare.name));
    }
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
    for (refreshed, _) in &all {
        let Some(text) = &refreshed.text else { continue };
        is_changed = true;
        if !args.dry_run {
            files::write_output(&refreshed.path, text.as_bytes())?;
            context.note(&format!("wrote {}; review and commit it", refreshed.path.display()));
        }
    }
    let sections: Vec<Refresh<'_>> =
        all.iter().map(|(refreshed, before)| section(refreshed, before, args.dry_run)).collect();
    let page = page::refresh(&sections);
    files::write(&args.report_dir.join("refresh.md"), page.as_bytes())?;
    context.print(&page)?;
    tell_github(args, is_changed && !args.dry_run, &page, &sections, context)?;
    let is_failed = sections.iter().any(|one| one.held.iter().any(is_failing));
    Ok(u8::from(is_failed && !args.exit_zero))
}

/// A scenario that captures from a server when it is checked: a refresh profiles nothing.
fn without_traces(name: &str) -> CliError {
    CliError::usage(
        "there is nothing to refresh from",
        format!("scenario `{name}` has no `input`, and a refresh profiles no server"),
        format!(
            "capture first: profgate capture --url URL -o DIR, then: profgate baseline refresh {name} --input {name}=DIR"
        ),
    )
}

fn tell_github(
    args: &RefreshArgs,
    is_refreshed: bool,
    page: &str,
    sections: &[Refresh<'_>],
    context: &Context,
) -> Result<(), CliError> {
    let file = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let environment =
        github::Environment { step_summary: file("GITHUB_STEP_SUMMARY"), output: file("GITHUB_OUTPUT") };
    let kinds = &args.github.kinds;
    if kinds.contains(&GithubKind::Annotations) {
        for line in sections.iter().flat_map(|one| report::github::not_taken(one.scenario, one.held)) {
            context.print(&format!("{line}\n"))?;
        }
    }
    if kinds.contains(&GithubKind::Summary) {
        github::append_summary(&environment, page)?;
    }
    if kinds.contains(&GithubKind::Outputs) {
        let value = if is_refreshed { "true" } else { "false" };
        github::append_output(&environment, "refreshed", value)?;
    }
    Ok(())
}

/// One scenario, for the review; `before` is the file's text as it was.
fn section<'r>(refreshed: &'r Refreshed, before: &str, is_dry: bool) -> Refresh<'r> {
    let mut taken = Vec::new();
    if let Some(text) = &refreshed.text {
        taken = changes::lines(&refreshed.before, &refreshed.after.observation(), FINE);
        taken.extend(of_people(before, text));
    }
    Refresh {
        scenario: &refreshed.scenario,
        path: refreshed.path.display().to_string(),
        file: match (&refreshed.text, is_dry) {
            (None, _) => File::Kept,
            (Some(_), false) => File::Rewritten,
            (Some(_), true) => File::WouldBeRewritten,
        },
        taken,
        open: changes::lines(&refreshed.after, &refreshed.observed, COARSE),
        accepted: &refreshed.accepted,
        held: &refreshed.held,
    }
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
