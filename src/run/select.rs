//! Which of the files found are the capture that is judged, and which only lie beside it.
//!
//! First by the first bytes, so that nothing large is read in vain; then by all of the content. Every choice
//! has a reason; none is silent.

use std::path::PathBuf;

use super::capture::{CaptureError, ReadFile};
use crate::source::{self, Candidate, LeftOut, Located, SourceError, peek};
use crate::trace::{self, HealthCode, Sniff, Trace};

/// What a file is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// What one process did on its GPU.
    Formal,
    /// Several ranks in one file.
    Merged(Vec<String>),
    /// Python calls of a process that uses no GPU.
    FrontEnd,
    /// Launches that went into a graph instead of onto the GPU.
    GraphCapture { captured: u64, kernels: u64 },
}

impl Part {
    fn of(trace: &Trace) -> Self {
        let is_whole = trace.health.get(HealthCode::CutOff) + trace.health.get(HealthCode::Damaged) == 0;
        let has_gpu = !(trace.activities.is_empty() && trace.launches.is_empty() && trace.setups.is_empty());
        let has_model = !(trace.cpu_ops.is_empty() && trace.annotations.is_empty());
        let kernels = trace.kernel_count() as u64;
        if !trace.merged_from.is_empty() {
            Self::Merged(trace.merged_from.clone())
        } else if is_whole && !has_gpu && !has_model && !trace.python_frames.is_empty() {
            Self::FrontEnd
        } else if trace.events.captured > kernels {
            Self::GraphCapture { captured: trace.events.captured, kernels }
        } else {
            Self::Formal
        }
    }

    fn reason(&self) -> Option<String> {
        match self {
            Self::Formal => None,
            Self::Merged(ranks) => {
                Some(format!("it is a merged copy of the rank files ({})", ranks.join(", ")))
            }
            Self::FrontEnd => Some(FRONT_END.to_owned()),
            Self::GraphCapture { captured, kernels } => Some(format!(
                "it is the trace of a graph's capture ({captured} launches went into the graph, {kernels} kernels ran); it tells where kernels come from, not what ran"
            )),
        }
    }
}

const MERGED: &str = "it is a merged copy of the rank files";

const FRONT_END: &str = "it is the front end's own trace and holds no GPU work";

/// Takes out what the first bytes show to be no trace of one rank.
pub fn by_first_bytes(located: &mut Located) -> Result<(), CaptureError> {
    let mut kept = Vec::new();
    let mut merged = Vec::new();
    for candidate in std::mem::take(&mut located.candidates) {
        // What the user names is read as a whole: it may be a pipe, which can be read only once.
        if candidate.is_named {
            kept.push(candidate);
            continue;
        }
        match first_bytes(&candidate)? {
            Sniff::Foreign(reason) => {
                located.left_out.push(LeftOut { path: candidate.path, reason });
            }
            Sniff::Merged => merged.push(candidate),
            Sniff::Trace if is_merged_by_name(&file_name(&candidate)) => merged.push(candidate),
            Sniff::Trace => kept.push(candidate),
        }
    }
    // A merged copy alone is read after all, so that the refusal can say what it holds.
    if kept.is_empty() {
        kept = merged;
    } else {
        let left_out = |candidate: Candidate| LeftOut { path: candidate.path, reason: MERGED.to_owned() };
        located.left_out.extend(merged.into_iter().map(left_out));
    }
    located.candidates = kept;
    Ok(())
}

/// SGLang writes `merged-<name>` beside the files that it merged.
fn is_merged_by_name(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("merged-")
}

fn first_bytes(candidate: &Candidate) -> Result<Sniff, CaptureError> {
    // By its name a trace: then it is an error that it is empty or unreadable.
    let name = file_name(candidate);
    let is_trace_by_name = [".json", ".json.gz", ".json.zst"].iter().any(|ending| name.ends_with(ending));
    match peek(&candidate.path) {
        Ok(peek) if is_trace_by_name && peek.bytes.is_empty() => Ok(Sniff::Trace),
        Ok(peek) => Ok(trace::sniff(&peek.bytes, peek.is_whole)),
        Err(SourceError::Unreadable { reason, .. }) if !is_trace_by_name => Ok(Sniff::Foreign(reason)),
        Err(error) => Err(error.into()),
    }
}

fn file_name(candidate: &Candidate) -> String {
    candidate.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether a file is what one process did on its GPU, and no copy by its name.
pub fn is_formal(file: &ReadFile) -> bool {
    Part::of(&file.trace) == Part::Formal
        && !is_merged_by_name(&source::file_name(std::path::Path::new(&file.label)))
}

/// Keeps the files of the capture that is judged; what lies beside it is left out.
///
/// Without any such file the next best is kept, and its health says why it cannot be judged.
pub fn by_content(files: Vec<ReadFile>, left_out: &mut Vec<LeftOut>) -> Result<Vec<ReadFile>, CaptureError> {
    let mut formal = Vec::new();
    let mut captures = Vec::new();
    let mut front_ends = Vec::new();
    let mut merged = Vec::new();
    for mut file in files {
        let part = Part::of(&file.trace);
        match part {
            Part::Formal => formal.push(file),
            Part::GraphCapture { .. } => {
                let reason = part.reason().unwrap_or_default();
                file.trace.health.count(HealthCode::MappingCapture, || reason);
                captures.push((file, part));
            }
            Part::FrontEnd => front_ends.push((file, part)),
            Part::Merged(_) => merged.push((file, part)),
        }
    }
    // By name alone, and beside other files: a copy whose process ids bear no mark.
    let (copies, formal): (Vec<ReadFile>, Vec<ReadFile>) = formal
        .into_iter()
        .partition(|file| is_merged_by_name(&source::file_name(std::path::Path::new(&file.label))));
    let mut kept = formal;
    if kept.is_empty() {
        kept = copies;
    } else {
        left_out.extend(
            copies
                .into_iter()
                .map(|file| LeftOut { path: PathBuf::from(file.label), reason: MERGED.to_owned() }),
        );
    }
    if let Some((file, part)) = merged.first().filter(|_| kept.is_empty()) {
        return Err(CaptureError::Merged {
            path: file.label.clone(),
            ranks: match part {
                Part::Merged(ranks) => ranks.join(", "),
                Part::Formal | Part::FrontEnd | Part::GraphCapture { .. } => String::new(),
            },
        });
    }
    for others in [captures, front_ends, merged] {
        if kept.is_empty() {
            kept.extend(others.into_iter().map(|(file, _)| file));
        } else {
            left_out.extend(others.into_iter().map(|(file, part)| LeftOut {
                path: PathBuf::from(file.label),
                reason: part.reason().unwrap_or_default(),
            }));
        }
    }
    Ok(kept)
}

/// One sentence for each file left out; many for the same reason share one.
pub fn notes(left_out: &[LeftOut]) -> Vec<String> {
    const MOST_ALIKE: usize = 4;
    let mut notes = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for one in left_out {
        let alike = left_out.iter().filter(|other| other.reason == one.reason).count();
        if alike <= MOST_ALIKE {
            notes.push(format!("left out {}: {}", one.path.display(), one.reason));
        } else if !told.contains(&one.reason.as_str()) {
            told.push(&one.reason);
            notes.push(format!("left out {alike} files, {} first: {}", one.path.display(), one.reason));
        }
    }
    notes
}
