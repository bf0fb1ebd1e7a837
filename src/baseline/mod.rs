//! Stage 4, *what changed*: accepted numbers in YAML, and the differences of a capture to them.
//!
//! Facts only. Whether a difference is acceptable is decided one stage later.

mod delta;
mod file;
mod fingerprint;
mod observe;
mod write;

pub use delta::{Change, PathDelta, RowDelta, StageDelta, compare};
pub use file::{
    Baseline, Comparable, ExpectedPath, ExpectedRow, ExpectedStage, ExpectedSteps, Recorded, parse,
};
pub use fingerprint::{Fingerprint, Mismatch, UNKNOWN};
pub use observe::{Measure, Observation, PathObservation, RowObservation, StageObservation, observe};
pub use write::to_yaml;
