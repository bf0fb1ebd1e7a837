//! Which intervals of one thread are open at given instants, found in one pass over both.

use crate::trace::{Ns, Span};

/// Calls `visit` for each instant with the items that are open then, outermost first.
///
/// `items` are sorted by start, then longest first; `instants` by time. An item is open from its start to its
/// end, both included: the clock's steps are coarser than a short call. Items of a thread nest, so a stack
/// holds what is open; where a profiler cut one off and they overlap, the check at the instant still holds.
pub fn walk<T: Copy>(items: &[(Span, T)], instants: &[(Ns, u32)], mut visit: impl FnMut(u32, Open<'_, T>)) {
    let mut open: Vec<(Span, T)> = Vec::new();
    let mut waiting = items.iter().peekable();
    for (at, query) in instants {
        while let Some(item) = waiting.next_if(|(span, _)| span.start <= *at) {
            close(&mut open, item.0.start);
            open.push(*item);
        }
        close(&mut open, *at);
        visit(*query, Open { stack: open.iter(), at: *at });
    }
}

/// What is open at an instant, outermost first.
pub struct Open<'w, T> {
    stack: std::slice::Iter<'w, (Span, T)>,
    at: Ns,
}

impl<T: Copy> Iterator for Open<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.stack.find(|(span, _)| span.end >= self.at).map(|(_, item)| *item)
    }
}

impl<T: Copy> DoubleEndedIterator for Open<'_, T> {
    fn next_back(&mut self) -> Option<T> {
        self.stack.rfind(|(span, _)| span.end >= self.at).map(|(_, item)| *item)
    }
}

fn close<T>(open: &mut Vec<(Span, T)>, at: Ns) {
    while open.last().is_some_and(|(span, _)| span.end < at) {
        open.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: i64, end: i64) -> Span {
        Span { start: Ns(start), end: Ns(end) }
    }

    fn open(items: &[(Span, char)], instants: &[i64]) -> Vec<String> {
        let instants: Vec<(Ns, u32)> = instants.iter().map(|at| (Ns(*at), 0)).collect();
        let mut found = Vec::new();
        walk(items, &instants, |_, open| found.push(open.collect()));
        found
    }

    #[test]
    fn the_open_calls_stand_outermost_first() {
        let items = [(span(0, 100), 'a'), (span(10, 40), 'b'), (span(20, 30), 'c'), (span(50, 90), 'd')];
        assert_eq!(open(&items, &[5, 25, 35, 45, 60, 101]), ["a", "abc", "ab", "a", "ad", ""]);
    }

    #[test]
    fn a_call_is_open_at_its_very_start_and_end() {
        assert_eq!(open(&[(span(10, 20), 'a')], &[9, 10, 20, 21]), ["", "a", "a", ""]);
    }

    #[test]
    fn an_ended_call_below_a_longer_one_is_not_open() {
        assert_eq!(open(&[(span(0, 10), 'a'), (span(5, 30), 'b')], &[7, 20]), ["ab", "b"]);
    }

    proptest::proptest! {
        #[test]
        fn one_pass_finds_what_a_scan_finds(
            raw in proptest::collection::vec((0_i64..60, 0_i64..40), 0..30),
            mut instants in proptest::collection::vec(0_i64..100, 0..20),
        ) {
            let mut items: Vec<(Span, usize)> =
                raw.iter().enumerate().map(|(i, (start, length))| (span(*start, start + length), i)).collect();
            items.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
            instants.sort_unstable();
            let queries: Vec<(Ns, u32)> = instants.iter().map(|at| (Ns(*at), 0)).collect();
            let mut found: Vec<Vec<usize>> = Vec::new();
            walk(&items, &queries, |_, open| found.push(open.collect()));
            for (at, found) in instants.iter().zip(found) {
                let scanned: Vec<usize> = items
                    .iter()
                    .filter(|(span, _)| span.start.0 <= *at && *at <= span.end.0)
                    .map(|(_, item)| *item)
                    .collect();
                proptest::prop_assert_eq!(found, scanned);
            }
        }
    }
}
