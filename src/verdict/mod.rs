//! Stage 5, *is it acceptable*: from differences to findings, from findings to a verdict.
//!
//! Knows levels and thresholds; renders nothing beyond one-line messages.

mod again;
mod align;
mod bodies;
mod cases;
mod cause;
mod code;
mod doubt;
mod exposed;
mod finding;
mod judge;
mod layer_diff;
mod outcome;
mod policy;
mod position;
mod price;
mod report;
mod sets;
mod structure;
mod time;

pub use again::{Anew, OtherBaseline, judge_again};
pub use code::{Code, Kind};
pub use doubt::about_capture as doubts_about_capture;
pub use finding::{Change, Finding, Level};
pub use judge::{Judged, judge, unjudged};
pub use outcome::{Outcome, exit_code};
pub use policy::{OnInconclusive, OnMissingBaseline, Policy, Thresholds};
pub use report::{BaselineRef, Basis, Case, CaseResult, CheckReport, LayerDiff, Price, ScenarioReport};
