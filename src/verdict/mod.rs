//! Stage 5, *is it acceptable*: from differences to findings, from findings to a verdict.
//!
//! Knows levels and thresholds; renders nothing beyond one-line messages.

mod again;
mod align;
mod bodies;
mod cases;
mod cause;
mod changes;
mod code;
mod confirm;
mod cost;
mod doubt;
mod exposed;
mod finding;
mod judge;
mod layer_diff;
mod lint;
mod lost_path;
mod outcome;
mod own;
mod policy;
mod position;
mod price;
mod promise;
mod report;
mod sets;
mod stage_total;
mod structure;
mod successors;
mod terms;
mod time;
mod waiver;
mod waiver_trailer;

pub use again::{Anew, OtherBaseline, judge_again};
pub use changes::{StageChanges, changes};
pub use code::{Code, Kind};
pub use confirm::{confirm, has_open_time};
pub use doubt::about_capture as doubts_about_capture;
pub use finding::{Finding, Level, explained_at};
pub use judge::{Judged, judge, judge_promises, unjudged};
pub use lint::{Lint, LintInput, lint};
pub use outcome::{Outcome, exit_code};
pub use policy::{OnInconclusive, OnMissingBaseline, Policy, SIGMA_PER_MAD, Thresholds};
pub use promise::PlacedPromise;
pub use report::{BaselineRef, Basis, Case, CaseResult, CheckReport, LayerDiff, Price, ScenarioReport};
pub use terms::Terms;
pub use waiver::{Waiver, WaiverReport, WaiverState};
pub use waiver_trailer::{TRAILER, TrailerError, waivers_of_trailers};

// What configuration files share with baselines.
pub use crate::baseline::{Promise, WaiverRow, check_promises};
