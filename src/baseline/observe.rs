//! A capture's ranks put together into the numbers that a baseline holds.

use std::collections::{BTreeMap, BTreeSet};

use super::fingerprint::{Fingerprint, Versions};
use super::observation::{
    Band, BodyObservation, LayersObservation, Measure, Observation, OverlapObservation, Overlapped,
    PathObservation, RowObservation, StageObservation,
};
use crate::triage::{
    Collective, FoundBy, KernelRow, LADDER, Layers, PathRow, Role, Stage, StageTriage, Triage, median,
};

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
        true_costs(compared.flat_map(|ranks| &ranks.collectives).filter(|row| row.stage == stage))
    };
    let exposed = |stage: Stage| -> Option<i64> {
        let compared = ranks.iter().filter_map(|triage| triage.ranks.as_ref());
        let rows = compared.flat_map(|ranks| &ranks.collectives).filter(|row| row.stage == stage);
        over_ranks(rows, |row| row.exposed_ns)
    };
    Observation {
        fingerprint: Fingerprint::of(ranks),
        versions: Versions::of(ranks),
        server_args: server_args(ranks),
        captures: 1,
        stages: stages
            .into_iter()
            .map(|(stage, parts)| {
                let mut observed = observe_stage(&parts, &true_costs(stage));
                // Where instances could be matched over ranks, what is exposed holds no waiting.
                if let Some(row) = observed.overlaps.get_mut(&Role::Communication)
                    && let Some(exposed) = exposed(stage)
                {
                    row.exposed_ns = exposed as f64;
                }
                (stage, observed)
            })
            .collect(),
    }
}

/// What each kernel costs. A kernel of which something could not be matched has no such cost.
fn true_costs<'a>(rows: impl Iterator<Item = &'a Collective>) -> TrueCosts<'a> {
    let mut of_kernel: BTreeMap<&str, Vec<&Collective>> = BTreeMap::new();
    for row in rows {
        of_kernel.entry(row.kernel.as_str()).or_default().push(row);
    }
    of_kernel
        .into_iter()
        .filter_map(|(kernel, rows)| Some((kernel, over_ranks(rows.into_iter(), |row| row.true_ns)?)))
        .collect()
}

/// The median over ranks of what the rows cost in which a rank has a part: a kernel may run over several sets
/// of ranks. `None` without rows, or when one of them has no cost.
fn over_ranks<'a>(
    rows: impl Iterator<Item = &'a Collective>,
    cost: fn(&Collective) -> Option<i64>,
) -> Option<i64> {
    let mut of_rank: BTreeMap<u32, i64> = BTreeMap::new();
    for row in rows {
        let cost = cost(row)?;
        for part in &row.ranks {
            *of_rank.entry(part.rank).or_default() += cost;
        }
    }
    let mut costs: Vec<i64> = of_rank.into_values().collect();
    (!costs.is_empty()).then(|| median(&mut costs))
}

/// Arguments that the fingerprint, the versions or the scenario's name hold already, or that are a path.
const TOLD_ELSEWHERE: [&str; 14] = [
    "data_parallel_size",
    "dp_size",
    "dtype",
    "ep_size",
    "expert_parallel_size",
    "model",
    "model_path",
    "pipeline_parallel_size",
    "pp_size",
    "quantization",
    "served_model_name",
    "tensor_parallel_size",
    "tp_size",
    "version",
];

/// What else the server was told: no number of a baseline rests on it, and a change of it may be a cause.
fn server_args(ranks: &[Triage]) -> BTreeMap<String, String> {
    let args = ranks.first().and_then(|triage| triage.server_args.as_ref()).into_iter().flatten();
    args.filter(|(key, value)| !TOLD_ELSEWHERE.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect()
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
                RowObservation {
                    role: first.role,
                    measure,
                    band: Band::ONCE,
                    share_pct: 0.0,
                    instances,
                    name,
                    slow: first.slow.clone(),
                },
            ))
        })
        .collect();
    let whole: f64 = rows.values().map(|row| row.measure.ns).sum();
    for row in rows.values_mut() {
        row.share_pct = if whole > 0.0 { row.measure.ns * 100.0 / whole } else { 0.0 };
    }
    let over_ranks = |value: fn(&StageTriage) -> i64| {
        let mut values: Vec<i64> = parts.iter().map(|part| value(part)).collect();
        median(&mut values) as f64
    };
    StageObservation {
        found_by: parts.first().map_or(FoundBy::None, |part| part.steps.found_by),
        activities: parts.iter().map(|part| part.steps.activities_per_step).sum::<f64>() / ranks,
        busy_ns: over_ranks(|part| part.steps.busy_per_step_ns),
        busy_band: Band::ONCE,
        overlapped: Overlapped {
            same_stream_ns: over_ranks(|part| part.steps.same_stream_overlap_per_step_ns),
            streams_ns: over_ranks(|part| part.steps.stream_overlap_per_step_ns),
        },
        outside_pct: parts.iter().map(|part| outside_pct(part)).fold(0.0, f64::max),
        rows,
        paths: observe_paths(parts),
        overlaps: observe_overlaps(parts),
        layers: parts.iter().find_map(|part| part.layers.as_ref()).map(observe_layers),
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
    for (part, row) in parts.iter().flat_map(|part| part.paths.iter().map(move |row| (part, row))) {
        let seen = PathObservation {
            state: row.state,
            fused: row.fused,
            split: row.split,
            name: row.name.clone(),
            flags_on: row.flags.on.clone(),
            flags_off: row.flags.off.clone(),
            source_paths: row.source_paths.clone(),
            kernels: kernels_of(row, part),
        };
        let known = paths.entry(row.path.clone()).or_insert_with(|| seen.clone());
        if seen.state > known.state {
            *known = seen;
        }
    }
    paths
}

