//! Stage 1, *where bytes come from*: files and directories, their ranks and stages by name, inflating.
//!
//! Knows nothing of what a trace means.

mod error;
mod locate;
mod open;
mod server_args;

pub use error::SourceError;
pub use locate::{Candidate, LeftOut, Located, PathStage, locate};
pub use open::{Defect, Limits, Opened, open};
pub use server_args::read_server_args;
