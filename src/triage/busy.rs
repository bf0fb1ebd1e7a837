//! The union of intervals, and how much of a window it fills.

use crate::trace::{Ns, Span};

/// When at least one of some intervals is active.
pub struct Busy {
    /// Parts of the union in order, and the length of those before.
    parts: Vec<(Span, Ns)>,
}

/// A union that grows by one interval after the other, in order of start.
#[derive(Default)]
pub struct Union {
    parts: Vec<(Span, Ns)>,
}

impl Union {
    /// Adds an interval that starts no earlier than those before it.
    pub fn add(&mut self, span: Span) {
        match self.parts.last_mut() {
            Some((last, _)) if span.start <= last.end => last.end = last.end.max(span.end),
            Some((last, before)) => {
                let before = *before + last.length();
                self.parts.push((span, before));
            }
            None => self.parts.push((span, Ns::ZERO)),
        }
    }

    /// All of it.
    pub fn finish(self) -> Busy {
        Busy { parts: self.parts }
    }
}

/// The length of a union that grows by one interval after the other, in order of start.
#[derive(Default)]
pub struct UnionLength {
    last: Option<Span>,
    before: Ns,
}

impl UnionLength {
    /// Adds an interval that starts no earlier than those before it.
    pub fn add(&mut self, span: Span) {
        match &mut self.last {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            Some(last) => {
                self.before += last.length();
                *last = span;
            }
            None => self.last = Some(span),
        }
    }

    /// The length so far.
    pub fn length(&self) -> Ns {
        self.before + self.last.map_or(Ns::ZERO, Span::length)
    }
}

impl Busy {
    /// The union of intervals.
    pub fn of(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut spans: Vec<Span> = spans.into_iter().collect();
        spans.sort_unstable();
        let mut union = Union::default();
        spans.into_iter().for_each(|span| union.add(span));
        union.finish()
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
#[cfg(test)]
pub fn union_length(spans: impl IntoIterator<Item = Span>) -> Ns {
    Busy::of(spans).length()
}
