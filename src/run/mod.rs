//! The stages in order: the only place, besides the command line, that knows more than one of them.

pub mod capture;
pub mod check;
pub mod record;

pub use capture::{Capture, CaptureError, LoadOptions, load, load_mapped};
