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
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap};

pub use frame::{Frames, Kind, Place};
use origin::{Origin, Origins};
use position::Positions;
use recording::{Matched, Node, Recording};

use super::activity::Timeline;
use super::build::Input;
use super::classify::Classifier;
use super::kernel_table::percent;
use super::launches::Launches;
use super::model::{Attribution, KernelRow, PathRow, Site};
use super::stage::Stage;
use crate::trace::{CorrelationId, Health, HealthCode, Ns, Trace};

/// A run without graphs, ready to explain another.
struct Run<'a> {
    input: &'a Input<'a>,
    timeline: Timeline<'a>,
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
            let launches = Launches::of(input.trace);
            let origins = Origins::of(input.trace, &launches, frames);
            let joined = (0..input.trace.launches.len()).filter(|launch| launches.has_activity(*launch));
            for _ in joined.filter(|launch| launches.is_replay(*launch)) {
                health.count(HealthCode::MappingGraphs, || input.path.to_owned());
            }
            for (code, count, detail) in input.trace.health.iter() {
                if matches!(code, HealthCode::CutOff | HealthCode::Damaged) {
                    let note =
                        format!("the mapping file {}: {}, {count} ({detail})", input.path, code.as_str());
                    mapping.notes.push(note);
                }
            }
            let recordings = recording::recordings(input.trace, &launches, &origins, input.path);
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
    pub fn of(trace: &Trace, launches: &Launches<'_>, frames: &Frames, mapping: &Mapping<'_>) -> Self {
        let own = Origins::of(trace, launches, frames);
        let mut replays: BTreeMap<CorrelationId, Vec<usize>> = BTreeMap::new();
        let mut is_replayed = vec![false; trace.activities.len()];
        for (index, is_replayed) in is_replayed.iter_mut().enumerate() {
            let launch = launches.index(index).filter(|launch| launches.is_replay(*launch));
            *is_replayed = launch.is_some();
            if let Some(launch) = launch.and_then(|launch| trace.launches.get(launch))
                && !mapping.recordings.is_empty()
            {
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

/// The place that launched each activity of a stage, where one is known.
#[derive(Default)]
pub struct CallSites {
    places: Numbered<Place>,
    of_activity: Vec<u32>,
    /// Whether the capture's own stacks say it, and not a mapping run.
    is_own: Vec<bool>,
}

impl CallSites {
    /// The place that launched the activity of an index in the trace.
    pub fn get(&self, activity: usize) -> Option<&Arc<Place>> {
        self.places.get(*self.of_activity.get(activity)?)
    }

    /// The same, where the capture's own stacks tell; a mapping run may have run other code.
    pub fn own(&self, activity: usize) -> Option<&Arc<Place>> {
        self.get(activity).filter(|_| self.is_own.get(activity).copied().unwrap_or(false))
    }
}

/// Values that have numbers: those of a trace's own origins, and what others add to them.
struct Numbered<T: ?Sized> {
    values: Vec<Arc<T>>,
    /// Made once another value comes.
    numbers: Option<BTreeMap<Arc<T>, u32>>,
}

impl<T: ?Sized> Default for Numbered<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: None }
    }
}

impl<T: ?Sized + Ord> Numbered<T> {
    fn of(values: &[Arc<T>]) -> Self {
        Self { values: values.to_vec(), numbers: None }
    }

    fn get(&self, number: u32) -> Option<&Arc<T>> {
        self.values.get(number as usize)
    }

