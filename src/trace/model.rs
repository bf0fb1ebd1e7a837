//! What one trace file says, in our own types. Everything wire-shaped stops in `wire.rs`.

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroU64};

use super::health::Health;
use super::names::{NameId, Names};
use super::ns::{Ns, Span};

/// One GPU of one process, in file order of first appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub NameId);

/// One stream of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The device that the stream belongs to: stream 7 of two devices is two streams.
    pub device: DeviceId,
    /// The stream's number, as text.
    pub stream: NameId,
}

/// One CPU thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId {
    /// The process, as text.
    pub pid: NameId,
    /// The thread, as text.
    pub tid: NameId,
}

/// Joins a launch to the GPU activities that it queued. Unique in one trace only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CorrelationId(pub NonZeroU64);

/// Joins a CPU op to what was launched under it. Absent where graphs hide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId(pub NonZeroU64);

/// Numbers the nodes of graphs in the order in which they were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GraphNodeId(pub NonZeroU64);

/// The ranks that a collective runs over, by the number of their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(NonZeroU32);

impl GroupId {
    /// Of a text.
    pub fn new(name: NameId) -> Option<Self> {
        name.0.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }

    /// The text.
    pub fn name(self) -> NameId {
        NameId(self.0.get() - 1)
    }
}

/// What kind of work occupied the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActivityKind {
    /// A kernel.
    Kernel,
    /// A copy (`gpu_memcpy`).
    Copy,
    /// A fill (`gpu_memset`).
    Set,
}

/// One execution on one stream: a kernel, a copy or a fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// The raw name.
    pub name: NameId,
    /// Kernel, copy or fill.
    pub kind: ActivityKind,
    /// Where it ran.
    pub stream: StreamId,
    /// When it ran.
    pub span: Span,
    /// The launch that queued it, if the trace says.
    pub correlation: Option<CorrelationId>,
    /// The CPU op above the launch, if the trace says.
    pub external: Option<ExternalId>,
    /// Blocks on the first axis of the launch; 0 when unknown.
    pub grid: u32,
    /// The node of a graph that it replays, if the trace says.
    pub graph_node: Option<GraphNodeId>,
    /// The ranks that a collective runs over, as the row spells them; rows of one group agree on every rank.
    pub group: Option<GroupId>,
}

/// A runtime or driver call that queued GPU work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// The call, such as `cudaGraphLaunch`.
    pub name: NameId,
    /// The calling thread.
    pub thread: ThreadId,
    /// When the call ran, on the CPU's clock.
    pub span: Span,
    /// What its activities carry too.
    pub correlation: CorrelationId,
    /// The CPU op around it, if the trace says.
    pub external: Option<ExternalId>,
    /// The kernel that it launches, where the call's row names it (ROCm).
    pub kernel: Option<NameId>,
}

/// What a call that prepares GPU work, and queues none, prepares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetupKind {
    /// From here on, the thread's launches go into a graph.
    CaptureBegin,
    /// The graph is complete.
    CaptureEnd,
    /// A graph is made ready for replay.
    GraphInstantiate,
    /// Code is loaded onto the GPU, as after compiling it.
    CodeLoad,
}

/// A runtime or driver call that prepares GPU work. A server that is warm makes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetupCall {
    /// What it prepares.
    pub kind: SetupKind,
    /// The call's name.
    pub name: NameId,
    /// The calling thread.
    pub thread: ThreadId,
    /// When the call ran, on the CPU's clock.
    pub span: Span,
}

/// A dispatcher-level operator such as `aten::mm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuOp {
    /// The operator's name.
    pub name: NameId,
    /// The thread that ran it.
    pub thread: ThreadId,
    /// When it ran.
    pub span: Span,
    /// What launches under it carry too.
    pub external: Option<ExternalId>,
}

/// One call of a Python function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PythonFrame {
    /// File, line and function as one text.
    pub name: NameId,
    /// The thread that ran it.
    pub thread: ThreadId,
    /// When it ran.
    pub span: Span,
}

/// A named range. The GPU flavour is synthetic (it is widened and repeats per stream): never an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Annotation {
    /// The range's label.
    pub name: NameId,
    /// When it was open.
    pub span: Span,
    /// Whether the profiler drew it on the GPU's tracks.
    pub on_gpu: bool,
    /// The stream that it is drawn on, for a drawing.
    pub stream: Option<StreamId>,
    /// What a range and its drawings carry both, if the trace says.
    pub external: Option<ExternalId>,
}

/// One entry of the header's device list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceProperties {
    /// The ordinal that GPU rows carry, as text.
    pub id: String,
    /// Marketing name; empty on some ROCm builds, which means unknown.
    pub name: String,
}

