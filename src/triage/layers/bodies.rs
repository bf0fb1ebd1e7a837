//! The distinct bodies of a step's layers and the pattern in which they repeat.

use std::collections::BTreeMap;

use super::cut::Layer;
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

/// The signature of each layer. Work on side streams belongs to the layer during which it starts: between
/// the start of the layer's first slot on the main stream and that of the next layer's.
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
    let starts: Vec<_> =
        layers.iter().filter_map(|layer| main.get(layer.start)).map(|slot| slot.start).collect();
    let end = layers.last().and_then(|layer| main.get(layer.end.saturating_sub(1))).map(|slot| slot.end);
    for slot in side.iter().filter(|slot| end.is_none_or(|end| slot.start < end)) {
        let Some(index) = starts.partition_point(|start| *start <= slot.start).checked_sub(1) else {
            continue;
        };
        if let Some(signature) = signatures.get_mut(index) {
            signature.entry(slot.stream).or_default().push(slot.kernel.0);
        }
    }
    signatures
}

/// Groups layers by signature. A first or last layer that differs from its neighbour in at most two slots
/// is a variant of the neighbour's body.
pub fn group(signatures: &[Signature]) -> Bodies {
    let mut repeats: BTreeMap<&Signature, usize> = BTreeMap::new();
    for signature in signatures {
        *repeats.entry(signature).or_default() += 1;
    }
    let mut bodies = Bodies::default();
    let last = signatures.len().saturating_sub(1);
    for (index, signature) in signatures.iter().enumerate() {
        let is_lone = repeats.get(signature).is_some_and(|count| *count == 1);
        let neighbour = match index {
            0 => signatures.get(1),
            index if index == last => index.checked_sub(1).and_then(|before| signatures.get(before)),
            _ => None,
        };
        let model = neighbour.filter(|other| is_lone && nearly_equal(signature, other)).unwrap_or(signature);
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

fn nearly_equal(a: &Signature, b: &Signature) -> bool {
    let flat = |signature: &Signature| -> Vec<u32> { signature.values().flatten().copied().collect() };
    let (a, b) = (flat(a), flat(b));
    let shorter = a.len().min(b.len());
    let differing = a.len().max(b.len()) - shorter;
    if differing > 2 || shorter < 4 {
        return false;
    }
    // Slots that differ when both are aligned at the start, and when they are aligned at the end.
    let from_start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let from_end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    a.len().max(b.len()).saturating_sub(from_start + from_end) <= 2
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
