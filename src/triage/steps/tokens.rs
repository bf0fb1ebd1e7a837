//! Prefill told from decode by the tokens that a step runs over.
//!
//! The launch grid of a norm stands for the tokens of the step. Decode has a token or a few for each request,
//! prefill hundreds for one; so the steps of a capture fall into two groups with a wide space between them.

use std::collections::BTreeSet;

use crate::triage::classify::Role;
use crate::triage::layers::Slot;
use crate::triage::stage::Stage;

/// The smallest prefill has at least this many times the tokens of the largest decode.
const PREFILL_TO_DECODE: u32 = 4;

/// What a step shows of its tokens and its program.
#[derive(Debug, Clone, Default)]
struct Shown {
    grids: Vec<i64>,
    kernels: BTreeSet<u32>,
}

/// The stage of each of `count` steps, given all slots with their step; `None` where nothing tells it.
///
/// The widest space between the tokens of two steps parts decode from prefill, when it is wide enough. Decode
/// is claimed of two steps or more, or of one that also runs other kernels than every prefill.
pub(super) fn stages<'s>(
    count: usize,
    slots: impl IntoIterator<Item = (usize, &'s Slot)>,
) -> Vec<Option<Stage>> {
    let mut steps: Vec<Shown> = vec![Shown::default(); count];
    for (step, slot) in slots {
        let Some(shown) = steps.get_mut(step) else { continue };
        shown.kernels.insert(slot.kernel.0);
        if slot.role == Role::Norm && slot.grid > 0 {
            shown.grids.push(i64::from(slot.grid));
        }
    }
    let tokens: Vec<u32> = steps
        .iter_mut()
        .map(|shown| u32::try_from(crate::triage::median(&mut shown.grids)).unwrap_or(0))
        .collect();
    let Some(least) = least_of_prefill(&tokens) else { return vec![None; count] };
    let is_decode = |tokens: u32| tokens > 0 && tokens < least;
    let stages: Vec<Option<Stage>> = tokens
        .iter()
        .map(|tokens| match *tokens {
            0 => None,
            tokens if is_decode(tokens) => Some(Stage::Decode),
            _ => Some(Stage::Prefill),
        })
        .collect();
    let of = |stage: Stage| {
        steps.iter().zip(&stages).filter(move |(_, of)| **of == Some(stage)).map(|(shown, _)| &shown.kernels)
    };
    let is_other_program =
        || of(Stage::Decode).all(|decode| of(Stage::Prefill).all(|prefill| prefill != decode));
    if of(Stage::Decode).count() > 1 || is_other_program() { stages } else { vec![None; count] }
}

/// The tokens of the smallest prefill: above the widest space, measured as a multiple.
fn least_of_prefill(tokens: &[u32]) -> Option<u32> {
    let distinct: Vec<u32> =
        tokens.iter().copied().filter(|tokens| *tokens > 0).collect::<BTreeSet<_>>().into_iter().collect();
    distinct
        .windows(2)
        .filter_map(|pair| match pair {
            [below, above] if *above >= below.saturating_mul(PREFILL_TO_DECODE) => Some((*below, *above)),
            _ => None,
        })
        // a/b > c/d is a·d > c·b; ties to the larger.
        .max_by(|(b, a), (d, c)| (u64::from(*a) * u64::from(*d)).cmp(&(u64::from(*c) * u64::from(*b))))
        .map(|(_, above)| above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{DeviceId, Names, Ns, StreamId};
    use crate::triage::layers::KernelIx;

    /// The stages of steps of one norm each; `(tokens, kernel)`.
    fn told(steps: &[(u32, u32)]) -> Vec<Option<Stage>> {
        let name = Names::default().intern("7");
        let stream = StreamId { device: DeviceId(name), stream: name };
        let slot = |(grid, kernel): (u32, u32)| Slot {
            kernel: KernelIx(kernel),
            name,
            role: Role::Norm,
            stream,
            start: Ns(0),
            end: Ns(1),
            grid,
            queued: None,
            index: 0,
        };
        let slots: Vec<Slot> = steps.iter().copied().map(slot).collect();
        stages(steps.len(), slots.iter().enumerate())
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
        assert_eq!(told(&[(8392, 1), (8, 1)]), [None; 2]);
        assert_eq!(told(&[(8392, 1), (8, 2)]), [P, D]);
        assert_eq!(told(&[(8392, 1), (8, 2), (0, 1)]), [P, D, None]);
    }
}
