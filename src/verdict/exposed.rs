//! Overlap lost: communication that nothing hides any more, and streams that no longer run beside each other.

use super::code::Code;
use super::finding::{Finding, Level};
use super::policy::{SIGMA_PER_MAD, Thresholds};
use super::price::is_structural;
use super::time::Clock;
use crate::baseline::{Change, OverlapDelta, RowDelta, StageDelta};
use crate::common::text::{round3, signed_percent, signed_time, time};
use crate::triage::{Role, Stage};

/// What a stage's communication left exposed, and why it moved. Nanoseconds of a step, after minus before.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Exposed {
    /// The whole change.
    pub rise: f64,
    /// The part that the price of changed communication kernels holds already.
    pub priced: f64,
    /// The part by which unchanged collectives became longer: on a single rank that may be waiting.
    pub longer: f64,
    /// The part that may come from compute that became shorter and so hides less.
    pub shrunk: f64,
}

impl Exposed {
    /// What neither changed kernels nor waiting explain.
    fn unexplained(self, is_waiting_known: bool) -> f64 {
        let rest = self.rise - part_of(self.rise, self.priced);
        if is_waiting_known { rest } else { rest - part_of(rest, self.longer) }
    }

    /// What even shorter compute does not explain.
    fn certain(self, is_waiting_known: bool) -> f64 {
        (self.unexplained(is_waiting_known) - self.shrunk).max(0.0)
    }
}

/// As much of an explanation as points the same way, and no more than there is to explain.
fn part_of(change: f64, explanation: f64) -> f64 {
    if change >= 0.0 { explanation.clamp(0.0, change) } else { explanation.clamp(change, 0.0) }
}

fn row_of(delta: &StageDelta) -> Option<(&OverlapDelta, f64)> {
    let row = delta.overlaps.iter().find(|row| row.role == Role::Communication)?;
    // A baseline without the row knows nothing of it, unless it has no communication at all.
    let has_none = || !delta.rows.iter().any(|row| row.role == Role::Communication && row.before.ns > 0.0);
    let before = row.before_ns.or_else(|| has_none().then_some(0.0))?;
    Some((row, before))
}

fn exposed(delta: &StageDelta) -> Option<Exposed> {
    let (row, before) = row_of(delta)?;
    let of = |is_wanted: &dyn Fn(&RowDelta) -> bool| -> f64 {
        delta.rows.iter().filter(|row| is_wanted(row)).map(RowDelta::price_ns).sum()
    };
    let is_communication = |row: &RowDelta| row.role == Role::Communication;
    Some(Exposed {
        rise: row.after_ns - before,
        priced: of(&|row| is_communication(row) && is_structural(row)),
        longer: of(&|row| is_communication(row) && row.change == Change::Same),
        shrunk: (-of(&|row| !is_communication(row))).max(0.0),
    })
}

