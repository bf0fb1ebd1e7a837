//! The Python call stack while kernels are launched: opens and closes frames so that each lies in its parent.

use super::rng::Rng;
use super::rows::Frame;
use super::workload::Flavour;

/// The part of a module's frame that precedes its number.
const MODULE: &str = "nn.Module: ";

#[derive(Debug)]
struct Open {
    name: String,
    start: u64,
    id: u64,
}

/// The open frames of the main thread and those that have ended.
#[derive(Debug)]
pub(super) struct CallStack {
    open: Vec<Open>,
    ended: Vec<Frame>,
    next_id: u64,
}

impl CallStack {
    pub(super) fn new() -> Self {
        Self { open: Vec::new(), ended: Vec::new(), next_id: 1 }
    }

    /// Makes `path` the open frames; what is shared with the open ones stays open.
    pub(super) fn enter(&mut self, path: &[String], now: &mut u64, rng: &mut Rng) {
        let shared = self.open.iter().zip(path).take_while(|(open, name)| open.name == **name).count();
        self.close_to(shared, now, rng);
        for name in path.iter().skip(shared) {
            self.push(name.clone(), now, rng);
        }
    }

    /// Opens one more frame that no later call shares.
    pub(super) fn push(&mut self, name: String, now: &mut u64, rng: &mut Rng) {
        *now += 200 + rng.below(1800);
        self.open.push(Open { name, start: *now, id: self.next_id });
        self.next_id += 1;
    }

    /// Closes the innermost frame.
    pub(super) fn pop(&mut self, now: &mut u64, rng: &mut Rng) {
        self.close_to(self.open.len().saturating_sub(1), now, rng);
    }

    /// Closes all frames and hands over everything that ended since the last time, by beginning.
    pub(super) fn drain(&mut self, now: &mut u64, rng: &mut Rng) -> Vec<Frame> {
        self.close_to(0, now, rng);
        let mut frames = std::mem::take(&mut self.ended);
        frames.sort_by_key(|frame| frame.id);
        frames
    }

    fn close_to(&mut self, depth: usize, now: &mut u64, rng: &mut Rng) {
        while self.open.len() > depth {
            let Some(frame) = self.open.pop() else { return };
            *now += 100 + rng.below(600);
            self.ended.push(Frame {
                module: module_number(&frame.name),
                start: frame.start,
                ns: *now - frame.start,
                id: frame.id,
                parent: self.open.last().map(|parent| parent.id),
                name: frame.name,
            });
        }
    }
}

fn module_number(name: &str) -> Option<u64> {
    name.strip_prefix(MODULE)?.rsplit_once('_')?.1.parse().ok()
}

/// Frames of a description with their modules numbered, as the profiler numbers instances of a class.
pub(super) fn numbered<'n>(
    frames: impl IntoIterator<Item = &'n std::borrow::Cow<'static, str>>,
    number: usize,
) -> impl Iterator<Item = String> {
    frames.into_iter().map(move |frame| {
        if frame.starts_with(MODULE) { format!("{frame}_{number}") } else { frame.to_string() }
    })
}

/// The frames of a built-in that dispatches an op: an address makes its name unique to the process.
pub(super) fn built_in(op: &str, rng: &mut Rng) -> String {
    let function = op.rsplit(':').next().unwrap_or(op);
    format!("<built-in method {function} of type object at 0x7f{:08x}{:02x}>", rng.below(1 << 32), 0x20)
}

/// The server's own frames around a step.
pub(super) fn roots(flavour: Flavour) -> &'static [&'static str] {
    match flavour {
        Flavour::Sglang => &[
            "/sgl-workspace/sglang/python/sglang/srt/managers/scheduler.py(2919): run_batch",
            "/sgl-workspace/sglang/python/sglang/srt/managers/tp_worker.py(445): forward_batch_generation",
            "/sgl-workspace/sglang/python/sglang/srt/model_executor/model_runner.py(3123): forward",
            "torch/utils/_contextlib.py(117): decorate_context",
        ],
        Flavour::Vllm => &[
            "vllm/v1/engine/core.py(283): step",
            "vllm/v1/worker/gpu_worker.py(498): execute_model",
            "torch/utils/_contextlib.py(117): decorate_context",
            "vllm/v1/worker/gpu_model_runner.py(2409): execute_model",
        ],
        Flavour::Script => &["train.py(71): <module>", "train.py(48): train_step"],
    }
}

/// The frames between a server's own and a graph replay.
pub(super) fn replay(flavour: Flavour) -> &'static [&'static str] {
    match flavour {
        Flavour::Sglang => &[
            "/sgl-workspace/sglang/python/sglang/srt/model_executor/cuda_graph_runner.py(842): replay",
            "torch/cuda/graphs.py(139): replay",
        ],
        Flavour::Vllm => {
            &["vllm/compilation/cuda_graph.py(218): __call__", "torch/cuda/graphs.py(139): replay"]
        }
        Flavour::Script => &["torch/cuda/graphs.py(139): replay"],
    }
}
