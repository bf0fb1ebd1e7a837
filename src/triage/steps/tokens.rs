//! Prefill told from decode by the tokens that a step runs over, and by what only a prefill does.
//!
//! The launch grid of a norm stands for the tokens of the step. Decode has a token or a few for each request, prefill
//! hundreds for one; so the steps of a capture fall into groups with wide spaces between them. A space alone proves
//! nothing: a batch that shrinks from eight requests to one leaves one too. Whatever lies above it is prefill when it
//! also runs longer, or runs another attention, or is launched kernel by kernel beside decode steps that are replayed.

mod unclear;

use std::collections::{BTreeMap, BTreeSet};

use super::cut::Part;
use crate::trace::Health;
use crate::triage::classify::Role;
use crate::triage::layers::{Slot, is_anchor};
use crate::triage::stage::Stage;
use unclear::{leave_cut, leave_unclear, say_single, say_uneven, say_unlike};

/// The smallest prefill has at least this many times the tokens of the largest decode.
const PREFILL_TO_DECODE: u32 = 4;

/// A step of equal kernels that takes this many times as long as a decode step does not wait for weights alone.
const LONGER_ALONE: f64 = 3.0;

/// The same, of a step with another attention kernel, or one that is launched singly beside replays.
const LONGER_WITH_A_SIGN: f64 = 1.25;

/// What a step shows of its tokens and its program.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    grids: Vec<i64>,
    kernels: BTreeSet<u32>,
    /// Kernel ids that anchor layers.
    attention: BTreeSet<u32>,
    /// How many kernels anchor layers.
    anchors: i64,
    /// Sum of the lengths of its kernels, in nanoseconds.
    pub ns: i64,
    /// The same without communication, which waits for other ranks.
    work: i64,
    tokens: u32,
    is_replayed: bool,
    /// Whether the window cuts it.
    part: Option<Part>,
}

/// The stage of each of `count` steps, given all slots with their step, which steps are a graph's replay, and which
/// the window cuts; `None` where nothing tells it, [`Stage::All`] where something tells that it is not that of the others.
///
/// Decode is claimed of two steps or more, or of one that also runs other kernels than every prefill.
pub(super) fn stages<'s>(
    count: usize,
    slots: impl IntoIterator<Item = (usize, &'s Slot)>,
    is_replayed: impl Fn(usize) -> bool,
    parts: &BTreeMap<usize, Part>,
    health: &mut Health,
) -> Vec<Option<Stage>> {
    let mut steps = shown(count, slots, is_replayed);
    for (index, part) in parts {
        if let Some(step) = steps.get_mut(*index) {
            step.part = Some(*part);
        }
    }
    // A replay on ROCm carries no grid. Then a prompt and a batch cannot be told by size.
    let has_grids = steps.iter().all(|shown| shown.tokens > 0 || !shown.is_replayed)
        && steps.iter().any(|shown| shown.tokens > 0);
    if has_grids { by_tokens(&steps, health) } else { without_grids(&steps, health) }
}

/// What each of `count` steps shows.
pub(super) fn shown<'s>(
    count: usize,
    slots: impl IntoIterator<Item = (usize, &'s Slot)>,
    is_replayed: impl Fn(usize) -> bool,
) -> Vec<Shown> {
    let mut steps: Vec<Shown> = vec![Shown::default(); count];
    for (step, slot) in slots {
        let Some(shown) = steps.get_mut(step) else { continue };
        shown.kernels.insert(slot.kernel.0);
        shown.ns += (slot.end - slot.start).0;
        if slot.role != Role::Communication {
            shown.work += (slot.end - slot.start).0;
        }
        if is_anchor(slot.role) {
            shown.attention.insert(slot.kernel.0);
            shown.anchors += 1;
        }
        if slot.role == Role::Norm && slot.grid > 0 {
            shown.grids.push(i64::from(slot.grid));
        }
    }
    for (index, shown) in steps.iter_mut().enumerate() {
        shown.tokens = u32::try_from(crate::triage::median(&mut shown.grids)).unwrap_or(0);
        shown.is_replayed = is_replayed(index);
    }
    steps
}

