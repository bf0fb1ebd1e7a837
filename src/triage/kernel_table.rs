//! The kernel table: every kernel id of a stage with its launches and times.

use std::collections::{BTreeMap, BTreeSet};

use super::activity::{Placed, Timeline};
use super::busy::UnionLength;
use super::classify::Role;
use super::model::{DeviceTime, HiddenBy, KernelRow, NameRow, StepTotals};
use super::slow;
use super::stage::Stage;
use crate::trace::{DeviceId, NameId, Ns, Span, Trace};

/// Share of `part` in `whole` in percent; zero of nothing.
pub fn percent(part: Ns, whole: Ns) -> f64 {
    if whole == Ns::ZERO { 0.0 } else { part.0 as f64 * 100.0 / whole.0 as f64 }
}

/// Median of unsorted values; zero of none. Of an even number, the mean of the middle two.
pub fn median(values: &mut [i64]) -> i64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0;
    }
    let is_even = values.len().is_multiple_of(2);
    let (below, after, _) = values.select_nth_unstable(middle);
    match below.iter().max() {
        Some(before) if is_even => before + (*after - before) / 2,
        Some(_) | None => *after,
    }
}

/// Sums over some activities, which come in order of start.
#[derive(Default)]
struct Sums {
    count: u64,
    total: Ns,
    added: Ns,
    busy: BTreeMap<DeviceId, UnionLength>,
}

impl Sums {
    fn add(&mut self, one: &Placed<'_>) {
        self.count += 1;
        self.total += one.activity.span.length();
        self.added += one.measured.added;
        self.busy.entry(one.stream().device).or_default().add(one.activity.span);
    }

    /// Length of the union per device, added over devices.
    fn busy(&self) -> Ns {
        self.busy.values().map(UnionLength::length).sum()
    }
}

/// Sums over the activities of one stage.
pub fn totals(timeline: &Timeline<'_>, stage: Stage) -> StepTotals {
    let count = timeline.step_stages.iter().filter(|of| **of == stage).count() as u64;
    let (mut all, mut inside) = (Sums::default(), Sums::default());
    let mut span: Option<Span> = None;
    for one in timeline.placed.iter().filter(|one| one.stage == stage) {
        all.add(one);
        if one.step.is_some() {
            inside.add(one);
        }
        let Span { start, end } = one.activity.span;
        span = Some(span.map_or(one.activity.span, |known| Span {
            start: known.start.min(start),
            end: known.end.max(end),
        }));
    }
    let of_a_step = |time: Ns| per_step(time.0 as f64, count).round() as i64;
    StepTotals {
        count,
        found_by: timeline.found_by(stage),
        activities: all.count,
        total_ns: all.total.0,
        busy_ns: all.busy().0,
        span_ns: span.map_or(Ns::ZERO, Span::length).0,
        same_stream_overlap_ns: (all.total - all.added).0,
        activities_per_step: per_step(inside.count as f64, count),
        busy_per_step_ns: of_a_step(inside.busy()),
        same_stream_overlap_per_step_ns: of_a_step(inside.total - inside.added),
        stream_overlap_per_step_ns: of_a_step(inside.added - inside.busy()),
        idle_ns: idle(timeline, stage).0,
    }
}

fn per_step(value: f64, steps: u64) -> f64 {
    if steps == 0 { 0.0 } else { value / steps as f64 }
}

/// Inside the windows of a stage's steps, time in which a device ran nothing at all.
///
/// A step's window on a device goes from the first start to the last end of its activities there. Work of
/// other steps and of no step keeps the device busy too.
fn idle(timeline: &Timeline<'_>, stage: Stage) -> Ns {
    let mut windows: BTreeMap<(DeviceId, usize), Span> = BTreeMap::new();
    for one in timeline.placed.iter().filter(|one| one.stage == stage) {
        let Some(step) = one.step else { continue };
        let span = one.activity.span;
        let window = windows.entry((one.stream().device, step)).or_insert(span);
        *window = Span { start: window.start.min(span.start), end: window.end.max(span.end) };
    }
    windows
        .iter()
        .filter_map(|((device, _), window)| {
            Some(window.length() - timeline.busy.get(device)?.within(*window))
        })
        .sum()
}

/// How long each device of a file worked, and how long it did not; by number.
pub fn devices(trace: &Trace, timeline: &Timeline<'_>) -> Vec<DeviceTime> {
    let mut streams: BTreeMap<DeviceId, BTreeSet<NameId>> = BTreeMap::new();
    for run in timeline.placed.chunk_by(|a, b| a.stream() == b.stream()) {
        let Some(stream) = run.first().map(Placed::stream) else { continue };
        streams.entry(stream.device).or_default().insert(stream.stream);
    }
    let mut devices: Vec<DeviceTime> = timeline
        .busy
        .iter()
        .map(|(device, busy)| DeviceTime {
            device: trace.names.get(device.0).to_owned(),
            streams: streams.get(device).map_or(0, BTreeSet::len) as u64,
            window_ns: busy.window().length().0,
            busy_ns: busy.length().0,
            idle_ns: (busy.window().length() - busy.length()).0,
        })
        .collect();
    devices.sort_by(|a, b| a.device.len().cmp(&b.device.len()).then_with(|| a.device.cmp(&b.device)));
    devices
}

