//! Several captures of one thing put together: each number their median, with how far they lie apart.
//!
//! The order of the captures does not matter.

use std::collections::{BTreeMap, BTreeSet};

use super::observation::{
    Band, LayersObservation, Measure, Observation, OverlapObservation, Overlapped, PathObservation,
    RowObservation, StageObservation,
};
use crate::triage::{Role, Stage};

/// Two captures that are no repeats of one another: which, counted from 0, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRepeats {
    /// Position of the capture that differs from the first one.
    pub capture: usize,
    /// In which part.
    pub what: String,
    /// The first capture's word.
    pub first: String,
    /// Its own.
    pub other: String,
}

/// The repeats as one observation; `None` without any.
pub fn merge(captures: &[Observation]) -> Result<Option<Observation>, NoRepeats> {
    let Some((first, others)) = captures.split_first() else { return Ok(None) };
    if others.is_empty() {
        return Ok(Some(first.clone()));
    }
    for (index, other) in others.iter().enumerate() {
        if let Some((what, first, other)) = disagreement(first, other) {
            return Err(NoRepeats { capture: index + 1, what, first, other });
        }
    }
    let fingerprint = captures.iter().fold(first.fingerprint.clone(), |all, one| all.or(&one.fingerprint));
    // Where repeats ran under several versions, none of them is the baseline's.
    let mut versions = first.versions.clone();
    for other in others {
        let agreed =
            |here: Option<String>, there: &Option<String>| here.filter(|it| there.as_ref() == Some(it));
        versions.runtime = agreed(versions.runtime, &other.versions.runtime);
        versions.driver = agreed(versions.driver, &other.versions.driver);
        versions.nccl = agreed(versions.nccl, &other.versions.nccl);
        versions.engine = agreed(versions.engine, &other.versions.engine);
    }
    let stages = first.stages.keys().filter_map(|stage| {
        let parts: Vec<&StageObservation> =
            captures.iter().filter_map(|capture| capture.stages.get(stage)).collect();
        Some((*stage, merge_stage(&parts)?))
    });
    Ok(Some(Observation {
        fingerprint,
        versions,
        server_args: first
            .server_args
            .iter()
            .filter(|(key, value)| others.iter().all(|other| other.server_args.get(*key) == Some(*value)))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        captures: captures.iter().map(|capture| capture.captures).sum(),
        stages: stages.collect(),
    }))
}

fn disagreement(first: &Observation, other: &Observation) -> Option<(String, String, String)> {
    if let Some(one) = first.fingerprint.mismatches(&other.fingerprint).into_iter().next() {
        return Some((one.what.to_owned(), one.baseline, one.capture));
    }
    let (here, there) = (first.fingerprint.ranks, other.fingerprint.ranks);
    if here != there {
        return Some(("ranks".to_owned(), here.to_string(), there.to_string()));
    }
    let names = |one: &Observation| one.stages.keys().map(|stage: &Stage| stage.as_str()).collect::<Vec<_>>();
    let (here, there) = (names(first), names(other));
    if here != there {
        return Some(("stages".to_owned(), here.join(", "), there.join(", ")));
    }
    first.stages.iter().find_map(|(stage, here)| {
        let there = other.stages.get(stage)?;
        (here.found_by != there.found_by).then(|| {
            let what = format!("found-by of stage `{}`", stage.as_str());
            (what, here.found_by.as_str().to_owned(), there.found_by.as_str().to_owned())
        })
    })
}

fn merge_stage(parts: &[&StageObservation]) -> Option<StageObservation> {
    let first = parts.first()?;
    let (busy_ns, busy_band) = middle(parts.iter().map(|part| part.busy_ns));
    let ids: BTreeSet<&String> = parts.iter().flat_map(|part| part.rows.keys()).collect();
    let mut rows: BTreeMap<String, RowObservation> = ids
        .into_iter()
        .filter_map(|id| {
            let found: Vec<&RowObservation> = parts.iter().filter_map(|part| part.rows.get(id)).collect();
            Some((id.clone(), merge_row(&found, parts.len())?))
        })
        .collect();
    let whole: f64 = rows.values().map(|row| row.measure.ns).sum();
    for row in rows.values_mut() {
        row.share_pct = if whole > 0.0 { row.measure.ns * 100.0 / whole } else { 0.0 };
    }
    let paths: BTreeSet<&String> = parts.iter().flat_map(|part| part.paths.keys()).collect();
    let paths = paths.into_iter().filter_map(|id| {
        let found = parts.iter().filter_map(|part| part.paths.get(id));
        Some((id.clone(), worst_path(found)?))
    });
    let roles: BTreeSet<Role> = parts.iter().flat_map(|part| part.overlaps.keys().copied()).collect();
    let overlaps = roles.into_iter().filter_map(|role| {
        let found: Vec<OverlapObservation> =
            parts.iter().filter_map(|part| part.overlaps.get(&role).copied()).collect();
        let (exposed_ns, band) = middle(found.iter().map(|one| one.exposed_ns));
        let hidden_by = found.iter().filter_map(|one| one.hidden_by).min();
        let is_overlap = found.iter().any(|one| one.is_overlap);
        let merged = OverlapObservation { exposed_ns, band, hidden_by, is_overlap };
        (!found.is_empty()).then_some((role, merged))
    });
    Some(StageObservation {
        found_by: first.found_by,
        activities: mean(parts.iter().map(|part| part.activities)),
        busy_ns,
        busy_band,
        overlapped: Overlapped {
            same_stream_ns: middle(parts.iter().map(|part| part.overlapped.same_stream_ns)).0,
            streams_ns: middle(parts.iter().map(|part| part.overlapped.streams_ns)).0,
        },
        outside_pct: parts.iter().map(|part| part.outside_pct).fold(0.0, f64::max),
        rows,
        paths: paths.collect(),
        overlaps: overlaps.collect(),
        layers: most_frequent(parts.iter().filter_map(|part| part.layers.as_ref())),
    })
}

