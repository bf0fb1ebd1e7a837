//! The gate: each scenario read, compared, judged; one report for all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::capture::{CaptureError, LoadOptions, load_mapped};
use super::record::record;
use super::terms;
use crate::baseline::{self, Observation, observe};
use crate::common::date::Date;
use crate::common::text::shell_word;
use crate::common::yaml::YamlError;
use crate::source::{self, SourceError};
use crate::triage::Catalogs;
use crate::verdict::{
    BaselineRef, Basis, CheckReport, Code, Finding, Judged, Level, OnMissingBaseline, PlacedPromise, Policy,
    ScenarioReport, Terms, Waiver, confirm, doubts_about_capture, has_open_time, judge, judge_promises,
    unjudged,
};

/// One scenario, its paths resolved.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Where the capture lies.
    pub inputs: Vec<PathBuf>,
    /// Where a capture lies that names the source of what the inputs measured; may be empty.
    pub mapping: Vec<PathBuf>,
    /// Where a second, fresh capture of the same lies; may be empty.
    pub confirm: Vec<PathBuf>,
    /// Where the baseline lies; `None` of a scenario that has promises only.
    pub baseline: Option<PathBuf>,
    /// What was sent to the server, in the user's words.
    pub workload: Option<String>,
    /// What the configuration promises.
    pub promises: Vec<PlacedPromise>,
    /// What the configuration and the commits accept.
    pub waivers: Vec<Waiver>,
    /// Levels that differ from the policy's, for this scenario.
    pub levels: BTreeMap<Code, Level>,
    /// Why there is no capture, where one was to be made first.
    pub failed: Option<FailedCapture>,
}

/// A capture that was to be made and came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCapture {
    /// The server, or whatever was to be captured.
    pub subject: String,
    /// What happened.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// How the gate is run.
pub struct CheckOptions<'a> {
    /// Levels, thresholds, and what decides the exit code.
    pub policy: Policy,
    /// The day against which waivers are held.
    pub today: Date,
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
    /// A second capture that is not there.
    #[error(transparent)]
    Confirm(SourceError),
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

/// What came of a run.
#[derive(Debug)]
pub struct Checked {
    /// What was judged, and what could not be.
    pub report: CheckReport,
    /// The first input that makes no capture because of how files were named. The run ends as a mistake of its
    /// user, with exit code 2, whatever the policy makes of inputs that could not be judged.
    pub mistake: Option<CaptureError>,
}

/// Exit code of a mistake in naming inputs.
const MISTAKE: u8 = 2;

/// Judges every scenario in order.
pub fn check(
    scenarios: &[Scenario],
    catalogs: &Catalogs,
    options: &CheckOptions<'_>,
) -> Result<Checked, CheckError> {
    // A broken baseline shall be known before minutes go into reading traces.
    let mut baselines = Vec::new();
    for scenario in scenarios {
        baselines.push(match &scenario.baseline {
            Some(path) => read_baseline(path)?,
            None => None,
        });
    }
    // Whether the second capture is there shall not depend on whether the first one makes anybody ask for it.
    for scenario in scenarios.iter().filter(|scenario| !scenario.confirm.is_empty()) {
        source::locate(&scenario.confirm).map_err(CheckError::Confirm)?;
    }
    for (scenario, baseline) in scenarios.iter().zip(&baselines) {
        terms::known_paths(&scenario.promises, &catalogs.paths)?;
        if let Some(file) = baseline {
            terms::known_paths(&file.promises, &catalogs.paths)?;
        }
    }
    let (mut reports, mut mistake) = (Vec::new(), None);
    for (scenario, baseline) in scenarios.iter().zip(baselines) {
        reports.push(one(scenario, baseline, catalogs, options, &mut mistake)?);
    }
    let mut report = CheckReport::conclude(options.policy.clone(), reports);
    if mistake.is_some() {
        report.exit_code = MISTAKE;
    }
    Ok(Checked { report, mistake })
}

/// A baseline that was read.
pub(super) struct BaselineFile {
    /// What it says.
    pub baseline: baseline::Baseline,
    /// As it stands in the file.
    pub text: String,
    /// Digest of the file.
    pub sha256: String,
    /// What it promises.
    pub promises: Vec<PlacedPromise>,
    /// What it waives.
    pub waivers: Vec<Waiver>,
}

impl BaselineFile {
    /// The GPU model that it was recorded on, when it is known.
    pub fn gpu(&self) -> Option<String> {
        self.baseline.comparable.fingerprint().gpu
    }
}

/// Reads a baseline; `None` when there is no such file.
pub(super) fn read_baseline(path: &Path) -> Result<Option<BaselineFile>, CheckError> {
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
    let baseline = baseline::parse(&text, path)?;
    let promises = PlacedPromise::of_baseline(&baseline, &path.display().to_string());
    let waivers = Waiver::of_rows(&baseline.waivers, path)?;
    Ok(Some(BaselineFile { baseline, text, sha256, promises, waivers }))
}

