//! Passes of the model that nothing marks, among the kernels between those that something does.
//!
//! Servers replay a graph for a decode step and launch the kernels of a prefill one by one. So the kernels between two
//! steps are what ends the one and prepares the other, sampling and indexes, and now and then a whole pass. What
//! stands between two steps without a pass tells which part of the rest is not the pass's own.

use std::collections::BTreeMap;

use super::period;
use crate::trace::{Ns, Span, StreamId};
use crate::triage::classify::Role;
use crate::triage::layers::{Anchor, Sequence, Slot, anchors};

/// A pass: what starts between two instants, both included, outside of every known step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pass {
    /// Of its first kernel.
    pub start: Ns,
    /// Start of its last kernel.
    pub last: Ns,
}

/// The passes among `rest`, kernels in order of start that belong to none of the known steps.
///
/// `known` are the spans of these, in order; `layers` is how many layers one has.
pub(super) fn between(rest: &[Slot], known: &[Span], layers: usize) -> Vec<Pass> {
    let window = |slot: &Slot| known.partition_point(|step| step.start <= slot.start);
    let runs: Vec<(usize, &[Slot])> = rest
        .chunk_by(|a, b| window(a) == window(b))
        .filter_map(|run| Some((window(run.first()?), run)))
        .collect();
    let mut passes = Vec::new();
    let mut usual: BTreeMap<StreamId, Option<Usual>> = BTreeMap::new();
    for (at, run) in &runs {
        let Some(sequence) = Sequence::of(run) else { continue };
        let anchors = anchors(&sequence.main);
        if !holds_a_pass(anchors.len(), layers) {
            continue;
        }
        let stream = sequence.stream;
        let usual = usual.entry(stream).or_insert_with(|| Usual::of(&runs, known, stream, layers));
        let Some((begin, end)) = usual
            .as_ref()
            .and_then(|usual| usual.without(&sequence, *at > 0, *at < known.len()))
            .or_else(|| by_roles(run, &sequence, &anchors, *at > 0))
        else {
            continue;
        };
        let own: Vec<Slot> = run.iter().filter(|slot| (begin..=end).contains(&slot.start)).copied().collect();
        // Several passes may follow one another.
        let cuts = if anchors.len() * 2 > layers * 3 { period::find(&own) } else { None }.unwrap_or_default();
        let passes_of = own.chunk_by(|a, b| {
            let part = |slot: &Slot| cuts.partition_point(|cut| *cut <= slot.start);
            part(a) == part(b)
        });
        passes.extend(
            passes_of
                .filter(|part| is_like_a_step(part, layers))
                .filter_map(|part| Some(Pass { start: part.first()?.start, last: part.last()?.start })),
        );
    }
    passes
}

/// Whether so much attention is that of half a step or more.
fn holds_a_pass(anchors: usize, layers: usize) -> bool {
    anchors >= 2 && anchors * 2 >= layers
}

/// Whether kernels have as many layers as a step has, give or take a half: then they are a pass of its model.
fn is_like_a_step(part: &[Slot], layers: usize) -> bool {
    let own = Sequence::of(part).map_or(0, |sequence| anchors(&sequence.main).len());
    own * 2 >= layers && own * 2 <= layers * 3
}

/// What one stream usually runs between two steps that no pass parts: the end of the one, the beginning of the other.
struct Usual {
    kernels: Vec<u32>,
    /// How many of them stand up to the last sampling.
    sampled: usize,
    /// For each place between them, before the first and behind the last, how long the GPU waited there.
    idle: Vec<Ns>,
}

