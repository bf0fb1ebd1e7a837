//! What can go wrong before a byte is understood.

use std::path::{Path, PathBuf};

/// A file or directory that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The path, or part of it, could not be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// As the user or the directory names it.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Inputs in which no file is a trace.
    #[error("no trace in {path}: {left_out}")]
    NoTrace {
        /// The directory.
        path: PathBuf,
        /// What was there instead.
        left_out: String,
    },
    /// The content is larger than the user allows.
    #[error("{path} inflates to more than {limit} bytes, the limit of --max-inflated")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit that was reached.
        limit: u64,
    },
    /// The content inflates as no trace does.
    #[error("{path} inflates to more than {ratio} times its size, as no trace does")]
    TooDense {
        /// The file.
        path: PathBuf,
        /// The limit that was reached.
        ratio: u64,
    },
    /// The content is compressed in a way that this version cannot inflate.
    #[error("{path} is compressed with {format}, which this version cannot read")]
    Compressed {
        /// The file.
        path: PathBuf,
        /// The format.
        format: &'static str,
    },
}

impl SourceError {
    /// A path that the system refuses to read.
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
            std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string(),
        };
        Self::Unreadable { path: path.to_owned(), reason }
    }

    /// Whether the path itself is at fault, and not what lies there.
    pub fn is_io(&self) -> bool {
        match self {
            Self::Unreadable { .. } => true,
            Self::NoTrace { .. }
            | Self::TooLarge { .. }
            | Self::TooDense { .. }
            | Self::Compressed { .. } => false,
        }
    }

    /// What the user can do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check the path and its permissions",
            Self::NoTrace { .. } => "name the directory that the profiler wrote to",
            Self::TooLarge { .. } => "profile fewer steps, or raise --max-inflated if the file is genuine",
            Self::TooDense { .. } => "if the file is genuine, decompress it and name the result",
            Self::Compressed { .. } => "decompress the file, or compress it with gzip",
        }
    }
}
