//! Where kernels come from: kernel → launch → CPU op → Python frame, and the same for graph replays.
//!
//! Input: the traces of a rank, and those of a mapping capture. Output: `sites` and `cpu_ops` of every kernel
//! row, and per stage how much of its time has a place. A place of the capture's own stacks comes first; the
//! mapping capture fills what these leave open: a recording of the graph itself node by node, a run without
//! graphs by position. No place is ever guessed from a time or a name alone, and no verdict rests on one.

mod frame;
mod origin;
mod position;
mod recording;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

pub use frame::{Frames, Kind, Place};
use origin::{Origin, Origins, is_replay};
use position::Positions;
use recording::{Matched, Node, Recording};

use super::activity::Timeline;
use super::build::Input;
use super::classify::Classifier;
use super::kernel_table::percent;
use super::model::{Attribution, KernelRow, PathRow, Site};
use super::stage::Stage;
use crate::trace::{CorrelationId, Health, HealthCode, Ns, Trace};

/// A run without graphs, ready to explain another.
struct Run<'a> {
    input: &'a Input<'a>,
    timeline: Timeline,
    origins: Origins,
}

/// A mapping capture: what names the source of kernels that another capture measured.
pub struct Mapping<'a> {
    recordings: Vec<Recording>,
    runs: Vec<Run<'a>>,
    notes: Vec<String>,
}

impl<'a> Mapping<'a> {
    /// Reads what a mapping capture can tell. Graph launches in it are counted in `health`: their kernels
    /// name nothing.
    pub fn of(
        inputs: &'a [Input<'a>],
        classifier: &Classifier,
        frames: &Frames,
        health: &mut Health,
    ) -> Self {
        let mut mapping = Self { recordings: Vec::new(), runs: Vec::new(), notes: Vec::new() };
        for input in inputs {
            let origins = Origins::of(input.trace, frames);
            let replays: BTreeSet<usize> = origins.launch_of.iter().flatten().copied().collect();
            for launch in replays.into_iter().filter_map(|index| input.trace.launches.get(index)) {
                if is_replay(input.trace, launch) {
                    health.count(HealthCode::MappingGraphs, || input.path.to_owned());
                }
            }
            for (code, count, detail) in input.trace.health.iter() {
                if matches!(code, HealthCode::CutOff | HealthCode::Damaged) {
                    let note =
                        format!("the mapping file {}: {}, {count} ({detail})", input.path, code.as_str());
                    mapping.notes.push(note);
                }
            }
            let recordings = recording::recordings(input.trace, &origins, input.path);
            if recordings.is_empty() {
                let timeline =
                    Timeline::of(input.trace, classifier, input.path_stage, &mut Health::default());
                mapping.runs.push(Run { input, timeline, origins });
            }
            mapping.recordings.extend(recordings);
        }
        mapping
    }

    /// The positions of a stage, and whether they are that stage's own. Another stage stands in where the
    /// capture does not have it, and a note says so.
    fn positions(&self, stage: Stage, notes: &mut Vec<String>) -> Option<(Positions, bool)> {
        let others = [Stage::All, Stage::Mixed, Stage::Decode, Stage::Prefill];
        for wanted in std::iter::once(stage).chain(others.into_iter().filter(|other| *other != stage)) {
            for run in &self.runs {
                let found = Positions::of(run.input.trace, &run.timeline, &run.origins, wanted);
                let Some(positions) = found else { continue };
                if wanted != stage {
                    notes.push(format!(
                        "the mapping capture has no places for stage `{}`; those of its stage `{}` in {} stand in, inexact",
                        stage.as_str(),
                        wanted.as_str(),
                        run.input.path
                    ));
                }
                return Some((positions, wanted == stage));
            }
        }
        None
    }
}

/// What is known of the origin of each activity of one trace.
pub struct Explained {
    own: Origins,
    is_replayed: Vec<bool>,
    recorded: BTreeMap<usize, (Origin, bool)>,
    notes: Vec<String>,
}

impl Explained {
    /// Works out origins from the trace's own stacks, and matches its replays with the mapping's recordings.
    pub fn of(trace: &Trace, frames: &Frames, mapping: &Mapping<'_>) -> Self {
        let own = Origins::of(trace, frames);
        let mut replays: BTreeMap<CorrelationId, Vec<usize>> = BTreeMap::new();
        let mut is_replayed = vec![false; trace.activities.len()];
        for (index, (launch, is_replayed)) in own.launch_of.iter().zip(&mut is_replayed).enumerate() {
            if let Some(launch) = launch.and_then(|launch| trace.launches.get(launch))
                && is_replay(trace, launch)
            {
                *is_replayed = true;
                replays.entry(launch.correlation).or_default().push(index);
            }
        }
        let mut recorded = BTreeMap::new();
        let mut notes: BTreeSet<String> = BTreeSet::new();
        let mut known: BTreeMap<Vec<Node<'_>>, Option<Matched>> = BTreeMap::new();
        if !mapping.recordings.is_empty() {
            for mut indexes in replays.into_values() {
                let numbered = |index: &usize| trace.activities.get(*index).and_then(|one| one.graph_node);
                if indexes.iter().all(|index| numbered(index).is_some()) {
                    indexes.sort_by_key(numbered);
                } else {
                    indexes.sort_by_key(|index| trace.activities.get(*index).map(|one| one.span.start));
                }
                let nodes: Vec<Node<'_>> = indexes
                    .iter()
                    .filter_map(|index| trace.activities.get(*index))
                    .map(|one| Node {
                        kind: one.kind,
                        name: trace.names.get(one.name),
                        // Nodes with numbers are in one order, as if one stream ran them.
                        stream: one.graph_node.is_none().then_some(one.stream),
                    })
                    .collect();
                let matched = match known.get(&nodes) {
                    Some(matched) => matched,
                    None => {
                        let matched = recording::match_nodes(&nodes, &mapping.recordings);
                        known.entry(nodes).or_insert(matched)
                    }
                };
                let Some(matched) = matched else { continue };
                if !matched.note.is_empty() {
                    notes.insert(matched.note.clone());
                }
                for (index, node) in indexes.into_iter().zip(&matched.nodes) {
                    if let Some(origin) = node {
                        recorded.insert(index, origin.clone());
                    }
                }
            }
        }
        Self { own, is_replayed, recorded, notes: notes.into_iter().collect() }
    }
}

