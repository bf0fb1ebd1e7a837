//! The layers of both sides: which body became which, and what changed in which slot.

use std::collections::{BTreeMap, BTreeSet};

use super::align::{Alignment, Slot, align, exchanges};
use super::sets::Links;
use crate::baseline::{BodyObservation, LayersObservation};
use crate::triage::Role;

/// One stream of a body on both sides; empty where a side has no such stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamPair<'a> {
    /// Before, in order.
    pub before: Vec<Slot<'a>>,
    /// Now, in order.
    pub after: Vec<Slot<'a>>,
    /// Slot by slot.
    pub alignment: Alignment,
}

/// Which part of a step a pair is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part<'a> {
    /// What runs before the first layer, on the stream of the layers.
    Prologue,
    /// One body of the layers.
    Layer {
        /// Before.
        before: &'a BodyObservation,
        /// Now.
        after: &'a BodyObservation,
    },
    /// What runs behind the last layer, on the stream of the layers.
    Epilogue,
}

impl Part<'_> {
    /// How a diff names it: the id of a body as it was before.
    pub fn id(self) -> String {
        match self {
            Self::Prologue => "prologue".to_owned(),
            Self::Layer { before, .. } => before.id.clone(),
            Self::Epilogue => "epilogue".to_owned(),
        }
    }

    /// How often a step runs it, before and now.
    pub fn repeats(self) -> (u64, u64) {
        match self {
            Self::Layer { before, after } => (before.repeats, after.repeats),
            Self::Prologue | Self::Epilogue => (1, 1),
        }
    }
}

/// One part of a step on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyPair<'a> {
    /// Which part.
    pub part: Part<'a>,
    /// The streams, the longest first.
    pub streams: Vec<StreamPair<'a>>,
}

impl BodyPair<'_> {
    fn score(&self) -> i64 {
        self.streams.iter().map(|stream| stream.alignment.score).sum()
    }

    /// Whether it runs the same kernels in the same order on as many streams.
    pub fn is_same(&self) -> bool {
        let ids = |slots: &[Slot<'_>]| slots.iter().map(|slot| slot.kernel.to_owned()).collect::<Vec<_>>();
        self.streams.iter().all(|stream| ids(&stream.before) == ids(&stream.after))
    }
}

/// More bodies than this on a side are no repetition that a person could read.
const MOST_BODIES: usize = 26;

/// Each body with the one of the other side that is most like it, and what stands before the first and behind the
/// last layer. A body that split into two has two pairs, and so have two that became one.
pub fn pairs<'a>(
    before: &'a LayersObservation,
    after: &'a LayersObservation,
    role_of: &dyn Fn(&str) -> Role,
) -> Vec<BodyPair<'a>> {
    let (old, new) = (counts(before), counts(after));
    let row = |kernels: &'a [String], other: &BTreeMap<&str, u64>| -> Vec<Slot<'a>> {
        let slot = |kernel: &'a String| Slot {
            kernel,
            role: role_of(kernel),
            is_shared: other.contains_key(kernel.as_str()),
            // An id that both sides run is paired by its name.
            count: old.get(kernel.as_str()).or_else(|| new.get(kernel.as_str())).copied().unwrap_or(0),
        };
        kernels.iter().map(slot).collect()
    };
    let slots = |body: &'a BodyObservation, other: &BTreeMap<&str, u64>| -> Vec<Vec<Slot<'a>>> {
        body.streams.iter().map(|stream| row(stream, other)).collect()
    };
    // A side that was recorded without them tells nothing of what came or went there.
    let edge = |part: Part<'a>, before: &'a Option<Vec<String>>, after: &'a Option<Vec<String>>| {
        let (before, after) = (before.as_ref()?, after.as_ref()?);
        Some(BodyPair { part, streams: stream_pairs(vec![row(before, &new)], vec![row(after, &old)]) })
    };
    let prologue = edge(Part::Prologue, &before.prologue, &after.prologue);
    let epilogue = edge(Part::Epilogue, &before.epilogue, &after.epilogue);
    let side =
        |bodies: &'a [BodyObservation]| bodies.get(..bodies.len().min(MOST_BODIES)).unwrap_or_default();
    let (before, after) = (side(&before.bodies), side(&after.bodies));
    let mut table: Vec<(usize, usize, BodyPair<'a>)> = Vec::new();
    for (row, b) in before.iter().enumerate() {
        for (column, a) in after.iter().enumerate() {
            let streams = stream_pairs(slots(b, &new), slots(a, &old));
            table.push((row, column, BodyPair { part: Part::Layer { before: b, after: a }, streams }));
        }
    }
    // The best of each row and of each column; the nearer position where two are as good.
    let best = |is_of: &dyn Fn(usize, usize) -> bool| {
        table
            .iter()
            .filter(|(row, column, _)| is_of(*row, *column))
            .max_by_key(|(row, column, pair)| {
                (pair.score(), std::cmp::Reverse((row.abs_diff(*column), *column)))
            })
            .map(|(row, column, _)| (*row, *column))
    };
    let mut chosen: BTreeSet<(usize, usize)> = BTreeSet::new();
    chosen.extend((0..before.len()).filter_map(|row| best(&|of, _| of == row)));
    chosen.extend((0..after.len()).filter_map(|column| best(&|_, of| of == column)));
    let layers = table
        .into_iter()
        .filter(|(row, column, _)| chosen.contains(&(*row, *column)))
        .map(|(_, _, pair)| pair);
    prologue.into_iter().chain(layers).chain(epilogue).collect()
}

