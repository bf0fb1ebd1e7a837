//! Which activities belong to which step: one step is one forward pass.
//!
//! Input: a trace and the roles of its names. Output: the steps, and for each activity its step, if any.
//! A CPU annotation that contains an activity's launch decides. Annotations on the GPU start late and
//! repeat per stream; they serve only where a launch is missing. Without annotations, graph launches that
//! hold the attention kernels are steps; else the whole capture is one step.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::activity::Classes;
use super::classify::Role;
use super::stage::{Label, Stage};
use super::{layers, period};
use crate::trace::{Activity, CorrelationId, Health, HealthCode, Launch, Ns, Span, Trace};

/// How a capture's steps were told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FoundBy {
    /// Named ranges on the CPU.
    Annotation,
    /// Graph launches that each hold most of a step.
    GraphLaunch,
    /// The period of the kernel sequence.
    Period,
    /// Not at all: the whole capture is one step.
    None,
}

impl FoundBy {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Annotation => "annotation",
            Self::GraphLaunch => "graph-launch",
            Self::Period => "period",
            Self::None => "none",
        }
    }
}

/// One forward pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its stage, when an annotation tells it.
    pub stage: Option<Stage>,
}

/// The steps of one trace file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    /// In order of time; each owns at least one activity.
    pub steps: Vec<Step>,
    /// For each activity, in the trace's order, the step that it belongs to.
    pub of_activity: Vec<Option<usize>>,
    /// How they were found.
    pub found_by: FoundBy,
}

/// Finds the steps of a trace.
pub fn find(trace: &Trace, classes: &Classes, health: &mut Health) -> Steps {
    let launches: HashMap<CorrelationId, &Launch> =
        trace.launches.iter().map(|launch| (launch.correlation, launch)).collect();
    by_annotation(trace, &launches, health)
        .or_else(|| by_graph_launch(trace, classes, &launches))
        .or_else(|| by_period(trace, classes))
        .unwrap_or_else(|| whole(trace))
}

fn by_period(trace: &Trace, classes: &Classes) -> Option<Steps> {
    let (slots, _) = layers::slots(trace, classes, trace.activities.iter().copied().enumerate());
    let period = period::find(&slots)?;
    let of_activity = trace
        .activities
        .iter()
        .map(|activity| Some(period.cuts.partition_point(|cut| *cut <= activity.span.start)))
        .collect();
    let steps = period.stages.into_iter().map(|stage| Step { stage }).collect();
    Some(Steps { steps, of_activity, found_by: FoundBy::Period })
}

fn whole(trace: &Trace) -> Steps {
    Steps {
        steps: vec![Step { stage: None }],
        of_activity: vec![Some(0); trace.activities.len()],
        found_by: FoundBy::None,
    }
}

/// A marked range on the CPU that no other marked range contains.
struct Range {
    span: Span,
    stage: Option<Stage>,
}

fn by_annotation(
    trace: &Trace,
    launches: &HashMap<CorrelationId, &Launch>,
    health: &mut Health,
) -> Option<Steps> {
    let ranges = outermost(labelled(trace, false));
    if ranges.is_empty() {
        return None;
    }
    let spans: Vec<Span> = ranges.iter().map(|range| range.span).collect();
    let on_gpu = GpuRanges::of(trace, &spans);
    let of_activity: Vec<Option<usize>> = trace
        .activities
        .iter()
        .map(|activity| match launch_of(activity, launches) {
            Some(launch) => range_at(&spans, launch.span.start),
            None => on_gpu.range_at(activity.span.start),
        })
        .collect();
    Some(without_empty(ranges.iter().map(|range| range.stage).collect(), of_activity, health))
        .filter(|steps| !steps.steps.is_empty())
}

/// Renumbers the steps so that each owns work; a range in which nothing was launched is counted.
fn without_empty(stages: Vec<Option<Stage>>, of_activity: Vec<Option<usize>>, health: &mut Health) -> Steps {
    let mut is_used = vec![false; stages.len()];
    for step in of_activity.iter().flatten() {
        if let Some(used) = is_used.get_mut(*step) {
            *used = true;
        }
    }
    let mut number = Vec::with_capacity(stages.len());
    let mut steps = Vec::new();
    for (stage, used) in stages.into_iter().zip(is_used) {
        if used {
            number.push(Some(steps.len()));
            steps.push(Step { stage });
        } else {
            number.push(None);
            health.count(HealthCode::StepEmpty, || {
                "no GPU work was launched inside an annotated step".to_owned()
            });
        }
    }
    let of_activity = of_activity
        .into_iter()
        .map(|step| step.and_then(|step| number.get(step).copied().flatten()))
        .collect();
    Steps { steps, of_activity, found_by: FoundBy::Annotation }
}

