//! Where each launch of a trace comes from: kernel → launch → CPU op → Python frame.
//!
//! Input: a trace. Output: an [`Origin`] for every launch and every activity. A launch finds its frame on its
//! own thread at its own time; the clock of the GPU and the stacks of other threads are never asked. What it
//! gives up: work of a graph replay, whose launch says nothing of its nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap};

use super::frame::{Frames, Kind, Place};
use super::walk::walk;
use crate::trace::{ExternalId, Launch, NameId, Ns, Span, ThreadId, Trace};
use crate::triage::by_name::ByName;
use crate::triage::launches::Launches;

/// Where a kernel comes from, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The place in the source.
    pub place: Option<Arc<Place>>,
    /// The CPU operator around the launch.
    pub op: Option<Arc<str>>,
}

/// No place, no operator, no query.
const NONE: u32 = u32::MAX;

/// An origin by its numbers among the places and operators of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginIx {
    place: u32,
    op: u32,
}

const UNKNOWN: OriginIx = OriginIx { place: NONE, op: NONE };

/// The origins of one trace.
pub struct Origins {
    /// Each distinct place once.
    places: Vec<Arc<Place>>,
    /// Each distinct name of an operator once.
    ops: Vec<Arc<str>>,
    of_launch: Vec<OriginIx>,
    /// Unknown for work of a graph replay.
    of_activity: Vec<OriginIx>,
}

/// What a Python frame tells: when it ran, the number of its place, its kind.
type Told = (Span, (u32, Kind));

impl Origins {
    /// Works out the origins of a trace.
    pub fn of(trace: &Trace, launches: &Launches<'_>, frames: &Frames) -> Self {
        let ops = Ops::of(trace);
        let op_of_launch = ops.of_launches(trace);
        let count = u32::try_from(trace.launches.len()).unwrap_or(NONE);
        let mut queries = Queries::default();
        for (index, launch) in (0_u32..).zip(&trace.launches) {
            queries.ask(launch.thread, launch.span.start, index);
        }
        // An operator of another thread, such as the one that a backward pass runs for, may know more.
        let mut elsewhere = vec![NONE; trace.launches.len()];
        for ((launch, op), query) in trace.launches.iter().zip(&op_of_launch).zip(&mut elsewhere) {
            if let Some(op) = trace.cpu_ops.get(*op as usize)
                && (op.thread != launch.thread || !op.span.encloses(launch.span))
            {
                *query = queries.ask_next(count, op.thread, op.span.start);
            }
        }
        // Activities whose launch was not recorded still name the operator above it.
        let mut orphans: Vec<(usize, u32, u32)> = Vec::new();
        for (index, activity) in trace.activities.iter().enumerate() {
            if launches.index(index).is_none()
                && let Some(number) = ops.named(activity.external)
                && let Some(op) = trace.cpu_ops.get(number as usize)
            {
                let query = queries.ask_next(count, op.thread, op.span.start);
                orphans.push((index, query, number));
            }
        }
        let (places, found) = queries.answer(trace, frames, count);
        let place = |query: u32| found.get(query as usize).copied().unwrap_or(NONE);
        let mut op_names = OpNames::of(trace);

        let of_launch: Vec<OriginIx> = (0_u32..)
            .zip(op_of_launch.iter().zip(elsewhere))
            .map(|(index, (op, elsewhere))| OriginIx {
                place: if place(index) == NONE { place(elsewhere) } else { place(index) },
                op: op_names.number(*op),
            })
            .collect();
        let mut of_activity: Vec<OriginIx> = trace
            .activities
            .iter()
            .enumerate()
            .map(|(index, activity)| {
                let launch = launches.index(index).filter(|launch| !launches.is_replay(*launch));
                let Some(of_launch) = launch.and_then(|launch| of_launch.get(launch)) else { return UNKNOWN };
                // An activity's own id is nearer than its launch's, where both are there.
                match ops.named(activity.external) {
                    Some(op) => OriginIx { op: op_names.number(op), ..*of_launch },
                    None => *of_launch,
                }
            })
            .collect();
        for (activity, query, op) in orphans {
            if let Some(origin) = of_activity.get_mut(activity) {
                *origin = OriginIx { place: place(query), op: op_names.number(op) };
            }
        }
        Self { places, ops: op_names.texts, of_launch, of_activity }
    }

    /// Of the launch of an index in the trace.
    pub fn of_launch(&self, launch: usize) -> Origin {
        self.of_launch.get(launch).map(|origin| self.whole(*origin)).unwrap_or_default()
    }

    /// Of the activity of an index in the trace.
    pub fn of_activity(&self, activity: usize) -> Origin {
        self.whole(self.ix(activity))
    }

    /// The numbers of an activity's place and operator.
    pub fn ix(&self, activity: usize) -> OriginIx {
        self.of_activity.get(activity).copied().unwrap_or(UNKNOWN)
    }

    /// Every distinct place, by number.
    pub fn places(&self) -> &[Arc<Place>] {
        &self.places
    }

    /// Every distinct name of an operator, by number.
    pub fn ops(&self) -> &[Arc<str>] {
        &self.ops
    }

    fn whole(&self, origin: OriginIx) -> Origin {
        Origin {
            place: origin.place().and_then(|place| self.places.get(place as usize)).cloned(),
            op: origin.op().and_then(|op| self.ops.get(op as usize)).cloned(),
        }
    }
}

impl OriginIx {
    /// The number of the place, where one is known.
    pub fn place(self) -> Option<u32> {
        (self.place != NONE).then_some(self.place)
    }

    /// The number of the operator, where one is known.
    pub fn op(self) -> Option<u32> {
        (self.op != NONE).then_some(self.op)
    }
}