/// The kernels of a path's evidence, in which a ladder stands as its rungs in order.
fn kernels_of(row: &PathRow, part: &StageTriage) -> Vec<String> {
    let forms = row.evidence.iter().flat_map(|form| form.split(LADDER));
    let ids: BTreeSet<&str> = part.kernels.iter().map(|row| row.kernel.as_str()).collect();
    let kernels: BTreeSet<&str> = forms.filter(|id| ids.contains(id)).collect();
    kernels.into_iter().map(str::to_owned).collect()
}

/// Roles of which less than this part of the busy time is hidden are not noted: that is chance.
const LEAST_HIDDEN_PART: f64 = 0.001;

/// Part of a role's own time that is hidden when hiding it is what the second stream is for. Of two partners
/// the one that is hidden for the most part is the overlap; the other one runs on as if alone.
const HIDDEN_ROLE_PART: f64 = 0.5;

fn observe_overlaps(parts: &[&StageTriage]) -> BTreeMap<Role, OverlapObservation> {
    let mut by_role: BTreeMap<Role, Vec<RoleTimes>> = BTreeMap::new();
    for part in parts {
        for (role, times) in role_times(part) {
            by_role.entry(role).or_default().push(times);
        }
    }
    let mut busy: Vec<i64> = parts.iter().map(|part| part.steps.busy_per_step_ns).collect();
    let least_hidden = median(&mut busy) as f64 * LEAST_HIDDEN_PART;
    by_role
        .into_iter()
        .map(|(role, times)| {
            let mut exposed: Vec<i64> = times.iter().map(|one| one.exposed_ns).collect();
            let mut hidden: Vec<i64> = times.iter().map(|one| one.hidden_ns).collect();
            let hidden_ns = median(&mut hidden) as f64;
            let whole_ns = median(&mut exposed) as f64 + hidden_ns;
            let is_hidden = hidden_ns >= least_hidden.max(whole_ns * HIDDEN_ROLE_PART).max(1.0);
            // The rank that comes last to a collective does not wait; what it shows is no one's waiting.
            let exposed_ns = match role {
                Role::Communication => exposed.iter().copied().min().unwrap_or(0),
                _ => median(&mut exposed),
            };
            let mut partners: BTreeMap<Role, i64> = BTreeMap::new();
            for (partner, ns) in times.iter().flat_map(|one| &one.hidden_by) {
                *partners.entry(*partner).or_default() += ns;
            }
            let most = partners.iter().max_by_key(|(role, ns)| (**ns, std::cmp::Reverse(**role)));
            let hidden_by = most.map(|(role, _)| *role).filter(|_| hidden_ns >= least_hidden.max(1.0));
            let is_overlap = role == Role::Communication || is_hidden;
            let exposed_ns = exposed_ns as f64;
            (role, OverlapObservation { exposed_ns, band: Band::ONCE, hidden_by, is_overlap })
        })
        .collect()
}

#[derive(Default)]
struct RoleTimes {
    exposed_ns: i64,
    hidden_ns: i64,
    hidden_by: BTreeMap<Role, i64>,
}

/// Exposed and hidden time of a rank's step, by role; hidden time that lies outside steps counts too.
fn role_times(part: &StageTriage) -> BTreeMap<Role, RoleTimes> {
    let steps = i64::try_from(part.steps.count.max(1)).unwrap_or(i64::MAX);
    let mut by_role: BTreeMap<Role, RoleTimes> = BTreeMap::new();
    for row in part.kernels.iter().filter(|row| row.launches_per_step > 0.0) {
        let times = by_role.entry(row.role).or_default();
        times.exposed_ns += row.exclusive_per_step_ns;
        times.hidden_ns += row.hidden_ns / steps;
        for by in &row.hidden_by {
            *times.hidden_by.entry(by.role).or_default() += by.ns;
        }
    }
    by_role
}

fn observe_layers(layers: &Layers) -> LayersObservation {
    let bodies = layers.bodies.iter().map(|body| {
        let mut streams: Vec<Vec<String>> =
            body.streams.iter().map(|stream| stream.kernels.clone()).collect();
        streams.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        BodyObservation { id: body.id.clone(), repeats: body.repeats, streams }
    });
    LayersObservation {
        count: layers.count,
        bodies: bodies.collect(),
        prologue: Some(layers.prologue.clone()),
        epilogue: Some(layers.epilogue.clone()),
    }
}
