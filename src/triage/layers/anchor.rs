//! The attention kernels that layers are anchored on.

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
/// runs seldom and takes less than half the time of the typical group.
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
    let kind = |anchor: &Anchor| -> Vec<u32> {
        let slots = sequence.get(anchor.first..=anchor.last).unwrap_or_default();
        slots.iter().filter(|slot| is_anchor(slot.role)).map(|slot| slot.kernel.0).collect()
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

/// Roles that cannot stand inside one layer's linear attention, which convolves, rotates, gates and normalises
/// between its own kernels. A projection parts it from the next layer's.
fn separates_linear(role: Role) -> bool {
    matches!(
        role,
        Role::Gemm | Role::Moe | Role::MoeRouting | Role::Communication | Role::Sampling | Role::Embedding
    )
}
