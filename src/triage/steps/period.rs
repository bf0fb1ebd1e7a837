//! Steps of a capture that marks none: told by where the sequence of kernels breaks its own repetition.
//!
//! Inside a step, what stands between two layers' attention repeats from layer to layer. Between two steps
//! stand the head and the sampling of one and the embedding of the next: kernels that no layer has. A step
//! ends inside such a break: where the kernels are those that the capture ends with and then those that it begins
//! with, else where the GPU waits longest in all breaks of the same kernels together. What it gives up: work that
//! one step's end overlaps with the next step's begin is counted by where it starts.

use std::collections::{BTreeMap, BTreeSet};

use crate::trace::Ns;
use crate::triage::classify::Role;
use crate::triage::layers::{Anchor, Sequence, Slot, anchors};

/// A gap must repeat this often to be the inside of a step.
const FEWEST_REPEATS: usize = 4;

/// What stands at the end of a step is this many times as seldom as what stands between two layers.
const SELDOM: usize = 8;

/// Of more kinds of seldom gaps than this, no choice is tried.
const MOST_KINDS: usize = 8;

/// Finds the instants at which a later step begins; `None` when a sequence does not fall into at least two
/// like steps.
pub(super) fn find(slots: &[Slot]) -> Option<Vec<Ns>> {
    let Sequence { main, .. } = Sequence::of(slots)?;
    let anchors = anchors(&main);
    let gaps: Vec<&[Slot]> = gaps(&main, &anchors);
    let is_cut =
        |breaks: &Vec<usize>| !breaks.is_empty() && are_like(&layers_per_step(breaks, anchors.len()));
    let is_cut_inside =
        |breaks: &Vec<usize>| is_cut(breaks) || are_whole_inside(&layers_per_step(breaks, anchors.len()));
    let breaks = Some(at_edges(&gaps))
        .filter(is_cut_inside)
        .or_else(|| at_novelties(&gaps).filter(is_cut_inside))
        .or_else(|| at_seldom_kinds(&gaps, anchors.len()).filter(is_cut))?;
    let broken: Vec<&[Slot]> = breaks.iter().filter_map(|index| gaps.get(*index).copied()).collect();
    let tail = main.get(anchors.last()?.last + 1..)?;
    let head = main.get(..anchors.first()?.first)?;
    let cuts: Vec<Ns> = broken
        .iter()
        .filter_map(|gap| between(gap, tail, head).or_else(|| longest_wait(gap, &broken)))
        .collect();
    (cuts.len() == breaks.len()).then_some(cuts)
}

/// Where the next step begins in a gap that is the end of the capture followed by its begin.
fn between(gap: &[Slot], tail: &[Slot], head: &[Slot]) -> Option<Ns> {
    let (end, begin) = gap.split_at_checked(tail.len())?;
    (kernels(end) == kernels(tail) && kernels(begin) == kernels(head)).then_some(begin.first()?.start)
}

/// Where the GPU waits longest in all gaps of the same kernels together: one step ends where its like do.
fn longest_wait(gap: &[Slot], gaps: &[&[Slot]]) -> Option<Ns> {
    let own = kernels(gap);
    let mut waits = vec![Ns::ZERO; gap.len()];
    for like in gaps.iter().filter(|like| like.len() == own.len() && kernels(like) == own) {
        let mut reached = like.first()?.end;
        for (wait, slot) in waits.iter_mut().zip(*like).skip(1) {
            *wait += (slot.start - reached).max(Ns::ZERO);
            reached = reached.max(slot.end);
        }
    }
    let longest = (1..gap.len()).max_by_key(|at| (waits.get(*at), std::cmp::Reverse(*at))).unwrap_or(0);
    gap.get(longest).map(|slot| slot.start)
}

/// The gaps that hold an embedding or a sampling, when few enough do for these to tell.
fn at_edges(gaps: &[&[Slot]]) -> Vec<usize> {
    let edges: Vec<usize> =
        gaps.iter().enumerate().filter(|(_, gap)| has_edge(gap)).map(|(index, _)| index).collect();
    // A model of few layers breaks almost as often as it repeats.
    if edges.len() * 3 < gaps.len() { edges } else { Vec::new() }
}

