//! One file of a profile, read to its end: whether it is whole, whose it is, and which steps it holds.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use super::fault::Failure;
use super::workload::Phase;
use crate::source::{self, Defect, Inflating, Limits, PathStage, Position, Poured, SourceError, file_name};
use crate::trace::{HealthCode, Reader, Trace, TraceError};
use crate::triage::{Label, Stage};

/// A whole trace of one rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Size as stored.
    pub bytes: u64,
    /// Digest as stored.
    pub sha256: String,
    /// Position in the job.
    pub rank: Option<u32>,
    /// Which data-parallel replica wrote it, by its name.
    pub replica: Option<u32>,
    /// Size of the job.
    pub world_size: Option<u32>,
    /// The stage that its name says.
    pub phase: Option<Phase>,
    /// The steps that it holds.
    pub steps: Steps,
    /// GPU kernels.
    pub kernels: u64,
    /// The GPU's name, where the file tells.
    pub gpu: Option<String>,
    /// The GPU's runtime and its version, such as `cuda 12.4`, where the file tells.
    pub runtime: Option<String>,
    /// What the driver supports, in the same words.
    pub driver: Option<String>,
}

/// Steps by what they do, as the engine marks them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Steps {
    /// Prompts are read.
    pub prefill: u64,
    /// Tokens are generated.
    pub decode: u64,
    /// Both at once, or of an unknown kind.
    pub other: u64,
    /// The largest batch of a decode step.
    pub decode_batch: u64,
}

impl Steps {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.prefill + self.decode + self.other
    }

    /// Those of one kind.
    pub fn of(&self, phase: Phase) -> u64 {
        match phase {
            Phase::Prefill => self.prefill,
            Phase::Decode => self.decode,
        }
    }
}

/// What reading a file to its end showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// It is whole.
    Whole(Box<TraceFile>),
    /// It is whole, and no trace of a rank: a merged copy, the front end's own, or something else.
    Other,
    /// It is not whole yet, and why.
    Open(String),
}

/// Reads a file to its end.
pub fn verify(path: &Path, limits: Limits) -> Result<Verified, Failure> {
    let name = file_name(path);
    if name.contains(".async_llm.") || name.starts_with("merged-") {
        return Ok(Verified::Other);
    }
    let unreadable = |why: String, help: &str| Failure::new("cannot read a file of the server", why, help);
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut reader = Reader::default();
    let mut refused = None;
    // Read to its end whatever it holds: whether it is whole is known only there.
    let poured = source::pour(path, limits, Inflating::Beside, |piece| {
        if refused.is_none() {
            refused = reader.feed(piece).err();
        }
        Ok::<(), Infallible>(())
    });
    let Poured { sha256, defect } = match poured {
        Ok(Ok(poured)) => poured,
        Err(
            error @ (SourceError::TooLarge { .. }
            | SourceError::TooDense { .. }
            | SourceError::Unreadable { .. }),
        ) => {
            return Err(unreadable(error.to_string(), error.help()));
        }
        Err(SourceError::NoTrace { .. } | SourceError::Compressed { .. }) => return Ok(Verified::Other),
    };
    match defect {
        Some(Defect::CutOff) => return Ok(Verified::Open("its gzip data end early".to_owned())),
        Some(Defect::Damaged | Defect::SecondDocument | Defect::WindowTooLarge) => {
            return Ok(Verified::Open("its gzip data are damaged".to_owned()));
        }
        Some(Defect::TrailingData) | None => {}
    }
    let trace = match refused.map_or_else(|| reader.finish(), Err) {
        Ok(trace) => trace,
        Err(TraceError::Empty) => return Ok(Verified::Open("it is empty".to_owned())),
        Err(TraceError::Foreign(_)) => return Ok(Verified::Other),
        Err(
            error @ (TraceError::TooManyEvents(_)
            | TraceError::TooManyNames(_)
            | TraceError::NameTooLong(_)
            | TraceError::TooDeep(_)),
        ) => return Err(unreadable(format!("{}: {error}", path.display()), "profile fewer steps")),
    };
    if trace.health.get(HealthCode::CutOff) > 0 {
        return Ok(Verified::Open("its JSON ends early".to_owned()));
    }
    if trace.health.get(HealthCode::Damaged) > 0 {
        return Ok(Verified::Open("its JSON is damaged".to_owned()));
    }
    if !trace.merged_from.is_empty() {
        return Ok(Verified::Other);
    }
    let position = Position::of(&name);
    Ok(Verified::Whole(Box::new(TraceFile {
        path: path.to_owned(),
        bytes,
        sha256,
        rank: trace.header.rank.or(position.rank).or(position.tp),
        replica: position.dp,
        world_size: trace.header.world_size,
        phase: source::stage_of(&name).map(|stage| match stage {
            PathStage::Prefill => Phase::Prefill,
            PathStage::Decode => Phase::Decode,
        }),
        steps: steps(&trace),
        kernels: trace.kernel_count() as u64,
        gpu: trace.header.devices.first().map(|device| device.name.clone()).filter(|name| !name.is_empty()),
        runtime: trace.header.runtime(),
        driver: trace.header.driver(),
    })))
}

