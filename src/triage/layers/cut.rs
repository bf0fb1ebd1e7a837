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
///
/// Where roles are not known, `has_roles` is false: then a slot more that differs could be of any role, and only the
/// one of the first norm is allowed.
pub fn cut(sequence: &[Slot], anchors: &[Anchor], has_roles: bool) -> Vec<Layer> {
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
    let head = head_length(typical, before, after, if has_roles { MAX_EDITS } else { 1 });
    let inner =
        anchors.iter().zip(&gaps).map(|(previous, gap)| previous.last + 1 + end_of(gap, typical, head));
    let starts: Vec<usize> = std::iter::once(first.first - head.min(first.first)).chain(inner).collect();
    let starts = at_norm(sequence, typical, head, starts);
    let tail = last_tail(&gaps, typical, head, after);
    let ends = starts.iter().skip(1).copied().chain([last.last + 1 + tail]);
    starts.iter().copied().zip(ends).map(|(start, end)| Layer { start, end }).collect()
}

/// How many slots of a gap end the layer before it.
///
/// Layers of one model begin alike or end alike: where the gap ends as the typical one does, the layer after it
/// begins there; else where it begins as the typical one does, the layer before it ends there.
fn end_of(gap: &[Slot], typical: &[Slot], head: usize) -> usize {
    let head = head.min(typical.len());
    let tail = typical.len() - head;
    let of_typical = kernels(typical);
    let of_gap = kernels(gap);
    if !of_gap.ends_with(of_typical.get(tail..).unwrap_or_default())
        && tail > 0
        && of_gap.starts_with(of_typical.get(..tail).unwrap_or_default())
    {
        tail
    } else {
        gap.len() - head.min(gap.len())
    }
}

/// How many slots after the last anchor belong to its layer: those of the gap whose end of a layer is all
/// there, with the fewest differences and among these the longest.
fn last_tail(gaps: &[&[Slot]], typical: &[Slot], head: usize, after: &[Slot]) -> usize {
    let after_slots: Vec<&Slot> = after.iter().collect();
    let mut counts: std::collections::BTreeMap<Vec<u32>, (usize, &[Slot])> =
        std::collections::BTreeMap::new();
    for gap in gaps {
        let tail = gap.get(..end_of(gap, typical, head)).unwrap_or_default();
        counts.entry(kernels(tail)).or_insert((0, tail)).0 += 1;
    }
    let whole = counts.into_values().filter(|(count, tail)| *count > 1 && !tail.is_empty()).filter_map(
        |(_, tail)| {
            let slots: Vec<&Slot> = tail.iter().collect();
            let edits = (0..=MAX_EDITS).find(|edits| common(&slots, &after_slots, *edits) == tail.len())?;
            Some((edits, std::cmp::Reverse(tail.len())))
        },
    );
    let partial = || (typical.len() - head.min(typical.len())).min(matched(typical, after, usize::MAX));
    whole.min().map_or_else(partial, |(_, std::cmp::Reverse(length))| length).min(after.len())
}

/// The first layer may lack a slot before its anchor; its norm still begins it.
fn at_norm(sequence: &[Slot], typical: &[Slot], head: usize, mut starts: Vec<usize>) -> Vec<usize> {
    let is_norm = |slots: &[Slot], index: usize| slots.get(index).is_some_and(|slot| slot.role == Role::Norm);
    let begins_with_norm = typical.len().checked_sub(head).is_some_and(|index| is_norm(typical, index));
    if let Some(first) = starts.first_mut()
        && begins_with_norm
        && !is_norm(sequence, *first)
    {
        let near = [*first + 1, first.saturating_sub(1), *first + 2, first.saturating_sub(2)];
        if let Some(norm) = near.into_iter().find(|index| is_norm(sequence, *index)) {
            *first = norm;
        }
    }
    starts
}

/// How many slots before an anchor belong to its layer.
fn head_length(gap: &[Slot], before: &[Slot], after: &[Slot], edits: u32) -> usize {
    let most = matched_back(gap, before, edits);
    let ends = matched(gap, after, gap.len());
    // A layer may begin at any slot of `earliest..=latest` of the gap.
    let earliest = gap.len() - most;
    let latest = ends.max(earliest).min(gap.len());
    let norm = (earliest..=latest).find(|index| gap.get(*index).is_some_and(|slot| slot.role == Role::Norm));
    gap.len() - norm.unwrap_or(earliest)
}

/// Length of the part of the gap that the beginnings of both share, small differences excepted.
fn matched(gap: &[Slot], other: &[Slot], limit: usize) -> usize {
    common(&gap.iter().collect::<Vec<_>>(), &other.iter().collect::<Vec<_>>(), MAX_EDITS).min(limit)
}

/// Length of the part of the gap that the ends of both share, small differences excepted.
fn matched_back(gap: &[Slot], other: &[Slot], edits: u32) -> usize {
    common(&gap.iter().rev().collect::<Vec<_>>(), &other.iter().rev().collect::<Vec<_>>(), edits)
}

/// Slots in which a first or last layer may differ from the others.
const MAX_EDITS: u32 = 2;

/// The furthest slot of `gap` that is matched when slots of both are paired in order.
///
/// A pair is equal or, at the price of an edit, of equal role; a slot that only one side has costs an edit
/// too. Leading edits with nothing after them match nothing.
fn common(gap: &[&Slot], other: &[&Slot], edits: u32) -> usize {
    let equal = gap.iter().zip(other).take_while(|(a, b)| a.kernel == b.kernel).count();
    let (Some(a), Some(b)) = (gap.get(equal), other.get(equal)) else { return equal };
    if edits == 0 {
        return equal;
    }
    let rest = |skip_gap: usize, skip_other: usize| {
        let gap = gap.get(equal + skip_gap..).unwrap_or_default();
        let other = other.get(equal + skip_other..).unwrap_or_default();
        common(gap, other, edits - 1)
    };
    let same_role = if a.role == b.role { equal + 1 + rest(1, 1) } else { equal };
    let only_gap = match rest(1, 0) {
        0 => equal,
        matched => equal + 1 + matched,
    };
    let only_other = equal + rest(0, 1);
    same_role.max(only_gap).max(only_other)
}

/// The gap whose kernels repeat most often; ties to the first.
fn most_common<'s>(gaps: &[&'s [Slot]]) -> Option<&'s [Slot]> {
    let mut counts: std::collections::BTreeMap<Vec<u32>, (usize, usize)> = std::collections::BTreeMap::new();
    for (index, gap) in gaps.iter().enumerate() {
        counts.entry(kernels(gap)).or_insert((0, index)).0 += 1;
    }
    let (_, index) = counts.into_values().max_by_key(|(count, index)| (*count, std::cmp::Reverse(*index)))?;
    gaps.get(index).copied()
}

/// The kernel ids of a run of slots, as numbers.
fn kernels(slots: &[Slot]) -> Vec<u32> {
    slots.iter().map(|slot| slot.kernel.0).collect()
}
