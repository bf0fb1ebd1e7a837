//! The description: what a server ran and how it was profiled. Plain data without behaviour.

use std::borrow::Cow;

use super::gpu::Gpu;

/// A text that is usually a constant.
type Text = Cow<'static, str>;

/// Everything that decides the bytes of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Same seed, same bytes; another seed, other noise.
    pub seed: u64,
    /// How many steps the capture holds.
    pub steps: u32,
    /// The GPU that every rank ran on.
    pub gpu: Gpu,
    /// How many of them the header lists.
    pub host_gpus: u32,
    /// The ordinal of rank 0's GPU; rank 1 uses the next.
    pub first_device: u32,
    /// Which server wrote the files.
    pub flavour: Flavour,
    /// Which generation of Kineto wrote the rows.
    pub schema: Schema,
    /// How the work was queued.
    pub launch: LaunchMode,
    /// Which named ranges surround a step.
    pub annotations: Annotations,
    /// The Python frames around the model, if frames were recorded.
    pub python: Option<PythonScopes>,
    /// Whether replayed kernels carry the `External id` of the op around the graph launch.
    pub graph_external_ids: bool,
    /// Largest deviation of a kernel's time, in thousandths.
    pub noise_permille: u32,
    /// Size of the job: one file a rank.
    pub ranks: u32,
    /// The rank that the others wait for.
    pub late: Option<LateRank>,
    /// What a step runs; step `n` runs shape `n` modulo their number.
    pub shapes: Vec<ModelShape>,
}

/// The Python frames that every kernel of the model stands in; modules without their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PythonScopes {
    /// Around the model, below the server's own frames.
    pub model: Vec<Text>,
    /// Around each layer.
    pub layer: Vec<Text>,
}

/// A rank that reaches every collective after the others did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateRank {
    /// Which one.
    pub rank: u32,
    /// By how many nanoseconds.
    pub ns: u64,
}

/// The server, for file names, process names and Python paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// SGLang: `<time>-TP-0-DECODE.trace.json.gz`.
    Sglang,
    /// vLLM: `rank0.<ns>.pt.trace.json.gz`.
    Vllm,
    /// A script: `rank0.<host>_<pid>.<ns>.pt.trace.json.gz`.
    Script,
}

/// The generation of Kineto's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// An object with a header; nanosecond resolution.
    Current,
    /// 2021: a bare list, `Kernel`/`Runtime`/`Operator`, `"stream 7"`, whole microseconds.
    Old2021,
}

/// How the kernels between [`ModelShape::before`] and [`ModelShape::after`] were queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchMode {
    /// One graph launch a step.
    Graph,
    /// One graph launch for every run of kernels between those marked [`KernelSpec::outside_graph`].
    Piecewise,
    /// One launch a kernel.
    Eager,
}

/// The named ranges around a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Annotations {
    /// None at all.
    None,
    /// `execute_…` around the step, `step[DECODE bs=…]` around the model inside it.
    Sglang,
    /// `execute_…` only.
    Vllm,
    /// `ProfilerStep#N`.
    ProfilerStep,
}

/// What a step is for; only labels depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// One token for each of `batch` sequences.
    Decode {
        /// Sequences.
        batch: u32,
        /// Tokens already cached, all sequences together.
        cached: u32,
    },
    /// `tokens` new tokens of `sequences` sequences.
    Prefill {
        /// Sequences.
        sequences: u32,
        /// New tokens.
        tokens: u32,
    },
}

/// One step, in launch order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelShape {
    /// What the labels say.
    pub stage: Stage,
    /// Launched one by one before the model, inside the outer annotation.
    pub before: Vec<KernelSpec>,
    /// The model before its layers.
    pub prologue: Vec<KernelSpec>,
    /// The distinct layers.
    pub bodies: Vec<Vec<KernelSpec>>,
    /// Index into `bodies` for each layer, in order.
    pub pattern: Vec<usize>,
    /// The model after its layers.
    pub epilogue: Vec<KernelSpec>,
    /// Launched one by one after the model, inside the outer annotation.
    pub after: Vec<KernelSpec>,
    /// Launched one by one when the annotations have ended: work of no step.
    pub between: Vec<KernelSpec>,
}

impl ModelShape {
    /// A shape of `layers` equal layers and nothing else.
    pub fn of_layers(stage: Stage, layers: usize, body: Vec<KernelSpec>) -> Self {
        Self {
            stage,
            before: Vec::new(),
            prologue: Vec::new(),
            bodies: vec![body],
            pattern: vec![0; layers],
            epilogue: Vec::new(),
            after: Vec::new(),
            between: Vec::new(),
        }
    }

