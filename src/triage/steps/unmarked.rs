//! Whole passes of the model beside the steps that annotations mark.
//!
//! A server may mark its decode steps and not a prefill between them. Such a pass is no part of any marked step. It is
//! a prefill with evidence, or else work outside of every step, and said to be there.

use super::between::{Pass, between};
use super::{Step, Steps, tokens};
use crate::trace::{Activity, Health, HealthCode, NameId, Span, Trace};
use crate::triage::activity::Classes;
use crate::triage::launches::Launches;
use crate::triage::layers::{self, Sequence, Slot, anchors};
use crate::triage::stage::Stage;

/// Adds the prefills that nothing marks to steps that annotations mark, and counts passes of which nothing tells more.
pub(super) fn add(
    marked: Steps,
    trace: &Trace,
    classes: &Classes,
    launches: &Launches<'_>,
    health: &mut Health,
) -> Steps {
    let step_of = |index: usize| marked.of_activity.get(index).copied().flatten();
    let is_anchor = |name: NameId| classes.get(name).is_some_and(|class| layers::is_anchor(class.role));
    let is_outside =
        |(index, activity): (usize, &Activity)| step_of(index).is_none() && is_anchor(activity.name);
    if marked.steps.iter().all(|step| step.stage.is_none())
        || !trace.activities.iter().enumerate().any(is_outside)
    {
        return marked;
    }
    let (slots, _) = layers::slots(trace, classes, launches, trace.activities.iter().copied().enumerate());
    let rest: Vec<Slot> = slots.iter().filter(|slot| step_of(slot.index).is_none()).copied().collect();
    let passes = between(&rest, &spans(&marked, trace), layers_of_a_step(&marked, &slots));
    if passes.is_empty() {
        return marked;
    }
    let is_decode =
        |step: usize| marked.steps.get(step).is_some_and(|step| step.stage == Some(Stage::Decode));
    let pass_of = |slot: &Slot| {
        let at = passes.partition_point(|pass| pass.start <= slot.start).checked_sub(1)?;
        passes.get(at).filter(|pass| slot.start <= pass.last).map(|_| at)
    };
    let count = marked.steps.len();
    let of_steps = slots
        .iter()
        .filter_map(|slot| Some((step_of(slot.index).or_else(|| Some(count + pass_of(slot)?))?, slot)));
    // A server launches what prepares its attention, and replays the attention.
    let mut launched = vec![(0_usize, 0_usize); count + passes.len()];
    for (step, slot) in of_steps.clone().filter(|(_, slot)| layers::is_anchor(slot.role)) {
        if let Some((replayed, all)) = launched.get_mut(step) {
            *replayed +=
                usize::from(launches.index(slot.index).is_some_and(|launch| launches.is_replay(launch)));
            *all += 1;
        }
    }
    let is_replayed = |step: usize| launched.get(step).is_some_and(|(replayed, all)| replayed * 2 > *all);
    let shown = tokens::shown(count + passes.len(), of_steps, is_replayed);
    let decode = shown.iter().enumerate().filter(|(step, _)| is_decode(*step)).map(|(_, shown)| shown);
    let decode = tokens::Group::of(decode);
    let is_prefill = |pass: usize| {
        let own = tokens::Group::of(shown.get(count + pass).into_iter());
        (0..count).any(is_decode) && own.is_prefill_beside_known(&decode)
    };
    let mut told: Vec<Pass> = Vec::new();
    for (index, pass) in passes.iter().enumerate() {
        if is_prefill(index) {
            told.push(*pass);
        } else {
            health.count(HealthCode::PassUnmarked, || {
                let time = shown.get(count + index).map_or(0.0, |shown| shown.ns as f64 / 1e6);
                format!("{time:.2} ms of kernels, launched outside of every annotated step")
            });
        }
    }
    with_prefills(marked, trace, &told)
}

/// The steps with others of stage `prefill` among them, in order of time.
fn with_prefills(mut marked: Steps, trace: &Trace, passes: &[Pass]) -> Steps {
    let of_marked = spans(&marked, trace);
    let count = marked.steps.len();
    for (activity, step) in trace.activities.iter().zip(&mut marked.of_activity) {
        let start = activity.span.start;
        let at = passes.partition_point(|pass| pass.start <= start).checked_sub(1);
        let pass = at.and_then(|at| passes.get(at).filter(|pass| start <= pass.last).map(|_| at));
        *step = step.or_else(|| Some(count + pass?));
    }
    let starts = of_marked.iter().map(|span| span.start).chain(passes.iter().map(|pass| pass.start));
    let mut order: Vec<_> = starts.enumerate().map(|(step, start)| (start, step)).collect();
    order.sort_unstable();
    let mut number = vec![0; order.len()];
    for (place, (_, step)) in order.iter().enumerate() {
        if let Some(number) = number.get_mut(*step) {
            *number = place;
        }
    }
    let prefill = Step::unmarked(Some(Stage::Prefill));
    let steps = order.iter().map(|(_, step)| marked.steps.get(*step).cloned().unwrap_or(prefill.clone()));
    let steps = steps.collect();
    let of_activity = marked.of_activity.iter().map(|step| step.and_then(|step| number.get(step).copied()));
    Steps { steps, of_activity: of_activity.collect(), found_by: marked.found_by }
}

/// From the first start to the last end of each step's activities.
fn spans(steps: &Steps, trace: &Trace) -> Vec<Span> {
    let mut spans: Vec<Option<Span>> = vec![None; steps.steps.len()];
    for (activity, step) in trace.activities.iter().zip(&steps.of_activity) {
        let Some(span) = step.and_then(|step| spans.get_mut(step)) else { continue };
        let Span { start, end } = activity.span;
        *span =
            Some(span.map_or(activity.span, |known| Span {
                start: known.start.min(start),
                end: known.end.max(end),
            }));
    }
    spans.into_iter().flatten().collect()
}

/// The layers of the first step that has any.
fn layers_of_a_step(steps: &Steps, slots: &[Slot]) -> usize {
    let mut of_step: Vec<Vec<Slot>> = vec![Vec::new(); steps.steps.len()];
    for slot in slots {
        let step = steps.of_activity.get(slot.index).copied().flatten();
        if let Some(of_step) = step.and_then(|step| of_step.get_mut(step)) {
            of_step.push(*slot);
        }
    }
    let count = |slots: &Vec<Slot>| Sequence::of(slots).map(|sequence| anchors(&sequence.main).len());
    of_step.iter().filter_map(count).max().unwrap_or(0)
}
