//! Tier 1, *structure*: promised paths, and changed kernels with their price.

use super::align::is_unknown;
use super::code::Code;
use super::finding::Finding;
use super::lost_path::{name_of, ran_as, what_to_do};
use super::policy::Thresholds;
use super::price::{Total, total};
use super::sets::{Set, rows, succeeds};
use crate::baseline::{Change, PathDelta, RowDelta, StageDelta};
use crate::common::text::{count, digits3, launches, signed_percent, signed_time, time, times};
use crate::triage::{PathState, Role, Stage};

/// Rows that a doubt about uneven steps lists.
const MOST_UNEVEN: usize = 10;

/// Findings about promised paths.
pub fn paths(delta: &StageDelta, stage: Stage, file: &str) -> Vec<Finding> {
    delta.paths.iter().filter_map(|path| path_finding(path, stage, file)).collect()
}

fn path_finding(path: &PathDelta, stage: Stage, file: &str) -> Option<Finding> {
    // Only an active path is a promise; a split one is recorded so that its repair can be seen.
    if path.expect != PathState::Active {
        return None;
    }
    let (state, fused, split) = match &path.after {
        Some(after) => (after.state, after.fused, after.split),
        None => (PathState::Absent, 0, 0),
    };
    let lost = path.fused_before.saturating_sub(fused);
    let code = match state {
        // Nothing but the number of instances can tell that some places no longer take the path.
        PathState::Active if lost > 0 && lost * 50 > path.fused_before => Code::PathPartial,
        PathState::Active => return None,
        PathState::Partial => Code::PathPartial,
        PathState::Split | PathState::Absent | PathState::GateUnknown => Code::PathMissing,
    };
    let name = name_of(&path.path, path.after.as_ref());
    let message = match state {
        PathState::Absent => {
            format!("{name} is expected {} a step and did not run", times(path.fused_before as f64))
        }
        PathState::Active | PathState::Partial | PathState::Split | PathState::GateUnknown => {
            format!("{name} is expected {} a step; {}", times(path.fused_before as f64), ran_as(fused, split))
        }
    };
    let mut finding = Finding::new(code, &path.path, message)
        .in_stage(stage)
        .with_numbers(path.fused_before as f64, fused as f64, "fused/step")
        .at(file, path.line)
        .with_help(what_to_do(&path.path, path.after.as_ref()));
    let sources = path.after.iter().flat_map(|after| &after.source_paths);
    finding.evidence = sources.map(|path| format!("its code: {path}")).collect();
    Some(finding)
}