/// The names of operators, numbered as they come up.
struct OpNames<'t> {
    trace: &'t Trace,
    numbers: ByName<'t, u32>,
    texts: Vec<Arc<str>>,
}

impl<'t> OpNames<'t> {
    fn of(trace: &'t Trace) -> Self {
        Self { trace, numbers: ByName::new(trace), texts: Vec::new() }
    }

    fn number(&mut self, op: u32) -> u32 {
        let Some(op) = self.trace.cpu_ops.get(op as usize) else { return NONE };
        let texts = &mut self.texts;
        self.numbers.get(op.name, |name| {
            texts.push(Arc::from(name));
            u32::try_from(texts.len() - 1).unwrap_or(NONE)
        })
    }
}

/// The CPU operators of a trace, by id.
struct Ops {
    by_external: HashMap<ExternalId, u32, DefaultHashBuilder>,
}

impl Ops {
    fn of(trace: &Trace) -> Self {
        let mut by_external: HashMap<_, _, DefaultHashBuilder> = HashMap::default();
        by_external.reserve(trace.cpu_ops.iter().filter(|op| op.external.is_some()).count());
        for (index, op) in (0_u32..NONE).zip(&trace.cpu_ops) {
            if let Some(external) = op.external {
                by_external.entry(external).or_insert(index);
            }
        }
        Self { by_external }
    }

    fn named(&self, external: Option<ExternalId>) -> Option<u32> {
        self.by_external.get(&external?).copied()
    }

    /// The operator that a launch names, else the innermost one around it on its thread.
    fn of_launches(&self, trace: &Trace) -> Vec<u32> {
        let named = |launch: &Launch| self.named(launch.external).unwrap_or(NONE);
        let mut found: Vec<u32> = trace.launches.iter().map(named).collect();
        let mut instants: BTreeMap<ThreadId, Vec<(Ns, u32)>> = BTreeMap::new();
        for (index, (launch, found)) in (0_u32..).zip(trace.launches.iter().zip(&found)) {
            if *found == NONE {
                instants.entry(launch.thread).or_default().push((launch.span.start, index));
            }
        }
        if instants.is_empty() {
            return found;
        }
        let mut by_thread: BTreeMap<ThreadId, Vec<(Span, u32)>> = BTreeMap::new();
        for (index, op) in (0_u32..).zip(&trace.cpu_ops).filter(|(_, op)| instants.contains_key(&op.thread)) {
            by_thread.entry(op.thread).or_default().push((op.span, index));
        }
        for (thread, mut instants) in instants {
            let Some(ops) = by_thread.get_mut(&thread) else { continue };
            sort(ops);
            instants.sort_unstable();
            walk(ops, &instants, |launch, mut open| {
                if let Some(found) = found.get_mut(launch as usize) {
                    *found = open.next_back().unwrap_or(NONE);
                }
            });
        }
        found
    }
}

/// Questions for the frame that is open on a thread at an instant.
#[derive(Default)]
struct Queries {
    by_thread: BTreeMap<ThreadId, Vec<(Ns, u32)>>,
    /// Those asked beside the launches' own.
    more: u32,
}

impl Queries {
    fn ask(&mut self, thread: ThreadId, at: Ns, query: u32) {
        self.by_thread.entry(thread).or_default().push((at, query));
    }

    /// Asks behind the launches' own questions, of which there are `count`. Returns the question's number.
    fn ask_next(&mut self, count: u32, thread: ThreadId, at: Ns) -> u32 {
        let query = count.saturating_add(self.more);
        self.more += 1;
        self.ask(thread, at, query);
        query
    }

    /// The distinct places, and the number of each query's: of the open frames the innermost of those that tell
    /// most. `count` are the launches' own questions.
    fn answer(self, trace: &Trace, frames: &Frames, count: u32) -> (Vec<Arc<Place>>, Vec<u32>) {
        let mut places: Vec<Arc<Place>> = Vec::new();
        let mut numbers: HashMap<Arc<Place>, u32, DefaultHashBuilder> = HashMap::default();
        let mut number_of = |place: Place| {
            let place = Arc::new(place);
            *numbers.entry(Arc::clone(&place)).or_insert_with(|| {
                places.push(place);
                u32::try_from(places.len() - 1).unwrap_or(NONE)
            })
        };
        let mut known = ByName::new(trace);
        let mut tell = |name: NameId| {
            known.get(name, |name| frames.read(name).map(|(place, kind)| (number_of(place), kind)))
        };
        let mut by_thread: BTreeMap<ThreadId, Vec<Told>> = BTreeMap::new();
        for run in trace.python_frames.chunk_by(|a, b| a.thread == b.thread) {
            let Some(thread) = run.first().map(|frame| frame.thread) else { continue };
            if self.by_thread.contains_key(&thread) {
                let told = run.iter().filter_map(|frame| Some((frame.span, tell(frame.name)?)));
                by_thread.entry(thread).or_default().extend(told);
            }
        }
        let mut found = vec![NONE; count.saturating_add(self.more) as usize];
        for (thread, mut instants) in self.by_thread {
            let Some(mut frames) = by_thread.remove(&thread) else { continue };
            sort(&mut frames);
            instants.sort_unstable();
            walk(&frames, &instants, |query, open| {
                let mut best: Option<(u32, Kind)> = None;
                for (place, kind) in open.rev() {
                    if best.is_none_or(|(_, known)| kind > known) {
                        best = Some((place, kind));
                    }
                    if kind >= Kind::Engine {
                        break;
                    }
                }
                if let (Some((place, _)), Some(found)) = (best, found.get_mut(query as usize)) {
                    *found = place;
                }
            });
        }
        (places, found)
    }
}

/// By start, the longer first: the order in which nested calls open. Of equal ones the first in the file is
/// the outer one.
fn sort<T>(items: &mut [(Span, T)]) {
    items.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
}