/// Step annotations of the CPU or of the GPU: a serving engine's where there are any, else the profiler's.
fn labelled(trace: &Trace, on_gpu: bool) -> Vec<(Span, Label)> {
    let all: Vec<(Span, Label)> = trace
        .annotations
        .iter()
        .filter(|annotation| annotation.on_gpu == on_gpu)
        .filter_map(|annotation| Some((annotation.span, Label::parse(trace.names.get(annotation.name))?)))
        .collect();
    let is_serving = |label: Label| matches!(label, Label::Serving(_));
    if all.iter().any(|(_, label)| is_serving(*label)) {
        all.into_iter().filter(|(_, label)| is_serving(*label)).collect()
    } else {
        all
    }
}

/// Nested ranges are one step: engines wrap `execute_…` around `step[…]`, or the other way round.
fn outermost(mut labelled: Vec<(Span, Label)>) -> Vec<Range> {
    labelled.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
    let mut ranges: Vec<Range> = Vec::new();
    for (span, label) in labelled {
        let stage = match label {
            Label::Serving(stage) => stage,
            Label::Profiler => None,
        };
        match ranges.last_mut() {
            Some(outer) if outer.span.encloses(span) => outer.stage = outer.stage.or(stage),
            _ => ranges.push(Range { span, stage }),
        }
    }
    ranges
}

/// The range that contains an instant. Ranges are sorted by start and do not contain one another, so
/// their ends ascend too and the last that starts early enough is the only one to ask.
fn range_at(spans: &[Span], at: Ns) -> Option<usize> {
    let index = spans.partition_point(|span| span.start <= at).checked_sub(1)?;
    spans.get(index).filter(|span| span.contains(at)).map(|_| index)
}

/// Where the profiler drew the steps on the GPU, and which CPU range each drawing belongs to.
struct GpuRanges {
    drawn: Vec<(Span, usize)>,
}

impl GpuRanges {
    fn of(trace: &Trace, cpu: &[Span]) -> Self {
        // A drawing starts after its CPU range does and before the GPU reaches the next one's work.
        let mut drawn: Vec<(Span, usize)> = labelled(trace, true)
            .into_iter()
            .filter_map(|(span, _)| {
                let index = cpu.partition_point(|range| range.start <= span.start).checked_sub(1)?;
                Some((span, index))
            })
            .collect();
        drawn.sort_unstable_by_key(|(span, index)| (span.start, span.end, *index));
        Self { drawn }
    }

    fn range_at(&self, at: Ns) -> Option<usize> {
        let last = self.drawn.partition_point(|(span, _)| span.start <= at);
        // Several streams repeat a drawing, so a few neighbours may have to be asked.
        let near = self.drawn.get(last.saturating_sub(16)..last)?;
        near.iter().rev().find(|(span, _)| span.contains(at)).map(|(_, index)| *index)
    }
}

fn launch_of<'t>(activity: &Activity, launches: &HashMap<CorrelationId, &'t Launch>) -> Option<&'t Launch> {
    launches.get(&activity.correlation?).copied()
}

/// Activities of one graph launch.
struct Replay {
    launched: Ns,
    activities: usize,
    has_attention: bool,
    total: Ns,
}

