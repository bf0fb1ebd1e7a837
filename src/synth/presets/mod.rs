//! Ready-made workloads, each a situation that the rest of profgate has to read correctly.

mod dense;
mod moe;
pub mod names;
mod training;

pub use dense::{alternating_layers, eager_prefill, piecewise_graphs, two_rank_tp};
pub use moe::{hip_decode, moe_decode, moe_decode_unfused, moe_mapping, two_stream_moe};
pub use training::{old_schema, training_steps};

use super::gpu::Gpu;
use super::workload::{Annotations, Flavour, LaunchMode, ModelShape, Schema, Workload};

/// A name and how to make what it names.
pub type Preset = (&'static str, fn() -> Workload);

/// Every preset, for loops over all of them.
pub const ALL: [Preset; 12] = [
    ("moe-decode", moe_decode),
    ("moe-decode-unfused", moe_decode_unfused),
    ("moe-mapping", moe_mapping),
    ("two-rank-tp", two_rank_tp),
    ("alternating-layers", alternating_layers),
    ("two-stream-moe", two_stream_moe),
    ("piecewise-graphs", piecewise_graphs),
    ("eager-prefill", eager_prefill),
    ("hip-decode", hip_decode),
    ("old-schema", old_schema),
    ("training-steps", training_steps),
    ("moe-one-step", moe_one_step),
];

/// What presets share: four steps of one rank, with two percent of noise.
fn workload(gpu: Gpu, flavour: Flavour, shape: ModelShape) -> Workload {
    Workload {
        seed: 1,
        steps: 4,
        gpu,
        host_gpus: 8,
        first_device: 0,
        flavour,
        schema: Schema::Current,
        launch: LaunchMode::Graph,
        annotations: match flavour {
            Flavour::Sglang => Annotations::Sglang,
            Flavour::Vllm => Annotations::Vllm,
            Flavour::Script => Annotations::ProfilerStep,
        },
        python: None,
        graph_external_ids: false,
        noise_permille: 20,
        ranks: 1,
        late: None,
        shapes: vec![shape],
    }
}

/// [`moe_decode`] cut down to a single step, the least that a server records.
pub fn moe_one_step() -> Workload {
    Workload { steps: 1, ..moe_decode() }
}
