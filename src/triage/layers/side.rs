//! Which layer the work of a side stream belongs to: by launch order, and where that is not known by regularity.
//!
//! A layer hands work to a side stream in its own place of the launch order, and the stream may run it later.
//! So launches and graph nodes decide. A replay whose nodes have no number tells no order; then a sequence that
//! repeats, once a layer, is laid over the layers in the way that is nearest to the starts, as a whole and not
//! kernel by kernel. What neither tells belongs to the layer during which it starts.

use std::collections::BTreeMap;

use super::bodies::Signature;
use super::cut::Layer;
use super::slots::Slot;
use crate::trace::StreamId;

/// For each side stream its kernels with their layers. `bodies` is what each layer runs on the main stream.
pub fn assign(
    main: &[Slot],
    side: &[Slot],
    layers: &[Layer],
    bodies: &[Signature],
) -> BTreeMap<StreamId, Vec<(usize, u32)>> {
    let mut streams: BTreeMap<StreamId, Vec<&Slot>> = BTreeMap::new();
    for slot in side {
        streams.entry(slot.stream).or_default().push(slot);
    }
    streams
        .into_iter()
        .map(|(stream, slots)| {
            let found =
                by_launch(main, &slots, layers).unwrap_or_else(|| by_start(main, &slots, layers, bodies));
            (stream, found)
        })
        .collect()
}

/// The layer whose first kernel was queued last before each slot; `None` when an order is missing.
fn by_launch(main: &[Slot], slots: &[&Slot], layers: &[Layer]) -> Option<Vec<(usize, u32)>> {
    let starts: Vec<_> =
        layers.iter().map(|layer| main.get(layer.start)?.queued).collect::<Option<Vec<_>>>()?;
    let end = match main.get(layers.last()?.end) {
        Some(after) => Some(after.queued?),
        None => None,
    };
    let mut found = Vec::new();
    for slot in slots {
        let queued = slot.queued?;
        let layer = starts.partition_point(|start| *start <= queued).checked_sub(1);
        if let Some(layer) = layer.filter(|_| end.is_none_or(|end| queued < end)) {
            found.push((layer, slot.kernel.0));
        }
    }
    Some(found)
}

fn by_start(main: &[Slot], slots: &[&Slot], layers: &[Layer], bodies: &[Signature]) -> Vec<(usize, u32)> {
    let starts: Vec<_> =
        layers.iter().filter_map(|layer| main.get(layer.start)).map(|slot| slot.start).collect();
    let end = layers.last().and_then(|layer| main.get(layer.end.saturating_sub(1))).map(|slot| slot.end);
    // The layer during which each starts; one past the last for what starts later still.
    let votes: Vec<(usize, u32)> = slots
        .iter()
        .filter_map(|slot| {
            let layer = starts.partition_point(|start| *start <= slot.start).checked_sub(1)?;
            let is_past = end.is_some_and(|end| slot.start >= end);
            Some((if is_past { layers.len() } else { layer }, slot.kernel.0))
        })
        .collect();
    let mut found = laid_over(&votes, bodies).unwrap_or(votes);
    found.retain(|(layer, _)| *layer < layers.len());
    found
}

/// No model has more layers; beyond it, laying a sequence over them would take its time.
const MOST_LAYERS: usize = 1000;

/// A sequence that repeats, laid over as many layers as it has repetitions; `None` when that does not help.
fn laid_over(votes: &[(usize, u32)], bodies: &[Signature]) -> Option<Vec<(usize, u32)>> {
    if bodies.len() > MOST_LAYERS {
        return None;
    }
    let repeats = |length: usize| {
        votes.len().is_multiple_of(length)
            && votes.iter().zip(votes.iter().skip(length)).all(|(a, b)| a.1 == b.1)
    };
    let lengths = (1..=votes.len() / 2).filter(|length| repeats(*length));
    for length in lengths {
        let blocks: Vec<&[(usize, u32)]> = votes.chunks(length).collect();
        if blocks.len() > bodies.len() {
            continue;
        }
        if is_regular(&blocks, bodies.len()) {
            return None;
        }
        let first: Vec<usize> = blocks.iter().filter_map(|block| Some(block.first()?.0)).collect();
        let distance = |layers: &[usize]| -> usize {
            first.iter().zip(layers).map(|(vote, layer)| vote.abs_diff(*layer)).sum()
        };
        let nearest = candidates(blocks.len(), bodies).into_iter().min_by_key(|layers| distance(layers))?;
        // Further away on average than one layer, it is not this sequence's place.
        if distance(&nearest) <= blocks.len() {
            let of_block = |(block, layer): (&&[(usize, u32)], usize)| -> Vec<(usize, u32)> {
                block.iter().map(|(_, kernel)| (layer, *kernel)).collect()
            };
            return Some(blocks.iter().zip(nearest).flat_map(of_block).collect());
        }
    }
    None
}

/// Whether each repetition starts and ends in a layer of its own: then the starts are right as they are.
fn is_regular(blocks: &[&[(usize, u32)]], layers: usize) -> bool {
    let layer = |block: &[(usize, u32)]| block.first().map(|(layer, _)| *layer);
    blocks.iter().all(|block| {
        layer(block).is_some_and(|first| first < layers && block.iter().all(|(other, _)| *other == first))
    }) && blocks.windows(2).all(|pair| matches!(pair, [a, b] if layer(a) < layer(b)))
}

/// The sets of `count` layers that a sequence may serve: all that run one body, or a run of neighbours.
fn candidates(count: usize, bodies: &[Signature]) -> Vec<Vec<usize>> {
    let mut of_body: BTreeMap<&Signature, Vec<usize>> = BTreeMap::new();
    for (layer, body) in bodies.iter().enumerate() {
        of_body.entry(body).or_default().push(layer);
    }
    let alike = of_body.into_values().filter(|layers| layers.len() == count);
    let neighbours = (0..=bodies.len() - count).map(|from| (from..from + count).collect());
    alike.chain(neighbours).collect()
}
