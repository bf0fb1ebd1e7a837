//! A capture's ranks put together into the numbers that a baseline holds.

use std::collections::BTreeMap;

use super::fingerprint::Fingerprint;
use crate::triage::{FoundBy, KernelRow, PathState, Role, Stage, StageTriage, Triage, median};

/// The measured side of a comparison: one capture, all its ranks.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// What was measured, and on what.
    pub fingerprint: Fingerprint,
    /// Runtime such as `cuda 12.4`.
    pub runtime: Option<String>,
    /// Per stage.
    pub stages: BTreeMap<Stage, StageObservation>,
}

/// One stage over all ranks.
#[derive(Debug, Clone, PartialEq)]
pub struct StageObservation {
    /// How steps were told apart.
    pub found_by: FoundBy,
    /// Activities of a step, mean over ranks.
    pub activities: f64,
    /// Busy time of a step in nanoseconds, median over ranks.
    pub busy_ns: f64,
    /// Share of the stage's GPU time that lies outside every step, in percent, largest over ranks.
    pub outside_pct: f64,
    /// Kernel rows with work inside steps, by kernel id.
    pub rows: BTreeMap<String, RowObservation>,
    /// Catalog paths, by id.
    pub paths: BTreeMap<String, PathObservation>,
}

/// What a row launches and costs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measure {
    /// Launches of a step, mean over ranks.
    pub launches: f64,
    /// Most minus fewest launches over steps and ranks.
    pub spread: f64,
    /// Added nanoseconds of a step, median over the ranks that have the row, scaled to all ranks. For a
    /// communication kernel whose instances could be matched over ranks: what it costs when no rank waits.
    pub ns: f64,
    /// Median added nanoseconds of one instance.
    pub each_ns: f64,
    /// Median absolute deviation of the instances.
    pub each_mad_ns: f64,
}

/// One kernel id of one stage over all ranks.
#[derive(Debug, Clone, PartialEq)]
pub struct RowObservation {
    /// What it does.
    pub role: Role,
    /// Launches and times.
    pub measure: Measure,
    /// Share of the stage's added time, in percent.
    pub share_pct: f64,
    /// Instances measured inside steps, over all ranks.
    pub instances: u64,
    /// The raw name with the most time, for a person to recognise.
    pub name: String,
}

/// One catalog path of one stage.
#[derive(Debug, Clone, PartialEq)]
pub struct PathObservation {
    /// What it does.
    pub state: PathState,
    /// Fused instances of a step.
    pub fused: u64,
    /// Split instances of a step.
    pub split: u64,
    /// Its name for people.
    pub name: String,
    /// Flags that switch it on.
    pub flags_on: Vec<String>,
    /// Flags that switch it off.
    pub flags_off: Vec<String>,
    /// Where the fused code lives.
    pub source_paths: Vec<String>,
}

/// What the communication kernels of a stage cost in a step when no rank waits, by kernel id.
type TrueCosts<'a> = BTreeMap<&'a str, i64>;

/// Puts the ranks of a capture together. Order of the ranks does not matter.
pub fn observe(ranks: &[Triage]) -> Observation {
    let mut stages: BTreeMap<Stage, Vec<&StageTriage>> = BTreeMap::new();
    for stage in ranks.iter().flat_map(|triage| &triage.stages) {
        stages.entry(stage.stage).or_default().push(stage);
    }
    let true_costs = |stage: Stage| -> TrueCosts<'_> {
        let compared = ranks.iter().filter_map(|triage| triage.ranks.as_ref());
        let rows = compared.flat_map(|ranks| &ranks.collectives).filter(|row| row.stage == stage);
        rows.filter_map(|row| Some((row.kernel.as_str(), row.true_ns?))).collect()
    };
    Observation {
        fingerprint: Fingerprint::of(ranks),
        runtime: ranks
            .first()
            .and_then(|triage| triage.traces.first())
            .and_then(|entry| entry.runtime.clone()),
        stages: stages
            .into_iter()
            .map(|(stage, parts)| (stage, observe_stage(&parts, &true_costs(stage))))
            .collect(),
    }
}

