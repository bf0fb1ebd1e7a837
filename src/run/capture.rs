//! From paths to one triage per rank: source → trace → triage.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use serde_json::{Map, Value};

use super::{mapping, ranks, select, stream};
use crate::source::{
    self, Candidate, Defect, Fallback, Inflating, LeftOut, Limits, Located, PathStage, Position, SourceError,
};
use crate::trace::{HealthCode, Reader, Trace, TraceError};
use crate::triage::{self, Catalogs, Input, RankFacts, Stage, Triage, TriageError};

/// How a capture is read.
pub struct LoadOptions<'a> {
    /// Files read at once, at least one.
    pub threads: usize,
    /// Read only this rank.
    pub rank: Option<u32>,
    /// Limits on what is read.
    pub limits: Limits,
    /// Logs of the server, besides those that lie in the capture.
    pub server_logs: &'a [PathBuf],
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

/// Catalogs that may still be in the making.
pub type Deferred<'f, 'c> = dyn Fn() -> Result<&'c Catalogs, TriageError> + Sync + 'f;

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
    /// There is only a file that holds several ranks at once.
    #[error("{path} is a merged copy of several ranks ({ranks}), which cannot be judged by rank")]
    Merged {
        /// The file.
        path: String,
        /// The marks of its ranks.
        ranks: String,
    },
    /// The server's log says that another program did the work.
    #[error("{path}:{line}: {text}", path = .0.path.display(), line = .0.line, text = .0.text)]
    Diffusers(Fallback),
    /// The files do not make one capture.
    #[error("{0}")]
    Ambiguous(#[from] TriageError),
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
            Self::Trace { error: TraceError::TooManyEvents(_) | TraceError::TooManyNames(_), .. } => {
                "profile fewer steps: no capture of a few steps comes near this"
            }
            Self::Trace { error: TraceError::NameTooLong(_) | TraceError::TooDeep(_), .. } => {
                "no profiler writes this: record the trace again, and look at who changed the file"
            }
            Self::Trace { .. } => "name a file that torch.profiler exported, or the directory that holds it",
            Self::Merged { .. } => "name the files of the single ranks, which the profiler wrote beside it",
            Self::Diffusers(_) => {
                "the diffusers library ran the model, not the server, so this trace cannot be judged: start the server with its native diffusion backend, see that the log has no such line, and capture again"
            }
            Self::Ambiguous(_) => {
                "name one capture: a single file, or a directory with one file a rank and stage"
            }
            Self::NoSuchRank { .. } => "name a rank that the capture has",
        }
    }
}

/// One file of a capture, read.
#[derive(Debug)]
pub(super) struct ReadFile {
    pub trace: Trace,
    pub label: String,
    pub sha256: String,
    pub path_stage: Option<Stage>,
    pub position: Position,
    pub rank: u32,
    /// The replica or pipeline stage, among those that each have their own tensor-parallel ranks.
    pub replica: u32,
}

/// Reads every trace of the inputs and triages each rank.
pub fn load(
    inputs: &[PathBuf],
    catalogs: &Catalogs,
    options: &LoadOptions<'_>,
) -> Result<Capture, CaptureError> {
    load_mapped(inputs, &[], catalogs, options)
}

