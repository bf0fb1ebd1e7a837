//! Replays of a graph that ran less than another replay of the same graph: kernels that the profiler lost.
//!
//! Input: a trace, its launches and steps. Output: a health code. A graph runs the same nodes whenever it is launched,
//! and its launch is in the trace however many of them are, so nothing else tells that some were lost. Two replays are
//! taken for the same graph's when they have the same place in steps with the same text, and what the one ran, names
//! and grids, is all among what the other ran: a graph for another size of batch has other grids. Where no grid is
//! known, as on ROCm, the texts must be equal to the digit; where there is no text either, or the replay is in no
//! step, the one must be the begin or the end of the other. What it gives up: a loss that every replay has.

use std::collections::{BTreeMap, BTreeSet};

use super::launches::Launches;
use super::steps::Steps;
use crate::trace::{Health, HealthCode, NameId, Ns, Trace};

/// Of more different graphs in one place, the others are compared with those that ran most often.
const MOST_GRAPHS: usize = 64;

/// The begin of a step's graph with fewer activities may be a graph of its own.
const FEWEST_OF_A_PART: usize = 32;

/// What one activity of a replay ran, and on how many blocks.
type Node = (NameId, u32);

/// One launch of a graph.
#[derive(Default)]
struct Replay {
    launched: Ns,
    step: Option<usize>,
    nodes: Vec<Node>,
}

/// The replays that may be of one graph: how many their steps hold, which of these they are, and the steps' texts.
type Place = (usize, usize, BTreeSet<String>);

/// Counts the replays that ran less than another one of their graph.
pub fn inspect(trace: &Trace, launches: &Launches<'_>, order: &[u32], steps: &Steps, health: &mut Health) {
    let mut outside: Vec<Vec<Node>> = Vec::new();
    let mut of_step: BTreeMap<usize, Vec<Replay>> = BTreeMap::new();
    for replay in replays(trace, launches, order, steps) {
        match replay.step {
            Some(step) => of_step.entry(step).or_default().push(replay),
            None => outside.push(replay.nodes),
        }
    }
    let mut places: BTreeMap<Place, Vec<Vec<Node>>> = BTreeMap::new();
    for (step, mut replays) in of_step {
        replays.sort_by_key(|replay| replay.launched);
        let count = replays.len();
        for (at, replay) in replays.into_iter().enumerate() {
            let texts = texts(trace, steps, step, has_grids(&replay.nodes));
            places.entry((count, at, texts)).or_default().push(replay.nodes);
        }
    }
    let mut whole: Vec<Vec<Node>> = Vec::new();
    for ((_, _, texts), replays) in places {
        let graphs = graphs(&replays);
        for replay in &replays {
            let may_mix = has_grids(replay) || !texts.is_empty();
            let is_less = |graph: &&Vec<Node>| {
                if may_mix { is_among(replay, graph) } else { is_begin_or_end(replay, graph) }
            };
            count(replay, graphs.iter().find(is_less), health);
        }
        whole.extend(graphs);
    }
    whole = graphs(&whole);
    for replay in outside.iter().filter(|replay| replay.len() >= FEWEST_OF_A_PART) {
        count(replay, whole.iter().find(|graph| is_begin_or_end(replay, graph)), health);
    }
}

fn count(replay: &[Node], graph: Option<&Vec<Node>>, health: &mut Health) {
    let Some(graph) = graph else { return };
    health.count(HealthCode::ReplayIncomplete, || {
        format!(
            "a replay of a graph has {} activities, another of the same graph has {}",
            replay.len(),
            graph.len()
        )
    });
}

/// Every graph launch that ran something, its activities in order of start.
fn replays(trace: &Trace, launches: &Launches<'_>, order: &[u32], steps: &Steps) -> Vec<Replay> {
    let mut replays: BTreeMap<usize, Replay> = BTreeMap::new();
    for index in order.iter().map(|place| *place as usize) {
        let Some(launch) = launches.index(index).filter(|launch| launches.is_replay(*launch)) else {
            continue;
        };
        let Some(activity) = trace.activities.get(index) else { continue };
        let replay = replays.entry(launch).or_insert_with(|| Replay {
            launched: trace.launches.get(launch).map_or(Ns::ZERO, |launch| launch.span.start),
            ..Replay::default()
        });
        replay.step = replay.step.or(steps.of_activity.get(index).copied().flatten());
        replay.nodes.push((activity.name, activity.grid));
    }
    replays.into_values().collect()
}

/// What marks a step, without its numbers where grids tell the size of a batch.
fn texts(trace: &Trace, steps: &Steps, step: usize, has_grids: bool) -> BTreeSet<String> {
    let names = steps.steps.get(step).map(|step| &step.names);
    let is_kept = |letter: &char| !has_grids || !letter.is_ascii_digit();
    names.into_iter().flatten().map(|name| trace.names.get(*name).chars().filter(is_kept).collect()).collect()
}

fn has_grids(nodes: &[Node]) -> bool {
    nodes.iter().any(|(_, grid)| *grid > 0)
}

/// What different replays ran, the most often seen first.
fn graphs(replays: &[Vec<Node>]) -> Vec<Vec<Node>> {
    let mut times: BTreeMap<&Vec<Node>, usize> = BTreeMap::new();
    for replay in replays {
        *times.entry(replay).or_default() += 1;
    }
    let mut graphs: Vec<(usize, &Vec<Node>)> =
        times.into_iter().map(|(nodes, times)| (times, nodes)).collect();
    graphs.sort_by_key(|(times, nodes)| (std::cmp::Reverse(*times), std::cmp::Reverse(nodes.len())));
    graphs.into_iter().take(MOST_GRAPHS).map(|(_, nodes)| nodes.clone()).collect()
}

/// Whether a graph ran all that a replay did, in any order, and more. Streams of one graph run at any pace.
fn is_among(replay: &[Node], graph: &[Node]) -> bool {
    if replay.len() >= graph.len() {
        return false;
    }
    let mut left: BTreeMap<Node, usize> = BTreeMap::new();
    for node in graph {
        *left.entry(*node).or_default() += 1;
    }
    replay.iter().all(|node| match left.get_mut(node) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        Some(_) | None => false,
    })
}

fn is_begin_or_end(replay: &[Node], graph: &[Node]) -> bool {
    replay.len() < graph.len() && (graph.starts_with(replay) || graph.ends_with(replay))
}
