//! Ladders: separate kernels that stand where one fused kernel could.

use super::parts::PartIx;
use crate::triage::classify::{Class, Role};

/// Copies and other memory kernels that may stand between two rungs.
const MOST_BETWEEN: usize = 2;

/// A kind of kernel that a stream ran: one for each kernel id.
#[derive(Debug)]
pub struct Kind<'t> {
    /// Kernel id.
    pub id: &'t str,
    /// For each part of the catalog, whether it is one of its kind.
    pub parts: Vec<bool>,
    /// Whether it only moves memory, and may stand between two rungs.
    pub is_memory: bool,
    /// Whether it normalises.
    pub is_norm: bool,
    /// Whether it is a kernel beside which a launch costs little: a matrix product, attention, an exchange.
    pub is_heavy: bool,
    /// Whether it reads and writes element by element, so that a neighbour could take its work along.
    pub is_light: bool,
}

impl<'t> Kind<'t> {
    /// Of a class, with the parts that it is of.
    pub fn new(class: &'t Class, parts: Vec<bool>) -> Self {
        Self {
            id: &class.id,
            parts,
            is_memory: class.role == Role::Memory,
            is_norm: class.role == Role::Norm,
            is_heavy: matches!(
                class.role,
                Role::Gemm
                    | Role::Moe
                    | Role::Attention
                    | Role::LinearAttention
                    | Role::Conv
                    | Role::Communication
            ),
            is_light: matches!(
                class.role,
                Role::Norm
                    | Role::Rope
                    | Role::Activation
                    | Role::Quantize
                    | Role::KvCache
                    | Role::Elementwise
                    | Role::Memory
            ),
        }
    }
}

impl Kind<'_> {
    /// Whether it is of a part's kind.
    pub fn is(&self, part: PartIx) -> bool {
        self.parts.get(part.0).copied().unwrap_or(false)
    }

    /// Whether it is of one of these parts' kinds.
    pub fn is_any(&self, parts: &[PartIx]) -> bool {
        parts.iter().any(|part| self.is(*part))
    }
}

/// What makes a stretch of a stream a ladder.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'c> {
    /// The forms, each a list of rungs; where several fit, the one with most rungs counts.
    pub ladders: &'c [Vec<PartIx>],
    /// What must run before the first rung; anything may when empty.
    pub after: &'c [PartIx],
    /// Kernels that are the fused path itself, and never a rung.
    pub on: &'c [PartIx],
    /// Kernels that may stand between two rungs, as copies may, and stay when the rungs become one.
    pub between: &'c [PartIx],
}

