//! From paths to one triage per rank: source → trace → triage.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::source::{self, Candidate, Defect, Limits, PathStage, SourceError};
use crate::trace::{self, HealthCode, Trace, TraceError};
use crate::triage::{self, Classifier, Input, Stage, Triage, TriageError};

/// How a capture is read.
pub struct LoadOptions<'a> {
    /// Files read at once, at least one.
    pub threads: usize,
    /// Read only this rank.
    pub rank: Option<u32>,
    /// Limits on what is read.
    pub limits: Limits,
    /// Called with the number of files read so far and of all files.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// A capture, read and triaged.
#[derive(Debug)]
pub struct Capture {
    /// One triage per rank, in order of rank; at least one.
    pub ranks: Vec<Triage>,
    /// Choices made on the way, a sentence each.
    pub notes: Vec<String>,
}

/// Why a capture could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A path could not be read, or holds nothing to read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file that the user named is no trace.
    #[error("{path}: {error}")]
    Trace {
        /// The file.
        path: String,
        /// What is wrong.
        error: TraceError,
    },
    /// The files do not make one capture.
    #[error("{0}")]
    Ambiguous(TriageError),
    /// The rank that was asked for is not there.
    #[error("no trace of rank {wanted}; there are {present}")]
    NoSuchRank {
        /// The rank asked for.
        wanted: u32,
        /// The ranks that are there.
        present: String,
    },
}

impl CaptureError {
    /// What the user can do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Source(error) => error.help(),
            Self::Trace { .. } => "name a file that torch.profiler exported, or the directory that holds it",
            Self::Ambiguous(_) => {
                "name one capture: a single file, or a directory with one file a rank and stage"
            }
            Self::NoSuchRank { .. } => "name a rank that the capture has",
        }
    }
}

struct ReadFile {
    trace: Trace,
    label: String,
    sha256: String,
    path_stage: Option<Stage>,
    rank: u32,
}

/// Reads every trace of the inputs and triages each rank.
pub fn load(
    inputs: &[PathBuf],
    classifier: &Classifier,
    options: &LoadOptions<'_>,
) -> Result<Capture, CaptureError> {
    load_mapped(inputs, &[], classifier, options)
}

/// Reads every trace of the inputs and triages each rank; the traces of `mapping` name the source of what the
/// inputs measured.
pub fn load_mapped(
    inputs: &[PathBuf],
    mapping: &[PathBuf],
    classifier: &Classifier,
    options: &LoadOptions<'_>,
) -> Result<Capture, CaptureError> {
    let mut candidates = Vec::new();
    let mut notes = Vec::new();
    let mut server_args = None;
    for input in inputs {
        let located = locate(input)?;
        candidates.extend(located.candidates);
        for one in located.left_out {
            notes.push(format!("left out {}: {}", one.path.display(), one.reason));
        }
        server_args = server_args.or_else(|| {
            let path = located.server_args?;
            let args = source::read_server_args(&path)?;
            notes.push(format!("server arguments from {}", path.display()));
            Some(args)
        });
    }
    let files = read_all(&candidates, options, &mut notes)?;
    let mut by_rank: BTreeMap<u32, Vec<&ReadFile>> = BTreeMap::new();
    for file in &files {
        by_rank.entry(file.rank).or_default().push(file);
    }
    if let Some(wanted) = options.rank {
        let present: Vec<String> = by_rank.keys().map(u32::to_string).collect();
        by_rank.retain(|rank, _| *rank == wanted);
        if by_rank.is_empty() {
            return Err(CaptureError::NoSuchRank { wanted, present: present.join(", ") });
        }
    }
    let maps = read_mapping(mapping, options, &mut notes)?;
    let mut ranks = Vec::new();
    for (rank, files) in &by_rank {
        let inputs: Vec<Input<'_>> = files.iter().map(|file| as_input(file)).collect();
        let maps: Vec<Input<'_>> = of_rank(&maps, *rank, &mut notes).into_iter().map(as_input).collect();
        ranks.push(
            triage::triage(&inputs, &maps, classifier, server_args.clone())
                .map_err(CaptureError::Ambiguous)?,
        );
    }
    Ok(Capture { ranks, notes })
}