/// The gaps at edges, and those with a kernel that no gap has which repeats.
fn at_novelties(gaps: &[&[Slot]]) -> Option<Vec<usize>> {
    let edges: BTreeSet<usize> = at_edges(gaps).into_iter().collect();
    let within: Vec<&[Slot]> =
        gaps.iter().enumerate().filter(|(index, _)| !edges.contains(index)).map(|(_, gap)| *gap).collect();
    let inside = kernels_inside(&within)?;
    let is_break = |index: usize, gap: &[Slot]| {
        edges.contains(&index) || gap.iter().any(|slot| !inside.contains(&slot.kernel.0))
    };
    Some(
        gaps.iter()
            .enumerate()
            .filter(|(index, gap)| is_break(*index, gap))
            .map(|(index, _)| index)
            .collect(),
    )
}

/// Of the kinds of gaps that are seldom, those that cut the sequence into the most steps, all of them equal.
///
/// A model with one dense layer has a seldom gap inside each step, beside the one at its end; steps cut at
/// the wrong one leave a first and a last piece over. Gaps in which the GPU waits less than inside a layer
/// end no step.
fn at_seldom_kinds(gaps: &[&[Slot]], anchors: usize) -> Option<Vec<usize>> {
    let mut kinds: BTreeMap<Vec<u32>, Vec<usize>> = BTreeMap::new();
    for (index, gap) in gaps.iter().enumerate() {
        kinds.entry(kernels(gap)).or_default().push(index);
    }
    let most = kinds.values().map(Vec::len).max()?;
    let (often, seldom): (Vec<Vec<usize>>, Vec<Vec<usize>>) =
        kinds.into_values().partition(|of_kind| of_kind.len() * SELDOM > most);
    if seldom.is_empty() || seldom.len() > MOST_KINDS {
        return None;
    }
    let idle = |indexes: &mut dyn Iterator<Item = usize>| {
        let mut times: Vec<i64> =
            indexes.filter_map(|index| Some(longest_idle(gaps.get(index)?)?.0.0)).collect();
        crate::triage::median(&mut times)
    };
    let inside = idle(&mut often.iter().flatten().copied());
    let mut best: Option<Vec<usize>> = None;
    for choice in 1..1_usize << seldom.len() {
        let chosen = seldom.iter().enumerate().filter(|(bit, _)| choice >> bit & 1 == 1);
        let mut breaks: Vec<usize> = chosen.flat_map(|(_, of_kind)| of_kind).copied().collect();
        breaks.sort_unstable();
        let counts = layers_per_step(&breaks, anchors);
        let are_equal = counts.iter().all(|count| Some(count) == counts.first());
        if are_equal
            && idle(&mut breaks.iter().copied()) >= inside
            && best.as_ref().is_none_or(|best| best.len() < breaks.len())
        {
            best = Some(breaks);
        }
    }
    best
}

