//! GitHub, and GitHub Enterprise by its API's address: <https://docs.github.com/en/rest/issues/comments>.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::forge::{Forge, Posted};
use super::http::{Host, HttpError, Patience};

/// The version of the API that this was written against.
const API_VERSION: &str = "2022-11-28";

/// A repository on GitHub.
#[derive(Debug)]
pub struct GitHub {
    host: Host,
    repository: String,
}

/// A pull request of a repository.
#[derive(Debug)]
pub struct PullRequest<'a> {
    /// The repository.
    pub github: &'a GitHub,
    /// Its number.
    pub number: u64,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct Commit {
    parents: Vec<Head>,
}

#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    viewer: User,
}

#[derive(Deserialize)]
struct IssueComment {
    id: u64,
    user: Option<User>,
    body: Option<String>,
    html_url: Option<String>,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    state: String,
    head: Head,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

impl From<IssueComment> for Posted {
    fn from(comment: IssueComment) -> Self {
        Self {
            id: comment.id,
            // A comment whose author left GitHub has none.
            author: comment.user.map(|user| user.login).unwrap_or_default(),
            body: comment.body.unwrap_or_default(),
            url: comment.html_url,
        }
    }
}

impl GitHub {
    /// A repository, `owner/name`, by its API's address.
    pub fn new(api: &str, repository: &str, token: &str, patience: Patience) -> Result<Self, HttpError> {
        let part = |text: &str| {
            !text.is_empty()
                && !matches!(text, "." | "..")
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let is_name = repository.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name));
        if !is_name {
            return Err(HttpError::Address {
                url: repository.to_owned(),
                reason: "a repository is written owner/name".to_owned(),
            });
        }
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("accept", "application/vnd.github+json"),
            ("x-github-api-version", API_VERSION),
        ];
        Ok(Self { host: Host::new(api, &headers, patience)?, repository: repository.to_owned() })
    }

    /// The open pull requests whose newest commit this is; `branch` is its head, `owner:branch`, when known.
    ///
    /// A workflow that runs for a fork is told neither: a number in its artifacts could be anyone's.
    pub fn find(&self, sha: &str, branch: Option<&str>) -> Result<Vec<u64>, HttpError> {
        let repository = &self.repository;
        let pulls: Vec<Pull> = match branch {
            Some(branch) => {
                let branch = percent(branch);
                self.host
                    .get_all(&format!("repos/{repository}/pulls?state=open&per_page=100&head={branch}"))?
            }
            None => {
                let sha = percent(sha);
                match self.host.get_all(&format!("repos/{repository}/commits/{sha}/pulls?per_page=100")) {
                    // The repository has no such commit.
                    Err(error) if error.status() == Some(422) => Vec::new(),
                    pulls => pulls?,
                }
            }
        };
        Ok(pulls
            .into_iter()
            .filter(|pull| pull.state == "open" && pull.head.sha == sha)
            .map(|pull| pull.number)
            .collect())
    }

    /// The parents of a commit; `None` when the repository has no such commit, as it has none that a CI made itself.
    pub fn parents(&self, sha: &str) -> Result<Option<Vec<String>>, HttpError> {
        let path = format!("repos/{}/commits/{}", self.repository, percent(sha));
        match self.host.get::<Commit>(&path) {
            Ok(commit) => Ok(Some(commit.parents.into_iter().map(|parent| parent.sha).collect())),
            Err(error) if matches!(error.status(), Some(404 | 422)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Who the token of an app writes as, which only the other API tells; `None` when that is not to be had.
    fn viewer(&self) -> Option<String> {
        let answer: Answer =
            self.host.post(self.graphql(), &json!({ "query": "query { viewer { login } }" })).ok()?;
        Some(answer.data?.viewer.login)
    }

    /// Where the other API is: beside `/api/v3` on an enterprise's own host.
    fn graphql(&self) -> &'static str {
        if self.host.path().ends_with("/api/v3/") { "../graphql" } else { "graphql" }
    }
}

impl Forge for PullRequest<'_> {
    fn list(&self) -> Result<Vec<Posted>, HttpError> {
        let path = format!("repos/{}/issues/{}/comments?per_page=100", self.github.repository, self.number);
        Ok(self.github.host.get_all::<IssueComment>(&path)?.into_iter().map(Into::into).collect())
    }

    fn create(&self, body: &str) -> Result<Posted, HttpError> {
        let path = format!("repos/{}/issues/{}/comments", self.github.repository, self.number);
        Ok(self.github.host.post::<IssueComment>(&path, &json!({ "body": body }))?.into())
    }

    fn update(&self, id: u64, body: &str) -> Result<Posted, HttpError> {
        let path = format!("repos/{}/issues/comments/{id}", self.github.repository);
        let host = &self.github.host;
        Ok(host.write_over::<IssueComment>(&Method::PATCH, &path, &json!({ "body": body }))?.into())
    }

    fn delete(&self, id: u64) -> Result<(), HttpError> {
        self.github.host.delete(&format!("repos/{}/issues/comments/{id}", self.github.repository))
    }

    fn head(&self) -> Result<Option<String>, HttpError> {
        let path = format!("repos/{}/pulls/{}", self.github.repository, self.number);
        Ok(Some(self.github.host.get::<Pull>(&path)?.head.sha))
    }

    fn author(&self) -> Result<Option<String>, HttpError> {
        match self.github.host.get::<User>("user") {
            Ok(user) => Ok(Some(user.login)),
            // An app's token has no user to ask for.
            Err(error) if matches!(error.status(), Some(403 | 404)) && !error.is_busy() => {
                Ok(self.github.viewer())
            }
            Err(error) => Err(error),
        }
    }
}

/// Text as part of an address.
pub(super) fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