fn by_graph_launch(
    trace: &Trace,
    classes: &Classes,
    launches: &HashMap<CorrelationId, &Launch>,
) -> Option<Steps> {
    let mut replays: HashMap<CorrelationId, Replay> = HashMap::new();
    for activity in &trace.activities {
        let Some(launch) = launch_of(activity, launches) else { continue };
        if !trace.names.get(launch.name).contains("GraphLaunch") {
            continue;
        }
        let replay = replays.entry(launch.correlation).or_insert(Replay {
            launched: launch.span.start,
            activities: 0,
            has_attention: false,
            total: Ns::ZERO,
        });
        replay.activities += 1;
        replay.has_attention |= classes.get(activity.name).is_some_and(|class| class.role == Role::Attention);
        replay.total += activity.span.length();
    }
    let mut order: Vec<(CorrelationId, Replay)> = replays.into_iter().collect();
    order.sort_unstable_by_key(|(correlation, replay)| (replay.launched, *correlation));
    let largest = order.iter().map(|(_, replay)| replay.activities).max()?;
    // A piece of a piecewise graph holds no attention: the engine runs that between the pieces.
    let holds_a_step = |replay: &Replay| {
        replay.activities * 2 >= largest
            && (replay.has_attention || replay.total.0.saturating_mul(2) >= trace.gpu_total().0)
    };
    let steps_of: HashMap<CorrelationId, usize> = order
        .iter()
        .filter(|(_, replay)| holds_a_step(replay))
        .enumerate()
        .map(|(index, (correlation, _))| (*correlation, index))
        .collect();
    let in_steps: Ns =
        order.iter().filter(|(_, replay)| holds_a_step(replay)).map(|(_, replay)| replay.total).sum();
    if steps_of.is_empty() || in_steps.0.saturating_mul(2) < trace.gpu_total().0 {
        return None;
    }
    let of_activity = trace
        .activities
        .iter()
        .map(|activity| activity.correlation.and_then(|correlation| steps_of.get(&correlation).copied()))
        .collect();
    Some(Steps {
        steps: vec![Step { stage: None }; steps_of.len()],
        of_activity,
        found_by: FoundBy::GraphLaunch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(events: &str) -> Trace {
        crate::trace::read(format!("[{events}]").as_bytes()).unwrap()
    }

    fn annotation(name: &str, ts: u32, dur: u32) -> String {
        format!(
            r#"{{"ph":"X","cat":"user_annotation","name":"{name}","pid":1,"tid":2,"ts":{ts},"dur":{dur}}},"#
        )
    }

    fn launch(correlation: u32, ts: u32) -> String {
        format!(
            r#"{{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":3,"ts":{ts},"dur":1,"args":{{"correlation":{correlation}}}}},"#
        )
    }

    fn kernel(correlation: u32, ts: u32) -> String {
        format!(
            r#"{{"ph":"X","cat":"kernel","name":"k","pid":0,"tid":7,"ts":{ts},"dur":5,"args":{{"stream":7,"correlation":{correlation}}}}},"#
        )
    }

    fn steps(events: &str) -> Steps {
        let trace = trace(events.trim_end_matches(','));
        let classes = Classes::of(&trace, &crate::triage::Classifier::builtin().unwrap());
        find(&trace, &classes, &mut Health::default())
    }

    #[test]
    fn the_launch_decides_on_any_thread_and_nested_ranges_are_one_step() {
        let events = annotation("execute_context_0(0)_generation_8(8)", 0, 100)
            + &annotation("step[DECODE bs=8]", 10, 50)
            + &annotation("step[EXTEND bs=1 toks=4]", 200, 50)
            + &launch(1, 20)
            + &launch(2, 90)
            + &launch(3, 210)
            + &launch(4, 400)
            + &kernel(1, 1000)
            + &kernel(2, 1010)
            + &kernel(3, 1020)
            + &kernel(4, 220);
        let steps = steps(&events);
        assert_eq!(steps.of_activity, [Some(0), Some(0), Some(1), None]);
        assert_eq!(steps.steps[0].stage, Some(Stage::Decode));
        assert_eq!(steps.steps[1].stage, Some(Stage::Prefill));
    }

    #[test]
    fn an_annotated_step_without_work_is_no_step() {
        let events = annotation("step[DECODE bs=1]", 0, 10)
            + &annotation("step[DECODE bs=1]", 20, 10)
            + &launch(1, 25)
            + &kernel(1, 100);
        assert_eq!(steps(&events).steps.len(), 1);
    }

    #[test]
    fn without_marks_the_capture_is_one_step() {
        let steps = steps(&(launch(1, 0) + &kernel(1, 10) + &kernel(2, 20)));
        assert_eq!(steps.found_by, FoundBy::None);
        assert_eq!(steps.of_activity, [Some(0), Some(0)]);
    }
}
