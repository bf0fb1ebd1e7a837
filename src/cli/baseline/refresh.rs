//! `profgate baseline refresh`: new numbers where something moved, and a list for the review.

use std::path::PathBuf;

use super::super::context::Context;
use super::super::error::CliError;
use super::super::github::GithubKind;
use super::super::scenarios::{Paths, Resolved, Traces, replace_paths, resolve};
use super::args::RefreshArgs;
use super::diff::of_people;
use crate::baseline::Looser;
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

/// Refreshes every scenario, writes what changed, and lists it. What `check` fails is not taken, and fails this too; so does a
/// scenario that could not be refreshed, without keeping the others from it.
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
    let mut all: Vec<One> = Vec::new();
    for scenario in &scenarios {
        let Some(path) = scenario.baseline.clone() else { continue };
        let more = repeats.iter().find(|one| one.name == scenario.name).map(|one| one.inputs.clone());
        let outcome = if has_traces(scenario) {
            refresh(scenario, &path, &more.unwrap_or_default(), &catalogs, &options).map_err(CliError::from)
        } else {
            Err(without_traces(&scenario.name))
        };
        // What is wrong with one scenario says nothing of the others, and shall not keep them from being refreshed.
        if let Err(error) = &outcome {
            context.error(error);
        }
        for note in outcome.iter().flat_map(|refreshed| &refreshed.notes) {
            context.note(note);
        }
        let before = crate::source::read_text(&path).unwrap_or_default();
        all.push(One { scenario: scenario.name.clone(), path, before, outcome });
    }
    unused(&accept, &all, context)?;
    let mut is_changed = false;
    for refreshed in all.iter().filter_map(One::refreshed) {
        let Some(text) = &refreshed.text else { continue };
        is_changed = true;
        if !args.dry_run {
            files::write_output(&refreshed.path, text.as_bytes())?;
            context.note(&format!("wrote {}; review and commit it", refreshed.path.display()));
        }
    }
    let sections: Vec<Refresh<'_>> = all.iter().map(|one| section(one, args.dry_run)).collect();
    let page = page::refresh(&sections);
    files::write(&args.report_dir.join("refresh.md"), page.as_bytes())?;
    context.print(&page)?;
    tell_github(args, is_changed && !args.dry_run, &page, &sections, context)?;
    let is_failed = sections.iter().any(|one| one.held.iter().any(is_failing));
    Ok(exit_code(&all, is_failed && !args.exit_zero))
}

/// A scenario, and what came of its refresh.
struct One {
    scenario: String,
    path: PathBuf,
    /// The file's text as it was.
    before: String,
    outcome: Result<Refreshed, CliError>,
}

impl One {
    fn refreshed(&self) -> Option<&Refreshed> {
        self.outcome.as_ref().ok()
    }
}

/// A mistake outranks a regression, that a doubt, and that a baseline that is not there, as `check` has it.
fn exit_code(all: &[One], is_failed: bool) -> u8 {
    let codes: Vec<u8> = all
        .iter()
        .filter_map(|one| Some(one.outcome.as_ref().err()?.exit))
        .chain(is_failed.then_some(1))
        .collect();
    [2, 1, 5, 3, 4].into_iter().find(|code| codes.contains(code)).unwrap_or_default()
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
        let failed = |one: &Refresh<'_>| {
            one.failed.as_deref().map(|reason| report::github::not_refreshed(one.scenario, &one.path, reason))
        };
        let lines = sections
            .iter()
            .flat_map(|one| failed(one).into_iter().chain(report::github::not_taken(one.scenario, one.held)));
        for line in lines {
            context.print(&format!("{line}\n"))?;
        }
    }
    if kinds.contains(&GithubKind::Summary) {
        github::append_summary(&environment, page)?;
    }
    if kinds.contains(&GithubKind::Outputs) {
        let value = if is_refreshed { "true" } else { "false" };
        github::append_output(&environment, "refreshed", value)?;
        github::append_output(&environment, "title", &page::title(sections))?;
    }
    Ok(())
}

/// One scenario, for the review.
fn section(one: &One, is_dry: bool) -> Refresh<'_> {
    let empty = Refresh {
        scenario: &one.scenario,
        path: one.path.display().to_string(),
        file: File::Unheld,
        taken: Vec::new(),
        open: Vec::new(),
        accepted: &[],
        held: &[],
        looser: Looser::default(),
        failed: None,
    };
    let refreshed = match &one.outcome {
        Ok(refreshed) => refreshed,
        Err(error) => {
            let reason = format!("{}: {}; {}", error.what, error.place, error.help);
            return Refresh { failed: Some(reason), ..empty };
        }
    };
    let mut taken = Vec::new();
    if let Some(text) = &refreshed.text {
        taken = changes::lines(&refreshed.before, &refreshed.after.observation(), FINE);
        taken.extend(of_people(&one.before, text));
    }
    Refresh {
        file: match (&refreshed.text, is_dry) {
            (None, _) => File::Kept,
            (Some(_), false) => File::Rewritten,
            (Some(_), true) => File::WouldBeRewritten,
        },
        taken,
        open: changes::lines(&refreshed.after, &refreshed.observed, COARSE),
        accepted: &refreshed.accepted,
        held: &refreshed.held,
        looser: refreshed.looser.clone(),
        ..empty
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

/// An acceptance of nothing is a typo, and a typo must not look as if it had been heard. Where something could not be held
/// against its baseline, it may be about that.
fn unused(accept: &[Acceptance], all: &[One], context: &Context) -> Result<(), CliError> {
    let refreshed = || all.iter().filter_map(One::refreshed);
    for one in accept {
        let is_used = refreshed()
            .flat_map(|refreshed| &refreshed.accepted)
            .any(|finding| finding.code == one.code && finding.subject == one.subject);
        if is_used {
            continue;
        }
        let place = format!("{}:{}: there is no such finding", one.code.as_str(), one.subject);
        if all.iter().any(|one| one.outcome.is_err()) {
            context.warn(&format!("nothing is accepted by {place} in what could be refreshed"));
            continue;
        }
        let open: Vec<String> = refreshed()
            .flat_map(|refreshed| &refreshed.held)
            .map(|finding| format!("{}:{}", finding.code.as_str(), finding.subject))
            .collect();
        let help = if open.is_empty() {
            "nothing has to be accepted".to_owned()
        } else {
            format!("to be accepted: {}", open.join(", "))
        };
        return Err(CliError::usage("nothing is accepted by this", place, help));
    }
    Ok(())
}
