//! The rows of one step, timed but not yet written.

use std::borrow::Cow;

use super::workload::KernelSpec;

/// Everything that one step adds to a file, each list in the order of its beginnings.
#[derive(Debug, Default)]
pub(super) struct StepRows<'a> {
    pub ranges: Vec<CpuRange<'a>>,
    pub frames: Vec<Frame>,
    pub calls: Vec<Call<'a>>,
    pub runs: Vec<Run<'a>>,
    pub gpu_ranges: Vec<GpuRange>,
}

/// A CPU op or a named range on a CPU thread.
#[derive(Debug)]
pub(super) struct CpuRange<'a> {
    pub name: Cow<'a, str>,
    pub is_annotation: bool,
    pub thread: u32,
    pub start: u64,
    pub ns: u64,
    pub external: u64,
}

/// A Python call.
#[derive(Debug)]
pub(super) struct Frame {
    pub name: String,
    pub start: u64,
    pub ns: u64,
    pub id: u64,
    pub parent: Option<u64>,
    pub module: Option<u64>,
}

/// What a runtime or driver call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallKind {
    Launch,
    /// With launch attributes: what programmatic dependent launch needs.
    LaunchWithAttributes,
    /// Through the driver: kernels that were compiled or chosen at run time.
    DriverLaunch,
    Graph,
    Copy,
    Set,
    /// Queues nothing, and Kineto draws an arrow for it all the same.
    IsCapturing,
    EventRecord,
    Synchronize,
}

/// A runtime or driver call.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub kind: CallKind,
    pub thread: u32,
    pub start: u64,
    pub ns: u64,
    pub correlation: u64,
    pub external: Option<u64>,
    /// What was launched, where it is one kernel.
    pub spec: Option<&'a KernelSpec>,
}

/// One execution on the GPU.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub spec: &'a KernelSpec,
    pub start: u64,
    pub ns: u64,
    pub correlation: u64,
    pub external: Option<u64>,
    /// Whether a graph replay ran it.
    pub is_replay: bool,
}

impl Run<'_> {
    pub(super) fn end(&self) -> u64 {
        self.start + self.ns
    }
}

/// A named range as drawn on one stream.
#[derive(Debug)]
pub(super) struct GpuRange {
    pub name: String,
    pub stream: u32,
    pub start: u64,
    pub ns: u64,
    pub external: u64,
}
