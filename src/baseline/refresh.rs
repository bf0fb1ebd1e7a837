//! New captures laid over a baseline: a number stays as it is until it moved beyond noise.
//!
//! Old numbers that stay are what keeps a slow creep visible: each night is held against the recorded one, not
//! against the night before.

use std::collections::{BTreeMap, BTreeSet};

use super::delta::is_same_count;
use super::observation::{
    Band, Observation, OverlapObservation, Overlapped, PathObservation, RowObservation, StageObservation,
};
use crate::triage::{PathState, Role, Stage};

/// What counts as noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// Least change of a time, in percent of itself.
    pub least_pct: f64,
    /// Standard deviations between captures that a change must exceed, where a band is known.
    pub sigmas: f64,
    /// Standard deviation in units of the median absolute deviation.
    pub sigma_per_mad: f64,
    /// Captures from which there is a band.
    pub band_captures: u32,
    /// Least change of an overlap, in percent of the stage's busy time.
    pub overlap_pct: f64,
}

/// What stays as it is, because a person has not accepted that it changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Stages whose launches, layers and sums stay.
    pub structure: BTreeSet<Stage>,
    /// Rows that stay: kernel, path or role.
    pub subjects: BTreeSet<(Stage, String)>,
    /// Stages whose times stay: all of them moved together.
    pub times: BTreeSet<Stage>,
    /// Stages whose overlap between streams or kernels stays.
    pub overlap: BTreeSet<Stage>,
}

impl Noise {
    /// Whether a time left the noise around the recorded one.
    fn is_beyond(self, before_ns: f64, after_ns: f64, band: Band) -> bool {
        let sigma = if band.captures >= self.band_captures { band.mad_ns * self.sigma_per_mad } else { 0.0 };
        let open = (before_ns * self.least_pct / 100.0).max(sigma * self.sigmas);
        (after_ns - before_ns).abs() > open
    }
}

/// The baseline's numbers with those that moved replaced. Both sides are known to be comparable.
pub fn refresh(old: &Observation, new: &Observation, noise: Noise, held: &Held) -> Observation {
    let mut stages = BTreeMap::new();
    for (stage, after) in &new.stages {
        let refreshed = match old.stages.get(stage) {
            Some(before) => one_stage(*stage, before, after, noise, held),
            None => after.clone(),
        };
        stages.insert(*stage, refreshed);
    }
    // A stage that this capture does not have was not measured, which says nothing of its numbers.
    for (stage, before) in &old.stages {
        stages.entry(*stage).or_insert_with(|| before.clone());
    }
    let mut versions = new.versions.clone();
    versions.runtime = versions.runtime.or_else(|| old.versions.runtime.clone());
    versions.driver = versions.driver.or_else(|| old.versions.driver.clone());
    versions.nccl = versions.nccl.or_else(|| old.versions.nccl.clone());
    versions.engine = versions.engine.or_else(|| old.versions.engine.clone());
    Observation {
        fingerprint: old.fingerprint.clone().or(&new.fingerprint),
        versions,
        server_args: if new.server_args.is_empty() {
            old.server_args.clone()
        } else {
            new.server_args.clone()
        },
        captures: old.captures,
        stages,
    }
}

