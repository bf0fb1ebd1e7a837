//! Steps that somebody marked: ranges of the serving engine or of the profiler, on the CPU or drawn on the GPU.

use std::collections::BTreeSet;

use super::drawing::Drawings;
use super::{FoundBy, Step, Steps};
use crate::trace::{Annotation, ExternalId, Health, HealthCode, NameId, Ns, Span, Trace};
use crate::triage::launches::Launches;
use crate::triage::stage::{Label, Stage};

/// An annotation that marks a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark<'t> {
    pub annotation: &'t Annotation,
    pub stage: Option<Stage>,
    is_serving: bool,
}

/// A marked range on the CPU that no other marked range contains.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub span: Span,
    stage: Option<Stage>,
    /// The texts of the range and of those inside it.
    pub names: BTreeSet<NameId>,
    /// What their drawings on the GPU carry too.
    pub externals: BTreeSet<ExternalId>,
}

/// Finds the steps that annotations mark; `None` where none of them owns work.
pub(super) fn find(trace: &Trace, launches: &Launches<'_>, health: &mut Health) -> Option<Steps> {
    let (drawn, ranges): (Vec<Mark<'_>>, Vec<Mark<'_>>) =
        marks(trace).into_iter().partition(|mark| mark.annotation.on_gpu);
    let ranges = outermost(trace, ranges, health);
    let spans: Vec<Span> = ranges.iter().map(|range| range.span).collect();
    let launched: Vec<Option<usize>> = (0..trace.activities.len())
        .map(|activity| range_at(&spans, launches.launch(activity)?.span.start))
        .collect();
    let drawings = Drawings::of(trace, &drawn, &ranges, &launched);
    let of_activity: Vec<Option<usize>> = trace
        .activities
        .iter()
        .zip(launched)
        .enumerate()
        .map(|(index, (activity, range))| match launches.index(index) {
            // Where the CPU shows no step at all, a drawing is all there is.
            Some(_) if !ranges.is_empty() => range,
            Some(_) | None => drawings.step_at(activity),
        })
        .collect();
    let marked = |stage, names| Step { stage, is_marked: true, names };
    let ranges_of_cpu = ranges.len();
    let mut found: Vec<Step> = ranges.into_iter().map(|range| marked(range.stage, range.names)).collect();
    found.extend(drawings.alone.iter().map(|stage| marked(*stage, BTreeSet::new())));
    // Beside ranges of the CPU a drawing that fits none of them is said to disagree, and promised no work.
    let promised = if ranges_of_cpu > 0 { ranges_of_cpu } else { found.len() };
    Some(numbered(trace, found, of_activity, promised, health)).filter(|steps| !steps.steps.is_empty())
}

/// Numbers the steps that own work by the start of it; of the `promised` first ones those are counted that own none.
fn numbered(
    trace: &Trace,
    found: Vec<Step>,
    of_activity: Vec<Option<usize>>,
    promised: usize,
    health: &mut Health,
) -> Steps {
    let mut starts: Vec<Option<Ns>> = vec![None; found.len()];
    for (activity, step) in trace.activities.iter().zip(&of_activity) {
        if let Some(start) = step.and_then(|step| starts.get_mut(step)) {
            *start = Some(start.map_or(activity.span.start, |known| known.min(activity.span.start)));
        }
    }
    for _ in starts.iter().take(promised).filter(|start| start.is_none()) {
        health
            .count(HealthCode::StepEmpty, || "no GPU work was launched inside an annotated step".to_owned());
    }
    let mut order: Vec<(Ns, usize)> =
        starts.iter().enumerate().filter_map(|(step, start)| Some(((*start)?, step))).collect();
    order.sort_unstable();
    let mut number = vec![None; found.len()];
    let mut steps = Vec::new();
    for (_, step) in order {
        if let (Some(number), Some(step)) = (number.get_mut(step), found.get(step)) {
            *number = Some(steps.len());
            steps.push(step.clone());
        }
    }
    let of_activity = of_activity
        .into_iter()
        .map(|step| step.and_then(|step| number.get(step).copied().flatten()))
        .collect();
    Steps { steps, of_activity, found_by: FoundBy::Annotation }
}

