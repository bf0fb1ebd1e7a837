//! A step's kernels as slots: what runs on which stream, in the order in which the stream runs it.

use crate::trace::{ActivityKind, Ns, StreamId, Trace};
use crate::triage::activity::{Placed, Timeline};
use crate::triage::classify::Role;

/// Index of a kernel id in a table of distinct ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelIx(pub u32);

/// One activity of a step, reduced to what its place in a layer depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Which kernel id.
    pub kernel: KernelIx,
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
    /// Its index in the timeline.
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

/// The slots of the activities that `wanted` picks, in order of start.
///
/// Copies between host and device are left out: which of them fall into a step depends on the host.
pub fn slots<'t>(
    trace: &Trace,
    timeline: &'t Timeline,
    wanted: impl Fn(&Placed) -> bool,
) -> (Vec<Slot>, KernelIds<'t>) {
    let mut table = std::collections::BTreeMap::new();
    let mut ids = KernelIds::default();
    let mut slots = Vec::new();
    for (index, one) in timeline.placed.iter().enumerate().filter(|(_, one)| wanted(one)) {
        if one.activity.kind == ActivityKind::Copy && is_host_copy(trace.names.get(one.activity.name)) {
            continue;
        }
        let Some(class) = timeline.classes.get(one.activity.name) else { continue };
        let next = KernelIx(u32::try_from(ids.ids.len()).unwrap_or(u32::MAX));
        let kernel = *table.entry(class.id.as_str()).or_insert_with(|| {
            ids.ids.push(&class.id);
            next
        });
        slots.push(Slot {
            kernel,
            role: class.role,
            stream: one.stream(),
            start: one.activity.span.start,
            end: one.activity.span.end,
            grid: one.activity.grid.first().copied().unwrap_or(0),
            index,
        });
    }
    (slots, ids)
}

fn is_host_copy(name: &str) -> bool {
    name.contains("HtoD")
        || name.contains("DtoH")
        || name.contains("HostToDevice")
        || name.contains("DeviceToHost")
}
