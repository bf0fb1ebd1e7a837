//! The baseline file as a person reads and edits it. Strict: an unknown key is an error with its place.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::fingerprint::{Fingerprint, UNKNOWN, Versions};
use super::observation::{BodyObservation, LayersObservation};
use super::promise::Promise;
use super::waived::WaiverRow;
use crate::common::level::Level;
use crate::common::yaml::{Location, Spanned};
use crate::triage::{FoundBy, PathState, Role, Stage};

/// A baseline file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Baseline {
    /// Version of the format.
    #[schemars(with = "u32", extend("const" = 1))]
    pub schema: Spanned<u32>,
    /// What a capture must match before it is judged.
    #[serde(default)]
    pub comparable: Comparable,
    /// Where the numbers come from; never compared.
    #[serde(default)]
    pub recorded: Recorded,
    /// What a person promises. It needs no recorded number.
    #[serde(default)]
    #[schemars(with = "Vec<Promise>")]
    pub expect: Vec<Spanned<Promise>>,
    /// Per stage.
    #[serde(default)]
    pub stages: BTreeMap<Stage, ExpectedStage>,
    /// Findings that are accepted for a while.
    #[serde(default)]
    #[schemars(with = "Vec<WaiverRow>")]
    pub waivers: Vec<Spanned<WaiverRow>>,
}

impl Baseline {
    /// One that expects nothing, for a scenario that only has promises.
    pub fn without_numbers() -> Self {
        Self {
            schema: Spanned::new(1, Location::UNKNOWN, Location::UNKNOWN),
            comparable: Comparable::default(),
            recorded: Recorded::default(),
            expect: Vec::new(),
            stages: BTreeMap::new(),
            waivers: Vec::new(),
        }
    }
}

/// The identity of the recorded capture. A missing key and `unknown` both mean unknown.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Comparable {
    /// GPU model.
    pub gpu: Option<String>,
    /// GPUs of the job.
    pub gpus: Option<u32>,
    /// Rank files of the capture; fewer in a candidate is no verdict.
    pub ranks: Option<u32>,
    /// Serving engine.
    pub framework: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Size of tensor parallelism.
    pub tp: Option<u32>,
    /// Size of pipeline parallelism.
    pub pp: Option<u32>,
    /// Size of data parallelism.
    pub dp: Option<u32>,
    /// Size of expert parallelism.
    pub ep: Option<u32>,
    /// Type of weights and activations.
    pub dtype: Option<String>,
    /// Quantisation of the weights.
    pub quantization: Option<String>,
    /// What was sent to the server, in the user's words.
    pub workload: Option<String>,
}

/// Where the numbers come from. Versions may differ; the rest is only noted.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recorded {
    /// Version of profgate.
    pub profgate: Option<String>,
    /// Captures that went in.
    pub captures: Option<u32>,
    /// Runtime such as `cuda 12.4`.
    pub runtime: Option<String>,
    /// What the driver supports, in the same words.
    pub driver: Option<String>,
    /// Version of NCCL.
    pub nccl: Option<String>,
    /// Version of the serving engine.
    pub engine: Option<String>,
    /// Commit of the server, when the user gives one.
    pub commit: Option<String>,
    /// Arguments of the server that are no part of `comparable`; named as a cause when they change.
    #[serde(default)]
    pub server_args: BTreeMap<String, String>,
}

/// What one stage is expected to do.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedStage {
    /// Per-step sums.
    #[schemars(with = "ExpectedSteps")]
    pub steps: Spanned<ExpectedSteps>,
    /// Kernel rows.
    #[serde(default)]
    #[schemars(with = "Vec<ExpectedRow>")]
    pub kernels: Vec<Spanned<ExpectedRow>>,
    /// Catalog paths.
    #[serde(default)]
    #[schemars(with = "Vec<ExpectedPath>")]
    pub paths: Vec<Spanned<ExpectedPath>>,
    /// What of a role's time nothing hides.
    #[serde(default)]
    #[schemars(with = "Vec<ExpectedOverlap>")]
    pub overlaps: Vec<Spanned<ExpectedOverlap>>,
    /// The repeating bodies.
    #[serde(default)]
    #[schemars(with = "Option<ExpectedLayers>")]
    pub layers: Option<Spanned<ExpectedLayers>>,
}

/// Sums over a step.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedSteps {
    /// How steps were told apart.
    pub found_by: FoundBy,
    /// Activities of a step.
    pub activities: f64,
    /// Busy time of a step in microseconds.
    pub busy_us: f64,
    /// Median absolute deviation of `busy-us` between captures.
    #[serde(default)]
    pub mad_us: f64,
    /// Captures that `busy-us` is the median of; those of the file when not given.
    pub n: Option<u32>,
    /// Microseconds of a step by which kernels of one stream start before the one ahead has ended.
    #[serde(default)]
    pub same_stream_us: f64,
    /// Microseconds of a step during which streams of one device run beside each other.
    #[serde(default)]
    pub beside_us: f64,
}

