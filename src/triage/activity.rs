//! Every activity of a trace with all that the tables need: class, step, stage and measured times.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::busy::{Busy, Union};
use super::classify::{Class, Classifier, Role};
use super::interval::{self, HiddenParts, Interval, Measured};
use super::launches::Launches;
use super::replays;
use super::stage::{Stage, StageEvidence};
use super::steps::{self, FoundBy};
use super::turns;
use super::window;
use crate::trace::{Activity, ActivityKind, DeviceId, Health, HealthCode, NameId, Ns, Span, StreamId, Trace};

/// The classes of a trace's names, worked out once per distinct name.
pub struct Classes {
    classes: Vec<Class>,
    /// For each class the number of its kernel id.
    kernel_of: Vec<u32>,
    /// For each kernel id the first class that bears it.
    first_of: Vec<u32>,
    of_name: Vec<Option<u32>>,
}

impl Classes {
    /// Classifies every name that an activity of the trace carries.
    pub fn of(trace: &Trace, classifier: &Classifier) -> Self {
        let mut found = Self {
            classes: Vec::new(),
            kernel_of: Vec::new(),
            first_of: Vec::new(),
            of_name: vec![None; trace.names.len()],
        };
        // A copy that bears a kernel's name is classified as the kernel: the order in the file decides nothing.
        let mut kinds: Vec<(NameId, ActivityKind)> = Vec::new();
        for activity in &trace.activities {
            let Some(slot) = found.of_name.get_mut(activity.name.0 as usize) else { continue };
            match slot.and_then(|index| kinds.get_mut(index as usize)) {
                Some((_, kind)) => *kind = (*kind).min(activity.kind),
                None => {
                    *slot = u32::try_from(kinds.len()).ok();
                    kinds.push((activity.name, activity.kind));
                }
            }
        }
        let classify =
            |(name, kind): (NameId, ActivityKind)| classifier.classify(trace.names.get(name), kind);
        found.classes = kinds.into_iter().map(classify).collect();
        let mut number_of: HashMap<&str, u32> = HashMap::new();
        for (index, class) in (0_u32..).zip(&found.classes) {
            let next = found.first_of.len() as u32;
            let number = *number_of.entry(&class.id).or_insert(next);
            if number == next {
                found.first_of.push(index);
            }
            found.kernel_of.push(number);
        }
        found
    }

    /// The class of a name that an activity carries.
    pub fn get(&self, name: NameId) -> Option<&Class> {
        self.classes.get(self.index(name)?)
    }

    /// The number of the class of a name: each name has its own.
    pub fn index(&self, name: NameId) -> Option<usize> {
        (*self.of_name.get(name.0 as usize)?).map(|index| index as usize)
    }

    /// How many names were classified.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether nothing was classified.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// The number of the kernel id of a name; names of one kernel share it.
    pub fn kernel(&self, name: NameId) -> Option<usize> {
        self.kernel_of.get(self.index(name)?).map(|number| *number as usize)
    }

    /// How many kernel ids there are.
    pub fn kernels(&self) -> usize {
        self.first_of.len()
    }

    /// The kernel id of a number.
    pub fn kernel_id(&self, number: usize) -> Option<&str> {
        let first = *self.first_of.get(number)?;
        self.classes.get(first as usize).map(|class| class.id.as_str())
    }
}

/// One activity, measured and placed.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'t> {
    /// The activity as recorded.
    pub activity: &'t Activity,
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
pub struct Timeline<'t> {
    /// Sorted by start; ties: longer first, then file order.
    pub placed: Vec<Placed<'t>>,
    /// For each placed activity, by whose work it is hidden.
    pub hidden: HiddenParts<Role>,
    /// Class of each name.
    pub classes: Classes,
    /// How most steps were found.
    found_by: FoundBy,
    /// For each step its stage.
    pub step_stages: Vec<Stage>,
    /// What the stages rest on.
    evidence: StageEvidence,
    /// Stages of steps that nothing marks, beside steps that annotations mark.
    inferred: BTreeSet<Stage>,
    /// What queued each activity of the trace, and when.
    pub launches: Arc<Launches<'t>>,
    /// When each device works at all.
    pub busy: BTreeMap<DeviceId, Busy>,
    /// For each step where its activities begin among those below.
    step_begins: Vec<u32>,
    /// The places of activities, step by step.
    by_step: Vec<u32>,
}

impl<'t> Timeline<'t> {
    /// Places every activity of a trace. `path_stage` is the stage that the file's own path names.
    pub fn of(
        trace: &'t Trace,
        classifier: &Classifier,
        path_stage: Option<Stage>,
        health: &mut Health,
    ) -> Self {
        Self::with(trace, Arc::new(Launches::of(trace)), classifier, path_stage, health)
    }