fn steps(trace: &Trace) -> Steps {
    let on_cpu = trace.annotations.iter().any(|annotation| !annotation.on_gpu);
    let mut marks: Vec<_> = trace
        .annotations
        .iter()
        .filter(|annotation| annotation.on_gpu != on_cpu)
        .filter_map(|annotation| {
            let text = trace.names.get(annotation.name);
            Some((annotation.span, Label::parse(text)?, text))
        })
        .collect();
    marks.sort_by_key(|(span, _, _)| (span.start, std::cmp::Reverse(span.end)));
    let mut steps = Steps::default();
    let mut end = None;
    for (span, label, text) in marks {
        // A mark inside of another is the same step, marked twice.
        if end.is_some_and(|end| span.end <= end) {
            continue;
        }
        end = Some(span.end);
        match label {
            Label::Serving(Some(Stage::Prefill)) => steps.prefill += 1,
            Label::Serving(Some(Stage::Decode)) => {
                steps.decode += 1;
                steps.decode_batch = steps.decode_batch.max(batch(text).unwrap_or(0));
            }
            Label::Serving(Some(Stage::Mixed | Stage::All)) | Label::Profiler => steps.other += 1,
            // Idle: a step without a request.
            Label::Serving(None) => {}
        }
    }
    steps
}

/// The batch that a decode step's mark tells: `step[DECODE bs=16]`, `execute_context_0(0)_generation_16(16)`,
/// `execute_new_0_cached_16`.
fn batch(text: &str) -> Option<u64> {
    let rest = ["bs=", "generation_", "_cached_"].iter().find_map(|key| text.split_once(key))?.1;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_reason(name: &str, content: &[u8]) -> String {
        let path = std::env::temp_dir().join(format!("profgate-verify-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        let verified = verify(&path, Limits::default());
        std::fs::remove_file(&path).unwrap();
        match verified.unwrap() {
            Verified::Open(why) => why,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_is_cut_anywhere_is_not_whole() {
        assert_eq!(open_reason("empty.json", b""), "it is empty");
        assert_eq!(
            open_reason("cut.json", b"{\"schemaVersion\": 1, \"traceEvents\": [{\"ph\":"),
            "its JSON ends early"
        );
        assert_eq!(
            open_reason("cut.json.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
            "its gzip data end early"
        );
    }

    #[test]
    fn the_batch_is_read_from_the_mark() {
        assert_eq!(batch("step[DECODE bs=16 g_sq=1]"), Some(16));
        assert_eq!(batch("execute_context_0(0)_generation_8(8)"), Some(8));
        assert_eq!(batch("execute_new_0_cached_31"), Some(31));
        assert_eq!(batch("step[DECODE]"), None);
    }
}
