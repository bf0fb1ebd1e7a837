//! `capture.json`: what a capture folder holds, and how it came about. It holds no secret.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::load::Sent;
use super::trace_file::TraceFile;
use super::workload::Workload;

/// The name of the manifest in a capture's folder.
pub const FILE_NAME: &str = "capture.json";

/// The schema number of the manifest.
pub const SCHEMA: u32 = 1;

/// A capture, or a set of captures of the same server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format.
    pub schema: u32,
    /// The version of profgate that made it.
    pub profgate: String,
    /// The engine.
    pub framework: String,
    /// The engine's version.
    pub version: Option<String>,
    /// PyTorch's version, where the server tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torch: Option<String>,
    /// The model as requests name it.
    pub model: Option<String>,
    /// Where requests went; without user and password.
    pub url: String,
    /// Steps asked for.
    pub num_steps: u32,
    /// What was sent, or the command that sent it.
    pub workload: ManifestWorkload,
    /// The folders of a set of captures; empty when this is one capture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub captures: Vec<String>,
    /// The profiles of one capture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<ManifestProfile>,
}

/// The captures of a set, when a folder holds one; none when it is one capture, or anything else.
pub fn captures_of(folder: &Path) -> Vec<PathBuf> {
    let read = crate::source::read_text(&folder.join(FILE_NAME)).ok();
    let manifest: Option<Manifest> = read.and_then(|text| serde_json::from_str(&text).ok());
    // A manifest may come from anywhere: only names of folders beside it are followed.
    let is_name = |name: &String| !name.starts_with('.') && !name.contains(['/', '\\']);
    let names = manifest.map(|manifest| manifest.captures).unwrap_or_default();
    names.iter().filter(|name| is_name(name)).map(|name| folder.join(name)).collect()
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestWorkload {
    /// The load generator, where the user gave one.
    pub command: Option<String>,
    /// Tokens of prompt and answer of a prefill request.
    pub prefill_shape: String,
    /// Prefill requests at once.
    pub prefill_concurrency: u32,
    /// Tokens of prompt and answer of a decode request.
    pub decode_shape: String,
    /// Decode requests at once.
    pub decode_batch: u32,
    /// Warm-up requests, and decode steps.
    pub warmup: u32,
}

impl ManifestWorkload {
    /// From what was asked for.
    pub fn of(workload: &Workload, command: Option<&str>) -> Self {
        Self {
            command: command.map(str::to_owned),
            prefill_shape: workload.prefill.to_string(),
            prefill_concurrency: workload.prefill_concurrency,
            decode_shape: workload.decode.to_string(),
            decode_batch: workload.decode_batch,
            warmup: workload.warmup,
        }
    }
}

/// One start of a profiler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestProfile {
    /// `prefill`, `decode`, `by-stage` or `workload`.
    pub stage: String,
    /// The server whose profiler it was; without user and password.
    pub profiler: String,
    /// Where that server was told to write.
    pub server_dir: Option<String>,
    /// The name of the GPU, where a trace tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
    /// The GPU's runtime and its version, such as `cuda 12.4`, where a trace tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// What the driver supports, in the same words, where a trace tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Requests and tokens, as the server counted them.
    pub sent: ManifestSent,
    /// How long everything took, in milliseconds.
    pub times_ms: ManifestTimes,
    /// The traces.
    pub files: Vec<ManifestFile>,
    /// Names of new files that were left with the server.
    pub left_out: Vec<String>,
}

/// Requests and tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSent {
    /// Requests answered.
    pub requests: u64,
    /// Their prompt tokens.
    pub input_tokens: u64,
    /// Their answer tokens.
    pub output_tokens: u64,
    /// Requests of which the server counted nothing.
    pub uncounted: u64,
}

impl From<Sent> for ManifestSent {
    fn from(sent: Sent) -> Self {
        Self {
            requests: sent.requests,
            input_tokens: sent.input,
            output_tokens: sent.output,
            uncounted: sent.uncounted,
        }
    }
}

/// How long everything took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Warm-up.
    pub warmup: Duration,
    /// Until the start was accepted.
    pub start: Duration,
    /// Driving the steps.
    pub drive: Duration,
    /// Until the stop was answered, where one was sent.
    pub stop: Duration,
    /// Until every file was whole.
    pub flush: Duration,
}

/// How long everything took, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestTimes {
    /// Warm-up.
    pub warmup: u64,
    /// Until the start was accepted.
    pub start: u64,
    /// Driving the steps.
    pub drive: u64,
    /// Until the stop was answered.
    pub stop: u64,
    /// Until every file was whole.
    pub flush: u64,
}

impl From<Times> for ManifestTimes {
    fn from(times: Times) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            warmup: ms(times.warmup),
            start: ms(times.start),
            drive: ms(times.drive),
            stop: ms(times.stop),
            flush: ms(times.flush),
        }
    }
}

/// One trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Relative to the manifest, with `/`.
    pub path: String,
    /// Size as stored.
    pub bytes: u64,
    /// Digest as stored, in lower-case hexadecimal.
    pub sha256: String,
    /// Position in the job.
    pub rank: Option<u32>,
    /// Steps that read prompts.
    pub prefill_steps: u64,
    /// Steps that generate tokens.
    pub decode_steps: u64,
    /// Steps that do both.
    pub other_steps: u64,
    /// The largest batch of a decode step, where the engine tells.
    pub decode_batch: u64,
    /// GPU kernels.
    pub kernels: u64,
}

impl ManifestFile {
    /// From a verified file that now lies at `path`, below `root`.
    pub fn of(file: &TraceFile, path: &Path, root: &Path) -> Self {
        let relative = path.strip_prefix(root).unwrap_or(path);
        let parts: Vec<String> =
            relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        Self {
            path: parts.join("/"),
            bytes: file.bytes,
            sha256: file.sha256.clone(),
            rank: file.rank,
            prefill_steps: file.steps.prefill,
            decode_steps: file.steps.decode,
            other_steps: file.steps.other,
            decode_batch: file.steps.decode_batch,
            kernels: file.kernels,
        }
    }
}
