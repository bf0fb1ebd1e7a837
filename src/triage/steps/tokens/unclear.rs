//! Steps that are no more like the others than prefill is like decode, and of which nothing tells what they are: said,
//! and where it shows that they are not what their file is called, kept apart.

use super::{Group, Shown};
use crate::trace::{Health, HealthCode};
use crate::triage::stage::Stage;

/// Steps that nothing tells apart otherwise, and of which one works this many times as long as another, are not alike.
const UNLIKE: i64 = 2;

/// Counts steps of other tokens and another time than the smallest ones, of which nothing tells that they are prefill.
pub(super) fn say_unlike(unlike: &[usize], decode: &[usize], steps: &[Shown], health: &mut Health) {
    let of = |indices: &[usize]| Group::of(indices.iter().filter_map(|index| steps.get(*index)));
    let known = of(decode);
    for index in unlike {
        let own = of(&[*index]);
        health.count(HealthCode::StageUnclear, || {
            let times = own.ns as f64 / known.ns.max(1) as f64;
            format!(
                "a step of {} tokens and {times:.1} times the time of those of up to {}",
                own.tokens, known.tokens
            )
        });
    }
}

/// Counts a single step of few tokens beside prefills of its own program.
pub(super) fn say_single(single: &[usize], prefill: &[usize], steps: &[Shown], health: &mut Health) {
    let of = |indices: &[usize]| Group::of(indices.iter().filter_map(|index| steps.get(*index)));
    for index in single.iter().filter(|_| !prefill.is_empty()) {
        health.count(HealthCode::StageUnclear, || {
            let (own, others) = (of(&[*index]).tokens, of(prefill).tokens);
            format!(
                "a single step of {own} tokens beside prefills of up to {others}: decode, or the last piece of a prompt"
            )
        });
    }
}

/// Counts steps that work much longer than the shortest of their like, where nothing tells why.
pub(super) fn say_uneven(alike: &[usize], steps: &[Shown], health: &mut Health) {
    let own = || alike.iter().filter_map(|index| steps.get(*index)).filter(|shown| shown.part.is_none());
    let anchors = own().map(|shown| shown.anchors).max().unwrap_or(0);
    // A draft's model has a layer or a few.
    let works = || own().filter(|shown| shown.anchors * 4 >= anchors).map(|shown| shown.work);
    let Some(shortest) = works().min().filter(|shortest| *shortest > 0) else { return };
    for work in works().filter(|work| *work >= shortest.saturating_mul(UNLIKE)) {
        health.count(HealthCode::StageUnclear, || {
            let times = work as f64 / shortest as f64;
            format!("a step of {times:.1} times the time of the shortest, and nothing tells whether they are alike")
        });
    }
}

/// Gives prefills that the window cuts a stage of their own, and says so: no figure of a prefill is one of a part.
pub(super) fn leave_cut(
    cut: &[usize],
    decode: &[usize],
    steps: &[Shown],
    stages: &mut [Option<Stage>],
    health: &mut Health,
) {
    let of = |indices: &[usize]| Group::of(indices.iter().filter_map(|index| steps.get(*index)));
    let whole = of(decode).norms;
    for index in cut {
        let own = of(&[*index]);
        health.count(HealthCode::StepCut, || {
            if own.norms < whole {
                format!("a prefill at the edge of the window has {} norms, a decode step {whole}", own.norms)
            } else {
                "a prefill at the edge of the window lacks kernels that the other steps have".to_owned()
            }
        });
        if let Some(of) = stages.get_mut(*index) {
            *of = Some(Stage::All);
        }
    }
}

/// Gives steps that are neither prefill nor like decode a stage of their own, and says so.
pub(super) fn leave_unclear(
    unclear: &[usize],
    decode: &[usize],
    steps: &[Shown],
    stages: &mut [Option<Stage>],
    health: &mut Health,
) {
    let of = |indices: &[usize]| Group::of(indices.iter().filter_map(|index| steps.get(*index)));
    let known = of(decode);
    for index in unclear {
        let times = of(&[*index]).ns as f64 / known.ns.max(1) as f64;
        health.count(HealthCode::StageUnclear, || {
            let beside =
                if known.is_replayed { ", launched kernel by kernel beside replays of a graph" } else { "" };
            format!("a step of {times:.1} times the time of the others{beside}")
        });
        if let Some(of) = stages.get_mut(*index) {
            *of = Some(Stage::All);
        }
    }
}
