use super::*;
use crate::trace::HealthCode;
use crate::trace::{DeviceId, Names, Ns, StreamId};
use crate::triage::layers::KernelIx;

/// The stages of steps of one norm each; `(tokens, kernel)`. A prefill of 256 tokens and more takes as many times the
/// time of a decode step as it has 256 tokens.
fn told(steps: &[(u32, u32)]) -> Vec<Option<Stage>> {
    let timed: Vec<(u32, u32, i64)> =
        steps.iter().map(|(tokens, kernel)| (*tokens, *kernel, i64::from(tokens / 256).max(1))).collect();
    told_of(&timed, &[])
}

/// The same with the time of each step, and which are replays.
fn told_of(steps: &[(u32, u32, i64)], replayed: &[usize]) -> Vec<Option<Stage>> {
    told_and_unclear(steps, replayed).0
}

/// And how many steps are said to be unlike the others.
fn told_and_unclear(steps: &[(u32, u32, i64)], replayed: &[usize]) -> (Vec<Option<Stage>>, u64) {
    let name = Names::default().intern("7");
    let stream = StreamId { device: DeviceId(name), stream: name };
    let slot = |(grid, kernel, ns): (u32, u32, i64)| Slot {
        kernel: KernelIx(kernel),
        name,
        role: Role::Norm,
        stream,
        start: Ns(0),
        end: Ns(ns),
        grid,
        queued: None,
        index: 0,
    };
    let slots: Vec<Slot> = steps.iter().copied().map(slot).collect();
    let is_replayed = |step: usize| replayed.contains(&step);
    let mut health = Health::default();
    let stages = stages(steps.len(), slots.iter().enumerate(), is_replayed, &BTreeMap::new(), &mut health);
    (stages, health.get(HealthCode::StageUnclear))
}

/// The stages of steps of `(tokens, kernel, time of a layer, layers)`, and how many are said to be cut.
fn told_of_layers(steps: &[(u32, u32, i64, usize)]) -> (Vec<Option<Stage>>, u64) {
    let name = Names::default().intern("7");
    let stream = StreamId { device: DeviceId(name), stream: name };
    let slot = |(grid, kernel, ns, layers): (u32, u32, i64, usize)| {
        let (kernel, end, role) = (KernelIx(kernel), Ns(ns), Role::Norm);
        let norm = Slot { kernel, name, role, stream, start: Ns(0), end, grid, queued: None, index: 0 };
        let attention = Slot { kernel: KernelIx(9), role: Role::Attention, ..norm };
        std::iter::repeat_n([norm, attention], layers).flatten()
    };
    let slots: Vec<(usize, Slot)> = steps
        .iter()
        .enumerate()
        .flat_map(|(step, shape)| slot(*shape).map(move |slot| (step, slot)))
        .collect();
    let mut health = Health::default();
    let slots = slots.iter().map(|(step, slot)| (*step, slot));
    let stages = stages(steps.len(), slots, |_| false, &BTreeMap::new(), &mut health);
    (stages, health.get(HealthCode::StepCut))
}

const P: Option<Stage> = Some(Stage::Prefill);
const D: Option<Stage> = Some(Stage::Decode);

#[test]
fn prefill_is_told_by_its_tokens() {
    assert_eq!(told(&[(4096, 1), (8, 1), (8, 1), (8, 1)]), [P, D, D, D]);
    assert_eq!(told(&[(2048, 1), (1024, 1), (8, 1), (8, 1), (1500, 1), (8, 1)]), [P, P, D, D, P, D]);
}

#[test]
fn a_batch_that_shrinks_is_decode_all_the_same() {
    assert_eq!(told(&[(2048, 1), (8, 1), (7, 1), (5, 1), (2, 1), (1, 1)]), [P, D, D, D, D, D]);
}

#[test]
fn one_kind_of_steps_is_not_told() {
    assert_eq!(told(&[(8, 1); 3]), [None; 3]);
    assert_eq!(told(&[(4096, 1), (2048, 1), (3000, 1)]), [None; 3]);
    assert_eq!(told(&[(0, 1), (0, 1)]), [None; 2]);
}

