//! Stage 3, *what it means*: from the traces of one rank to three tables.
//!
//! Reads no file but the catalogs compiled into it, and knows nothing of baselines.

pub mod activity;
pub mod attribution;
mod build;
mod busy;
mod by_name;
mod catalogs;
pub mod classify;
mod framework;
pub mod interval;
mod kernel_table;
mod launches;
mod layers;
mod model;
pub mod overlap;
pub mod paths;
mod ranks;
mod replays;
mod slow;
mod stage;
mod steps;
mod turns;
mod window;

pub use build::{Input, TriageError, triage, triage_of_rank};
pub use catalogs::Catalogs;
pub use classify::{Class, Classifier, Role};
pub use kernel_table::median;
pub use model::{
    Attribution, BodyStream, Collective, CollectiveRank, DeviceTime, Flags, HealthEntry, HiddenBy, KernelRow,
    Kin, LayerBody, Layers, Mode, NameRow, PathRow, PathState, Ranks, RoleSpread, SCHEMA, Searched,
    Similarity, Site, StageTriage, StepTotals, Straggler, StragglerRole, Tool, TraceEntry, Triage, Unlisted,
};
pub use overlap::{Neighbours, OverlapRow, leave_out_waiting};
pub use paths::LADDER;
pub use ranks::{RankFacts, compare};
pub use stage::{Label, Stage, StageEvidence};
pub use steps::FoundBy;
