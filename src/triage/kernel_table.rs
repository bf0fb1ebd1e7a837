//! The kernel table: every kernel id of a stage with its launches and times.

use std::collections::{BTreeMap, BTreeSet};

use super::activity::{Placed, Timeline};
use super::busy::{Busy, union_length};
use super::classify::Role;
use super::model::{DeviceTime, HiddenBy, KernelRow, NameRow, StepTotals};
use super::stage::Stage;
use crate::trace::{DeviceId, NameId, Ns, Span, Trace};

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
    let inside = || of_stage().filter(|one| one.step.is_some());
    let in_steps = inside().count();
    let busy_inside = busy(inside());
    let total_inside: Ns = inside().map(|one| one.activity.span.length()).sum();
    let added_inside: Ns = inside().map(|one| one.measured.added).sum();
    let of_a_step = |time: Ns| per_step(time.0 as f64, count).round() as i64;
    StepTotals {
        count,
        found_by: timeline.found_by,
        activities: of_stage().count() as u64,
        total_ns: total.0,
        busy_ns: busy(of_stage()).0,
        span_ns: (end - start).0,
        same_stream_overlap_ns: (total - added).0,
        activities_per_step: per_step(in_steps as f64, count),
        busy_per_step_ns: of_a_step(busy_inside),
        same_stream_overlap_per_step_ns: of_a_step(total_inside - added_inside),
        stream_overlap_per_step_ns: of_a_step(added_inside - busy_inside),
        idle_ns: idle(timeline, stage).0,
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
    spans.into_values().map(union_length).sum()
}

/// Inside the windows of a stage's steps, time in which a device ran nothing at all.
///
/// A step's window on a device goes from the first start to the last end of its activities there. Work of
/// other steps and of no step keeps the device busy too.
fn idle(timeline: &Timeline, stage: Stage) -> Ns {
    let mut windows: BTreeMap<(DeviceId, usize), Span> = BTreeMap::new();
    for one in timeline.placed.iter().filter(|one| one.stage == stage) {
        let Some(step) = one.step else { continue };
        let span = one.activity.span;
        let window = windows.entry((one.stream().device, step)).or_insert(span);
        *window = Span { start: window.start.min(span.start), end: window.end.max(span.end) };
    }
    let busy = busy_of_devices(timeline);
    windows
        .iter()
        .filter_map(|((device, _), window)| Some(window.length() - busy.get(device)?.within(*window)))
        .sum()
}

/// When each device works at all.
pub fn busy_of_devices(timeline: &Timeline) -> BTreeMap<DeviceId, Busy> {
    let mut spans: BTreeMap<DeviceId, Vec<Span>> = BTreeMap::new();
    for one in &timeline.placed {
        spans.entry(one.stream().device).or_default().push(one.activity.span);
    }
    spans.into_iter().map(|(device, spans)| (device, Busy::of(spans))).collect()
}

/// How long each device of a file worked, and how long it did not; by number.
pub fn devices(trace: &Trace, timeline: &Timeline) -> Vec<DeviceTime> {
    let mut streams: BTreeMap<DeviceId, BTreeSet<NameId>> = BTreeMap::new();
    for one in &timeline.placed {
        streams.entry(one.stream().device).or_default().insert(one.stream().stream);
    }
    let mut devices: Vec<DeviceTime> = busy_of_devices(timeline)
        .into_iter()
        .map(|(device, busy)| DeviceTime {
            device: trace.names.get(device.0).to_owned(),
            streams: streams.get(&device).map_or(0, BTreeSet::len) as u64,
            window_ns: busy.window().length().0,
            busy_ns: busy.length().0,
            idle_ns: (busy.window().length() - busy.length()).0,
        })
        .collect();
    devices.sort_by(|a, b| a.device.len().cmp(&b.device.len()).then_with(|| a.device.cmp(&b.device)));
    devices
}

