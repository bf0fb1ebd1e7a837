//! Stage 1, *where bytes come from*: files, directories and patterns, ranks and stages by name, inflating.
//!
//! Knows nothing of what a trace means.

mod error;
mod follow_log;
mod inflate;
mod locate;
mod name;
mod open;
mod peek;
mod server_args;
mod server_log;
mod stored;
mod text;

pub use error::SourceError;
pub use follow_log::LogFollower;
pub use inflate::Defect;
pub use locate::{Candidate, LeftOut, Located, locate};
pub use name::{PathStage, Position, file_name, may_be_size, stage_of};
pub use open::{Inflating, Limits, Opened, Poured, open, pour, sha256, sha256_of};
pub use peek::{Peek, peek};
pub use server_args::{allowed_server_args, read_server_args};
pub use server_log::{Fallback, scan as scan_log};
pub use text::{read_report, read_text};
