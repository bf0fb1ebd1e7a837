//! The result of triage, in the shape of the JSON contract (`docs/report-json.md`).
//!
//! Snake-case keys, times in integer nanoseconds, shares in percent. Adding a key is fine; renaming or
//! removing one is a breaking change. Reports are read back for judging again, so everything deserialises.

mod health;
mod ranks;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use health::HealthEntry;
pub use ranks::{Collective, CollectiveRank, Ranks, RoleSpread, Straggler, StragglerRole};

use super::classify::Role;
use super::overlap::OverlapRow;
use super::stage::{Stage, StageEvidence};
use super::steps::FoundBy;

/// Version of the JSON contract.
pub const SCHEMA: u32 = 1;

/// The program that wrote a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Always `profgate`.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Default for Tool {
    fn default() -> Self {
        Self { name: "profgate".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// Whether attribution and overlap rest on one trace or on a mapping/formal pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One capture.
    SingleTrace,
    /// A graph-off capture for source lines, a real one for times.
    MappingFormal,
}

/// One file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TraceEntry {
    /// As the user or the directory names it.
    pub path: String,
    /// `formal`, or `mapping` for the capture that only names source lines.
    pub part: String,
    /// Position in the job.
    pub rank: u32,
    /// Stage from the path, or `null`.
    pub stage: Option<Stage>,
    /// GPU model, or `null` when unknown.
    pub gpu: Option<String>,
    /// Elements of `traceEvents`.
    pub events: u64,
    /// GPU activities.
    pub activities: u64,
    /// GPU activities that are kernels.
    pub kernels: u64,
    /// Size of the job, by the trace's own word.
    pub world_size: Option<u32>,
    /// Runtime such as `cuda 12.4`.
    pub runtime: Option<String>,
    /// What the driver supports, in the same words.
    #[serde(default)]
    pub driver: Option<String>,
    /// Version of NCCL, such as `2.28.9`.
    #[serde(default)]
    pub nccl: Option<String>,
    /// Version of the serving engine, where the trace's header tells it.
    #[serde(default)]
    pub engine: Option<String>,
    /// Of the file's bytes as stored.
    pub sha256: String,
    /// When its first GPU activity ran, in nanoseconds since 1970; `null` when the file does not tell.
    #[serde(default)]
    pub recorded_unix_ns: Option<i64>,
    /// Each GPU that ran work, by its number as text.
    #[serde(default)]
    pub devices: Vec<DeviceTime>,
}

/// How long one GPU of a file worked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceTime {
    /// Number of the GPU, as text.
    pub device: String,
    /// Streams that ran work.
    pub streams: u64,
    /// From the first start to the last end.
    pub window_ns: i64,
    /// Part of it in which an activity ran.
    pub busy_ns: i64,
    /// The rest.
    pub idle_ns: i64,
}

/// The steps of a stage and the sums over its activities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepTotals {
    /// How many steps.
    pub count: u64,
    /// How they were told apart.
    pub found_by: FoundBy,
    /// GPU activities, those outside every step included.
    pub activities: u64,
    /// Sum of durations.
    pub total_ns: i64,
    /// Length of the union of the activities, per device, added over devices.
    pub busy_ns: i64,
    /// Last end minus first start.
    pub span_ns: i64,
    /// Sum of durations minus sum of added times.
    pub same_stream_overlap_ns: i64,
    /// Activities inside steps, per step.
    pub activities_per_step: f64,
    /// Length of the union of the activities inside steps, per step.
    pub busy_per_step_ns: i64,
    /// The part of `same_stream_overlap_ns` inside steps, per step.
    #[serde(default)]
    pub same_stream_overlap_per_step_ns: i64,
    /// Sum of added times inside steps minus `busy_per_step_ns`: time that streams save by running beside each
    /// other, per step.
    #[serde(default)]
    pub stream_overlap_per_step_ns: i64,
    /// Inside the steps, time in which the GPU ran nothing; over all steps and devices.
    #[serde(default)]
    pub idle_ns: i64,
}

/// The part of a row that one raw name has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NameRow {
    /// Raw name.
    pub name: String,
    /// Activities.
    pub launches: u64,
    /// Sum of durations.
    pub total_ns: i64,
    /// Sum of what each adds to its stream's busy time.
    pub added_ns: i64,
    /// Sum of the parts during which no other stream of the device is active.
    pub exclusive_ns: i64,
}

/// A place in the source that launches a kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Site {
    /// Path, normalised.
    pub path: String,
    /// Line, when known.
    pub line: Option<u32>,
    /// Function, when known.
    pub function: Option<String>,
    /// Share of the row's time.
    pub share_pct: f64,
    /// Whether the attribution is exact.
    pub exact: bool,
}

