//! GitLab merge requests: <https://docs.gitlab.com/api/notes/>.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::forge::{Forge, Posted};
use super::github::percent;
use super::http::{Host, HttpError, Patience};

/// A merge request of a project.
#[derive(Debug)]
pub struct MergeRequest {
    host: Host,
    /// `projects/…/merge_requests/…`, ready for an address.
    path: String,
    /// The page a person reads, without the note.
    page: Option<String>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
struct Note {
    id: u64,
    author: Option<User>,
    body: Option<String>,
    #[serde(default)]
    system: bool,
}

#[derive(Deserialize)]
struct Request {
    sha: Option<String>,
}

impl MergeRequest {
    /// A merge request by its project's number or full path, and its number there.
    pub fn new(
        api: &str,
        project: &str,
        number: u64,
        token: &str,
        page: Option<String>,
        patience: Patience,
    ) -> Result<Self, HttpError> {
        let host = Host::new(api, &[("private-token", token)], patience)?;
        let path = format!("projects/{}/merge_requests/{number}", percent(project));
        Ok(Self { host, path, page })
    }

    fn posted(&self, note: Note) -> Posted {
        Posted {
            url: self.page.as_ref().map(|page| format!("{page}#note_{}", note.id)),
            id: note.id,
            author: note.author.map(|author| author.username).unwrap_or_default(),
            body: note.body.unwrap_or_default(),
        }
    }
}

impl Forge for MergeRequest {
    fn list(&self) -> Result<Vec<Posted>, HttpError> {
        let path = format!("{}/notes?per_page=100&sort=asc&order_by=created_at", self.path);
        let notes: Vec<Note> = self.host.get_all(&path)?;
        Ok(notes.into_iter().filter(|note| !note.system).map(|note| self.posted(note)).collect())
    }

    fn create(&self, body: &str) -> Result<Posted, HttpError> {
        Ok(self.posted(self.host.post(&format!("{}/notes", self.path), &json!({ "body": body }))?))
    }

    fn update(&self, id: u64, body: &str) -> Result<Posted, HttpError> {
        let path = format!("{}/notes/{id}", self.path);
        Ok(self.posted(self.host.write_over(&Method::PUT, &path, &json!({ "body": body }))?))
    }

    fn delete(&self, id: u64) -> Result<(), HttpError> {
        self.host.delete(&format!("{}/notes/{id}", self.path))
    }

    fn head(&self) -> Result<Option<String>, HttpError> {
        Ok(self.host.get::<Request>(&self.path)?.sha)
    }

    fn author(&self) -> Result<Option<String>, HttpError> {
        Ok(Some(self.host.get::<User>("user")?.username))
    }
}
