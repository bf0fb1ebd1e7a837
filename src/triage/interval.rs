//! Busy, added, exclusive and hidden time of intervals on streams, in one sweep per device. Knows nothing of
//! GPUs.
//!
//! Input: intervals, each with a lane (a stream) and a label (what its work is). Output, for each interval:
//! what it adds to its own lane's busy time, how much of it no other lane overlaps, and under which labels the
//! rest is hidden.
//!
//! **Partners.** What an interval adds to its lane is a piece; pieces of one lane never overlap. Pieces that
//! abut and share lane and label are one run. While several lanes run beside an interval, the time belongs to
//! the run that started first (ties: the smaller label), so hidden times add up to what is hidden, and cutting a
//! partner into abutting halves changes nothing.
//!
//! **Cost.** Whatever follows a pause of all lanes is a cluster of its own, and one lane alone hides nothing. The
//! edges of a cluster's runs and intervals, at most four for each interval, are sorted once and walked once.
//! Who is first among the active lanes and who would be first without that lane is all that any interval needs
//! to know: the time goes into one sum per label, and a correction per lane and label. An interval reads these
//! sums when it opens and when it closes, so it costs the number of distinct labels and not the number of its
//! partners. With n intervals and k labels that is O(n log n + n k), whatever overlaps whatever.

use std::collections::{BTreeMap, BTreeSet};

use crate::trace::{Ns, Span};

/// What the sweep says of one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measured {
    /// What it adds to the busy time of its lane, in start order (ties: longer first).
    pub added: Ns,
    /// The part during which no other lane is active. Two intervals of one lane never hide each other.
    pub exclusive: Ns,
}

/// Time of one interval during which another lane is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hidden<L> {
    /// Label of the partner.
    pub by: L,
    /// How long.
    pub time: Ns,
}

/// One interval of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval<L> {
    /// Intervals of one lane never hide each other.
    pub lane: u32,
    /// What its work is.
    pub label: L,
    /// When it ran.
    pub span: Span,
}

/// What the sweep says of the intervals of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep<L> {
    /// Added and exclusive time of each interval.
    pub measured: Vec<Measured>,
    /// Who hides the rest, by label, with the place of the interval; what nothing hides has no part.
    pub hidden: Vec<(u32, Hidden<L>)>,
}

/// Parts of what is hidden, by the place of what they are parts of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenParts<L> {
    /// Where the parts of each place end.
    ends: Vec<u32>,
    parts: Vec<Hidden<L>>,
}

impl<L: Copy> HiddenParts<L> {
    /// For so many places; the parts of one place stand in order.
    pub fn new(places: usize, mut parts: Vec<(u32, Hidden<L>)>) -> Self {
        parts.sort_by_key(|(place, _)| *place);
        let mut ends = Vec::with_capacity(if parts.is_empty() { 0 } else { places });
        let mut rest = parts.iter().peekable();
        let mut end = 0;
        for place in (0_u32..).take(ends.capacity()) {
            while rest.next_if(|(of, _)| *of == place).is_some() {
                end += 1;
            }
            ends.push(end);
        }
        Self { ends, parts: parts.into_iter().map(|(_, part)| part).collect() }
    }

    /// The parts of a place.
    pub fn of(&self, place: usize) -> &[Hidden<L>] {
        let end = |place: usize| self.ends.get(place).map_or(0, |end| *end as usize);
        self.parts.get(place.checked_sub(1).map_or(0, end)..end(place)).unwrap_or_default()
    }
}

/// Measures the intervals of one device.
pub fn measure<L: Copy + Ord>(intervals: &[Interval<L>]) -> Sweep<L> {
    let (added, runs) = pieces(intervals);
    let mut measured: Vec<Measured> = intervals
        .iter()
        .zip(added)
        .map(|(interval, added)| Measured { added, exclusive: interval.span.length() })
        .collect();
    let hidden = hidden(intervals, &runs);
    for (place, part) in &hidden {
        if let Some(one) = measured.get_mut(*place as usize) {
            one.exclusive = one.exclusive - part.time;
        }
    }
    Sweep { measured, hidden }
}

