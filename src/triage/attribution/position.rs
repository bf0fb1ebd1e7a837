//! Graph replays, matched with a run of the same model without graphs, by position.
//!
//! Input: one stage of a run whose kernels were launched one by one, and the same stage of the run to explain.
//! Output: for an activity of the latter the origin of the kernel that stands at its place: the same kernel id,
//! the same layer, the same number among those of that id in the layer. Exact when both layers run the id
//! equally often and the kernel has the same neighbours on its stream. Without layers on both sides, with another
//! count, or beside other kernels, the pairing is inexact: two GEMMs may have swapped their kernels. What it
//! gives up: kernels of other ids; a name that only resembles borrows no place.

use std::collections::{BTreeMap, HashMap};

use super::origin::{Origin, Origins};
use crate::trace::{Ns, StreamId, Trace};
use crate::triage::activity::{Placed, Timeline};
use crate::triage::classify::Role;
use crate::triage::layers;
use crate::triage::stage::Stage;
use crate::triage::turns;

/// Where in a step: 0 before the first layer, then the layers, then what follows them.
type Section = usize;

/// The kernel ids before and after an activity on its stream, in its step.
type Neighbours<'t> = (Option<&'t str>, Option<&'t str>);

/// What stood at a position.
#[derive(Clone)]
struct Stood {
    origin: Origin,
    before: Option<String>,
    after: Option<String>,
}

impl Stood {
    fn is_between(&self, neighbours: Neighbours<'_>) -> bool {
        (self.before.as_deref(), self.after.as_deref()) == neighbours
    }
}

/// The origins of one stage of a run without graphs, by position.
pub struct Positions {
    layers: usize,
    by_layer: BTreeMap<(Section, String), Vec<Stood>>,
    in_step: BTreeMap<String, Vec<Stood>>,
}

impl Positions {
    /// Takes the positions of the stage's typical step; `None` when nothing in it has a place.
    pub fn of(trace: &Trace, timeline: &Timeline, origins: &Origins, stage: Stage) -> Option<Self> {
        let step = turns::typical_step(timeline, stage)?;
        let starts = layers::boundaries(trace, timeline, step).unwrap_or_default();
        let mut positions =
            Self { layers: starts.len(), by_layer: BTreeMap::new(), in_step: BTreeMap::new() };
        let of_step: Vec<&Placed> = timeline.in_step(step).collect();
        let neighbours = neighbours(timeline, &of_step);
        for one in of_step {
            let Some(class) = timeline.classes.get(one.activity.name) else { continue };
            let (before, after) = neighbours.get(&one.index).copied().unwrap_or_default();
            let stood = Stood {
                origin: origins.of_activity(one.index),
                before: before.map(str::to_owned),
                after: after.map(str::to_owned),
            };
            let section = section(&starts, one);
            positions.by_layer.entry((section, class.id.clone())).or_default().push(stood.clone());
            positions.in_step.entry(class.id.clone()).or_default().push(stood);
        }
        let has_place = positions.in_step.values().flatten().any(|stood| stood.origin.place.is_some());
        has_place.then_some(positions)
    }

    /// Origins for the activities of a stage, by the activity's index; `true` where exact.
    pub fn explain(
        &self,
        trace: &Trace,
        timeline: &Timeline,
        stage: Stage,
    ) -> BTreeMap<usize, (Origin, bool)> {
        let mut steps: BTreeMap<Option<usize>, Vec<&Placed>> = BTreeMap::new();
        for one in timeline.placed.iter().filter(|one| one.stage == stage) {
            steps.entry(one.step).or_default().push(one);
        }
        let mut explained = BTreeMap::new();
        for (step, activities) in steps {
            let starts = step.and_then(|step| layers::boundaries(trace, timeline, step)).unwrap_or_default();
            let has_layers = !starts.is_empty() && starts.len() == self.layers;
            let neighbours = neighbours(timeline, &activities);
            let mut by_position: BTreeMap<(Section, &str), Vec<usize>> = BTreeMap::new();
            for one in activities {
                let Some(class) = timeline.classes.get(one.activity.name) else { continue };
                let section = if has_layers { section(&starts, one) } else { 0 };
                by_position.entry((section, &class.id)).or_default().push(one.index);
            }
            for ((section, id), indexes) in by_position {
                let of_layer = if has_layers { self.by_layer.get(&(section, id.to_owned())) } else { None };
                let Some(stood) = of_layer.or_else(|| self.in_step.get(id)) else { continue };
                let are_as_many = of_layer.is_some() && stood.len() == indexes.len();
                for (at, index) in indexes.into_iter().enumerate() {
                    if let Some(stood) = stood.get(at).or_else(|| stood.last()) {
                        let around = neighbours.get(&index).copied().unwrap_or_default();
                        explained
                            .insert(index, (stood.origin.clone(), are_as_many && stood.is_between(around)));
                    }
                }
            }
        }
        explained
    }
}

/// The neighbours of each activity, by its index. Copies and fills are no neighbours: they come and go with the host's work.
fn neighbours<'t>(timeline: &'t Timeline, activities: &[&Placed]) -> HashMap<usize, Neighbours<'t>> {
    let mut streams: BTreeMap<StreamId, Vec<(Ns, usize, &str)>> = BTreeMap::new();
    for one in activities {
        let Some(class) = timeline.classes.get(one.activity.name) else { continue };
        if class.role != Role::Memory {
            let row = (one.activity.span.start, one.index, class.id.as_str());
            streams.entry(one.activity.stream).or_default().push(row);
        }
    }
    let mut neighbours = HashMap::new();
    for row in streams.values_mut() {
        row.sort_unstable();
        for (at, (_, index, _)) in row.iter().enumerate() {
            let id = |at: Option<usize>| at.and_then(|at| row.get(at)).map(|(.., id)| *id);
            neighbours.insert(*index, (id(at.checked_sub(1)), id(at.checked_add(1))));
        }
    }
    neighbours
}

fn section(starts: &[Ns], one: &Placed) -> Section {
    starts.partition_point(|start| *start <= one.activity.span.start)
}