fn one(
    scenario: &Scenario,
    baseline: Option<BaselineFile>,
    catalogs: &Catalogs,
    options: &CheckOptions<'_>,
    mistake: &mut Option<CaptureError>,
) -> Result<ScenarioReport, CheckError> {
    let policy = options.policy.with_levels(&scenario.levels);
    let named = scenario.baseline.as_deref();
    let path = match (named, scenario.promises.first()) {
        (Some(path), _) => path.display().to_string(),
        (None, first) => first.map(|promise| promise.file.clone()).unwrap_or_default(),
    };
    let reference = BaselineRef {
        path: path.clone(),
        sha256: baseline.as_ref().map(|file| file.sha256.clone()),
        gpu: baseline.as_ref().and_then(BaselineFile::gpu),
    };
    let terms =
        terms::of(scenario, baseline.as_ref().map(|file| (&file.promises, &file.waivers)), options.today);
    if let Some(failed) = &scenario.failed {
        let subject = Judged {
            scenario: &scenario.name,
            baseline: reference,
            doubts: Vec::new(),
            triage: None,
            notes: Vec::new(),
            terms: &terms,
            changed_files: &options.changed_files,
        };
        let finding =
            Finding::new(Code::CaptureFailed, &failed.subject, &failed.message).with_help(&failed.help);
        return Ok(unjudged(subject, finding, &policy));
    }
    let capture = match load_mapped(&scenario.inputs, &scenario.mapping, catalogs, &options.load) {
        Ok(capture) => capture,
        Err(error) => {
            let subject = Judged {
                scenario: &scenario.name,
                baseline: reference,
                doubts: Vec::new(),
                triage: None,
                notes: Vec::new(),
                terms: &terms,
                changed_files: &options.changed_files,
            };
            let report = unjudged(subject, capture_finding(&error, scenario), &policy);
            // Files that make no capture are a mistake in naming them, as in every other command.
            if matches!(error, CaptureError::Ambiguous(_)) {
                mistake.get_or_insert(error);
            }
            return Ok(report);
        }
    };
    let subject = |notes: Vec<String>| Judged {
        scenario: &scenario.name,
        baseline: reference.clone(),
        doubts: doubts_about_capture(&capture.ranks),
        triage: capture.ranks.first(),
        notes,
        terms: &terms,
        changed_files: &options.changed_files,
    };
    let mut observation = observe(&capture.ranks);
    observation.fingerprint.workload.clone_from(&scenario.workload);
    let with_basis = |mut report: ScenarioReport, baseline: Option<String>| {
        report.basis = Some(Basis {
            baseline,
            capture: observation.clone(),
            levels: scenario.levels.clone(),
            changed_files: options.changed_files.clone(),
            terms: terms::of(scenario, None, options.today),
            confirm: None,
            notes: capture.notes.clone(),
        });
        report
    };
    let notes = capture.notes.clone();
    if let Some(file) = baseline {
        let mut report = judge(subject(notes), &file.baseline, &observation, &policy);
        let mut second = None;
        if !scenario.confirm.is_empty() && has_open_time(&report) {
            match judge_second(scenario, &file.baseline, &terms, &policy, catalogs, options) {
                Ok((again, measured)) => {
                    confirm(&mut report, &again);
                    second = Some(measured);
                }
                Err(error @ CaptureError::Ambiguous(_)) => return Err(CheckError::Usage(error)),
                // It confirms nothing and excuses nothing; what the first capture showed stands.
                Err(error) => report.notes.push(format!(
                    "the second capture could not be read, so it confirms nothing: {error}; {}",
                    error.help()
                )),
            }
        }
        let mut report = with_basis(report, Some(file.text));
        if let Some(basis) = &mut report.basis {
            basis.confirm = second;
        }
        return Ok(report);
    }
    let Some(named) = named else {
        return Ok(with_basis(judge_promises(subject(notes), None, &observation, &policy), None));
    };
    if options.policy.on_missing_baseline == OnMissingBaseline::Seed {
        return match record(&capture, None) {
            Ok(text) => {
                crate::publish::files::write(named, text.as_bytes())?;
                let mut notes = notes;
                notes.push(format!("wrote {path} from this capture; review and commit it"));
                let baseline = baseline::parse(&text, named)?;
                let report = judge(subject(notes), &baseline, &observation, &policy);
                Ok(with_basis(report, Some(text)))
            }
            Err(doubts) => {
                let first = doubts.into_iter().next();
                let finding =
                    first.unwrap_or_else(|| Finding::new(Code::CaptureEmpty, &path, "nothing was measured"));
                Ok(with_basis(unjudged(subject(notes), finding, &policy), None))
            }
        };
    }
    let finding = Finding::new(Code::BaselineMissing, &path, format!("there is no baseline at {path}"))
        .at(&path, 0)
        .with_help(format!(
            "record one with `profgate baseline record {} -o {}`",
            scenario
                .inputs
                .iter()
                .map(|input| shell_word(&input.display().to_string()))
                .collect::<Vec<_>>()
                .join(" "),
            shell_word(&path)
        ));
    if scenario.promises.is_empty() {
        return Ok(with_basis(unjudged(subject(notes), finding, &policy), None));
    }
    // What is promised can be judged all the same.
    Ok(with_basis(judge_promises(subject(notes), Some(finding), &observation, &policy), None))
}

/// The same judgement of the capture that is to confirm the first one.
fn judge_second(
    scenario: &Scenario,
    baseline: &baseline::Baseline,
    terms: &Terms,
    policy: &Policy,
    catalogs: &Catalogs,
    options: &CheckOptions<'_>,
) -> Result<(ScenarioReport, Observation), CaptureError> {
    let capture = load_mapped(&scenario.confirm, &[], catalogs, &options.load)?;
    let mut observation = observe(&capture.ranks);
    observation.fingerprint.workload.clone_from(&scenario.workload);
    let subject = Judged {
        scenario: &scenario.name,
        baseline: BaselineRef { path: String::new(), sha256: None, gpu: None },
        doubts: doubts_about_capture(&capture.ranks),
        triage: capture.ranks.first(),
        notes: Vec::new(),
        terms,
        changed_files: &[],
    };
    let report = judge(subject, baseline, &observation, policy);
    Ok((report, observation))
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
