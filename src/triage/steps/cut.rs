//! Steps that the window cuts: the first begins before it, or the last ends behind it.
//!
//! A step that is cut runs the end, or the begin, of what other steps run. A prefill may be the only one of its kind;
//! then it has fewer layers than all others, if it lacks a layer. What it gives up: a step that lacks less, and that
//! no other one is like.

use std::collections::BTreeMap;

use crate::triage::layers::{Sequence, Slot, anchors};

/// So many steps must run what an edge holds a part of.
const FEWEST_WHOLE: usize = 2;

/// What shows that a step is no whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// It has fewer layers than all other steps, which have one number of them.
    FewerLayers,
    /// What it runs is the end or the begin of what several others run.
    OfAStep,
}

/// What one step runs on its main stream.
struct Run {
    kernels: Vec<u32>,
    layers: usize,
}

/// The parts among the first and the last of steps, given each step's slots in order of start.
pub(super) fn parts(steps: &[Vec<Slot>]) -> BTreeMap<usize, Part> {
    let runs: Vec<Option<Run>> = steps.iter().map(|slots| run(slots)).collect();
    let last = steps.len().saturating_sub(1);
    let mut edges = vec![(0, true), (last, false)];
    edges.dedup_by_key(|(index, _)| *index);
    edges.into_iter().filter_map(|(index, is_first)| Some((index, part(&runs, index, is_first)?))).collect()
}

fn run(slots: &[Slot]) -> Option<Run> {
    let Sequence { main, .. } = Sequence::of(slots)?;
    Some(Run { kernels: main.iter().map(|slot| slot.kernel.0).collect(), layers: anchors(&main).len() })
}

fn part(runs: &[Option<Run>], index: usize, is_first: bool) -> Option<Part> {
    let own = runs.get(index)?.as_ref()?;
    let others: Vec<&Run> = runs
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != index)
        .map(|(_, run)| run.as_ref())
        .collect::<Option<_>>()?;
    let is_like = |other: &&&Run| other.kernels == own.kernels;
    if others.len() < FEWEST_WHOLE || others.iter().any(|other| is_like(&other)) {
        return None;
    }
    let is_of = |other: &&&Run| {
        let (all, own) = (&other.kernels, &own.kernels);
        own.len() < all.len() && if is_first { all.ends_with(own) } else { all.starts_with(own) }
    };
    let times = |run: &&Run| others.iter().filter(|other| other.kernels == run.kernels).count();
    if others.iter().filter(|run| is_of(run)).any(|run| times(run) >= FEWEST_WHOLE) {
        return Some(Part::OfAStep);
    }
    let layers = others.first()?.layers;
    let is_less = own.layers < layers && others.iter().all(|other| other.layers == layers);
    is_less.then_some(Part::FewerLayers)
}
