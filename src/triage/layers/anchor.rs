//! The attention kernels that layers are anchored on.

use std::collections::BTreeMap;

use super::slots::Slot;
use crate::trace::Ns;
use crate::triage::classify::Role;

/// One layer's attention: slots `first..=last` of a stream's sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// First attention slot.
    pub first: usize,
    /// Last attention slot.
    pub last: usize,
}

/// Whether a kernel anchors a layer. Linear attention stands in for attention, in models that mix both too.
pub fn is_anchor(role: Role) -> bool {
    matches!(role, Role::Attention | Role::LinearAttention)
}

/// Groups the attention kernels of one stream's sequence.
///
/// Kernels of one layer's attention (a split and its reduction, a context and a generation part) have
/// nothing between them but small helpers. Attention kernels that only prepare anchor nothing: their like
/// runs seldom and takes less than half the time of the groups behind it.
pub fn anchors(sequence: &[Slot]) -> Vec<Anchor> {
    let mut groups: Vec<(Anchor, Ns)> = Vec::new();
    let mut is_open = false;
    let mut is_linear = false;
    for (index, slot) in sequence.iter().enumerate() {
        if is_anchor(slot.role) {
            is_linear = slot.role == Role::LinearAttention && (is_linear || !is_open);
            let length = slot.end - slot.start;
            match groups.last_mut() {
                Some((anchor, total)) if is_open => {
                    anchor.last = index;
                    *total += length;
                }
                _ => groups.push((Anchor { first: index, last: index }, length)),
            }
            is_open = true;
        } else if if is_linear { separates_linear(slot.role) } else { separates(slot.role) } {
            is_open = false;
        }
    }
    let is_preparation = preparations(sequence, &groups);
    groups
        .into_iter()
        .zip(is_preparation)
        .filter(|(_, is_preparation)| !is_preparation)
        .map(|((anchor, _), _)| anchor)
        .collect()
}

/// So many layers behind a kernel are of the step that it is part of.
const LAYERS_AHEAD: usize = 8;

/// For each group whether it is no layer's attention.
///
/// Steps of one sequence may differ in length as prefill and decode do: a group is held against those that follow it, and
/// all groups of the same kernels are the same thing.
fn preparations(sequence: &[Slot], groups: &[(Anchor, Ns)]) -> Vec<bool> {
    let kind = |(anchor, _): &(Anchor, Ns)| -> Vec<u32> {
        let slots = sequence.get(anchor.first..=anchor.last).unwrap_or_default();
        slots.iter().filter(|slot| is_anchor(slot.role)).map(|slot| slot.kernel.0).collect()
    };
    let kinds: Vec<Vec<u32>> = groups.iter().map(kind).collect();
    let mut times: BTreeMap<&[u32], usize> = BTreeMap::new();
    for kind in &kinds {
        *times.entry(kind).or_default() += 1;
    }
    let most = times.values().copied().max().unwrap_or(0);
    let is_short = |at: usize| {
        let behind = groups.get(at + 1..).unwrap_or_default();
        let before = groups.get(at.saturating_sub(LAYERS_AHEAD)..at).unwrap_or_default();
        let near = if behind.is_empty() { before } else { behind };
        let near = near.iter().take(LAYERS_AHEAD);
        let mut lengths: Vec<i64> = near.map(|(_, total)| total.0).collect();
        let typical = crate::triage::median(&mut lengths);
        groups.get(at).is_some_and(|(_, total)| total.0.saturating_mul(2) < typical)
    };
    let mut short: BTreeMap<&[u32], usize> = BTreeMap::new();
    for (at, kind) in kinds.iter().enumerate() {
        if times.get(kind.as_slice()).is_some_and(|times| times * 8 <= most) {
            *short.entry(kind).or_default() += usize::from(is_short(at));
        }
    }
    let is_mostly_short = |kind: &[u32]| {
        let (short, all) = (short.get(kind).copied().unwrap_or(0), times.get(kind).copied().unwrap_or(0));
        short * 2 > all
    };
    kinds.iter().map(|kind| is_mostly_short(kind)).collect()
}

/// Roles that cannot stand inside one layer's attention.
fn separates(role: Role) -> bool {
    match role {
        Role::Gemm
        | Role::Moe
        | Role::MoeRouting
        | Role::Norm
        | Role::Activation
        | Role::Communication
        | Role::Conv
        | Role::Rope
        | Role::KvCache
        | Role::Sampling
        | Role::Embedding => true,
        Role::Attention
        | Role::LinearAttention
        | Role::Quantize
        | Role::Reduction
        | Role::Elementwise
        | Role::Memory
        | Role::Other => false,
    }
}

/// Roles that cannot stand inside one layer's linear attention, which convolves, rotates, gates and normalises
/// between its own kernels. A projection parts it from the next layer's.
fn separates_linear(role: Role) -> bool {
    matches!(
        role,
        Role::Gemm | Role::Moe | Role::MoeRouting | Role::Communication | Role::Sampling | Role::Embedding
    )
}