/// What each interval adds to its lane, and the runs of each lane.
fn pieces<L: Copy + Ord>(intervals: &[Interval<L>]) -> (Vec<Ns>, Vec<Interval<L>>) {
    let mut order: Vec<(&Interval<L>, usize)> =
        intervals.iter().enumerate().map(|(index, interval)| (interval, index)).collect();
    order.sort_unstable_by_key(|(one, index)| {
        (one.lane, one.span.start, std::cmp::Reverse(one.span.end), one.label, *index)
    });
    let mut added = vec![Ns::ZERO; intervals.len()];
    let mut runs: Vec<Interval<L>> = Vec::new();
    let mut front: Option<(u32, Ns)> = None;
    for (interval, index) in order {
        let Interval { lane, label, span } = *interval;
        let reached = front.filter(|(of, _)| *of == lane).map(|(_, end)| end);
        let length = match reached {
            Some(end) if span.start < end => (span.end - end).max(Ns::ZERO),
            _ => span.length(),
        };
        if let Some(slot) = added.get_mut(index) {
            *slot = length;
        }
        if length > Ns::ZERO {
            let start = span.end - length;
            match runs.last_mut() {
                Some(run) if run.lane == lane && run.label == label && run.span.end == start => {
                    run.span.end = span.end;
                }
                _ => runs.push(Interval { lane, label, span: Span { start, end: span.end } }),
            }
        }
        front = Some((lane, reached.map_or(span.end, |end| end.max(span.end))));
    }
    (added, runs)
}

/// A kind of edge of the sweep. At one instant no time passes, so only ends must stand before starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    RunEnds,
    RunStarts,
    Opens,
    Closes,
}

fn hidden<L: Copy + Ord>(intervals: &[Interval<L>], runs: &[Interval<L>]) -> Vec<(u32, Hidden<L>)> {
    let Some(first) = runs.first() else { return Vec::new() };
    if runs.iter().all(|run| run.lane == first.lane) {
        return Vec::new();
    }
    let mut labels: Vec<L> = runs.iter().map(|run| run.label).collect();
    labels.sort_unstable();
    labels.dedup();
    let by_start = |all: &[Interval<L>]| -> Vec<u32> {
        let is_long = |one: &(u32, &Interval<L>)| one.1.span.length() > Ns::ZERO;
        let mut order: Vec<(Ns, u32)> =
            (0_u32..).zip(all).filter(is_long).map(|(place, one)| (one.span.start, place)).collect();
        // Lanes come one after the other, each in order.
        order.sort();
        order.into_iter().map(|(_, place)| place).collect()
    };
    let (intervals_in_order, runs_in_order) = (by_start(intervals), by_start(runs));
    let (mut intervals_left, mut runs_left) = (intervals_in_order.as_slice(), runs_in_order.as_slice());
    let mut sweeper = Sweeper::new(Partners::of(labels));
    while let Some(first) = intervals_left.first() {
        // A cluster goes on as long as anything is active: nothing hides anything across a pause.
        let mut end = intervals.get(*first as usize).map_or(Ns::ZERO, |one| one.span.end);
        let joins = |place: &u32| {
            intervals.get(*place as usize).is_some_and(|one| {
                let joins = one.span.start <= end;
                if joins {
                    end = end.max(one.span.end);
                }
                joins
            })
        };
        let (cluster, after) = split_while(intervals_left, joins);
        let (of_cluster, runs_after) = split_while(runs_left, |place| {
            runs.get(*place as usize).is_some_and(|run| run.span.start <= end)
        });
        (intervals_left, runs_left) = (after, runs_after);
        let mut lanes = of_cluster.iter().filter_map(|place| runs.get(*place as usize)).map(|run| run.lane);
        if lanes.next().is_some_and(|first| lanes.any(|lane| lane != first)) {
            sweeper.sweep(intervals, cluster, runs, of_cluster);
        }
    }
    sweeper.found
}

/// The part up to the first one that does not fit, and the rest.
fn split_while<T>(list: &[T], mut fits: impl FnMut(&T) -> bool) -> (&[T], &[T]) {
    list.split_at(list.iter().position(|one| !fits(one)).unwrap_or(list.len()))
}

/// Walks over clusters, one after the other, and keeps its memory.
struct Sweeper<L> {
    partners: Partners<L>,
    edges: Vec<(Ns, Edge, u32)>,
    /// For each interval of the cluster that is open, where its sums stand.
    slots: Vec<u32>,
    /// The sums of open intervals as they were when these opened, by label.
    before: Vec<Ns>,
    free: Vec<u32>,
    found: Vec<(u32, Hidden<L>)>,
}

