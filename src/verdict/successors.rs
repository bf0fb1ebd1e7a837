//! What took the place of what where no slot of a layer tells: by role, name, count and time.

use std::collections::{BTreeMap, BTreeSet};

use super::sets::{has_count_of, more, succeeds};
use crate::baseline::RowDelta;
use crate::triage::Role;

/// Two ids this alike are variants of one kernel: another type, another layout.
const ALIKE: f64 = 0.8;

/// A kernel takes no more than this many times what its successor takes, nor the other way round.
const MOST_TIMES: f64 = 10.0;

/// Up to this many rows that came, each of them is asked whether it succeeds a row that is gone. Of more, only
/// as many on each side of it: by name, by the name read backwards, and by time. No program changes hundreds of
/// kernels of one role and leaves the rest as it was; where one does, the sum of all is what counts.
const ASKED: usize = 32;

/// Whether the second row may have taken the place of the first.
type Rule<'r> = dyn Fn(&RowDelta, &RowDelta) -> bool + 'r;

/// Finds successors of one role among what came: kernels of like names first, then of the same count, then of any
/// count. What has found its predecessor is nobody else's successor.
///
/// Numbers are positions in `changed`; those of `by_slot` have found each other. Calls `join` with a row that
/// launches less often and its successor.
pub fn guess(changed: &[&RowDelta], by_slot: &BTreeSet<usize>, join: &mut dyn FnMut(usize, usize)) {
    let likeness = |a: &RowDelta, b: &RowDelta| strsim::normalized_levenshtein(&a.kernel, &b.kernel);
    let is_like_in_time = |lost: &RowDelta, other: &RowDelta| {
        let (before, after) = (-lost.price_ns(), other.price_ns());
        before > 0.0 && after > 0.0 && before <= after * MOST_TIMES && after <= before * MOST_TIMES
    };
    let rules: [&Rule<'_>; 3] = [
        &|lost, other| may_be_alike(&lost.kernel, &other.kernel) && likeness(lost, other) >= ALIKE,
        &|lost, other| has_count_of(lost, other) && is_like_in_time(lost, other),
        &is_like_in_time,
    ];
    let came = Came::of(changed, by_slot);
    let mut taken: BTreeSet<usize> = by_slot.clone();
    for (number, rule) in rules.iter().enumerate() {
        let mut found = BTreeSet::new();
        for (at, lost) in changed.iter().enumerate() {
            if more(lost) >= 0.0 || taken.contains(&at) {
                continue;
            }
            let asked = came.near(lost);
            let mut fits: Vec<(usize, &RowDelta)> = asked
                .into_iter()
                .filter(|other| !taken.contains(other))
                .filter_map(|other| Some((other, *changed.get(other)?)))
                .filter(|(_, row)| succeeds(lost, row) && rule(lost, row))
                .collect();
            // Only where no count tells, several may share the place; else it is the most alike of equals.
            if number < 2 && fits.len() > 1 {
                fits.sort_by_cached_key(|(_, row)| std::cmp::Reverse((likeness(lost, row) * 1e9) as u64));
            }
            let most = if number < 2 { 1 } else { fits.len() };
            for (other, _) in fits.into_iter().take(most) {
                join(at, other);
                found.extend([at, other]);
                if number < 2 {
                    taken.extend([at, other]);
                }
            }
        }
        taken.extend(found);
    }
}

/// Names of too unlike a length cannot be alike, which is cheaper to tell.
fn may_be_alike(a: &str, b: &str) -> bool {
    let (short, long) = (a.len().min(b.len()), a.len().max(b.len()));
    short as f64 >= long as f64 * ALIKE || !a.is_ascii() || !b.is_ascii()
}

/// The rows of a role that launch more often, in the three orders in which neighbours are looked for.
#[derive(Default)]
struct OfRole<'d> {
    by_name: Vec<(&'d str, usize)>,
    by_end: Vec<(String, usize)>,
    by_time: Vec<(f64, usize)>,
}

/// What came, by role.
struct Came<'d>(BTreeMap<Role, OfRole<'d>>);

