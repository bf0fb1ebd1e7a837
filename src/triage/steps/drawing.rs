//! The steps that the profiler drew on the GPU, and which CPU range each drawing belongs to.
//!
//! A drawing starts late, the GPU may be a step behind, and each stream repeats it. What joins it to its range:
//! the id that both carry; work inside it whose launch is known; else the text, the n-th drawing of a text to
//! the n-th range of it. A drawing that no range fits is a step of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::annotation::{Mark, Range, range_at};
use crate::trace::{Activity, DeviceId, ExternalId, NameId, Ns, Span, StreamId, Trace};
use crate::triage::stage::Stage;

/// One drawing and the step that it belongs to.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    span: Span,
    stream: Option<StreamId>,
    name: NameId,
    external: Option<ExternalId>,
    stage: Option<Stage>,
    step: Option<usize>,
}

/// Where the steps are drawn.
pub(super) struct Drawings {
    by_stream: BTreeMap<StreamId, (Vec<Span>, Vec<usize>)>,
    /// One drawing a step, for work of streams that none is drawn on.
    widest: (Vec<Span>, Vec<usize>),
    /// The stages of drawings without a CPU range; they are numbered after the ranges.
    pub alone: Vec<Option<Stage>>,
}

impl Drawings {
    /// Joins drawings to ranges. `launched` is the range in which each activity was launched.
    pub(super) fn of(
        trace: &Trace,
        marks: &[Mark<'_>],
        ranges: &[Range],
        launched: &[Option<usize>],
    ) -> Self {
        let mut drawn: Vec<Drawn> = marks
            .iter()
            .map(|mark| Drawn {
                span: mark.annotation.span,
                stream: mark.annotation.stream,
                name: mark.annotation.name,
                external: mark.annotation.external,
                stage: mark.stage,
                step: None,
            })
            .collect();
        drawn.sort_by_key(|one| (one.span.start, std::cmp::Reverse(one.span.end), one.stream, one.name));
        by_id(&mut drawn, ranges);
        by_launches(&mut drawn, trace, ranges, launched);
        for name in drawn.iter().map(|one| one.name).collect::<BTreeSet<_>>() {
            by_order(&mut drawn, name, ranges);
        }
        let alone = alone(&mut drawn, ranges.len());
        let mut by_stream: BTreeMap<StreamId, Vec<(Span, usize)>> = BTreeMap::new();
        let mut widest: BTreeMap<usize, Span> = BTreeMap::new();
        for one in &drawn {
            let Some(step) = one.step else { continue };
            if let Some(stream) = one.stream {
                by_stream.entry(stream).or_default().push((one.span, step));
            }
            let known = widest.entry(step).or_insert(one.span);
            if one.span.length() > known.length() {
                *known = one.span;
            }
        }
        Self {
            by_stream: by_stream.into_iter().map(|(stream, spans)| (stream, not_nested(spans))).collect(),
            widest: not_nested(widest.into_iter().map(|(step, span)| (span, step)).collect()),
            alone,
        }
    }

    /// The step in whose drawing an activity starts: on its own stream, else on any.
    pub(super) fn step_at(&self, activity: &Activity) -> Option<usize> {
        let at = activity.span.start;
        let find = |(spans, steps): &(Vec<Span>, Vec<usize>)| {
            range_at(spans, at).and_then(|index| steps.get(index).copied())
        };
        // A file may number the drawings' device otherwise than the work's; the stream is the same.
        let own = self.by_stream.get(&activity.stream).or_else(|| {
            let like = self.by_stream.iter().filter(|(stream, _)| stream.stream == activity.stream.stream);
            let mut like = like.map(|(_, spans)| spans);
            like.next().filter(|_| like.next().is_none() && !self.draws_on(activity.stream.device))
        });
        own.and_then(find).or_else(|| find(&self.widest))
    }

    fn draws_on(&self, device: DeviceId) -> bool {
        self.by_stream.keys().any(|stream| stream.device == device)
    }
}

/// Sorted spans of which none encloses another, and the step of each.
fn not_nested(mut spans: Vec<(Span, usize)>) -> (Vec<Span>, Vec<usize>) {
    spans.sort_by_key(|(span, step)| (span.start, std::cmp::Reverse(span.end), *step));
    let mut outer: Vec<(Span, usize)> = Vec::new();
    for (span, step) in spans {
        if outer.last().is_none_or(|(last, _)| !last.encloses(span)) {
            outer.push((span, step));
        }
    }
    outer.into_iter().unzip()
}

fn by_id(drawn: &mut [Drawn], ranges: &[Range]) {
    let mut of_id: BTreeMap<ExternalId, usize> = BTreeMap::new();
    for (index, range) in ranges.iter().enumerate() {
        of_id.extend(range.externals.iter().map(|id| (*id, index)));
    }
    let is_named =
        |name: NameId, range: usize| ranges.get(range).is_some_and(|one| one.names.contains(&name));
    for one in drawn {
        let range = one.external.and_then(|id| of_id.get(&id).copied());
        one.step = range.filter(|range| is_named(one.name, *range));
    }
}

/// Work whose launch is known lies in the drawing of the range that it was launched in.
fn by_launches(drawn: &mut [Drawn], trace: &Trace, ranges: &[Range], launched: &[Option<usize>]) {
    let mut of_text: BTreeMap<(StreamId, NameId), (Vec<Span>, Vec<usize>)> = BTreeMap::new();
    for (index, one) in drawn.iter().enumerate().filter(|(_, one)| one.step.is_none()) {
        let Some(stream) = one.stream else { continue };
        let (spans, indexes) = of_text.entry((stream, one.name)).or_default();
        if spans.last().is_none_or(|last| !last.encloses(one.span)) {
            spans.push(one.span);
            indexes.push(index);
        }
    }
    if of_text.is_empty() {
        return;
    }
    for (activity, range) in trace.activities.iter().zip(launched) {
        let Some((range, texts)) = range.and_then(|range| Some((range, &ranges.get(range)?.names))) else {
            continue;
        };
        for name in texts {
            let Some((spans, indexes)) = of_text.get(&(activity.stream, *name)) else { continue };
            let index = range_at(spans, activity.span.start).and_then(|at| indexes.get(at));
            if let Some(one) = index.and_then(|index| drawn.get_mut(*index)) {
                one.step.get_or_insert(range);
            }
        }
    }
}

/// Joins what is left of one text: the n-th drawing to the n-th range, in between those that are joined.
///
/// A range starts before its drawing does. The stream that draws the text most often counts; a drawing on
/// another stream goes where the nearest one of that stream does.
fn by_order(drawn: &mut [Drawn], name: NameId, ranges: &[Range]) {
    let own: Vec<usize> =
        drawn.iter().enumerate().filter(|(_, one)| one.name == name).map(|(index, _)| index).collect();
    let Some((lead, others)) = by_leading_stream(drawn, &own) else { return };
    let mut free: Vec<usize> = ranges
        .iter()
        .enumerate()
        .filter(|(_, range)| range.names.contains(&name))
        .map(|(index, _)| index)
        .collect();
    let taken: BTreeSet<usize> = own.iter().filter_map(|index| drawn.get(*index)?.step).collect();
    free.retain(|range| !taken.contains(range));
    // The next range that is joined already bounds what may be joined before it.
    let mut bounds = vec![usize::MAX; lead.len()];
    let mut bound = usize::MAX;
    for (index, limit) in lead.iter().zip(&mut bounds).rev() {
        *limit = bound;
        bound = drawn.get(*index).and_then(|one| one.step).unwrap_or(bound);
    }
    let mut free = free.into_iter().peekable();
    let mut after = None;
    for (index, bound) in lead.iter().zip(bounds) {
        let Some(one) = drawn.get_mut(*index) else { continue };
        while free.next_if(|range| after.is_some_and(|after| *range <= after)).is_some() {}
        if one.step.is_none() {
            let starts_first =
                |range: usize| ranges.get(range).is_some_and(|range| range.span.start <= one.span.start);
            one.step = free.next_if(|range| *range < bound && starts_first(*range));
        }
        after = one.step.or(after);
    }
    let led: Vec<(Span, Option<usize>)> =
        lead.iter().filter_map(|index| drawn.get(*index)).map(|one| (one.span, one.step)).collect();
    for index in others {
        if let Some(one) = drawn.get_mut(index)
            && one.step.is_none()
        {
            one.step = nearest(&led, one.span).and_then(|at| led.get(at)?.1);
        }
    }
}

/// Indexes of the stream that has most of them, ties to the first, and the others.
fn by_leading_stream(drawn: &[Drawn], own: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
    let stream = |index: usize| drawn.get(index).and_then(|one| one.stream);
    let mut counts: BTreeMap<Option<StreamId>, (usize, usize)> = BTreeMap::new();
    for (at, index) in own.iter().enumerate() {
        counts.entry(stream(*index)).or_insert((0, at)).0 += 1;
    }
    let (leading, _) = counts.into_iter().max_by_key(|(_, (count, at))| (*count, std::cmp::Reverse(*at)))?;
    Some(own.iter().copied().partition(|index| stream(*index) == leading))
}

/// Of sorted drawings the one that a span shares most time with, else the last that starts before it.
fn nearest(led: &[(Span, Option<usize>)], span: Span) -> Option<usize> {
    let before = led.partition_point(|(one, _)| one.start <= span.start);
    let shared = |at: usize| led.get(at).map(|(one, _)| shared(*one, span));
    let near = [before.checked_sub(1), Some(before).filter(|at| *at < led.len())];
    near.into_iter().flatten().max_by_key(|at| (shared(*at), std::cmp::Reverse(*at)))
}

/// Makes steps of the drawings that no range fits, and returns their stages.
///
/// Drawings that share most of their time are one step, whatever their texts and streams: ranges nest, and
/// streams repeat them.
fn alone(drawn: &mut [Drawn], first: usize) -> Vec<Option<Stage>> {
    let mut stages: Vec<Option<Stage>> = Vec::new();
    let mut open: Option<Span> = None;
    for one in drawn.iter_mut().filter(|one| one.step.is_none()) {
        let is_same = |span: &&mut Span| {
            shared(**span, one.span).0.saturating_mul(2) > one.span.length().0.min(span.length().0)
        };
        match open.as_mut().filter(is_same) {
            Some(span) => {
                span.end = span.end.max(one.span.end);
                if let Some(stage) = stages.last_mut() {
                    *stage = stage.or(one.stage);
                }
            }
            None => {
                open = Some(one.span);
                stages.push(one.stage);
            }
        }
        one.step = Some(first + stages.len() - 1);
    }
    stages
}

/// How long both spans last together.
fn shared(a: Span, b: Span) -> Ns {
    (a.end.min(b.end) - a.start.max(b.start)).max(Ns::ZERO)
}
