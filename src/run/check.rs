//! The gate: each scenario read, compared, judged; one report for all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::capture::{CaptureError, LoadOptions, load_mapped};
use super::record::record;
use crate::baseline::{self, observe};
use crate::common::yaml::YamlError;
use crate::source::{self, SourceError};
use crate::triage::Catalogs;
use crate::verdict::{
    BaselineRef, Basis, CheckReport, Code, Finding, Judged, Level, OnMissingBaseline, Policy, ScenarioReport,
    doubts_about_capture, judge, unjudged,
};

/// One scenario, its paths resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Where the capture lies.
    pub inputs: Vec<PathBuf>,
    /// Where a capture lies that names the source of what the inputs measured; may be empty.
    pub mapping: Vec<PathBuf>,
    /// Where the baseline lies.
    pub baseline: PathBuf,
    /// Levels that differ from the policy's, for this scenario.
    pub levels: BTreeMap<Code, Level>,
}

/// How the gate is run.
pub struct CheckOptions<'a> {
    /// Levels, thresholds, and what decides the exit code.
    pub policy: Policy,
    /// Files that the change under test touches.
    pub changed_files: Vec<String>,
    /// How captures are read.
    pub load: LoadOptions<'a>,
}

/// A run that ended before any verdict.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Inputs that do not make one capture.
    #[error(transparent)]
    Usage(CaptureError),
    /// A baseline that cannot be read as one.
    #[error(transparent)]
    Baseline(#[from] YamlError),
    /// A file that could not be written.
    #[error(transparent)]
    Publish(#[from] crate::publish::files::PublishError),
    /// A baseline file that is there and cannot be opened or written.
    #[error("cannot use {path}: {reason}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

/// Judges every scenario in order.
pub fn check(
    scenarios: &[Scenario],
    catalogs: &Catalogs,
    options: &CheckOptions<'_>,
) -> Result<CheckReport, CheckError> {
    // A broken baseline shall be known before minutes go into reading traces.
    let mut baselines = Vec::new();
    for scenario in scenarios {
        baselines.push(read_baseline(&scenario.baseline)?);
    }
    let mut reports = Vec::new();
    for (scenario, baseline) in scenarios.iter().zip(baselines) {
        reports.push(one(scenario, baseline, catalogs, options)?);
    }
    Ok(CheckReport::conclude(options.policy.clone(), reports))
}

struct BaselineFile {
    baseline: baseline::Baseline,
    text: String,
    sha256: String,
}

fn read_baseline(path: &Path) -> Result<Option<BaselineFile>, CheckError> {
    let text = match source::read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            let help = Some("name a baseline, or record it anew".to_owned());
            let message = error.to_string();
            return Err(YamlError { path: path.to_owned(), line: 0, column: 0, message, help }.into());
        }
        Err(error) => return Err(CheckError::Io { path: path.to_owned(), reason: error.to_string() }),
    };
    let sha256 = source::sha256(text.as_bytes());
    Ok(Some(BaselineFile { baseline: baseline::parse(&text, path)?, text, sha256 }))
}

fn one(
    scenario: &Scenario,
    baseline: Option<BaselineFile>,
    catalogs: &Catalogs,
    options: &CheckOptions<'_>,
) -> Result<ScenarioReport, CheckError> {
    let policy = options.policy.with_levels(&scenario.levels);
    let path = scenario.baseline.display().to_string();
    let reference =
        BaselineRef { path: path.clone(), sha256: baseline.as_ref().map(|file| file.sha256.clone()) };
    let capture = match load_mapped(&scenario.inputs, &scenario.mapping, catalogs, &options.load) {
        Ok(capture) => capture,
        // Files that make no capture are a mistake in naming them, as in every other command.
        Err(error @ CaptureError::Ambiguous(_)) => return Err(CheckError::Usage(error)),
        Err(error) => {
            let subject = Judged {
                scenario: &scenario.name,
                baseline: reference,
                doubts: Vec::new(),
                triage: None,
                notes: Vec::new(),
                changed_files: &options.changed_files,
            };
            return Ok(unjudged(subject, capture_finding(&error, scenario), &policy));
        }
    };
    let subject = |notes: Vec<String>| Judged {
        scenario: &scenario.name,
        baseline: reference.clone(),
        doubts: doubts_about_capture(&capture.ranks),
        triage: capture.ranks.first(),
        notes,
        changed_files: &options.changed_files,
    };
    let observation = observe(&capture.ranks);
    let with_basis = |mut report: ScenarioReport, baseline: Option<String>| {
        report.basis = Some(Basis {
            baseline,
            capture: observation.clone(),
            levels: scenario.levels.clone(),
            changed_files: options.changed_files.clone(),
            notes: capture.notes.clone(),
        });
        Ok(report)
    };
    let notes = capture.notes.clone();
    if let Some(file) = baseline {
        let report = judge(subject(notes), &file.baseline, &observation, &policy);
        return with_basis(report, Some(file.text));
    }
    if options.policy.on_missing_baseline == OnMissingBaseline::Seed {
        return match record(&capture, None) {
            Ok(text) => {
                crate::publish::files::write(&scenario.baseline, text.as_bytes())?;
                let mut notes = notes;
                notes.push(format!("wrote {path} from this capture; review and commit it"));
                let baseline = baseline::parse(&text, &scenario.baseline)?;
                let report = judge(subject(notes), &baseline, &observation, &policy);
                with_basis(report, Some(text))
            }
            Err(doubts) => {
                let first = doubts.into_iter().next();
                let finding =
                    first.unwrap_or_else(|| Finding::new(Code::CaptureEmpty, &path, "nothing was measured"));
                with_basis(unjudged(subject(notes), finding, &policy), None)
            }
        };
    }
    let finding = Finding::new(Code::BaselineMissing, &path, format!("there is no baseline at {path}"))
        .at(&path, 0)
        .with_help(format!(
            "record one: profgate baseline record {} -o {path}",
            scenario.inputs.iter().map(|input| input.display().to_string()).collect::<Vec<_>>().join(" ")
        ));
    with_basis(unjudged(subject(notes), finding, &policy), None)
}

fn capture_finding(error: &CaptureError, scenario: &Scenario) -> Finding {
    let code = match error {
        CaptureError::Source(source) if source.is_io() => Code::CaptureFailed,
        CaptureError::Source(SourceError::NoTrace { .. }) => Code::CaptureEmpty,
        CaptureError::Diffusers(_) => Code::NotComparable,
        CaptureError::Source(_)
        | CaptureError::Trace { .. }
        | CaptureError::Merged { .. }
        | CaptureError::Ambiguous(_)
        | CaptureError::NoSuchRank { .. } => Code::CaptureUnreadable,
    };
    let subject =
        scenario.inputs.iter().map(|input| input.display().to_string()).collect::<Vec<_>>().join(" ");
    Finding::new(code, subject, error.to_string()).with_help(error.help())
}
