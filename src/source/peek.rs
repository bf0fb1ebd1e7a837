//! The first bytes of a file, inflated: enough to tell what it is without reading it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::error::SourceError;

/// More than the header of any trace seen so far, which may list a job's process groups.
const MOST: u64 = 128 << 10;

/// The first bytes of a file and whether they are all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// Inflated where the file is gzip.
    pub bytes: Vec<u8>,
    /// Whether nothing follows.
    pub is_whole: bool,
}

/// Reads the beginning of a regular file. What is wrong with gzip data ends it early and is no error here.
pub fn peek(path: &Path) -> Result<Peek, SourceError> {
    let unreadable = |error: &std::io::Error| SourceError::unreadable(path, error);
    let mut stored = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    (&file).take(MOST).read_to_end(&mut stored).map_err(|error| unreadable(&error))?;
    let is_whole = (stored.len() as u64) < MOST;
    if !stored.starts_with(&[0x1f, 0x8b]) {
        return Ok(Peek { bytes: stored, is_whole });
    }
    let mut bytes = Vec::new();
    let outcome = MultiGzDecoder::new(stored.as_slice()).take(MOST).read_to_end(&mut bytes);
    let is_whole = is_whole && outcome.is_ok() && (bytes.len() as u64) < MOST;
    Ok(Peek { bytes, is_whole })
}
