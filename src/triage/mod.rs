//! Stage 3, *what it means*: from the traces of one rank to three tables.
//!
//! Reads no file but the catalogs compiled into it, and knows nothing of baselines.

pub mod activity;
pub mod attribution;
mod build;
pub mod classify;
mod framework;
pub mod interval;
mod kernel_table;
mod layers;
mod model;
pub mod paths;
mod period;
mod stage;
mod steps;

pub use build::{Input, TriageError, triage};
pub use classify::{Class, Classifier, Role};
pub use kernel_table::median;
pub use model::{
    Attribution, BodyStream, Flags, HealthEntry, HiddenBy, KernelRow, LayerBody, Layers, Mode, NameRow,
    OverlapRow, PathRow, PathState, SCHEMA, Similarity, Site, StageTriage, StepTotals, Tool, TraceEntry,
    Triage,
};
pub use stage::{Label, Stage, StageEvidence};
pub use steps::FoundBy;