/// The kernel ids of all layers and what stands around them, with how often a step runs each.
fn counts(layers: &LayersObservation) -> BTreeMap<&str, u64> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let bodies = layers
        .bodies
        .iter()
        .flat_map(|body| body.streams.iter().flatten().map(move |kernel| (kernel.as_str(), body.repeats)));
    let edges = layers.prologue.iter().chain(&layers.epilogue).flatten();
    // Edges are seldom the same on both sides, so only ids that no layer has are counted there.
    for (kernel, repeats) in bodies {
        *counts.entry(kernel).or_default() += repeats;
    }
    for kernel in edges {
        counts.entry(kernel).or_insert(1);
    }
    counts
}

/// Each stream with the one that is most like it; what is left stands alone.
fn stream_pairs<'a>(before: Vec<Vec<Slot<'a>>>, after: Vec<Vec<Slot<'a>>>) -> Vec<StreamPair<'a>> {
    let mut open: Vec<Option<Vec<Slot<'a>>>> = after.into_iter().map(Some).collect();
    let mut pairs = Vec::new();
    for old in before {
        let best = open
            .iter()
            .enumerate()
            .filter_map(|(at, new)| Some((at, align(&old, new.as_ref()?)?)))
            .max_by_key(|(at, alignment)| (alignment.score, std::cmp::Reverse(*at)));
        let found = best.and_then(|(at, alignment)| Some((open.get_mut(at)?.take()?, alignment)));
        pairs.push(match found {
            Some((after, alignment)) => StreamPair { before: old, after, alignment },
            None => alone(old, Vec::new()),
        });
    }
    pairs.extend(open.into_iter().flatten().map(|new| alone(Vec::new(), new)));
    pairs
}

fn alone<'a>(before: Vec<Slot<'a>>, after: Vec<Slot<'a>>) -> StreamPair<'a> {
    let alignment = align(&before, &after).unwrap_or_default();
    StreamPair { before, after, alignment }
}

/// Which kernel stands where which one stood, over all bodies.
pub fn links(pairs: &[BodyPair<'_>]) -> Links {
    let mut links = Links::new();
    for stream in pairs.iter().flat_map(|pair| &pair.streams) {
        for place in exchanges(&stream.alignment, &stream.before, &stream.after) {
            for gone in place.gone.iter().filter_map(|at| stream.before.get(*at)) {
                for came in place.came.iter().filter_map(|at| stream.after.get(*at)) {
                    links.insert((gone.kernel.to_owned(), came.kernel.to_owned()));
                }
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(bodies: &[(u64, &[&str])]) -> LayersObservation {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let bodies = bodies.iter().enumerate().map(|(at, (repeats, streams))| BodyObservation {
            id: char::from(b'A' + at as u8).to_string(),
            repeats: *repeats,
            streams: streams.iter().map(|stream| words(stream)).collect(),
        });
        LayersObservation { count: 0, bodies: bodies.collect(), prologue: None, epilogue: None }
    }

    /// The role of a kernel is its first letter; the rest is its name.
    fn role(kernel: &str) -> Role {
        match kernel.chars().next() {
            Some('n') => Role::Norm,
            Some('g') => Role::Gemm,
            Some('a') => Role::Attention,
            Some('m') => Role::Moe,
            _ => Role::Other,
        }
    }

    fn linked(before: &LayersObservation, after: &LayersObservation) -> Vec<String> {
        links(&pairs(before, after, &role)).into_iter().map(|(gone, came)| format!("{gone}>{came}")).collect()
    }

    #[test]
    fn dense_layers_are_compared_with_dense_ones_and_expert_layers_with_expert_ones() {
        let before = layers(&[(3, &["n g a g n g g"]), (58, &["n g a g n m1 m2 m3"])]);
        let after = layers(&[(3, &["n g a g n g7 g"]), (58, &["n g a g n m1 m9 m3"])]);
        assert_eq!(linked(&before, &after), ["g>g7", "m2>m9"]);
        // The order in which bodies are listed says nothing.
        let mut turned = after.clone();
        turned.bodies.reverse();
        assert_eq!(linked(&before, &turned), ["g>g7", "m2>m9"]);
    }

    #[test]
    fn the_edges_of_a_step_are_compared_where_both_sides_were_recorded_with_them() {
        let words = |text: &str| Some(text.split_whitespace().map(str::to_owned).collect());
        let mut before = layers(&[(4, &["n g a g n"])]);
        let mut after = before.clone();
        before.epilogue = words("n g1 o");
        assert!(linked(&before, &after).is_empty(), "an older baseline does not know them");
        after.epilogue = words("n g2 o");
        assert_eq!(linked(&before, &after), ["g1>g2"]);
        let found = pairs(&before, &after, &role);
        let parts: Vec<String> = found.iter().map(|pair| pair.part.id()).collect();
        assert_eq!(parts, ["A", "epilogue"]);
        assert!(found[0].is_same() && !found[1].is_same());
    }

    #[test]
    fn work_that_moved_to_another_stream_is_seen_on_both() {
        let before = layers(&[(4, &["n g a g n", "m1 m2"])]);
        let after = layers(&[(4, &["n g a g n m1 m2"])]);
        let pairs = pairs(&before, &after, &role);
        assert_eq!(pairs.len(), 1);
        assert!(!pairs[0].is_same());
        assert_eq!(pairs[0].streams.len(), 2);
        assert!(links(&pairs).is_empty(), "what runs elsewhere was not replaced");
    }

    #[test]
    fn a_body_that_split_in_two_has_two_pairs() {
        let before = layers(&[(4, &["n g a g n"])]);
        let after = layers(&[(2, &["n g a1 g n"]), (2, &["n g a2 g n"])]);
        assert_eq!(linked(&before, &after), ["a>a1", "a>a2"]);
    }
}