impl<L: Copy + Ord> Sweeper<L> {
    fn new(partners: Partners<L>) -> Self {
        Self {
            partners,
            edges: Vec::new(),
            slots: Vec::new(),
            before: Vec::new(),
            free: Vec::new(),
            found: Vec::new(),
        }
    }

    fn sweep(
        &mut self,
        intervals: &[Interval<L>],
        cluster: &[u32],
        runs: &[Interval<L>],
        of_cluster: &[u32],
    ) {
        self.edges.clear();
        for (number, run) in (0_u32..).zip(of_cluster.iter().filter_map(|place| runs.get(*place as usize))) {
            self.edges.push((run.span.start, Edge::RunStarts, number));
            self.edges.push((run.span.end, Edge::RunEnds, number));
        }
        for (number, one) in (0_u32..).zip(cluster.iter().filter_map(|place| intervals.get(*place as usize)))
        {
            self.edges.push((one.span.start, Edge::Opens, number));
            self.edges.push((one.span.end, Edge::Closes, number));
        }
        self.edges.sort_unstable();
        self.slots.clear();
        self.slots.resize(cluster.len(), 0);
        let edges = std::mem::take(&mut self.edges);
        for (at, edge, number) in edges.iter().copied() {
            self.partners.advance(at);
            let of = |places: &[u32]| places.get(number as usize).copied();
            let run = || runs.get(of(of_cluster)? as usize);
            match edge {
                Edge::RunStarts => run().into_iter().for_each(|run| self.partners.start(run)),
                Edge::RunEnds => run().into_iter().for_each(|run| self.partners.end(run)),
                Edge::Opens | Edge::Closes => {
                    let Some(place) = of(cluster) else { continue };
                    let Some(interval) = intervals.get(place as usize) else { continue };
                    if edge == Edge::Opens {
                        self.open(interval, number);
                    } else {
                        self.close(interval, number, place);
                    }
                }
            }
        }
        self.edges = edges;
    }

    fn open(&mut self, interval: &Interval<L>, number: u32) {
        let labels = self.partners.labels.len();
        let slot = self.free.pop().unwrap_or_else(|| {
            let next = self.before.len() / labels.max(1);
            self.before.resize(self.before.len() + labels, Ns::ZERO);
            u32::try_from(next).unwrap_or(u32::MAX)
        });
        if let Some(of) = self.slots.get_mut(number as usize) {
            *of = slot;
        }
        let begin = slot as usize * labels;
        let sums = self.before.get_mut(begin..begin + labels).unwrap_or_default();
        sums.iter_mut().zip(self.partners.beside(interval.lane)).for_each(|(slot, sum)| *slot = sum);
    }

    fn close(&mut self, interval: &Interval<L>, number: u32, place: u32) {
        let Some(slot) = self.slots.get(number as usize).copied() else { return };
        let labels = self.partners.labels.len();
        let begin = slot as usize * labels;
        let before = self.before.get(begin..begin + labels).unwrap_or_default();
        let passed = self.partners.beside(interval.lane).zip(before).map(|(now, before)| now - *before);
        let parts = self.partners.labels.iter().zip(passed).filter(|(_, time)| *time > Ns::ZERO);
        self.found.extend(parts.map(|(by, time)| (place, Hidden { by: *by, time })));
        self.free.push(slot);
    }
}

/// For each lane and label, how long a run of the label has been the partner of that lane's work.
struct Partners<L> {
    labels: Vec<L>,
    /// Start, label and lane of what runs: at most one a lane.
    active: BTreeSet<(Ns, usize, u32)>,
    now: Ns,
    /// Time, by label, of the first run while there is another lane.
    first: Vec<Ns>,
    /// What differs for the lane of the first run itself, whose partner is the second.
    own: BTreeMap<u32, Vec<Ns>>,
}

impl<L: Copy + Ord> Partners<L> {
    fn of(labels: Vec<L>) -> Self {
        let first = vec![Ns::ZERO; labels.len()];
        Self { labels, active: BTreeSet::new(), now: Ns::ZERO, first, own: BTreeMap::new() }
    }

