//! The time of unchanged kernels of a stage together: a thousand small delays are one large one.
//!
//! A kernel of little time may take twice as long and cost less than what a kernel is judged from. All of them
//! together are judged like one kernel, by the rules of [`super::time`].

use std::collections::BTreeSet;

use super::code::Code;
use super::finding::{Finding, Level};
use super::policy::{SIGMA_PER_MAD, Thresholds};
use super::price::{self, Total};
use super::time::{Clock, growth_pct, is_drifting, is_host_copy, is_timed, share_of};
use crate::baseline::{Change, RowDelta, StageDelta};
use crate::common::text::{count, round3, signed_percent, signed_time, time};
use crate::triage::{Role, Stage};

/// Rows that the evidence names.
const MOST_ROWS: usize = 5;

/// Unchanged rows taken as one.
struct Together<'d> {
    rows: Vec<&'d RowDelta>,
    before: f64,
    after: f64,
    /// What drift, rounding and the spread of launches leave of the change.
    total: Total,
}

impl<'d> Together<'d> {
    fn of(delta: &StageDelta, rows: Vec<&'d RowDelta>, clock: Clock) -> Self {
        let sum = |side: fn(&RowDelta) -> f64| rows.iter().map(|row| side(row)).sum();
        Self {
            before: sum(|row| row.before.ns),
            after: sum(|row| row.after.ns),
            total: price::total(delta, rows.iter().copied(), clock.drift.factor),
            rows,
        }
    }

    /// Change in percent of itself, as measured and with the drift taken out.
    fn moved_pct(&self, clock: Clock) -> (f64, f64) {
        let pct = |after: f64| (after / self.before.max(1.0) - 1.0) * 100.0;
        (pct(self.after), pct(self.after / clock.drift.factor))
    }

    /// By how much it may move between repeats, in percent of itself: all rows at once, in one direction.
    fn band_pct(&self, thresholds: &Thresholds, clock: Clock) -> f64 {
        let mad: f64 = self.rows.iter().map(|row| row.band.mad_ns).sum();
        let sigma_pct = mad * SIGMA_PER_MAD * 100.0 / self.before.max(1.0);
        (thresholds.band_sigmas * sigma_pct).max(thresholds.band_least_pct) * clock.widen
    }
}

/// Whether all of these moved by more than a percentage, the same step back included.
fn pass(moved: (f64, f64), limit: f64) -> bool {
    let back = 100.0 * limit / (100.0 + limit);
    (moved.0 >= limit && moved.1 >= limit) || (moved.0 <= -back && moved.1 <= -back)
}

/// The level that a change deserves where it is for the worse; `None` where it is not worth a word.
fn level(of: &Together<'_>, has_band: bool, thresholds: &Thresholds, clock: Clock) -> Option<Level> {
    if of.total.certain_pct.abs() < thresholds.slower_cost_pct {
        return None;
    }
    let moved = of.moved_pct(clock);
    if has_band {
        return pass(moved, of.band_pct(thresholds, clock)).then_some(Level::Deny);
    }
    let instances: u64 = of.rows.iter().map(|row| row.instances).sum();
    let is_measured =
        instances >= thresholds.slower_instances && of.total.sigmas.abs() >= thresholds.slower_sigmas;
    let is_told = is_measured && pass(moved, thresholds.slower_warn_pct);
    is_told.then(|| if pass(moved, thresholds.slower_pct) { Level::Deny } else { Level::Warn })
}