/// One kernel id of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KernelRow {
    /// Kernel id.
    pub kernel: String,
    /// What it does.
    pub role: Role,
    /// Activities, those outside every step included.
    pub launches: u64,
    /// Activities inside steps, per step.
    pub launches_per_step: f64,
    /// Fewest activities inside one step.
    pub launches_min: u64,
    /// Most activities inside one step.
    pub launches_max: u64,
    /// Sum of durations.
    pub total_ns: i64,
    /// Sum of what each adds to its stream's busy time.
    pub added_ns: i64,
    /// Part of the stage's sum of durations.
    pub share_pct: f64,
    /// During which no other stream of the device is active.
    pub exclusive_ns: i64,
    /// The rest of `total_ns`.
    pub hidden_ns: i64,
    /// `hidden_ns` by the partner's role, largest first.
    #[serde(default)]
    pub hidden_by: Vec<HiddenBy>,
    /// Added time inside steps, per step.
    pub per_step_ns: i64,
    /// The part of `exclusive_ns` inside steps, per step.
    #[serde(default)]
    pub exclusive_per_step_ns: i64,
    /// Median added time of one activity inside a step.
    pub median_ns: i64,
    /// Median absolute deviation from that median.
    pub mad_ns: i64,
    /// Numbers of its launches within a step, from 1, that take a quarter longer than the median in most steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slow: Vec<u64>,
    /// Raw names, largest first.
    pub names: Vec<NameRow>,
    /// Source places, largest first.
    pub sites: Vec<Site>,
    /// CPU operators above the launches, most frequent first.
    pub cpu_ops: Vec<String>,
}

/// Time hidden by a partner's role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HiddenBy {
    /// Role of the partner.
    pub role: Role,
    /// How long.
    pub ns: i64,
}

/// What a catalog path does in this capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PathState {
    /// Only the fused kernel ran.
    Active,
    /// Fused and split instances ran.
    Partial,
    /// Only the separate kernels ran.
    Split,
    /// Neither ran.
    Absent,
    /// It depends on something that the capture does not tell.
    GateUnknown,
}

impl PathState {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Partial => "partial",
            Self::Split => "split",
            Self::Absent => "absent",
            Self::GateUnknown => "gate-unknown",
        }
    }
}

/// Flags that switch a path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Flags {
    /// Switch it on.
    pub on: Vec<String>,
    /// Switch it off.
    pub off: Vec<String>,
}

/// One catalog path of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PathRow {
    /// Catalog id.
    pub path: String,
    /// Its name for people.
    pub name: String,
    /// `fuse` or `overlap`.
    pub kind: String,
    /// What it does here.
    pub state: PathState,
    /// Fused instances, per step.
    pub fused: u64,
    /// Split instances, per step.
    pub split: u64,
    /// Total duration of the kernels concerned.
    pub related_ns: i64,
    /// Part of the stage's sum of durations.
    pub share_pct: f64,
    /// Such as `on`, `should-apply`, `opt-in`, `off`, `mainline-elsewhere`, `in-flight`.
    pub class: String,
    /// Kernel ids that the state rests on.
    pub evidence: Vec<String>,
    /// Where the kernels are launched from.
    pub locations: Vec<String>,
    /// Where the fused code lives.
    pub source_paths: Vec<String>,
    /// What switches it.
    pub flags: Flags,
    /// Pull requests that carry it.
    pub pr: Vec<String>,
    /// The same optimisation in other frameworks, or for other GPUs.
    #[serde(default)]
    pub also: Vec<Kin>,
}

/// Another catalog entry of the same optimisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Kin {
    /// Catalog id.
    pub path: String,
    /// Whose path it is.
    pub frameworks: Vec<String>,
    /// `mainline`, `upstream`, `in-flight` or `closed`.
    pub origin: String,
    /// Pull requests that carry it.
    pub pr: Vec<String>,
    /// The day on which that was looked up.
    pub as_of: Option<String>,
    /// For what it is, when not for this capture: `other GPUs`.
    pub is_for: Option<String>,
}

/// One repeating body of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LayerBody {
    /// `A`, `B`, …
    pub id: String,
    /// How often it runs in a step.
    pub repeats: u64,
    /// How the step's bodies follow one another, such as `A×3 B×58`.
    pub pattern: String,
    /// Layers, counted from 0, that differ from this body in a slot or two.
    pub variants: Vec<u64>,
    /// Kernel ids in order, per stream.
    pub streams: Vec<BodyStream>,
}

/// The part of a body that one stream runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BodyStream {
    /// Stream number, as text.
    pub stream: String,
    /// Kernel ids in order.
    pub kernels: Vec<String>,
}

/// The layers of a stage's step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Layers {
    /// How many.
    pub count: u64,
    /// What anchors them: the role of the kernel.
    pub found_by: String,
    /// Kernel ids before the first layer.
    pub prologue: Vec<String>,
    /// Kernel ids after the last layer.
    pub epilogue: Vec<String>,
    /// The distinct bodies.
    pub bodies: Vec<LayerBody>,
}

