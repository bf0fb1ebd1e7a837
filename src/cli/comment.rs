//! `profgate comment`: the one comment of a pull request, from `report.json`.
//!
//! The text is rendered here, from the report's data: Markdown that another job made is never posted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{CommentArgs, CommentWhen, ForgeArg};
use super::comment_job::{Job, variable};
use super::context::Context;
use super::error::CliError;
use crate::publish::comment::{
    Comment, Forge, GitHub, HttpError, MergeRequest, News, Outcome, Patience, PullRequest, Silence, When,
    upsert,
};
use crate::publish::github;
use crate::report::{is_quiet, markdown};
use crate::verdict::{self, CheckReport};

/// Waiting for one answer.
const ANSWER: Duration = Duration::from_secs(30);

/// GitHub's own API, where the environment names no other.
const GITHUB_API: &str = "https://api.github.com";

/// Writes, updates or leaves the comment. Only a mistake in the call or the report is an error of the process,
/// unless `--strict` makes a failure to comment one.
pub fn run(args: &CommentArgs, context: &Context) -> Result<u8, CliError> {
    let report = read_report(&args.report)?;
    let body = body(&report);
    let job = Job::of(args)?;
    let marker = job.marker(&report);
    if args.dry_run {
        context.print(&format!("{body}{marker}\n"))?;
        return Ok(0);
    }
    let comment = Comment {
        body: &body,
        marker: &marker,
        when: match args.when {
            CommentWhen::Always => When::Always,
            CommentWhen::Changes => When::Changes,
            CommentWhen::Failures => When::Failures,
            CommentWhen::Off => When::Off,
        },
        news: News {
            has_passed: matches!(report.verdict, verdict::Outcome::Pass | verdict::Outcome::Warn),
            is_quiet: is_quiet(&report),
        },
        author: args.author.as_deref(),
    };
    if comment.when == When::Off {
        context.note(&said(&Outcome::Silent(Silence::Off)));
        return Ok(0);
    }
    match publish(&job, args, &comment) {
        Ok(outcomes) => {
            let urls = tell(&outcomes, context)?;
            if let (true, Some(first)) = (args.github, urls.first()) {
                github::append_output(&environment(), "comment-url", first)?;
            }
            Ok(0)
        }
        Err(failure) if args.strict => Err(failure),
        Err(failure) => {
            let text = format!("no comment was written: {}; {}", failure.place, failure.help);
            let command = crate::report::github::warning("profgate comment", &text);
            match (args.github, variable("GITHUB_ACTIONS")) {
                (true, _) => context.print(&format!("{command}\n"))?,
                // A runner reads such lines from both streams; this one holds no address for a script.
                (false, Some(_)) => context.command(&command),
                (false, None) => context.warn(&text),
            }
            Ok(0)
        }
    }
}

/// Says what became of each change's comment, prints where they are, and returns that.
fn tell(outcomes: &[(u64, Outcome)], context: &Context) -> Result<Vec<String>, CliError> {
    if outcomes.is_empty() {
        context.note(&said(&Outcome::Silent(Silence::NoChange)));
    }
    let mut urls = Vec::new();
    for (number, outcome) in outcomes {
        match outcomes.len() {
            1 => context.note(&said(outcome)),
            count => context.note(&format!(
                "pull request {number}, one of {count} that have this commit as their newest: {}",
                said(outcome)
            )),
        }
        if let Outcome::Created(posted) | Outcome::Updated(posted) = outcome
            && let Some(url) = &posted.url
        {
            context.print(&format!("{url}\n"))?;
            urls.push(url.clone());
        }
    }
    Ok(urls)
}

/// The comment as rendered here, without the marker of a file.
fn body(report: &CheckReport) -> String {
    let text = markdown::comment(report);
    text.trim_end().strip_suffix(markdown::MARKER).unwrap_or(&text).to_owned()
}

