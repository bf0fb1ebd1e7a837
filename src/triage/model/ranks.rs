//! What the ranks of a capture say of one another, in the shape of the JSON contract.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::triage::classify::Role;
use crate::triage::stage::Stage;

/// A role's time over the ranks of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoleSpread {
    /// Which phase.
    pub stage: Stage,
    /// What the kernels do.
    pub role: Role,
    /// Added time of a step on the rank that has least.
    pub min_ns: i64,
    /// Median over ranks.
    pub median_ns: i64,
    /// On the rank that has most.
    pub max_ns: i64,
    /// That has least; the lowest of several.
    pub min_rank: u32,
    /// That has most; the lowest of several.
    pub max_rank: u32,
}

/// A rank that computes longer than the others, who then wait for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Straggler {
    /// Which phase.
    pub stage: Stage,
    /// Which rank.
    pub rank: u32,
    /// Added time of its computing kernels in a step.
    pub compute_ns: i64,
    /// Median of that over ranks.
    pub median_ns: i64,
    /// By how much it is more, in percent.
    pub excess_pct: f64,
    /// The roles that make the difference, largest first.
    pub evidence: Vec<StragglerRole>,
}

/// One role of a straggler against the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StragglerRole {
    /// What the kernels do.
    pub role: Role,
    /// Added time of a step.
    pub ns: i64,
    /// Median of that over ranks.
    pub median_ns: i64,
}

/// A communication kernel over the ranks of a capture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Collective {
    /// Which phase.
    pub stage: Stage,
    /// Kernel id.
    pub kernel: String,
    /// Whether each step has as many instances on every rank, so that they could be matched.
    pub matched: bool,
    /// Time of a step if no rank waited: for each instance the shortest one. `null` when not matched.
    pub true_ns: Option<i64>,
    /// The part of a step in which nothing ran beside it, if no rank waited. `null` when not matched.
    #[serde(default)]
    pub exposed_ns: Option<i64>,
    /// What the ranks waited in a step beyond that, added over ranks. `null` when not matched.
    pub waiting_ns: Option<i64>,
    /// The ranks, in order.
    pub ranks: Vec<CollectiveRank>,
}

/// One rank's part in a communication kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CollectiveRank {
    /// Which rank.
    pub rank: u32,
    /// Instances inside steps.
    pub instances: u64,
    /// Added time of a step.
    pub ns: i64,
    /// The part of it that is waiting. `null` when not matched.
    pub waiting_ns: Option<i64>,
}

/// What only all ranks of a capture together tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ranks {
    /// The ranks that were compared.
    pub ranks: Vec<u32>,
    /// Time by stage and role, largest median first.
    pub spread: Vec<RoleSpread>,
    /// Ranks that compute longer than the others.
    pub stragglers: Vec<Straggler>,
    /// Communication kernels by stage, the longest first.
    pub collectives: Vec<Collective>,
}
