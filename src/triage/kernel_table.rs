//! The kernel table: every kernel id of a stage with its launches and times.

use std::collections::BTreeMap;

use super::activity::{Placed, Timeline};
use super::classify::Role;
use super::model::{KernelRow, NameRow, StepTotals};
use super::stage::Stage;
use crate::trace::{NameId, Ns, Span, Trace};

/// Share of `part` in `whole` in percent; zero of nothing.
pub fn percent(part: Ns, whole: Ns) -> f64 {
    if whole == Ns::ZERO { 0.0 } else { part.0 as f64 * 100.0 / whole.0 as f64 }
}

/// Median of unsorted values; zero of none. Of an even number, the mean of the middle two.
pub fn median(values: &mut [i64]) -> i64 {
    values.sort_unstable();
    let middle = values.len() / 2;
    match (values.get(middle), middle.checked_sub(1).and_then(|before| values.get(before))) {
        (Some(after), Some(before)) if values.len().is_multiple_of(2) => before + (after - before) / 2,
        (Some(value), _) => *value,
        (None, _) => 0,
    }
}

/// Sums over the activities of one stage.
pub fn totals(timeline: &Timeline, stage: Stage) -> StepTotals {
    let of_stage = || timeline.placed.iter().filter(move |one| one.stage == stage);
    let count = timeline.step_stages.iter().filter(|of| **of == stage).count() as u64;
    let total: Ns = of_stage().map(|one| one.activity.span.length()).sum();
    let added: Ns = of_stage().map(|one| one.measured.added).sum();
    let start = of_stage().map(|one| one.activity.span.start).min().unwrap_or_default();
    let end = of_stage().map(|one| one.activity.span.end).max().unwrap_or_default();
    let in_steps = of_stage().filter(|one| one.step.is_some()).count();
    StepTotals {
        count,
        found_by: timeline.found_by,
        activities: of_stage().count() as u64,
        total_ns: total.0,
        busy_ns: busy(of_stage()).0,
        span_ns: (end - start).0,
        same_stream_overlap_ns: (total - added).0,
        activities_per_step: per_step(in_steps as f64, count),
        busy_per_step_ns: per_step(busy(of_stage().filter(|one| one.step.is_some())).0 as f64, count).round()
            as i64,
    }
}

fn per_step(value: f64, steps: u64) -> f64 {
    if steps == 0 { 0.0 } else { value / steps as f64 }
}

/// Length of the union per device, added over devices.
fn busy<'a>(activities: impl Iterator<Item = &'a Placed>) -> Ns {
    let mut spans: BTreeMap<_, Vec<Span>> = BTreeMap::new();
    for one in activities {
        spans.entry(one.stream().device).or_default().push(one.activity.span);
    }
    spans.into_values().map(super::interval::union_length).sum()
}

#[derive(Default)]
struct Row {
    role: Option<Role>,
    in_steps: u64,
    by_step: BTreeMap<usize, u64>,
    per_step_added: Ns,
    instances: Vec<i64>,
    names: BTreeMap<NameId, NameSums>,
}

#[derive(Default, Clone, Copy)]
struct NameSums {
    launches: u64,
    total: Ns,
    added: Ns,
    exclusive: Ns,
}

/// Every row of a stage, largest total first, ties by kernel id. `attribution` fills sites and operators.
pub fn rows(trace: &Trace, timeline: &Timeline, stage: Stage) -> Vec<KernelRow> {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for one in timeline.placed.iter().filter(|one| one.stage == stage) {
        let Some(class) = timeline.classes.get(one.activity.name) else { continue };
        let row = rows.entry(&class.id).or_default();
        row.role = Some(class.role);
        let sums = row.names.entry(one.activity.name).or_default();
        sums.launches += 1;
        sums.total += one.activity.span.length();
        sums.added += one.measured.added;
        sums.exclusive += one.measured.exclusive;
        if let Some(step) = one.step {
            row.in_steps += 1;
            *row.by_step.entry(step).or_default() += 1;
            row.per_step_added += one.measured.added;
            row.instances.push(one.measured.added.0);
        }
    }
    let steps = timeline.step_stages.iter().filter(|of| **of == stage).count() as u64;
    let whole: Ns = rows.values().flat_map(|row| row.names.values()).map(|sums| sums.total).sum();
    let mut rows: Vec<KernelRow> =
        rows.into_iter().map(|(kernel, row)| finish(trace, kernel, row, steps, whole)).collect();
    rows.sort_by(|a, b| b.total_ns.cmp(&a.total_ns).then_with(|| a.kernel.cmp(&b.kernel)));
    rows
}

fn finish(trace: &Trace, kernel: &str, mut row: Row, steps: u64, whole: Ns) -> KernelRow {
    let sum = |part: fn(&NameSums) -> Ns| row.names.values().map(part).sum::<Ns>();
    let total = sum(|sums| sums.total);
    let added = sum(|sums| sums.added);
    let exclusive = sum(|sums| sums.exclusive);
    let launches = row.names.values().map(|sums| sums.launches).sum();
    let median_ns = median(&mut row.instances);
    let mut deviations: Vec<i64> = row.instances.iter().map(|one| (one - median_ns).abs()).collect();
    let mut names: Vec<NameRow> = row
        .names
        .iter()
        .map(|(name, sums)| NameRow {
            name: trace.names.get(*name).to_owned(),
            launches: sums.launches,
            total_ns: sums.total.0,
            added_ns: sums.added.0,
            exclusive_ns: sums.exclusive.0,
        })
        .collect();
    names.sort_by(|a, b| b.total_ns.cmp(&a.total_ns).then_with(|| a.name.cmp(&b.name)));
    KernelRow {
        kernel: kernel.to_owned(),
        role: row.role.unwrap_or(Role::Other),
        launches,
        launches_per_step: per_step(row.in_steps as f64, steps),
        launches_min: if (row.by_step.len() as u64) < steps {
            0
        } else {
            row.by_step.values().copied().min().unwrap_or(0)
        },
        launches_max: row.by_step.values().copied().max().unwrap_or(0),
        total_ns: total.0,
        added_ns: added.0,
        share_pct: percent(total, whole),
        exclusive_ns: exclusive.0,
        hidden_ns: (total - exclusive).0,
        per_step_ns: per_step(row.per_step_added.0 as f64, steps).round() as i64,
        median_ns,
        mad_ns: median(&mut deviations),
        names,
        sites: Vec::new(),
        cpu_ops: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_few_values() {
        assert_eq!(median(&mut []), 0);
        assert_eq!(median(&mut [5]), 5);
        assert_eq!(median(&mut [9, 1]), 5);
        assert_eq!(median(&mut [9, 1, 2]), 2);
    }
}