    /// The same with launches that are joined already.
    pub fn with(
        trace: &'t Trace,
        launches: Arc<Launches<'t>>,
        classifier: &Classifier,
        path_stage: Option<Stage>,
        health: &mut Health,
    ) -> Self {
        let classes = Classes::of(trace, classifier);
        let steps = steps::find(trace, &classes, &launches, health);
        let is_told = steps.steps.iter().any(|step| step.stage.is_some_and(|stage| stage != Stage::All));
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
        let is_inferred = |step: &&steps::Step| steps.found_by == FoundBy::Annotation && !step.is_marked;
        let inferred = steps.steps.iter().filter(is_inferred).filter_map(|step| step.stage).collect();
        count_missing_launches(trace, &launches, health);
        let order = in_order(trace);
        window::inspect(trace, &launches, &order, &steps.of_activity, health);
        replays::inspect(trace, &launches, &order, &steps, health);

        let mut placed: Vec<Placed<'t>> = order
            .iter()
            .filter_map(|index| {
                let index = *index as usize;
                let activity = trace.activities.get(index)?;
                let step = steps.of_activity.get(index).copied().flatten();
                let stage = step.and_then(|step| step_stages.get(step).copied()).unwrap_or(Stage::All);
                Some(Placed { activity, index, measured: Measured::default(), step, stage })
            })
            .collect();
        let hidden = measure_per_device(trace, &classes, &mut placed);
        adopt_strays(&mut placed, step_stages.first().copied().unwrap_or(Stage::All));
        let busy = busy_of_devices(&placed);
        let mut timeline = Self {
            placed,
            hidden,
            classes,
            found_by: steps.found_by,
            step_stages,
            evidence,
            inferred,
            launches,
            busy,
            step_begins: Vec::new(),
            by_step: Vec::new(),
        };
        timeline.sort_by_step();
        turns::keep_whole_turns(&mut timeline, health);
        timeline
    }

    /// The activities of a step, in order of start.
    pub fn in_step(&self, step: usize) -> impl Iterator<Item = &Placed<'t>> {
        let bound = |step: usize| self.step_begins.get(step).map_or(self.by_step.len(), |at| *at as usize);
        let places = self.by_step.get(bound(step)..bound(step + 1)).unwrap_or_default();
        places.iter().filter_map(|place| self.placed.get(*place as usize))
    }

    fn sort_by_step(&mut self) {
        let mut counts = vec![0_u32; self.step_stages.len() + 1];
        let steps = || self.placed.iter().map(|one| one.step);
        for step in steps().flatten() {
            if let Some(count) = counts.get_mut(step) {
                *count += 1;
            }
        }
        let mut next = 0;
        for count in &mut counts {
            next += std::mem::replace(count, next);
        }
        self.step_begins.clone_from(&counts);
        self.by_step = vec![0; next as usize];
        for (place, step) in (0_u32..).zip(steps()) {
            let Some(at) = step.and_then(|step| counts.get_mut(step)) else { continue };
            if let Some(slot) = self.by_step.get_mut(*at as usize) {
                *slot = place;
            }
            *at += 1;
        }
    }
}

/// The places of a trace's activities by start; ties: longer first, then file order.
fn in_order(trace: &Trace) -> Vec<u32> {
    let key = |activity: &Activity| (activity.span.start, Reverse(activity.span.end));
    let places = (0_u32..).zip(&trace.activities);
    if trace.activities.is_sorted_by_key(key) {
        return places.map(|(place, _)| place).collect();
    }
    let mut order: Vec<_> = places.map(|(place, activity)| (key(activity), place)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, place)| place).collect()
}

impl Timeline<'_> {
    /// What the name of a stage rests on.
    pub fn evidence_of(&self, stage: Stage) -> StageEvidence {
        match stage {
            Stage::All => StageEvidence::None,
            _ if self.inferred.contains(&stage) => StageEvidence::Inferred,
            _ => self.evidence,
        }
    }

    /// How the steps of a stage were found.
    pub fn found_by(&self, stage: Stage) -> FoundBy {
        if self.inferred.contains(&stage) { FoundBy::Period } else { self.found_by }
    }

    /// Takes the steps of a stage out; their work counts for another one, outside of every step.
    pub fn leave(&mut self, stage: Stage, own: Stage) {
        let stages = self.step_stages.clone();
        self.keep_steps(|step| stages.get(step) != Some(&stage));
        for one in self.placed.iter_mut().filter(|one| one.stage == stage) {
            one.stage = own;
        }
    }

    /// Takes steps out. Their work stays in its stage, outside of every step.
    pub fn keep_steps(&mut self, is_kept: impl Fn(usize) -> bool) {
        let mut kept = Vec::new();
        let number: Vec<Option<usize>> = self
            .step_stages
            .iter()
            .enumerate()
            .map(|(step, stage)| {
                is_kept(step).then(|| {
                    kept.push(*stage);
                    kept.len() - 1
                })
            })
            .collect();
        for one in &mut self.placed {
            one.step = one.step.and_then(|step| number.get(step).copied().flatten());
        }
        self.step_stages = kept;
        self.sort_by_step();
    }
}

