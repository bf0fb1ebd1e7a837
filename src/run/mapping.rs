//! Reads a mapping capture: files that name the source of what another capture measured.
//!
//! Nothing is left out for measuring nothing: the trace of a graph's recording is what is wanted here.

use std::path::PathBuf;

use super::capture::{CaptureError, LoadOptions, ReadFile, no_trace, read_all, read_logs};
use super::{ranks, select};
use crate::source;

/// Reads the files of a mapping capture; none when no path is given.
pub(super) fn read(
    paths: &[PathBuf],
    options: &LoadOptions<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<ReadFile>, CaptureError> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let mut located = source::locate(paths)?;
    read_logs(&located.logs, options, notes)?;
    select::by_first_bytes(&mut located)?;
    let mut files = read_all(&located.candidates, options, &mut located.left_out)?;
    notes.extend(select::notes(&located.left_out));
    if files.is_empty() {
        return Err(no_trace(paths, &located.left_out).into());
    }
    ranks::assign(&mut files, notes);
    Ok(files)
}

/// The mapping files of a rank, else those of the lowest rank: ranks run the same code.
pub(super) fn of_rank<'f>(maps: &'f [ReadFile], rank: u32, notes: &mut Vec<String>) -> Vec<&'f ReadFile> {
    let of = |rank: u32| maps.iter().filter(|file| file.rank == rank).collect::<Vec<_>>();
    let own = of(rank);
    match maps.iter().map(|file| file.rank).min() {
        Some(lowest) if own.is_empty() => {
            notes.push(format!(
                "the mapping capture has no rank {rank}; its rank {lowest} names the source lines"
            ));
            of(lowest)
        }
        Some(_) | None => own,
    }
}
