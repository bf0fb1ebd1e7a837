//! Where one layer ends and the next begins, from what stands before the first and after the last.

use super::anchor::Anchor;
use super::slots::Slot;
use crate::triage::classify::Role;

/// One layer: slots `start..end` of the main stream's sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// First slot.
    pub start: usize,
    /// First slot after.
    pub end: usize,
}

/// Cuts a step's main sequence into layers, one an anchor.
///
/// Between two anchors stands the end of one layer and the beginning of the next. How much of it begins a
/// layer is seen before the first anchor, where only a beginning stands; how much ends one, after the last.
/// Both allow one slot of the same role to differ, because a first layer has no residual to add. Where that
/// leaves a choice, a layer begins with its norm.
pub fn cut(sequence: &[Slot], anchors: &[Anchor]) -> Vec<Layer> {
    let (Some(first), Some(last)) = (anchors.first(), anchors.last()) else { return Vec::new() };
    let before = sequence.get(..first.first).unwrap_or_default();
    let after = sequence.get(last.last + 1..).unwrap_or_default();
    let gaps: Vec<&[Slot]> = anchors
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => sequence.get(a.last + 1..b.first),
            _ => None,
        })
        .collect();
    let Some(typical) = most_common(&gaps) else { return Vec::new() };
    let head = head_length(typical, before, after);
    let starts: Vec<usize> = anchors
        .iter()
        .enumerate()
        .map(|(index, anchor)| {
            let room = match index.checked_sub(1).and_then(|previous| anchors.get(previous)) {
                None => anchor.first,
                Some(previous) => anchor.first - previous.last - 1,
            };
            anchor.first - head.min(room)
        })
        .collect();
    let tail = (typical.len() - head.min(typical.len())).min(matched(typical, after, usize::MAX));
    let ends = starts.iter().skip(1).copied().chain([last.last + 1 + tail]);
    starts.iter().copied().zip(ends).map(|(start, end)| Layer { start, end }).collect()
}

/// How many slots before an anchor belong to its layer.
fn head_length(gap: &[Slot], before: &[Slot], after: &[Slot]) -> usize {
    let most = matched_back(gap, before);
    let ends = matched(gap, after, gap.len());
    // A layer may begin at any slot of `earliest..=latest` of the gap.
    let earliest = gap.len() - most;
    let latest = ends.max(earliest).min(gap.len());
    let norm = (earliest..=latest).find(|index| gap.get(*index).is_some_and(|slot| slot.role == Role::Norm));
    gap.len() - norm.unwrap_or(earliest)
}

/// Length of the common beginning, one slot of the same role excepted.
fn matched(gap: &[Slot], other: &[Slot], limit: usize) -> usize {
    common(gap.iter().zip(other)).min(limit)
}

/// Length of the common end, one slot of the same role excepted.
fn matched_back(gap: &[Slot], other: &[Slot]) -> usize {
    common(gap.iter().rev().zip(other.iter().rev()))
}

fn common<'a>(pairs: impl Iterator<Item = (&'a Slot, &'a Slot)>) -> usize {
    let mut differing = 0;
    let mut length = 0;
    for (a, b) in pairs {
        if a.kernel != b.kernel {
            differing += 1;
            if a.role != b.role || differing > 1 {
                break;
            }
        }
        length += 1;
    }
    length
}

/// The gap whose kernels repeat most often; ties to the first.
pub fn most_common<'s>(gaps: &[&'s [Slot]]) -> Option<&'s [Slot]> {
    let mut counts: std::collections::BTreeMap<Vec<u32>, (usize, usize)> = std::collections::BTreeMap::new();
    for (index, gap) in gaps.iter().enumerate() {
        counts.entry(kernels(gap)).or_insert((0, index)).0 += 1;
    }
    let (_, index) = counts.into_values().max_by_key(|(count, index)| (*count, std::cmp::Reverse(*index)))?;
    gaps.get(index).copied()
}

/// The kernel ids of a run of slots, as numbers.
pub fn kernels(slots: &[Slot]) -> Vec<u32> {
    slots.iter().map(|slot| slot.kernel.0).collect()
}