/// The sums of one kernel id.
#[derive(Default)]
struct Row {
    role: Option<Role>,
    /// Launches by step; a step may come up again.
    by_step: Vec<(usize, u64)>,
    per_step_added: Ns,
    per_step_exclusive: Ns,
    instances: Vec<i64>,
    names: Vec<(NameId, NameSums)>,
    hidden: BTreeMap<Role, Ns>,
}

impl Row {
    fn count(&mut self, step: usize) {
        match self.by_step.last_mut() {
            Some((last, count)) if *last == step => *count += 1,
            Some(_) | None => self.by_step.push((step, 1)),
        }
    }

    /// Launches of each step that has any.
    fn step_counts(&mut self) -> Vec<u64> {
        self.by_step.sort_unstable();
        let of_step = |run: &[(usize, u64)]| run.iter().map(|(_, count)| count).sum();
        self.by_step.chunk_by(|a, b| a.0 == b.0).map(of_step).collect()
    }
}

#[derive(Default, Clone, Copy)]
struct NameSums {
    launches: u64,
    total: Ns,
    added: Ns,
    exclusive: Ns,
}

/// Every row of a stage, largest total first, ties by kernel id. `attribution` fills sites and operators.
pub fn rows(trace: &Trace, timeline: &Timeline<'_>, stage: Stage) -> Vec<KernelRow> {
    let classes = &timeline.classes;
    let mut rows: Vec<Row> = Vec::new();
    rows.resize_with(classes.kernels(), Row::default);
    let mut of_name: Vec<(Option<NameId>, NameSums)> = vec![(None, NameSums::default()); classes.len()];
    for (place, one) in timeline.placed.iter().enumerate().filter(|(_, one)| one.stage == stage) {
        let name = one.activity.name;
        let Some(row) = classes.kernel(name).and_then(|number| rows.get_mut(number)) else { continue };
        let Some((known, sums)) = classes.index(name).and_then(|index| of_name.get_mut(index)) else {
            continue;
        };
        *known = Some(name);
        sums.launches += 1;
        sums.total += one.activity.span.length();
        sums.added += one.measured.added;
        sums.exclusive += one.measured.exclusive;
        for part in timeline.hidden.of(place) {
            *row.hidden.entry(part.by).or_default() += part.time;
        }
        // Two names of one kernel may differ in their role; the last counts.
        row.role = classes.get(name).map(|class| class.role);
        if let Some(step) = one.step {
            row.count(step);
            row.per_step_added += one.measured.added;
            row.per_step_exclusive += one.measured.exclusive;
            row.instances.push(one.measured.added.0);
        }
    }
    let whole: Ns = of_name.iter().map(|(_, sums)| sums.total).sum();
    for (name, sums) in of_name.into_iter().filter_map(|(name, sums)| Some((name?, sums))) {
        if let Some(row) = classes.kernel(name).and_then(|number| rows.get_mut(number)) {
            row.names.push((name, sums));
        }
    }
    let steps = timeline.step_stages.iter().filter(|of| **of == stage).count() as u64;
    let mut rows: Vec<KernelRow> = rows
        .into_iter()
        .enumerate()
        .filter(|(_, row)| !row.names.is_empty())
        .filter_map(|(number, row)| Some(finish(trace, classes.kernel_id(number)?, row, steps, whole)))
        .collect();
    rows.sort_by(|a, b| b.total_ns.cmp(&a.total_ns).then_with(|| a.kernel.cmp(&b.kernel)));
    rows
}

fn finish(trace: &Trace, kernel: &str, mut row: Row, steps: u64, whole: Ns) -> KernelRow {
    let sum = |part: fn(&NameSums) -> Ns| row.names.iter().map(|(_, sums)| part(sums)).sum::<Ns>();
    let total = sum(|sums| sums.total);
    let added = sum(|sums| sums.added);
    let exclusive = sum(|sums| sums.exclusive);
    let launches = row.names.iter().map(|(_, sums)| sums.launches).sum();
    let by_step = row.step_counts();
    let in_steps: u64 = by_step.iter().sum();
    // The median sorts.
    let in_order = row.instances.clone();
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
        launches_per_step: per_step(in_steps as f64, steps),
        launches_min: if (by_step.len() as u64) < steps {
            0
        } else {
            by_step.iter().copied().min().unwrap_or(0)
        },
        launches_max: by_step.iter().copied().max().unwrap_or(0),
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
        slow: slow::places(&in_order, &row.by_step, median_ns),
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
