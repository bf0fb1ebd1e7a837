//! profgate: fails the build when a fused or overlapped GPU path of an LLM server has switched itself off.
//!
//! Structure is stable and time is not: whether a fused kernel ran 96 times in a decode step is exact and
//! repeatable, a step that is 4 % slower is neither. So structure gates hard, time only with measured
//! noise, and nothing is green because nothing was measured.
//!
//! The modules below stand in the order in which data flows. Each may use what stands before it and nothing
//! that stands after it; a test holds them to that.
//!
//! ```text
//! source ─▶ trace ─▶ triage ─▶ baseline ─▶ verdict ─▶ report ─▶ publish
//!  bytes    events   tables    deltas      findings   words     files
//! ```

pub mod common;
// The stages, in order of flow. Blank lines keep rustfmt from sorting them.

pub mod source;

pub mod trace;

pub mod triage;

pub mod baseline;

pub mod verdict;

pub mod report;

pub mod publish;

// Around the stages: what wires them, and what makes input for demo, tests and benchmarks.

pub mod capture;
pub mod cli;
pub mod config;
pub mod run;
pub mod synth;