fn one_stage(
    stage: Stage,
    before: &StageObservation,
    after: &StageObservation,
    noise: Noise,
    held: &Held,
) -> StageObservation {
    let is_structure_held = held.structure.contains(&stage);
    let are_times_held = held.times.contains(&stage);
    // What overlaps and what a step takes follow from what runs.
    let are_kept = is_structure_held || are_times_held;
    let is_held = |subject: &str| held.subjects.contains(&(stage, subject.to_owned()));
    let mut rows: BTreeMap<String, RowObservation> = BTreeMap::new();
    let ids: BTreeSet<&String> = before.rows.keys().chain(after.rows.keys()).collect();
    for id in ids {
        let kept = one_row(before.rows.get(id), after.rows.get(id), before.busy_ns, noise, |is_same| {
            is_held(id) || if is_same { are_times_held } else { is_structure_held }
        });
        rows.extend(kept.map(|row| (id.clone(), row)));
    }
    let paths: BTreeSet<&String> = before.paths.keys().chain(after.paths.keys()).collect();
    let paths = paths.into_iter().filter_map(|id| {
        let (old, new) = (before.paths.get(id), after.paths.get(id));
        let path = if is_held(id) { old } else { one_path(old, new) };
        Some((id.clone(), path?.clone()))
    });
    let paths = paths.collect();
    let roles: BTreeSet<Role> = before.overlaps.keys().chain(after.overlaps.keys()).copied().collect();
    let overlaps = roles.into_iter().filter_map(|role| {
        let (old, new) = (before.overlaps.get(&role), after.overlaps.get(&role));
        let kept = one_overlap(old, new, before.busy_ns, noise, are_kept || is_held(role.as_str()))?;
        Some((role, kept))
    });
    let is_other = |(id, row): (&String, &RowObservation)| {
        before.rows.get(id).is_none_or(|old| !is_same_count(old.measure, row.measure, before.busy_ns))
    };
    let is_structure_taken = rows.iter().any(is_other) || before.rows.keys().any(|id| !rows.contains_key(id));
    let is_busy_moved =
        !are_kept && (is_structure_taken || noise.is_beyond(before.busy_ns, after.busy_ns, before.busy_band));
    let overlaps = overlaps.collect();
    StageObservation {
        found_by: if is_structure_held { before.found_by } else { after.found_by },
        activities: if is_structure_held || is_near(before.activities, after.activities) {
            before.activities
        } else {
            after.activities
        },
        busy_ns: if is_busy_moved { after.busy_ns } else { before.busy_ns },
        busy_band: if is_busy_moved { after.busy_band } else { before.busy_band },
        overlapped: overlapped(before, after, noise, are_kept || held.overlap.contains(&stage)),
        outside_pct: after.outside_pct,
        rows,
        paths,
        overlaps,
        layers: if is_structure_held || after.layers.is_none() {
            before.layers.clone()
        } else {
            after.layers.clone()
        },
    }
}

/// Means over steps are written with three decimals, and half a percent of them is no change of structure.
fn is_near(before: f64, after: f64) -> bool {
    (after - before).abs() <= before * 0.005
}

fn one_row(
    before: Option<&RowObservation>,
    after: Option<&RowObservation>,
    busy_ns: f64,
    noise: Noise,
    is_held: impl Fn(bool) -> bool,
) -> Option<RowObservation> {
    let (Some(old), Some(new)) = (before, after) else {
        // A row that only some of the recorded captures had may be missing once more.
        let is_same = before.is_some_and(|old| is_same_count(old.measure, Default::default(), busy_ns));
        return if is_same || is_held(false) { before.cloned() } else { after.cloned() };
    };
    let is_same = is_same_count(old.measure, new.measure, busy_ns);
    if is_held(is_same) {
        return Some(old.clone());
    }
    let each = Band { mad_ns: 0.0, ..old.band };
    let is_moved = noise.is_beyond(old.measure.ns, new.measure.ns, old.band)
        || noise.is_beyond(old.measure.each_ns, new.measure.each_ns, each);
    if is_same && old.role == new.role && !is_moved {
        return Some(old.clone());
    }
    let mut row = new.clone();
    if is_same {
        // Time moved, the count did not: what steps may differ by is not widened along with it.
        (row.measure.launches, row.measure.spread) = (old.measure.launches, old.measure.spread);
    }
    Some(row)
}

