//! What queued each activity of a trace, and when: the order in which kernels of several streams follow one another.
//!
//! The GPU's clock does not tell that order: a stream may run late. A launch tells it, and for the kernels of a graph
//! replay, which have one launch together, the number of the node. Replays whose nodes have no number have
//! no known order across streams.

use super::by_name::ByName;
use crate::trace::{Join, Launch, Ns, Trace};

/// When an activity was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Queued {
    launched: Ns,
    node: u64,
}

/// The launches of a trace, joined with its activities.
pub struct Launches<'t> {
    trace: &'t Trace,
    join: Join,
    /// For each launch, whether it starts the replay of a graph.
    is_replay: Vec<bool>,
}

impl<'t> Launches<'t> {
    /// Joins the launches and activities of a trace.
    pub fn of(trace: &'t Trace) -> Self {
        let mut known = ByName::new(trace);
        let mut is_replay = |launch: &Launch| known.get(launch.name, |name| name.contains("GraphLaunch"));
        let is_replay = trace.launches.iter().map(&mut is_replay).collect();
        Self { trace, join: Join::of(&trace.activities, &trace.launches), is_replay }
    }

    /// The launch of the activity of an index in the trace.
    pub fn launch(&self, activity: usize) -> Option<&'t Launch> {
        self.trace.launches.get(self.index(activity)?)
    }

    /// The launch's own index.
    pub fn index(&self, activity: usize) -> Option<usize> {
        self.join.launch_of(activity)
    }

    /// Whether the launch of an index queued anything that the trace holds.
    pub fn is_queued(&self, launch: usize) -> bool {
        self.join.is_queued(launch)
    }

    /// Whether an activity is joined to the launch of an index, and not to another one of its number.
    pub fn has_activity(&self, launch: usize) -> bool {
        self.join.has_activity(launch)
    }

    /// Whether the launch of an index starts the replay of a graph.
    pub fn is_replay(&self, launch: usize) -> bool {
        self.is_replay.get(launch) == Some(&true)
    }

    /// The launches that queued something, in file order.
    pub fn queueing(&self) -> impl Iterator<Item = &'t Launch> {
        let launches = self.trace.launches.iter().enumerate();
        launches.filter(|(index, _)| self.is_queued(*index)).map(|(_, launch)| launch)
    }

    /// When the activity of an index in the trace was queued.
    pub fn queued(&self, activity: usize) -> Option<Queued> {
        let index = self.index(activity)?;
        let launched = self.trace.launches.get(index)?.span.start;
        let node = match self.trace.activities.get(activity)?.graph_node {
            Some(node) if self.is_replay(index) => node.0.get(),
            None if self.is_replay(index) => return None,
            Some(_) | None => 0,
        };
        Some(Queued { launched, node })
    }
}

#[cfg(test)]
impl Queued {
    /// The `launched`-th launch, and there the `node`-th node.
    pub fn at(launched: i64, node: u64) -> Self {
        Self { launched: Ns(launched), node }
    }
}
