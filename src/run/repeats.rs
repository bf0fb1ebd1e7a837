//! Captures of one thing, read one after the other and put together: traces, or what profgate wrote of them.

use std::path::{Path, PathBuf};

use super::capture::{CaptureError, LoadOptions, load};
use crate::baseline::{self, Baseline, NoRepeats, Observation, merge, observe};
use crate::source;
use crate::triage::{Catalogs, Triage};
use crate::verdict::{
    BaselineRef, CheckReport, Code, Finding, Judged, Policy, ScenarioReport, Terms, doubts_about_capture,
    judge,
};

/// Repeats of one thing, put together.
#[derive(Debug)]
pub struct Repeats {
    /// Each number the median of the captures.
    pub observation: Observation,
    /// Every rank's tables of the first capture.
    pub ranks: Vec<Triage>,
    /// Choices made while reading, a sentence each.
    pub notes: Vec<String>,
}

/// Why captures do not make a baseline.
#[derive(Debug, thiserror::Error)]
pub enum RepeatsError {
    /// One of them could not be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// One of them measured nothing that could be judged.
    #[error("{label}: {}", finding.message)]
    Doubt {
        /// The capture as the user names it.
        label: String,
        /// What is wrong with it.
        finding: Box<Finding>,
    },
    /// A report that cannot stand for its capture.
    #[error("{path}: {reason}")]
    Report {
        /// The file.
        path: String,
        /// Why.
        reason: String,
        /// What to do.
        help: &'static str,
    },
    /// One capture is named more than once: its own repeat has no noise.
    #[error("{label} is named twice")]
    Twice {
        /// The capture as the user names it.
        label: String,
    },
    /// They did not run the same kernels.
    #[error("{other} is no repeat of {first}: {reason}")]
    Unlike {
        /// The first capture.
        first: String,
        /// The one that differs.
        other: String,
        /// The worst that differs.
        reason: String,
    },
    /// They are no repeats of one another.
    #[error("{other} is no repeat of {first}: {what} is {there}, not {here}")]
    NoRepeats {
        /// The first capture.
        first: String,
        /// The one that differs.
        other: String,
        /// In which part.
        what: String,
        /// The first one's word.
        here: String,
        /// The other one's.
        there: String,
    },
}

impl RepeatsError {
    /// What to do about it.
    pub fn help(&self) -> &str {
        match self {
            Self::Capture(error) => error.help(),
            Self::Doubt { finding, .. } => &finding.help,
            Self::Report { help, .. } => help,
            Self::Twice { .. } => "name each capture once; only another run tells how far times scatter",
            Self::Unlike { .. } => {
                "leave out the capture that ran otherwise; `profgate diff` shows what differs"
            }
            Self::NoRepeats { .. } => {
                "record one baseline for each machine, model and workload; --repeat takes captures of the same"
            }
        }
    }
}

/// Reads a capture that several paths make, and repeats of it that one path makes each.
///
/// A report of profgate stands for its capture, wherever it is named.
pub fn read(
    inputs: &[PathBuf],
    repeats: &[PathBuf],
    catalogs: &Catalogs,
    options: &LoadOptions<'_>,
) -> Result<Repeats, RepeatsError> {
    let mut parts: Vec<Vec<PathBuf>> = Vec::new();
    let mut traces = Vec::new();
    let mut alone = Vec::new();
    for path in inputs {
        let set = set_of_repeats(path);
        if !set.is_empty() {
            alone.extend(set);
        } else if is_report(path) {
            alone.push(path.clone());
        } else {
            traces.push(path.clone());
        }
    }
    if !traces.is_empty() {
        parts.push(traces);
    }
    for path in repeats {
        let set = set_of_repeats(path);
        if set.is_empty() { alone.push(path.clone()) } else { alone.extend(set) }
    }
    parts.extend(alone.into_iter().map(|path| vec![path]));
    let mut observations = Vec::new();
    let mut labels = Vec::new();
    let mut notes = Vec::new();
    let mut first = None;
    for part in parts {
        let label = part.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
        let ranks = match part.as_slice() {
            [one] if is_report(one) => ranks_of_report(one)?,
            _ => {
                let capture = load(&part, catalogs, options)?;
                notes.extend(capture.notes);
                capture.ranks
            }
        };
        if let Some(finding) = doubts_about_capture(&ranks).into_iter().next() {
            return Err(RepeatsError::Doubt { label, finding: Box::new(finding) });
        }
        observations.push(observe(&ranks));
        first.get_or_insert(ranks);
        labels.push(label);
    }
    let label = |index: usize| labels.get(index).cloned().unwrap_or_default();
    if let Some(twice) =
        labels.iter().enumerate().find(|(at, label)| labels.iter().take(*at).any(|one| one == *label))
    {
        return Err(RepeatsError::Twice { label: twice.1.clone() });
    }
    let merged = merge(&observations).map_err(|error: NoRepeats| RepeatsError::NoRepeats {
        first: label(0),
        other: label(error.capture),
        what: error.what,
        here: error.first,
        there: error.other,
    })?;
    if let [one, others @ ..] = observations.as_slice()
        && !others.is_empty()
    {
        let one = as_baseline(one, &label(0))?;
        for (other, index) in others.iter().zip(1..) {
            if let Some(reason) = unlike(&one, other) {
                return Err(RepeatsError::Unlike { first: label(0), other: label(index), reason });
            }
        }
    }
    let observation = merged.ok_or_else(|| RepeatsError::Report {
        path: "no input".to_owned(),
        reason: "nothing was named".to_owned(),
        help: "name traces, or reports of profgate",
    })?;
    Ok(Repeats { observation, ranks: first.unwrap_or_default(), notes })
}