    fn number(&mut self, value: &Arc<T>) -> u32 {
        let Self { values, numbers } = self;
        let numbers = numbers.get_or_insert_with(|| values.iter().cloned().zip(0..).collect());
        *numbers.entry(Arc::clone(value)).or_insert_with(|| {
            values.push(Arc::clone(value));
            u32::try_from(values.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

/// What stands under a kernel's number and that of a place or an operator.
type Sums<T> = HashMap<(usize, u32), T, DefaultHashBuilder>;

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
    let own = &explained.own;
    let (mut places, mut ops) = (Numbered::of(own.places()), Numbered::of(own.ops()));
    let (mut exact, mut inexact, mut replayed, mut whole) = (Ns::ZERO, Ns::ZERO, Ns::ZERO, Ns::ZERO);
    let (mut maps, mut maps_exactly) = (false, false);
    let (mut of_place, mut of_op): (Sums<(Ns, bool)>, Sums<u64>) = (Sums::default(), Sums::default());
    let mut of_activity = vec![u32::MAX; trace.activities.len()];
    let mut of_own = vec![false; trace.activities.len()];
    for one in timeline.placed.iter().filter(|one| one.stage == stage) {
        let Some(kernel) = timeline.classes.kernel(one.activity.name) else { continue };
        let length = one.activity.span.length();
        whole += length;
        // What a stack says first, then what is sure; an unresolved answer hides no resolved one.
        let recorded = explained.recorded.get(&one.index);
        let placed = by_position.get(&one.index);
        let told = || {
            let told = [recorded, placed].into_iter().flatten();
            told.clone().filter(|(_, exact)| *exact).chain(told.filter(|(_, exact)| !*exact))
        };
        let ix = own.ix(one.index);
        for (origin, is_exact) in [recorded, placed].into_iter().flatten() {
            maps |= origin.place.is_some();
            maps_exactly |= origin.place.is_some() && *is_exact;
        }
        let place = ix.place().map(|place| (place, true)).or_else(|| {
            told().find_map(|(origin, is_exact)| Some((places.number(origin.place.as_ref()?), *is_exact)))
        });
        match place {
            Some((place, is_exact)) => {
                if let Some(slot) = of_activity.get_mut(one.index) {
                    *slot = place;
                }
                if let Some(slot) = of_own.get_mut(one.index) {
                    *slot = ix.place().is_some();
                }
                let (time, all_exact) = of_place.entry((kernel, place)).or_insert((Ns::ZERO, true));
                *time += length;
                *all_exact &= is_exact;
                if is_exact { exact += length } else { inexact += length }
            }
            None if explained.is_replayed.get(one.index).copied().unwrap_or(false) => replayed += length,
            None => {}
        }
        let op = ix.op().or_else(|| told().find_map(|(origin, _)| Some(ops.number(origin.op.as_ref()?))));
        if let Some(op) = op {
            *of_op.entry((kernel, op)).or_default() += 1;
        }
    }
    let has_mapping = !mapping.recordings.is_empty() || !mapping.runs.is_empty();
    // What stands in, or was paired by name, has said so already.
    let is_silent = notes.len() == mapping.notes.len();
    if maps && !maps_exactly && is_silent {
        notes.push(format!(
            "no place that the mapping capture names in stage `{}` is certain: it matches what ran neither launch by launch nor layer by layer",
            stage.as_str()
        ));
    } else if has_mapping && !maps && replayed > Ns::ZERO && is_silent {
        notes.push(format!("the mapping capture names nothing that ran in stage `{}`", stage.as_str()));
    }
    let (of_place, of_op) = (by_kernel(of_place), by_kernel(of_op));
    let number_of: BTreeMap<&str, usize> = (0..timeline.classes.kernels())
        .filter_map(|number| Some((timeline.classes.kernel_id(number)?, number)))
        .collect();
    for row in rows {
        let Some(number) = number_of.get(row.kernel.as_str()) else { continue };
        if let Some(of_place) = of_place.get(number) {
            row.sites = sites(of_place, &places, Ns(row.total_ns));
        }
        if let Some(of_op) = of_op.get(number) {
            row.cpu_ops = by_count(of_op, &ops);
        }
    }
    let known = Attribution {
        exact_pct: percent(exact, whole),
        inexact_pct: percent(inexact, whole),
        replayed_pct: percent(replayed, whole),
        mapped: maps,
        notes,
    };
    (known, CallSites { places, of_activity, is_own: of_own })
}

/// Adds to `locations` of the paths, which hold those of their ladders, the largest place of each fused kernel.
pub fn locate(paths: &mut [PathRow], rows: &[KernelRow]) {
    for path in paths {
        let of = |kernel: &String| rows.iter().find(|row| row.kernel == *kernel)?.sites.first();
        for site in path.evidence.iter().filter_map(of) {
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

/// Divided by kernel, in the order of the numbers.
fn by_kernel<T>(sums: Sums<T>) -> BTreeMap<usize, Vec<(u32, T)>> {
    let mut found: BTreeMap<usize, Vec<(u32, T)>> = BTreeMap::new();
    let mut order: Vec<((usize, u32), T)> = sums.into_iter().collect();
    order.sort_unstable_by_key(|(key, _)| *key);
    for ((kernel, number), sum) in order {
        found.entry(kernel).or_default().push((number, sum));
    }
    found
}

/// Largest first, ties by place.
fn sites(of_place: &[(u32, (Ns, bool))], places: &Numbered<Place>, whole: Ns) -> Vec<Site> {
    let mut order: Vec<(&Arc<Place>, Ns, bool)> = of_place
        .iter()
        .filter_map(|(place, (time, is_exact))| Some((places.get(*place)?, *time, *is_exact)))
        .collect();
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

fn by_count(of_op: &[(u32, u64)], ops: &Numbered<str>) -> Vec<String> {
    let mut order: Vec<(&Arc<str>, u64)> =
        of_op.iter().filter_map(|(op, count)| Some((ops.get(*op)?, *count))).collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    order.into_iter().map(|(op, _)| op.to_string()).collect()
}