/// One kernel row.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedRow {
    /// Kernel id.
    pub kernel: String,
    /// What it does.
    pub role: Role,
    /// Launches of a step.
    pub launches: f64,
    /// Most minus fewest launches over steps and ranks; 0 when every step launches the same.
    #[serde(default)]
    pub spread: f64,
    /// Added microseconds of a step.
    pub us: f64,
    /// Median absolute deviation of `us` between captures.
    #[serde(default)]
    pub mad_us: f64,
    /// Captures that `us` is the median of; those of the file when not given.
    pub n: Option<u32>,
    /// Median microseconds of one instance.
    #[serde(default)]
    pub each_us: f64,
    /// Median absolute deviation of the instances, in microseconds.
    #[serde(default)]
    pub each_mad_us: f64,
    /// Share of the stage's added time in percent.
    #[serde(default)]
    pub share: f64,
    /// What findings about this row count, instead of what the policy says.
    pub level: Option<Level>,
}

/// One catalog path.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedPath {
    /// Catalog id.
    pub path: String,
    /// The state promised.
    pub expect: PathState,
    /// Fused instances of a step.
    #[serde(default)]
    pub fused: u64,
    /// Split instances of a step.
    #[serde(default)]
    pub split: u64,
    /// Kernel ids that it ran as: what changes with them belongs to the path.
    #[serde(default)]
    pub kernels: Vec<String>,
    /// What findings about this row count, instead of what the policy says.
    pub level: Option<Level>,
}

/// How much of a role's time no other stream hides.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedOverlap {
    /// Whose time.
    pub role: Role,
    /// The role that hides most of what is hidden.
    pub hidden_by: Option<Role>,
    /// Exposed microseconds of a step.
    pub exposed_us: f64,
    /// Median absolute deviation of `exposed-us` between captures.
    #[serde(default)]
    pub mad_us: f64,
    /// Captures that `exposed-us` is the median of; those of the file when not given.
    pub n: Option<u32>,
    /// A promise: more exposed microseconds of a step than these are a regression.
    pub at_most: Option<f64>,
    /// What findings about this row count, instead of what the policy says.
    pub level: Option<Level>,
}

/// The repeating bodies of a step.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedLayers {
    /// How many layers.
    pub count: u64,
    /// The distinct bodies.
    #[schemars(with = "Vec<ExpectedBody>")]
    pub bodies: Vec<Spanned<ExpectedBody>>,
    /// Kernel ids before the first layer, in order.
    pub prologue: Option<Vec<String>>,
    /// Kernel ids behind the last layer, in order.
    pub epilogue: Option<Vec<String>>,
}

/// One repeating body.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedBody {
    /// `A`, `B`, …
    pub id: String,
    /// How often it runs in a step.
    pub repeats: u64,
    /// Kernel ids in order, of the stream with most of them.
    pub kernels: Vec<String>,
    /// The same of each other stream.
    #[serde(default)]
    pub beside: Vec<Vec<String>>,
}

impl ExpectedLayers {
    /// In the shape of a measured one.
    pub fn observation(&self) -> LayersObservation {
        let bodies = self.bodies.iter().map(|body| {
            let body = &body.value;
            let mut streams = vec![body.kernels.clone()];
            streams.extend(body.beside.iter().cloned());
            BodyObservation { id: body.id.clone(), repeats: body.repeats, streams }
        });
        LayersObservation {
            count: self.count,
            bodies: bodies.collect(),
            prologue: self.prologue.clone(),
            epilogue: self.epilogue.clone(),
        }
    }
}

impl Recorded {
    /// The versions, to be held against a capture's.
    pub fn versions(&self) -> Versions {
        let known = |text: &Option<String>| text.clone().filter(|text| text != UNKNOWN && !text.is_empty());
        Versions {
            runtime: known(&self.runtime),
            driver: known(&self.driver),
            nccl: known(&self.nccl),
            engine: known(&self.engine),
        }
    }
}

impl Comparable {
    /// As a fingerprint that captures can be held against.
    pub fn fingerprint(&self) -> Fingerprint {
        let known = |text: &Option<String>| text.clone().filter(|text| text != UNKNOWN && !text.is_empty());
        Fingerprint {
            gpu: known(&self.gpu),
            gpus: self.gpus,
            ranks: self.ranks.unwrap_or(0),
            framework: known(&self.framework),
            model: known(&self.model),
            tp: self.tp,
            pp: self.pp,
            dp: self.dp,
            ep: self.ep,
            dtype: known(&self.dtype),
            quantization: known(&self.quantization),
            workload: known(&self.workload),
        }
    }
}