/// The finding about exposed communication, for the worse or the better.
pub fn communication(
    delta: &StageDelta,
    stage: Stage,
    thresholds: &Thresholds,
    clock: Clock,
    file: &str,
) -> Option<Finding> {
    let (row, before) = row_of(delta)?;
    let exposed = exposed(delta)?;
    let percent = |ns: f64| ns * 100.0 / delta.busy_before_ns.max(1.0);
    let change = exposed.unexplained(clock.is_waiting_known);
    // What the baseline's own captures did by themselves is no change.
    let noise = if row.band.captures >= thresholds.band_captures {
        thresholds.band_sigmas * SIGMA_PER_MAD * row.band.mad_ns * clock.widen
    } else {
        0.0
    };
    if percent(change).abs() < thresholds.overlap_warn_pct || change.abs() <= noise {
        return None;
    }
    let code = if change > 0.0 { Code::CommunicationExposed } else { Code::CommunicationHidden };
    let message = format!(
        "exposed communication {} → {}: {} a step, {} of GPU time",
        time(before),
        time(row.after_ns),
        signed_time(exposed.rise),
        signed_percent(percent(exposed.rise))
    );
    let mut finding = Finding::new(code, Role::Communication.as_str(), message)
        .in_stage(stage)
        .with_numbers(round3(before / 1e3), round3(row.after_ns / 1e3), "us/step")
        .costing(exposed.rise)
        .at(file, row.line);
    for (part, what) in [
        (
            part_of(exposed.rise, exposed.priced),
            "of it is in the price of communication kernels that changed",
        ),
        (part_of(exposed.rise, exposed.longer), "of it comes from collectives that take longer or shorter"),
    ] {
        if percent(part).abs() >= thresholds.overlap_warn_pct {
            finding.evidence.push(format!("{} a step {what}", signed_time(part)));
        }
    }
    if change < 0.0 {
        return Some(finding.with_help("record the baseline anew to keep the gain"));
    }
    if percent(exposed.certain(clock.is_waiting_known)) < thresholds.overlap_pct {
        finding.level = Level::Warn;
        if percent(change) >= thresholds.overlap_pct {
            finding.evidence.push(format!(
                "other kernels take {} less a step, so there is less to hide behind",
                time(exposed.shrunk)
            ));
        }
    }
    Some(finding.with_help("look at what ran beside it before: another stream, a hook, a chunk size"))
}

/// A sentence about collectives of a single rank that became longer, which is no finding.
pub fn waiting(delta: &StageDelta, stage: Stage, thresholds: &Thresholds, clock: Clock) -> Option<String> {
    let longer = exposed(delta)?.longer;
    let pct = longer * 100.0 / delta.busy_before_ns.max(1.0);
    (!clock.is_waiting_known && pct >= thresholds.overlap_pct).then(|| {
        format!(
            "communication of stage `{}` takes {} longer a step; one rank alone cannot tell waiting for others from cost, so it was not judged: collect the traces of every rank",
            stage.as_str(),
            time(longer)
        )
    })
}

/// One way to overlap on both sides. Nanoseconds of a step.
struct Sides {
    subject: &'static str,
    what: &'static str,
    before: f64,
    after: f64,
    /// By how much the step became longer, at most for this reason.
    rise: f64,
    /// The part of the change that another finding tells.
    told: f64,
}

impl Sides {
    /// What the step pays for the overlap that was lost; less than nothing where it was gained.
    ///
    /// Overlap is lost or gained only where the step became longer or shorter by it: a kernel that no longer
    /// runs overlaps with nothing either.
    fn cost(&self) -> f64 {
        let lost = self.before - self.after;
        let rest = lost - part_of(lost, self.told);
        part_of(rest, self.rise)
    }

    /// Whether enough of the overlap changed to be no chance.
    fn has_changed(&self, thresholds: &Thresholds) -> bool {
        (self.before - self.after).abs() * 100.0 >= self.before.max(self.after) * thresholds.overlap_part_pct
    }
}

