//! Tier 1, *structure*: promised paths, and changed kernels with their price.

use super::code::Code;
use super::finding::Finding;
use super::policy::{SIGMA_PER_MAD, Thresholds};
use crate::baseline::{Change, Measure, PathDelta, RowDelta, StageDelta};
use crate::common::text::{digits3, launches, signed_percent, signed_time, time};
use crate::triage::{PathState, Role, Stage};

/// What a stage's changed rows cost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Total {
    /// Added nanoseconds of a step, after minus before, as measured.
    pub ns: f64,
    /// Of the baseline's busy time, in percent, as measured.
    pub pct: f64,
    /// What is left of `pct`, sign kept, when drift and rounding are given the benefit of the doubt.
    pub certain_pct: f64,
    /// The price without drift in standard deviations of the instances, sign kept.
    pub sigmas: f64,
}

/// Whether a row's launches changed, which is what structure means.
pub fn is_structural(row: &RowDelta) -> bool {
    match row.change {
        Change::Same => false,
        Change::Gone | Change::Came | Change::Count => true,
    }
}

/// Adds up the changed rows of a stage.
///
/// `drift` is the common factor of the unchanged rows: on a machine that is slower as a whole, a kernel that
/// was swapped for its equal is dearer too, and that is no price of the swap. What is certain is the smaller of
/// the raw and the corrected price, so that neither drift nor its correction makes one up, less what the
/// baseline's three significant digits leave open.
pub fn total(delta: &StageDelta, drift: f64) -> Total {
    let changed = || delta.rows.iter().filter(|row| is_structural(row));
    let raw: f64 = changed().map(RowDelta::price_ns).sum();
    let corrected: f64 = changed().map(|row| row.after.ns / drift - row.before.ns).sum();
    let least = match (raw > 0.0, corrected > 0.0) {
        (true, true) => raw.min(corrected),
        (false, false) => raw.max(corrected),
        _ => 0.0,
    };
    let open: f64 = changed().map(|row| rounding(row.before.ns)).sum();
    let variance: f64 = changed().map(|row| variance_of(row.before) + variance_of(row.after)).sum();
    let percent = |ns: f64| if delta.busy_before_ns > 0.0 { ns * 100.0 / delta.busy_before_ns } else { 0.0 };
    Total {
        ns: raw,
        pct: percent(raw),
        certain_pct: percent((least.abs() - open).max(0.0).copysign(least)),
        sigmas: if variance > 0.0 { least / variance.sqrt() } else { f64::INFINITY.copysign(least) },
    }
}

/// Half a unit of the third significant digit.
fn rounding(ns: f64) -> f64 {
    if ns > 0.0 { 10_f64.powf(ns.log10().floor() - 2.0) / 2.0 } else { 0.0 }
}

fn variance_of(measure: Measure) -> f64 {
    let sigma = measure.each_mad_ns * SIGMA_PER_MAD;
    measure.launches * sigma * sigma
}

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
    let name = path.after.as_ref().map_or(path.path.as_str(), |after| after.name.as_str());
    let message = match state {
        PathState::Absent => {
            format!("{name} is expected {} times a step and did not run", path.fused_before)
        }
        PathState::Active | PathState::Partial | PathState::Split | PathState::GateUnknown => format!(
            "{name} is expected {} times a step; it ran fused {fused} times and split into separate kernels {split} times",
            path.fused_before
        ),
    };
    let mut finding = Finding::new(code, &path.path, message)
        .in_stage(stage)
        .with_numbers(path.fused_before as f64, fused as f64, "fused/step")
        .at(file, path.line);
    if let Some(after) = &path.after {
        let switches: Vec<String> = after
            .flags_on
            .iter()
            .map(|flag| format!("`{flag}` switches it on"))
            .chain(after.flags_off.iter().map(|flag| format!("`{flag}` switches it off")))
            .collect();
        let sources: Vec<String> =
            after.source_paths.iter().map(|path| format!("its code: {path}")).collect();
        finding.help = if switches.is_empty() {
            "check what the kernels before and after it require: shape, dtype, version".to_owned()
        } else {
            format!("check the server's flags: {}", switches.join("; "))
        };
        finding.evidence = sources;
    }
    Some(finding)
}

/// A row of weight that is gone, with nothing in its role or of its count in its place.
pub fn vanished(delta: &StageDelta, stage: Stage, thresholds: &Thresholds, file: &str) -> Vec<Finding> {
    delta
        .rows
        .iter()
        .filter(|row| row.change == Change::Gone && row.share_before >= thresholds.vanished_pct)
        // A copy that is gone is work saved, not work missing.
        .filter(|row| row.role != Role::Memory)
        .filter(|row| !delta.rows.iter().any(|other| succeeds(row, other)))
        .map(|row| {
            let message = format!(
                "`{}` ({} a step, {} % of GPU time) is gone, and no kernel of its role or count took its place",
                row.kernel,
                launches(row.before.launches),
                digits3(row.share_before)
            );
            Finding::new(Code::KernelVanished, &row.kernel, message)
                .in_stage(stage)
                .with_numbers(row.before.launches, 0.0, "launches/step")
                .at(file, row.line)
                .with_help("check that the server still does this work; a shorter step may be a broken one")
        })
        .collect()
}

/// Whether a row launches more often by as many launches as another lost, within 2 %.
fn has_count_of(gone: &RowDelta, other: &RowDelta) -> bool {
    let more = other.after.launches - other.before.launches;
    (more - gone.before.launches).abs() <= gone.before.launches * 0.02
}

