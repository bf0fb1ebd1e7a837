//! The gate: each scenario read, compared, judged; one report for all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::capture::{CaptureError, LoadOptions, load_mapped};
use super::record::record;
use crate::baseline::{self, observe};
use crate::common::yaml::YamlError;
use crate::source::{self, SourceError};
use crate::triage::{Catalogs, SCHEMA, Tool};
use crate::verdict::{
    BaselineRef, CheckReport, Code, Finding, Judged, Level, Outcome, Policy, ScenarioReport, exit_code,
    judge, unjudged,
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

/// What to make of a scenario that has no baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissingBaseline {
    /// Exit 4.
    Fail,
    /// Say so and pass.
    Warn,
    /// Write one from this capture and pass.
    Seed,
}

/// What to make of a capture that cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInconclusive {
    /// Exit 3.
    Fail,
    /// Say so and exit 0.
    Warn,
}

/// How the gate is run.
pub struct CheckOptions<'a> {
    /// Levels and thresholds.
    pub policy: Policy,
    /// Without a baseline.
    pub on_missing_baseline: OnMissingBaseline,
    /// Without a verdict.
    pub on_inconclusive: OnInconclusive,
    /// Files that the change under test touches.
    pub changed_files: Vec<String>,
    /// Never a non-zero exit for a verdict.
    pub exit_zero: bool,
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
    let verdict = reports.iter().map(|report| report.verdict).max().unwrap_or(Outcome::Pass);
    let has_failed_capture = reports
        .iter()
        .flat_map(|report| &report.findings)
        .any(|finding| finding.code == Code::CaptureFailed && finding.level == Level::Deny);
    // What is excused does not hide what is not: the worst of the rest decides.
    let excused = |outcome: Outcome| {
        outcome == Outcome::Inconclusive
            && options.on_inconclusive == OnInconclusive::Warn
            && !has_failed_capture
    };
    let counted = reports.iter().map(|report| report.verdict).filter(|outcome| !excused(*outcome)).max();
    let exit_code = match counted {
        Some(outcome) if !options.exit_zero => exit_code(outcome, has_failed_capture),
        _ => 0,
    };
    Ok(CheckReport {
        schema: SCHEMA,
        tool: Tool::default(),
        verdict,
        exit_code,
        policy: options.policy.clone(),
        scenarios: reports,
    })
}

struct BaselineFile {
    baseline: baseline::Baseline,
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
    Ok(Some(BaselineFile { baseline: baseline::parse(&text, path)?, sha256 }))
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
                ranks: &[],
                notes: Vec::new(),
                changed_files: &options.changed_files,
            };
            return Ok(unjudged(subject, capture_finding(&error, scenario), &policy));
        }
    };
    let subject = |notes: Vec<String>| Judged {
        scenario: &scenario.name,
        baseline: reference.clone(),
        ranks: &capture.ranks,
        notes,
        changed_files: &options.changed_files,
    };
    let notes = capture.notes.clone();
    if let Some(file) = baseline {
        let observation = observe(&capture.ranks);
        return Ok(judge(subject(notes), &file.baseline, &observation, &policy));
    }
    if options.on_missing_baseline == OnMissingBaseline::Seed {
        return match record(&capture, None) {
            Ok(text) => {
                crate::publish::files::write(&scenario.baseline, text.as_bytes())?;
                let mut notes = notes;
                notes.push(format!("wrote {path} from this capture; review and commit it"));
                let baseline = baseline::parse(&text, &scenario.baseline)?;
                Ok(judge(subject(notes), &baseline, &observe(&capture.ranks), &policy))
            }
            Err(doubts) => {
                let first = doubts.into_iter().next();
                let finding =
                    first.unwrap_or_else(|| Finding::new(Code::CaptureEmpty, &path, "nothing was measured"));
                Ok(unjudged(subject(notes), finding, &policy))
            }
        };
    }
    let mut finding = Finding::new(Code::BaselineMissing, &path, format!("there is no baseline at {path}"))
        .at(&path, 0)
        .with_help(format!(
            "record one: profgate baseline record {} -o {path}",
            scenario.inputs.iter().map(|input| input.display().to_string()).collect::<Vec<_>>().join(" ")
        ));
    if options.on_missing_baseline == OnMissingBaseline::Warn {
        finding.level = Level::Warn;
    }
    Ok(unjudged(subject(notes), finding, &policy))
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