fn as_input(file: &ReadFile) -> Input<'_> {
    Input {
        trace: &file.trace,
        path: &file.label,
        path_stage: file.path_stage,
        rank: file.rank,
        sha256: &file.sha256,
    }
}

/// Reads the files of a mapping capture.
fn read_mapping(
    mapping: &[PathBuf],
    options: &LoadOptions<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<ReadFile>, CaptureError> {
    let mut candidates = Vec::new();
    for path in mapping {
        let located = locate(path)?;
        candidates.extend(located.candidates);
        for one in located.left_out {
            notes.push(format!("left out {}: {}", one.path.display(), one.reason));
        }
    }
    if candidates.is_empty() { Ok(Vec::new()) } else { read_all(&candidates, options, notes) }
}

/// The mapping files of a rank, else those of the lowest rank: ranks run the same code.
fn of_rank<'f>(maps: &'f [ReadFile], rank: u32, notes: &mut Vec<String>) -> Vec<&'f ReadFile> {
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

fn locate(input: &Path) -> Result<source::Located, SourceError> {
    if input == Path::new("-") {
        let stdin = Candidate { path: input.to_owned(), rank: None, stage: None, is_named: true };
        return Ok(source::Located { candidates: vec![stdin], ..source::Located::default() });
    }
    source::locate(input)
}

/// Reads the files, several at once, and returns them in the order of the candidates.
fn read_all(
    candidates: &[Candidate],
    options: &LoadOptions<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<ReadFile>, CaptureError> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut results = BTreeMap::new();
    std::thread::scope(|scope| {
        for _ in 0..options.threads.clamp(1, candidates.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(candidate) = candidates.get(index) else { break };
                    if sender.send((index, read_one(candidate, options.limits))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (index, result) in receiver {
            results.insert(index, result);
            (options.progress)(results.len(), candidates.len());
        }
    });
    let mut files = Vec::new();
    let mut refused = None;
    for (candidate, result) in candidates.iter().zip(results.into_values()) {
        match result {
            Ok(file) => files.push(file),
            // A directory may hold other JSON; a file that the user named may not be something else.
            Err(CaptureError::Trace { path, error: error @ TraceError::Foreign(_) })
                if !candidate.is_named =>
            {
                notes.push(format!("left out {path}: {error}"));
                refused = Some(CaptureError::Trace { path, error });
            }
            Err(error) => return Err(error),
        }
    }
    match refused {
        Some(error) if files.is_empty() => Err(error),
        _ => Ok(files),
    }
}

fn read_one(candidate: &Candidate, limits: Limits) -> Result<ReadFile, CaptureError> {
    let label = candidate.path.display().to_string();
    let opened = source::open(&candidate.path, limits)?;
    let mut trace = trace::read(&opened.bytes).or_else(|error| match (error, opened.defect) {
        // Nothing of the JSON survived the cut; the cut is the news.
        (TraceError::Empty, Some(Defect::CutOff | Defect::Damaged)) => Ok(Trace::default()),
        (error, _) => Err(CaptureError::Trace { path: label.clone(), error }),
    })?;
    match opened.defect {
        Some(Defect::CutOff) => {
            trace.health.count(HealthCode::CutOff, || "the gzip data end early".to_owned())
        }
        Some(Defect::Damaged) => {
            trace.health.count(HealthCode::Damaged, || "the gzip data are damaged".to_owned())
        }
        Some(Defect::TrailingData) => {
            trace.health.count(HealthCode::TrailingData, || "bytes follow the gzip data".to_owned());
        }
        None => {}
    }
    let rank = candidate.rank.or(trace.header.rank).unwrap_or(0);
    let path_stage = candidate.stage.map(|stage| match stage {
        PathStage::Prefill => Stage::Prefill,
        PathStage::Decode => Stage::Decode,
    });
    Ok(ReadFile { trace, label, sha256: opened.sha256, path_stage, rank })
}
