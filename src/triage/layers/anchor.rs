//! The attention kernels that layers are anchored on.

use super::slots::Slot;
use crate::trace::{Ns, StreamId};
use crate::triage::classify::Role;

/// One layer's attention: slots `first..=last` of a stream's sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// First attention slot.
    pub first: usize,
    /// Last attention slot.
    pub last: usize,
}

/// The stream that runs most attention time, ties to the smaller stream.
pub fn main_stream(slots: &[Slot]) -> Option<StreamId> {
    let mut totals = std::collections::BTreeMap::new();
    for slot in slots.iter().filter(|slot| slot.role == Role::Attention) {
        *totals.entry(slot.stream).or_insert(Ns::ZERO) += slot.end - slot.start;
    }
    totals
        .into_iter()
        .max_by_key(|(stream, total)| (*total, std::cmp::Reverse(*stream)))
        .map(|(stream, _)| stream)
}

/// Groups the attention kernels of one stream's sequence.
///
/// Kernels of one layer's attention (a split and its reduction, a context and a generation part) have
/// nothing between them but small helpers. Attention kernels that only prepare anchor nothing: their like
/// runs seldom and takes less than half the time of the typical group.
pub fn anchors(sequence: &[Slot]) -> Vec<Anchor> {
    let mut groups: Vec<(Anchor, Ns)> = Vec::new();
    let mut is_open = false;
    for (index, slot) in sequence.iter().enumerate() {
        if slot.role == Role::Attention {
            let length = slot.end - slot.start;
            match groups.last_mut() {
                Some((anchor, total)) if is_open => {
                    anchor.last = index;
                    *total += length;
                }
                _ => groups.push((Anchor { first: index, last: index }, length)),
            }
            is_open = true;
        } else if separates(slot.role) {
            is_open = false;
        }
    }
    let kind = |anchor: &Anchor| -> Vec<u32> {
        let slots = sequence.get(anchor.first..=anchor.last).unwrap_or_default();
        slots.iter().filter(|slot| slot.role == Role::Attention).map(|slot| slot.kernel.0).collect()
    };
    let mut kinds = std::collections::BTreeMap::new();
    for (anchor, _) in &groups {
        *kinds.entry(kind(anchor)).or_insert(0_usize) += 1;
    }
    let mut totals: Vec<i64> = groups.iter().map(|(_, total)| total.0).collect();
    let typical = crate::triage::median(&mut totals);
    let most = kinds.values().copied().max().unwrap_or(0);
    let is_preparation = |anchor: &Anchor, total: Ns| {
        let seldom = kinds.get(&kind(anchor)).is_some_and(|count| count * 8 <= most);
        seldom && total.0.saturating_mul(2) < typical
    };
    groups
        .into_iter()
        .filter(|(anchor, total)| !is_preparation(anchor, *total))
        .map(|(anchor, _)| anchor)
        .collect()
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
