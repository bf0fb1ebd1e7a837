//! What a code host must be able to do for one comment to be kept.

use super::http::HttpError;

/// A comment as the host holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The host's number of it; a lower one is older.
    pub id: u64,
    /// Who wrote it.
    pub author: String,
    /// Its text.
    pub body: String,
    /// Where a person reads it.
    pub url: Option<String>,
}

/// A pull request, or merge request, of one host.
pub trait Forge {
    /// Every comment, from all pages.
    fn list(&self) -> Result<Vec<Posted>, HttpError>;
    /// Writes a new comment.
    fn create(&self, body: &str) -> Result<Posted, HttpError>;
    /// Writes over a comment.
    fn update(&self, id: u64, body: &str) -> Result<Posted, HttpError>;
    /// Removes a comment; one that is gone already is no error.
    fn delete(&self, id: u64) -> Result<(), HttpError>;
    /// The newest commit of the change; `None` when the host does not say.
    fn head(&self) -> Result<Option<String>, HttpError>;
    /// The login that this token writes as; `None` when it is an app's and the host does not say which.
    fn author(&self) -> Result<Option<String>, HttpError>;
}
