//! What the first bytes of a file tell.

use super::decode::TraceError;
use super::reader::read;

/// What the first bytes of a file tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sniff {
    /// Nothing speaks against a trace.
    Trace,
    /// Several ranks in one file, by the marks that merging leaves.
    Merged,
    /// Something else, and why.
    Foreign(String),
}

/// Tells what a file is from its first bytes; `is_whole` says that nothing follows them.
///
/// In doubt it is a trace: reading it will tell.
pub fn sniff(bytes: &[u8], is_whole: bool) -> Sniff {
    match read(bytes) {
        Ok(trace) if !trace.merged_from.is_empty() => Sniff::Merged,
        Ok(_) => Sniff::Trace,
        Err(TraceError::Foreign(reason)) => Sniff::Foreign(reason),
        Err(TraceError::Empty) if is_whole => Sniff::Foreign(TraceError::Empty.to_string()),
        Err(_) => Sniff::Trace,
    }
}