#[test]
fn a_single_decode_step_needs_a_program_of_its_own() {
    assert_eq!(told(&[(8392, 1), (8, 1)]), [P, None]);
    assert_eq!(told(&[(8392, 1), (8, 2)]), [P, D]);
    assert_eq!(told(&[(8392, 1), (8, 2), (0, 1)]), [P, D, None]);
}

#[test]
fn a_prefill_that_the_window_cuts_is_no_decode_and_no_whole_prefill() {
    let all = Some(Stage::All);
    let layers = |first: usize, last: usize| {
        let mut steps = vec![(2048, 1, 50, first)];
        steps.extend(vec![(8, 1, 10, 16); 3]);
        steps.push((2048, 1, 50, last));
        steps
    };
    assert_eq!(told_of_layers(&layers(8, 16)), ([all, D, D, D, P].to_vec(), 1));
    assert_eq!(told_of_layers(&layers(2, 16)), ([all, D, D, D, P].to_vec(), 1));
    assert_eq!(told_of_layers(&layers(16, 8)), ([P, D, D, D, all].to_vec(), 1));
    assert_eq!(told_of_layers(&layers(16, 16)), ([P, D, D, D, P].to_vec(), 0));
    assert_eq!(told_of_layers(&layers(2, 16)[..4]), ([all, D, D, D].to_vec(), 1));
}

#[test]
fn a_batch_that_shrinks_or_grows_is_no_evidence_of_prefill() {
    // Eight requests, then one, of equal kernels and times; replayed or not.
    let shrinking: Vec<(u32, u32, i64)> = [8, 8, 8, 1, 1, 1].map(|tokens| (tokens, 1, 10)).to_vec();
    assert_eq!(told_of(&shrinking, &[]), [None; 6]);
    assert_eq!(told_of(&shrinking, &[0, 1, 2, 3, 4, 5]), [None; 6]);
    // A large batch that takes longer is replayed as the small one is.
    assert_eq!(told_of(&[(256, 1, 40), (256, 1, 40), (1, 1, 10), (1, 1, 10)], &[0, 1, 2, 3]), [None; 4]);
    assert_eq!(told_of(&[(256, 1, 40), (256, 1, 40), (1, 1, 10), (1, 1, 10)], &[2, 3]), [P, P, D, D]);
}

#[test]
fn steps_of_different_shapes_that_are_not_told_apart_are_said_to_be_there() {
    let unclear = |steps: &[(u32, u32, i64)]| told_and_unclear(steps, &[]);
    // A single step of few tokens: decode, or the last piece of a prompt.
    assert_eq!(unclear(&[(888, 1, 40), (8, 1, 10)]), (vec![P, None], 1));
    assert_eq!(unclear(&[(888, 1, 40), (888, 1, 40), (888, 1, 40), (8, 1, 10)]), (vec![P, P, P, None], 1));
    // Twice the time of a batch with a hundredth of the tokens.
    assert_eq!(unclear(&[(888, 1, 20), (8, 1, 10), (8, 1, 10)]), (vec![None; 3], 1));
    // Equal tokens, or none that show, and other times.
    assert_eq!(unclear(&[(8, 1, 40), (8, 1, 10), (8, 1, 10)]), (vec![None; 3], 1));
    assert_eq!(unclear(&[(0, 1, 20), (0, 1, 10)]), (vec![None; 2], 1));
    assert_eq!(unclear(&[(8, 1, 15), (8, 1, 10), (8, 1, 11)]), (vec![None; 3], 0));
    assert_eq!(unclear(&[(8, 1, 11), (8, 1, 10), (1, 1, 10)]), (vec![None; 3], 0));
}

#[test]
fn both_spaces_of_a_shrinking_batch_behind_a_prefill_are_judged() {
    let steps = [(4096, 1, 90), (8, 1, 10), (8, 1, 10), (1, 1, 10), (1, 1, 10)];
    assert_eq!(told_of(&steps, &[]), [P, D, D, D, D]);
    // The last piece of a prompt is prefill if it shows, and nothing if it does not.
    let pieces = |ns| vec![(8192, 1, 300), (300, 1, ns), (32, 1, 10), (32, 1, 10)];
    assert_eq!(told_of(&pieces(31), &[]), [P, P, D, D]);
    assert_eq!(told_of(&pieces(15), &[]), [P, None, D, D]);
}