/// The same with catalogs that may still be in the making: they are asked for once the first trace is read.
pub fn load_deferred<'c>(
    inputs: &[PathBuf],
    mapping: &[PathBuf],
    catalogs: &Deferred<'_, 'c>,
    options: &LoadOptions<'_>,
) -> Result<Capture, CaptureError> {
    let mut notes = Vec::new();
    let mut located = source::locate(inputs)?;
    for log in options.server_logs {
        let found = source::scan_log(log, options.limits)?;
        refuse(log, found, &mut notes)?;
    }
    read_logs(&located.logs, options, &mut notes)?;
    select::by_first_bytes(&mut located)?;
    let server_args = located.server_args.as_ref().and_then(|path| {
        let args = source::read_server_args(path);
        let found =
            if args.is_some() { "server arguments" } else { "no server argument that profgate knows" };
        notes.push(format!("{found} from {}", path.display()));
        args
    });
    let streamed = if mapping.is_empty() {
        stream::read(&located.candidates, catalogs, server_args.as_ref(), options)
    } else {
        None
    };
    let mut ranks = match streamed {
        Some(streamed) => {
            notes.extend(select::notes(&located.left_out));
            notes.extend(streamed.notes);
            streamed.ranks
        }
        None => read_whole(inputs, mapping, located, catalogs, server_args, options, &mut notes)?,
    };
    if let Some(wanted) = options.rank {
        let present: Vec<String> = ranks.iter().map(|(triage, _)| triage.rank().to_string()).collect();
        ranks.retain(|(triage, _)| triage.rank() == wanted);
        if ranks.is_empty() {
            return Err(CaptureError::NoSuchRank { wanted, present: present.join(", ") });
        }
    }
    let (mut triages, facts): (Vec<Triage>, Vec<RankFacts>) = ranks.into_iter().unzip();
    for triage in &mut triages {
        triage.notes.clone_from(&notes);
    }
    if let Some(ranks) = triage::compare(&facts) {
        for triage in &mut triages {
            triage::leave_out_waiting(triage, &ranks)?;
        }
        // The lowest rank speaks for the capture.
        if let Some(speaker) = triages.first_mut() {
            speaker.ranks = Some(ranks);
        }
    }
    Ok(Capture { ranks: triages, notes })
}

/// Reads all files before any is triaged: what a file is, and of which rank, may depend on the others.
pub(super) fn read_whole<'c>(
    inputs: &[PathBuf],
    mapping: &[PathBuf],
    mut located: Located,
    catalogs: &Deferred<'_, 'c>,
    server_args: Option<Map<String, Value>>,
    options: &LoadOptions<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<(Triage, RankFacts)>, CaptureError> {
    let read = read_all(&located.candidates, options, &mut located.left_out)?;
    let mut files = select::by_content(read, &mut located.left_out)?;
    notes.extend(select::notes(&located.left_out));
    if files.is_empty() {
        return Err(no_trace(inputs, &located.left_out).into());
    }
    ranks::assign(&mut files, notes);
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
    let tp_files = stream::tp_files(files.iter().map(|file| file.position));
    let maps = mapping::read(mapping, options, notes)?;
    let mut ranks = Vec::new();
    for (rank, files) in &by_rank {
        let inputs: Vec<Input<'_>> = files.iter().map(|file| as_input(file)).collect();
        let maps: Vec<Input<'_>> = mapping::of_rank(&maps, *rank, notes).into_iter().map(as_input).collect();
        let (triage, mut facts) =
            triage::triage_of_rank(&inputs, &maps, catalogs()?, server_args.clone(), tp_files)?;
        facts.set_replica(files.first().map_or(0, |file| file.replica));
        ranks.push((triage, facts));
    }
    Ok(ranks)
}

/// Reads every trace of the inputs and triages each rank; the traces of `mapping` name the source of what the
/// inputs measured.
pub fn load_mapped(
    inputs: &[PathBuf],
    mapping: &[PathBuf],
    catalogs: &Catalogs,
    options: &LoadOptions<'_>,
) -> Result<Capture, CaptureError> {
    load_deferred(inputs, mapping, &|| Ok(catalogs), options)
}

/// Reads the logs that lie in a capture. One that cannot be read is no reason to refuse it.
pub(super) fn read_logs(
    logs: &[PathBuf],
    options: &LoadOptions<'_>,
    notes: &mut Vec<String>,
) -> Result<(), CaptureError> {
    for log in logs {
        match source::scan_log(log, options.limits) {
            Ok(found) => refuse(log, found, notes)?,
            Err(error) => notes.push(format!("the log was not looked at: {error}")),
        }
    }
    Ok(())
}