/// A row over the captures that have it, scaled to all captures.
fn merge_row(found: &[&RowObservation], captures: usize) -> Option<RowObservation> {
    let first = found.first()?;
    let part = found.len() as f64 / captures as f64;
    let launches = mean(found.iter().map(|row| row.measure.launches)) * part;
    let (ns, band) = middle(found.iter().map(|row| row.measure.ns));
    let number = |value: fn(&Measure) -> f64| middle(found.iter().map(|row| value(&row.measure))).0;
    let name = found.iter().map(|row| &row.name).min()?;
    Some(RowObservation {
        role: first.role,
        measure: Measure {
            launches,
            spread: spread(found, launches, found.len() < captures),
            ns: ns * part,
            each_ns: number(|measure| measure.each_ns),
            each_mad_ns: number(|measure| measure.each_mad_ns),
        },
        band,
        share_pct: 0.0,
        instances: found.iter().map(|row| row.instances).sum(),
        name: name.clone(),
        slow: Vec::new(),
    })
}

/// How far launches of a step lie apart: wide enough that each capture that went in counts as the same.
fn spread(found: &[&RowObservation], launches: f64, is_missing: bool) -> f64 {
    /// More than what three decimals of the file leave open.
    const OPEN: f64 = 0.004;
    let within = found.iter().map(|row| row.measure.spread).fold(0.0, f64::max);
    let means = found.iter().map(|row| row.measure.launches).chain(is_missing.then_some(0.0));
    let farthest = means.map(|mean| (mean - launches).abs()).fold(0.0, f64::max);
    if farthest > 0.0 { within.max(2.0 * farthest + OPEN) } else { within }
}

/// Where repeats disagree about a path, the worst state speaks.
fn worst_path<'p>(found: impl Iterator<Item = &'p PathObservation>) -> Option<PathObservation> {
    found.max_by_key(|path| (path.state, path.split, std::cmp::Reverse(path.fused))).cloned()
}

/// The bodies that most captures show; the first in order where that is open.
fn most_frequent<'l>(found: impl Iterator<Item = &'l LayersObservation>) -> Option<LayersObservation> {
    let mut counts: BTreeMap<&LayersObservation, usize> = BTreeMap::new();
    for layers in found {
        *counts.entry(layers).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(layers, _)| layers.clone())
}

/// The median of numbers and their median absolute deviation from it.
fn middle(values: impl Iterator<Item = f64>) -> (f64, Band) {
    let values: Vec<f64> = values.collect();
    let captures = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let center = median(values.clone());
    let mad_ns = median(values.into_iter().map(|value| (value - center).abs()).collect());
    (center, Band { mad_ns, captures })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), middle.checked_sub(1).and_then(|before| values.get(before))) {
        (Some(after), Some(before)) if values.len().is_multiple_of(2) => f64::midpoint(*before, *after),
        (Some(value), _) => *value,
        (None, _) => 0.0,
    }
}

/// The mean; the values are sorted first, because sums of floating-point numbers depend on their order.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_deviation_of_repeats() {
        let (center, band) = middle([10.0, 14.0, 11.0, 90.0, 12.0].into_iter());
        assert_eq!((center, band), (12.0, Band { mad_ns: 2.0, captures: 5 }));
        assert_eq!(middle([3.0].into_iter()), (3.0, Band::ONCE));
        assert_eq!(middle([1.0, 2.0].into_iter()).0, 1.5);
    }

    fn row(launches: f64, spread: f64) -> RowObservation {
        RowObservation {
            role: Role::Other,
            measure: Measure { launches, spread, ns: launches * 10.0, each_ns: 10.0, each_mad_ns: 1.0 },
            band: Band::ONCE,
            share_pct: 0.0,
            instances: 1,
            name: "k".to_owned(),
            slow: Vec::new(),
        }
    }

    #[test]
    fn a_row_of_some_captures_counts_as_none_in_the_others() {
        let merged = merge_row(&[&row(2.0, 0.0), &row(2.0, 0.0)], 4).unwrap();
        assert_eq!(merged.measure.launches, 1.0);
        assert_eq!(merged.measure.ns, 10.0);
        // None and two are both within half of it.
        assert!(merged.measure.spread / 2.0 > 1.0);
        assert_eq!(merged.band.captures, 2);
        let alike = merge_row(&[&row(2.0, 0.0), &row(2.0, 0.0)], 2).unwrap();
        assert_eq!(alike.measure.spread, 0.0);
    }
}
