//! What a run of `comment` is and which change it is about, from options first and from the environment else.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::args::{CommentArgs, ForgeArg};
use super::comment::read_json;
use super::error::CliError;
use crate::common::date::seconds;
use crate::publish::comment::{self, Change, Marker};
use crate::triage::Triage;
use crate::verdict::{CheckReport, ScenarioReport};

/// A variable of the environment; an empty one counts as absent.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number_of(name: &str) -> Option<u64> {
    variable(name).and_then(|value| value.parse().ok())
}

/// A run and its change.
pub struct Job {
    /// Where the change is.
    pub forge: ForgeArg,
    /// The change, and the run that judged it.
    pub change: Change,
    /// Whether the commit may be one that the CI made itself, to try a merge.
    pub may_be_merge: bool,
    workflow: String,
}

impl Job {
    /// What the options and the environment say.
    pub fn of(args: &CommentArgs) -> Result<Self, CliError> {
        let forge = match args.forge {
            Some(forge) => forge,
            None if variable("GITLAB_CI").is_some() && variable("GITHUB_ACTIONS").is_none() => {
                ForgeArg::Gitlab
            }
            None => ForgeArg::Github,
        };
        let mut change = match forge {
            _ if variable("JENKINS_URL").is_some() => jenkins(),
            ForgeArg::Github => github(args)?,
            ForgeArg::Gitlab => gitlab(),
        };
        let may_be_merge = variable("JENKINS_URL").is_some() && change.sha.is_some() && args.sha.is_none();
        change.number = args.number.or(change.number);
        change.sha = args.sha.clone().or(change.sha);
        let workflow = args.id.clone().or_else(|| change.workflow.clone());
        let workflow = workflow.unwrap_or_else(|| "profgate".to_owned());
        Ok(Self { forge, change, may_be_merge, workflow })
    }

    /// The mark of this run on the comment of this report.
    pub fn marker(&self, report: &CheckReport) -> Marker {
        let scenarios: Vec<&str> = report.scenarios.iter().map(|one| one.scenario.as_str()).collect();
        let gpus: Vec<Option<&str>> = report.scenarios.iter().map(gpu).collect();
        Marker {
            id: Marker::id(&self.workflow, &scenarios, &gpus),
            at: self.change.started.unwrap_or_else(now),
            sha: self.change.sha.clone().unwrap_or_default(),
            run: self.change.run.unwrap_or(0),
            attempt: self.change.attempt.unwrap_or(0),
        }
    }
}

/// The GPU that a scenario is about: the baseline's, which a capture that failed or came from elsewhere does not change.
fn gpu(scenario: &ScenarioReport) -> Option<&str> {
    scenario.baseline.gpu.as_deref().or_else(|| scenario.triage.as_ref().and_then(Triage::gpu))
}

/// Seconds since 1970. No report holds them: only runs of one commit are ordered by them, where nothing else tells.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn github(args: &CommentArgs) -> Result<Change, CliError> {
    let mut change = match variable("GITHUB_EVENT_PATH").map(PathBuf::from) {
        Some(path) => {
            let help = "GITHUB_EVENT_PATH names it; unset it and give --pr and --sha";
            read_json(&path, "the event", help, comment::change)?
        }
        None => Change::default(),
    };
    // A push names no pull request, but a commit by which one is found. That of an event which names one is another
    // commit: a merge, or the default branch's.
    if change.number.is_none() && args.number.is_none() {
        change.sha = change.sha.or_else(|| variable("GITHUB_SHA"));
    }
    change.run = change.run.or_else(|| number_of("GITHUB_RUN_ID"));
    change.attempt = change.attempt.or_else(|| number_of("GITHUB_RUN_ATTEMPT"));
    change.workflow = change.workflow.or_else(|| variable("GITHUB_WORKFLOW"));
    Ok(change)
}

fn gitlab() -> Change {
    Change {
        number: number_of("CI_MERGE_REQUEST_IID"),
        // In a pipeline for the merged result, CI_COMMIT_SHA is a commit that nobody wrote.
        sha: variable("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA").or_else(|| variable("CI_COMMIT_SHA")),
        workflow: variable("CI_JOB_NAME"),
        run: number_of("CI_PIPELINE_ID"),
        attempt: number_of("CI_JOB_ID"),
        started: variable("CI_JOB_STARTED_AT").as_deref().and_then(seconds),
        ..Change::default()
    }
}

/// A multibranch build names its pull request. Its builds are counted for each pull request.
fn jenkins() -> Change {
    Change {
        number: number_of("CHANGE_ID"),
        sha: variable("GIT_COMMIT"),
        run: number_of("BUILD_NUMBER"),
        ..Change::default()
    }
}