fn read_report(path: &Path) -> Result<CheckReport, CliError> {
    let help = "name the report.json that `profgate check` of this version wrote";
    read_json(path, "the report", help, |text| serde_json::from_str(text))
}

/// Reads a file of JSON; a failure says what it was to be and what to do.
pub(super) fn read_json<T>(
    path: &Path,
    what: &str,
    help: &str,
    parse: impl Fn(&str) -> serde_json::Result<T>,
) -> Result<T, CliError> {
    let text = crate::source::read_report(path).map_err(|error| CliError {
        what: format!("cannot read {what}"),
        place: format!("{}: {error}", path.display()),
        help: help.to_owned(),
        exit: 5,
    })?;
    parse(&text).map_err(|error| {
        let place = format!("{}:{}:{}: {error}", path.display(), error.line(), error.column());
        CliError::usage(format!("{what} is not what it should be"), place, help)
    })
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Created(_) => "a comment was written".to_owned(),
        Outcome::Updated(_) => "the comment was updated".to_owned(),
        Outcome::Silent(Silence::Off) => "comments are off".to_owned(),
        Outcome::Silent(Silence::NothingToSay) => "nothing changed, and no comment was written".to_owned(),
        Outcome::Silent(Silence::Newer) => {
            "the comment that stands there is of a newer commit or a later run; it was left as it is"
                .to_owned()
        }
        Outcome::Silent(Silence::OldCommit) => {
            "the pull request has a newer commit than the one that was judged; nothing was written".to_owned()
        }
        Outcome::Silent(Silence::NoChange) => {
            "no open pull request has the commit that was judged as its newest; there is nothing to comment on"
                .to_owned()
        }
    }
}

fn environment() -> github::Environment {
    let file = |name: &str| std::env::var_os(name).map(PathBuf::from);
    github::Environment { step_summary: file("GITHUB_STEP_SUMMARY"), output: file("GITHUB_OUTPUT") }
}

/// A failure to comment, in the words of an error; the caller decides whether it is one.
fn failure(error: &HttpError, forge: ForgeArg) -> CliError {
    let help = match error.status() {
        _ if error.is_busy() => {
            "the host's rate limit was reached, and --max-wait ended before it was over; run the step again later"
        }
        Some(401) => "the token is wrong or has expired",
        Some(403 | 404) if forge == ForgeArg::Gitlab => {
            "the token needs the scope `api` and the role of a reporter; a job's own CI_JOB_TOKEN cannot write notes"
        }
        Some(403 | 404) => {
            "the token may lack `pull-requests: write`, as it always does for a fork's pull request; \
             comment from a workflow that runs on `workflow_run`"
        }
        Some(422) => "the pull request may be locked",
        _ => "the report is in the step summary and in report.json",
    };
    CliError {
        what: "cannot write the comment".to_owned(),
        place: error.to_string(),
        help: help.to_owned(),
        exit: 5,
    }
}

fn missing(what: &str, help: &str) -> CliError {
    CliError {
        what: "cannot write the comment".to_owned(),
        place: what.to_owned(),
        help: help.to_owned(),
        exit: 2,
    }
}

/// What became of the comment of each change that the run is about, with the change's number.
type Outcomes = Vec<(u64, Outcome)>;

fn publish(job: &Job, args: &CommentArgs, comment: &Comment<'_>) -> Result<Outcomes, CliError> {
    let patience = Patience { answer: ANSWER, waiting: Duration::from_secs(args.max_wait) };
    match job.forge {
        ForgeArg::Github => on_github(job, args, comment, patience),
        ForgeArg::Gitlab => on_gitlab(job, args, comment, patience),
    }
}

fn token(args: &CommentArgs, names: &[&str]) -> Result<String, CliError> {
    if let Some(path) = &args.token_file {
        let text = crate::source::read_text(path).map_err(|error| {
            missing(&format!("{}: {error}", path.display()), "name a file with the token")
        })?;
        return Ok(text.trim().to_owned());
    }
    names.iter().find_map(|name| variable(name)).ok_or_else(|| {
        missing(
            &format!("there is no token in {}", names.join(" or ")),
            "put one into the environment, or name a file that holds it with --token-file",
        )
    })
}

