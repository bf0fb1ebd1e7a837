//! The sequence that layers are cut from: one stream's kernels, and the attention wherever it runs.

use std::collections::{BTreeMap, BTreeSet};

use super::anchor::is_anchor;
use super::slots::Slot;
use crate::trace::{Ns, StreamId};
use crate::triage::classify::Role;

/// A run of slots, divided into what layers are cut from and what runs beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// The stream that runs the model, or most of it.
    pub stream: StreamId,
    /// Its slots, those of attention that runs on a stream of its own, and those of streams that take turns with it,
    /// which are given as if it ran them.
    pub main: Vec<Slot>,
    /// The slots of the other streams.
    pub side: Vec<Slot>,
}

impl Sequence {
    /// Divides slots in order of start; `None` without attention.
    ///
    /// Streams that have attention each and hardly run at the same time run one model by turns. Their slots are one
    /// sequence, in the order of launches, or of starts where nothing ran at the same time. Streams that do run at
    /// the same time, such as those of two batches, are not joined.
    ///
    /// The stream with most attention time runs the model, unless it runs little else: then the model is on
    /// the busiest of the others, and the attention takes its place there in the order of launches. Where
    /// that is unknown, the order of starts stands in: the model waits for its attention.
    pub fn of(slots: &[Slot]) -> Option<Self> {
        let attention = busiest(slots.iter().filter(|slot| is_anchor(slot.role)))?;
        let by_turns = by_turns(slots, attention);
        if by_turns.len() > 1 {
            return Some(Self::of_streams(slots, &by_turns, attention));
        }
        let count = |stream: StreamId, anchors: bool| {
            slots.iter().filter(|slot| slot.stream == stream && is_anchor(slot.role) == anchors).count()
        };
        let anchors = count(attention, true);
        let works = |slot: &&Slot| {
            slot.stream != attention && !matches!(slot.role, Role::Communication | Role::Memory)
        };
        let other = busiest(slots.iter().filter(works)).filter(|stream| count(*stream, false) >= anchors);
        let stream = match other {
            Some(other) if count(attention, false) < anchors => other,
            Some(_) | None => attention,
        };
        let is_main =
            |slot: &Slot| slot.stream == stream || (slot.stream == attention && is_anchor(slot.role));
        let (mut main, side): (Vec<Slot>, Vec<Slot>) = slots.iter().partition(|slot| is_main(slot));
        if stream != attention && main.iter().all(|slot| slot.queued.is_some()) {
            main.sort_by_key(|slot| slot.queued);
        }
        Some(Self { stream, main, side })
    }
}

impl Sequence {
    /// The same with the streams that have attention joined, also where they often run at the same time: kernels may
    /// begin before the one ahead of them has ended, on whichever stream. Whether that is one model shows only in how
    /// regular its layers are. `None` where no more than one stream has attention.
    pub fn joined(slots: &[Slot]) -> Option<Self> {
        let attention = busiest(slots.iter().filter(|slot| is_anchor(slot.role)))?;
        let streams: BTreeSet<StreamId> =
            slots.iter().filter(|slot| is_anchor(slot.role)).map(|slot| slot.stream).collect();
        if streams.len() < 2 {
            return None;
        }
        Some(Self::of_streams(slots, &streams, attention))
    }

    fn of_streams(slots: &[Slot], streams: &BTreeSet<StreamId>, stream: StreamId) -> Self {
        let (mut main, side): (Vec<Slot>, Vec<Slot>) =
            slots.iter().partition(|slot| streams.contains(&slot.stream));
        main.iter_mut().for_each(|slot| slot.stream = stream);
        if main.iter().all(|slot| slot.queued.is_some()) {
            main.sort_by_key(|slot| slot.queued);
        }
        Self { stream, main, side }
    }
}

/// The streams that run the model by turns with the one that leads: they have attention too, and at most half of
/// their time, where launches tell the order, or a twentieth, where starts must, passes while another of them runs.
fn by_turns(slots: &[Slot], leading: StreamId) -> BTreeSet<StreamId> {
    let mut times: BTreeMap<StreamId, (Ns, Ns)> = slots
        .iter()
        .filter(|slot| is_anchor(slot.role))
        .map(|slot| (slot.stream, (Ns::ZERO, Ns::ZERO)))
        .collect();
    if times.len() < 2 {
        return BTreeSet::new();
    }
    let mut reached: BTreeMap<StreamId, Ns> = BTreeMap::new();
    let mut are_queued = true;
    for slot in slots {
        let Some((time, _)) = times.get_mut(&slot.stream) else { continue };
        *time += slot.end - slot.start;
        are_queued &= slot.queued.is_some();
        let others = reached.iter().filter(|(stream, _)| **stream != slot.stream);
        if let Some((other, end)) = others.max_by_key(|(stream, end)| (**end, **stream)) {
            let together = ((*end).min(slot.end) - slot.start).max(Ns::ZERO);
            for stream in [*other, slot.stream] {
                if let Some((_, shared)) = times.get_mut(&stream) {
                    *shared += together;
                }
            }
        }
        let own = reached.entry(slot.stream).or_insert(slot.end);
        *own = (*own).max(slot.end);
    }
    let part = if are_queued { 2 } else { 20 };
    let is_by_turns = |time: Ns, shared: Ns| shared.0.saturating_mul(part) <= time.0;
    times
        .into_iter()
        .filter(|(stream, (time, shared))| *stream == leading || is_by_turns(*time, *shared))
        .map(|(stream, _)| stream)
        .collect()
}

/// The stream on which most time of some slots is spent, ties to the smaller stream.
fn busiest<'s>(slots: impl Iterator<Item = &'s Slot>) -> Option<StreamId> {
    let mut totals = BTreeMap::new();
    for slot in slots {
        *totals.entry(slot.stream).or_insert(Ns::ZERO) += slot.end - slot.start;
    }
    totals
        .into_iter()
        .max_by_key(|(stream, total)| (*total, std::cmp::Reverse(*stream)))
        .map(|(stream, _)| stream)
}