fn observe_stage(parts: &[&StageTriage], true_costs: &TrueCosts<'_>) -> StageObservation {
    let mut by_kernel: BTreeMap<&str, Vec<&KernelRow>> = BTreeMap::new();
    for row in parts.iter().flat_map(|part| &part.kernels).filter(|row| row.launches_per_step > 0.0) {
        by_kernel.entry(&row.kernel).or_default().push(row);
    }
    let ranks = parts.len() as f64;
    let steps = parts.iter().map(|part| part.steps.count).max().unwrap_or(0);
    let mut rows: BTreeMap<String, RowObservation> = by_kernel
        .into_iter()
        .filter_map(|(kernel, rows)| {
            let part_of_ranks = rows.len() as f64 / ranks;
            let first = rows.first()?;
            let measure = Measure {
                launches: rows.iter().map(|row| row.launches_per_step).sum::<f64>() / ranks,
                spread: spread_of(&rows, parts.len()),
                ns: match true_costs.get(kernel) {
                    Some(cost) => *cost as f64,
                    None => median_of(&rows, |row| row.per_step_ns) * part_of_ranks,
                },
                each_ns: median_of(&rows, |row| row.median_ns),
                each_mad_ns: median_of(&rows, |row| row.mad_ns),
            };
            let in_steps = |row: &KernelRow| (row.launches_per_step * steps as f64).round() as u64;
            let instances = rows.iter().map(|row| in_steps(row)).sum();
            let name = first.names.first().map(|name| name.name.clone()).unwrap_or_default();
            Some((
                kernel.to_owned(),
                RowObservation { role: first.role, measure, share_pct: 0.0, instances, name },
            ))
        })
        .collect();
    let whole: f64 = rows.values().map(|row| row.measure.ns).sum();
    for row in rows.values_mut() {
        row.share_pct = if whole > 0.0 { row.measure.ns * 100.0 / whole } else { 0.0 };
    }
    let mut busy: Vec<i64> = parts.iter().map(|part| part.steps.busy_per_step_ns).collect();
    StageObservation {
        found_by: parts.first().map_or(FoundBy::None, |part| part.steps.found_by),
        activities: parts.iter().map(|part| part.steps.activities_per_step).sum::<f64>() / ranks,
        busy_ns: median(&mut busy) as f64,
        outside_pct: parts.iter().map(|part| outside_pct(part)).fold(0.0, f64::max),
        rows,
        paths: observe_paths(parts),
    }
}

fn outside_pct(part: &StageTriage) -> f64 {
    let all: i64 = part.kernels.iter().map(|row| row.added_ns).sum();
    let inside: f64 = part.kernels.iter().map(|row| row.per_step_ns as f64 * part.steps.count as f64).sum();
    if all > 0 { ((all as f64 - inside) * 100.0 / all as f64).max(0.0) } else { 0.0 }
}

/// How much the launches of a step differ, over the steps of every rank; a rank without the row launches none.
fn spread_of(rows: &[&KernelRow], ranks: usize) -> f64 {
    let most = rows.iter().map(|row| row.launches_max).max().unwrap_or(0);
    let fewest = rows.iter().map(|row| row.launches_min).min().unwrap_or(0);
    (most - if rows.len() < ranks { 0 } else { fewest.min(most) }) as f64
}

fn median_of(rows: &[&KernelRow], value: fn(&KernelRow) -> i64) -> f64 {
    let mut values: Vec<i64> = rows.iter().map(|row| value(row)).collect();
    median(&mut values) as f64
}

/// Ranks run the same program; where they disagree about a path, the worst state speaks.
fn observe_paths(parts: &[&StageTriage]) -> BTreeMap<String, PathObservation> {
    let mut paths: BTreeMap<String, PathObservation> = BTreeMap::new();
    for row in parts.iter().flat_map(|part| &part.paths) {
        let seen = PathObservation {
            state: row.state,
            fused: row.fused,
            split: row.split,
            name: row.name.clone(),
            flags_on: row.flags.on.clone(),
            flags_off: row.flags.off.clone(),
            source_paths: row.source_paths.clone(),
        };
        let known = paths.entry(row.path.clone()).or_insert_with(|| seen.clone());
        if seen.state > known.state {
            *known = seen;
        }
    }
    paths
}