fn on_github(
    job: &Job,
    args: &CommentArgs,
    comment: &Comment<'_>,
    patience: Patience,
) -> Result<Outcomes, CliError> {
    let api =
        args.api.clone().or_else(|| variable("GITHUB_API_URL")).unwrap_or_else(|| GITHUB_API.to_owned());
    let repository = args
        .repository
        .clone()
        .or_else(|| variable("GITHUB_REPOSITORY"))
        .ok_or_else(|| missing("no repository is named", "give --repo OWNER/NAME"))?;
    let token = token(args, &["PROFGATE_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"])?;
    let github =
        GitHub::new(&api, &repository, &token, patience).map_err(|error| failure(&error, job.forge))?;
    let told = |error: HttpError| failure(&error, job.forge);
    let numbers = match (job.change.number, &job.change.sha) {
        (Some(number), _) => vec![number],
        // None when it was updated or merged meanwhile, or the branch has no pull request; several where one commit is
        // proposed to several branches.
        (None, Some(sha)) => github.find(sha, job.change.branch.as_deref()).map_err(told)?,
        (None, None) => return Err(missing("no pull request is named", "give --pr NUMBER")),
    };
    // What cannot be written to one of them is no reason to leave the others.
    let outcomes: Vec<_> = numbers
        .into_iter()
        .map(|number| {
            let pull = PullRequest { github: &github, number };
            let mut marker = comment.marker.clone();
            if job.may_be_merge {
                marker.sha = judged(&pull, &marker.sha).map_err(told)?;
            }
            let comment = Comment { marker: &marker, ..comment.clone() };
            finish(&pull, &comment, job.forge).map(|outcome| (number, outcome))
        })
        .collect();
    outcomes.into_iter().collect()
}

/// The commit of a pull request that was judged, by the one that the CI had checked out: that may be a merge of both, made
/// by the host or by the CI itself. Nothing when it cannot be told; then the number of the run decides alone.
fn judged(pull: &PullRequest<'_>, sha: &str) -> Result<String, HttpError> {
    let Some(parents) = pull.github.parents(sha)? else { return Ok(String::new()) };
    let head = pull.head()?.filter(|head| parents.len() > 1 && parents.contains(head));
    Ok(head.unwrap_or_else(|| sha.to_owned()))
}

fn on_gitlab(
    job: &Job,
    args: &CommentArgs,
    comment: &Comment<'_>,
    patience: Patience,
) -> Result<Outcomes, CliError> {
    let api = args
        .api
        .clone()
        .or_else(|| variable("CI_API_V4_URL"))
        .ok_or_else(|| missing("no API is named", "give --api https://gitlab.example/api/v4"))?;
    let project = args
        .repository
        .clone()
        .or_else(|| variable("CI_PROJECT_ID"))
        .ok_or_else(|| missing("no project is named", "give --repo with its number or its full path"))?;
    let number = job.change.number.ok_or_else(|| {
        missing("no merge request is named", "give --pr NUMBER, or run in a merge request pipeline")
    })?;
    // The job's own token may read merge requests and may not write notes.
    let token = token(args, &["PROFGATE_TOKEN", "GITLAB_TOKEN"])?;
    let page = variable("CI_PROJECT_URL").map(|url| format!("{url}/-/merge_requests/{number}"));
    let request = MergeRequest::new(&api, &project, number, &token, page, patience)
        .map_err(|error| failure(&error, job.forge))?;
    Ok(vec![(number, finish(&request, comment, job.forge)?)])
}

fn finish(forge: &dyn Forge, comment: &Comment<'_>, host: ForgeArg) -> Result<Outcome, CliError> {
    upsert(forge, comment).map_err(|error| failure(&error, host))
}
