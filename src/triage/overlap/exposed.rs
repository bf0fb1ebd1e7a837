//! Time in which one stream of a device works and no other does.
//!
//! Input: every activity of a trace, placed. Output: for an activity, the part of what it adds to its stream
//! that no other stream overlaps. Over a device these parts add up to the time in which exactly one stream is
//! active, however kernels of one stream overlap each other. One sort and one walk per device.

use std::collections::BTreeMap;

use crate::trace::{DeviceId, NameId, Ns, Span};
use crate::triage::activity::{Placed, Timeline};
use crate::triage::busy::Busy;

/// When exactly one stream works, for each device.
pub struct Exposed {
    alone: BTreeMap<DeviceId, Busy>,
}

impl Exposed {
    /// Looks at all activities of a trace, whatever stage they work for.
    pub fn of(timeline: &Timeline) -> Self {
        let mut streams: BTreeMap<DeviceId, BTreeMap<NameId, Vec<Span>>> = BTreeMap::new();
        for one in &timeline.placed {
            let of_device = streams.entry(one.stream().device).or_default();
            of_device.entry(one.stream().stream).or_default().push(one.activity.span);
        }
        let alone = streams.into_iter().map(|(device, streams)| (device, alone(streams.into_values())));
        Self { alone: alone.collect() }
    }

    /// The part of an activity's piece during which only its own stream works.
    ///
    /// The piece is what it adds to its stream: the whole activity, or what is left after those before it.
    pub fn of_activity(&self, one: &Placed) -> Ns {
        let end = one.activity.span.end;
        let piece = Span { start: end - one.measured.added, end };
        self.alone.get(&one.stream().device).map_or(Ns::ZERO, |alone| alone.within(piece))
    }
}

fn alone(streams: impl Iterator<Item = Vec<Span>>) -> Busy {
    let mut edges: Vec<(Ns, i32)> = Vec::new();
    for spans in streams {
        for part in Busy::of(spans).parts() {
            edges.push((part.start, 1));
            edges.push((part.end, -1));
        }
    }
    edges.sort_unstable();
    let mut found: Vec<Span> = Vec::new();
    let (mut active, mut since) = (0, Ns::ZERO);
    for (at, change) in edges {
        if active == 1 && at > since {
            found.push(Span { start: since, end: at });
        }
        active += change;
        since = at;
    }
    Busy::of(found)
}
