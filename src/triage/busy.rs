//! The union of intervals, and how much of a window it fills.

use crate::trace::{Ns, Span};

/// When at least one of some intervals is active.
pub struct Busy {
    /// Parts of the union in order, and the length of those before.
    parts: Vec<(Span, Ns)>,
}

impl Busy {
    /// The union of intervals.
    pub fn of(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut spans: Vec<Span> = spans.into_iter().collect();
        spans.sort_unstable();
        let mut parts: Vec<(Span, Ns)> = Vec::new();
        for span in spans {
            match parts.last_mut() {
                Some((last, _)) if span.start <= last.end => last.end = last.end.max(span.end),
                Some((last, before)) => {
                    let before = *before + last.length();
                    parts.push((span, before));
                }
                None => parts.push((span, Ns::ZERO)),
            }
        }
        Self { parts }
    }

    /// Its parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = Span> {
        self.parts.iter().map(|(part, _)| *part)
    }

    /// Its length.
    pub fn length(&self) -> Ns {
        self.parts.last().map_or(Ns::ZERO, |(last, before)| *before + last.length())
    }

    /// From the first start to the last end.
    pub fn window(&self) -> Span {
        match (self.parts.first(), self.parts.last()) {
            (Some((first, _)), Some((last, _))) => Span { start: first.start, end: last.end },
            _ => Span { start: Ns::ZERO, end: Ns::ZERO },
        }
    }

    /// Its length inside a window.
    pub fn within(&self, window: Span) -> Ns {
        (self.until(window.end) - self.until(window.start)).max(Ns::ZERO)
    }

    fn until(&self, at: Ns) -> Ns {
        let after = self.parts.partition_point(|(part, _)| part.start <= at);
        match after.checked_sub(1).and_then(|index| self.parts.get(index)) {
            Some((part, before)) => *before + (at.min(part.end) - part.start),
            None => Ns::ZERO,
        }
    }
}

/// Length of the union of intervals.
pub fn union_length(spans: impl IntoIterator<Item = Span>) -> Ns {
    Busy::of(spans).length()
}
