//! Copies between host and device at the edge of two steps that nothing marks.
//!
//! Steps without marks are cut at their kernels, and such copies are no part of what tells them apart: which of them
//! there are depends on the host. What is copied to the device before a step's first kernel prepares that step; what
//! is copied to the host behind a step's last kernel is its result. Launches tell which kernels a copy stands between;
//! where they are missing, the GPU's order does.

use crate::trace::{Ns, Trace};
use crate::triage::launches::Launches;
use crate::triage::layers::{HostCopy, Slot, host_copy};

/// For each activity that is a copy between host and device the step that it belongs to, given in pairs of both.
///
/// `step_of` tells the step of the slot of an activity. A copy that prepares what the window does not hold, or ends
/// what it does not, is given no step.
pub(super) fn copies(
    trace: &Trace,
    launches: &Launches<'_>,
    slots: &[Slot],
    step_of: impl Fn(&Slot) -> Option<usize>,
) -> Vec<(usize, Option<usize>)> {
    let launched = |index: usize| launches.launch(index).map(|launch| launch.span.start);
    let are_launched = slots.iter().all(|slot| launched(slot.index).is_some());
    let by_start: Vec<(Ns, Option<usize>)> = slots.iter().map(|slot| (slot.start, step_of(slot))).collect();
    let mut by_launch: Vec<(Ns, Option<usize>)> = Vec::new();
    if are_launched {
        by_launch = slots.iter().filter_map(|slot| Some((launched(slot.index)?, step_of(slot)))).collect();
        by_launch.sort_by_key(|(at, _)| *at);
    }
    let beside = |direction: HostCopy, order: &[(Ns, Option<usize>)], at: Ns| {
        let behind = order.partition_point(|(start, _)| *start <= at);
        let place = match direction {
            HostCopy::ToDevice => Some(behind),
            HostCopy::ToHost => behind.checked_sub(1),
        };
        place.and_then(|place| order.get(place)).and_then(|(_, step)| *step)
    };
    let of_activity = trace.activities.iter().enumerate();
    of_activity
        .filter_map(|(index, activity)| {
            let direction = host_copy(trace, activity)?;
            let step = match launched(index).filter(|_| are_launched) {
                Some(at) => beside(direction, &by_launch, at),
                None => beside(direction, &by_start, activity.span.start),
            };
            Some((index, step))
        })
        .collect()
}
