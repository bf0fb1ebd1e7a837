//! Every activity of a trace with all that the tables need: class, step, stage and measured times.

use std::collections::BTreeMap;

use super::classify::{Class, Classifier, Role};
use super::interval::{self, Hidden, Interval, Measured};
use super::queue::Queue;
use super::stage::{Stage, StageEvidence};
use super::steps::{self, FoundBy};
use super::window;
use crate::trace::{Activity, ActivityKind, DeviceId, Health, HealthCode, NameId, StreamId, Trace};

/// The classes of a trace's names, worked out once per distinct name.
pub struct Classes {
    classes: Vec<Class>,
    of_name: Vec<Option<u32>>,
}

impl Classes {
    /// Classifies every name that an activity of the trace carries.
    pub fn of(trace: &Trace, classifier: &Classifier) -> Self {
        let mut classes = Vec::new();
        let mut of_name: Vec<Option<u32>> = vec![None; trace.names.len()];
        // A copy that bears a kernel's name is classified as the kernel: the order in the file decides nothing.
        let mut activities: Vec<&Activity> = trace.activities.iter().collect();
        activities.sort_by_key(|activity| activity.kind);
        for activity in activities {
            if let Some(slot) = of_name.get_mut(activity.name.0 as usize)
                && slot.is_none()
            {
                *slot = u32::try_from(classes.len()).ok();
                classes.push(classifier.classify(trace.names.get(activity.name), activity.kind));
            }
        }
        Self { classes, of_name }
    }

    /// The class of a name that an activity carries.
    pub fn get(&self, name: NameId) -> Option<&Class> {
        let index = (*self.of_name.get(name.0 as usize)?)?;
        self.classes.get(index as usize)
    }
}

/// One activity, measured and placed.
#[derive(Debug, Clone, Copy)]
pub struct Placed {
    /// The activity as recorded.
    pub activity: Activity,
    /// Its index in the trace.
    pub index: usize,
    /// Added and exclusive time.
    pub measured: Measured,
    /// The step that it belongs to; `None` outside every step.
    pub step: Option<usize>,
    /// The stage that counts it.
    pub stage: Stage,
}

/// A trace's activities in order of start, and what is known of its steps.
pub struct Timeline {
    /// Sorted by start; ties: longer first, then file order.
    pub placed: Vec<Placed>,
    /// For each placed activity, by whose work it is hidden.
    pub hidden: Vec<Vec<Hidden<Role>>>,
    /// Class of each name.
    pub classes: Classes,
    /// How steps were found.
    pub found_by: FoundBy,
    /// For each step its stage.
    pub step_stages: Vec<Stage>,
    /// What the stages rest on.
    pub evidence: StageEvidence,
    /// When each activity of the trace was queued.
    pub queue: Queue,
}

impl Timeline {
    /// Places every activity of a trace. `path_stage` is the stage that the file's own path names.
    pub fn of(
        trace: &Trace,
        classifier: &Classifier,
        path_stage: Option<Stage>,
        health: &mut Health,
    ) -> Self {
        let classes = Classes::of(trace, classifier);
        let queue = Queue::of(trace);
        let steps = steps::find(trace, &classes, &queue, health);
        let is_told = steps.steps.iter().any(|step| step.stage.is_some());
        let evidence = match path_stage {
            _ if is_told && steps.found_by == FoundBy::Annotation => StageEvidence::Annotation,
            _ if is_told => StageEvidence::Inferred,
            Some(_) => StageEvidence::Directory,
            None => StageEvidence::None,
        };
        // What a step shows of itself outranks the name of the file, which speaks for all steps at once.
        let step_stages: Vec<Stage> =
            steps.steps.iter().map(|step| step.stage.or(path_stage).unwrap_or(Stage::All)).collect();
        if let Some(named) = path_stage {
            for stage in step_stages.iter().filter(|stage| **stage != named) {
                health.count(HealthCode::StageDisagrees, || {
                    format!("a step of a file that is named {} is {}", named.as_str(), stage.as_str())
                });
            }
        }
        count_missing_launches(trace, health);
        window::inspect(trace, &steps.of_activity, health);

        let (measured, hidden) = measure_per_device(trace, &classes);
        let mut placed: Vec<(Placed, Vec<Hidden<Role>>)> = trace
            .activities
            .iter()
            .zip(measured)
            .zip(hidden)
            .zip(steps.of_activity)
            .enumerate()
            .map(|(index, (((activity, measured), hidden), step))| {
                let stage = step.and_then(|step| step_stages.get(step).copied()).unwrap_or(Stage::All);
                (Placed { activity: *activity, index, measured, step, stage }, hidden)
            })
            .collect();
        placed.sort_by_key(|(one, _)| (one.activity.span.start, std::cmp::Reverse(one.activity.span.end)));
        let (mut placed, hidden): (Vec<Placed>, Vec<_>) = placed.into_iter().unzip();
        adopt_strays(&mut placed, step_stages.first().copied().unwrap_or(Stage::All));
        Self { placed, hidden, classes, found_by: steps.found_by, step_stages, evidence, queue }
    }
}