/// A row of weight that is gone, with nothing in its slot, in its role or of its count in its place.
pub fn vanished(
    delta: &StageDelta,
    stage: Stage,
    thresholds: &Thresholds,
    sets: &[Set<'_>],
    file: &str,
) -> Vec<Finding> {
    let has_successor = |row: &RowDelta| {
        sets.iter().any(|set| {
            set.is_by_slot && set.rows.iter().any(|one| one.kernel == row.kernel) && !set.gained().is_empty()
        }) || delta.rows.iter().any(|other| succeeds(row, other))
    };
    delta
        .rows
        .iter()
        .filter(|row| row.change == Change::Gone && row.share_before >= thresholds.vanished_pct)
        // A copy that is gone is work saved, not work missing.
        .filter(|row| row.role != Role::Memory)
        .filter(|row| !has_successor(row))
        .map(|row| {
            let message = format!(
                "`{}` ({} a step, {} % of GPU time) is gone, and no kernel of its slot, role or count took its place",
                row.kernel,
                launches(row.before.launches),
                digits3(row.share_before)
            );
            Finding::new(Code::KernelVanished, &row.kernel, message)
                .in_stage(stage)
                .with_numbers(row.before.launches, 0.0, "launches/step")
                .costing(row.price_ns())
                .at(file, row.line)
                .with_help("check that the server still does this work; a shorter step may be a broken one")
        })
        .collect()
}

/// A doubt about a capture whose steps or ranks disagree where those of the baseline agree, and that does less
/// for it: part of the work is not in the capture, and a lower price of it would be no improvement.
///
/// What costs more is no doubt: it fails by its price.
pub fn uneven(delta: &StageDelta, stage: Stage, thresholds: &Thresholds, file: &str) -> Option<Finding> {
    let mut rows: Vec<&RowDelta> = delta
        .rows
        .iter()
        .filter(|row| row.change == Change::Count && row.after.launches < row.before.launches)
        .filter(|row| row.after.spread > 2.0 * row.before.spread)
        .collect();
    let saved_ns: f64 = rows.iter().map(|row| -row.price_ns()).sum();
    if rows.is_empty() || saved_ns < delta.busy_before_ns * thresholds.structure_pct / 100.0 {
        return None;
    }
    rows.sort_by(|a, b| a.price_ns().total_cmp(&b.price_ns()).then_with(|| a.kernel.cmp(&b.kernel)));
    let first = rows.first()?;
    let others = match rows.len() as u64 - 1 {
        0 => String::new(),
        others => format!(", and {} likewise", count(others, "more kernel")),
    };
    let message = format!(
        "steps or ranks of the capture are not alike: `{}` ran {} a step and {} on average, and their counts lie {} apart{others}",
        first.kernel,
        times(first.before.launches),
        launches(first.after.launches),
        launches(first.after.spread),
    );
    let evidence = rows.iter().map(|row| {
        format!(
            "`{}` ({}): {} → {} a step, {} apart",
            row.kernel,
            row.role.as_str(),
            launches(row.before.launches),
            launches(row.after.launches),
            launches(row.after.spread)
        )
    });
    Some(
        Finding::new(Code::NotComparable, "steps", message)
            .in_stage(stage)
            .at(file, first.line)
            .with_evidence(evidence.take(MOST_UNEVEN).collect())
            .with_help(
                "see whether a rank or a step lost part of its trace, or does other work than the rest; then capture again",
            ),
    )
}

/// The finding about the rows of all sets of a stage together; `None` when nothing changed.
pub fn priced(
    delta: &StageDelta,
    stage: Stage,
    thresholds: &Thresholds,
    sets: &[Set<'_>],
    drift: f64,
    file: &str,
) -> Option<Finding> {
    let changed: Vec<&RowDelta> = rows(delta, sets);
    let total = total(delta, changed.iter().copied(), drift);
    let code = if is_costly(total, thresholds) {
        Code::StructureCostlier
    } else if total.certain_pct <= -thresholds.structure_pct {
        Code::StructureCheaper
    } else {
        Code::KernelReplaced
    };
    // The set that explains the verdict leads, not the one that moved most against it.
    let leading = |set: &&Set<'_>| match code {
        Code::StructureCostlier => set.price_ns() > 0.0,
        Code::StructureCheaper => set.price_ns() < 0.0,
        _ => true,
    };
    // What runs more often and is cheaper, or less often and dearer, explains nothing to who reads it first.
    let explained = |rows: Vec<&RowDelta>| rows.into_iter().map(RowDelta::price_ns).sum::<f64>();
    let first = sets.iter().find(leading).or(sets.first())?;
    let is_plain = |set: &&Set<'_>| {
        let explained = match code {
            Code::StructureCostlier => explained(set.gained()),
            Code::StructureCheaper => -explained(set.lost()),
            _ => set.price_ns().abs(),
        };
        explained * 2.0 >= set.price_ns().abs() && set.price_ns().abs() * 4.0 >= first.price_ns().abs()
    };
    let set = sets.iter().filter(leading).find(is_plain).unwrap_or(first);
    let subject = set.subject()?;
    let (what, named) = set.in_words();
    let others = match changed.len().saturating_sub(named) {
        0 => String::new(),
        1 => ", and 1 more kernel changed".to_owned(),
        others => format!(", and {others} more kernels changed"),
    };
    let message = format!(
        "{what}{others}: {} a step, {} of GPU time",
        signed_time(total.ns),
        signed_percent(total.pct)
    );
    let help = match code {
        Code::StructureCostlier => {
            "find the flag, version or shape that switched the kernel; if the change is wanted, record the baseline anew"
        }
        Code::StructureCheaper => "record the baseline anew to keep the gain",
        _ => "record the baseline anew if the change is wanted",
    };
    let sum = |side: fn(&RowDelta) -> f64| changed.iter().map(|row| side(row)).sum::<f64>() / 1e3;
    let mut evidence = Vec::new();
    if code == Code::KernelReplaced && total.pct.abs() >= thresholds.structure_pct {
        evidence.push("the price is not certain: the spread of its instances, the drift of the machine or the rounding of the baseline may explain it".to_owned());
    }
    evidence.extend(new_implementation(set));
    evidence.extend(changed.iter().map(|row| row_evidence(row)));
    let finding = Finding::new(code, &subject.kernel, message)
        .in_stage(stage)
        .with_numbers(tenth(sum(|row| row.before.ns)), tenth(sum(|row| row.after.ns)), "us/step")
        .costing(total.ns)
        .at(file, subject.line)
        .with_evidence(evidence)
        .with_kernels(changed.iter().map(|row| row.kernel.clone()).collect())
        .with_help(help);
    Some(finding)
}

