//! Steps of several kinds in turn: which kinds there are, and how many steps make whole turns of them.
//!
//! A server may run unlike steps by turns: an optimiser that steps every second time, three drafts before each
//! verification. A mean over steps then depends on where the window begins and ends, although nothing changed. So
//! the figures of a step are taken over whole turns, and what stands for a stage is chosen by what it runs, never by
//! when it ran.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::activity::Timeline;
use super::classify::Role;
use super::layers::is_anchor;
use super::stage::Stage;
use crate::trace::{Health, HealthCode, Ns};

/// What a step runs, however it is ordered: steps of one kind run every kernel id equally often.
///
/// Copies and fills are left out, because the host decides on some of them. The order of kinds is the same in every
/// capture: by attention kernels, by kernels, then by ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Kind {
    anchors: u32,
    kernels: u32,
    /// Sum of a number for each kernel, which its id decides.
    ids: u64,
}

/// The kind of each step of a timeline.
pub fn kinds(timeline: &Timeline<'_>) -> Vec<Kind> {
    let mut known: BTreeMap<usize, u64> = BTreeMap::new();
    let mut kinds = vec![Kind::default(); timeline.step_stages.len()];
    for one in &timeline.placed {
        let Some(kind) = one.step.and_then(|step| kinds.get_mut(step)) else { continue };
        let name = one.activity.name;
        let (Some(class), Some(number)) = (timeline.classes.get(name), timeline.classes.kernel(name)) else {
            continue;
        };
        if class.role == Role::Memory {
            continue;
        }
        kind.anchors += u32::from(is_anchor(class.role));
        kind.kernels += 1;
        let of_id = *known.entry(number).or_insert_with(|| number_of(&class.id));
        kind.ids = kind.ids.wrapping_add(of_id);
    }
    kinds
}

/// A number that differs from id to id, and is the same for one id in every capture.
fn number_of(id: &str) -> u64 {
    let digest = Sha256::digest(id.as_bytes());
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The step that stands for a stage.
///
/// A kind counts when it is at least half as frequent as the most frequent one, or takes most time of all:
/// speculative decoding drafts more often than it verifies, in steps of a layer or two. Of these the kind with most
/// attention kernels is taken, then the one with most kernels, and of that the first step.
pub fn typical_step(timeline: &Timeline<'_>, stage: Stage) -> Option<usize> {
    let mut times = vec![Ns::ZERO; timeline.step_stages.len()];
    for one in timeline.placed.iter().filter(|one| one.stage == stage) {
        if let Some(time) = one.step.and_then(|step| times.get_mut(step)) {
            *time += one.activity.span.length();
        }
    }
    let mut by_kind: BTreeMap<Kind, (usize, Ns, usize)> = BTreeMap::new();
    let of_step = kinds(timeline).into_iter().zip(times).zip(&timeline.step_stages).enumerate();
    for (step, ((kind, time), _)) in of_step.filter(|(_, (_, of))| **of == stage) {
        let (count, total, _) = by_kind.entry(kind).or_insert((0, Ns::ZERO, step));
        *count += 1;
        *total += time;
    }
    let often = by_kind.values().map(|(count, ..)| *count).max()?;
    let longest = by_kind.values().map(|(_, total, _)| *total).max()?;
    by_kind
        .into_values()
        .filter(|(count, total, _)| count * 2 >= often || *total == longest)
        .map(|(_, _, step)| step)
        .next_back()
}

/// Takes the steps out that begin another turn and do not end it; their work is outside of every step.
pub fn keep_whole_turns(timeline: &mut Timeline<'_>, health: &mut Health) {
    let kinds = kinds(timeline);
    let mut left = vec![false; kinds.len()];
    for stage in [Stage::Prefill, Stage::Decode, Stage::Mixed, Stage::All] {
        let of_stage = timeline.step_stages.iter().zip(&kinds).enumerate();
        let (steps, kinds): (Vec<usize>, Vec<Kind>) =
            of_stage.filter(|(_, (of, _))| **of == stage).map(|(step, (_, kind))| (step, *kind)).unzip();
        let Some(turn) = turn(&kinds) else { continue };
        for step in steps.iter().rev().take(kinds.len() % turn) {
            health.count(HealthCode::StepSurplus, || {
                format!("{} steps of {} run by turns of {turn}", kinds.len(), stage.as_str())
            });
            if let Some(left) = left.get_mut(*step) {
                *left = true;
            }
        }
    }
    if left.contains(&true) {
        timeline.keep_steps(|step| left.get(step) != Some(&true));
    }
}

/// How many steps make a turn of kinds; `None` where all are of one kind, or the first turn does not come again to
/// its last but one step.
///
/// A step that is unlike all others is an odd one and ends no long turn: where it stands must not decide how many of
/// the others count.
fn turn(kinds: &[Kind]) -> Option<usize> {
    if kinds.windows(2).all(|pair| matches!(pair, [a, b] if a == b)) {
        return None;
    }
    let is_odd = |kind: &Kind| kinds.iter().filter(|other| *other == kind).count() < 2;
    let longest = if kinds.iter().any(is_odd) { 2 } else { kinds.len().div_ceil(2) };
    (2..=longest.min(kinds.len().div_ceil(2)))
        .find(|turn| kinds.iter().zip(kinds.iter().skip(*turn)).all(|(a, b)| a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn_of(text: &str) -> Option<usize> {
        turn(
            &text
                .bytes()
                .map(|byte| Kind { anchors: u32::from(byte), ..Kind::default() })
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_turn_is_what_comes_again() {
        assert_eq!(turn_of("ABA"), Some(2));
        assert_eq!(turn_of("BABAB"), Some(2));
        assert_eq!(turn_of("DDDVDDDVDD"), Some(4));
        assert_eq!(turn_of("VDDDVDD"), Some(4));
        for none in ["", "A", "AB", "AAAA", "AAB", "ABAA", "ABCA", "VDDDVD", "AABAA", "AAABAAA", "ABCAB"] {
            assert_eq!(turn_of(none), None, "{none}");
        }
    }
}
