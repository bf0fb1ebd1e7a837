//! When each activity of a trace was queued: the order in which kernels of several streams follow one another.
//!
//! The GPU's clock does not tell it: a stream may run late. A launch tells it, and for the kernels of a graph
//! replay, which have one launch together, the number of the node. Replays whose nodes have no number have
//! no known order across streams.

use std::collections::HashMap;

use crate::trace::{CorrelationId, Launch, Ns, Trace};

/// When an activity was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Queued {
    launched: Ns,
    node: u64,
}

/// The queueing of each activity of a trace, where it is known.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    of_activity: Vec<Option<Queued>>,
}

impl Queue {
    /// Reads a trace's launches and graph nodes.
    pub fn of(trace: &Trace) -> Self {
        let launches: HashMap<CorrelationId, &Launch> =
            trace.launches.iter().map(|launch| (launch.correlation, launch)).collect();
        let of_activity = trace
            .activities
            .iter()
            .map(|activity| {
                let launch = launches.get(&activity.correlation?)?;
                let is_replay = trace.names.get(launch.name).contains("GraphLaunch");
                let node = match activity.graph_node {
                    Some(node) if is_replay => node.0.get(),
                    None if is_replay => return None,
                    Some(_) | None => 0,
                };
                Some(Queued { launched: launch.span.start, node })
            })
            .collect();
        Self { of_activity }
    }

    /// When the activity of an index in the trace was queued.
    pub fn get(&self, activity: usize) -> Option<Queued> {
        self.of_activity.get(activity).copied().flatten()
    }
}

#[cfg(test)]
impl Queued {
    /// The `launched`-th launch, and there the `node`-th node.
    pub fn at(launched: i64, node: u64) -> Self {
        Self { launched: Ns(launched), node }
    }
}