impl Timeline {
    /// What the name of a stage rests on.
    pub fn evidence_of(&self, stage: Stage) -> StageEvidence {
        if stage == Stage::All { StageEvidence::None } else { self.evidence }
    }

    /// Takes the steps of a stage out; their work counts for another one, outside of every step.
    pub fn leave(&mut self, stage: Stage, own: Stage) {
        let mut kept = Vec::new();
        let number: Vec<Option<usize>> = self
            .step_stages
            .iter()
            .map(|of_step| {
                (*of_step != stage).then(|| {
                    kept.push(*of_step);
                    kept.len() - 1
                })
            })
            .collect();
        for one in &mut self.placed {
            one.step = one.step.and_then(|step| number.get(step).copied().flatten());
            if one.stage == stage {
                one.stage = own;
            }
        }
        self.step_stages = kept;
    }
}

/// Work outside every step is counted by the stage of the step before it, else of the first step.
fn adopt_strays(placed: &mut [Placed], first: Stage) {
    let mut current = first;
    for one in placed {
        match one.step {
            Some(_) => current = one.stage,
            None => one.stage = current,
        }
    }
}

fn count_missing_launches(trace: &Trace, health: &mut Health) {
    // A profile of the GPU alone has no launches to miss; one with CPU work had them and lost them.
    if trace.launches.is_empty() && trace.annotations.is_empty() && trace.cpu_ops.is_empty() {
        return;
    }
    let mut known: Vec<_> = trace.launches.iter().map(|launch| launch.correlation).collect();
    known.sort_unstable();
    for activity in &trace.activities {
        let is_known = activity.correlation.is_some_and(|id| known.binary_search(&id).is_ok());
        if !is_known {
            health.count(HealthCode::LaunchMissing, || trace.names.get(activity.name).to_owned());
        }
    }
}

/// Exclusive time looks at all of a device's streams, whatever stage they work for.
fn measure_per_device(trace: &Trace, classes: &Classes) -> (Vec<Measured>, Vec<Vec<Hidden<Role>>>) {
    let mut by_device: BTreeMap<DeviceId, Vec<usize>> = BTreeMap::new();
    for (index, activity) in trace.activities.iter().enumerate() {
        by_device.entry(activity.stream.device).or_default().push(index);
    }
    let mut measured = vec![Measured::default(); trace.activities.len()];
    let mut hidden = vec![Vec::new(); trace.activities.len()];
    for mut of_device in by_device.into_values() {
        // Of equal intervals the first adds to its stream; by name, so that the order in the file decides nothing.
        of_device.sort_by_key(|index| trace.activities.get(*index).map(|one| trace.names.get(one.name)));
        let intervals: Vec<Interval<Role>> = of_device
            .iter()
            .filter_map(|index| trace.activities.get(*index))
            .map(|activity| Interval {
                lane: activity.stream.stream.0,
                label: classes.get(activity.name).map_or(Role::Other, |class| class.role),
                span: activity.span,
            })
            .collect();
        let sweep = interval::measure(&intervals);
        for ((index, of_one), by) in of_device.into_iter().zip(sweep.measured).zip(sweep.hidden) {
            if let (Some(time), Some(parts)) = (measured.get_mut(index), hidden.get_mut(index)) {
                *time = of_one;
                *parts = by;
            }
        }
    }
    (measured, hidden)
}

impl Placed {
    /// The stream that ran it.
    pub fn stream(&self) -> StreamId {
        self.activity.stream
    }

    /// Whether it is a kernel and no copy or fill.
    pub fn is_kernel(&self) -> bool {
        self.activity.kind == ActivityKind::Kernel
    }
}