    /// The kernels of the model with the layer that each stands in.
    pub fn model(&self) -> impl Iterator<Item = (Option<usize>, &KernelSpec)> {
        let layers = self.pattern.iter().enumerate().flat_map(|(layer, body)| {
            self.bodies.get(*body).into_iter().flatten().map(move |kernel| (Some(layer), kernel))
        });
        let bare = |kernel| (None, kernel);
        self.prologue.iter().map(bare).chain(layers).chain(self.epilogue.iter().map(bare))
    }

    /// Everything that one step launches, in order, work of no step included.
    pub fn kernels(&self) -> impl Iterator<Item = &KernelSpec> {
        let model = self.model().map(|(_, kernel)| kernel);
        self.before.iter().chain(model).chain(&self.after).chain(&self.between)
    }
}

/// When a kernel starts, as far as the GPU decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Once everything launched before it, on any stream, has ended.
    After,
    /// Shortly before the one ahead of it on its stream ends (programmatic dependent launch).
    Early,
    /// When the kernel launched before it starts; whatever comes [`Order::After`] waits for both.
    Beside,
    /// As soon as its own stream is free; nothing waits for it.
    Free,
}

/// What kind of work a launch queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelKind {
    /// A kernel with its grid and block.
    Kernel {
        /// Blocks per axis.
        grid: [u32; 3],
        /// Threads per axis.
        block: [u32; 3],
    },
    /// A copy of so many bytes.
    Copy {
        /// Bytes moved.
        bytes: u64,
    },
    /// A fill of so many bytes.
    Set {
        /// Bytes written.
        bytes: u64,
    },
}

/// One launch of the description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelSpec {
    /// The raw name, as the profiler spells it.
    pub name: Text,
    /// The stream that it runs on.
    pub stream: u32,
    /// Its time without noise and waiting, in nanoseconds.
    pub ns: u64,
    /// Kernel, copy or fill.
    pub kind: KernelKind,
    /// The CPU ops around the launch, outermost first.
    pub ops: Vec<Text>,
    /// The Python frames around the ops, outermost first, below the layer; modules without number.
    pub frames: Vec<Text>,
    /// When it starts.
    pub order: Order,
    /// Whether piecewise graphs leave it out.
    pub outside_graph: bool,
    /// Whether it waits for the same launch of every other rank.
    pub collective: bool,
    /// The launching thread: 0 is the main one.
    pub thread: u32,
}

impl KernelSpec {
    fn new(name: impl Into<Text>, us: f64, kind: KernelKind) -> Self {
        Self {
            name: name.into(),
            stream: 7,
            ns: nanoseconds(us),
            kind,
            ops: Vec::new(),
            frames: Vec::new(),
            order: Order::After,
            outside_graph: false,
            collective: false,
            thread: 0,
        }
    }

    /// A kernel of `us` microseconds on stream 7.
    pub fn kernel(name: impl Into<Text>, us: f64) -> Self {
        Self::new(name, us, KernelKind::Kernel { grid: [1, 1, 1], block: [128, 1, 1] })
    }

    /// A copy of `bytes`, which the profiler calls `name`.
    pub fn copy(name: impl Into<Text>, us: f64, bytes: u64) -> Self {
        Self::new(name, us, KernelKind::Copy { bytes })
    }

    /// A fill of `bytes`.
    pub fn set(us: f64, bytes: u64) -> Self {
        Self::new("Memset (Device)", us, KernelKind::Set { bytes })
    }

    /// The same with a grid and a block size along one axis; copies have none.
    pub fn grid(mut self, blocks: [u32; 3], threads: u32) -> Self {
        if let KernelKind::Kernel { grid, block } = &mut self.kind {
            *grid = blocks;
            *block = [threads, 1, 1];
        }
        self
    }

    /// The same on another stream.
    pub fn on(mut self, stream: u32) -> Self {
        self.stream = stream;
        self
    }

    /// The same with another rule for its start.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// The same under CPU ops, outermost first, divided by `>`.
    pub fn ops(mut self, ops: &'static str) -> Self {
        self.ops = ops.split('>').map(Cow::Borrowed).collect();
        self
    }

    /// The same under Python frames, outermost first.
    pub fn frames(mut self, frames: &[&'static str]) -> Self {
        self.frames = frames.iter().copied().map(Cow::Borrowed).collect();
        self
    }

    /// The same, left out of piecewise graphs.
    pub fn outside_graph(mut self) -> Self {
        self.outside_graph = true;
        self
    }

    /// The same as a collective.
    pub fn collective(mut self) -> Self {
        self.collective = true;
        self
    }

    /// The same, launched from another thread.
    pub fn thread(mut self, thread: u32) -> Self {
        self.thread = thread;
        self
    }
}

/// Described times are small and positive, and the cast saturates where they are not.
fn nanoseconds(us: f64) -> u64 {
    (us * 1000.0).round() as u64
}
