//! Steps of a capture that marks none: told by where the sequence of kernels breaks its own repetition.
//!
//! Inside a step, what stands between two layers' attention repeats from layer to layer. Between two steps
//! stand the head and the sampling of one and the embedding of the next: kernels that no layer has. A step
//! ends at the longest idle time of such a break. What it gives up: work that one step's end overlaps with
//! the next step's begin is counted by where it starts.

use std::collections::{BTreeMap, BTreeSet};

use super::classify::Role;
use super::layers::{Anchor, Slot, anchors, main_stream};
use super::stage::Stage;
use crate::trace::Ns;

/// Steps found in a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// The instants at which a later step begins; one fewer than there are steps.
    pub cuts: Vec<Ns>,
    /// For each step its stage, when its token grid tells.
    pub stages: Vec<Option<Stage>>,
}

/// A gap must repeat this often to be the inside of a step.
const FEWEST_REPEATS: usize = 4;

/// Prefill has at least this many times the tokens of decode.
const PREFILL_TO_DECODE: u32 = 4;

/// Finds the steps of a sequence, `None` when it does not fall into at least two like ones.
pub fn find(slots: &[Slot]) -> Option<Period> {
    let stream = main_stream(slots)?;
    let main: Vec<Slot> = slots.iter().filter(|slot| slot.stream == stream).copied().collect();
    let anchors = anchors(&main);
    let gaps: Vec<&[Slot]> = gaps(&main, &anchors);
    // A model of few layers breaks almost as often as it repeats; what begins or ends a step tells then.
    let edges = gaps.iter().filter(|gap| has_edge(gap)).count();
    let edges_tell = edges * 3 < gaps.len();
    let is_edge = |gap: &[Slot]| edges_tell && has_edge(gap);
    let within: Vec<&[Slot]> = gaps.iter().copied().filter(|gap| !is_edge(gap)).collect();
    let inside = kernels_inside(&within)?;
    let breaks: Vec<usize> = gaps
        .iter()
        .enumerate()
        .filter(|(_, gap)| is_edge(gap) || gap.iter().any(|slot| !inside.contains(&slot.kernel.0)))
        .map(|(index, _)| index)
        .collect();
    let counts = layers_per_step(&breaks, anchors.len());
    if breaks.is_empty() || !are_like(&counts) {
        return None;
    }
    let cuts: Vec<Ns> = breaks.iter().filter_map(|index| longest_idle(gaps.get(*index)?)).collect();
    if cuts.len() != breaks.len() {
        return None;
    }
    let stages = stages(&main, &cuts);
    Some(Period { cuts, stages })
}

/// Whether a gap holds what stands at the edge of a step only: the embedding or the sampling.
fn has_edge(gap: &[Slot]) -> bool {
    gap.iter().any(|slot| matches!(slot.role, Role::Embedding | Role::Sampling))
}

fn gaps<'s>(main: &'s [Slot], anchors: &[Anchor]) -> Vec<&'s [Slot]> {
    anchors
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => main.get(a.last + 1..b.first),
            _ => None,
        })
        .collect()
}

/// The kernels of gaps that repeat.
fn kernels_inside(gaps: &[&[Slot]]) -> Option<BTreeSet<u32>> {
    let mut repeats: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
    for gap in gaps {
        *repeats.entry(gap.iter().map(|slot| slot.kernel.0).collect()).or_default() += 1;
    }
    // A break repeats once a step; the inside of a step repeats once a layer.
    let most = repeats.values().copied().max()?;
    let least = FEWEST_REPEATS.max(most / 20);
    let inside: BTreeSet<u32> =
        repeats.into_iter().filter(|(_, count)| *count >= least).flat_map(|(kernels, _)| kernels).collect();
    (!inside.is_empty()).then_some(inside)
}

fn layers_per_step(breaks: &[usize], anchors: usize) -> Vec<usize> {
    let mut counts = Vec::new();
    let mut from = 0;
    for index in breaks {
        counts.push(index + 1 - from);
        from = index + 1;
    }
    counts.push(anchors - from);
    counts
}

