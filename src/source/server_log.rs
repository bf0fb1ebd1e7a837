//! The server's log: whether it says that a diffusers backend did the work.
//!
//! SGLang can serve a diffusion model by its own code or hand it to the diffusers library. What was recorded
//! then is the library's work and says nothing about the server. The log is read line by line, so its size
//! costs no memory.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::error::SourceError;
use super::name::file_name;
use super::open::Limits;
use crate::common::text::shorten_middle;

/// Words of the server when it falls back, in lower case: a line may begin with them or not.
pub const MARKERS: [&str; 3] =
    ["falling back to diffusers backend", "using diffusers backend", "loaded diffusers pipeline"];

/// What stands before a marker where the line denies it.
const DENIALS: [&str; 3] = ["not ", "never ", "without "];

/// Longest part of a line that is looked at; tracebacks and dumped requests can be longer.
pub(super) const LONGEST_LINE: u64 = 1 << 20;

/// A line of a log that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The log.
    pub path: PathBuf,
    /// The line's number, from 1.
    pub line: u64,
    /// The line.
    pub text: String,
}

/// Whether a file of this name is a log and no trace.
pub fn is_log(path: &Path) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".log", ".out", ".err", "_log.txt", "-log.txt", ".log.txt"].iter().any(|end| name.ends_with(end))
        || name == "log.txt"
}

/// Longest part of a line that is shown.
const SHOWN: usize = 200;

/// Looks for the first line of a log that names the diffusers backend.
pub fn scan(path: &Path, limits: Limits) -> Result<Option<Fallback>, SourceError> {
    let unreadable = |error: &std::io::Error| SourceError::unreadable(path, error);
    let mut file = BufReader::new(File::open(path).map_err(|error| unreadable(&error))?);
    let start = file.fill_buf().map_err(|error| unreadable(&error))?;
    let found = if start.starts_with(&[0x1f, 0x8b]) {
        first(BufReader::new(MultiGzDecoder::new(file).take(limits.inflated)))
    } else {
        first(file.take(limits.inflated))
    };
    let found = found.map_err(|error| unreadable(&error))?;
    Ok(found.map(|(line, text)| Fallback { path: path.to_owned(), line, text }))
}

fn first(mut log: impl BufRead) -> std::io::Result<Option<(u64, String)>> {
    let mut number = 0;
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if (&mut log).take(LONGEST_LINE).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let is_whole = bytes.ends_with(b"\n");
        number += 1;
        if let Some(text) = names_fallback(&bytes) {
            return Ok(Some((number, text)));
        }
        if !is_whole {
            skip_line(&mut log)?;
        }
    }
}

/// A line as it may be shown, if it names the diffusers backend.
pub(super) fn names_fallback(line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    let lower = text.to_ascii_lowercase();
    let is_said = |marker: &str| {
        let at = lower.find(marker);
        at.and_then(|at| lower.get(..at)).is_some_and(|before| !DENIALS.iter().any(|no| before.ends_with(no)))
    };
    MARKERS.iter().any(|marker| is_said(marker)).then(|| shorten_middle(text.trim(), SHOWN))
}

/// Reads to the end of a line without keeping it.
fn skip_line(log: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let (used, is_done) = {
            let buffer = log.fill_buf()?;
            match buffer.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (buffer.len(), buffer.is_empty()),
            }
        };
        log.consume(used);
        if is_done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(log: &str) -> Option<u64> {
        first(log.as_bytes()).unwrap().map(|(line, _)| line)
    }

    #[test]
    fn the_first_line_that_says_so_is_named() {
        for marker in
            MARKERS.into_iter().chain(["Falling back to diffusers backend", "Using diffusers backend"])
        {
            let log = format!("starting\n\n[12:00:01] WARNING: {marker} for model X\nmore\n{marker}\n");
            assert_eq!(line_of(&log), Some(3), "{marker}");
        }
    }

    #[test]
    fn a_log_that_only_speaks_of_diffusers_is_none() {
        for log in [
            "",
            "Using sglang backend\n",
            "pip install diffusers\n",
            "using the diffusers backend is off\n",
            "INFO Not using diffusers backend; native\n",
        ] {
            assert_eq!(line_of(log), None, "{log}");
        }
    }

    #[test]
    fn lines_are_counted_beyond_very_long_ones_and_bytes_that_are_no_text() {
        let long = "x".repeat(3 << 20);
        assert_eq!(line_of(&format!("{long}\nUsing diffusers backend\n")), Some(2));
        assert_eq!(line_of(&format!("{long}\nUsing diffusers backend")), Some(2));
        let log = [&b"\xff\xfe\n"[..], b"Loaded diffusers pipeline"].concat();
        assert_eq!(first(log.as_slice()).unwrap().map(|(line, _)| line), Some(2));
    }

    #[test]
    fn a_log_is_told_by_its_name() {
        for name in [
            "server.log",
            "sglang.LOG",
            "stderr.err",
            "a.out",
            "server.log.gz",
            "log.txt",
            "server_log.txt",
            "Server-Log.txt",
            "server.log.txt.gz",
        ] {
            assert!(is_log(Path::new(name)), "{name}");
        }
        for name in
            ["trace.json", "catalog.json", "log.json.gz", "dialogue", "logs", "catalog.txt", "dialog.txt"]
        {
            assert!(!is_log(Path::new(name)), "{name}");
        }
    }
}
