//! Which slot of a layer took the place of which: two sequences of kernels, slot by slot.
//!
//! Names count least. What a kernel does, what runs before and after it, and on which stream decide; so a
//! kernel that a build renamed, or for which autotuning chose another, is the same role with a new
//! implementation, and neither missing nor new. It is the alignment of Needleman and Wunsch: the way through
//! both sequences, in order, with the highest score.

use crate::triage::Role;

/// One kernel of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot<'a> {
    /// Kernel id.
    pub kernel: &'a str,
    /// What it does.
    pub role: Role,
    /// Whether the other side runs this id anywhere. What still runs was not replaced.
    pub is_shared: bool,
    /// How often its side runs this id in all layers.
    pub count: u64,
}

/// One step of the way through both sequences; numbers are positions before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// The same kernel.
    Same(usize, usize),
    /// Another kernel in the same place.
    Instead(usize, usize),
    /// Nothing stands there any more.
    Gone(usize),
    /// Nothing stood there before.
    Came(usize),
}

/// An alignment and how well it fits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alignment {
    /// In order of both sequences.
    pub pairs: Vec<Pair>,
    /// Higher is more alike. Comparable between alignments of the same sequence with others.
    pub score: i64,
}

/// Cells of the table that one alignment may take. A layer has some hundred kernels; beyond this, the two
/// sequences are no layers, and are not aligned.
const MOST_CELLS: usize = 4_000_000;

const SAME: i64 = 6;
/// Same role, and neither of the two runs on the other side: a new implementation.
const SUCCESSOR: i64 = 3;
/// Same role, though one of the two still runs elsewhere.
const SAME_ROLE: i64 = 1;
/// Nobody knows what one of the two does, and neither runs on the other side: place and number speak for a pair.
const UNKNOWN: i64 = 2;
/// Another role, and both are new.
const STRANGER: i64 = -1;
/// Another role, and one of the two still runs elsewhere: worse than one gone and one come.
const UNLIKE: i64 = -5;
const GAP: i64 = -2;

fn score(before: &Slot<'_>, after: &Slot<'_>) -> i64 {
    let is_new = !before.is_shared && !after.is_shared;
    match (before.kernel == after.kernel, before.role == after.role, is_new) {
        (true, _, _) => SAME,
        (false, true, true) => SUCCESSOR,
        (false, true, false) => SAME_ROLE,
        (false, false, true) if is_unknown(before.role, after.role) && before.count == after.count => UNKNOWN,
        (false, false, true) => STRANGER,
        (false, false, false) => UNLIKE,
    }
}

/// Whether a pair may be of one role because the role of one of them is not known.
pub fn is_unknown(before: Role, after: Role) -> bool {
    (before == Role::Other) != (after == Role::Other)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    Both,
    Before,
    After,
}

/// Aligns two sequences; `None` when they are too long for it.
///
/// Ties prefer a pair over a gap, and a loss before a gain, so that the answer is always the same.
pub fn align(before: &[Slot<'_>], after: &[Slot<'_>]) -> Option<Alignment> {
    let head = before.iter().zip(after).take_while(|(b, a)| b.kernel == a.kernel).count();
    let (old, new) = (before.get(head..)?, after.get(head..)?);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(b, a)| b.kernel == a.kernel).count();
    let (old, new) = (old.get(..old.len() - tail)?, new.get(..new.len() - tail)?);
    let width = new.len() + 1;
    if (old.len() + 1).checked_mul(width)? > MOST_CELLS {
        return None;
    }
    let mut way = vec![Came::After; (old.len() + 1) * width];
    let mut above: Vec<i64> = (0..width).map(|column| GAP * column as i64).collect();
    for (row, slot) in old.iter().enumerate() {
        let mut line = vec![GAP * (row as i64 + 1)];
        if let Some(cell) = way.get_mut((row + 1) * width) {
            *cell = Came::Before;
        }
        for (column, other) in new.iter().enumerate() {
            let both = above.get(column)? + score(slot, other);
            let gone = above.get(column + 1)? + GAP;
            let came = line.get(column)? + GAP;
            let (best, from) = if both >= gone && both >= came {
                (both, Came::Both)
            } else if came >= gone {
                // Walked from the end: a gain that is met first stands behind the loss.
                (came, Came::After)
            } else {
                (gone, Came::Before)
            };
            line.push(best);
            *way.get_mut((row + 1) * width + column + 1)? = from;
        }
        above = line;
    }
    let score = above.last()? + SAME * (head + tail) as i64;
    let (mut row, mut column) = (old.len(), new.len());
    let mut middle = Vec::new();
    while row > 0 || column > 0 {
        match way.get(row * width + column)? {
            Came::Both => {
                (row, column) = (row - 1, column - 1);
                let is_same = old.get(row)?.kernel == new.get(column)?.kernel;
                let (b, a) = (head + row, head + column);
                middle.push(if is_same { Pair::Same(b, a) } else { Pair::Instead(b, a) });
            }
            Came::Before => {
                row -= 1;
                middle.push(Pair::Gone(head + row));
            }
            Came::After => {
                column -= 1;
                middle.push(Pair::Came(head + column));
            }
        }
    }
    let mut pairs: Vec<Pair> = (0..head).map(|at| Pair::Same(at, at)).collect();
    pairs.extend(middle.into_iter().rev());
    let (b, a) = (head + old.len(), head + new.len());
    pairs.extend((0..tail).map(|at| Pair::Same(b + at, a + at)));
    Some(Alignment { pairs, score })
}