fn kernels(gap: &[Slot]) -> Vec<u32> {
    gap.iter().map(|slot| slot.kernel.0).collect()
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
        *repeats.entry(kernels(gap)).or_default() += 1;
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

/// Whether all steps but the first and the last have the same number of layers, most steps do, and the two, which the
/// window may cut, have no more.
fn are_whole_inside(counts: &[usize]) -> bool {
    let Some((_, [inside @ .., _])) = counts.split_first() else { return false };
    let Some(layers) = inside.first().copied() else { return false };
    let whole = counts.iter().filter(|count| **count == layers).count();
    layers >= FEWEST_REPEATS
        && whole * 2 > counts.len()
        && inside.iter().all(|count| *count == layers)
        && counts.iter().all(|count| *count <= layers)
}

/// The longest idle time inside a gap, and its end.
pub(super) fn longest_idle(gap: &[Slot]) -> Option<(Ns, Ns)> {
    let mut reached = gap.first()?.end;
    let mut longest = (Ns(-1), gap.first()?.start);
    for slot in gap.iter().skip(1) {
        let idle = slot.start - reached;
        if idle > longest.0 {
            longest = (idle, slot.start);
        }
        reached = reached.max(slot.end);
    }
    Some(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Names, StreamId};
    use crate::triage::layers::KernelIx;

    fn slot(kernel: u32, role: Role, at: i64, grid: u32) -> Slot {
        let mut names = Names::default();
        let name = names.intern("7");
        let stream = StreamId { device: crate::trace::DeviceId(name), stream: name };
        let (start, end) = (Ns(at), Ns(at + 90));
        Slot { kernel: KernelIx(kernel), name, role, stream, start, end, grid, queued: None, index: 0 }
    }

    /// Steps of `layers` layers each, one token grid a step; kernels follow one another without gaps inside.
    fn slots(layers: usize, grids: &[u32]) -> Vec<Slot> {
        let mut slots = Vec::new();
        let mut at = 0;
        for grid in grids {
            let body = [(1, Role::Norm), (2, Role::Gemm), (3, Role::Attention), (4, Role::Gemm)];
            let kernels = std::iter::once((0, Role::Embedding))
                .chain(std::iter::repeat_n(body, layers).flatten())
                .chain([(1, Role::Norm), (5, Role::Sampling)]);
            for (kernel, role) in kernels {
                slots.push(slot(kernel, role, at, *grid));
                at += 100;
            }
            at += 5_000;
        }
        slots
    }

    /// A gap-free stream of kernels; `(kernel, role)` of each step, a pause after it.
    fn stream(steps: &[Vec<(u32, Role)>], pause: i64) -> Vec<Slot> {
        let mut at = 0;
        let mut all = Vec::new();
        for step in steps {
            all.extend(step.iter().map(|(kernel, role)| {
                at += 100;
                slot(*kernel, *role, at, 8)
            }));
            at += pause;
        }
        all
    }

    /// A step of `dense` layers with an MLP and then `moe` layers with experts, without what tells an edge.
    fn step(dense: usize, moe: usize) -> Vec<(u32, Role)> {
        let attention = [(1, Role::Norm), (2, Role::Gemm), (3, Role::Attention), (4, Role::Gemm)];
        let mlp = [(5, Role::Gemm), (6, Role::Activation)];
        let experts = [(7, Role::MoeRouting), (8, Role::Moe)];
        let dense = std::iter::repeat_n(attention.into_iter().chain(mlp), dense).flatten();
        let moe = std::iter::repeat_n(attention.into_iter().chain(experts), moe).flatten();
        std::iter::once((9, Role::Memory)).chain(dense).chain(moe).chain([(10, Role::Gemm)]).collect()
    }

    #[test]
    fn a_model_of_few_layers_has_its_steps_too() {
        assert_eq!(find(&slots(6, &[8; 40])).unwrap().len(), 39);
    }

    #[test]
    fn a_single_dense_layer_before_the_experts_is_no_break() {
        for steps in [2, 3, 6, 12] {
            let cuts = find(&stream(&vec![step(1, 26); steps], 900)).unwrap();
            assert_eq!(cuts.len(), steps - 1, "{steps} steps");
            // 164 kernels a step, and the pause.
            let begin = |step: usize| 100 + (164 * 100 + 900) * i64::try_from(step).unwrap();
            assert_eq!(cuts[0], Ns(begin(1)));
        }
    }

    #[test]
    fn many_steps_of_a_stage_in_the_middle_of_a_pipeline_are_told_apart() {
        let mut middle = step(16, 0);
        middle.remove(0);
        middle[0] = (11, Role::Norm);
        middle.pop();
        assert_eq!(find(&stream(&vec![middle; 6], 20)).unwrap().len(), 5);
    }

    #[test]
    fn how_long_a_step_takes_decides_neither_their_number_nor_their_begin() {
        for times in [[1, 1, 1, 1], [4, 1, 1, 1], [1, 1, 4, 1], [4, 4, 1, 1], [1, 9, 9, 9]] {
            let (mut all, mut begins, mut at) = (Vec::new(), Vec::new(), 0);
            for time in times {
                begins.push(Ns(at));
                // What prepares the attention of a step is called attention too.
                for (kernel, role) in std::iter::once((12, Role::Attention)).chain(step(0, 16)) {
                    let length = if kernel == 12 { 20 } else { 90 } * time;
                    all.push(Slot { end: Ns(at + length), ..slot(kernel, role, at, 8) });
                    at += length + 10;
                }
            }
            begins.remove(0);
            assert_eq!(find(&all), Some(begins), "{times:?}");
        }
    }

    #[test]
    fn layers_that_alternate_are_no_steps() {
        let layer = |kernel: u32| {
            [(1, Role::Norm), (kernel, Role::Attention), (4, Role::Gemm), (kernel + 20, Role::Gemm)]
        };
        let step: Vec<_> = (0..48).flat_map(|index| layer(if index % 6 == 5 { 40 } else { 30 })).collect();
        assert_eq!(find(&stream(&[step], 900)), None);
    }

    #[test]
    fn one_step_has_no_period() {
        assert_eq!(find(&slots(24, &[8])), None);
        assert_eq!(find(&stream(&[step(1, 26)], 900)), None);
    }
}