/// Work outside every step is counted by the stage of the step before it, else of the first step.
fn adopt_strays(placed: &mut [Placed<'_>], first: Stage) {
    let mut current = first;
    for one in placed {
        match one.step {
            Some(_) => current = one.stage,
            None => one.stage = current,
        }
    }
}

fn count_missing_launches(trace: &Trace, launches: &Launches<'_>, health: &mut Health) {
    // A profile of the GPU alone has no launches to miss; one with CPU work had them and lost them.
    if trace.launches.is_empty() && trace.annotations.is_empty() && trace.cpu_ops.is_empty() {
        return;
    }
    for (index, activity) in trace.activities.iter().enumerate() {
        if launches.index(index).is_none() {
            health.count(HealthCode::LaunchMissing, || trace.names.get(activity.name).to_owned());
        }
    }
}

fn busy_of_devices(placed: &[Placed<'_>]) -> BTreeMap<DeviceId, Busy> {
    let mut of_device: BTreeMap<DeviceId, Union> = BTreeMap::new();
    for run in placed.chunk_by(|a, b| a.stream().device == b.stream().device) {
        let Some(first) = run.first() else { continue };
        let union = of_device.entry(first.stream().device).or_default();
        run.iter().for_each(|one| union.add(one.activity.span));
    }
    of_device.into_iter().map(|(device, union)| (device, union.finish())).collect()
}

/// Whether nothing but one stream ran.
fn is_one_stream(of_device: &[u32], placed: &[Placed<'_>]) -> bool {
    let mut streams = of_device.iter().filter_map(|place| placed.get(*place as usize)).map(Placed::stream);
    streams.next().is_some_and(|first| streams.all(|stream| stream == first))
}

/// What each of a stream's activities, in order of start, adds to it; nothing else runs that could hide them.
fn measure_alone(of_device: &[u32], placed: &mut [Placed<'_>]) {
    let mut reached: Option<Ns> = None;
    for place in of_device {
        let Some(one) = placed.get_mut(*place as usize) else { continue };
        let Span { start, end } = one.activity.span;
        let begin = reached.map_or(start, |reached| reached.max(start));
        one.measured = Measured { added: (end - begin).max(Ns::ZERO), exclusive: one.activity.span.length() };
        reached = Some(reached.map_or(end, |reached| reached.max(end)));
    }
}

/// Measures what was placed, in place. Exclusive time looks at all of a device's streams, whatever stage they
/// work for.
fn measure_per_device(trace: &Trace, classes: &Classes, placed: &mut [Placed<'_>]) -> HiddenParts<Role> {
    let rank = ranks_of_names(trace, classes);
    let rank_of = |one: &Placed<'_>| {
        classes.index(one.activity.name).and_then(|index| rank.get(index)).copied().unwrap_or(u32::MAX)
    };
    let role_of = |one: &Placed<'_>| classes.get(one.activity.name).map_or(Role::Other, |class| class.role);
    let mut by_device: BTreeMap<DeviceId, Vec<u32>> = BTreeMap::new();
    for (place, one) in (0_u32..).zip(placed.iter()) {
        by_device.entry(one.stream().device).or_default().push(place);
    }
    let mut hidden = Vec::new();
    for mut of_device in by_device.into_values() {
        // Of equal intervals the first adds to its stream; by role and name, so that the order in the file decides
        // nothing.
        let key = |place: &u32| {
            placed.get(*place as usize).map(|one| {
                let Span { start, end } = one.activity.span;
                (start, Reverse(end), role_of(one), rank_of(one), one.index)
            })
        };
        if !of_device.is_sorted_by_key(key) {
            of_device.sort_unstable_by_key(key);
        }
        if is_one_stream(&of_device, placed) {
            measure_alone(&of_device, placed);
            continue;
        }
        let intervals: Vec<Interval<Role>> = of_device
            .iter()
            .filter_map(|place| placed.get(*place as usize))
            .map(|one| Interval { lane: one.stream().stream.0, label: role_of(one), span: one.activity.span })
            .collect();
        let sweep = interval::measure(&intervals);
        for (place, measured) in of_device.iter().zip(sweep.measured) {
            if let Some(one) = placed.get_mut(*place as usize) {
                one.measured = measured;
            }
        }
        let place_of = |index: u32| of_device.get(index as usize).copied();
        hidden.extend(sweep.hidden.into_iter().filter_map(|(index, part)| Some((place_of(index)?, part))));
    }
    HiddenParts::new(placed.len(), hidden)
}

/// For each classified name its place among all of them in the order of their texts.
fn ranks_of_names(trace: &Trace, classes: &Classes) -> Vec<u32> {
    let mut names: Vec<(&str, usize)> = (0_u32..)
        .zip(&classes.of_name)
        .filter_map(|(name, index)| Some((trace.names.get(NameId(name)), (*index)? as usize)))
        .collect();
    names.sort_unstable();
    let mut ranks = vec![0; classes.len()];
    for (rank, (_, index)) in (0_u32..).zip(names) {
        if let Some(slot) = ranks.get_mut(index) {
            *slot = rank;
        }
    }
    ranks
}

impl Placed<'_> {
    /// The stream that ran it.
    pub fn stream(&self) -> StreamId {
        self.activity.stream
    }

    /// Whether it is a kernel and no copy or fill.
    pub fn is_kernel(&self) -> bool {
        self.activity.kind == ActivityKind::Kernel
    }
}
