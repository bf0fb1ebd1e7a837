//! A kernel that stands in for attention where no name tells what anything does.

use std::collections::BTreeMap;

use super::anchor::is_anchor;
use super::slots::{KernelIx, Slot};
use crate::trace::Ns;
use crate::triage::classify::Role;

/// Fewer repetitions than this are no layers.
const LEAST_LAYERS: usize = 4;

/// Where no kernel is attention and most of the time has no known role, gives the heaviest kernel of those that run
/// as often as most of the time does the role of attention, and all kernels without a role one that parts two layers'
/// attention. Says whether it did.
///
/// Roles of slots decide where layers are cut and nothing else; what a layer runs is told by kernel ids.
pub fn stand_in(slots: &mut [Slot]) -> bool {
    let length = |slot: &Slot| (slot.end - slot.start).max(Ns::ZERO);
    let whole: Ns = slots.iter().map(length).sum();
    let unknown: Ns = slots.iter().filter(|slot| slot.role == Role::Other).map(length).sum();
    if slots.iter().any(|slot| is_anchor(slot.role)) || unknown.0.saturating_mul(2) < whole.0 {
        return false;
    }
    let mut kernels: BTreeMap<KernelIx, (usize, Ns)> = BTreeMap::new();
    for slot in slots.iter().filter(|slot| slot.role == Role::Other) {
        let (count, time) = kernels.entry(slot.kernel).or_default();
        *count += 1;
        *time += length(slot);
    }
    let mut by_count: BTreeMap<usize, Ns> = BTreeMap::new();
    for (count, time) in kernels.values().filter(|(count, _)| *count >= LEAST_LAYERS) {
        *by_count.entry(*count).or_default() += *time;
    }
    let Some((layers, _)) = by_count.into_iter().max_by_key(|(_, time)| *time) else { return false };
    let heaviest = kernels.iter().filter(|(_, (count, _))| *count == layers);
    let Some((anchor, _)) = heaviest.max_by_key(|(kernel, (_, time))| (*time, std::cmp::Reverse(**kernel)))
    else {
        return false;
    };
    let anchor = *anchor;
    for slot in slots.iter_mut().filter(|slot| slot.role == Role::Other) {
        slot.role = if slot.kernel == anchor { Role::Attention } else { Role::Gemm };
    }
    true
}
