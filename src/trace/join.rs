//! Launches and the activities that they queued, joined by the number that both carry.
//!
//! Input: the launches and the activities of one trace. Output: for each activity its launch, for each launch
//! whether it queued anything. One look per row.

use hashbrown::{DefaultHashBuilder, HashMap};

use super::model::{Activity, CorrelationId, Launch};

/// No launch.
const NONE: u32 = u32::MAX;

/// Which launch queued which activity.
#[derive(Debug, Clone, Default)]
pub struct Join {
    of_activity: Vec<u32>,
    /// For each launch, whether an activity is joined to it.
    has_activity: Vec<bool>,
    /// The same for each launch of its number, where numbers are not unique.
    is_queued: Option<Vec<bool>>,
}

impl Join {
    /// Joins the rows of one trace. Of several launches of one number the last counts.
    pub fn of(activities: &[Activity], launches: &[Launch]) -> Self {
        let mut known: HashMap<CorrelationId, u32, DefaultHashBuilder> =
            HashMap::with_capacity_and_hasher(launches.len(), DefaultHashBuilder::default());
        for (number, launch) in (0_u32..NONE).zip(launches) {
            known.insert(launch.correlation, number);
        }
        let mut has_activity = vec![false; launches.len()];
        let find = |activity: &Activity| {
            let launch = activity.correlation.and_then(|correlation| known.get(&correlation).copied());
            if let Some(slot) = launch.and_then(|launch| has_activity.get_mut(launch as usize)) {
                *slot = true;
            }
            launch.unwrap_or(NONE)
        };
        let of_activity = activities.iter().map(find).collect();
        let is_queued = (known.len() < launches.len()).then(|| {
            let last = |launch: &Launch| known.get(&launch.correlation).map(|last| *last as usize);
            let is_queued = |launch| last(launch).and_then(|last| has_activity.get(last)) == Some(&true);
            launches.iter().map(is_queued).collect()
        });
        Self { of_activity, has_activity, is_queued }
    }

    /// The launch that queued an activity, by their places in the trace.
    pub fn launch_of(&self, activity: usize) -> Option<usize> {
        self.of_activity.get(activity).filter(|launch| **launch != NONE).map(|launch| *launch as usize)
    }

    /// Whether a launch queued an activity of the trace, by its number.
    pub fn is_queued(&self, launch: usize) -> bool {
        self.is_queued.as_ref().unwrap_or(&self.has_activity).get(launch) == Some(&true)
    }

    /// Whether an activity of the trace is joined to this very launch.
    pub fn has_activity(&self, launch: usize) -> bool {
        self.has_activity.get(launch) == Some(&true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(launches: &[u32], kernels: &[u32]) -> crate::trace::Trace {
        let row = |cat: &str, name: &str, id: &u32| {
            format!(
                r#"{{"ph":"X","cat":"{cat}","name":"{name}","pid":0,"tid":7,"ts":1,"dur":1,"args":{{"stream":7,"correlation":{id}}}}}"#
            )
        };
        let launches = launches.iter().map(|id| row("cuda_runtime", "cudaLaunchKernel", id));
        let rows: Vec<String> = launches.chain(kernels.iter().map(|id| row("kernel", "k", id))).collect();
        crate::trace::read(format!("[{}]", rows.join(",")).as_bytes()).unwrap()
    }

    #[test]
    fn rows_of_one_number_belong_together_and_the_last_launch_counts() {
        let trace = trace(&[5, 6, 5, 7], &[5, 9, 7, 5]);
        let join = Join::of(&trace.activities, &trace.launches);
        let launches: Vec<Option<usize>> = (0..5).map(|activity| join.launch_of(activity)).collect();
        assert_eq!(launches, [Some(2), None, Some(3), Some(2), None]);
        let queued: Vec<bool> = (0..5).map(|launch| join.is_queued(launch)).collect();
        assert_eq!(queued, [true, false, true, true, false]);
        let joined: Vec<bool> = (0..5).map(|launch| join.has_activity(launch)).collect();
        assert_eq!(joined, [false, false, true, true, false]);
    }
}
