//! Tier 2, *time* of kernels whose launches did not change: against the noise band of the baseline's captures,
//! else by a strict rule that needs none.

use super::code::Code;
use super::finding::{Finding, Level};
use super::policy::{SIGMA_PER_MAD, Thresholds};
use super::price::is_structural;
use crate::baseline::{Change, RowDelta, StageDelta, StageObservation};
use crate::common::text::{launches, ranges, signed_percent, signed_time, time};
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
        .filter(|row| is_timed(row) && share_of(row, delta) >= LEAST_SHARE_PCT)
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

/// A row's part of the stage's busy time before, in percent.
pub fn share_of(row: &RowDelta, delta: &StageDelta) -> f64 {
    if delta.busy_before_ns > 0.0 { row.before.ns * 100.0 / delta.busy_before_ns } else { 0.0 }
}

/// Rows whose time says something: unchanged, measured on both sides, and neither waiting nor copying.
pub fn is_timed(row: &RowDelta) -> bool {
    is_measurable(row) && row.role != Role::Communication && row.role != Role::Memory
}

/// Whether a row runs as before and both sides know how long a launch takes.
fn is_measurable(row: &RowDelta) -> bool {
    row.change == Change::Same && row.before.each_ns > 0.0 && row.after.each_ns > 0.0
}

/// Change of the unchanged rows' added time, in percent of itself.
pub fn same_rows_pct(delta: &StageDelta) -> f64 {
    let same = || delta.rows.iter().filter(|row| row.change == Change::Same);
    let before: f64 = same().map(|row| row.before.ns).sum();
    let after: f64 = same().map(|row| row.after.ns).sum();
    if before > 0.0 { (after - before) * 100.0 / before } else { 0.0 }
}

/// The same of the rows whose time says something of the machine.
fn timed_pct(delta: &StageDelta) -> f64 {
    let sum =
        |side: fn(&RowDelta) -> f64| -> f64 { delta.rows.iter().filter(|row| is_timed(row)).map(side).sum() };
    let before = sum(|row| row.before.ns);
    if before > 0.0 { (sum(|row| row.after.ns) - before) * 100.0 / before } else { 0.0 }
}

/// What the judgement of time rests on besides the rows.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The common movement of unchanged rows.
    pub drift: Drift,
    /// Factor on every noise band: more than 1 where versions differ between baseline and capture.
    pub widen: f64,
    /// Whether the time of communication holds no waiting for other ranks.
    pub is_waiting_known: bool,
}

/// Findings about single rows, slower and faster.
pub fn rows(
    delta: &StageDelta,
    stage: Stage,
    observed: &StageObservation,
    thresholds: &Thresholds,
    clock: Clock,
    file: &str,
) -> Vec<Finding> {
    let mut moved: Vec<(&RowDelta, Moved)> = delta
        .rows
        .iter()
        .filter(|row| row.change == Change::Same)
        .filter_map(|row| Some((row, judged(row, delta, observed, thresholds, clock)?)))
        .collect();
    let mut findings = Vec::new();
    let factor = clock.drift.factor;
    if is_drifting(clock.drift, thresholds) {
        let moved_pct = (factor - 1.0) * 100.0;
        let same_pct = timed_pct(delta);
        // Few heavy kernels may have moved by far more than most did.
        let all = if (same_pct - moved_pct).abs() > thresholds.drift_pct {
            format!(", and the time of all of them by {}", signed_percent(same_pct))
        } else {
            String::new()
        };
        let judged = if delta.busy_band.captures >= thresholds.band_captures {
            "single kernels are judged by their noise band, with that movement taken out"
        } else {
            "without a noise band, single kernels are not judged by time"
        };
        let message =
            format!("most unchanged kernels moved by {} together{all}; {judged}", signed_percent(moved_pct));
        let beyond = moved.iter().filter(|(_, moved)| moved.basis != Basis::Band);
        let evidence =
            beyond.map(|(row, moved)| format!("moved beyond it: {}", in_words(row, *moved))).collect();
        findings.push(
            Finding::new(Code::EnvironmentDrift, stage.as_str(), message)
                .in_stage(stage)
                .with_numbers(1.0, (factor * 1e3).round() / 1e3, "factor")
                .at(file, 0)
                .with_evidence(evidence)
                .with_help("compare clocks, power limits and temperature of the two machines"),
        );
        moved.retain(|(_, moved)| moved.basis == Basis::Band);
    }
    let hidden_pct = hidden_pct(delta, thresholds);
    findings.extend(moved.into_iter().map(|(row, moved)| {
        let mut finding = finding(row, moved, stage, file);
        let is_hidden = moved.cost_pct - hidden_pct < thresholds.slower_cost_pct && hidden_pct > 0.0;
        if finding.code == Code::KernelSlower && is_hidden {
            finding.level = Level::Warn;
            // What other work hides costs no time.
            let cost_ns = row.price_ns() - hidden_pct * delta.busy_before_ns / 100.0;
            finding.price_ns = Some(cost_ns.max(0.0).round() as i64);
            finding
                .evidence
                .insert(0, "the step is not longer by it: other streams run beside it".to_owned());
        }
        if moved.basis == Basis::Part {
            finding.evidence.insert(0, slow_places(row, observed));
        }
        finding
    }));
    findings
}

