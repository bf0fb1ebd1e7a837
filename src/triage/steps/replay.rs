//! Steps of a capture that marks none and replays graphs: replays that each hold a step, and what runs as many
//! layers between them.
//!
//! Servers replay one graph a decode step, and launch the kernels of a prefill one by one, because its size is
//! another each time. So work between two replays that has the attention of a whole pass is a pass too.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{FoundBy, Step, Steps, period, tokens};
use crate::trace::{CorrelationId, Ns, Trace};
use crate::triage::activity::Classes;
use crate::triage::classify::Role;
use crate::triage::launches::Launches;
use crate::triage::layers::{self, Sequence, Slot, anchors, is_anchor};

/// Activities of one graph launch.
struct Replay {
    correlation: CorrelationId,
    /// When the first of them started.
    start: Ns,
    activities: usize,
    has_attention: bool,
    total: Ns,
}

/// A step: a replay, or what starts between two instants outside of every replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pass {
    start: Ns,
    /// The last start, of a pass that is no replay.
    last: Ns,
    replay: Option<CorrelationId>,
}

/// Finds replays that are steps; `None` where they and the passes between them hold less than half of the time.
pub(super) fn find(trace: &Trace, classes: &Classes, launches: &Launches<'_>) -> Option<Steps> {
    let replays = whole_steps(trace, replays(trace, classes, launches));
    let mut passes: Vec<Pass> = replays
        .iter()
        .map(|replay| Pass { start: replay.start, last: replay.start, replay: Some(replay.correlation) })
        .collect();
    passes.sort_unstable();
    let first = passes.first()?.replay;
    let is_step: HashSet<CorrelationId> = replays.iter().map(|replay| replay.correlation).collect();
    let replay_of = |index: usize| {
        trace.activities.get(index)?.correlation.filter(|correlation| is_step.contains(correlation))
    };
    let (slots, _) = layers::slots(trace, classes, launches, trace.activities.iter().copied().enumerate());
    let of_first: Vec<Slot> = slots.iter().filter(|slot| replay_of(slot.index) == first).copied().collect();
    let layers = Sequence::of(&of_first).map_or(0, |sequence| anchors(&sequence.main).len());
    let rest: Vec<Slot> = slots.iter().filter(|slot| replay_of(slot.index).is_none()).copied().collect();
    let starts: Vec<Ns> = passes.iter().map(|pass| pass.start).collect();
    passes.extend(between(&rest, &starts, layers));
    passes.sort_unstable();

    let number: HashMap<CorrelationId, usize> =
        passes.iter().enumerate().filter_map(|(step, pass)| Some((pass.replay?, step))).collect();
    let launched_singly: Vec<(usize, Pass)> =
        passes.iter().copied().enumerate().filter(|(_, pass)| pass.replay.is_none()).collect();
    let step_of = |index: usize, start: Ns| match replay_of(index) {
        Some(replay) => number.get(&replay).copied(),
        None => {
            let at = launched_singly.partition_point(|(_, pass)| pass.start <= start).checked_sub(1)?;
            launched_singly.get(at).filter(|(_, pass)| start <= pass.last).map(|(step, _)| *step)
        }
    };
    let of_activity: Vec<Option<usize>> = trace
        .activities
        .iter()
        .enumerate()
        .map(|(index, activity)| step_of(index, activity.span.start))
        .collect();
    let in_steps = trace.activities.iter().zip(&of_activity).filter(|(_, step)| step.is_some());
    let total: Ns = in_steps.map(|(activity, _)| activity.span.length()).sum();
    if total.0.saturating_mul(2) < trace.gpu_total().0 {
        return None;
    }
    let of_steps = slots.iter().filter_map(|slot| Some((step_of(slot.index, slot.start)?, slot)));
    let is_replayed = |step: usize| passes.get(step).is_some_and(|pass| pass.replay.is_some());
    let stages = tokens::stages(passes.len(), of_steps, is_replayed);
    let steps = stages.into_iter().map(|stage| Step { stage }).collect();
    Some(Steps { steps, of_activity, found_by: FoundBy::GraphLaunch })
}

