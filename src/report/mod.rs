//! Stage 6, *how is it said*: pure functions from a report to text.
//!
//! Every rendering shows the same facts of one [`CheckReport`](crate::verdict::CheckReport) or one
//! [`Triage`](crate::triage::Triage). Nothing is computed here but units and what to leave out; no clock,
//! file or environment is read, so the same report gives the same bytes. Names in a report were written by
//! whoever wrote the kernels: each rendering makes them harmless where it puts them down.

pub mod changes;
#[cfg(test)]
pub(crate) mod fixture;
pub mod github;
mod headline;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod numbers;
#[cfg(test)]
mod plain;
mod ranks;
mod select;
pub mod text;
pub mod unit;
mod waiver;
mod words;

pub use select::{Counts, counts, is_quiet};
