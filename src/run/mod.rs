//! The stages in order: the only place, besides the command line, that knows more than one of them.

pub mod capture;
pub mod check;
mod mapping;
mod ranks;
pub mod record;
mod select;
mod stream;

pub use capture::{Capture, CaptureError, LoadOptions, load, load_deferred, load_mapped};
