//! Where in a layer the kernels of a finding stand.

use std::collections::BTreeSet;

use super::align::exchanges;
use super::bodies::{BodyPair, Part, StreamPair};
use crate::common::text::count;

/// Bodies that are named before the rest is counted.
const BODIES: usize = 3;

/// Position of a kernel in its stream of a layer, counted from 1, and how many kernels that stream runs.
type At = (usize, usize);

/// Says for each part of a step where its kernels changed; where none of them did, where they run.
///
/// `None` when no layer runs them, nor what stands before and behind the layers.
pub fn in_layers(kernels: &BTreeSet<&str>, pairs: &[BodyPair<'_>]) -> Option<String> {
    let changed = texts(pairs, |stream| changed(stream, kernels));
    let all = if changed.is_empty() { texts(pairs, |stream| running(stream, kernels)) } else { changed };
    let shown: Vec<&str> = all.iter().take(BODIES).map(String::as_str).collect();
    if shown.is_empty() {
        return None;
    }
    let more = all.len().saturating_sub(shown.len()) as u64;
    let rest = if more > 0 { format!("; {}", count(more, "more layer")) } else { String::new() };
    Some(format!("{}{rest}", shown.join("; ")))
}

fn texts(pairs: &[BodyPair<'_>], places: impl Fn(&StreamPair<'_>) -> Vec<At>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for pair in pairs {
        let all: Vec<At> = pair.streams.iter().flat_map(&places).collect();
        let Some((at, of)) = all.first() else { continue };
        let more = all.len() as u64 - 1;
        let rest = if more > 0 { format!(" and {}", count(more, "more place")) } else { String::new() };
        // A body that split in two has two pairs.
        let place = match pair.part {
            Part::Prologue => "before the first layer".to_owned(),
            Part::Layer { after, .. } => format!("layer {} ×{}", after.id, after.repeats),
            Part::Epilogue => "behind the last layer".to_owned(),
        };
        let text = format!("{place}, kernel {at} of {of}{rest}");
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// The places in which one of the kernels came or went: as the layer is now, or as it was where nothing follows.
fn changed(stream: &StreamPair<'_>, kernels: &BTreeSet<&str>) -> Vec<At> {
    let old = |at: &usize| stream.before.get(*at).is_some_and(|slot| kernels.contains(slot.kernel));
    let new = |at: &usize| stream.after.get(*at).is_some_and(|slot| kernels.contains(slot.kernel));
    exchanges(&stream.alignment, &stream.before, &stream.after)
        .iter()
        .filter(|place| place.gone.iter().any(old) || place.came.iter().any(new))
        .filter_map(|place| match (place.came.first(), place.gone.first()) {
            (Some(at), _) => Some((at + 1, stream.after.len())),
            (None, Some(at)) => Some((at + 1, stream.before.len())),
            (None, None) => None,
        })
        .collect()
}

/// The places in which one of the kernels runs now.
fn running(stream: &StreamPair<'_>, kernels: &BTreeSet<&str>) -> Vec<At> {
    let places = stream.after.iter().enumerate().filter(|(_, slot)| kernels.contains(slot.kernel));
    places.map(|(at, _)| (at + 1, stream.after.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{BodyObservation, LayersObservation};
    use crate::triage::Role;
    use crate::verdict::bodies;

    fn layers(bodies: &[(&str, u64, &str)]) -> LayersObservation {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let bodies = bodies.iter().map(|(id, repeats, stream)| BodyObservation {
            id: (*id).to_owned(),
            repeats: *repeats,
            streams: vec![words(stream)],
        });
        LayersObservation {
            count: 0,
            bodies: bodies.collect(),
            prologue: Some(vec!["embed".to_owned()]),
            epilogue: Some(Vec::new()),
        }
    }

    fn position(subject: &str, kernels: &[&str]) -> Option<String> {
        let before = layers(&[("A", 3, "norm fused attn norm gemm"), ("B", 58, "norm fused attn route moe")]);
        let after = layers(&[("A", 3, "norm q k attn norm gemm"), ("B", 58, "norm q k attn route moe")]);
        let pairs = bodies::pairs(&before, &after, &|_| Role::Other);
        in_layers(&kernels.iter().copied().chain([subject]).collect(), &pairs)
    }

    #[test]
    fn a_change_is_where_it_happened_in_each_layer() {
        let said = "layer A ×3, kernel 2 of 6; layer B ×58, kernel 2 of 6";
        assert_eq!(position("fused", &["fused", "q", "k"]).as_deref(), Some(said));
        assert_eq!(position("fused", &[]).as_deref(), Some(said));
    }

    #[test]
    fn an_unchanged_kernel_is_where_it_runs() {
        assert_eq!(position("moe", &[]).as_deref(), Some("layer B ×58, kernel 6 of 6"));
        assert_eq!(
            position("norm", &[]).as_deref(),
            Some("layer A ×3, kernel 1 of 6 and 1 more place; layer B ×58, kernel 1 of 6")
        );
    }

    #[test]
    fn what_no_layer_runs_has_no_position() {
        assert_eq!(position("sampler", &[]), None);
        assert_eq!(position("embed", &[]).as_deref(), Some("before the first layer, kernel 1 of 1"));
    }
}
