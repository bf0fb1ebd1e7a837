//! Busy, added and exclusive time of intervals on streams, in one sweep per device. Knows nothing of GPUs.
//!
//! Input: intervals labelled with a lane (a stream). Output, for each interval: what it adds to its own
//! lane's busy time, and how much of it no other lane of the group overlaps. O(n log n), no pairwise work.

use crate::trace::{Ns, Span};

/// What the sweep says of one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measured {
    /// What it adds to the busy time of its lane, in start order (ties: longer first).
    pub added: Ns,
    /// The part during which no other lane is active. Two intervals of one lane never hide each other.
    pub exclusive: Ns,
}

/// Measures the intervals of one device. `lanes` and `spans` run in parallel; so does the result.
pub fn measure(lanes: &[u32], spans: &[Span]) -> Vec<Measured> {
    let mut order: Vec<(u32, Span, usize)> =
        lanes.iter().zip(spans).enumerate().map(|(index, (lane, span))| (*lane, *span, index)).collect();
    order
        .sort_unstable_by_key(|(lane, span, index)| (*lane, span.start, std::cmp::Reverse(span.end), *index));

    let mut measured = vec![Measured::default(); spans.len()];
    let mut edges: Vec<(Ns, i32)> = Vec::new();
    let mut front: Option<(u32, Ns)> = None;
    for (lane, span, index) in order {
        let reached = front.filter(|(of, _)| *of == lane).map(|(_, end)| end);
        let added = match reached {
            Some(end) if span.start < end => (span.end - end).max(Ns::ZERO),
            _ => span.length(),
        };
        if let Some(slot) = measured.get_mut(index) {
            slot.added = added;
        }
        if added > Ns::ZERO {
            // The part that this interval adds to its lane's union; parts of one lane never overlap.
            edges.push((span.end - added, 1));
            edges.push((span.end, -1));
        }
        front = Some((lane, reached.map_or(span.end, |end| end.max(span.end))));
    }

    let alone = Alone::of(edges);
    for (slot, span) in measured.iter_mut().zip(spans) {
        slot.exclusive = alone.until(span.end) - alone.until(span.start);
    }
    measured
}

/// Length of the union of intervals.
pub fn union_length(spans: impl IntoIterator<Item = Span>) -> Ns {
    let mut spans: Vec<Span> = spans.into_iter().collect();
    spans.sort_unstable();
    let mut total = Ns::ZERO;
    let mut reached: Option<Ns> = None;
    for span in spans {
        let from = reached.map_or(span.start, |end| end.max(span.start));
        total += (span.end - from).max(Ns::ZERO);
        reached = Some(reached.map_or(span.end, |end| end.max(span.end)));
    }
    total
}

/// The time in which exactly one lane is active, as a function of time.
struct Alone {
    /// Instant, time alone before it, whether one lane is active from it on.
    points: Vec<(Ns, Ns, bool)>,
}

impl Alone {
    fn of(mut edges: Vec<(Ns, i32)>) -> Self {
        edges.sort_unstable();
        let mut points: Vec<(Ns, Ns, bool)> = Vec::with_capacity(edges.len());
        let mut active = 0;
        let mut total = Ns::ZERO;
        let mut edges = edges.into_iter().peekable();
        while let Some((at, change)) = edges.next() {
            active += change;
            while let Some((_, change)) = edges.next_if(|(next, _)| *next == at) {
                active += change;
            }
            if let Some((last, _, true)) = points.last() {
                total += at - *last;
            }
            points.push((at, total, active == 1));
        }
        Self { points }
    }

    fn until(&self, at: Ns) -> Ns {
        let after = self.points.partition_point(|(point, ..)| *point <= at);
        match after.checked_sub(1).and_then(|index| self.points.get(index)) {
            None => Ns::ZERO,
            Some((point, before, true)) => *before + (at - *point),
            Some((_, before, false)) => *before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: i64, end: i64) -> Span {
        Span { start: Ns(start), end: Ns(end) }
    }

    #[test]
    fn another_lane_hides_and_the_same_lane_does_not() {
        let got = measure(&[7, 7, 20], &[span(0, 100), span(50, 120), span(90, 110)]);
        assert_eq!(got[0], Measured { added: Ns(100), exclusive: Ns(90) });
        assert_eq!(got[1], Measured { added: Ns(20), exclusive: Ns(50) });
        assert_eq!(got[2], Measured { added: Ns(20), exclusive: Ns(0) });
    }

    #[test]
    fn on_a_tie_the_longer_one_counts_first() {
        let got = measure(&[1, 1], &[span(0, 10), span(0, 30)]);
        assert_eq!((got[0].added, got[1].added), (Ns(0), Ns(30)));
    }

    #[test]
    fn an_interval_of_no_length_changes_nothing() {
        let got = measure(&[1, 2], &[span(0, 10), span(5, 5)]);
        assert_eq!(got[0].exclusive, Ns(10));
        assert_eq!(got[1], Measured::default());
    }

    /// The definition, read off instant by instant.
    fn naive(lanes: &[u32], spans: &[Span]) -> Vec<Ns> {
        let busy = |lane: u32, at: i64| {
            lanes.iter().zip(spans).any(|(of, span)| *of == lane && span.contains(Ns(at)))
        };
        lanes
            .iter()
            .zip(spans)
            .map(|(lane, span)| {
                let alone = |at: &i64| !lanes.iter().any(|other| other != lane && busy(*other, *at));
                Ns((span.start.0..span.end.0).filter(alone).count() as i64)
            })
            .collect()
    }

    proptest::proptest! {
        #[test]
        fn the_sweep_equals_the_definition(rows in proptest::collection::vec((0u32..4, 0i64..60, 0i64..25), 0..24)) {
            let lanes: Vec<u32> = rows.iter().map(|row| row.0).collect();
            let spans: Vec<Span> = rows.iter().map(|row| span(row.1, row.1 + row.2)).collect();
            let got = measure(&lanes, &spans);
            let exclusive: Vec<Ns> = got.iter().map(|one| one.exclusive).collect();
            proptest::prop_assert_eq!(exclusive, naive(&lanes, &spans));
            for lane in 0..4 {
                let of_lane = || lanes.iter().enumerate().filter(move |(_, of)| **of == lane).map(|(index, _)| index);
                let added: Ns = of_lane().map(|index| got[index].added).sum();
                proptest::prop_assert_eq!(added, union_length(of_lane().map(|index| spans[index])));
            }
        }

        #[test]
        fn moving_all_intervals_moves_no_result(
            rows in proptest::collection::vec((0u32..3, 0i64..60, 0i64..25), 0..16), by in -1000i64..1000,
        ) {
            let lanes: Vec<u32> = rows.iter().map(|row| row.0).collect();
            let here: Vec<Span> = rows.iter().map(|row| span(row.1, row.1 + row.2)).collect();
            let there: Vec<Span> = rows.iter().map(|row| span(row.1 + by, row.1 + row.2 + by)).collect();
            proptest::prop_assert_eq!(measure(&lanes, &here), measure(&lanes, &there));
        }
    }
}