impl Usual {
    /// `None` where every pair of steps has a pass in between.
    fn of(runs: &[(usize, &[Slot])], known: &[Span], stream: StreamId, layers: usize) -> Option<Self> {
        let mut kinds: BTreeMap<Vec<u32>, (usize, Self)> = BTreeMap::new();
        let mut runs = runs.iter().peekable();
        for (index, gap) in known.windows(2).enumerate() {
            while runs.next_if(|(at, _)| *at <= index).is_some() {}
            let run = runs.next_if(|(at, _)| *at == index + 1).map_or(&[][..], |(_, run)| run);
            // What prepares the attention may be called attention too.
            let anchors = Sequence::of(run).map_or(0, |sequence| anchors(&sequence.main).len());
            if holds_a_pass(anchors, layers) {
                continue;
            }
            let [before, after] = gap else { continue };
            let slots: Vec<&Slot> = run.iter().filter(|slot| slot.stream == stream).collect();
            let kernels: Vec<u32> = slots.iter().map(|slot| slot.kernel.0).collect();
            let ends = std::iter::once(before.end).chain(slots.iter().map(|slot| slot.end));
            let starts = slots.iter().map(|slot| slot.start).chain([after.start]);
            let idle = ends.zip(starts).map(|(end, start)| (start - end).max(Ns::ZERO));
            let sampled = slots.iter().rposition(|slot| slot.role == Role::Sampling).map_or(0, |at| at + 1);
            let (count, usual) = kinds
                .entry(kernels.clone())
                .or_insert_with(|| (0, Self { idle: vec![Ns::ZERO; kernels.len() + 1], kernels, sampled }));
            *count += 1;
            usual.idle.iter_mut().zip(idle).for_each(|(sum, idle)| *sum += idle);
        }
        kinds
            .into_iter()
            .max_by_key(|(kernels, (count, _))| (*count, kernels.len()))
            .map(|(_, (_, usual))| usual)
    }

    /// The first and the last start of a run without what belongs to the steps before and behind it.
    fn without(&self, sequence: &Sequence, is_behind: bool, is_before: bool) -> Option<(Ns, Ns)> {
        let slots: Vec<&Slot> = sequence.main.iter().filter(|slot| slot.stream == sequence.stream).collect();
        let equal = |pair: &(&u32, &&Slot)| *pair.0 == pair.1.kernel.0;
        let from_begin = self.kernels.iter().zip(&slots).take_while(equal).count();
        let from_end = self.kernels.iter().rev().zip(slots.iter().rev()).take_while(equal).count();
        // Where a step ends among the usual kernels: what is the next one's preparation may stand before the pass
        // too, and is its own there.
        let all = self.kernels.len();
        let earliest = (all - from_end).min(from_begin);
        let places = earliest..=from_begin;
        let idle = |place: &usize| self.idle.get(*place).copied().unwrap_or(Ns::ZERO);
        // Where the GPU waited longest; of places at which it waited about as long, the first behind the sampling.
        let longest = places.clone().map(|place| idle(&place)).max()?;
        let near = places.filter(|place| idle(place).0.saturating_mul(2) >= longest.0);
        let place = near.min_by_key(|place| (*place < self.sampled, place.abs_diff(self.sampled)))?;
        let skipped = if is_behind { place } else { 0 };
        let left = if is_before { from_end.min(all - place) } else { 0 };
        let first = slots.get(skipped)?;
        let last = slots.get(slots.len().checked_sub(left + 1)?)?;
        (first.start <= last.start).then_some((first.start, last.start))
    }
}

/// The first and the last start of a pass by the roles of kernels, where nothing shows what else stands around it.
fn by_roles(run: &[Slot], sequence: &Sequence, anchors: &[Anchor], is_behind: bool) -> Option<(Ns, Ns)> {
    let before = sequence.main.get(..anchors.first()?.first)?;
    let after = sequence.main.get(anchors.last()?.last + 1..)?;
    let begin = if is_behind { begin(before) } else { None };
    let begin = begin.or_else(|| run.first().map(|slot| slot.start))?;
    let end = end(after).or_else(|| run.last().map(|slot| slot.start))?;
    Some((begin, end))
}

/// Where a pass begins behind the end of the step before it: after that one's sampling, at its own embedding,
/// else where the GPU waited longest.
fn begin(before: &[Slot]) -> Option<Ns> {
    let sampled = before.iter().rposition(|slot| slot.role == Role::Sampling).map_or(0, |at| at + 1);
    let own = before.get(sampled..)?;
    let embedding = own.iter().find(|slot| slot.role == Role::Embedding);
    let first = if sampled > 0 { own.first() } else { None };
    embedding.or(first).map(|slot| slot.start).or_else(|| Some(period::longest_idle(own)?.1))
}

/// The last start of a pass, of what follows its last attention: its sampling, else what stands before the
/// embedding of the step behind it.
fn end(after: &[Slot]) -> Option<Ns> {
    let sampling = after.iter().rposition(|slot| slot.role == Role::Sampling);
    let embedding = || after.iter().position(|slot| slot.role == Role::Embedding)?.checked_sub(1);
    after.get(sampling.or_else(embedding)?).map(|slot| slot.start)
}