/// The finding about all unchanged rows of which `told` says nothing, for the worse or the better.
///
/// They are judged three times: all of them, and those alone that are small, and very small, because heavier ones
/// that stayed as they were would hide them.
pub fn finding(
    delta: &StageDelta,
    stage: Stage,
    thresholds: &Thresholds,
    clock: Clock,
    told: &[Finding],
    file: &str,
) -> Option<Finding> {
    let has_band = delta.busy_band.captures >= thresholds.band_captures;
    if !has_band && is_drifting(clock.drift, thresholds) {
        return None;
    }
    let told: BTreeSet<&str> = told.iter().map(|finding| finding.subject.as_str()).collect();
    let is_judged = |row: &&RowDelta| {
        let is_clear = if has_band {
            row.change == Change::Same
                && row.before.ns > 0.0
                && !is_host_copy(&row.kernel)
                && (row.role != Role::Communication || clock.is_waiting_known)
        } else {
            is_timed(row)
        };
        is_clear && !told.contains(row.kernel.as_str())
    };
    let below = |limit_pct: f64| {
        let rows = delta.rows.iter().filter(is_judged).filter(|row| share_of(row, delta) < limit_pct);
        Together::of(delta, rows.collect(), clock)
    };
    // As much slower as fails, or twice as slow, they would still cost less than what fails.
    let (cost, slower) = (thresholds.slower_cost_pct, thresholds.slower_pct);
    let parts = [below(f64::INFINITY), below(cost * 100.0 / slower), below(cost)];
    let found = parts.iter().filter_map(|of| Some((level(of, has_band, thresholds, clock)?, of)));
    // Of parts that weigh as much, the largest.
    let (level, of) = found.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    let [_, small, _] = &parts;
    // What other work hides costs no time.
    let is_hidden = of.total.ns > 0.0 && growth_pct(delta) < thresholds.slower_cost_pct;
    let mut finding = told_as(of, small, stage, if is_hidden { Level::Warn } else { level }, file);
    let mut doubts = Vec::new();
    if is_hidden {
        doubts.push("the step is not longer by it: other work runs beside them".to_owned());
    } else if level == Level::Warn && of.total.ns > 0.0 {
        doubts.push("without a noise band this is too little to fail on".to_owned());
    }
    if !of.total.is_calibrated {
        let doubt = "too few kernels are heavy enough to tell a slower machine from slower code";
        doubts.push(doubt.to_owned());
    }
    finding.evidence.splice(0..0, doubts);
    Some(finding)
}

fn told_as(of: &Together<'_>, small: &Together<'_>, stage: Stage, level: Level, file: &str) -> Finding {
    let is_slower = of.total.ns > 0.0;
    let of_small = small.after - small.before;
    let small_rows = count(small.rows.len().min(of.rows.len()) as u64, "kernel");
    let are_all_small = of.rows.len() <= small.rows.len();
    let (what, part) = if are_all_small {
        (format!("{small_rows} too small to be judged one by one"), String::new())
    } else {
        let part =
            format!("; of it {} in {small_rows} too small to be judged one by one", signed_time(of_small));
        (format!("{} that run as often as before", count(of.rows.len() as u64, "kernel")), part)
    };
    let message = format!(
        "{what} take together {} a step instead of {} ({}): {} a step, {} of GPU time{part}",
        time(of.after),
        time(of.before),
        signed_percent((of.after / of.before.max(1.0) - 1.0) * 100.0),
        signed_time(of.total.ns),
        signed_percent(of.total.pct),
    );
    let mut rows: Vec<&&RowDelta> = of.rows.iter().filter(|row| row.price_ns() * of.total.ns > 0.0).collect();
    rows.sort_by(|a, b| {
        b.price_ns().abs().total_cmp(&a.price_ns().abs()).then_with(|| a.kernel.cmp(&b.kernel))
    });
    let heaviest = rows.first().filter(|row| row.price_ns().abs() * 2.0 >= of.total.ns.abs());
    let message = match heaviest {
        Some(row) => format!("{message}; most of it in `{}`: {}", row.kernel, signed_time(row.price_ns())),
        None => message,
    };
    let code = if is_slower { Code::StageSlower } else { Code::StageFaster };
    let line = |row: &&&RowDelta| {
        format!(
            "`{}` ({}): {} → {} a step",
            row.kernel,
            row.role.as_str(),
            time(row.before.ns),
            time(row.after.ns)
        )
    };
    let mut finding = Finding::new(code, stage.as_str(), message)
        .in_stage(stage)
        .with_numbers(round3(of.before / 1e3), round3(of.after / 1e3), "us/step")
        .costing(of.total.ns)
        .at(file, 0)
        .with_evidence(rows.iter().take(MOST_ROWS).map(line).collect())
        .with_help(if is_slower {
            "look for what many kernels share: the gaps between launches, clocks, the batch, a compiler's flag"
        } else {
            "record the baseline anew to keep the gain"
        });
    if is_slower {
        finding.level = level;
    }
    finding
}
