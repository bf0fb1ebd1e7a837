//! Time in which one stream of a device works and no other does.
//!
//! Input: every activity of a trace, placed. Output: for an activity, the part of what it adds to its stream
//! that no other stream overlaps. Over a device these parts add up to the time in which exactly one stream is
//! active, however kernels of one stream overlap each other. One sort and one walk per device.

use std::collections::BTreeMap;

use crate::trace::{DeviceId, NameId, Ns, Span};
use crate::triage::activity::{Placed, Timeline};
use crate::triage::busy::{Busy, Union};

/// When exactly one stream works, for each device.
pub struct Exposed {
    /// Nothing of a device that one stream works on: it is always alone.
    alone: BTreeMap<DeviceId, Option<Busy>>,
}

impl Exposed {
    /// Looks at all activities of a trace, whatever stage they work for.
    pub fn of(timeline: &Timeline<'_>) -> Self {
        let mut streams: BTreeMap<DeviceId, BTreeMap<NameId, Union>> = BTreeMap::new();
        for run in timeline.placed.chunk_by(|a, b| a.stream() == b.stream()) {
            let Some(stream) = run.first().map(Placed::stream) else { continue };
            let union = streams.entry(stream.device).or_default().entry(stream.stream).or_default();
            run.iter().for_each(|one| union.add(one.activity.span));
        }
        let alone = streams.into_iter().map(|(device, streams)| (device, alone(streams)));
        Self { alone: alone.collect() }
    }

    /// The part of an activity's piece during which only its own stream works.
    ///
    /// The piece is what it adds to its stream: the whole activity, or what is left after those before it.
    pub fn of_activity(&self, one: &Placed<'_>) -> Ns {
        let end = one.activity.span.end;
        let piece = Span { start: end - one.measured.added, end };
        match self.alone.get(&one.stream().device) {
            Some(Some(alone)) => alone.within(piece),
            Some(None) => one.measured.added,
            None => Ns::ZERO,
        }
    }
}

fn alone(streams: BTreeMap<NameId, Union>) -> Option<Busy> {
    if streams.len() == 1 {
        return None;
    }
    let mut edges: Vec<(Ns, i32)> = Vec::new();
    for union in streams.into_values() {
        for part in union.finish().parts() {
            edges.push((part.start, 1));
            edges.push((part.end, -1));
        }
    }
    edges.sort();
    let mut found: Vec<Span> = Vec::new();
    let (mut active, mut since) = (0, Ns::ZERO);
    for (at, change) in edges {
        if active == 1 && at > since {
            found.push(Span { start: since, end: at });
        }
        active += change;
        since = at;
    }
    Some(Busy::of(found))
}
