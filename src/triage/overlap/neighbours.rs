//! Whether the kernels around a kernel depend on it, counted over all of its instances.
//!
//! Input: a trace's activities, placed, and where each was launched. Output: for each kernel id of a stage, how
//! many instances have a dependent neighbour. A neighbour is what the same stream ran directly before or
//! behind; it counts when it stands close, or when the device idled in between, as it does where the host cannot
//! launch fast enough: such a pause says nothing about data. It depends when one kernel's role usually reads what the other's
//! makes, or when one call launched both. Of other streams only this is asked: whether one of them took over
//! just when the kernel ended, or handed over just when it began, which leaves the matter unclear.
//! What it gives up: data are not seen, so independent kernels of one branch can look dependent.

use std::collections::{BTreeMap, BTreeSet};

use super::advice::Advice;
use super::row::Neighbours;
use crate::trace::{DeviceId, Ns, Span, StreamId};
use crate::triage::activity::{Placed, Timeline};
use crate::triage::attribution::CallSites;
use crate::triage::classify::Role;
use crate::triage::stage::Stage;

/// A gap of this part of the kernel's own time is close, within the two limits below.
const CLOSE_PART: i64 = 7;
const CLOSE_AT_LEAST: Ns = Ns(2_000);
const CLOSE_AT_MOST: Ns = Ns(20_000);

/// What one side of an instance says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Free,
    Unclear,
    Dependent,
}

/// What each activity of a trace has before and behind it on its stream, and the edges of all streams.
pub struct Order {
    /// The place of what the stream ran before; [`NONE`] where there is nothing.
    before: Vec<u32>,
    behind: Vec<u32>,
    edges: Edges,
}

const NONE: u32 = u32::MAX;

impl Order {
    /// Looks at all activities of a trace, whatever stage they work for.
    pub fn of(timeline: &Timeline<'_>) -> Self {
        let mut last: BTreeMap<StreamId, u32> = BTreeMap::new();
        let mut before = vec![NONE; timeline.placed.len()];
        let mut behind = before.clone();
        for (place, one) in (0_u32..).zip(&timeline.placed) {
            let Some(earlier) = last.insert(one.stream(), place) else { continue };
            if let (Some(before), Some(behind)) =
                (before.get_mut(place as usize), behind.get_mut(earlier as usize))
            {
                (*before, *behind) = (earlier, place);
            }
        }
        Self { before, behind, edges: Edges::of(timeline) }
    }
}

/// What the neighbours of every kernel id of a stage say, by the number of the id.
pub fn count(
    timeline: &Timeline<'_>,
    order: &Order,
    stage: Stage,
    calls: &CallSites,
    advice: &Advice,
    sites_settle: bool,
) -> Vec<Neighbours> {
    let judge = Judge { timeline, calls, advice, sites_settle, edges: &order.edges };
    let mut counts = vec![Neighbours::default(); timeline.classes.kernels()];
    for (place, one) in timeline.placed.iter().enumerate().filter(|(_, one)| one.stage == stage) {
        let number = timeline.classes.kernel(one.activity.name);
        let Some(of) = number.and_then(|number| counts.get_mut(number)) else { continue };
        let at = |places: &[u32]| timeline.placed.get(*places.get(place)? as usize);
        match judge.before(at(&order.before), one).max(judge.behind(one, at(&order.behind))) {
            Side::Dependent => of.dependent += 1,
            Side::Unclear => of.unclear += 1,
            Side::Free => of.free += 1,
        }
    }
    counts
}

struct Judge<'t> {
    timeline: &'t Timeline<'t>,
    calls: &'t CallSites,
    advice: &'t Advice,
    /// Whether two known places that differ make two kernels independent.
    sites_settle: bool,
    edges: &'t Edges,
}