/// How much of a stage's time has a place in the source. No verdict rests on it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attribution {
    /// Part of the stage's sum of durations whose place is certain.
    pub exact_pct: f64,
    /// Part whose place rests on a match that is not one to one.
    pub inexact_pct: f64,
    /// Part without a place because it ran in a graph replay.
    pub replayed_pct: f64,
    /// Whether a mapping capture names a place of anything that ran.
    #[serde(default)]
    pub mapped: bool,
    /// Choices made while matching, a sentence each.
    pub notes: Vec<String>,
}

/// One serving phase of one rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageTriage {
    /// Which phase.
    pub stage: Stage,
    /// How we know.
    pub stage_evidence: StageEvidence,
    /// Steps and sums.
    pub steps: StepTotals,
    /// Every kernel id, largest total first.
    pub kernels: Vec<KernelRow>,
    /// Overlap opportunities.
    pub overlaps: Vec<OverlapRow>,
    /// Catalog paths that apply.
    pub paths: Vec<PathRow>,
    /// Repeating bodies, when found.
    pub layers: Option<Layers>,
    /// How much of its time has a place in the source.
    #[serde(default)]
    pub attribution: Attribution,
}

/// A hint that something looks like a catalog path. Never a table row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Similarity {
    /// Which phase.
    pub stage: Stage,
    /// Catalog id.
    pub path: String,
    /// `high`, `medium` or `low`.
    pub level: String,
    /// What the hint rests on.
    pub signals: Vec<String>,
    /// The file of the note that says so; absent of a hint of profgate's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Small kernels that follow one another in every layer and that no catalog entry fits: what may be new.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Unlisted {
    /// Which phase.
    pub stage: Stage,
    /// Kernel ids in order.
    pub kernels: Vec<String>,
    /// How often they ran so, per step.
    pub per_step: u64,
    /// Sum of their durations.
    pub total_ns: i64,
    /// Part of the stage's sum of durations.
    pub share_pct: f64,
}

/// How much was searched before anything is called new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Searched {
    /// Fused paths.
    pub fusions: u64,
    /// Overlapped paths.
    pub overlaps: u64,
    /// Of both, those in pull requests that are not merged.
    pub in_flight: u64,
}

/// Everything that triage says of one rank of a capture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Triage {
    /// Version of this contract.
    #[schemars(extend("const" = 1))]
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// One capture or two.
    pub mode: Mode,
    /// `sglang`, `vllm`, `trtllm`, `tokenspeed` or `unknown`.
    pub framework: String,
    /// What that rests on.
    pub framework_evidence: String,
    /// Model name or path, when known.
    pub model: Option<String>,
    /// The file of the engine that holds the model's code, without its ending, by the Python stacks: `gpt_oss`.
    /// Related models share one, so that it is no name.
    #[serde(default)]
    pub model_code: Option<String>,
    /// Allow-listed server arguments, when known.
    pub server_args: Option<serde_json::Map<String, serde_json::Value>>,
    /// What the overlap table rests on: a pair only where the mapping capture names something that ran.
    pub overlap_evidence: Mode,
    /// What dominates, in a sentence.
    pub conclusion: String,
    /// Files read.
    pub traces: Vec<TraceEntry>,
    /// What was repaired, skipped or missing; empty when clean.
    pub health: Vec<HealthEntry>,
    /// Phases, in the order prefill, decode, mixed, all.
    pub stages: Vec<StageTriage>,
    /// Hints.
    pub similarity: Vec<Similarity>,
    /// What no catalog entry fits.
    #[serde(default)]
    pub unlisted: Vec<Unlisted>,
    /// What was searched for it.
    #[serde(default)]
    pub searched: Searched,
    /// Choices made while reading: files left out and why, ranks assigned; a sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The ranks compared: on the rank that speaks for a capture of several, else `null`.
    #[serde(default)]
    pub ranks: Option<Ranks>,
}

impl Triage {
    /// The GPU model that ran the work, when every file names the same one.
    pub fn gpu(&self) -> Option<&str> {
        let mut names =
            self.traces.iter().filter(|entry| entry.part == "formal").map(|entry| entry.gpu.as_deref());
        let first = names.next().flatten()?;
        names.all(|name| name == Some(first)).then_some(first)
    }

    /// The rank that this triage speaks for.
    pub fn rank(&self) -> u32 {
        self.traces.first().map_or(0, |entry| entry.rank)
    }

    /// GPU activities over all files.
    pub fn activities(&self) -> u64 {
        self.stages.iter().map(|stage| stage.steps.activities).sum()
    }

    /// Kernels over all measured files; copies and fills do not count.
    pub fn kernels(&self) -> u64 {
        self.traces.iter().filter(|entry| entry.part == "formal").map(|entry| entry.kernels).sum()
    }

    /// A stage's part, when present.
    pub fn stage(&self, stage: Stage) -> Option<&StageTriage> {
        self.stages.iter().find(|one| one.stage == stage)
    }
}