/// How much more of the work runs beside other streams than before where the step did not become longer, in percent
/// of the busy time; what a kernel of another stream takes longer by that much costs no time.
fn hidden_pct(delta: &StageDelta, thresholds: &Thresholds) -> f64 {
    if growth_pct(delta) >= thresholds.slower_cost_pct {
        return 0.0;
    }
    let more = delta.overlapped_after.streams_ns - delta.overlapped_before.streams_ns;
    (more * 100.0 / delta.busy_before_ns.max(1.0)).max(0.0)
}

/// By how much the step became longer, without what changed kernels cost; in percent.
pub fn growth_pct(delta: &StageDelta) -> f64 {
    let changed = delta.rows.iter().filter(|row| is_structural(row));
    let priced: f64 = changed.map(RowDelta::price_ns).sum();
    (delta.busy_after_ns - delta.busy_before_ns - priced) * 100.0 / delta.busy_before_ns.max(1.0)
}

/// Which of a row's launches are slow: by layer where each layer has as many.
fn slow_places(row: &RowDelta, observed: &StageObservation) -> String {
    let slow = observed.rows.get(&row.kernel).map(|row| row.slow.as_slice()).unwrap_or_default();
    let launches = row.after.launches.round().max(1.0) as u64;
    let layers = observed.layers.as_ref().map_or(0, |layers| layers.count);
    if layers > 0 && launches.is_multiple_of(layers) {
        let of_each = launches / layers;
        let mut slow: Vec<u64> = slow.iter().map(|number| number.saturating_sub(1) / of_each + 1).collect();
        slow.dedup();
        format!("a quarter or more above its median in {} of {layers} layers: {}", slow.len(), ranges(&slow))
    } else {
        let of = format!("{} of {launches} launches of a step", slow.len());
        format!("a quarter or more above its median in {of}: {}", ranges(slow))
    }
}

/// Whether the machine as a whole moved by too much to judge a time without a band.
pub fn is_drifting(drift: Drift, thresholds: &Thresholds) -> bool {
    (drift.factor - 1.0).abs() * 100.0 > thresholds.drift_pct
}

/// By which rule a row was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// By how far it moved between the baseline's captures.
    Band,
    /// By the strict rule that needs one capture.
    Strict,
    /// By the strict rule, though most launches are as they were: some take longer.
    Part,
}

/// How a row's time moved, where that is worth a word.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Moved {
    basis: Basis,
    /// Of a launch, or of a step where the basis is a band; in percent.
    pct: f64,
    /// Of the stage's busy time, in percent.
    cost_pct: f64,
    /// Enough to fail on, where it is for the worse.
    is_certain: bool,
}

fn judged(
    row: &RowDelta,
    delta: &StageDelta,
    observed: &StageObservation,
    thresholds: &Thresholds,
    clock: Clock,
) -> Option<Moved> {
    let cost_pct = row.price_ns() * 100.0 / delta.busy_before_ns.max(1.0);
    if cost_pct.abs() < thresholds.slower_cost_pct {
        return None;
    }
    if row.band.captures >= thresholds.band_captures {
        by_band(row, cost_pct, thresholds, clock)
    } else {
        let in_part = || in_part(row, cost_pct, observed, thresholds, clock);
        strictly(row, cost_pct, thresholds, clock).or_else(in_part)
    }
}

/// A row with a band: raw and corrected change must both leave it.
fn by_band(row: &RowDelta, cost_pct: f64, thresholds: &Thresholds, clock: Clock) -> Option<Moved> {
    let is_timed = row.role != Role::Communication || clock.is_waiting_known;
    if !is_timed || is_host_copy(&row.kernel) || row.before.ns <= 0.0 {
        return None;
    }
    let sigma_pct = row.band.mad_ns * SIGMA_PER_MAD * 100.0 / row.before.ns;
    let limit = (thresholds.band_sigmas * sigma_pct).max(thresholds.band_least_pct) * clock.widen;
    let pct = (row.after.ns / row.before.ns - 1.0) * 100.0;
    let corrected = (row.after.ns / clock.drift.factor / row.before.ns - 1.0) * 100.0;
    let is_outside = (pct > limit && corrected > limit) || (pct < -limit && corrected < -limit);
    is_outside.then_some(Moved { basis: Basis::Band, pct, cost_pct, is_certain: true })
}

