//! Tier 2, *time* of kernels whose launches did not change, by the strict rule that needs no band.

use super::code::Code;
use super::finding::{Finding, Level};
use super::policy::{SIGMA_PER_MAD, Thresholds};
use crate::baseline::{Change, RowDelta, StageDelta};
use crate::common::text::{launches, signed_percent, signed_time, time};
use crate::triage::{Role, Stage};

/// The common movement of unchanged rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// After over before; 1 when nothing moved or too little is known.
    pub factor: f64,
}

/// Rows below this share of the stage say more about launch gaps than about the machine.
const LEAST_SHARE_PCT: f64 = 0.3;

/// Fewer rows than this cannot be told from a single kernel's own change.
const FEWEST_ROWS: usize = 4;

/// The factor by which most of the unchanged kernels moved: clocks, temperature, another host.
///
/// The median over kernels, each counted once: one kernel with most of the time does not move it.
pub fn drift(delta: &StageDelta) -> Drift {
    let mut ratios: Vec<f64> = delta
        .rows
        .iter()
        .filter(|row| is_timed(row) && row.before.ns * 100.0 >= delta.busy_before_ns * LEAST_SHARE_PCT)
        .map(|row| row.after.each_ns / row.before.each_ns)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let middle = ratios.len() / 2;
    if ratios.len() < FEWEST_ROWS {
        return Drift { factor: 1.0 };
    }
    let factor = match (ratios.get(middle), middle.checked_sub(1).and_then(|before| ratios.get(before))) {
        (Some(after), Some(before)) if ratios.len().is_multiple_of(2) => f64::midpoint(*after, *before),
        (Some(value), _) => *value,
        (None, _) => 1.0,
    };
    Drift { factor }
}

/// Rows whose time says something: unchanged, measured on both sides, and neither waiting nor copying.
fn is_timed(row: &RowDelta) -> bool {
    row.change == Change::Same
        && row.before.each_ns > 0.0
        && row.after.each_ns > 0.0
        && row.role != Role::Communication
        && row.role != Role::Memory
}

/// Change of the unchanged rows' added time, in percent of itself.
pub fn same_rows_pct(delta: &StageDelta) -> f64 {
    let same = || delta.rows.iter().filter(|row| row.change == Change::Same);
    let before: f64 = same().map(|row| row.before.ns).sum();
    let after: f64 = same().map(|row| row.after.ns).sum();
    if before > 0.0 { (after - before) * 100.0 / before } else { 0.0 }
}

/// Findings about single rows, slower and faster.
pub fn rows(
    delta: &StageDelta,
    stage: Stage,
    thresholds: &Thresholds,
    drift: Drift,
    file: &str,
) -> Vec<Finding> {
    let is_drifting = (drift.factor - 1.0).abs() * 100.0 > thresholds.drift_pct;
    let mut findings: Vec<Finding> = delta
        .rows
        .iter()
        .filter(|row| is_timed(row))
        .filter_map(|row| row_finding(row, delta, stage, thresholds, drift, is_drifting, file))
        .collect();
    if is_drifting {
        let message = format!(
            "most unchanged kernels moved by {} together; single kernels are not judged by time",
            signed_percent((drift.factor - 1.0) * 100.0)
        );
        findings.push(
            Finding::new(Code::EnvironmentDrift, stage.as_str(), message)
                .in_stage(stage)
                .with_numbers(1.0, (drift.factor * 1e3).round() / 1e3, "factor")
                .at(file, 0)
                .with_help("compare clocks, power limits and temperature of the two machines"),
        );
    }
    findings
}

fn row_finding(
    row: &RowDelta,
    delta: &StageDelta,
    stage: Stage,
    thresholds: &Thresholds,
    drift: Drift,
    is_drifting: bool,
    file: &str,
) -> Option<Finding> {
    let moved = row.after.each_ns - row.before.each_ns;
    let raw_pct = moved * 100.0 / row.before.each_ns;
    let corrected_pct = (row.after.each_ns / drift.factor / row.before.each_ns - 1.0) * 100.0;
    let cost_pct = row.price_ns() * 100.0 / delta.busy_before_ns.max(1.0);
    let is_slower = raw_pct >= thresholds.slower_pct
        && corrected_pct >= thresholds.slower_pct
        && cost_pct >= thresholds.slower_cost_pct;
    // The same step back: a kernel that became 25 % dearer and then was repaired is 20 % cheaper.
    let least = 100.0 * thresholds.slower_pct / (100.0 + thresholds.slower_pct);
    let is_faster = raw_pct <= -least && corrected_pct <= -least && cost_pct <= -thresholds.slower_cost_pct;
    if !is_slower && !is_faster {
        return None;
    }
    let mad = row.before.each_mad_ns.max(row.after.each_mad_ns);
    let error = SIGMA_PER_MAD * mad / (row.instances.max(1) as f64).sqrt();
    let is_certain = row.instances >= thresholds.slower_instances
        && moved.abs() >= thresholds.slower_sigmas * error
        && !is_drifting;
    let code = if is_slower { Code::KernelSlower } else { Code::KernelFaster };
    let message = format!(
        "`{}` ({} a step, as before) takes {} instead of {} each ({}): {} a step, {} of GPU time",
        row.kernel,
        launches(row.after.launches),
        time(row.after.each_ns),
        time(row.before.each_ns),
        signed_percent(raw_pct),
        signed_time(row.price_ns()),
        signed_percent(cost_pct)
    );
    let help = if is_slower {
        "look for another tile, clock or input shape behind the same name"
    } else {
        "record the baseline anew to keep the gain"
    };
    let mut finding = Finding::new(code, &row.kernel, message)
        .in_stage(stage)
        .with_numbers(
            crate::common::text::round3(row.before.each_ns / 1e3),
            crate::common::text::round3(row.after.each_ns / 1e3),
            "us/launch",
        )
        .at(file, row.line)
        .with_help(help);
    if is_slower && !is_certain {
        finding.level = Level::Warn;
        "repeat the capture; one that shows it again is worth a look".clone_into(&mut finding.help);
        finding.evidence.push("too few instances, too much noise or drift to fail on it".to_owned());
    }
    Some(finding)
}