/// The ladders in what one stream ran in one step, as ranges of positions, none inside another.
pub fn climb(sequence: &[&Kind<'_>], shape: Shape<'_>) -> Vec<std::ops::Range<usize>> {
    climb_from(sequence, 0..sequence.len(), shape)
}

/// The same, where only some positions, in order, are worth a look.
pub fn climb_from(
    sequence: &[&Kind<'_>],
    candidates: impl IntoIterator<Item = usize>,
    shape: Shape<'_>,
) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut rungs = Vec::new();
    let mut free = 0;
    for at in candidates {
        if at < free {
            continue;
        }
        let ladders = shape.ladders.iter();
        let best = ladders
            .filter_map(|ladder| Some((ladder.len(), end_of(sequence, at, ladder, shape, &mut rungs)?)))
            .max_by_key(|(rungs, end)| (*rungs, std::cmp::Reverse(*end)));
        if let Some((_, end)) = best
            && follows(sequence, at, shape.after)
        {
            found.push(at..end);
            free = end;
        }
    }
    found
}

/// One past the last rung of a ladder whose first rung stands at a position. `rungs` only lends its memory.
fn end_of<'k>(
    sequence: &[&'k Kind<'_>],
    start: usize,
    ladder: &[PartIx],
    shape: Shape<'_>,
    rungs: &mut Vec<(PartIx, &'k str)>,
) -> Option<usize> {
    let mut at = start;
    rungs.clear();
    for part in ladder {
        let mut between = 0;
        loop {
            let kind = sequence.get(at)?;
            at += 1;
            if is_rung(kind, *part, rungs, shape.on) {
                rungs.push((*part, kind.id));
                break;
            }
            between += 1;
            let may_stand = kind.is_memory || kind.is_any(shape.between);
            if rungs.is_empty() || !may_stand || between > MOST_BETWEEN {
                return None;
            }
        }
    }
    Some(at)
}

/// One kernel that fits two rungs is no proof of either: they must differ, unless the ladder names one part twice.
fn is_rung(kind: &Kind<'_>, part: PartIx, below: &[(PartIx, &str)], on: &[PartIx]) -> bool {
    kind.is(part) && !kind.is_any(on) && below.iter().all(|(other, id)| *other == part || *id != kind.id)
}

fn follows(sequence: &[&Kind<'_>], start: usize, after: &[PartIx]) -> bool {
    if after.is_empty() {
        return true;
    }
    let before = sequence.get(..start).unwrap_or_default().iter().rev();
    before.take(MOST_BETWEEN + 1).find(|kind| !kind.is_memory).is_some_and(|kind| kind.is_any(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PartIx = PartIx(0);
    const B: PartIx = PartIx(1);

    fn kinds() -> [Kind<'static>; 5] {
        let kind = |id, parts: [bool; 2], is_memory| Kind {
            id,
            parts: parts.to_vec(),
            is_memory,
            is_norm: false,
            is_heavy: false,
            is_light: true,
        };
        [
            kind("a", [true, false], false),
            kind("b", [false, true], false),
            kind("both", [true, true], false),
            kind("copy", [false, false], true),
            kind("other", [false, false], false),
        ]
    }

    /// First position and one past the last of each ladder.
    fn found(sequence: &[&Kind<'_>], shape: Shape<'_>) -> Vec<(usize, usize)> {
        climb(sequence, shape).into_iter().map(|range| (range.start, range.end)).collect()
    }

    /// Ladders in a sequence of letters: `a`, `b`, `x` for both, `c` for a copy, `o` for anything else.
    fn ladders(text: &str, forms: &[&[PartIx]]) -> Vec<(usize, usize)> {
        let kinds = kinds();
        let sequence: Vec<&Kind<'_>> =
            text.chars().map(|c| &kinds["abxco".find(c).expect("a known letter")]).collect();
        let forms: Vec<Vec<PartIx>> = forms.iter().map(|form| form.to_vec()).collect();
        found(&sequence, Shape { ladders: &forms, after: &[], on: &[], between: &[] })
    }

    #[test]
    fn rungs_stand_in_order_and_one_after_the_other() {
        assert_eq!(ladders("oabo", &[&[A, B]]), [(1, 3)]);
        assert_eq!(ladders("ba", &[&[A, B]]), []);
        assert_eq!(ladders("aob", &[&[A, B]]), []);
        assert_eq!(ladders("a", &[&[A, B]]), []);
        assert_eq!(ladders("ababab", &[&[A, B]]), [(0, 2), (2, 4), (4, 6)]);
    }

    #[test]
    fn two_copies_may_stand_between_and_three_may_not() {
        assert_eq!(ladders("acb", &[&[A, B]]), [(0, 3)]);
        assert_eq!(ladders("accb", &[&[A, B]]), [(0, 4)]);
        assert_eq!(ladders("acccb", &[&[A, B]]), []);
        assert_eq!(ladders("accbccb", &[&[A, B, B]]), [(0, 7)], "two between each pair");
        assert_eq!(ladders("cab", &[&[A, B]]), [(1, 3)], "a copy in front is no part of it");
    }

    #[test]
    fn what_stays_may_stand_between_and_is_no_start() {
        let kinds = kinds();
        let [a, b, _, copy, other] = &kinds;
        let forms = [vec![A, A]];
        let shape = Shape { ladders: &forms, after: &[], on: &[], between: &[B] };
        assert_eq!(found(&[a, b, a], shape), [(0, 3)]);
        assert_eq!(found(&[a, b, copy, a], shape), [(0, 4)]);
        assert_eq!(found(&[a, b, b, b, a], shape), [], "two of them at most");
        assert_eq!(found(&[a, other, a], shape), []);
        assert_eq!(found(&[b, a, a], shape), [(1, 3)]);
    }

    #[test]
    fn one_kernel_that_fits_every_rung_is_no_ladder() {
        assert_eq!(ladders("x", &[&[A, B]]), []);
        assert_eq!(ladders("xx", &[&[A, B]]), []);
        assert_eq!(ladders("ax", &[&[A, B]]), [(0, 2)]);
        assert_eq!(ladders("aa", &[&[A, A]]), [(0, 2)], "one part, named twice");
    }

    #[test]
    fn the_form_with_most_rungs_counts() {
        assert_eq!(ladders("abb", &[&[A, B], &[A, B, B]]), [(0, 3)]);
        assert_eq!(ladders("abo", &[&[A, B], &[A, B, B]]), [(0, 2)]);
    }

    #[test]
    fn what_must_run_before_may_be_a_copy_or_two_away() {
        let kinds = kinds();
        let [a, b, _, copy, other] = &kinds;
        let forms = [vec![A]];
        let shape = Shape { ladders: &forms, after: &[B], on: &[], between: &[] };
        assert_eq!(found(&[b, a], shape), [(1, 2)]);
        assert_eq!(found(&[b, copy, copy, a], shape), [(3, 4)]);
        assert_eq!(found(&[b, copy, copy, copy, a], shape), []);
        assert_eq!(found(&[b, other, a], shape), []);
        assert_eq!(found(&[a], shape), []);
    }

    #[test]
    fn the_fused_kernel_is_no_rung_of_its_own_path() {
        let kinds = kinds();
        let [a, b, both, ..] = &kinds;
        let forms = [vec![A, B]];
        assert_eq!(found(&[both, b], Shape { ladders: &forms, after: &[], on: &[], between: &[] }), [(0, 2)]);
        assert_eq!(found(&[a, b], Shape { ladders: &forms, after: &[], on: &[A], between: &[] }), []);
    }
}
