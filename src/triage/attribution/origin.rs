//! Where each launch of a trace comes from: kernel → launch → CPU op → Python frame.
//!
//! Input: a trace. Output: an [`Origin`] for every launch and every activity. A launch finds its frame on its
//! own thread at its own time; the clock of the GPU and the stacks of other threads are never asked. What it
//! gives up: work of a graph replay, whose launch says nothing of its nodes.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::frame::{Frames, Kind, Place};
use super::walk::walk;
use crate::trace::{Activity, CorrelationId, ExternalId, Launch, NameId, Ns, Span, ThreadId, Trace};

/// Where a kernel comes from, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The place in the source.
    pub place: Option<Rc<Place>>,
    /// The CPU operator around the launch.
    pub op: Option<Rc<str>>,
}

/// The origins of one trace.
pub struct Origins {
    /// For each launch of the trace.
    pub of_launch: Vec<Origin>,
    /// For each activity of the trace; empty for work of a graph replay.
    pub of_activity: Vec<Origin>,
    /// For each activity the launch that queued it.
    pub launch_of: Vec<Option<usize>>,
}

/// Whether a call starts the replay of a graph.
pub fn is_replay(trace: &Trace, launch: &Launch) -> bool {
    trace.names.get(launch.name).contains("GraphLaunch")
}

impl Origins {
    /// Works out the origins of a trace.
    pub fn of(trace: &Trace, frames: &Frames) -> Self {
        let by_correlation: HashMap<CorrelationId, usize> =
            trace.launches.iter().enumerate().map(|(index, launch)| (launch.correlation, index)).collect();
        let launch_of: Vec<Option<usize>> = trace
            .activities
            .iter()
            .map(|activity| by_correlation.get(&activity.correlation?).copied())
            .collect();

        let ops = Ops::of(trace);
        let op_of_launch = ops.of_launches(trace);
        // Activities whose launch was not recorded still name the operator above it.
        let orphans: Vec<(usize, usize)> = trace
            .activities
            .iter()
            .zip(&launch_of)
            .enumerate()
            .filter(|(_, (_, launch))| launch.is_none())
            .filter_map(|(index, (activity, _))| Some((index, ops.of_activity(activity)?)))
            .collect();

        let mut queries = Queries::default();
        let launches = trace.launches.len();
        for (index, launch) in trace.launches.iter().enumerate() {
            queries.ask(launch.thread, launch.span.start, index);
        }
        // An operator of another thread, such as the one that a backward pass runs for, may know more.
        for (index, (launch, op)) in trace.launches.iter().zip(&op_of_launch).enumerate() {
            if let Some(op) = op.and_then(|op| trace.cpu_ops.get(op))
                && (op.thread != launch.thread || !op.span.encloses(launch.span))
            {
                queries.ask(op.thread, op.span.start, launches + index);
            }
        }
        for (at, (_, op)) in orphans.iter().enumerate() {
            if let Some(op) = trace.cpu_ops.get(*op) {
                queries.ask(op.thread, op.span.start, 2 * launches + at);
            }
        }
        let places = queries.answer(trace, frames, 2 * launches + orphans.len());
        let place = |query: usize| places.get(query).cloned().flatten();
        let op_name = |op: usize| ops.names.get(&trace.cpu_ops.get(op)?.name).cloned();

        let of_launch: Vec<Origin> = op_of_launch
            .iter()
            .enumerate()
            .map(|(index, op)| Origin {
                place: place(index).or_else(|| place(launches + index)),
                op: op.and_then(op_name),
            })
            .collect();
        let mut of_activity: Vec<Origin> = launch_of
            .iter()
            .map(|launch| {
                let direct = launch.filter(|index| {
                    trace.launches.get(*index).is_some_and(|launch| !is_replay(trace, launch))
                });
                direct.and_then(|index| of_launch.get(index).cloned()).unwrap_or_default()
            })
            .collect();
        for (at, (activity, op)) in orphans.iter().enumerate() {
            if let Some(origin) = of_activity.get_mut(*activity) {
                *origin = Origin { place: place(2 * launches + at), op: op_name(*op) };
            }
        }
        // An activity's own id is nearer than its launch's, where both are there.
        for (index, activity) in trace.activities.iter().enumerate() {
            let is_direct = launch_of.get(index).copied().flatten().is_some_and(|launch| {
                trace.launches.get(launch).is_some_and(|launch| !is_replay(trace, launch))
            });
            if let Some(origin) = of_activity.get_mut(index)
                && is_direct
                && let Some(op) = ops.of_activity(activity)
            {
                origin.op = op_name(op);
            }
        }
        Self { of_launch, of_activity, launch_of }
    }
}

