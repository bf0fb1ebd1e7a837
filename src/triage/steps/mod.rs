//! Which activities belong to which step: one step is one forward pass.
//!
//! Input: a trace and the roles of its names. Output: the steps, and for each activity its step, if any.
//! A CPU annotation that contains an activity's launch decides. Annotations on the GPU start late and
//! repeat per stream; they serve only where a launch is missing. Without annotations, graph launches that
//! hold the attention kernels are steps, and so is what runs as many layers between them; else the period of
//! the sequence of kernels; else the whole capture is one step.

mod annotation;
mod between;
mod cut;
mod drawing;
mod edges;
mod period;
mod replay;
mod tokens;
mod unmarked;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::activity::Classes;
use super::launches::Launches;
use super::layers::{self, Slot};
use super::stage::Stage;
use crate::trace::{Health, HealthCode, NameId, Trace};

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
    /// Its stage, where it shows: `all` when it shows that the stages of its like are mixed up.
    pub stage: Option<Stage>,
    /// Whether an annotation marks it.
    pub is_marked: bool,
    /// The texts of the ranges that mark it.
    pub names: BTreeSet<NameId>,
}

impl Step {
    /// A step that no annotation marks.
    fn unmarked(stage: Option<Stage>) -> Self {
        Self { stage, is_marked: false, names: BTreeSet::new() }
    }
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

impl Steps {
    /// Takes a step out; its work is outside of every step.
    fn leave(&mut self, step: usize) {
        self.steps.remove(step);
        for of in &mut self.of_activity {
            *of = of.filter(|own| *own != step).map(|own| if own > step { own - 1 } else { own });
        }
    }
}

/// Finds the steps of a trace.
pub fn find(trace: &Trace, classes: &Classes, launches: &Launches<'_>, health: &mut Health) -> Steps {
    annotation::find(trace, launches, health)
        .map(|marked| unmarked::add(marked, trace, classes, launches, health))
        .or_else(|| replay::find(trace, classes, launches, health))
        .or_else(|| by_period(trace, classes, launches, health))
        .unwrap_or_else(|| whole(trace))
}

fn by_period(
    trace: &Trace,
    classes: &Classes,
    launches: &Launches<'_>,
    health: &mut Health,
) -> Option<Steps> {
    let (slots, _) = layers::slots(trace, classes, launches, trace.activities.iter().copied().enumerate());
    let cuts = period::find(&slots)?;
    let step_of = |at| cuts.partition_point(|cut| *cut <= at);
    let mut of_activity: Vec<Option<usize>> =
        trace.activities.iter().map(|activity| Some(step_of(activity.span.start))).collect();
    for (index, step) in edges::copies(trace, launches, &slots, |slot| Some(step_of(slot.start))) {
        if let Some(of) = of_activity.get_mut(index) {
            *of = step;
        }
    }
    let count = cuts.len() + 1;
    let of_steps = slots.iter().map(|slot| (step_of(slot.start), slot));
    let parts = cut::parts(&by_step(count, of_steps.clone()));
    let stages = tokens::stages(count, of_steps, |_| false, &parts, health);
    let steps = stages.into_iter().map(Step::unmarked).collect();
    let mut steps = Steps { steps, of_activity, found_by: FoundBy::Period };
    // A prefill that is cut is kept apart from the others already.
    for (step, _) in parts.into_iter().rev().filter(|(_, part)| *part == cut::Part::OfAStep) {
        if steps.steps.get(step).is_some_and(|step| step.stage != Some(Stage::All)) {
            health.count(HealthCode::StepCut, || {
                "a step at the edge of the window lacks kernels that the other steps have".to_owned()
            });
            steps.leave(step);
        }
    }
    Some(steps)
}

/// The slots of each of `count` steps.
fn by_step<'s>(count: usize, slots: impl Iterator<Item = (usize, &'s Slot)>) -> Vec<Vec<Slot>> {
    let mut steps = vec![Vec::new(); count];
    for (step, slot) in slots {
        if let Some(of_step) = steps.get_mut(step) {
            of_step.push(*slot);
        }
    }
    steps
}

fn whole(trace: &Trace) -> Steps {
    Steps {
        steps: vec![Step::unmarked(None)],
        of_activity: vec![Some(0); trace.activities.len()],
        found_by: FoundBy::None,
    }
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
        find(&trace, &classes, &Launches::of(&trace), &mut Health::default())
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