/// A row without a band. What is neither large nor certain is not worth a word.
fn strictly(row: &RowDelta, cost_pct: f64, thresholds: &Thresholds, clock: Clock) -> Option<Moved> {
    // A copy takes what the memory and whatever runs beside it leave: that is told and fails nothing.
    let is_copy = row.role == Role::Memory;
    if !(is_timed(row) || is_copy && is_measurable(row)) || is_host_copy(&row.kernel) {
        return None;
    }
    let moved = row.after.each_ns - row.before.each_ns;
    let pct = moved * 100.0 / row.before.each_ns;
    let corrected = (row.after.each_ns / clock.drift.factor / row.before.each_ns - 1.0) * 100.0;
    let passes = |limit: f64| {
        // The same step back: a kernel that became 25 % dearer and then was repaired is 20 % cheaper.
        let back = 100.0 * limit / (100.0 + limit);
        (pct >= limit && corrected >= limit && cost_pct > 0.0)
            || (pct <= -back && corrected <= -back && cost_pct < 0.0)
    };
    let mad = row.before.each_mad_ns.max(row.after.each_mad_ns);
    let error = SIGMA_PER_MAD * mad / (row.instances.max(1) as f64).sqrt();
    let is_measured =
        row.instances >= thresholds.slower_instances && moved.abs() >= thresholds.slower_sigmas * error;
    let is_large = passes(thresholds.slower_pct);
    let is_worth_a_word = is_large || (is_measured && passes(thresholds.slower_warn_pct));
    let is_certain = is_large && is_measured && !is_copy;
    is_worth_a_word.then_some(Moved { basis: Basis::Strict, pct, cost_pct, is_certain })
}

/// A row most of whose launches are as they were, while some take so much longer, at the same places of most
/// steps, that the stage shows it. That is told and fails nothing.
fn in_part(
    row: &RowDelta,
    cost_pct: f64,
    observed: &StageObservation,
    thresholds: &Thresholds,
    clock: Clock,
) -> Option<Moved> {
    let slow = observed.rows.get(&row.kernel).map_or(0, |row| row.slow.len());
    if !is_timed(row) || slow < FEWEST_SLOW || row.before.ns <= 0.0 {
        return None;
    }
    let pct = (row.after.ns / row.before.ns - 1.0) * 100.0;
    let corrected = (row.after.ns / clock.drift.factor / row.before.ns - 1.0) * 100.0;
    let limit = thresholds.slower_warn_pct;
    let is_slower = pct >= limit && corrected >= limit && cost_pct > 0.0;
    is_slower.then_some(Moved { basis: Basis::Part, pct, cost_pct, is_certain: false })
}

/// One launch of a step that takes longer is chance.
const FEWEST_SLOW: usize = 2;

/// Copies between host and device take what the host makes them take.
pub fn is_host_copy(kernel: &str) -> bool {
    matches!(kernel, "memcpy-htod" | "memcpy-dtoh" | "memcpy")
}

fn in_words(row: &RowDelta, moved: Moved) -> String {
    let launches = launches(row.after.launches);
    let times = match moved.basis {
        Basis::Band => format!("takes {} a step instead of {}", time(row.after.ns), time(row.before.ns)),
        Basis::Part => format!(
            "takes {} a step instead of {}, while most of its launches are as before",
            time(row.after.ns),
            time(row.before.ns)
        ),
        Basis::Strict => {
            format!("takes {} instead of {} each", time(row.after.each_ns), time(row.before.each_ns))
        }
    };
    format!(
        "`{}` ({launches} a step, as before) {times} ({}): {} a step, {} of GPU time",
        row.kernel,
        signed_percent(moved.pct),
        signed_time(row.price_ns()),
        signed_percent(moved.cost_pct)
    )
}

fn finding(row: &RowDelta, moved: Moved, stage: Stage, file: &str) -> Finding {
    let is_slower = moved.cost_pct > 0.0;
    let code = if is_slower { Code::KernelSlower } else { Code::KernelFaster };
    let (before, after, unit) = match moved.basis {
        Basis::Band | Basis::Part => (row.before.ns, row.after.ns, "us/step"),
        Basis::Strict => (row.before.each_ns, row.after.each_ns, "us/launch"),
    };
    let round = |ns: f64| crate::common::text::round3(ns / 1e3);
    let mut finding = Finding::new(code, &row.kernel, in_words(row, moved))
        .in_stage(stage)
        .with_numbers(round(before), round(after), unit)
        .costing(row.price_ns())
        .at(file, row.line)
        .with_help(if is_slower {
            "look for another tile, clock or input shape behind the same name"
        } else {
            "record the baseline anew to keep the gain"
        });
    match moved.basis {
        Basis::Band => finding.evidence.push(format!(
            "between the baseline's {} captures it moved by ±{} (median absolute deviation)",
            row.band.captures,
            time(row.band.mad_ns)
        )),
        Basis::Strict if is_slower && !moved.is_certain => {
            finding.level = Level::Warn;
            "repeat the capture, or record the baseline from five, so that noise is known"
                .clone_into(&mut finding.help);
            let why = if row.role == Role::Memory {
                "without a noise band, the time of a copy fails nothing"
            } else {
                "without a noise band this is too little, or too few launches, to fail on"
            };
            finding.evidence.push(why.to_owned());
        }
        Basis::Part => {
            finding.level = Level::Warn;
            "look at what these layers do and the others do not: the experts they chose, a longer context, work beside them"
                .clone_into(&mut finding.help);
        }
        Basis::Strict => {}
    }
    finding
}
