//! What differs between two sides, without a verdict: for whoever reads a diff.

use std::collections::BTreeMap;

use super::bodies;
use super::layer_diff;
use super::report::LayerDiff;
use super::sets;
use crate::baseline::{Baseline, Observation, StageDelta, compare};
use crate::triage::{Role, Stage};

/// One stage on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct StageChanges {
    /// The stage.
    pub stage: Stage,
    /// Row by row.
    pub delta: StageDelta,
    /// What took the place of what, the largest change of time first, a sentence each.
    pub sets: Vec<String>,
    /// Changed layer bodies.
    pub layers: Vec<LayerDiff>,
}

/// The stages that both sides have, in order.
pub fn changes(before: &Baseline, after: &Observation) -> Vec<StageChanges> {
    let mut all = Vec::new();
    for (stage, expected) in &before.stages {
        let Some(observed) = after.stages.get(stage) else { continue };
        let delta = compare(expected, observed);
        let roles: BTreeMap<String, Role> =
            delta.rows.iter().map(|row| (row.kernel.clone(), row.role)).collect();
        let role_of = |kernel: &str| roles.get(kernel).copied().unwrap_or(Role::Other);
        let layers = expected.layers.as_ref().map(|layers| layers.value.observation());
        let pairs = match (&layers, &observed.layers) {
            (Some(before), Some(after)) => bodies::pairs(before, after, &role_of),
            _ => Vec::new(),
        };
        let replaced = sets::sets(&delta, &bodies::links(&pairs));
        let sets = replaced.iter().filter(|set| set.rows.len() > 1).map(|set| set.in_words().0).collect();
        let layers = layer_diff::diffs(*stage, &pairs);
        all.push(StageChanges { stage: *stage, delta, sets, layers });
    }
    all
}
