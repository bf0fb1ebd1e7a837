//! Rows of the overlap table, in the shape of the JSON contract.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::triage::classify::Role;
use crate::triage::model::HiddenBy;

/// What the neighbours on its stream say of a kernel, by how many of its instances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Neighbours {
    /// A neighbour stands close and reads or writes what the kernel works on, by all that is known.
    pub dependent: u64,
    /// A neighbour stands close, and nothing tells whether it depends.
    pub unclear: u64,
    /// None stands close, or what does is known to be independent.
    pub free: u64,
}

/// What could still be overlapped, and what is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverlapRow {
    /// Kernel id.
    pub kernel: String,
    /// What it does.
    #[serde(default = "unknown_role")]
    pub role: Role,
    /// `headroom`, `hidden` or `serial`.
    pub verdict: String,
    /// `low`, `high` or `unclear`.
    pub dependency_risk: String,
    /// What the risk was counted from.
    #[serde(default)]
    pub neighbours: Neighbours,
    /// What to do.
    pub recommendation: String,
    /// Time of a step in which it ran and no other stream of the device did.
    #[serde(default)]
    pub exposed_ns: i64,
    /// The part of all its time during which other streams run too, in percent.
    #[serde(default)]
    pub hidden_pct: f64,
    /// By whom it is hidden, in all.
    pub hidden_by: Vec<HiddenBy>,
    /// Catalog path that covers it.
    pub path: Option<String>,
    /// Upper bound on what overlapping could win, per step.
    pub headroom_ns: i64,
}

fn unknown_role() -> Role {
    Role::Other
}
