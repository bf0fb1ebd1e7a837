//! Changed kernels put together into sets: what took the place of what, and what each such change costs.
//!
//! A slot of the layer tells most. Where no layer shows the place, the role and the count do, as far as they
//! can; what finds no partner is a set of its own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::price::is_structural;
use super::successors;
use crate::baseline::{Change, RowDelta, StageDelta};
use crate::common::text::{launches, signed_time, time, times};

/// Pairs of kernel ids: the second runs in a slot of the layer in which the first one ran.
pub type Links = BTreeSet<(String, String)>;

/// Rows that changed together, the largest change of time first.
#[derive(Debug, Clone, PartialEq)]
pub struct Set<'d> {
    /// At least one.
    pub rows: Vec<&'d RowDelta>,
    /// Whether a slot of the layer put them together.
    pub is_by_slot: bool,
}

impl<'d> Set<'d> {
    /// Added nanoseconds of a step, after minus before.
    pub fn price_ns(&self) -> f64 {
        self.rows.iter().map(|row| row.price_ns()).sum()
    }

    /// Rows that launch less often, the one that lost most time first.
    pub fn lost(&self) -> Vec<&'d RowDelta> {
        let mut rows: Vec<&RowDelta> = self.rows.iter().copied().filter(|row| more(row) < 0.0).collect();
        rows.sort_by(|a, b| a.price_ns().total_cmp(&b.price_ns()).then_with(|| a.kernel.cmp(&b.kernel)));
        rows
    }

    /// Rows that launch more often: those of the lost kernel's role first, the dearest first.
    pub fn gained(&self) -> Vec<&'d RowDelta> {
        let role = self.lost().first().map(|row| row.role);
        let mut rows: Vec<&RowDelta> = self.rows.iter().copied().filter(|row| more(row) > 0.0).collect();
        rows.sort_by(|a, b| {
            (Some(a.role) != role)
                .cmp(&(Some(b.role) != role))
                .then_with(|| b.price_ns().total_cmp(&a.price_ns()))
                .then_with(|| a.kernel.cmp(&b.kernel))
        });
        rows
    }

    /// The row that a finding about the set is about: what was lost, else what came.
    pub fn subject(&self) -> Option<&'d RowDelta> {
        self.lost().first().or(self.rows.first()).copied()
    }

    /// What happened, in words, and how many of the set's rows the words name.
    pub fn in_words(&self) -> (String, usize) {
        let (lost, gained) = (self.lost(), self.gained());
        let Some(first) = lost.first() else {
            return match self.rows.first() {
                Some(row) => (alone(row), 1),
                None => (String::new(), 0),
            };
        };
        let came: Vec<String> = gained.iter().take(3).map(|row| gain(row)).collect();
        let what = if first.change == Change::Gone {
            format!(
                "`{}` ({} a step, {}) is gone",
                first.kernel,
                launches(first.before.launches),
                time(first.before.ns)
            )
        } else {
            alone(first)
        };
        if came.is_empty() {
            (what, 1)
        } else {
            (format!("{what}, {} in its place", came.join(" and ")), 1 + came.len())
        }
    }
}

/// The rows of sets, in the order of the stage: the largest change of time first.
pub fn rows<'d>(delta: &'d StageDelta, sets: &[Set<'d>]) -> Vec<&'d RowDelta> {
    let ids: BTreeSet<&str> = sets.iter().flat_map(|set| &set.rows).map(|row| row.kernel.as_str()).collect();
    delta.rows.iter().filter(|row| ids.contains(row.kernel.as_str())).collect()
}

/// How many launches of a step a row has more than before.
pub fn more(row: &RowDelta) -> f64 {
    row.after.launches - row.before.launches
}

fn gain(row: &RowDelta) -> String {
    if row.change == Change::Came {
        return format!("`{}` ({} a step, {})", row.kernel, launches(row.after.launches), time(row.after.ns));
    }
    format!("`{}` ({} a step more, {})", row.kernel, launches(more(row)), signed_time(row.price_ns()))
}

fn alone(row: &RowDelta) -> String {
    let side =
        |launches_: f64, ns: f64| format!("`{}` ({} a step, {})", row.kernel, launches(launches_), time(ns));
    match row.change {
        Change::Gone => format!("{} is gone", side(row.before.launches, row.before.ns)),
        Change::Came => format!("{} came", side(row.after.launches, row.after.ns)),
        Change::Count | Change::Same => format!(
            "`{}` runs {} a step instead of {}",
            row.kernel,
            times(row.after.launches),
            launches(row.before.launches)
        ),
    }
}

/// Puts the changed rows of a stage into sets, the largest price first, whichever its sign.
pub fn sets<'d>(delta: &'d StageDelta, links: &Links) -> Vec<Set<'d>> {
    let changed: Vec<&RowDelta> = delta.rows.iter().filter(|row| is_structural(row)).collect();
    let positions: BTreeMap<&str, usize> =
        changed.iter().enumerate().map(|(at, row)| (row.kernel.as_str(), at)).collect();
    let mut joined = Joined::new(changed.len());
    let mut by_slot = BTreeSet::new();
    for (lost, gained) in links {
        if let (Some(lost), Some(gained)) = (positions.get(lost.as_str()), positions.get(gained.as_str())) {
            joined.join(*lost, *gained);
            by_slot.extend([*lost, *gained]);
        }
    }
    successors::guess(&changed, &by_slot, &mut |lost, gained| joined.join(lost, gained));
    let mut sets: Vec<Set<'d>> = Vec::new();
    let mut of_root: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, row) in changed.iter().enumerate() {
        let is_by_slot = by_slot.contains(&at);
        let number = *of_root.entry(joined.root(at)).or_insert(sets.len());
        match sets.get_mut(number) {
            Some(set) => {
                set.rows.push(row);
                set.is_by_slot |= is_by_slot;
            }
            None => sets.push(Set { rows: vec![row], is_by_slot }),
        }
    }
    // The rows are sorted already, so equal prices keep the order of their first rows.
    sets.sort_by_key(|set| Reverse(set.price_ns().abs().round() as i64));
    sets
}

/// Sets of numbers, joined step by step.
struct Joined {
    parent: Vec<usize>,
}

impl Joined {
    fn new(count: usize) -> Self {
        Self { parent: (0..count).collect() }
    }

    /// The smallest number of the set; what lies on the way to it points nearer to it from then on.
    fn root(&mut self, mut at: usize) -> usize {
        while let Some(parent) = self.parent.get(at).copied().filter(|parent| *parent != at) {
            let above = self.parent.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parent.get_mut(at) {
                *slot = above;
            }
            at = above;
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(parent) = self.parent.get_mut(a.max(b)) {
            *parent = a.min(b);
        }
    }
}

/// Whether a row launches more often by as many launches as another lost, within 2 %.
pub(super) fn has_count_of(lost: &RowDelta, other: &RowDelta) -> bool {
    (more(other) + more(lost)).abs() <= -more(lost) * 0.02
}

/// Whether a row may have taken the place of one that runs less often, by role or count.
pub fn succeeds(lost: &RowDelta, other: &RowDelta) -> bool {
    let is_more = is_structural(other) && more(other) > 0.0;
    // One more launch of some kernel of the role did not take the place of sixty.
    let same_role = other.role == lost.role
        && (more(other) * 2.0 >= -more(lost) || other.price_ns() * 4.0 >= -lost.price_ns());
    is_more && (same_role || has_count_of(lost, other))
}