/// What the trace's header says about where it was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// The GPUs that the process could see, not all of which it used.
    pub devices: Vec<DeviceProperties>,
    /// Position in the job.
    pub rank: Option<u32>,
    /// Size of the job.
    pub world_size: Option<u32>,
    /// Runtime version as the header spells it (`12040` for CUDA 12.4).
    pub runtime_version: Option<String>,
    /// Driver version as the header spells it.
    pub driver_version: Option<String>,
    /// Version of NCCL, by the word of the job that loaded it.
    pub nccl_version: Option<String>,
    /// Version of the serving engine, where it writes itself into the header.
    pub engine_version: Option<String>,
    /// What the times of events count from, in nanoseconds since 1970; 0 when the header does not say.
    pub base_ns: i64,
    /// `cuda`, `hip`, or empty when the header names neither.
    pub platform: String,
}

impl Header {
    /// The runtime and its version as people write it, such as `cuda 12.4` or `hip 7.0.51831`.
    pub fn runtime(&self) -> Option<String> {
        self.version(self.runtime_version.as_deref()?)
    }

    /// What the driver supports, in the same words.
    pub fn driver(&self) -> Option<String> {
        self.version(self.driver_version.as_deref()?)
    }

    fn version(&self, text: &str) -> Option<String> {
        let version: u64 = text.parse().ok()?;
        match self.platform.as_str() {
            "cuda" => Some(format!("cuda {}.{}", version / 1000, version % 1000 / 10)),
            "hip" => Some(format!(
                "hip {}.{}.{}",
                version / 10_000_000,
                version / 100_000 % 100,
                version % 100_000
            )),
            _ => None,
        }
    }
}

/// Counts of events by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Elements of `traceEvents` that were read.
    pub read: u64,
    /// Launches that went into a graph and not onto the GPU.
    pub captured: u64,
}

/// What one process of one rank recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// Where it was recorded.
    pub header: Header,
    /// Every distinct text.
    pub names: Names,
    /// GPU work, in file order.
    pub activities: Vec<Activity>,
    /// Calls that queued GPU work, in file order.
    pub launches: Vec<Launch>,
    /// Calls that prepare GPU work, in file order.
    pub setups: Vec<SetupCall>,
    /// CPU operators, in file order.
    pub cpu_ops: Vec<CpuOp>,
    /// Python calls, in file order, but for those of built-in functions: these have no place in the source.
    pub python_frames: Vec<PythonFrame>,
    /// Named ranges, in file order.
    pub annotations: Vec<Annotation>,
    /// Ranks that this file was merged from, by the marks that merging puts before process ids (`TP00`);
    /// sorted, and empty for what one process wrote.
    pub merged_from: Vec<String>,
    /// How many events the file holds.
    pub events: EventCounts,
    /// What was wrong with it.
    pub health: Health,
}

impl Trace {
    /// How many activities are kernels.
    pub fn kernel_count(&self) -> usize {
        self.activities.iter().filter(|activity| activity.kind == ActivityKind::Kernel).count()
    }

    /// The name of the GPU that ran the work, `None` when the trace does not say.
    ///
    /// Devices that ran nothing do not count: an eight-GPU host lists eight. Where several GPUs ran work
    /// and differ, the names are joined.
    pub fn gpu(&self) -> Option<String> {
        let runs = self.activities.chunk_by(|a, b| a.stream.device == b.stream.device);
        let devices: BTreeSet<NameId> = runs.filter_map(|run| Some(run.first()?.stream.device.0)).collect();
        let mut used: Vec<&str> = devices.into_iter().map(|device| self.names.get(device)).collect();
        used.sort_unstable();
        let mut names: Vec<&str> = self
            .header
            .devices
            .iter()
            .filter(|device| used.binary_search(&device.id.as_str()).is_ok())
            .map(|device| device.name.as_str())
            .collect();
        if names.is_empty() {
            // Masked devices are renumbered on some platforms; a host of one model is still certain.
            names = self.header.devices.iter().map(|device| device.name.as_str()).collect();
        }
        names.sort_unstable();
        names.dedup();
        match names.as_slice() {
            [] => None,
            _ if names.iter().any(|name| name.is_empty()) => None,
            _ => Some(names.join(" + ")),
        }
    }

    /// The span from the first start to the last end of GPU work.
    pub fn gpu_span(&self) -> Option<Span> {
        let start = self.activities.iter().map(|activity| activity.span.start).min()?;
        let end = self.activities.iter().map(|activity| activity.span.end).max()?;
        Some(Span { start, end })
    }

    /// Total duration of GPU work, overlaps counted as often as they occur.
    pub fn gpu_total(&self) -> Ns {
        self.activities.iter().map(|activity| activity.span.length()).sum()
    }
}
