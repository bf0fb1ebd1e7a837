//! What ends a command early: what happened, where, and what to do, in three lines.

use std::fmt;
use std::path::Path;

use crate::common::text::printable;
use crate::common::yaml::YamlError;
use crate::publish::files::PublishError;
use crate::run::CaptureError;
use crate::run::check::CheckError;
use crate::run::refresh::RefreshError;
use crate::run::repeats::RepeatsError;
use crate::source::SourceError;

/// A command that ended without doing its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    /// What happened.
    pub what: String,
    /// Where: a file, or file:line:column with the detail.
    pub place: String,
    /// What to do.
    pub help: String,
    /// What the process ends with.
    pub exit: u8,
}

impl CliError {
    /// A mistake in how the command was called.
    pub fn usage(what: impl Into<String>, place: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), place: place.into(), help: help.into(), exit: 2 }
    }

    /// A file that could not be written.
    pub fn write(path: &Path, error: &std::io::Error) -> Self {
        Self {
            what: "cannot write".to_owned(),
            place: format!("{}: {error}", path.display()),
            help: "check the path and its permissions".to_owned(),
            exit: 5,
        }
    }

    /// A YAML file that cannot be accepted.
    pub fn yaml(what: &str, error: &YamlError) -> Self {
        Self {
            what: format!("cannot use the {what}"),
            place: format!("{}: {}", error.place(), error.message),
            help: error.help.clone().unwrap_or_else(|| "correct the file".to_owned()),
            exit: 2,
        }
    }
}

impl From<CaptureError> for CliError {
    fn from(error: CaptureError) -> Self {
        let exit = match &error {
            CaptureError::Source(source) if source.is_io() => 5,
            CaptureError::Source(SourceError::NoTrace { .. }) => 3,
            CaptureError::Source(_)
            | CaptureError::Trace { .. }
            | CaptureError::Merged { .. }
            | CaptureError::Diffusers(_) => 3,
            CaptureError::Ambiguous(_) | CaptureError::NoSuchRank { .. } => 2,
        };
        let what = match &error {
            CaptureError::Diffusers(_) => {
                "inconclusive: the server's log says that a diffusers backend was used"
            }
            _ => "cannot read the capture",
        };
        Self { what: what.to_owned(), place: error.to_string(), help: error.help().to_owned(), exit }
    }
}

impl From<RepeatsError> for CliError {
    fn from(error: RepeatsError) -> Self {
        let (place, help) = (error.to_string(), error.help().to_owned());
        match error {
            RepeatsError::Capture(error) => error.into(),
            RepeatsError::Doubt { .. } => {
                Self { what: "this capture cannot become a baseline".to_owned(), place, help, exit: 3 }
            }
            RepeatsError::Report { .. } => {
                Self { what: "this report cannot become a baseline".to_owned(), place, help, exit: 2 }
            }
            RepeatsError::NoRepeats { .. } | RepeatsError::Unlike { .. } | RepeatsError::Twice { .. } => {
                Self { what: "these captures cannot make one baseline".to_owned(), place, help, exit: 2 }
            }
        }
    }
}

impl From<RefreshError> for CliError {
    fn from(error: RefreshError) -> Self {
        let place = error.to_string();
        match error {
            RefreshError::Check(error) => error.into(),
            RefreshError::Repeats(error) => error.into(),
            RefreshError::Missing(path) => Self {
                what: "there is no baseline to refresh".to_owned(),
                place,
                help: format!("record one: profgate baseline record TRACES -o {}", path.display()),
                exit: 4,
            },
            RefreshError::Doubt(finding) => Self {
                what: "inconclusive: these captures cannot be held against the baseline".to_owned(),
                place,
                help: finding.help.clone(),
                exit: 3,
            },
        }
    }
}

impl From<CheckError> for CliError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Usage(error) => error.into(),
            CheckError::Confirm(error) => Self {
                what: "cannot read the second capture".to_owned(),
                help: format!("{}; or leave out `--confirm`", error.help()),
                ..CaptureError::Source(error).into()
            },
            CheckError::Baseline(error) => Self::yaml("baseline", &error),
            CheckError::Publish(error) => error.into(),
            CheckError::Io { path, reason } => Self {
                what: "cannot use the baseline".to_owned(),
                place: format!("{}: {reason}", path.display()),
                help: "check the path and its permissions".to_owned(),
                exit: 5,
            },
        }
    }
}

impl From<PublishError> for CliError {
    fn from(error: PublishError) -> Self {
        Self {
            what: "cannot write".to_owned(),
            place: error.to_string(),
            help: "check the path and its permissions".to_owned(),
            exit: 5,
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "error: {}", printable(&self.what))?;
        writeln!(formatter, "  --> {}", printable(&self.place))?;
        write!(formatter, "  help: {}", printable(&self.help))
    }
}
