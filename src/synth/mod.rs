//! Makes traces: from a described model to the file that Kineto would have written of it.
//!
//! Input: a [`Workload`], plain data. Output: bytes, the same for the same workload on every machine. The
//! files are as awkward as real ones: rows out of time order, ids of mixed types, graph replays without
//! `External id`, kernels that start before the one ahead of them ended. Serves the demo, tests and
//! benchmarks. What it gives up: shapes, memory events and the bulk of runtime calls that queue nothing.

mod gpu;
mod mutate;
pub mod presets;
mod python;
mod render;
mod render_device;
mod rng;
mod rows;
mod schedule;
mod workload;
mod write;

pub use gpu::{Gpu, Platform};
pub use workload::{
    Annotations, Flavour, KernelKind, KernelSpec, LateRank, LaunchMode, ModelShape, Order, PythonScopes,
    Schema, Stage, Workload,
};
pub use write::{capture_file_name, write_capture, write_rank};

#[cfg(test)]
mod tests;
