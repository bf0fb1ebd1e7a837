//! The sequence that layers are cut from: one stream's kernels, and the attention wherever it runs.

use std::collections::BTreeMap;

use super::anchor::is_anchor;
use super::slots::Slot;
use crate::trace::{Ns, StreamId};
use crate::triage::classify::Role;

/// A run of slots, divided into what layers are cut from and what runs beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// The stream that runs the model.
    pub stream: StreamId,
    /// Its slots, and those of attention that runs on a stream of its own.
    pub main: Vec<Slot>,
    /// The slots of the other streams.
    pub side: Vec<Slot>,
}

impl Sequence {
    /// Divides slots in order of start; `None` without attention.
    ///
    /// The stream with most attention time runs the model, unless it runs little else: then the model is on
    /// the busiest of the others, and the attention takes its place there in the order of launches. Where
    /// that is unknown, the order of starts stands in: the model waits for its attention.
    pub fn of(slots: &[Slot]) -> Option<Self> {
        let attention = busiest(slots.iter().filter(|slot| is_anchor(slot.role)))?;
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
