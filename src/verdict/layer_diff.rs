//! The changed order of a layer, as a diff with context.

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

use super::align::Slot;
use super::bodies::{BodyPair, Part};
use super::report::LayerDiff;
use crate::triage::Stage;

/// Unchanged kernels that are shown on each side of a change.
const CONTEXT: usize = 3;

/// A diff for each body that changed, and for what stands before the first or behind the last layer.
pub fn diffs(stage: Stage, pairs: &[BodyPair<'_>]) -> Vec<LayerDiff> {
    pairs
        .iter()
        .filter(|pair| {
            let (before, after) = pair.part.repeats();
            // Of a body that is two now, the part that stayed as it was has nothing to show.
            !pair.is_same() || (before != after && !is_of_several(pair, pairs))
        })
        .map(|pair| LayerDiff {
            stage,
            body: pair.part.id(),
            text: text(stage, pair, is_of_several(pair, pairs)),
        })
        .collect()
}

/// Whether one of a pair's bodies stands in another pair too.
fn is_of_several(pair: &BodyPair<'_>, pairs: &[BodyPair<'_>]) -> bool {
    let Part::Layer { before, after } = pair.part else { return false };
    let shares = |other: &&BodyPair<'_>| matches!(other.part, Part::Layer { before: b, after: a } if b.id == before.id || a.id == after.id);
    pairs.iter().filter(shares).count() > 1
}

fn text(stage: Stage, pair: &BodyPair<'_>, is_of_several: bool) -> String {
    let (before, after) = pair.part.repeats();
    let mut lines = vec![match pair.part {
        Part::Prologue => format!(" {} · before the first layer", stage.as_str()),
        Part::Epilogue => format!(" {} · behind the last layer", stage.as_str()),
        Part::Layer { before: old, after: new } if is_of_several => {
            format!(" {} · layer {} ×{before} → {} ×{after}", stage.as_str(), old.id, new.id)
        }
        Part::Layer { before: body, .. } if before == after => {
            format!(" {} · layer {} ×{after}", stage.as_str(), body.id)
        }
        Part::Layer { before: body, .. } => {
            format!(" {} · layer {} ×{before} → ×{after}", stage.as_str(), body.id)
        }
    }];
    for (number, stream) in pair.streams.iter().enumerate() {
        let ids =
            |slots: &[Slot<'_>]| -> Vec<String> { slots.iter().map(|slot| slot.kernel.to_owned()).collect() };
        let (old, new) = (ids(&stream.before), ids(&stream.after));
        let groups = group_diff_ops(capture_diff_slices(Algorithm::Patience, &old, &new), CONTEXT);
        if groups.is_empty() {
            continue;
        }
        if number > 0 {
            lines.push(" (a stream beside it)".to_owned());
        }
        // What one stream lost and another one runs now is on a stream of its own, or no longer.
        let wide = stream.before.iter().chain(&stream.after).map(|slot| slot.kernel.chars().count()).max();
        let line = |mark: char, slot: &Slot<'_>| {
            format!("{mark}  {:<1$}  {2}", slot.kernel, wide.unwrap_or(0), slot.role.as_str())
        };
        for (at, group) in groups.iter().enumerate() {
            let starts_late =
                group.first().is_some_and(|op| op.old_range().start > 0 || op.new_range().start > 0);
            if at > 0 || starts_late {
                lines.push(" …".to_owned());
            }
            for op in group {
                let slots =
                    |side: &'_ [Slot<'_>], range: std::ops::Range<usize>, mark: char| -> Vec<String> {
                        side.get(range).unwrap_or_default().iter().map(|slot| line(mark, slot)).collect()
                    };
                if let DiffOp::Equal { .. } = op {
                    lines.extend(slots(&stream.after, op.new_range(), ' '));
                } else {
                    lines.extend(slots(&stream.before, op.old_range(), '-'));
                    lines.extend(slots(&stream.after, op.new_range(), '+'));
                }
            }
        }
        let end = |op: &DiffOp| op.old_range().end < old.len() || op.new_range().end < new.len();
        if groups.last().and_then(|group| group.last()).is_some_and(end) {
            lines.push(" …".to_owned());
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{BodyObservation, LayersObservation};
    use crate::triage::Role;
    use crate::verdict::bodies;

    fn layers(streams: &[&str], repeats: u64) -> LayersObservation {
        let streams = streams.iter().map(|one| one.split_whitespace().map(str::to_owned).collect()).collect();
        LayersObservation {
            count: repeats,
            bodies: vec![BodyObservation { id: "A".to_owned(), repeats, streams }],
            prologue: None,
            epilogue: None,
        }
    }

    fn diff(before: &LayersObservation, after: &LayersObservation) -> Vec<String> {
        let pairs = bodies::pairs(before, after, &|_| Role::Norm);
        diffs(Stage::Decode, &pairs).into_iter().map(|one| one.text).collect()
    }

    #[test]
    fn a_changed_body_is_shown_with_context_and_the_same_one_is_not() {
        let before = layers(&["a b c d e fused f g h i"], 48);
        let after = layers(&["a b c d e q k f g h i"], 48);
        assert_eq!(diff(&before, &before), Vec::<String>::new());
        let text = diff(&before, &after).join("\n");
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                " decode · layer A ×48",
                " …",
                "   c      norm",
                "   d      norm",
                "   e      norm",
                "-  fused  norm",
                "+  q      norm",
                "+  k      norm",
                "   f      norm",
                "   g      norm",
                "   h      norm",
                " …",
            ]
        );
    }

    #[test]
    fn a_body_that_split_has_a_block_for_what_changed_and_no_empty_one() {
        let side = |bodies: &[(&str, &str, u64)]| {
            let mut side = layers(&[], 0);
            side.bodies = bodies
                .iter()
                .map(|(id, kernels, repeats)| BodyObservation {
                    id: (*id).to_owned(),
                    repeats: *repeats,
                    streams: vec![kernels.split_whitespace().map(str::to_owned).collect()],
                })
                .collect();
            side
        };
        let before = side(&[("A", "a b c", 48)]);
        let after = side(&[("A", "a b c", 24), ("B", "a x c", 12), ("C", "a b y", 12)]);
        let titles: Vec<String> =
            diff(&before, &after).iter().map(|text| text.lines().next().unwrap().to_owned()).collect();
        assert_eq!(titles, [" decode · layer A ×48 → B ×12", " decode · layer A ×48 → C ×12"]);
    }

    #[test]
    fn what_changed_before_the_first_layer_is_shown() {
        let side = |edge: &str| {
            let mut side = layers(&["a b"], 48);
            side.prologue = Some(edge.split_whitespace().map(str::to_owned).collect());
            side
        };
        let lines = diff(&side("embed"), &side("embed cast"));
        assert_eq!(lines, [" decode · before the first layer\n   embed  norm\n+  cast   norm"]);
    }

    #[test]
    fn work_that_left_its_stream_is_shown_on_both() {
        let before = layers(&["a b c", "x y"], 4);
        let after = layers(&["a b x y c"], 4);
        let text = diff(&before, &after).join("\n");
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("   ")).collect();
        assert_eq!(
            lines,
            [
                " decode · layer A ×4",
                "+  x  norm",
                "+  y  norm",
                " (a stream beside it)",
                "-  x  norm",
                "-  y  norm",
            ]
        );
        assert_eq!(diff(&before, &layers(&["a b c", "x y"], 3)), [" decode · layer A ×4 → ×3"]);
    }
}