/// Groups are parted at every wide space and judged from the smallest, which is decode if anything is.
fn by_tokens(steps: &[Shown], health: &mut Health) -> Vec<Option<Stage>> {
    let count = steps.len();
    let mut stages = vec![None; count];
    let mut decode: Vec<usize> = Vec::new();
    let mut prefill: Vec<usize> = Vec::new();
    let mut unclear: Vec<usize> = Vec::new();
    let mut unlike: Vec<usize> = Vec::new();
    let mut cut: Vec<usize> = Vec::new();
    let is_cut = |index: usize, decode: &[usize]| {
        let of = |indices: &[usize]| Group::of(indices.iter().filter_map(|index| steps.get(*index)));
        (index == 0 || index + 1 == count) && of(&[index]).is_part_of_a_prefill(&of(decode))
    };
    for group in groups(steps) {
        let of = |indices: &[usize]| Group::of(indices.iter().filter_map(|index| steps.get(*index)));
        if decode.is_empty() {
            decode = group;
            continue;
        }
        let (parts, group): (Vec<usize>, Vec<usize>) =
            group.into_iter().partition(|index| is_cut(*index, &decode));
        cut.extend(parts);
        if group.is_empty() {
            continue;
        }
        if !prefill.is_empty() || of(&group).is_prefill_beside(&of(&decode)) {
            prefill.extend(group);
        } else if of(&group).is_alike(&of(&decode)) {
            decode.extend(group);
        } else if of(&group).is_launched && of(&decode).is_replayed {
            unclear.extend(group);
        } else {
            unlike.extend(group);
        }
    }
    say_unlike(&unlike, &decode, steps, health);
    leave_unclear(&unclear, &decode, steps, &mut stages, health);
    leave_cut(&cut, &decode, steps, &mut stages, health);
    let of = |indices: &[usize]| -> Vec<&BTreeSet<u32>> {
        indices.iter().filter_map(|index| steps.get(*index)).map(|shown| &shown.kernels).collect()
    };
    let is_other_program =
        || of(&decode).into_iter().all(|decode| of(&prefill).into_iter().all(|prefill| prefill != decode));
    if prefill.is_empty() && cut.is_empty() {
        say_uneven(&decode, steps, health);
        return stages;
    }
    if decode.len() < 2 && !is_other_program() {
        // Of the last piece of a prompt one would be left too.
        say_single(&decode, &prefill, steps, health);
        decode.clear();
    }
    for (indices, stage) in [(decode, Stage::Decode), (prefill, Stage::Prefill)] {
        for index in indices {
            if let Some(of) = stages.get_mut(index) {
                *of = Some(stage);
            }
        }
    }
    stages
}

/// Stages of steps of which some show no tokens: by how they were launched, by their attention and by their time.
///
/// What a graph replays is decode if anything is, else the steps that are done first. Others of the same model are
/// prefill when they show more than one sign of it. A single sign is too little to say so, and too much to count them
/// with the others in silence.
fn without_grids(steps: &[Shown], health: &mut Health) -> Vec<Option<Stage>> {
    let mut stages = vec![None; steps.len()];
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|index| steps.get(*index).map(|shown| (!shown.is_replayed, shown.ns)));
    let of = |indices: &[usize]| Group::of(indices.iter().filter_map(|index| steps.get(*index)));
    let has_replays = steps.iter().any(|shown| shown.is_replayed);
    let (mut decode, mut prefill, mut unclear) = (Vec::new(), Vec::new(), Vec::new());
    for index in order {
        let Some(shown) = steps.get(index) else { continue };
        let (own, known) = (of(&[index]), of(&decode));
        if decode.is_empty() || shown.is_replayed || (own.is_alike(&known) && prefill.is_empty()) {
            decode.push(index);
        } else if !own.is_same_model(&known) {
            continue;
        } else if own.is_prefill_by_signs(&known) {
            prefill.push(index);
        } else if has_replays || own.is_longer(&known, LONGER_ALONE) {
            unclear.push(index);
        } else if prefill.is_empty() && own.attention == known.attention {
            decode.push(index);
        }
    }
    if !prefill.is_empty() {
        for (indices, stage) in [(&decode, Stage::Decode), (&prefill, Stage::Prefill)] {
            for index in indices {
                if let Some(of) = stages.get_mut(*index) {
                    *of = Some(stage);
                }
            }
        }
    }
    leave_unclear(&unclear, &decode, steps, &mut stages, health);
    if prefill.is_empty() {
        say_uneven(&decode, steps, health);
    }
    stages
}

/// Steps with tokens, from few to many, parted where the next has many times those before.
fn groups(steps: &[Shown]) -> Vec<Vec<usize>> {
    let mut sorted: Vec<(u32, usize)> = steps
        .iter()
        .enumerate()
        .map(|(index, shown)| (shown.tokens, index))
        .filter(|(tokens, _)| *tokens > 0)
        .collect();
    sorted.sort_unstable();
    sorted
        .chunk_by(|(below, _), (above, _)| *above < below.saturating_mul(PREFILL_TO_DECODE))
        .map(|group| group.iter().map(|(_, index)| *index).collect())
        .collect()
}