fn refuse(log: &Path, found: Option<Fallback>, notes: &mut Vec<String>) -> Result<(), CaptureError> {
    match found {
        Some(fallback) => Err(CaptureError::Diffusers(fallback)),
        None => {
            notes.push(format!("{} names no diffusers backend", log.display()));
            Ok(())
        }
    }
}

pub(super) fn as_input(file: &ReadFile) -> Input<'_> {
    Input {
        trace: &file.trace,
        path: &file.label,
        path_stage: file.path_stage,
        rank: file.rank,
        sha256: &file.sha256,
    }
}

pub(super) fn no_trace(inputs: &[PathBuf], left_out: &[LeftOut]) -> SourceError {
    SourceError::NoTrace {
        path: inputs.first().cloned().unwrap_or_default(),
        left_out: match left_out.first() {
            None => "the directory is empty".to_owned(),
            Some(one) => format!("{}: {}", one.path.display(), one.reason),
        },
    }
}

/// Reads the files, several at once, and returns them in the order of the candidates.
pub(super) fn read_all(
    candidates: &[Candidate],
    options: &LoadOptions<'_>,
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<ReadFile>, CaptureError> {
    let next = AtomicUsize::new(0);
    // Several files keep all threads busy; one file has a second thread to itself.
    let inflating =
        if candidates.len() == 1 && options.threads > 1 { Inflating::Beside } else { Inflating::Here };
    let (sender, receiver) = mpsc::channel();
    let mut results = BTreeMap::new();
    std::thread::scope(|scope| {
        for _ in 0..options.threads.clamp(1, candidates.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(candidate) = candidates.get(index) else { break };
                    if sender.send((index, read_one(candidate, options.limits, inflating))).is_err() {
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
    for (candidate, result) in candidates.iter().zip(results.into_values()) {
        match result {
            Ok(file) => files.push(file),
            // A directory may hold other JSON; a file that the user named may not be something else.
            Err(CaptureError::Trace { error: error @ TraceError::Foreign(_), .. }) if !candidate.is_named => {
                left_out.push(LeftOut { path: candidate.path.clone(), reason: error.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

pub(super) fn read_one(
    candidate: &Candidate,
    limits: Limits,
    inflating: Inflating,
) -> Result<ReadFile, CaptureError> {
    let label = candidate.path.display().to_string();
    let no_trace = |error| CaptureError::Trace { path: label.clone(), error };
    let mut reader = Reader::default();
    let poured =
        source::pour(&candidate.path, limits, inflating, |piece| reader.feed(piece))?.map_err(no_trace)?;
    let mut trace = reader.finish().or_else(|error| match (error, poured.defect) {
        // Nothing of the JSON survived the cut; the cut is the news.
        (TraceError::Empty, Some(Defect::CutOff | Defect::Damaged | Defect::WindowTooLarge)) => {
            Ok(Trace::default())
        }
        (error, _) => Err(no_trace(error)),
    })?;
    match poured.defect {
        Some(Defect::CutOff) => {
            trace.health.count(HealthCode::CutOff, || "the compressed data end early".to_owned())
        }
        Some(Defect::Damaged) => {
            trace.health.count(HealthCode::Damaged, || "the compressed data are damaged".to_owned())
        }
        Some(Defect::WindowTooLarge) => trace.health.count(HealthCode::Damaged, || {
            "the zstd data look back farther than 100 MB: compress the file again without `--long`".to_owned()
        }),
        Some(Defect::TrailingData) => {
            trace.health.count(HealthCode::TrailingData, || "bytes follow the compressed data".to_owned());
        }
        Some(Defect::SecondDocument) => {
            let told = || "more JSON follows the compressed data".to_owned();
            trace.health.count(HealthCode::SecondDocument, told);
        }
        None => {}
    }
    let path_stage = candidate.stage.map(|stage| match stage {
        PathStage::Prefill => Stage::Prefill,
        PathStage::Decode => Stage::Decode,
    });
    Ok(ReadFile {
        trace,
        label,
        sha256: poured.sha256,
        path_stage,
        position: candidate.position,
        rank: 0,
        replica: 0,
    })
}