/// All graph launches that ran something.
fn replays(trace: &Trace, classes: &Classes, launches: &Launches<'_>) -> Vec<Replay> {
    let mut replays: BTreeMap<CorrelationId, Replay> = BTreeMap::new();
    for (index, activity) in trace.activities.iter().enumerate() {
        let Some(launch) = launches.index(index).filter(|launch| launches.is_replay(*launch)) else {
            continue;
        };
        let Some(launch) = trace.launches.get(launch) else { continue };
        let replay = replays.entry(launch.correlation).or_insert(Replay {
            correlation: launch.correlation,
            start: activity.span.start,
            activities: 0,
            has_attention: false,
            total: Ns::ZERO,
        });
        replay.start = replay.start.min(activity.span.start);
        replay.activities += 1;
        replay.has_attention |= classes.get(activity.name).is_some_and(|class| is_anchor(class.role));
        replay.total += activity.span.length();
    }
    replays.into_values().collect()
}

/// Those that hold a step: at least half of the largest one's activities, and attention or half of all time.
///
/// A piece of a piecewise graph holds no attention: the engine runs that between the pieces.
fn whole_steps(trace: &Trace, mut replays: Vec<Replay>) -> Vec<Replay> {
    let largest = replays.iter().map(|replay| replay.activities).max().unwrap_or(0);
    replays.retain(|replay| {
        replay.activities * 2 >= largest
            && (replay.has_attention || replay.total.0.saturating_mul(2) >= trace.gpu_total().0)
    });
    replays
}

/// The passes among the kernels that no replay ran: runs between two replays with about as many layers. `starts` are the starts of the replays.
fn between(rest: &[Slot], starts: &[Ns], layers: usize) -> Vec<Pass> {
    let window = |slot: &Slot| starts.partition_point(|start| *start <= slot.start);
    let mut passes = Vec::new();
    for run in rest.chunk_by(|a, b| window(a) == window(b)) {
        let Some(sequence) = Sequence::of(run) else { continue };
        let anchors = anchors(&sequence.main);
        let (Some(first), Some(last)) = (anchors.first(), anchors.last()) else { continue };
        if anchors.len() < 2 || anchors.len() * 2 < layers {
            continue;
        }
        let before = sequence.main.get(..first.first).unwrap_or_default();
        let after = sequence.main.get(last.last + 1..).unwrap_or_default();
        let is_behind_a_replay = run.first().is_some_and(|slot| window(slot) > 0);
        let begin = if is_behind_a_replay { begin(before) } else { None };
        let begin = begin.or(run.first().map(|slot| slot.start)).unwrap_or(Ns::ZERO);
        let end = end(after).or(run.last().map(|slot| slot.start)).unwrap_or(Ns::ZERO);
        let own: Vec<Slot> = run.iter().filter(|slot| (begin..=end).contains(&slot.start)).copied().collect();
        // Several passes may follow one another.
        let cuts = if anchors.len() * 2 > layers * 3 { period::find(&own) } else { None }.unwrap_or_default();
        let passes_of = own.chunk_by(|a, b| {
            let part = |slot: &Slot| cuts.partition_point(|cut| *cut <= slot.start);
            part(a) == part(b)
        });
        passes.extend(passes_of.filter(|part| is_like_a_replay(part, layers)).filter_map(|part| {
            Some(Pass { start: part.first()?.start, last: part.last()?.start, replay: None })
        }));
    }
    passes
}

/// Whether kernels have as many layers as a replay has, give or take a half: then they are a pass of its model.
fn is_like_a_replay(part: &[Slot], layers: usize) -> bool {
    let own = Sequence::of(part).map_or(0, |sequence| anchors(&sequence.main).len());
    own * 2 >= layers && own * 2 <= layers * 3
}

/// Where a pass begins behind the end of the replay before it: after that one's sampling, at its own embedding,
/// else where the GPU waited longest.
fn begin(before: &[Slot]) -> Option<Ns> {
    let sampled = before.iter().rposition(|slot| slot.role == Role::Sampling).map_or(0, |at| at + 1);
    let own = before.get(sampled..)?;
    let embedding = own.iter().find(|slot| slot.role == Role::Embedding);
    let first = if sampled > 0 { own.first() } else { None };
    embedding.or(first).map(|slot| slot.start).or_else(|| Some(period::longest_idle(own)?.1))
}

/// The last start of a pass, of what follows its last attention: its sampling, else what stands before the
/// embedding of the replay behind it.
fn end(after: &[Slot]) -> Option<Ns> {
    let sampling = after.iter().rposition(|slot| slot.role == Role::Sampling);
    let embedding = || after.iter().position(|slot| slot.role == Role::Embedding)?.checked_sub(1);
    after.get(sampling.or_else(embedding)?).map(|slot| slot.start)
}