/// The CPU operators of a trace, by id and by thread.
struct Ops {
    by_external: HashMap<ExternalId, usize>,
    by_thread: BTreeMap<ThreadId, Vec<(Span, usize)>>,
    names: HashMap<NameId, Rc<str>>,
}

impl Ops {
    fn of(trace: &Trace) -> Self {
        let mut by_external = HashMap::new();
        let mut by_thread: BTreeMap<ThreadId, Vec<(Span, usize)>> = BTreeMap::new();
        let mut names = HashMap::new();
        for (index, op) in trace.cpu_ops.iter().enumerate() {
            if let Some(external) = op.external {
                by_external.entry(external).or_insert(index);
            }
            by_thread.entry(op.thread).or_default().push((op.span, index));
            names.entry(op.name).or_insert_with(|| Rc::from(trace.names.get(op.name)));
        }
        by_thread.values_mut().for_each(|ops| sort(ops));
        Self { by_external, by_thread, names }
    }

    fn of_activity(&self, activity: &Activity) -> Option<usize> {
        self.by_external.get(&activity.external?).copied()
    }

    /// The operator that a launch names, else the innermost one around it on its thread.
    fn of_launches(&self, trace: &Trace) -> Vec<Option<usize>> {
        let named = |launch: &Launch| self.by_external.get(&launch.external?).copied();
        let mut found: Vec<Option<usize>> = trace.launches.iter().map(named).collect();
        let mut instants: BTreeMap<ThreadId, Vec<(Ns, usize)>> = BTreeMap::new();
        for (index, launch) in trace.launches.iter().enumerate() {
            if found.get(index).is_some_and(Option::is_none) {
                instants.entry(launch.thread).or_default().push((launch.span.start, index));
            }
        }
        for (thread, mut instants) in instants {
            let Some(ops) = self.by_thread.get(&thread) else { continue };
            instants.sort_unstable();
            walk(ops, &instants, |launch, open| {
                if let Some(found) = found.get_mut(launch) {
                    *found = open.next_back();
                }
            });
        }
        found
    }
}

/// Questions for the frame that is open on a thread at an instant.
#[derive(Default)]
struct Queries {
    by_thread: BTreeMap<ThreadId, Vec<(Ns, usize)>>,
}

impl Queries {
    fn ask(&mut self, thread: ThreadId, at: Ns, query: usize) {
        self.by_thread.entry(thread).or_default().push((at, query));
    }

    /// The place of each query: of the open frames the innermost of those that tell most.
    fn answer(self, trace: &Trace, frames: &Frames, count: usize) -> Vec<Option<Rc<Place>>> {
        let mut known: HashMap<NameId, Option<u32>> = HashMap::new();
        let mut told: Vec<(Rc<Place>, Kind)> = Vec::new();
        let mut by_thread: BTreeMap<ThreadId, Vec<(Span, u32)>> = BTreeMap::new();
        for frame in trace.python_frames.iter().filter(|frame| self.by_thread.contains_key(&frame.thread)) {
            let index = *known.entry(frame.name).or_insert_with(|| {
                let (place, kind) = frames.read(trace.names.get(frame.name))?;
                told.push((Rc::new(place), kind));
                u32::try_from(told.len() - 1).ok()
            });
            if let Some(index) = index {
                by_thread.entry(frame.thread).or_default().push((frame.span, index));
            }
        }
        let mut places = vec![None; count];
        for (thread, mut instants) in self.by_thread {
            let Some(frames) = by_thread.get_mut(&thread) else { continue };
            sort(frames);
            instants.sort_unstable();
            walk(frames, &instants, |query, open| {
                let best = open.filter_map(|index| told.get(index as usize)).max_by_key(|(_, kind)| *kind);
                if let Some(place) = places.get_mut(query) {
                    *place = best.map(|(place, _)| Rc::clone(place));
                }
            });
        }
        places
    }
}

/// By start, the longer first: the order in which nested calls open. Of equal ones the first in the file is
/// the outer one.
fn sort<T>(items: &mut [(Span, T)]) {
    items.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
}