    fn key(&self, run: &Interval<L>) -> (Ns, usize, u32) {
        (run.span.start, self.labels.partition_point(|label| *label < run.label), run.lane)
    }

    fn start(&mut self, run: &Interval<L>) {
        self.active.insert(self.key(run));
    }

    fn end(&mut self, run: &Interval<L>) {
        self.active.remove(&self.key(run));
    }

    fn advance(&mut self, to: Ns) {
        let passed = to - self.now;
        self.now = to;
        let mut active = self.active.iter();
        // Alone, a run is nobody's partner: its own lane never hides itself, and no other lane is active.
        let (Some((_, first, lane)), Some((_, second, _))) = (active.next(), active.next()) else { return };
        let own = self.own.entry(*lane).or_insert_with(|| vec![Ns::ZERO; self.first.len()]);
        for (of, sum, change) in [(first, &mut self.first, passed), (first, &mut *own, Ns::ZERO - passed)] {
            if let Some(slot) = sum.get_mut(*of) {
                *slot += change;
            }
        }
        if let Some(slot) = own.get_mut(*second) {
            *slot += passed;
        }
    }

    /// The sums for work of this lane, by label.
    fn beside(&self, lane: u32) -> impl Iterator<Item = Ns> {
        let own = self.own.get(&lane);
        self.first.iter().enumerate().map(move |(label, first)| {
            *first + own.and_then(|own| own.get(label)).copied().unwrap_or_default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::busy::{Busy, union_length};

    fn span(start: i64, end: i64) -> Span {
        Span { start: Ns(start), end: Ns(end) }
    }

    #[derive(Debug, PartialEq)]
    struct Got {
        measured: Vec<Measured>,
        hidden: Vec<Vec<Hidden<char>>>,
    }

    fn measure(intervals: &[Interval<char>]) -> Got {
        let Sweep { measured, hidden } = super::measure(intervals);
        let parts = HiddenParts::new(intervals.len(), hidden);
        let hidden = (0..intervals.len()).map(|place| parts.of(place).to_vec()).collect();
        Got { measured, hidden }
    }

    /// Lane, label, start and end of each.
    fn intervals(rows: &[(u32, char, i64, i64)]) -> Vec<Interval<char>> {
        rows.iter()
            .map(|(lane, label, a, b)| Interval { lane: *lane, label: *label, span: span(*a, *b) })
            .collect()
    }

    fn parts(of: &[Hidden<char>]) -> Vec<(char, i64)> {
        of.iter().map(|part| (part.by, part.time.0)).collect()
    }

    #[test]
    fn another_lane_hides_and_the_same_lane_does_not() {
        let got = measure(&intervals(&[(7, 'a', 0, 100), (7, 'b', 50, 120), (20, 'c', 90, 110)]));
        assert_eq!(got.measured[0], Measured { added: Ns(100), exclusive: Ns(90) });
        assert_eq!(got.measured[1], Measured { added: Ns(20), exclusive: Ns(50) });
        assert_eq!(got.measured[2], Measured { added: Ns(20), exclusive: Ns(0) });
        assert_eq!(parts(&got.hidden[0]), [('c', 10)]);
        assert_eq!(parts(&got.hidden[1]), [('c', 20)]);
        // The first kernel of stream 7 holds the stream until 100, although the second has begun.
        assert_eq!(parts(&got.hidden[2]), [('a', 10), ('b', 10)]);
    }

    #[test]
    fn of_several_partners_the_one_that_started_first_hides() {
        let rows = [(1, 'k', 0, 100), (2, 'b', 20, 60), (3, 'a', 30, 80), (4, 'a', 30, 90)];
        let got = measure(&intervals(&rows));
        assert_eq!(parts(&got.hidden[0]), [('a', 30), ('b', 40)]);
        assert_eq!(got.measured[0].exclusive, Ns(30));
        assert_eq!(parts(&got.hidden[1]), [('k', 40)], "to the others, the long one came first");
    }

    #[test]
    fn on_a_tie_the_longer_one_counts_first() {
        let got = measure(&intervals(&[(1, 'a', 0, 10), (1, 'a', 0, 30)])).measured;
        assert_eq!((got[0].added, got[1].added), (Ns(0), Ns(30)));
    }

    #[test]
    fn an_interval_of_no_length_changes_nothing() {
        let got = measure(&intervals(&[(1, 'a', 0, 10), (2, 'b', 5, 5)]));
        assert_eq!(got.measured, [Measured { added: Ns(10), exclusive: Ns(10) }, Measured::default()]);
        assert!(got.hidden.iter().all(Vec::is_empty));
    }

    #[test]
    fn a_long_kernel_beside_very_many_short_ones_is_hidden_in_the_order_of_their_starts() {
        // 20 long intervals nested around 100,000 short ones: two million pairs, and as many again among lanes.
        let long = (0..20).map(|lane| Interval { lane, label: 'l', span: span(i64::from(lane), 400_000) });
        let short =
            (0..100_000).map(|at| Interval { lane: 99, label: 's', span: span(100 + at * 3, 102 + at * 3) });
        let all: Vec<Interval<char>> = long.chain(short).collect();
        let got = measure(&all);
        assert_eq!(parts(&got.hidden[0]), [('l', 399_999)]);
        assert_eq!(parts(&got.hidden[50]), [('l', 2)]);
    }

    /// The definition, read off instant by instant: who runs on another lane, and who of them came first.
    fn naive(all: &[Interval<char>]) -> Vec<(Ns, BTreeMap<char, i64>)> {
        let horizon = all.iter().map(|one| one.span.end.0).max().unwrap_or(0);
        let mut lanes: Vec<u32> = all.iter().map(|one| one.lane).collect();
        lanes.sort_unstable();
        lanes.dedup();
        // Which label each lane is charged with at each instant: the interval that came first and still runs.
        let mut charged: BTreeMap<u32, Vec<Option<char>>> = BTreeMap::new();
        for lane in &lanes {
            let mut of_lane: Vec<&Interval<char>> = all.iter().filter(|one| one.lane == *lane).collect();
            of_lane.sort_by_key(|one| (one.span.start, std::cmp::Reverse(one.span.end), one.label));
            let at = |at: i64| of_lane.iter().find(|one| one.span.contains(Ns(at))).map(|one| one.label);
            charged.insert(*lane, (0..horizon).map(at).collect());
        }
        let since = |lane: u32, at: i64| {
            let charged = &charged[&lane];
            let label = charged[at as usize];
            (0..=at).rev().take_while(|one| charged[*one as usize] == label).last().unwrap()
        };
        let hidden_by = |one: &Interval<char>, at: i64| {
            lanes
                .iter()
                .filter(|lane| **lane != one.lane)
                .filter_map(|lane| Some((since(*lane, at), charged[lane][at as usize]?)))
                .min()
                .map(|(_, label)| label)
        };
        all.iter()
            .map(|one| {
                let mut by = BTreeMap::new();
                let mut alone = 0;
                for at in one.span.start.0..one.span.end.0 {
                    match hidden_by(one, at) {
                        Some(label) => *by.entry(label).or_default() += 1,
                        None => alone += 1,
                    }
                }
                (Ns(alone), by)
            })
            .collect()
    }

    fn device() -> impl proptest::strategy::Strategy<Value = Vec<Interval<char>>> {
        use proptest::strategy::Strategy;
        proptest::collection::vec((0u32..4, 0u8..3, 0i64..60, 0i64..25), 0..24).prop_map(|rows| {
            let to = |(lane, label, start, length): (u32, u8, i64, i64)| Interval {
                lane,
                label: char::from(b'a' + label),
                span: span(start, start + length),
            };
            rows.into_iter().map(to).collect()
        })
    }

    /// Everything that a table sums up, by label.
    fn sums(all: &[Interval<char>]) -> BTreeMap<char, (Ns, Ns, BTreeMap<char, Ns>)> {
        let sweep = measure(all);
        let mut sums: BTreeMap<char, (Ns, Ns, BTreeMap<char, Ns>)> = BTreeMap::new();
        for ((one, measured), hidden) in all.iter().zip(sweep.measured).zip(sweep.hidden) {
            let sum = sums.entry(one.label).or_default();
            sum.0 += measured.added;
            sum.1 += measured.exclusive;
            for part in hidden {
                *sum.2.entry(part.by).or_default() += part.time;
            }
        }
        sums
    }

    proptest::proptest! {
        #[test]
        fn the_sweep_equals_the_definition(all in device()) {
            let got = measure(&all);
            for (index, (alone, by)) in naive(&all).into_iter().enumerate() {
                proptest::prop_assert_eq!(got.measured[index].exclusive, alone);
                let parts: BTreeMap<char, i64> = parts(&got.hidden[index]).into_iter().collect();
                proptest::prop_assert_eq!(parts, by);
            }
            for lane in 0..4 {
                let of_lane = || all.iter().enumerate().filter(move |(_, one)| one.lane == lane);
                let added: Ns = of_lane().map(|(index, _)| got.measured[index].added).sum();
                proptest::prop_assert_eq!(added, union_length(of_lane().map(|(_, one)| one.span)));
            }
        }

        #[test]
        fn exclusive_and_hidden_are_the_whole(all in device()) {
            let got = measure(&all);
            for (index, one) in all.iter().enumerate() {
                let hidden: Ns = got.hidden[index].iter().map(|part| part.time).sum();
                proptest::prop_assert_eq!(got.measured[index].exclusive + hidden, one.span.length());
            }
        }

        #[test]
        fn a_single_lane_hides_nothing(mut all in device()) {
            all.iter_mut().for_each(|one| one.lane = 7);
            let got = measure(&all);
            proptest::prop_assert!(got.hidden.iter().all(Vec::is_empty));
            proptest::prop_assert!(got.measured.iter().zip(&all).all(|(got, one)| got.exclusive == one.span.length()));
        }

        #[test]
        fn moving_all_intervals_moves_no_result(all in device(), by in -1000i64..1000) {
            let mut moved = all.clone();
            for one in &mut moved {
                one.span = span(one.span.start.0 + by, one.span.end.0 + by);
            }
            proptest::prop_assert_eq!(measure(&moved), measure(&all));
        }

        #[test]
        fn neither_order_nor_the_names_of_lanes_matter(all in device(), seed in 0usize..24) {
            let mut other = all.clone();
            other.reverse();
            let by = seed % other.len().max(1);
            other.rotate_left(by);
            other.iter_mut().for_each(|one| one.lane = [9, 2, 12, 5][one.lane as usize]);
            proptest::prop_assert_eq!(sums(&other), sums(&all));
        }

        #[test]
        fn cutting_an_interval_in_two_changes_no_sum(all in device(), which in 0usize..24, at in 1i64..25) {
            let Some(one) = all.get(which).copied() else { return Ok(()) };
            let middle = Ns((one.span.start.0 + at).min(one.span.end.0));
            // Where another interval of the lane overlaps the two halves, the order of starts is another one.
            let alone = all.iter().enumerate().all(|(index, other)| {
                index == which || other.lane != one.lane || other.span.end <= one.span.start
                    || one.span.end <= other.span.start || other.span.length() == Ns::ZERO
            });
            proptest::prop_assume!(alone);
            let mut cut = all.clone();
            cut[which].span.end = middle;
            cut.push(Interval { span: Span { start: middle, end: one.span.end }, ..one });
            proptest::prop_assert_eq!(sums(&cut), sums(&all));
        }

        #[test]
        fn busy_and_idle_fill_every_window(all in device(), from in 0i64..60, length in 0i64..40) {
            let busy = Busy::of(all.iter().map(|one| one.span));
            let is_busy = |at: &i64| all.iter().any(|one| one.span.contains(Ns(*at)));
            let want = (from..from + length).filter(is_busy).count() as i64;
            proptest::prop_assert_eq!(busy.within(span(from, from + length)), Ns(want));
            proptest::prop_assert_eq!(busy.within(busy.window()), busy.length());
        }

        #[test]
        fn busy_is_no_longer_than_the_window_and_no_shorter_than_a_lane(all in device()) {
            let busy = union_length(all.iter().map(|one| one.span));
            let start = all.iter().map(|one| one.span.start).min().unwrap_or_default();
            let end = all.iter().map(|one| one.span.end).max().unwrap_or_default();
            proptest::prop_assert!(busy <= end - start);
            proptest::prop_assert!(busy <= all.iter().map(|one| one.span.length()).sum());
            for lane in 0..4 {
                let of_lane = all.iter().filter(|one| one.lane == lane).map(|one| one.span);
                proptest::prop_assert!(union_length(of_lane) <= busy);
            }
        }
    }
}