#[derive(Default)]
struct Row {
    role: Option<Role>,
    in_steps: u64,
    by_step: BTreeMap<usize, u64>,
    per_step_added: Ns,
    per_step_exclusive: Ns,
    instances: Vec<i64>,
    names: BTreeMap<NameId, NameSums>,
    hidden: BTreeMap<Role, Ns>,
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
    let placed = timeline.placed.iter().zip(&timeline.hidden);
    for (one, hidden) in placed.filter(|(one, _)| one.stage == stage) {
        let Some(class) = timeline.classes.get(one.activity.name) else { continue };
        let row = rows.entry(&class.id).or_default();
        row.role = Some(class.role);
        let sums = row.names.entry(one.activity.name).or_default();
        sums.launches += 1;
        sums.total += one.activity.span.length();
        sums.added += one.measured.added;
        sums.exclusive += one.measured.exclusive;
        for part in hidden {
            *row.hidden.entry(part.by).or_default() += part.time;
        }
        if let Some(step) = one.step {
            row.in_steps += 1;
            *row.by_step.entry(step).or_default() += 1;
            row.per_step_added += one.measured.added;
            row.per_step_exclusive += one.measured.exclusive;
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
    let mut hidden_by: Vec<HiddenBy> =
        row.hidden.iter().map(|(role, time)| HiddenBy { role: *role, ns: time.0 }).collect();
    hidden_by.sort_by_key(|by| (std::cmp::Reverse(by.ns), by.role));
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
        hidden_by,
        per_step_ns: per_step(row.per_step_added.0 as f64, steps).round() as i64,
        exclusive_per_step_ns: per_step(row.per_step_exclusive.0 as f64, steps).round() as i64,
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
    fn idle_is_what_no_work_of_the_device_fills_inside_a_step() {
        let mark = |n: u32, at: u32| {
            format!(
                r#"{{"ph":"X","cat":"user_annotation","name":"ProfilerStep#{n}","pid":1,"tid":1,"ts":{at},"dur":10}}"#
            )
        };
        let kernel = |id: u32, device: u32, stream: u32, launched: u32, at: u32, length: u32| {
            format!(
                r#"{{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":1,"ts":{launched},"dur":1,"args":{{"correlation":{id}}}}},
                {{"ph":"X","cat":"kernel","name":"k","pid":{device},"tid":{stream},"ts":{at},"dur":{length},"args":{{"device":{device},"stream":{stream},"correlation":{id}}}}}"#
            )
        };
        let events = [
            mark(0, 0),
            mark(1, 20),
            // Step 0 on device 0 goes from 100 to 140. Its 10..30 of silence is 5 shorter by work of no step.
            kernel(1, 0, 7, 1, 100, 10),
            kernel(2, 0, 8, 15, 112, 5),
            kernel(3, 0, 7, 2, 130, 10),
            // Between the steps, silence is nobody's. Step 1 has both devices; the second one waits for 7.
            kernel(4, 0, 7, 21, 200, 10),
            kernel(5, 1, 7, 22, 200, 1),
            kernel(6, 1, 7, 23, 208, 2),
        ];
        let json = format!(r#"{{"traceEvents":[{}]}}"#, events.join(","));
        let trace = crate::trace::read(json.as_bytes()).unwrap();
        let classifier = crate::triage::Classifier::builtin().unwrap();
        let timeline = Timeline::of(&trace, &classifier, None, &mut crate::trace::Health::default());
        assert_eq!(totals(&timeline, Stage::All).count, 2);
        assert_eq!(totals(&timeline, Stage::All).idle_ns, (15 + 7) * 1000);
        let devices = devices(&trace, &timeline);
        let times: Vec<_> = devices
            .iter()
            .map(|one| (one.device.as_str(), one.streams, one.window_ns, one.idle_ns))
            .collect();
        assert_eq!(times, [("0", 2, 110_000, 75_000), ("1", 1, 10_000, 7_000)]);
    }

    #[test]
    fn the_median_of_few_values() {
        assert_eq!(median(&mut []), 0);
        assert_eq!(median(&mut [5]), 5);
        assert_eq!(median(&mut [9, 1]), 5);
        assert_eq!(median(&mut [9, 1, 2]), 2);
    }
}