/// Kernels that changed in one place: positions before and after.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exchange {
    /// What ran before.
    pub gone: Vec<usize>,
    /// What runs now.
    pub came: Vec<usize>,
}

/// The places of an alignment in which something changed.
///
/// Between two kernels that stayed, each pair of one role begins a place of its own; what came or went beside it
/// belongs to the pair before it, else to the one behind: a fused kernel that became three is one place.
pub fn exchanges(alignment: &Alignment, before: &[Slot<'_>], after: &[Slot<'_>]) -> Vec<Exchange> {
    let mut places: Vec<Exchange> = Vec::new();
    let mut open: Option<(Exchange, bool)> = None;
    for pair in &alignment.pairs {
        match *pair {
            Pair::Same(..) => places.extend(open.take().map(|(place, _)| place)),
            Pair::Instead(b, a) => {
                let is_role = before.get(b).zip(after.get(a)).is_some_and(|(b, a)| {
                    b.role == a.role || (!b.is_shared && !a.is_shared && is_unknown(b.role, a.role))
                });
                if open.as_ref().is_some_and(|(_, has_pair)| *has_pair && is_role) {
                    places.extend(open.take().map(|(place, _)| place));
                }
                let (place, has_pair) = open.get_or_insert_with(Default::default);
                place.gone.push(b);
                place.came.push(a);
                *has_pair |= is_role;
            }
            Pair::Gone(b) => open.get_or_insert_with(Default::default).0.gone.push(b),
            Pair::Came(a) => open.get_or_insert_with(Default::default).0.came.push(a),
        }
    }
    places.extend(open.map(|(place, _)| place));
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Slots of a text such as `qkv:gemm norm:norm`.
    fn slots<'a>(text: &'a str, other: &str) -> Vec<Slot<'a>> {
        let id = |word: &str| word.split(':').next().unwrap().to_owned();
        text.split_whitespace()
            .map(|word| {
                let (kernel, role) = word.split_once(':').unwrap();
                let role = serde_json::from_value(role.into()).unwrap();
                Slot {
                    kernel,
                    role,
                    is_shared: other.split_whitespace().any(|word| id(word) == kernel),
                    count: 1,
                }
            })
            .collect()
    }

    /// The exchanges, as `gone>came`.
    fn changed(before: &str, after: &str) -> Vec<String> {
        let (b, a) = (slots(before, after), slots(after, before));
        let alignment = align(&b, &a).unwrap();
        exchanges(&alignment, &b, &a)
            .iter()
            .map(|place| {
                let gone: Vec<&str> = place.gone.iter().map(|at| b[*at].kernel).collect();
                let came: Vec<&str> = place.came.iter().map(|at| a[*at].kernel).collect();
                format!("{}>{}", gone.join("+"), came.join("+"))
            })
            .collect()
    }

    const LAYER: &str = "norm:norm qkv:gemm qk:norm rope:rope att:attention o:gemm norm:norm up:moe down:moe";

    #[test]
    fn a_renamed_kernel_is_the_same_role_with_a_new_implementation() {
        assert_eq!(changed(LAYER, &LAYER.replace("att:", "fa4:")), ["att>fa4"]);
        assert_eq!(changed(LAYER, &LAYER.replace("qkv:", "x:").replace("down:", "y:")), ["qkv>x", "down>y"]);
    }

    #[test]
    fn with_all_names_hidden_each_slot_finds_its_successor() {
        let hidden = "a:norm b:gemm c:norm d:rope e:attention f:gemm a:norm g:moe h:moe";
        let want = ["norm>a", "qkv>b", "qk>c", "rope>d", "att>e", "o>f", "norm>a", "up>g", "down>h"];
        assert_eq!(changed(LAYER, hidden), want);
        // One slot less and one more besides: the others stay where they are.
        let hidden = "a:norm b:gemm e:attention q:quantize f:gemm a:norm g:moe h:moe";
        let got = changed(LAYER, hidden);
        for place in ["qkv", "att", "o", "up", "down"].iter().zip(["b", "e", "f", "g", "h"]) {
            let is_pair = |one: &String| {
                let (gone, came) = one.split_once('>').unwrap();
                gone.split('+').any(|id| id == *place.0) && came.split('+').any(|id| id == place.1)
            };
            assert!(got.iter().any(is_pair), "{place:?} in {got:?}");
        }
    }

    #[test]
    fn a_fused_kernel_that_became_three_is_one_place() {
        let after = LAYER.replace("qk:norm rope:rope", "q:norm k:norm rotary:rope");
        assert_eq!(changed(LAYER, &after), ["qk>q+k", "rope>rotary"]);
        let fused = LAYER.replace("qk:norm rope:rope", "qknorm_rope:norm");
        assert_eq!(changed(&fused, LAYER), ["qknorm_rope>qk+rope"]);
    }

    #[test]
    fn what_still_runs_elsewhere_was_not_replaced() {
        // The second norm is gone; the first one stands where it stood.
        let after = "norm:norm qkv:gemm qk:norm rope:rope att:attention o:gemm up:moe down:moe";
        assert_eq!(changed(LAYER, after), ["norm>"]);
        assert_eq!(changed(after, LAYER), [">norm"]);
    }

    #[test]
    fn a_sequence_without_end_is_not_aligned() {
        let many = |kernel| vec![Slot { kernel, role: Role::Gemm, is_shared: false, count: 1 }; 3000];
        assert_eq!(align(&many("a"), &many("b")), None);
        assert!(align(&many("a"), &many("a")).is_some());
    }

    fn view(slots: &[(String, Role, bool)]) -> Vec<Slot<'_>> {
        slots.iter().map(|one| Slot { kernel: &one.0, role: one.1, is_shared: one.2, count: 1 }).collect()
    }

    proptest! {
        /// Kernels that are renamed one by one, whichever they are, are found again in their slots.
        #[test]
        fn renames_are_found_again(names in prop::collection::vec(0..12_usize, 2..40), mask in any::<u16>()) {
            let roles = Role::ALL;
            let role = |n: usize| roles[n % roles.len()];
            let old: Vec<String> = names.iter().map(|n| format!("k{n}")).collect();
            let is_renamed = |n: usize| mask >> n & 1 == 1;
            let new: Vec<String> =
                names.iter().map(|n| format!("{}{n}", if is_renamed(*n) { "x" } else { "k" })).collect();
            let slot = |id: &String, n: usize| (id.clone(), role(n), !is_renamed(n));
            let b: Vec<_> = old.iter().zip(&names).map(|(id, n)| slot(id, *n)).collect();
            let a: Vec<_> = new.iter().zip(&names).map(|(id, n)| slot(id, *n)).collect();
            for (at, pair) in align(&view(&b), &view(&a)).unwrap().pairs.iter().enumerate() {
                let want = if is_renamed(names[at]) { Pair::Instead(at, at) } else { Pair::Same(at, at) };
                prop_assert_eq!(*pair, want);
            }
        }

        /// Every slot of both sides is named once, in order.
        #[test]
        fn nothing_is_lost(b in prop::collection::vec(0..6_u8, 0..20), a in prop::collection::vec(0..6_u8, 0..20)) {
            let names = ["a", "b", "c", "d", "e", "f"];
            let side = |own: &[u8], other: &[u8]| -> Vec<Slot<'static>> {
                own.iter().map(|n| Slot {
                    kernel: names[usize::from(*n)],
                    role: Role::ALL[usize::from(*n) % 3],
                    is_shared: other.contains(n),
                    count: 1,
                }).collect()
            };
            let (before, after) = (side(&b, &a), side(&a, &b));
            let pairs = align(&before, &after).unwrap().pairs;
            let gone: Vec<usize> = pairs.iter().filter_map(|pair| match pair {
                Pair::Same(b, _) | Pair::Instead(b, _) | Pair::Gone(b) => Some(*b),
                Pair::Came(_) => None,
            }).collect();
            let came: Vec<usize> = pairs.iter().filter_map(|pair| match pair {
                Pair::Same(_, a) | Pair::Instead(_, a) | Pair::Came(a) => Some(*a),
                Pair::Gone(_) => None,
            }).collect();
            prop_assert_eq!(gone, (0..b.len()).collect::<Vec<_>>());
            prop_assert_eq!(came, (0..a.len()).collect::<Vec<_>>());
        }
    }
}
