//! Everything a run of `check` says, in the shape of `report.json`: reports render this and nothing else.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::finding::{Finding, Level};
use super::outcome::{Outcome, exit_code};
use super::policy::{OnInconclusive, Policy};
use super::terms::Terms;
use super::waiver::WaiverReport;
use crate::baseline::Observation;
use crate::common::link::DocsUrl;
use crate::triage::{SCHEMA, Stage, Tool, Triage};

/// The baseline that a scenario was held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineRef {
    /// As the user names it.
    pub path: String,
    /// Of the file's bytes; `null` when there is no file.
    pub sha256: Option<String>,
    /// The GPU model that it was recorded on; `null` when it is not known.
    #[serde(default)]
    pub gpu: Option<String>,
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
    /// `capture`, `kernels`, `paths`, `overlaps`, `stages`, `promises` or `waivers`.
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
    /// Why, in a line; empty when there is nothing to say. Of a row that changed with others, where that was judged.
    pub message: String,
    /// The file that holds its row; `null` for the capture.
    #[serde(default)]
    pub file: Option<String>,
    /// Its line there, when it has one.
    pub line: Option<u64>,
}

/// What a scenario was judged by, so that it can be judged again from its report alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Basis {
    /// Text of the baseline file; `null` when there was none.
    pub baseline: Option<String>,
    /// What the capture measured, all its ranks together.
    pub capture: Observation,
    /// Levels of this scenario that differ from the policy's.
    pub levels: BTreeMap<Code, Level>,
    /// Files that the change under test touches, where the user told.
    pub changed_files: Vec<String>,
    /// What the configuration and the commits promise and waive; what the baseline does stands in its text.
    #[serde(default)]
    #[schemars(skip_serializing_if = "is_of_a_day")]
    pub terms: Terms,
    /// What the second capture measured, where there was one that had something to confirm.
    #[serde(default)]
    pub confirm: Option<Observation>,
    /// Choices made while reading, without those made while judging.
    pub notes: Vec<String>,
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
    /// Waivers with what became of them.
    #[serde(default)]
    pub waivers: Vec<WaiverReport>,
    /// Choices made while reading: files left out and why, ranks used.
    pub notes: Vec<String>,
    /// Every judged row.
    pub cases: Vec<Case>,
    /// Rank 0's tables; `null` when nothing could be read.
    pub triage: Option<Triage>,
    /// What it was judged by; `null` when nothing could be read.
    #[serde(default)]
    pub basis: Option<Basis>,
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
    /// Where findings are explained. No part of the document: who renders it says so.
    #[serde(skip)]
    pub docs: Option<DocsUrl>,
}

impl CheckReport {
    /// A run of these scenarios: its verdict and exit code follow from them and from the policy alone.
    pub fn conclude(policy: Policy, scenarios: Vec<ScenarioReport>) -> Self {
        let verdict = scenarios.iter().map(|one| one.verdict).max().unwrap_or(Outcome::Pass);
        let has_failed_capture = scenarios
            .iter()
            .flat_map(|one| &one.findings)
            .any(|finding| finding.code == Code::CaptureFailed && finding.level == Level::Deny);
        // What is excused does not hide what is not: the worst of the rest decides.
        let excused = |outcome: Outcome| {
            outcome == Outcome::Inconclusive
                && policy.on_inconclusive == OnInconclusive::Warn
                && !has_failed_capture
        };
        let counted = scenarios.iter().map(|one| one.verdict).filter(|outcome| !excused(*outcome)).max();
        let exit_code = match counted {
            Some(outcome) if !policy.exit_zero => exit_code(outcome, has_failed_capture),
            _ => 0,
        };
        Self { schema: SCHEMA, tool: Tool::default(), verdict, exit_code, policy, scenarios, docs: None }
    }
}
/// The schema shows no default terms, because they hold the day on which it is printed.
fn is_of_a_day(_: &Terms) -> bool {
    true
}