impl Judge<'_> {
    fn before(&self, before: Option<&Placed<'_>>, one: &Placed<'_>) -> Side {
        let near = before.filter(|before| self.are_neighbours(before, one, one));
        near.map_or_else(|| self.handed_over(one), |before| self.pair(before, one))
    }

    fn behind(&self, one: &Placed<'_>, behind: Option<&Placed<'_>>) -> Side {
        let near = behind.filter(|behind| self.are_neighbours(one, behind, one));
        near.map_or_else(|| self.taken_over(one), |behind| self.pair(one, behind))
    }

    /// Whether nothing but a short pause, or an idle device, lies between two kernels of a stream.
    fn are_neighbours(&self, first: &Placed<'_>, second: &Placed<'_>, one: &Placed<'_>) -> bool {
        let gap = Span { start: first.activity.span.end, end: second.activity.span.start };
        if gap.length() <= close(one) {
            return true;
        }
        let busy = self.timeline.busy.get(&one.stream().device).map_or(Ns::ZERO, |busy| busy.within(gap));
        first.step == second.step && busy.0.saturating_mul(2) < gap.length().0
    }

    fn pair(&self, first: &Placed<'_>, second: &Placed<'_>) -> Side {
        let roles = self.role(first).zip(self.role(second));
        if roles.is_some_and(|(first, second)| self.advice.is_read_by(first, second)) {
            return Side::Dependent;
        }
        let external = first.activity.external;
        if external.is_some() && external == second.activity.external {
            return Side::Dependent;
        }
        match self.calls.get(first.index).zip(self.calls.get(second.index)) {
            // Lines of one function usually work on the same data; functions of one name need not.
            Some((a, b)) if a.path == b.path && a.function == b.function => Side::Dependent,
            Some(_) if self.sites_settle => Side::Free,
            Some(_) | None => Side::Unclear,
        }
    }

    fn role(&self, one: &Placed<'_>) -> Option<Role> {
        Some(self.timeline.classes.get(one.activity.name)?.role)
    }

    /// Another stream ended just before: the kernel may have waited for it.
    fn handed_over(&self, one: &Placed<'_>) -> Side {
        let device = one.stream().device;
        let last = self.edges.last_end_before(device, one.activity.span.start, one.stream());
        let is_near = last.is_some_and(|end| one.activity.span.start - end <= close(one));
        if is_near { Side::Unclear } else { Side::Free }
    }

    /// Another stream began just after: it may have waited for the kernel.
    fn taken_over(&self, one: &Placed<'_>) -> Side {
        let device = one.stream().device;
        let next = self.edges.first_start_after(device, one.activity.span.end, one.stream());
        let is_near = next.is_some_and(|start| start - one.activity.span.end <= close(one));
        if is_near { Side::Unclear } else { Side::Free }
    }
}

fn close(one: &Placed<'_>) -> Ns {
    Ns(one.activity.span.length().0 / CLOSE_PART).clamp(CLOSE_AT_LEAST, CLOSE_AT_MOST)
}

/// Starts and ends of each device's work, sorted.
struct Edges {
    starts: BTreeMap<DeviceId, Vec<(Ns, StreamId)>>,
    ends: BTreeMap<DeviceId, Vec<(Ns, StreamId)>>,
}

/// Edges looked at before it is given up that another stream's is near: a bound on the work, not on truth.
const LOOK: usize = 8;

impl Edges {
    fn of(timeline: &Timeline<'_>) -> Self {
        let mut edges = Self { starts: BTreeMap::new(), ends: BTreeMap::new() };
        // Where one stream works there is no other that could take over.
        let mut streams: BTreeMap<DeviceId, BTreeSet<StreamId>> = BTreeMap::new();
        for run in timeline.placed.chunk_by(|a, b| a.stream() == b.stream()) {
            let Some(stream) = run.first().map(Placed::stream) else { continue };
            streams.entry(stream.device).or_default().insert(stream);
        }
        streams.retain(|_, streams| streams.len() > 1);
        if streams.is_empty() {
            return edges;
        }
        for one in timeline.placed.iter().filter(|one| streams.contains_key(&one.stream().device)) {
            let (device, span) = (one.stream().device, one.activity.span);
            edges.starts.entry(device).or_default().push((span.start, one.stream()));
            edges.ends.entry(device).or_default().push((span.end, one.stream()));
        }
        // Starts are sorted but for ties, and ends nearly so.
        edges.starts.values_mut().chain(edges.ends.values_mut()).for_each(|list| list.sort());
        edges
    }

    fn last_end_before(&self, device: DeviceId, at: Ns, own: StreamId) -> Option<Ns> {
        let ends = self.ends.get(&device)?;
        let until = ends.partition_point(|(end, _)| *end <= at);
        let near = ends.get(..until)?.iter().rev().take(LOOK);
        near.into_iter().find(|(_, stream)| *stream != own).map(|(end, _)| *end)
    }

    fn first_start_after(&self, device: DeviceId, at: Ns, own: StreamId) -> Option<Ns> {
        let starts = self.starts.get(&device)?;
        let from = starts.partition_point(|(start, _)| *start < at);
        starts.get(from..)?.iter().take(LOOK).find(|(_, stream)| *stream != own).map(|(start, _)| *start)
    }
}
