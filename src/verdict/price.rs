//! What changed kernels cost a stage, and how certain that is.

use super::policy::SIGMA_PER_MAD;
use super::time::{is_host_copy, is_timed, share_of};
use crate::baseline::{Change, Measure, RowDelta, StageDelta};

/// What a stage's changed rows cost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Total {
    /// Added nanoseconds of a step, after minus before, as measured.
    pub ns: f64,
    /// Of the baseline's busy time, in percent, as measured.
    pub pct: f64,
    /// What is left of `pct`, sign kept, when drift and rounding are given the benefit of the doubt.
    pub certain_pct: f64,
    /// The price without drift in standard deviations, sign kept.
    pub sigmas: f64,
    /// Whether unchanged rows tell how far a row moves by itself between these two captures.
    pub is_calibrated: bool,
}

/// Whether a row's launches changed, which is what structure means.
pub fn is_structural(row: &RowDelta) -> bool {
    match row.change {
        Change::Same => false,
        Change::Gone | Change::Came | Change::Count => true,
    }
}

/// Adds up changed rows of a stage.
///
/// `drift` is the common factor of the unchanged rows: on a machine that is slower as a whole, a kernel that
/// was swapped for its equal is dearer too, and that is no price of the swap. What is certain is the smaller of
/// the raw and the corrected price, so that neither drift nor its correction makes one up, less what the
/// baseline's three significant digits leave open.
pub fn total<'d>(delta: &StageDelta, rows: impl Iterator<Item = &'d RowDelta> + Clone, drift: f64) -> Total {
    let raw: f64 = rows.clone().map(RowDelta::price_ns).sum();
    let corrected: f64 = rows.clone().map(|row| row.after.ns / drift - row.before.ns).sum();
    let least = match (raw > 0.0, corrected > 0.0) {
        (true, true) => raw.min(corrected),
        (false, false) => raw.max(corrected),
        _ => 0.0,
    };
    let open: f64 = rows.clone().map(|row| rounding(row.before.ns)).sum();
    let wander = wander(delta, drift);
    let variance: f64 = rows.map(|row| variance_of(row, wander)).sum();
    let percent = |ns: f64| if delta.busy_before_ns > 0.0 { ns * 100.0 / delta.busy_before_ns } else { 0.0 };
    Total {
        ns: raw,
        pct: percent(raw),
        certain_pct: percent((least.abs() - open).max(0.0).copysign(least)),
        sigmas: if variance > 0.0 { least / variance.sqrt() } else { f64::INFINITY.copysign(least) },
        is_calibrated: wander.is_some(),
    }
}

/// Half a unit of the third significant digit.
fn rounding(ns: f64) -> f64 {
    if ns > 0.0 { 10_f64.powf(ns.log10().floor() - 2.0) / 2.0 } else { 0.0 }
}

/// The fewest unchanged rows whose movement says what noise is here.
const FEWEST_ROWS: usize = 4;

/// Rows below this share of the stage move by gaps between launches.
const LEAST_SHARE_PCT: f64 = 0.3;

/// How far the time of an unchanged row moved between the two captures beside the drift, as a part of itself:
/// the median over rows. `None` when too few rows are unchanged.
fn wander(delta: &StageDelta, drift: f64) -> Option<f64> {
    let mut moved: Vec<f64> = delta
        .rows
        .iter()
        .filter(|row| is_timed(row) && share_of(row, delta) >= LEAST_SHARE_PCT)
        .map(|row| (row.after.ns / drift / row.before.ns - 1.0).abs())
        .collect();
    moved.sort_by(f64::total_cmp);
    if moved.len() < FEWEST_ROWS { None } else { moved.get(moved.len() / 2).copied() }
}

/// Variance of a row's time of a step.
///
/// The spread of its launches says too much where a row holds unlike launches, such as a copy of large and of
/// small blocks: they differ, and by the same amount each time. So the row is granted no more than several
/// times what unchanged rows moved between the same two captures. Copies between host and device depend on
/// the host and get no such limit.
fn variance_of(row: &RowDelta, wander: Option<f64>) -> f64 {
    let by_launches = launches_variance(row.before) + launches_variance(row.after);
    match wander {
        Some(wander) if !is_host_copy(&row.kernel) => {
            let sigma = SIGMA_PER_MAD * wander;
            by_launches.min(sigma * sigma * (row.before.ns * row.before.ns + row.after.ns * row.after.ns))
        }
        _ => by_launches,
    }
}

fn launches_variance(measure: Measure) -> f64 {
    let sigma = measure.each_mad_ns * SIGMA_PER_MAD;
    measure.launches * sigma * sigma
}
