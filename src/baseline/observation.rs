//! The measured side of a comparison: one capture or several repeats of it, all ranks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fingerprint::{Fingerprint, Versions};
use crate::triage::{FoundBy, PathState, Role, Stage};

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// What was measured, and on what.
    pub fingerprint: Fingerprint,
    /// What may differ between two captures that are compared, and then makes them less alike.
    pub versions: Versions,
    /// Arguments of the server that are no part of the fingerprint, by the server's own names.
    pub server_args: BTreeMap<String, String>,
    /// Repeats that went in.
    pub captures: u32,
    /// Per stage.
    pub stages: BTreeMap<Stage, StageObservation>,
}

/// One stage over all ranks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageObservation {
    /// How steps were told apart.
    pub found_by: FoundBy,
    /// Activities of a step, mean over ranks.
    pub activities: f64,
    /// Busy time of a step in nanoseconds, median over ranks.
    pub busy_ns: f64,
    /// How far `busy_ns` moved between repeats.
    pub busy_band: Band,
    /// Time that overlap saves in a step.
    pub overlapped: Overlapped,
    /// Share of the stage's GPU time that lies outside every step, in percent, largest over ranks.
    pub outside_pct: f64,
    /// Kernel rows with work inside steps, by kernel id.
    pub rows: BTreeMap<String, RowObservation>,
    /// Catalog paths, by id.
    pub paths: BTreeMap<String, PathObservation>,
    /// What of each role's time nothing hides.
    pub overlaps: BTreeMap<Role, OverlapObservation>,
    /// The repeating bodies, when found.
    pub layers: Option<LayersObservation>,
}

/// How far a number moved between repeats; the number itself is their median.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Band {
    /// Median absolute deviation from that median, in nanoseconds; 0 of a single capture.
    pub mad_ns: f64,
    /// Captures that have the number.
    pub captures: u32,
}

impl Band {
    /// Of a number that was measured once.
    pub const ONCE: Self = Self { mad_ns: 0.0, captures: 1 };
}

impl Default for Band {
    fn default() -> Self {
        Self::ONCE
    }
}

/// Time of a step that overlap saves, median over ranks.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Overlapped {
    /// Nanoseconds by which kernels of one stream start before the one ahead has ended.
    pub same_stream_ns: f64,
    /// Nanoseconds during which streams of one device run beside each other.
    pub streams_ns: f64,
}

/// What a row launches and costs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Measure {
    /// Launches of a step, mean over ranks.
    pub launches: f64,
    /// Most minus fewest launches over steps, ranks and repeats.
    pub spread: f64,
    /// Added nanoseconds of a step, median over the ranks that have the row, scaled to all ranks. For a
    /// communication kernel whose instances could be matched over ranks: what it costs when no rank waits.
    pub ns: f64,
    /// Median added nanoseconds of one instance.
    pub each_ns: f64,
    /// Median absolute deviation of the instances.
    pub each_mad_ns: f64,
}

/// One kernel id of one stage over all ranks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RowObservation {
    /// What it does.
    pub role: Role,
    /// Launches and times.
    pub measure: Measure,
    /// How far `measure.ns` moved between repeats.
    pub band: Band,
    /// Share of the stage's added time, in percent.
    pub share_pct: f64,
    /// Instances measured inside steps, over all ranks.
    pub instances: u64,
    /// The raw name with the most time, for a person to recognise.
    pub name: String,
    /// Numbers of its launches within a step, from 1, that are slow in most steps; of the first rank.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slow: Vec<u64>,
}

/// One catalog path of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PathObservation {
    /// What it does.
    pub state: PathState,
    /// Fused instances of a step.
    pub fused: u64,
    /// Split instances of a step.
    pub split: u64,
    /// Its name for people.
    pub name: String,
    /// Flags that switch it on.
    pub flags_on: Vec<String>,
    /// Flags that switch it off.
    pub flags_off: Vec<String>,
    /// Where the fused code lives.
    pub source_paths: Vec<String>,
    /// Kernel ids that it runs as, fused or split, copies between them included; by name.
    #[serde(default)]
    pub kernels: Vec<String>,
}

/// How much of a role's time no other stream hides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverlapObservation {
    /// Exclusive nanoseconds of a step. For communication on the rank that waits least, else the median.
    pub exposed_ns: f64,
    /// How far `exposed_ns` moved between repeats.
    pub band: Band,
    /// The role that hides most of the rest; `None` when nothing is hidden.
    pub hidden_by: Option<Role>,
    /// Whether it says something of the program: communication, or a role that is hidden for the most part. A
    /// role that hides another one is hidden by it for the same time, and that is no overlap of its own.
    pub is_overlap: bool,
}

/// The repeating bodies of a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LayersObservation {
    /// How many layers.
    pub count: u64,
    /// The distinct bodies, in order of appearance.
    pub bodies: Vec<BodyObservation>,
    /// Kernel ids before the first layer, in order; `None` where that was not recorded.
    #[serde(default)]
    pub prologue: Option<Vec<String>>,
    /// Kernel ids behind the last layer, in order; `None` where that was not recorded.
    #[serde(default)]
    pub epilogue: Option<Vec<String>>,
}

/// One repeating body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct BodyObservation {
    /// `A`, `B`, …
    pub id: String,
    /// How often it runs in a step.
    pub repeats: u64,
    /// Kernel ids in order; a list for each stream, the longest first. Numbers of streams mean nothing.
    pub streams: Vec<Vec<String>>,
}