impl<'d> Came<'d> {
    fn of(changed: &[&'d RowDelta], by_slot: &BTreeSet<usize>) -> Self {
        let mut roles: BTreeMap<Role, OfRole<'d>> = BTreeMap::new();
        for (at, row) in changed.iter().enumerate() {
            if more(row) > 0.0 && !by_slot.contains(&at) {
                let of_role = roles.entry(row.role).or_default();
                of_role.by_name.push((&row.kernel, at));
                of_role.by_end.push((backwards(&row.kernel), at));
                of_role.by_time.push((row.price_ns(), at));
            }
        }
        for of_role in roles.values_mut() {
            of_role.by_name.sort_unstable();
            of_role.by_end.sort_unstable();
            of_role.by_time.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        }
        Self(roles)
    }

    /// Positions of the rows that may have taken the place of a row, in order.
    fn near(&self, lost: &RowDelta) -> BTreeSet<usize> {
        let Some(of_role) = self.0.get(&lost.role) else { return BTreeSet::new() };
        if of_role.by_name.len() <= ASKED {
            return of_role.by_name.iter().map(|(_, at)| *at).collect();
        }
        let (name, end, ns) = (lost.kernel.as_str(), backwards(&lost.kernel), -lost.price_ns());
        let by_name = around(&of_role.by_name, of_role.by_name.partition_point(|(one, _)| *one < name));
        let by_end = around(&of_role.by_end, of_role.by_end.partition_point(|(one, _)| *one < end));
        let by_time = around(&of_role.by_time, of_role.by_time.partition_point(|(one, _)| *one < ns));
        by_name.chain(by_end).chain(by_time).collect()
    }
}

fn backwards(name: &str) -> String {
    name.chars().rev().collect()
}

/// The positions next to a place of a sorted list, on both sides of it.
fn around<T>(sorted: &[(T, usize)], at: usize) -> impl Iterator<Item = usize> {
    let end = sorted.len().min(at.saturating_add(ASKED));
    sorted.get(at.saturating_sub(ASKED)..end).into_iter().flatten().map(|(_, at)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{Band, Change, Measure};

    fn row(kernel: String, before: f64, after: f64) -> RowDelta {
        let measure = |launches: f64| Measure { launches, ns: launches * 1e4, ..Measure::default() };
        RowDelta {
            kernel,
            role: Role::Other,
            change: if after > 0.0 { Change::Came } else { Change::Gone },
            before: measure(before),
            after: measure(after),
            band: Band::default(),
            share_before: 0.0,
            instances: 1,
            line: 0,
            name: String::new(),
        }
    }

    /// A name without a word in common with that of another number.
    fn name(number: usize) -> String {
        let mut state = number as u64 + 1;
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + ((state >> 33) % 26) as u8)
        };
        (0..24).map(|_| letter()).collect()
    }

    fn found(rows: &[RowDelta]) -> BTreeSet<(String, String)> {
        let changed: Vec<&RowDelta> = rows.iter().collect();
        let mut found = BTreeSet::new();
        guess(&changed, &BTreeSet::new(), &mut |lost, gained| {
            found.insert((changed[lost].kernel.clone(), changed[gained].kernel.clone()));
        });
        found
    }

    #[test]
    fn among_many_a_renamed_kernel_is_found_by_either_end_of_its_name() {
        for rename in [|name: &str| format!("{name}_v2"), |name: &str| format!("v2_{name}")] {
            let gone = (0..500).map(|at| row(name(at), 1.0, 0.0));
            let came = (0..500).map(|at| row(rename(&name(at)), 0.0, 1.0));
            let found = found(&gone.chain(came).collect::<Vec<_>>());
            assert!((0..500).all(|at| found.contains(&(name(at), rename(&name(at))))));
            assert_eq!(found.len(), 500, "and nothing else took its place");
        }
    }

    #[test]
    fn who_is_asked_does_not_grow_with_what_came() {
        let rows: Vec<RowDelta> = (0..2000).map(|at| row(name(at), 0.0, 1.0)).collect();
        let changed: Vec<&RowDelta> = rows.iter().collect();
        let came = Came::of(&changed, &BTreeSet::new());
        let most = (0..2000).map(|at| came.near(&row(name(at + 2000), 1.0, 0.0)).len()).max();
        assert!(most.is_some_and(|most| most <= 6 * ASKED), "{most:?}");
    }
}
