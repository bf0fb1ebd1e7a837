//! Two baselines, or two captures, as a diff that a review reads: a line with a mark for each thing that changed.
//!
//! `-` is gone, `+` came, `!` is on both sides and differs.

use crate::baseline::{Baseline, Change, Observation, PathDelta, RowDelta, StageDelta};
use crate::common::text::{launches, signed_percent, signed_time, time};
use crate::verdict::{StageChanges, changes};

/// What a diff leaves out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fineness {
    /// Unchanged rows whose time moved by less of the stage's busy time, in percent, are told in one line together.
    pub least_pct: f64,
}

/// The lines of a diff; empty when nothing differs.
pub fn lines(before: &Baseline, after: &Observation, fineness: Fineness) -> Vec<String> {
    let mut lines = identity(before, after);
    for stage in before.stages.keys().filter(|stage| !after.stages.contains_key(stage)) {
        lines.push(format!("- stage {}", stage.as_str()));
    }
    for stage in after.stages.keys().filter(|stage| !before.stages.contains_key(stage)) {
        lines.push(format!("+ stage {}", stage.as_str()));
    }
    for stage in changes(before, after) {
        let body = stage_lines(&stage, fineness);
        if !body.is_empty() {
            lines.push(format!("  stage {}", stage.stage.as_str()));
            lines.extend(body);
        }
    }
    lines
}

/// What was measured, on what, and with which versions.
fn identity(before: &Baseline, after: &Observation) -> Vec<String> {
    let old = before.observation();
    let parts = |one: &Observation| {
        let mut parts = one.fingerprint.parts();
        parts.extend(one.versions.parts());
        parts.push(("ranks", Some(one.fingerprint.ranks.to_string())));
        parts
    };
    let sides = parts(&old).into_iter().zip(parts(after));
    let mut lines: Vec<String> =
        sides.filter_map(|((what, old), (_, new))| side(what, old.as_deref(), new.as_deref())).collect();
    let keys: std::collections::BTreeSet<&String> =
        old.server_args.keys().chain(after.server_args.keys()).collect();
    lines.extend(keys.into_iter().filter_map(|key| {
        let of = |args: &std::collections::BTreeMap<String, String>| args.get(key).cloned();
        side(
            &format!("server argument {key}"),
            of(&old.server_args).as_deref(),
            of(&after.server_args).as_deref(),
        )
    }));
    lines
}

pub(super) fn side(what: &str, old: Option<&str>, new: Option<&str>) -> Option<String> {
    match (old, new) {
        (old, new) if old == new => None,
        (None, Some(new)) => Some(format!("+ {what}: {new}")),
        (Some(old), None) => Some(format!("- {what}: {old}")),
        (old, new) => Some(format!("! {what}: {} → {}", old.unwrap_or_default(), new.unwrap_or_default())),
    }
}

fn stage_lines(changes: &StageChanges, fineness: Fineness) -> Vec<String> {
    let delta = &changes.delta;
    let mut lines = Vec::new();
    if is_moved(delta.busy_before_ns, delta.busy_after_ns) {
        lines.push(format!("!   busy: {}", moved(delta.busy_before_ns, delta.busy_after_ns)));
    }
    let overlapped = [
        (
            "overlap on one stream",
            delta.overlapped_before.same_stream_ns,
            delta.overlapped_after.same_stream_ns,
        ),
        ("overlap between streams", delta.overlapped_before.streams_ns, delta.overlapped_after.streams_ns),
    ];
    for (what, before, after) in overlapped {
        if is_moved(before, after) && is_fine(before, after, delta, fineness) {
            lines.push(format!("!   {what}: {}", moved(before, after)));
        }
    }
    lines.extend(kernel_lines(delta, fineness));
    lines.extend(changes.sets.iter().map(|set| format!("    {set}")));
    lines.extend(delta.paths.iter().filter_map(path_line));
    for overlap in &delta.overlaps {
        let before = overlap.before_ns.unwrap_or_default();
        if is_moved(before, overlap.after_ns) && is_fine(before, overlap.after_ns, delta, fineness) {
            let role = overlap.role.as_str();
            lines.push(format!("!   exposed {role}: {}", moved(before, overlap.after_ns)));
        }
    }
    for diff in &changes.layers {
        lines.extend(diff.text.lines().map(str::to_owned));
    }
    lines
}

fn is_fine(before: f64, after: f64, delta: &StageDelta, fineness: Fineness) -> bool {
    (after - before).abs() * 100.0 >= fineness.least_pct * delta.busy_before_ns
}

/// Whether two numbers differ as a file shows them.
fn is_moved(before: f64, after: f64) -> bool {
    use crate::common::text::digits3;
    digits3(before / 1e3) != digits3(after / 1e3)
}

fn moved(before: f64, after: f64) -> String {
    let change = if before > 0.0 {
        format!(", {}", signed_percent((after - before) * 100.0 / before))
    } else {
        String::new()
    };
    format!("{} → {} a step{change}", time(before), time(after))
}

fn kernel_lines(delta: &StageDelta, fineness: Fineness) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut others, mut sum) = (0_u64, 0.0);
    for row in &delta.rows {
        let is_moved = is_moved(row.before.ns, row.after.ns);
        match row.change {
            Change::Same if !is_moved => {}
            Change::Same if !is_fine(row.before.ns, row.after.ns, delta, fineness) => {
                others += 1;
                sum += row.price_ns();
            }
            _ => lines.push(kernel_line(row)),
        }
    }
    if others > 0 {
        lines
            .push(format!("    {others} unchanged kernels moved less: {} a step together", signed_time(sum)));
    }
    lines
}

fn kernel_line(row: &RowDelta) -> String {
    let (kernel, role) = (&row.kernel, row.role.as_str());
    let count = |count: f64| launches(count);
    match row.change {
        Change::Gone => {
            format!("-   {kernel} ({role}), {} a step, {}", count(row.before.launches), time(row.before.ns))
        }
        Change::Came => {
            format!("+   {kernel} ({role}), {} a step, {}", count(row.after.launches), time(row.after.ns))
        }
        Change::Count => format!(
            "!   {kernel} ({role}), {} → {} a step, {} → {} ({})",
            count(row.before.launches),
            count(row.after.launches),
            time(row.before.ns),
            time(row.after.ns),
            signed_time(row.price_ns())
        ),
        Change::Same => format!("!   {kernel} ({role}): {}", moved(row.before.ns, row.after.ns)),
    }
}

fn path_line(path: &PathDelta) -> Option<String> {
    let before = (path.expect.as_str(), path.fused_before, path.split_before);
    let after = path
        .after
        .as_ref()
        .map_or(("absent", 0, 0), |after| (after.state.as_str(), after.fused, after.split));
    let text = |(state, fused, split): (&str, u64, u64)| format!("{state}, {fused} fused and {split} split");
    (before != after).then(|| format!("!   path {}: {} → {}", path.path, text(before), text(after)))
}
