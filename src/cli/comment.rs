//! `profgate comment`: the one comment of a pull request, from `report.json`.
//!
//! The text is rendered here, from the report's data: Markdown that another job made is never posted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{CommentArgs, CommentWhen, ForgeArg};
use super::context::Context;
use super::error::CliError;
use crate::publish::comment::{
    self, Change, Comment, Forge, GitHub, HttpError, Marker, MergeRequest, News, Outcome, Patience,
    PullRequest, Silence, When, upsert,
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
        Ok(outcome) => {
            context.note(&said(&outcome));
            if let Outcome::Created(posted) | Outcome::Updated(posted) = &outcome
                && let Some(url) = &posted.url
            {
                context.print(&format!("{url}\n"))?;
                if args.github {
                    github::append_output(&environment(), "comment-url", url)?;
                }
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
fn read_json<T>(
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

/// A variable of the environment; an empty one counts as absent.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What this run is and which change it is about, from options first and from the environment else.
struct Job {
    forge: ForgeArg,
    change: Change,
    workflow: String,
    run: u64,
    attempt: u64,
}

impl Job {
    fn of(args: &CommentArgs) -> Result<Self, CliError> {
        let forge = match args.forge {
            Some(forge) => forge,
            None if variable("GITLAB_CI").is_some() && variable("GITHUB_ACTIONS").is_none() => {
                ForgeArg::Gitlab
            }
            None => ForgeArg::Github,
        };
        let number_of = |name: &str| variable(name).and_then(|value| value.parse::<u64>().ok());
        let (mut change, workflow, run, attempt) = match forge {
            ForgeArg::Github => {
                let mut change = github_change()?;
                // A push names no pull request, but a commit by which one is found. That of an event which
                // names one is another commit: a merge, or the default branch's.
                if change.number.is_none() && args.number.is_none() {
                    change.sha = change.sha.or_else(|| variable("GITHUB_SHA"));
                }
                // Jenkins counts its builds; the pull request of a multibranch build is the one that it names.
                let run =
                    change.run.or_else(|| number_of("GITHUB_RUN_ID")).or_else(|| number_of("BUILD_NUMBER"));
                if variable("JENKINS_URL").is_some() {
                    change.number = change.number.or_else(|| number_of("CHANGE_ID"));
                }
                let attempt = change.attempt.or_else(|| number_of("GITHUB_RUN_ATTEMPT"));
                let workflow = change.workflow.clone().or_else(|| variable("GITHUB_WORKFLOW"));
                (change, workflow, run, attempt)
            }
            ForgeArg::Gitlab => {
                let change = Change {
                    number: number_of("CI_MERGE_REQUEST_IID"),
                    // In a pipeline for the merged result, CI_COMMIT_SHA is a commit that nobody wrote.
                    sha: variable("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA").or_else(|| variable("CI_COMMIT_SHA")),
                    ..Change::default()
                };
                (change, variable("CI_JOB_NAME"), number_of("CI_PIPELINE_ID"), number_of("CI_JOB_ID"))
            }
        };
        change.number = args.number.or(change.number);
        change.sha = args.sha.clone().or(change.sha);
        Ok(Self {
            forge,
            change,
            workflow: args.id.clone().or(workflow).unwrap_or_else(|| "profgate".to_owned()),
            run: run.unwrap_or(0),
            attempt: attempt.unwrap_or(0),
        })
    }

    fn marker(&self, report: &CheckReport) -> Marker {
        let scenarios: Vec<&str> = report.scenarios.iter().map(|one| one.scenario.as_str()).collect();
        let traces =
            report.scenarios.iter().filter_map(|one| one.triage.as_ref()).flat_map(|one| &one.traces);
        let gpus: Vec<&str> = traces.filter_map(|entry| entry.gpu.as_deref()).collect();
        Marker {
            id: Marker::id(&self.workflow, &scenarios, &gpus),
            sha: self.change.sha.clone().unwrap_or_default(),
            run: self.run,
            attempt: self.attempt,
        }
    }
}

fn github_change() -> Result<Change, CliError> {
    let Some(path) = variable("GITHUB_EVENT_PATH").map(PathBuf::from) else { return Ok(Change::default()) };
    let help = "GITHUB_EVENT_PATH names it; unset it and give --pr and --sha";
    read_json(&path, "the event", help, comment::change)
}

/// A failure to comment, in the words of an error; the caller decides whether it is one.
fn failure(error: &HttpError, forge: ForgeArg) -> CliError {
    let help = match error.status() {
        Some(401) => "the token is wrong or has expired",
        Some(403 | 404) if forge == ForgeArg::Gitlab => {
            "the token needs the scope `api` and the role of a reporter; a job's own CI_JOB_TOKEN cannot write notes"
        }
        Some(403 | 404) => {
            "the token may lack `pull-requests: write`, as it always does for a fork's pull request; \
             comment from a workflow that runs on `workflow_run`"
        }
        Some(422) => "the pull request may be locked",
        Some(429) => "the host's rate limit was reached; run the step again later",
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

fn publish(job: &Job, args: &CommentArgs, comment: &Comment<'_>) -> Result<Outcome, CliError> {
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
) -> Result<Outcome, CliError> {
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
    let number = match (job.change.number, &job.change.sha) {
        (Some(number), _) => number,
        (None, Some(sha)) => {
            let found = github.find(sha, job.change.branch.as_deref());
            match found.map_err(|error| failure(&error, job.forge))? {
                Some(number) => number,
                // It was updated or merged meanwhile, or the branch has no pull request.
                None => return Ok(Outcome::Silent(Silence::NoChange)),
            }
        }
        (None, None) => return Err(missing("no pull request is named", "give --pr NUMBER")),
    };
    let pull = PullRequest { github: &github, number };
    finish(&pull, comment, job.forge)
}

fn on_gitlab(
    job: &Job,
    args: &CommentArgs,
    comment: &Comment<'_>,
    patience: Patience,
) -> Result<Outcome, CliError> {
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
    finish(&request, comment, job.forge)
}

fn finish(forge: &dyn Forge, comment: &Comment<'_>, host: ForgeArg) -> Result<Outcome, CliError> {
    upsert(forge, comment).map_err(|error| failure(&error, host))
}