/// Whether a price is dear by more than the limit, and beyond what noise explains.
fn is_costly(total: Total, thresholds: &Thresholds) -> bool {
    let is_beyond_noise = total.sigmas >= thresholds.structure_sigmas
        || (!total.is_calibrated && total.certain_pct >= thresholds.structure_certain_pct);
    total.certain_pct >= thresholds.structure_pct && is_beyond_noise
}

/// Where the whole became cheaper, the sets inside that became dearer: one finding for all of them, when one is
/// as certain as a stage that became dearer must be.
pub fn mixed(
    delta: &StageDelta,
    stage: Stage,
    thresholds: &Thresholds,
    sets: &[Set<'_>],
    drift: f64,
    file: &str,
) -> Option<Finding> {
    let price = |set: &Set<'_>| total(delta, set.rows.iter().copied(), drift);
    let whole = total(delta, rows(delta, sets).into_iter(), drift);
    if whole.certain_pct > -thresholds.structure_pct {
        return None;
    }
    let dear: Vec<(&Set<'_>, Total)> = sets
        .iter()
        .map(|set| (set, price(set)))
        .filter(|(set, total)| set.price_ns() > 0.0 && total.certain_pct >= thresholds.structure_pct)
        .collect();
    let is_certain = |total: &Total| is_costly(*total, thresholds);
    let (first, cost) = dear.iter().find(|(_, total)| is_certain(total))?;
    let subject = first.subject()?;
    let others = match dear.len() - 1 {
        0 => String::new(),
        1 => ", and 1 more change costs time".to_owned(),
        others => format!(", and {others} more changes cost time"),
    };
    let message = format!(
        "the changed kernels are cheaper as a whole ({}), and yet {}: {} a step, {} of GPU time{others}",
        signed_percent(whole.pct),
        first.in_words().0,
        signed_time(cost.ns),
        signed_percent(cost.pct),
    );
    let evidence = dear
        .iter()
        .map(|(set, cost)| {
            let doubt = if is_certain(cost) { "" } else { ", which is not certain" };
            let (what, ns) = (set.in_words().0, signed_time(cost.ns));
            format!("{what}: {ns} a step, {}{doubt}", signed_percent(cost.pct))
        })
        .collect();
    let rows = || dear.iter().flat_map(|(set, _)| &set.rows);
    let sum = |side: fn(&RowDelta) -> f64| rows().map(|row| side(row)).sum::<f64>() / 1e3;
    let kernels = dear.iter().flat_map(|(set, _)| &set.rows).map(|row| row.kernel.clone()).collect();
    Some(
        Finding::new(Code::Mixed, &subject.kernel, message)
            .in_stage(stage)
            .with_numbers(tenth(sum(|row| row.before.ns)), tenth(sum(|row| row.after.ns)), "us/step")
            .costing(dear.iter().map(|(_, cost)| cost.ns).sum())
            .at(file, subject.line)
            .with_evidence(evidence)
            .with_kernels(kernels)
            .with_help("see whether the dearer part can be had without; nothing fails for it"),
    )
}

/// One kernel in the slot of another, of one role: a rename, another tile or another library.
fn new_implementation(set: &Set<'_>) -> Option<String> {
    let (lost, gained) = (set.lost(), set.gained());
    let ([lost], [gained]) = (lost.as_slice(), gained.as_slice()) else { return None };
    let is_one = lost.change == Change::Gone && gained.change == Change::Came;
    if is_one && set.is_by_slot && is_unknown(lost.role, gained.role) {
        return Some(format!(
            "same slot of the layer, new implementation: `{}` ({}) became `{}`, whose role no catalog knows",
            lost.kernel,
            lost.role.as_str(),
            gained.kernel,
        ));
    }
    let is_one = is_one && lost.role == gained.role;
    let place = if set.is_by_slot { "the same slot of the layer" } else { "the same role" };
    is_one.then(|| {
        format!(
            "same role, new implementation: `{}` became `{}` ({}), in {place}",
            lost.kernel,
            gained.kernel,
            lost.role.as_str()
        )
    })
}

fn tenth(us: f64) -> f64 {
    (us * 10.0).round() / 10.0
}

/// A changed row, in a line.
pub fn row_evidence(row: &RowDelta) -> String {
    let word = match row.change {
        Change::Gone => "gone",
        Change::Came => "came",
        Change::Count => "count",
        Change::Same => "same",
    };
    format!(
        "{word}: `{}` ({}), {} → {} a step, {} → {}",
        row.kernel,
        row.role.as_str(),
        launches(row.before.launches),
        launches(row.after.launches),
        time(row.before.ns),
        time(row.after.ns)
    )
}