/// The finding about streams that no longer run beside each other, or kernels of one stream that no longer
/// start before the one ahead has ended; or that now do.
///
/// `failed` are findings that fail for the time of single kernels: what they cost is not told again.
pub fn streams(
    delta: &StageDelta,
    stage: Stage,
    thresholds: &Thresholds,
    failed: &[&Finding],
    file: &str,
) -> Option<Finding> {
    let busy = delta.busy_before_ns.max(1.0);
    let (before, after) = (delta.overlapped_before, delta.overlapped_after);
    // What changed kernels cost is in their price.
    let priced: f64 = delta.rows.iter().filter(|row| is_structural(row)).map(RowDelta::price_ns).sum();
    let growth = delta.busy_after_ns - delta.busy_before_ns - priced;
    let unchanged = || delta.rows.iter().filter(|row| row.change == Change::Same);
    let longer: f64 = unchanged().map(RowDelta::price_ns).sum();
    let told: f64 = failed.iter().filter_map(|finding| finding.price_ns).map(|ns| ns as f64).sum();
    let sides = [
        Sides {
            subject: "streams",
            what: "streams run beside each other",
            before: before.streams_ns,
            after: after.streams_ns,
            rise: growth,
            // What communication lost or gained has a finding of its own.
            told: exposed(delta).map_or(0.0, |one| one.rise),
        },
        Sides {
            subject: SAME_STREAM,
            what: "kernels of one stream overlap",
            before: before.same_stream_ns,
            after: after.same_stream_ns,
            // A slower machine overlaps for as long or longer, so no drift is taken out. Work that moved to a
            // stream of its own no longer starts early, and costs nothing where it is hidden there.
            rise: if longer >= 0.0 { (longer - told).min(growth) } else { longer.max(growth) },
            told: 0.0,
        },
    ];
    let found = sides
        .into_iter()
        .filter(|sides| sides.has_changed(thresholds))
        .filter(|sides| sides.cost().abs() * 100.0 >= busy * thresholds.overlap_warn_pct)
        .max_by(|a, b| a.cost().abs().total_cmp(&b.cost().abs()))?;
    let cost = found.cost();
    let pct = cost * 100.0 / busy;
    let message = format!(
        "{} for {} a step instead of {}: {} a step, {} of GPU time",
        found.what,
        time(found.after),
        time(found.before),
        signed_time(cost),
        signed_percent(pct)
    );
    let code = if cost > 0.0 { Code::StreamOverlapLost } else { Code::StreamOverlapGained };
    let mut moved: Vec<&RowDelta> = unchanged().filter(|row| row.price_ns() * cost > 0.0).collect();
    moved.sort_by(|a, b| {
        b.price_ns().abs().total_cmp(&a.price_ns().abs()).then_with(|| a.kernel.cmp(&b.kernel))
    });
    let evidence = moved
        .iter()
        .take(MOST_ROWS)
        .map(|row| {
            format!("`{}` ({}): {} a step", row.kernel, row.role.as_str(), signed_time(row.price_ns()))
        })
        .collect();
    let mut finding = Finding::new(code, found.subject, message)
        .in_stage(stage)
        .with_numbers(round3(found.before / 1e3), round3(found.after / 1e3), "us/step")
        .costing(cost)
        .at(file, 0)
        .with_evidence(evidence)
        .with_help(if cost > 0.0 {
            "check what lets kernels start early (programmatic dependent launch) and what puts work on a second stream"
        } else {
            "record the baseline anew to keep the gain"
        });
    if cost > 0.0 && pct < thresholds.overlap_pct {
        finding.level = Level::Warn;
    }
    Some(finding)
}

/// Whether kernels take longer because they no longer overlap with the one ahead. All of them together then look
/// like a slower machine, and are none.
pub fn explains_drift(finding: &Finding) -> bool {
    finding.code == Code::StreamOverlapLost && is_within_a_stream(finding)
}

/// Takes out kernels that are only warned of where the overlap that their stream lost tells of their time, which
/// it lists; one that fails keeps its place, and is no part of what the overlap costs.
pub fn tell_once(slower: &mut Vec<Finding>, lost: &Finding) {
    let is_warned = |one: &Finding| one.code == Code::KernelSlower && one.level == Level::Warn;
    let warned: i64 = slower.iter().filter(|one| is_warned(one)).filter_map(|one| one.price_ns).sum();
    if lost.price_ns.is_some_and(|cost| cost >= warned) {
        slower.retain(|one| !is_warned(one));
    }
}

/// Whether a finding about overlap is about kernels of one stream, whose time it tells.
pub fn is_within_a_stream(finding: &Finding) -> bool {
    finding.subject == SAME_STREAM
}

/// The subject of a finding about the kernels of one stream.
const SAME_STREAM: &str = "same-stream";

/// Rows that the evidence of lost overlap names.
const MOST_ROWS: usize = 5;
