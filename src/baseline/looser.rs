//! What a refresh made easier to pass: numbers that accept more than before.

use super::observation::{Observation, RowObservation, StageObservation};
use crate::triage::{PathState, Stage};

/// What of a baseline accepts more than before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Looser {
    /// How many numbers.
    pub numbers: u64,
    /// The one of them that rose by most of itself.
    pub most: Option<Loosest>,
}

/// A number that rose.
#[derive(Debug, Clone, PartialEq)]
pub struct Loosest {
    /// Its stage.
    pub stage: Stage,
    /// The kernel, or `busy`, or `exposed ROLE`.
    pub subject: String,
    /// By how much, in percent of what it was; `None` where it was nothing before.
    pub pct: Option<f64>,
}

/// A number below which a difference is one of digits, in percent.
const DIGITS_PCT: f64 = 0.5;

/// Holds the numbers of the refreshed file against those of the old one. Kernels that came or went are in the busy time, and
/// count there; a role that the old file did not hold accepts less now, and not more.
pub fn looser(old: &Observation, new: &Observation) -> Looser {
    let mut found = Looser::default();
    for (stage, after) in &new.stages {
        if let Some(before) = old.stages.get(stage) {
            found.of_stage(*stage, before, after);
        }
    }
    found
}

impl Looser {
    fn of_stage(&mut self, stage: Stage, before: &StageObservation, after: &StageObservation) {
        self.hold(stage, "busy", before.busy_ns, after.busy_ns);
        for (id, row) in &after.rows {
            if let Some((old, new)) = before.rows.get(id).and_then(|old| risen(old, row)) {
                self.hold(stage, id, old, new);
            }
        }
        for (role, overlap) in &after.overlaps {
            if let Some(old) = before.overlaps.get(role) {
                self.hold(stage, &format!("exposed {}", role.as_str()), old.exposed_ns, overlap.exposed_ns);
            }
        }
        // What overlaps less is measured by what is gained; for a reader it is a number that fell.
        let fallen = [
            (before.overlapped.same_stream_ns, after.overlapped.same_stream_ns),
            (before.overlapped.streams_ns, after.overlapped.streams_ns),
        ];
        self.numbers += fallen.iter().filter(|(old, new)| is_more(*new, *old)).count() as u64;
        let paths = before.paths.iter().filter(|(id, old)| {
            old.state == PathState::Active
                && after.paths.get(*id).is_none_or(|new| new.state != PathState::Active)
        });
        self.numbers += paths.count() as u64;
    }

    fn hold(&mut self, stage: Stage, subject: &str, old: f64, new: f64) {
        if !is_more(old, new) {
            return;
        }
        self.numbers += 1;
        let pct = (old > 0.0).then(|| (new - old) * 100.0 / old);
        let size = |pct: Option<f64>| pct.unwrap_or(f64::INFINITY);
        if self.most.as_ref().is_none_or(|most| size(most.pct) < size(pct)) {
            self.most = Some(Loosest { stage, subject: subject.to_owned(), pct });
        }
    }
}

/// Of a row's time, one instance's time and launches, the first that rose, before and after.
fn risen(old: &RowObservation, new: &RowObservation) -> Option<(f64, f64)> {
    let (old, new) = (old.measure, new.measure);
    [(old.ns, new.ns), (old.each_ns, new.each_ns), (old.launches, new.launches)]
        .into_iter()
        .find(|(old, new)| is_more(*old, *new))
}

fn is_more(old: f64, new: f64) -> bool {
    new > old * (1.0 + DIGITS_PCT / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_rose_by_more_than_a_digit_counts() {
        let mut found = Looser::default();
        found.hold(Stage::Decode, "busy", 100.0, 100.4);
        found.hold(Stage::Decode, "a", 100.0, 90.0);
        assert_eq!(found, Looser::default());
        found.hold(Stage::Decode, "a", 100.0, 110.0);
        found.hold(Stage::Decode, "b", 100.0, 104.0);
        let most = Loosest { stage: Stage::Decode, subject: "a".to_owned(), pct: Some(10.0) };
        assert_eq!(found, Looser { numbers: 2, most: Some(most) });
        found.hold(Stage::Decode, "exposed moe", 0.0, 1.0);
        assert_eq!(found.most.and_then(|most| most.pct), None, "what was nothing rose by most");
    }
}
