//! Everything a run of `check` says, in the shape of `report.json`: reports render this and nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::finding::Finding;
use super::outcome::Outcome;
use super::policy::Policy;
use crate::triage::{Stage, Tool, Triage};

/// The baseline that a scenario was held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineRef {
    /// As the user names it.
    pub path: String,
    /// Of the file's bytes; `null` when there is no file.
    pub sha256: Option<String>,
}

/// What structural changes cost a stage, per step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Price {
    /// The stage.
    pub stage: Stage,
    /// Added time after minus before over the changed rows.
    pub structural_ns: i64,
    /// The same, of the baseline's busy time.
    pub structural_pct: f64,
    /// Change of the unchanged rows' added time, of their own.
    pub same_rows_pct: f64,
    /// Change of the stage's busy time, of its own.
    pub busy_pct: f64,
}

/// The changed order of a layer, as a diff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LayerDiff {
    /// The stage.
    pub stage: Stage,
    /// The body's id.
    pub body: String,
    /// Unified diff of kernel ids.
    pub text: String,
}

/// What became of one thing that was to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CaseResult {
    /// It holds.
    Held,
    /// A finding denies it.
    Violated,
    /// It could not be judged.
    Unjudged,
    /// It was not judged on purpose: waived, or without a baseline.
    Skipped,
}

/// One row of a baseline, or the capture itself, with what became of it: a test case of JUnit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Case {
    /// `capture`, `kernels` or `paths`.
    pub table: String,
    /// The stage; `null` for the capture.
    pub stage: Option<Stage>,
    /// Kernel id, path id or `comparable`.
    pub subject: String,
    /// What became of it.
    pub result: CaseResult,
    /// The finding that speaks about it, if one does.
    #[serde(default)]
    pub code: Option<Code>,
    /// Why, in a line; empty when it holds.
    pub message: String,
    /// The baseline's line, when it has one.
    pub line: Option<u64>,
}

/// One scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioReport {
    /// Its name.
    pub scenario: String,
    /// Its verdict.
    pub verdict: Outcome,
    /// What it was held against.
    pub baseline: BaselineRef,
    /// Findings, worst first.
    pub findings: Vec<Finding>,
    /// What got better.
    pub improvements: Vec<Finding>,
    /// What structure costs, per stage.
    pub price: Vec<Price>,
    /// Changed layer bodies.
    pub layer_diff: Vec<LayerDiff>,
    /// Parts of the identity that one side does not know.
    pub unknowns: Vec<String>,
    /// Choices made while reading: files left out and why, ranks used.
    pub notes: Vec<String>,
    /// Every judged row.
    pub cases: Vec<Case>,
    /// Rank 0's tables; `null` when nothing could be read.
    pub triage: Option<Triage>,
}

/// A run of `check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckReport {
    /// Version of this contract.
    #[schemars(extend("const" = 1))]
    pub schema: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// The worst scenario's verdict.
    pub verdict: Outcome,
    /// What the process ends with.
    pub exit_code: u8,
    /// As applied.
    pub policy: Policy,
    /// In the order of the configuration.
    pub scenarios: Vec<ScenarioReport>,
}