/// What the steps of a group have in common.
pub(super) struct Group {
    attention: BTreeSet<u32>,
    /// Most tokens of a step.
    tokens: u32,
    /// Median of its steps.
    anchors: i64,
    /// Median of its steps.
    ns: i64,
    /// How many norms tell the tokens: median of its steps.
    norms: i64,
    is_replayed: bool,
    is_launched: bool,
    /// How the window cuts all of it.
    part: Option<Part>,
}

impl Group {
    pub(super) fn of<'s>(steps: impl Iterator<Item = &'s Shown> + Clone) -> Self {
        Self {
            tokens: steps.clone().map(|shown| shown.tokens).max().unwrap_or(0),
            anchors: crate::triage::median(
                &mut steps.clone().map(|shown| shown.anchors).collect::<Vec<i64>>(),
            ),
            attention: steps.clone().flat_map(|shown| shown.attention.iter().copied()).collect(),
            ns: crate::triage::median(&mut steps.clone().map(|shown| shown.ns).collect::<Vec<i64>>()),
            norms: crate::triage::median(
                &mut steps.clone().map(|shown| shown.grids.len() as i64).collect::<Vec<i64>>(),
            ),
            is_replayed: steps.clone().all(|shown| shown.is_replayed),
            part: steps.clone().map(|shown| shown.part).min().flatten(),
            is_launched: steps.into_iter().all(|shown| !shown.is_replayed),
        }
    }

    fn is_longer(&self, than: &Self, times: f64) -> bool {
        self.ns as f64 >= than.ns as f64 * times && self.ns > 0
    }

    /// Whether this group, of many more tokens, is prefill if the other is decode.
    fn is_prefill_beside(&self, decode: &Self) -> bool {
        // A graph is recorded for a size of batch; a prompt has any length.
        let has_a_sign = self.has_other_attention(decode) || decode.is_replayed;
        self.is_launched
            && self.is_same_model(decode)
            && (self.is_longer(decode, LONGER_ALONE)
                || (has_a_sign && self.is_longer(decode, LONGER_WITH_A_SIGN)))
    }

    /// Whether this group, of many more tokens, is a prefill of which layers are missing if the other is decode: a norm
    /// and what stands around it takes as much longer as it does in a whole prefill.
    fn is_part_of_a_prefill(&self, decode: &Self) -> bool {
        let per_norm = |of: &Self| of.ns as f64 / of.norms.max(1) as f64;
        let lacks_layers = self.norms * 10 < decode.norms * 9
            && self.anchors * 10 < decode.anchors * 9
            && !self.has_other_attention(decode);
        let is_part = match self.part {
            Some(Part::OfAStep) => true,
            Some(Part::FewerLayers) => self.norms < decode.norms,
            None => false,
        };
        self.is_launched && (lacks_layers || is_part) && per_norm(self) >= per_norm(decode) * LONGER_ALONE
    }

    /// Whether steps of any size are prefill if those of the other are decode.
    pub(super) fn is_prefill_beside_known(&self, decode: &Self) -> bool {
        if self.tokens > 0 && decode.tokens > 0 {
            self.tokens >= decode.tokens.saturating_mul(PREFILL_TO_DECODE) && self.is_prefill_beside(decode)
        } else {
            self.is_same_model(decode) && self.is_prefill_by_signs(decode)
        }
    }

    /// The same where no kernel tells the tokens: by two signs of three, and it takes longer in any case.
    fn is_prefill_by_signs(&self, decode: &Self) -> bool {
        let is_much_longer = self.is_longer(decode, LONGER_ALONE);
        let signs = [self.has_other_attention(decode), decode.is_replayed, is_much_longer];
        self.is_launched
            && self.is_longer(decode, LONGER_WITH_A_SIGN)
            && signs.into_iter().filter(|sign| *sign).count() >= 2
    }

    fn has_other_attention(&self, other: &Self) -> bool {
        !self.attention.is_empty()
            && !other.attention.is_empty()
            && self.attention.is_disjoint(&other.attention)
    }

    /// Whether it runs about as many attention kernels: a draft's model has a layer or a few. An attention that is done
    /// in parts takes two or three kernels a layer.
    fn is_same_model(&self, other: &Self) -> bool {
        self.anchors * 4 >= other.anchors && other.anchors * 4 >= self.anchors
    }

    /// Whether it is more of the same: a larger batch.
    fn is_alike(&self, decode: &Self) -> bool {
        self.attention == decode.attention && !self.is_longer(decode, LONGER_WITH_A_SIGN)
    }
}

#[cfg(test)]
mod tests;
