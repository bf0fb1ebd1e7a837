//! Which launches of a kernel take longer than most of them, at the same places of a step.

use std::collections::BTreeMap;

/// A launch that takes so many times the median, over two, is slow: a quarter longer.
const SLOW_QUARTERS: i64 = 5;

/// More places than this are no exception.
const MOST: usize = 64;

/// Numbers of launches within a step, from 1, that take a quarter longer than the median in at least half of the
/// steps; empty where steps differ in their number of launches, or where more than half of the launches are slow.
///
/// `instances` are nanoseconds in order of steps; `by_step` has the launches of each, which run on one stream.
pub fn places(instances: &[i64], by_step: &[(usize, u64)], median_ns: i64) -> Vec<u64> {
    let Some(launches) = by_step.first().map(|(_, count)| *count) else { return Vec::new() };
    let is_even = by_step.iter().all(|(_, count)| *count == launches);
    let is_in_order = by_step.windows(2).all(|pair| matches!(pair, [a, b] if a.0 < b.0));
    let Some(length) = usize::try_from(launches).ok().filter(|length| *length > 0) else { return Vec::new() };
    if !is_even || !is_in_order || median_ns <= 0 {
        return Vec::new();
    }
    let mut times: BTreeMap<u64, usize> = BTreeMap::new();
    for step in instances.chunks(length) {
        for (number, ns) in (1..).zip(step) {
            if ns.saturating_mul(4) >= median_ns.saturating_mul(SLOW_QUARTERS) {
                *times.entry(number).or_default() += 1;
            }
        }
    }
    let often = times.into_iter().filter(|(_, times)| times * 2 >= by_step.len());
    let slow: Vec<u64> = often.map(|(number, _)| number).collect();
    if slow.len() > MOST || slow.len() * 2 > length { Vec::new() } else { slow }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launches_that_are_slow_in_most_steps_are_told_by_their_number() {
        let steps = [(0, 4), (1, 4), (3, 4)];
        let even = [10, 10, 10, 10].repeat(3);
        assert_eq!(places(&even, &steps, 10), Vec::<u64>::new());
        let some = [[10, 40, 11, 13], [10, 41, 10, 10], [99, 39, 10, 10]].concat();
        assert_eq!(places(&some, &steps, 10), [2]);
        assert_eq!(places(&some, &[(0, 4), (1, 5), (2, 3)], 10), Vec::<u64>::new());
        assert_eq!(places(&[10, 40, 40, 40], &[(0, 4)], 10), Vec::<u64>::new(), "the rule, no exception");
        assert_eq!(places(&[], &[], 0), Vec::<u64>::new());
    }
}
