//! The distinct bodies of a step's layers and the pattern in which they repeat.

use std::collections::{BTreeMap, BTreeSet};

use super::cut::Layer;
use super::side;
use super::slots::Slot;
use crate::trace::StreamId;

/// What one layer runs, per stream; streams in a fixed order.
pub type Signature = BTreeMap<StreamId, Vec<u32>>;

/// One distinct body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// What it runs.
    pub signature: Signature,
    /// How many layers have it, the nearly equal first and last ones included.
    pub repeats: usize,
    /// Layers that differ from it in a slot.
    pub variants: Vec<usize>,
}

/// The bodies in order of first appearance, and each layer's body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bodies {
    /// Distinct bodies.
    pub bodies: Vec<Body>,
    /// For each layer its body.
    pub of_layer: Vec<usize>,
}

/// The signature of each layer; [`side::assign`] tells which layer the work of side streams belongs to.
pub fn signatures(main: &[Slot], side: &[Slot], layers: &[Layer]) -> Vec<Signature> {
    let mut signatures: Vec<Signature> = layers
        .iter()
        .map(|layer| {
            let mut signature = Signature::new();
            for slot in main.get(layer.start..layer.end).unwrap_or_default() {
                signature.entry(slot.stream).or_default().push(slot.kernel.0);
            }
            signature
        })
        .collect();
    for (stream, slots) in side::assign(main, side, layers, &signatures) {
        // A stream that works beside few layers works for something else, such as the next batch.
        let served: BTreeSet<usize> = slots.iter().map(|(index, _)| *index).collect();
        if served.len() * 4 < layers.len() {
            continue;
        }
        for (index, kernel) in slots {
            if let Some(signature) = signatures.get_mut(index) {
                signature.entry(stream).or_default().push(kernel);
            }
        }
    }
    signatures
}

/// Groups layers by signature.
///
/// A lone first or last layer that differs from a repeated body in at most two slots is a variant of it, and
/// so is a lone layer that runs a repeated body's kernels on other streams.
pub fn group(signatures: &[Signature]) -> Bodies {
    let mut counts: BTreeMap<&Signature, usize> = BTreeMap::new();
    for signature in signatures {
        *counts.entry(signature).or_default() += 1;
    }
    let repeated: Vec<&Signature> =
        counts.iter().filter(|(_, count)| **count > 1).map(|(signature, _)| *signature).collect();
    let last = signatures.len().saturating_sub(1);
    let mut bodies = Bodies::default();
    for (index, signature) in signatures.iter().enumerate() {
        let is_lone = counts.get(signature).is_some_and(|count| *count == 1);
        let is_outer = index == 0 || index == last;
        let like = |other: &Signature| {
            same_kernels(signature, other) || (is_outer && nearly_equal(signature, other))
        };
        let model = match repeated.iter().find(|other| is_lone && like(other)) {
            Some(other) => other,
            None => signature,
        };
        let number = match bodies.bodies.iter().position(|body| &body.signature == model) {
            Some(number) => number,
            None => {
                bodies.bodies.push(Body { signature: model.clone(), repeats: 0, variants: Vec::new() });
                bodies.bodies.len() - 1
            }
        };
        if let Some(body) = bodies.bodies.get_mut(number) {
            body.repeats += 1;
            if model != signature {
                body.variants.push(index);
            }
        }
        bodies.of_layer.push(number);
    }
    bodies
}

/// Slots in which a first or last layer may differ from the others.
const MAX_EDITS: usize = 2;

/// Shorter bodies say too little for a small difference to be one.
const SHORTEST: usize = 4;

fn nearly_equal(a: &Signature, b: &Signature) -> bool {
    let flat = |signature: &Signature| -> Vec<u32> { signature.values().flatten().copied().collect() };
    let (a, b) = (flat(a), flat(b));
    a.len().abs_diff(b.len()) <= MAX_EDITS
        && a.len().min(b.len()) >= SHORTEST
        && strsim::generic_levenshtein(&a, &b) <= MAX_EDITS
}

/// Adds the first and the last layer to the variants when they run other raw names than the layers of their
/// body do: a first layer's norm without a residual may share its id with the others.
pub fn mark_outer(grouped: &mut Bodies, main: &[Slot], layers: &[Layer]) {
    let names = |layer: &Layer| -> Vec<_> {
        main.get(layer.start..layer.end).unwrap_or_default().iter().map(|slot| slot.name).collect()
    };
    let last = layers.len().saturating_sub(1);
    for outer in [0, last] {
        let Some(body) = grouped.of_layer.get(outer).copied() else { continue };
        let fellows: Vec<_> = layers
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != outer && grouped.of_layer.get(*index) == Some(&body))
            .map(|(_, layer)| names(layer))
            .collect();
        let own = layers.get(outer).map(names).unwrap_or_default();
        let is_like_none = !fellows.is_empty() && fellows.iter().all(|fellow| *fellow != own);
        let are_alike = fellows.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
        if let Some(body) = grouped.bodies.get_mut(body)
            && is_like_none
            && are_alike
            && !body.variants.contains(&outer)
        {
            body.variants.push(outer);
            body.variants.sort_unstable();
        }
    }
}

fn same_kernels(a: &Signature, b: &Signature) -> bool {
    let sorted = |signature: &Signature| {
        let mut kernels: Vec<u32> = signature.values().flatten().copied().collect();
        kernels.sort_unstable();
        kernels
    };
    sorted(a) == sorted(b)
}

/// Slots of a body over all its streams.
pub fn size(signature: &Signature) -> usize {
    signature.values().map(Vec::len).sum()
}

/// The letters of the bodies in the order of the layers, repetition written once: `A×48`, `(AB)×18`,
/// `A×3 B×58`.
pub fn pattern(of_layer: &[usize]) -> String {
    let letter = |body: usize| -> String {
        match u8::try_from(body).ok().filter(|body| *body < 26) {
            Some(body) => char::from(b'A' + body).to_string(),
            None => format!("[{body}]"),
        }
    };
    let mut parts = Vec::new();
    let mut rest = of_layer;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|body| *body == first).count();
        let pair = rest.get(..2).unwrap_or_default();
        let pairs = rest.chunks_exact(2).take_while(|chunk| *chunk == pair).count();
        let taken = if run == 1 && pairs >= 2 {
            let word: String = pair.iter().map(|body| letter(*body)).collect();
            parts.push(format!("({word})×{pairs}"));
            pairs * 2
        } else {
            parts.push(if run == 1 { letter(*first) } else { format!("{}×{run}", letter(*first)) });
            run
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_written_once() {
        assert_eq!(pattern(&[0; 48]), "A×48");
        assert_eq!(pattern(&[0, 1, 0, 1, 0, 1]), "(AB)×3");
        assert_eq!(pattern(&[0, 0, 0, 1, 1]), "A×3 B×2");
        assert_eq!(pattern(&[0, 1, 1]), "A B×2");
        assert_eq!(pattern(&[0, 1, 0, 1, 0]), "(AB)×2 A");
        assert_eq!(pattern(&[]), "");
    }
}