/// The sums of one kernel row.
#[derive(Default)]
struct Sums {
    places: BTreeMap<Rc<Place>, (Ns, bool)>,
    ops: BTreeMap<Rc<str>, u64>,
}

/// For each activity of a stage the place that launched it, where one is known.
pub type CallSites = BTreeMap<usize, Rc<Place>>;

/// Fills `sites` and `cpu_ops` of a stage's rows, and says how much of its time has a place and which.
pub fn fill(
    rows: &mut [KernelRow],
    trace: &Trace,
    timeline: &Timeline,
    stage: Stage,
    explained: &Explained,
    mapping: &Mapping<'_>,
) -> (Attribution, CallSites) {
    let mut notes = mapping.notes.clone();
    notes.extend(explained.notes.iter().cloned());
    let by_position = if mapping.runs.is_empty() {
        BTreeMap::new()
    } else {
        match mapping.positions(stage, &mut notes) {
            Some((positions, is_own)) => {
                let mut found = positions.explain(trace, timeline, stage);
                found.values_mut().for_each(|(_, is_exact)| *is_exact &= is_own);
                found
            }
            None => {
                notes.push(
                    "the mapping capture names no place in the source: record it with Python stacks"
                        .to_owned(),
                );
                BTreeMap::new()
            }
        }
    };
    let (mut exact, mut inexact, mut replayed, mut whole) = (Ns::ZERO, Ns::ZERO, Ns::ZERO, Ns::ZERO);
    let mut sums: BTreeMap<&str, Sums> = BTreeMap::new();
    let mut calls = CallSites::new();
    for one in timeline.placed.iter().filter(|one| one.stage == stage) {
        let Some(class) = timeline.classes.get(one.activity.name) else { continue };
        let row = sums.entry(&class.id).or_default();
        let length = one.activity.span.length();
        whole += length;
        let own = explained.own.of_activity.get(one.index);
        let recorded = explained.recorded.get(&one.index);
        let placed = by_position.get(&one.index);
        // What a stack says first, then what is sure; an unresolved answer hides no resolved one.
        let answers = || {
            let own = own.map(|origin| (origin, true));
            let told = [recorded, placed].into_iter().flatten().map(|(origin, is_exact)| (origin, *is_exact));
            own.into_iter()
                .chain(told.clone().filter(|(_, exact)| *exact))
                .chain(told.filter(|(_, exact)| !*exact))
        };
        match answers().find_map(|(origin, is_exact)| Some((origin.place.as_ref()?, is_exact))) {
            Some((place, is_exact)) => {
                calls.insert(one.index, Rc::clone(place));
                let (time, all_exact) = row.places.entry(Rc::clone(place)).or_insert((Ns::ZERO, true));
                *time += length;
                *all_exact &= is_exact;
                if is_exact { exact += length } else { inexact += length }
            }
            None if explained.is_replayed.get(one.index).copied().unwrap_or(false) => replayed += length,
            None => {}
        }
        if let Some(op) = answers().find_map(|(origin, _)| origin.op.as_ref()) {
            *row.ops.entry(Rc::clone(op)).or_default() += 1;
        }
    }
    for row in rows {
        if let Some(sums) = sums.remove(row.kernel.as_str()) {
            row.sites = sites(&sums.places, Ns(row.total_ns));
            row.cpu_ops = by_count(&sums.ops);
        }
    }
    let known = Attribution {
        exact_pct: percent(exact, whole),
        inexact_pct: percent(inexact, whole),
        replayed_pct: percent(replayed, whole),
        notes,
    };
    (known, calls)
}

/// Fills `locations` of the paths: the largest place of each kernel that a path's state rests on.
pub fn locate(paths: &mut [PathRow], rows: &[KernelRow]) {
    for path in paths {
        let of = |kernel: &String| rows.iter().find(|row| row.kernel == *kernel)?.sites.first();
        // The kernels of a ladder are named in one line.
        let kernels: Vec<String> =
            path.evidence.iter().flat_map(|line| line.split(" → ")).map(str::to_owned).collect();
        for site in kernels.iter().filter_map(of) {
            let location = match site.line {
                Some(line) => format!("{}:{line}", site.path),
                None => site.path.clone(),
            };
            if !path.locations.contains(&location) {
                path.locations.push(location);
            }
        }
    }
}

/// Largest first, ties by place.
fn sites(places: &BTreeMap<Rc<Place>, (Ns, bool)>, whole: Ns) -> Vec<Site> {
    let mut order: Vec<(&Rc<Place>, Ns, bool)> =
        places.iter().map(|(place, (time, is_exact))| (place, *time, *is_exact)).collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    order
        .into_iter()
        .map(|(place, time, exact)| Site {
            path: place.path.clone(),
            line: place.line,
            function: place.function.clone(),
            share_pct: percent(time, whole),
            exact,
        })
        .collect()
}

fn by_count(ops: &BTreeMap<Rc<str>, u64>) -> Vec<String> {
    let mut order: Vec<(&Rc<str>, u64)> = ops.iter().map(|(op, count)| (op, *count)).collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    order.into_iter().map(|(op, _)| op.to_string()).collect()
}
