//! Graph replays, matched with a run of the same model without graphs, by position.
//!
//! Input: one stage of a run whose kernels were launched one by one, and the same stage of the run to explain.
//! Output: for an activity of the latter the origin of the kernel that stands at its place: the same kernel id,
//! the same layer, the same number among those of that id in the layer. Exact when both layers run the id
//! equally often. Without layers on both sides, or with another count, the pairing is inexact. What it gives
//! up: kernels of other ids; a name that only resembles borrows no place.

use std::collections::BTreeMap;

use super::origin::{Origin, Origins};
use crate::trace::{Ns, Trace};
use crate::triage::activity::{Placed, Timeline};
use crate::triage::layers;
use crate::triage::stage::Stage;

/// Where in a step: 0 before the first layer, then the layers, then what follows them.
type Section = usize;

/// The origins of one stage of a run without graphs, by position.
pub struct Positions {
    layers: usize,
    by_layer: BTreeMap<(Section, String), Vec<Origin>>,
    in_step: BTreeMap<String, Vec<Origin>>,
}

impl Positions {
    /// Takes the positions of the stage's typical step; `None` when nothing in it has a place.
    pub fn of(trace: &Trace, timeline: &Timeline, origins: &Origins, stage: Stage) -> Option<Self> {
        let step = layers::typical_step(timeline, stage)?;
        let starts = layers::boundaries(trace, timeline, step).unwrap_or_default();
        let mut positions =
            Self { layers: starts.len(), by_layer: BTreeMap::new(), in_step: BTreeMap::new() };
        for one in timeline.in_step(step) {
            let Some(class) = timeline.classes.get(one.activity.name) else { continue };
            let origin = origins.of_activity(one.index);
            let section = section(&starts, one);
            positions.by_layer.entry((section, class.id.clone())).or_default().push(origin.clone());
            positions.in_step.entry(class.id.clone()).or_default().push(origin);
        }
        let has_place = positions.in_step.values().flatten().any(|origin| origin.place.is_some());
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
            let mut by_position: BTreeMap<(Section, &str), Vec<usize>> = BTreeMap::new();
            for one in activities {
                let Some(class) = timeline.classes.get(one.activity.name) else { continue };
                let section = if has_layers { section(&starts, one) } else { 0 };
                by_position.entry((section, &class.id)).or_default().push(one.index);
            }
            for ((section, id), indexes) in by_position {
                let of_layer = if has_layers { self.by_layer.get(&(section, id.to_owned())) } else { None };
                let Some(origins) = of_layer.or_else(|| self.in_step.get(id)) else { continue };
                let is_exact = of_layer.is_some() && origins.len() == indexes.len();
                for (at, index) in indexes.into_iter().enumerate() {
                    if let Some(origin) = origins.get(at).or_else(|| origins.last()) {
                        explained.insert(index, (origin.clone(), is_exact));
                    }
                }
            }
        }
        explained
    }
}

fn section(starts: &[Ns], one: &Placed) -> Section {
    starts.partition_point(|start| *start <= one.activity.span.start)
}
