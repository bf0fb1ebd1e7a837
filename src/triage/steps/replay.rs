//! Steps of a capture that marks none and replays graphs: replays that each hold a step, and what runs as many
//! layers between them.
//!
//! Servers replay one graph a decode step, and launch the kernels of a prefill one by one, because its size is
//! another each time. So work between two replays that has the attention of a whole pass is a pass too.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::between::{self, between};
use super::{FoundBy, Step, Steps, by_step, cut, edges, tokens};
use crate::trace::{CorrelationId, Health, Ns, Span, Trace};
use crate::triage::activity::Classes;
use crate::triage::launches::Launches;
use crate::triage::layers::{self, Sequence, Slot, anchors, is_anchor};

/// Activities of one graph launch.
struct Replay {
    correlation: CorrelationId,
    /// From the first start to the last end of them.
    span: Span,
    activities: usize,
    has_attention: bool,
    total: Ns,
}

/// A step: a replay, or what starts between two instants outside of every replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pass {
    found: between::Pass,
    replay: Option<CorrelationId>,
}

/// Finds replays that are steps; `None` where they and the passes between them hold less than half of the time.
pub(super) fn find(
    trace: &Trace,
    classes: &Classes,
    launches: &Launches<'_>,
    health: &mut Health,
) -> Option<Steps> {
    let replays = whole_steps(trace, replays(trace, classes, launches));
    let of_replay = |replay: &Replay| Pass {
        found: between::Pass { start: replay.span.start, last: replay.span.start },
        replay: Some(replay.correlation),
    };
    let mut passes: Vec<Pass> = replays.iter().map(of_replay).collect();
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
    let mut known: Vec<Span> = replays.iter().map(|replay| replay.span).collect();
    known.sort_unstable();
    passes.extend(between(&rest, &known, layers).into_iter().map(|found| Pass { found, replay: None }));
    passes.sort_unstable();

    let number: HashMap<CorrelationId, usize> =
        passes.iter().enumerate().filter_map(|(step, pass)| Some((pass.replay?, step))).collect();
    let launched_singly: Vec<(usize, Pass)> =
        passes.iter().copied().enumerate().filter(|(_, pass)| pass.replay.is_none()).collect();
    let step_of = |index: usize, start: Ns| match replay_of(index) {
        Some(replay) => number.get(&replay).copied(),
        None => {
            let at = launched_singly.partition_point(|(_, pass)| pass.found.start <= start).checked_sub(1)?;
            launched_singly.get(at).filter(|(_, pass)| start <= pass.found.last).map(|(step, _)| *step)
        }
    };
    let mut of_activity: Vec<Option<usize>> = trace
        .activities
        .iter()
        .enumerate()
        .map(|(index, activity)| step_of(index, activity.span.start))
        .collect();
    let is_launched_singly = |step: &usize| passes.get(*step).is_some_and(|pass| pass.replay.is_none());
    for (index, step) in edges::copies(trace, launches, &slots, |slot| step_of(slot.index, slot.start)) {
        // What prepares a replay is launched beside it, and no part of it.
        let step = step.filter(is_launched_singly);
        if let Some(of) = of_activity.get_mut(index).filter(|_| replay_of(index).is_none()) {
            *of = step;
        }
    }
    let in_steps = trace.activities.iter().zip(&of_activity).filter(|(_, step)| step.is_some());
    let total: Ns = in_steps.map(|(activity, _)| activity.span.length()).sum();
    if total.0.saturating_mul(2) < trace.gpu_total().0 {
        return None;
    }
    let of_steps = slots.iter().filter_map(|slot| Some((step_of(slot.index, slot.start)?, slot)));
    let is_replayed = |step: usize| passes.get(step).is_some_and(|pass| pass.replay.is_some());
    let mut parts = cut::parts(&by_step(passes.len(), of_steps.clone()));
    parts.retain(|step, _| !is_replayed(*step));
    let stages = tokens::stages(passes.len(), of_steps, is_replayed, &parts, health);
    let steps = stages.into_iter().map(Step::unmarked).collect();
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
            span: activity.span,
            activities: 0,
            has_attention: false,
            total: Ns::ZERO,
        });
        replay.span.start = replay.span.start.min(activity.span.start);
        replay.span.end = replay.span.end.max(activity.span.end);
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
