//! The one comment of a pull request: found by its marker and its author, written over, never doubled.
//!
//! A comment is news, not the verdict: whoever calls this treats an error as a warning.

mod decide;
mod event;
mod forge;
mod github;
mod gitlab;
mod http;
mod marker;
mod upsert;

pub use decide::{News, Silence, When};
pub use event::{Change, change};
pub use forge::{Forge, Posted};
pub use github::{GitHub, PullRequest};
pub use gitlab::MergeRequest;
pub use http::{HttpError, Patience};
pub use marker::Marker;
pub use upsert::{Comment, Outcome, upsert};
