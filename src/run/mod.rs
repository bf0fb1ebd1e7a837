//! The stages in order: the only place, besides the command line, that knows more than one of them.

pub mod capture;
pub mod check;
pub mod diff;
mod mapping;
mod ranks;
pub mod record;
pub mod refresh;
pub mod repeats;
mod select;
mod stream;
mod terms;

pub use capture::{Capture, CaptureError, LoadOptions, load, load_deferred, load_mapped};