fn succeeds(gone: &RowDelta, other: &RowDelta) -> bool {
    let more = other.after.launches - other.before.launches;
    let is_more = is_structural(other) && more > 0.0;
    let same_count = has_count_of(gone, other);
    // One more launch of some kernel of the role did not take the place of sixty.
    let same_role = other.role == gone.role
        && (more * 2.0 >= gone.before.launches || other.price_ns() * 4.0 >= gone.before.ns);
    is_more && (same_role || same_count)
}

/// The finding about all changed rows of a stage together; `None` when nothing changed.
pub fn priced(
    delta: &StageDelta,
    stage: Stage,
    thresholds: &Thresholds,
    drift: f64,
    file: &str,
) -> Option<Finding> {
    let changed: Vec<&RowDelta> = delta.rows.iter().filter(|row| is_structural(row)).collect();
    let first = changed.first()?;
    let total = total(delta, drift);
    let is_beyond_noise =
        total.sigmas >= thresholds.structure_sigmas || total.certain_pct >= thresholds.structure_certain_pct;
    let code = if total.certain_pct >= thresholds.structure_pct && is_beyond_noise {
        Code::StructureCostlier
    } else if total.certain_pct <= -thresholds.structure_pct {
        Code::StructureCheaper
    } else {
        Code::KernelReplaced
    };
    let gone = leading_loss(&changed);
    let successors: Vec<&RowDelta> =
        gone.map(|gone| successors(gone, &changed)).unwrap_or_default().into_iter().take(3).collect();
    let what = match gone {
        None => first_change(first),
        Some(gone) if successors.is_empty() => format!("{} is gone", side(gone, gone.before)),
        Some(gone) => {
            let list: Vec<String> = successors.iter().map(|row| successor(row)).collect();
            format!("{} is gone, {} in its place", side(gone, gone.before), list.join(" and "))
        }
    };
    let others = match changed.len().saturating_sub(1 + successors.len()) {
        0 => String::new(),
        1 => ", and 1 more kernel changed".to_owned(),
        others => format!(", and {others} more kernels changed"),
    };
    let message = format!(
        "{what}{others}: {} a step, {} of GPU time",
        signed_time(total.ns),
        signed_percent(total.pct)
    );
    let subject = gone.unwrap_or(first);
    let help = match code {
        Code::StructureCostlier => {
            "find the flag, version or shape that switched the kernel; if the change is wanted, record the baseline anew"
        }
        Code::StructureCheaper => "record the baseline anew to keep the gain",
        _ => "record the baseline anew if the change is wanted",
    };
    let mut finding = Finding::new(code, &subject.kernel, message)
        .in_stage(stage)
        .with_numbers(
            changed.iter().map(|row| row.before.ns).sum::<f64>() / 1e3,
            changed.iter().map(|row| row.after.ns).sum::<f64>() / 1e3,
            "us/step",
        )
        .at(file, subject.line)
        .with_evidence(changed.iter().map(|row| evidence(row)).collect())
        .with_kernels(changed.iter().map(|row| row.kernel.clone()).collect())
        .with_help(help);
    if code == Code::KernelReplaced && total.pct.abs() >= thresholds.structure_pct {
        let doubt = "the price is not certain: the spread of its instances, the drift of the machine or the rounding of the baseline may explain it";
        finding.evidence.insert(0, doubt.to_owned());
    }
    finding.before = finding.before.map(tenth);
    finding.after = finding.after.map(tenth);
    Some(finding)
}

/// The kernel that is gone and whose loss explains the largest change, if that is what explains it.
fn leading_loss<'d>(changed: &[&'d RowDelta]) -> Option<&'d RowDelta> {
    let first = *changed.first()?;
    let is_gone = |row: &&&RowDelta| row.change == Change::Gone;
    if first.change == Change::Gone {
        return Some(first);
    }
    changed.iter().filter(is_gone).find(|gone| succeeds(gone, first)).copied()
}

/// What took a kernel's place, the same role first, then the same count, the dearest first.
fn successors<'d>(gone: &RowDelta, changed: &[&'d RowDelta]) -> Vec<&'d RowDelta> {
    let mut found: Vec<&RowDelta> = changed.iter().copied().filter(|row| succeeds(gone, row)).collect();
    // Where something came with the very count of what is gone, other changes of its role are another story.
    if found.iter().any(|row| has_count_of(gone, row)) {
        found.retain(|row| has_count_of(gone, row));
    }
    found.sort_by(|a, b| {
        (a.role != gone.role)
            .cmp(&(b.role != gone.role))
            .then_with(|| b.price_ns().total_cmp(&a.price_ns()))
            .then_with(|| a.kernel.cmp(&b.kernel))
    });
    found
}

fn successor(row: &RowDelta) -> String {
    if row.change == Change::Came {
        return side(row, row.after);
    }
    format!(
        "`{}` ({} a step more, {})",
        row.kernel,
        launches(row.after.launches - row.before.launches),
        signed_time(row.price_ns())
    )
}

fn tenth(us: f64) -> f64 {
    (us * 10.0).round() / 10.0
}

fn side(row: &RowDelta, measure: Measure) -> String {
    format!("`{}` ({} a step, {})", row.kernel, launches(measure.launches), time(measure.ns))
}

fn first_change(row: &RowDelta) -> String {
    match row.change {
        Change::Gone => format!("{} is gone", side(row, row.before)),
        Change::Came => format!("{} came", side(row, row.after)),
        Change::Count | Change::Same => format!(
            "`{}` runs {} times a step instead of {}",
            row.kernel,
            launches(row.after.launches),
            launches(row.before.launches)
        ),
    }
}

fn evidence(row: &RowDelta) -> String {
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