/// Whether most steps have the same number of layers, and more than a few.
fn are_like(counts: &[usize]) -> bool {
    let mut frequency: BTreeMap<usize, usize> = BTreeMap::new();
    for count in counts {
        *frequency.entry(*count).or_default() += 1;
    }
    let most = frequency.into_iter().max_by_key(|(layers, times)| (*times, *layers));
    most.is_some_and(|(layers, times)| layers >= FEWEST_REPEATS && times * 5 >= counts.len() * 4)
}

/// The end of the longest idle time inside a gap.
fn longest_idle(gap: &[Slot]) -> Option<Ns> {
    let mut reached = gap.first()?.end;
    let mut longest = (Ns(-1), gap.first()?.start);
    for slot in gap.iter().skip(1) {
        let idle = slot.start - reached;
        if idle > longest.0 {
            longest = (idle, slot.start);
        }
        reached = reached.max(slot.end);
    }
    Some(longest.1)
}

/// Tells prefill from decode by the tokens that norms run over.
///
/// Decode is claimed only of steps that share one grid, prefill only of steps with a multiple of it.
fn stages(main: &[Slot], cuts: &[Ns]) -> Vec<Option<Stage>> {
    let mut tokens: Vec<Vec<i64>> = vec![Vec::new(); cuts.len() + 1];
    for slot in main.iter().filter(|slot| slot.role == Role::Norm && slot.grid > 0) {
        let step = cuts.partition_point(|cut| *cut <= slot.start);
        if let Some(grids) = tokens.get_mut(step) {
            grids.push(i64::from(slot.grid));
        }
    }
    let tokens: Vec<u32> =
        tokens.iter_mut().map(|grids| u32::try_from(super::median(grids)).unwrap_or(0)).collect();
    let mut frequency: BTreeMap<u32, usize> = BTreeMap::new();
    for count in tokens.iter().filter(|count| **count > 0) {
        *frequency.entry(*count).or_default() += 1;
    }
    let smallest = frequency.first_key_value().map(|(tokens, times)| (*tokens, *times));
    let Some((decode, 2..)) = smallest else { return vec![None; tokens.len()] };
    let is_prefill = |count: u32| count >= decode.saturating_mul(PREFILL_TO_DECODE);
    if !tokens.iter().any(|count| is_prefill(*count)) {
        return vec![None; tokens.len()];
    }
    tokens
        .iter()
        .map(|count| match *count {
            count if is_prefill(count) => Some(Stage::Prefill),
            count if count == decode => Some(Stage::Decode),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Names, StreamId};
    use crate::triage::layers::KernelIx;

    /// Steps of `layers` layers each, one token grid a step; kernels follow one another without gaps inside.
    fn slots(layers: usize, grids: &[u32]) -> Vec<Slot> {
        let mut names = Names::default();
        let name = names.intern("7");
        let stream = StreamId { device: crate::trace::DeviceId(name), stream: name };
        let mut slots = Vec::new();
        let mut at = 0;
        for grid in grids {
            let body = [(1, Role::Norm), (2, Role::Gemm), (3, Role::Attention), (4, Role::Gemm)];
            let kernels = std::iter::once((0, Role::Embedding))
                .chain(std::iter::repeat_n(body, layers).flatten())
                .chain([(1, Role::Norm), (5, Role::Sampling)]);
            for (kernel, role) in kernels {
                let start = Ns(at);
                let (kernel, index) = (KernelIx(kernel), slots.len());
                slots.push(Slot { kernel, name, role, stream, start, end: Ns(at + 90), grid: *grid, index });
                at += 100;
            }
            at += 5_000;
        }
        slots
    }

    #[test]
    fn a_model_of_few_layers_has_its_steps_too() {
        let period = find(&slots(6, &[8; 40])).unwrap();
        assert_eq!(period.cuts.len(), 39);
        assert_eq!(period.stages, vec![None; 40], "one grid tells no stage");
    }

    #[test]
    fn prefill_is_told_by_its_tokens() {
        let period = find(&slots(24, &[4096, 8, 8, 8])).unwrap();
        assert_eq!(period.stages[0], Some(Stage::Prefill));
        assert_eq!(period.stages[1..], [Some(Stage::Decode); 3]);
    }

    #[test]
    fn one_step_has_no_period() {
        assert_eq!(find(&slots(24, &[8])), None);
    }
}
