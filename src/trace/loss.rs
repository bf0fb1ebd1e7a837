//! What was launched and never recorded, once a whole trace is read.
//!
//! Input: a trace as decoded. Output: the same without runtime calls that queued nothing, and its losses
//! counted against [`LOSS_LIMIT`]. GPU rows may stand before or after the calls in a file, so all this is
//! known only at the end.

use std::collections::BTreeMap;

use super::health::{HealthCode, LOSS_LIMIT};
use super::join::Join;
use super::model::{ActivityKind, SetupKind, ThreadId, Trace};
use super::ns::{Ns, Span};

/// Calls that queue GPU work even where the activity itself was not recorded, as while a graph is captured.
pub(super) fn is_launch_call(name: &str) -> bool {
    (name.contains("Launch") && !name.contains("HostFunc"))
        || name.contains("Memcpy")
        || name.contains("Memset")
}

/// Drops calls that queued nothing, counts launches that were captured or lost, and applies the limit.
pub(super) fn settle(trace: &mut Trace, lost_events: u64) {
    let join = Join::of(&trace.activities, &trace.launches);
    let names = &trace.names;
    let mut index = 0..;
    let mut unseen = Vec::new();
    trace.launches.retain(|launch| {
        let is_queued = index.next().is_some_and(|index| join.is_queued(index));
        let is_kept = is_queued || is_launch_call(names.get(launch.name));
        if is_kept && !is_queued {
            unseen.push(*launch);
        }
        is_kept
    });

    let captures = captures_by_thread(trace);
    let has = |kind: ActivityKind| trace.activities.iter().any(|activity| activity.kind == kind);
    let (has_kernels, has_copies, has_sets) =
        (has(ActivityKind::Kernel), has(ActivityKind::Copy), has(ActivityKind::Set));
    let mut missing = Vec::new();
    for launch in unseen {
        let name = trace.names.get(launch.name);
        let is_captured = captures
            .get(&launch.thread)
            .is_some_and(|spans| spans.iter().any(|span| span.contains(launch.span.start)));
        if is_captured {
            trace.events.captured += 1;
        } else if (name.contains("Memcpy") && has_copies)
            || (name.contains("Memset") && has_sets)
            || (name.contains("Launch") && has_kernels)
        {
            missing.push(launch.name);
        }
    }
    for name in missing {
        let text = trace.names.get(name).to_owned();
        trace.health.count(HealthCode::ActivityMissing, || text);
    }
    apply_limit(trace, lost_events);
    let is_whole = trace.health.get(HealthCode::CutOff) + trace.health.get(HealthCode::Damaged) == 0;
    let has_cpu = !(trace.cpu_ops.is_empty() && trace.python_frames.is_empty());
    let has_gpu =
        !(trace.activities.is_empty() && trace.launches.is_empty() && trace.header.devices.is_empty());
    if is_whole && has_cpu && !has_gpu {
        trace.health.count(HealthCode::NoGpu, || {
            "no GPU work, no launch, and no GPU in the header: this is the trace of a server on a CPU"
                .to_owned()
        });
    }
}

/// The recordings of graphs on each thread: from the call that begins one to the call that ends it; to the end
/// of time where the end was not recorded.
pub fn captures_by_thread(trace: &Trace) -> BTreeMap<ThreadId, Vec<Span>> {
    let mut calls: Vec<_> = trace.setups.iter().collect();
    calls.sort_by_key(|call| call.span.start);
    let mut captures: BTreeMap<ThreadId, Vec<Span>> = BTreeMap::new();
    for call in calls {
        let spans = captures.entry(call.thread).or_default();
        match call.kind {
            SetupKind::CaptureBegin => spans.push(Span { start: call.span.start, end: Ns(i64::MAX) }),
            SetupKind::CaptureEnd => {
                if let Some(open) = spans.last_mut().filter(|span| span.end == Ns(i64::MAX)) {
                    open.end = call.span.end;
                }
            }
            SetupKind::GraphInstantiate | SetupKind::CodeLoad => {}
        }
    }
    captures
}

fn apply_limit(trace: &mut Trace, lost_events: u64) {
    let count = |codes: &[HealthCode]| codes.iter().map(|code| trace.health.get(*code)).sum::<u64>();
    let dropped =
        count(&[HealthCode::ActivityWithoutTime, HealthCode::NegativeDuration, HealthCode::ActivityAtZero]);
    let nameless = count(&[HealthCode::NameMissing]);
    let untimed = count(&[HealthCode::LaunchWithoutTime]);
    let unseen = count(&[HealthCode::ActivityMissing]);
    let checks = [
        // Of a damaged event nobody knows what it was; it is counted as the worst.
        (
            "activities",
            dropped + lost_events + nameless,
            trace.activities.len() as u64 + dropped + lost_events,
        ),
        ("launches", untimed + unseen, trace.launches.len() as u64 + untimed),
    ];
    for (what, lost, all) in checks {
        if lost.saturating_mul(LOSS_LIMIT) > all {
            trace.health.count(HealthCode::LossBeyondLimit, || {
                format!("{lost} of {all} {what} are lost, more than one in {LOSS_LIMIT}")
            });
        }
    }
}