/// A promise of an active path is not weakened by the few instances that no finding speaks of.
fn one_path<'p>(
    before: Option<&'p PathObservation>,
    after: Option<&'p PathObservation>,
) -> Option<&'p PathObservation> {
    match (before, after) {
        (Some(old), Some(new)) if old.state == PathState::Active && new.state == PathState::Active => {
            let lost = old.fused.saturating_sub(new.fused);
            Some(if lost > 0 && lost * 50 <= old.fused { old } else { new })
        }
        (_, after) => after,
    }
}

fn one_overlap(
    before: Option<&OverlapObservation>,
    after: Option<&OverlapObservation>,
    busy_ns: f64,
    noise: Noise,
    is_held: bool,
) -> Option<OverlapObservation> {
    let Some(old) = before else { return after.filter(|_| !is_held).copied() };
    let now = after.map_or(0.0, |new| new.exposed_ns);
    let is_moved = noise.is_beyond(old.exposed_ns, now, old.band)
        && (now - old.exposed_ns).abs() > busy_ns * noise.overlap_pct / 100.0;
    if is_held || !is_moved {
        return Some(*old);
    }
    after.filter(|new| new.is_overlap).copied()
}

fn overlapped(
    before: &StageObservation,
    after: &StageObservation,
    noise: Noise,
    is_held: bool,
) -> Overlapped {
    let one = |old: f64, new: f64| {
        let is_moved = (new - old).abs() > before.busy_ns * noise.overlap_pct / 100.0
            && noise.is_beyond(old, new, Band::ONCE);
        if is_moved && !is_held { new } else { old }
    };
    Overlapped {
        same_stream_ns: one(before.overlapped.same_stream_ns, after.overlapped.same_stream_ns),
        streams_ns: one(before.overlapped.streams_ns, after.overlapped.streams_ns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::Measure;

    const NOISE: Noise =
        Noise { least_pct: 5.0, sigmas: 5.0, sigma_per_mad: 1.4826, band_captures: 5, overlap_pct: 0.3 };

    fn row(launches: f64, us: f64) -> RowObservation {
        RowObservation {
            role: Role::Gemm,
            measure: Measure {
                launches,
                spread: 0.0,
                ns: us * 1e3,
                each_ns: us * 1e3 / launches,
                each_mad_ns: 0.0,
            },
            band: Band::ONCE,
            share_pct: 1.0,
            instances: 1,
            name: String::new(),
            slow: Vec::new(),
        }
    }

    fn kept(old: &RowObservation, new: &RowObservation) -> bool {
        one_row(Some(old), Some(new), 1e6, NOISE, |_| false).as_ref() == Some(old)
    }

    #[test]
    fn a_time_stays_until_it_left_the_noise_either_way() {
        let old = row(48.0, 100.0);
        assert!(kept(&old, &row(48.0, 104.9)));
        assert!(kept(&old, &row(48.0, 95.1)));
        assert!(!kept(&old, &row(48.0, 105.1)));
        assert!(!kept(&old, &row(48.0, 94.9)));
        // Captures that lay far apart make more of it noise, for the row's own sum.
        let mut wide = old.clone();
        wide.band = Band { mad_ns: 2e3, captures: 5 };
        let mut moved = row(48.0, 110.0);
        moved.measure.each_ns = wide.measure.each_ns;
        assert!(kept(&wide, &moved));
        wide.band.captures = 4;
        assert!(!kept(&wide, &moved), "four captures are no band");
    }

    #[test]
    fn other_counts_are_taken_unless_they_are_held() {
        let (old, new) = (row(48.0, 100.0), row(96.0, 100.0));
        assert!(!kept(&old, &new));
        assert_eq!(one_row(Some(&old), Some(&new), 1e6, NOISE, |is_same| !is_same), Some(old.clone()));
        assert_eq!(one_row(None, Some(&new), 1e6, NOISE, |is_same| !is_same), None);
        assert_eq!(one_row(Some(&old), None, 1e6, NOISE, |is_same| !is_same), Some(old.clone()));
        assert_eq!(one_row(Some(&old), None, 1e6, NOISE, |_| false), None);
    }
}
