//! A step's kernels as slots: what runs on which stream, in the order in which the stream runs it.

use crate::trace::{Activity, ActivityKind, NameId, Ns, StreamId, Trace};
use crate::triage::activity::Classes;
use crate::triage::classify::Role;
use crate::triage::launches::{Launches, Queued};

/// Index of a kernel id in a table of distinct ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelIx(pub u32);

/// One activity of a step, reduced to what its place in a layer depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Which kernel id.
    pub kernel: KernelIx,
    /// Which raw name; two raw names of one id are two builds or tiles of it.
    pub name: NameId,
    /// What it does.
    pub role: Role,
    /// Where it ran.
    pub stream: StreamId,
    /// When it started.
    pub start: Ns,
    /// When it ended.
    pub end: Ns,
    /// Blocks on the first axis of its launch, 0 when unknown.
    pub grid: u32,
    /// When it was queued, where the trace tells.
    pub queued: Option<Queued>,
    /// Its index among the trace's activities.
    pub index: usize,
}

/// The distinct kernel ids of a timeline, in order of first appearance.
#[derive(Debug, Default)]
pub struct KernelIds<'t> {
    ids: Vec<&'t str>,
}

impl<'t> KernelIds<'t> {
    /// The id's text.
    pub fn get(&self, kernel: KernelIx) -> &'t str {
        self.ids.get(kernel.0 as usize).copied().unwrap_or_default()
    }
}

/// The slots of activities, given with their index in the trace, in order of start.
///
/// Copies between host and device are left out: which of them fall into a step depends on the host.
pub fn slots<'t>(
    trace: &Trace,
    classes: &'t Classes,
    launches: &Launches<'_>,
    activities: impl IntoIterator<Item = (usize, Activity)>,
) -> (Vec<Slot>, KernelIds<'t>) {
    let mut table = std::collections::BTreeMap::new();
    let mut ids = KernelIds::default();
    let mut slots = Vec::new();
    for (index, activity) in activities {
        if host_copy(trace, &activity).is_some() {
            continue;
        }
        let Some(class) = classes.get(activity.name) else { continue };
        let next = KernelIx(u32::try_from(ids.ids.len()).unwrap_or(u32::MAX));
        let kernel = *table.entry(class.id.as_str()).or_insert_with(|| {
            ids.ids.push(&class.id);
            next
        });
        slots.push(Slot {
            kernel,
            name: activity.name,
            role: class.role,
            stream: activity.stream,
            start: activity.span.start,
            end: activity.span.end,
            grid: activity.grid,
            queued: launches.queued(index),
            index,
        });
    }
    slots.sort_by_key(|slot| (slot.start, std::cmp::Reverse(slot.end)));
    (slots, ids)
}

/// Where a copy between host and device goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostCopy {
    /// What a kernel reads.
    ToDevice,
    /// What the host reads.
    ToHost,
}

/// Where an activity copies to; `None` where it is no copy between host and device.
pub fn host_copy(trace: &Trace, activity: &Activity) -> Option<HostCopy> {
    if activity.kind != ActivityKind::Copy {
        return None;
    }
    let name = trace.names.get(activity.name);
    let is_one_of = |words: [&str; 2]| words.iter().any(|word| name.contains(word));
    if is_one_of(["HtoD", "HostToDevice"]) {
        Some(HostCopy::ToDevice)
    } else {
        is_one_of(["DtoH", "DeviceToHost"]).then_some(HostCopy::ToHost)
    }
}