/// Step annotations, a serving engine's where there are any, else the profiler's.
fn marks(trace: &Trace) -> Vec<Mark<'_>> {
    fn mark<'t>(trace: &'t Trace, annotation: &'t Annotation) -> Option<Mark<'t>> {
        let label = Label::parse(trace.names.get(annotation.name))?;
        let (stage, is_serving) = match label {
            Label::Serving(stage) => (stage, true),
            Label::Profiler => (None, false),
        };
        Some(Mark { annotation, stage, is_serving })
    }
    let mut marks: Vec<Mark<'_>> =
        trace.annotations.iter().filter_map(|annotation| mark(trace, annotation)).collect();
    // The CPU's kind decides: a drawing of another kind has no range to belong to.
    let on_cpu = || marks.iter().filter(|mark| !mark.annotation.on_gpu);
    let is_serving = match on_cpu().next() {
        Some(_) => on_cpu().any(|mark| mark.is_serving),
        None => marks.iter().any(|mark| mark.is_serving),
    };
    marks.retain(|mark| mark.is_serving == is_serving);
    marks
}

/// By how much a time in a trace may be off: old ones hold whole microseconds, and doubles of the time since 1970 hold
/// quarters of one. A begin and a length are rounded each.
const ROUNDING: Ns = Ns(2_000);

/// Whether one of two ranges lies inside the other but for rounding.
fn is_nested(outer: Span, inner: Span) -> bool {
    let shared = (outer.end.min(inner.end) - outer.start.max(inner.start)).max(Ns::ZERO);
    let shorter = outer.length().min(inner.length());
    outer.encloses(inner)
        || (shared.0 > 0 && shared.0 >= shorter.0 - ROUNDING.0 && shorter.0 > 2 * ROUNDING.0)
}

/// Nested ranges are one step: engines wrap `execute_…` around `step[…]`, or the other way round.
fn outermost(trace: &Trace, mut marks: Vec<Mark<'_>>, health: &mut Health) -> Vec<Range> {
    let text = |name: NameId| trace.names.get(name).to_owned();
    marks.sort_by_key(|mark| (mark.annotation.span.start, std::cmp::Reverse(mark.annotation.span.end)));
    let mut ranges: Vec<Range> = Vec::new();
    for Mark { annotation, stage, .. } in marks {
        match ranges.last_mut() {
            Some(outer) if is_nested(outer.span, annotation.span) => {
                outer.span.start = outer.span.start.min(annotation.span.start);
                outer.span.end = outer.span.end.max(annotation.span.end);
                if outer.stage.is_some() && stage.is_some() && outer.stage != stage {
                    health.count(HealthCode::AnnotationDisagrees, || {
                        let outside = outer.names.first().copied().map_or_else(String::new, text);
                        format!("{outside} encloses {}, which is another stage", text(annotation.name))
                    });
                }
                outer.stage = outer.stage.or(stage);
                outer.names.insert(annotation.name);
                outer.externals.extend(annotation.external);
            }
            _ => ranges.push(Range {
                span: annotation.span,
                stage,
                names: BTreeSet::from([annotation.name]),
                externals: annotation.external.into_iter().collect(),
            }),
        }
    }
    ranges
}

/// The range that contains an instant. Ranges are sorted by start and do not contain one another, so
/// their ends ascend too and the last that starts early enough is the only one to ask.
pub(super) fn range_at(spans: &[Span], at: Ns) -> Option<usize> {
    let index = spans.partition_point(|span| span.start <= at).checked_sub(1)?;
    spans.get(index).filter(|span| span.contains(at)).map(|_| index)
}
