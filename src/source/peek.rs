//! The first bytes of a file, inflated: enough to tell what it is without reading it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::SourceError;
use super::inflate::Inflater;
use super::stored::Stored;

/// More than the header of any trace seen so far, which may list a job's process groups.
const MOST: u64 = 128 << 10;

/// The first bytes of a file and whether they are all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// Inflated where the file is compressed.
    pub bytes: Vec<u8>,
    /// Whether nothing follows.
    pub is_whole: bool,
}

/// Reads the beginning of a regular file. What is wrong with compressed data ends it early and is no error here.
pub fn peek(path: &Path) -> Result<Peek, SourceError> {
    let unreadable = |error: &std::io::Error| SourceError::unreadable(path, error);
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut inflater = Inflater::new(Stored::new(Box::new(file.take(MOST))));
    let mut bytes = vec![0; MOST as usize];
    let filled = inflater.fill(&mut bytes);
    bytes.truncate(filled);
    let defect = inflater.defect;
    let Some(stored) = inflater.stored() else { return Ok(Peek { bytes, is_whole: true }) };
    match &stored.failure {
        Some(error) => Err(unreadable(error)),
        None => {
            let is_whole = defect.is_none() && stored.count < MOST && (filled as u64) < MOST;
            Ok(Peek { bytes, is_whole })
        }
    }
}
