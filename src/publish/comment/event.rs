//! Which change a CI job is about, as its environment and its event file say.
//!
//! What a fork can write into an artifact is never asked: the commit comes from the event alone, and the
//! number of the change from the host.

use serde::Deserialize;

use crate::common::date::seconds;

/// What a job on GitHub knows about its change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The pull request's number, when the event names it.
    pub number: Option<u64>,
    /// The newest commit of the change at the time of the event.
    pub sha: Option<String>,
    /// Its branch, `owner:branch`.
    pub branch: Option<String>,
    /// The workflow whose run made the report, when it is another than this one.
    pub workflow: Option<String>,
    /// The number of that run.
    pub run: Option<u64>,
    /// Its attempt.
    pub attempt: Option<u64>,
    /// When that attempt began, in seconds since 1970.
    pub started: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    pull_request: Option<Pull>,
    issue: Option<Issue>,
    workflow_run: Option<WorkflowRun>,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    head: Option<Head>,
}

#[derive(Deserialize)]
struct Head {
    sha: Option<String>,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
    pull_request: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct WorkflowRun {
    id: u64,
    name: Option<String>,
    run_attempt: Option<u64>,
    run_started_at: Option<String>,
    head_sha: String,
    head_branch: Option<String>,
    head_repository: Option<HeadRepository>,
}

#[derive(Deserialize)]
struct HeadRepository {
    owner: Owner,
}

#[derive(Deserialize)]
struct Owner {
    login: String,
}

/// Reads the text of `GITHUB_EVENT_PATH`.
pub fn change(event: &str) -> Result<Change, serde_json::Error> {
    let event: Event = serde_json::from_str(event)?;
    if let Some(run) = event.workflow_run {
        let branch = run.head_branch.zip(run.head_repository);
        return Ok(Change {
            number: None,
            sha: Some(run.head_sha),
            branch: branch.map(|(branch, repository)| format!("{}:{branch}", repository.owner.login)),
            workflow: run.name,
            run: Some(run.id),
            attempt: run.run_attempt,
            started: run.run_started_at.as_deref().and_then(seconds),
        });
    }
    if let Some(pull) = event.pull_request {
        return Ok(Change {
            number: Some(pull.number),
            sha: pull.head.and_then(|head| head.sha),
            ..Change::default()
        });
    }
    let issue = event.issue.filter(|issue| issue.pull_request.is_some());
    Ok(Change { number: issue.map(|issue| issue.number), ..Change::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_names_its_number_and_its_own_commit() {
        let event = r#"{"action":"synchronize","number":7,"pull_request":{"number":7,"head":{"sha":"abc"}}}"#;
        let change = change(event).unwrap();
        assert_eq!((change.number, change.sha.as_deref()), (Some(7), Some("abc")));
    }

    #[test]
    fn a_run_that_follows_another_knows_the_commit_and_no_number() {
        let event = r#"{"workflow_run":{"id":5,"name":"gate","run_attempt":2,"run_started_at":"2026-11-24T10:00:01Z","head_sha":"abc","head_branch":"fix",
            "head_repository":{"owner":{"login":"fork"}},"pull_requests":[{"number":666}]}}"#;
        let change = change(event).unwrap();
        assert_eq!(change.number, None, "a fork could have chosen it");
        assert_eq!(change.branch.as_deref(), Some("fork:fix"));
        assert_eq!(change.started, Some(1_795_514_401));
        assert_eq!(
            (change.run, change.attempt, change.workflow.as_deref()),
            (Some(5), Some(2), Some("gate"))
        );
    }

    #[test]
    fn an_issue_that_is_no_pull_request_is_no_change() {
        assert_eq!(change(r#"{"issue":{"number":3}}"#).unwrap(), Change::default());
        assert_eq!(change(r#"{"issue":{"number":3,"pull_request":{}}}"#).unwrap().number, Some(3));
        assert_eq!(change(r#"{"ref":"refs/heads/main"}"#).unwrap(), Change::default());
        assert!(change("not json").is_err());
    }
}
