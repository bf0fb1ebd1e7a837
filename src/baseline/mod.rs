//! Stage 4, *what changed*: accepted numbers in YAML, and the differences of a capture to them.
//!
//! Facts only. Whether a difference is acceptable is decided one stage later.

mod delta;
mod expected;
mod file;
mod fingerprint;
mod looser;
mod merge;
mod observation;
mod observe;
mod promise;
mod read;
mod refresh;
mod waived;
mod write;

pub use delta::{Change, OverlapDelta, PathDelta, RowDelta, StageDelta, compare};
pub use file::{
    Baseline, Comparable, ExpectedBody, ExpectedLayers, ExpectedOverlap, ExpectedPath, ExpectedRow,
    ExpectedStage, ExpectedSteps, Recorded,
};
pub use fingerprint::{Fingerprint, Mismatch, UNKNOWN, Versions};
pub use looser::{Looser, Loosest, looser};
pub use merge::{NoRepeats, merge};
pub use observation::{
    Band, BodyObservation, LayersObservation, Measure, Observation, OverlapObservation, Overlapped,
    PathObservation, RowObservation, StageObservation,
};
pub use observe::observe;
pub use promise::{
    LaunchRange, Per, Promise, PromisedState, Subject as PromiseSubject, check as check_promises,
    matches as promise_matches,
};
pub use read::parse;
pub use refresh::{Held, Noise, refresh};
pub use waived::WaiverRow;
pub use write::{Kept, to_yaml, write};