/// What of the structure differs between two captures that shall be repeats, the worst of it in a sentence.
///
/// A median over captures that ran different kernels is a baseline of neither, and takes both for the same.
fn unlike(one: &Baseline, other: &Observation) -> Option<String> {
    let report = against(one, other, &[], Vec::new(), "");
    let is_structure = |finding: &&Finding| match finding.code {
        Code::PathMissing
        | Code::PathPartial
        | Code::KernelVanished
        | Code::StructureCostlier
        | Code::StructureCheaper
        | Code::Mixed => true,
        Code::NotComparable => finding.stage.is_some(),
        _ => false,
    };
    let mut all = report.findings.iter().chain(&report.improvements);
    all.find(is_structure).map(|finding| finding.message.clone())
}

/// A capture as a baseline would hold it; `label` is how the user names it.
pub(super) fn as_baseline(observation: &Observation, label: &str) -> Result<Baseline, RepeatsError> {
    let text = baseline::to_yaml(observation, None);
    // What profgate writes it can read; anything else is told as a broken report would be.
    baseline::parse(&text, Path::new(label)).map_err(|error| RepeatsError::Report {
        path: label.to_owned(),
        reason: error.to_string(),
        help: "name the traces instead",
    })
}

/// What the gate says of one capture against another, with nobody's waivers, promises or policy.
pub(super) fn against(
    before: &Baseline,
    after: &Observation,
    ranks: &[Triage],
    notes: Vec<String>,
    label: &str,
) -> ScenarioReport {
    let terms = Terms::none();
    let subject = Judged {
        scenario: "diff",
        baseline: BaselineRef { path: label.to_owned(), sha256: None, gpu: None },
        doubts: Vec::new(),
        triage: ranks.first(),
        notes,
        terms: &terms,
        changed_files: &[],
    };
    judge(subject, before, after, &Policy::default())
}

/// The captures of a folder that holds `repeat-1`, `repeat-2` and so on, each a whole one; empty for another.
fn set_of_repeats(path: &Path) -> Vec<PathBuf> {
    let numbered = (1..).map(|number| path.join(format!("repeat-{number}")));
    numbered.take_while(|folder| folder.is_dir()).collect()
}

/// Whether a file is what profgate wrote: its name and version stand at the beginning.
fn is_report(path: &Path) -> bool {
    const MOST: usize = 400;
    if !path.is_file() {
        return false;
    }
    let Ok(peek) = source::peek(path) else { return false };
    let start = String::from_utf8_lossy(peek.bytes.get(..MOST).unwrap_or(&peek.bytes)).into_owned();
    let dense: String = start.chars().filter(|c| !c.is_whitespace()).collect();
    dense.contains("\"tool\":{\"name\":\"profgate\"")
}

/// The ranks that a report holds; a report that holds one rank of several does not stand for its capture.
fn ranks_of_report(path: &Path) -> Result<Vec<Triage>, RepeatsError> {
    let wrong = |reason: String, help: &'static str| RepeatsError::Report {
        path: path.display().to_string(),
        reason,
        help,
    };
    let again = "write it again with `profgate triage --rank all --format json`, or name the traces";
    let text = source::read_text(path).map_err(|error| wrong(error.to_string(), again))?;
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string(), again))?;
    let ranks: Vec<Triage> = if value.get("scenarios").is_some() {
        let report: CheckReport =
            serde_json::from_value(value).map_err(|error| wrong(error.to_string(), again))?;
        let [scenario] = <[_; 1]>::try_from(report.scenarios).map_err(|scenarios: Vec<_>| {
            wrong(
                format!("it has {} scenarios, and a baseline is of one", scenarios.len()),
                "check one scenario alone, or name the traces",
            )
        })?;
        scenario.triage.into_iter().collect()
    } else if value.is_array() {
        serde_json::from_value(value).map_err(|error| wrong(error.to_string(), again))?
    } else {
        vec![serde_json::from_value(value).map_err(|error| wrong(error.to_string(), again))?]
    };
    let of = ranks.first().and_then(|triage| triage.ranks.as_ref()).map_or(1, |ranks| ranks.ranks.len());
    if ranks.is_empty() || ranks.len() < of {
        return Err(wrong(format!("it holds {} of {of} ranks", ranks.len()), again));
    }
    Ok(ranks)
}
