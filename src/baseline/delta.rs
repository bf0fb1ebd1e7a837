//! The differences between a baseline's stage and a capture's. No opinion.

use std::collections::BTreeSet;

use super::file::{ExpectedPath, ExpectedRow, ExpectedStage};
use super::observation::{Band, Measure, Overlapped, PathObservation, RowObservation, StageObservation};
use crate::triage::{PathState, Role};

/// How a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It launches as often as before.
    Same,
    /// It no longer launches.
    Gone,
    /// It did not launch before.
    Came,
    /// It launches more or less often.
    Count,
}

/// One kernel id on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct RowDelta {
    /// Kernel id.
    pub kernel: String,
    /// What it does.
    pub role: Role,
    /// How it differs.
    pub change: Change,
    /// The baseline's numbers; zeros when it had none.
    pub before: Measure,
    /// The capture's numbers; zeros when it has none.
    pub after: Measure,
    /// How far the baseline's time of a step moved between its captures.
    pub band: Band,
    /// Share of the baseline's stage, in percent.
    pub share_before: f64,
    /// Instances measured in the capture, over all ranks.
    pub instances: u64,
    /// The baseline's line, 0 when it has none.
    pub line: u64,
    /// A raw name of the capture, empty when it has none.
    pub name: String,
}

impl RowDelta {
    /// Added nanoseconds of a step, after minus before.
    pub fn price_ns(&self) -> f64 {
        self.after.ns - self.before.ns
    }
}

/// One expected path on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct PathDelta {
    /// Catalog id.
    pub path: String,
    /// The state promised.
    pub expect: PathState,
    /// Fused instances before.
    pub fused_before: u64,
    /// Split instances before.
    pub split_before: u64,
    /// Kernel ids that it ran as before.
    pub kernels_before: Vec<String>,
    /// What the capture shows; `None` when neither fused nor split kernels ran.
    pub after: Option<PathObservation>,
    /// The baseline's line.
    pub line: u64,
}

/// What a role leaves exposed, on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct OverlapDelta {
    /// Whose time.
    pub role: Role,
    /// Exposed nanoseconds of a step before; `None` when the baseline has no row of the role.
    pub before_ns: Option<f64>,
    /// How far they moved between the baseline's captures.
    pub band: Band,
    /// Exposed nanoseconds of a step now; 0 when the capture has no row of the role.
    pub after_ns: f64,
    /// The promised limit, in nanoseconds.
    pub at_most_ns: Option<f64>,
    /// The role that hid most before.
    pub hidden_by_before: Option<Role>,
    /// The role that hides most now.
    pub hidden_by_after: Option<Role>,
    /// The baseline's line, 0 when it has none.
    pub line: u64,
}

/// One stage on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct StageDelta {
    /// Every kernel id of either side, largest change of time first.
    pub rows: Vec<RowDelta>,
    /// Every expected path.
    pub paths: Vec<PathDelta>,
    /// What each role leaves exposed, where either side has the role.
    pub overlaps: Vec<OverlapDelta>,
    /// Busy nanoseconds of a step before.
    pub busy_before_ns: f64,
    /// How far they moved between the baseline's captures.
    pub busy_band: Band,
    /// Busy nanoseconds of a step after.
    pub busy_after_ns: f64,
    /// What overlap saved in a step before.
    pub overlapped_before: Overlapped,
    /// What it saves now.
    pub overlapped_after: Overlapped,
}

/// Compares one stage of a baseline with the same stage of a capture.
pub fn compare(baseline: &ExpectedStage, capture: &StageObservation) -> StageDelta {
    let mut rows: Vec<RowDelta> = baseline
        .kernels
        .iter()
        .map(|row| {
            let line = row.referenced.line();
            both(&row.value, line, capture.rows.get(&row.value.kernel), baseline.steps.value.busy_us * 1e3)
        })
        .collect();
    let known: BTreeSet<&String> = baseline.kernels.iter().map(|row| &row.value.kernel).collect();
    for (kernel, row) in &capture.rows {
        if !known.contains(kernel) {
            rows.push(RowDelta {
                kernel: kernel.clone(),
                role: row.role,
                change: Change::Came,
                before: Measure::default(),
                after: row.measure,
                band: Band::default(),
                share_before: 0.0,
                instances: row.instances,
                line: 0,
                name: row.name.clone(),
            });
        }
    }
    rows.sort_by(|a, b| {
        b.price_ns().abs().total_cmp(&a.price_ns().abs()).then_with(|| a.kernel.cmp(&b.kernel))
    });
    let paths =
        baseline.paths.iter().map(|path| path_delta(&path.value, path.referenced.line(), capture)).collect();
    StageDelta {
        rows,
        paths,
        overlaps: overlap_deltas(baseline, capture),
        busy_before_ns: baseline.steps.value.busy_us * 1e3,
        busy_band: band(baseline.steps.value.mad_us, baseline.steps.value.n),
        busy_after_ns: capture.busy_ns,
        overlapped_before: Overlapped {
            same_stream_ns: baseline.steps.value.same_stream_us * 1e3,
            streams_ns: baseline.steps.value.beside_us * 1e3,
        },
        overlapped_after: capture.overlapped,
    }
}

fn both(expected: &ExpectedRow, line: u64, found: Option<&RowObservation>, busy_ns: f64) -> RowDelta {
    let before = Measure {
        launches: expected.launches,
        spread: expected.spread,
        ns: expected.us * 1e3,
        each_ns: expected.each_us * 1e3,
        each_mad_ns: expected.each_mad_us * 1e3,
    };
    let after = found.map(|row| row.measure).unwrap_or_default();
    let change = match found {
        // A row that only some of the baseline's captures had may be missing once more.
        None if before.launches > 0.0 && is_same_count(before, after, busy_ns) => Change::Same,
        None => Change::Gone,
        Some(_) if is_same_count(before, after, busy_ns) => Change::Same,
        Some(_) => Change::Count,
    };
    RowDelta {
        kernel: expected.kernel.clone(),
        role: expected.role,
        change,
        before,
        after,
        band: band(expected.mad_us, expected.n),
        share_before: expected.share,
        instances: found.map_or(0, |row| row.instances),
        line,
        name: found.map(|row| row.name.clone()).unwrap_or_default(),
    }
}

/// Whether a row launches as often as before.
///
/// A row whose steps differ among themselves (a sampling kernel, steps of two kinds in turn) has a mean that
/// moves with the steps that happened to be captured, by less than half of that difference. A row whose steps
/// are all alike has no such excuse: steps and ranks that begin to differ are what is to be found, and excuse
/// themselves only where it is about less than one launch a step that costs next to nothing of `busy_ns`.
pub(super) fn is_same_count(before: Measure, after: Measure, busy_ns: f64) -> bool {
    /// Of the busy time, in percent; far below what a change of structure must cost to count.
    const NEXT_TO_NOTHING: f64 = 0.1;
    let difference = (after.launches - before.launches).abs();
    let each_ns = before.each_ns.max(after.each_ns);
    let is_chance = difference < 1.0
        && difference < after.spread / 2.0
        && difference * each_ns <= busy_ns * NEXT_TO_NOTHING / 100.0;
    difference <= before.launches * 0.005 || difference < before.spread / 2.0 || is_chance
}

fn band(mad_us: f64, captures: Option<u32>) -> Band {
    Band { mad_ns: mad_us * 1e3, captures: captures.unwrap_or(1) }
}

fn overlap_deltas(baseline: &ExpectedStage, capture: &StageObservation) -> Vec<OverlapDelta> {
    let mut deltas: Vec<OverlapDelta> = baseline
        .overlaps
        .iter()
        .map(|row| {
            let found = capture.overlaps.get(&row.value.role);
            OverlapDelta {
                role: row.value.role,
                before_ns: Some(row.value.exposed_us * 1e3),
                band: band(row.value.mad_us, row.value.n),
                after_ns: found.map_or(0.0, |found| found.exposed_ns),
                at_most_ns: row.value.at_most.map(|us| us * 1e3),
                hidden_by_before: row.value.hidden_by,
                hidden_by_after: found.and_then(|found| found.hidden_by),
                line: row.referenced.line(),
            }
        })
        .collect();
    for (role, found) in capture.overlaps.iter().filter(|(_, found)| found.is_overlap) {
        if !baseline.overlaps.iter().any(|row| row.value.role == *role) {
            deltas.push(OverlapDelta {
                role: *role,
                before_ns: None,
                band: Band::default(),
                after_ns: found.exposed_ns,
                at_most_ns: None,
                hidden_by_before: None,
                hidden_by_after: found.hidden_by,
                line: 0,
            });
        }
    }
    deltas
}

fn path_delta(expected: &ExpectedPath, line: u64, capture: &StageObservation) -> PathDelta {
    PathDelta {
        path: expected.path.clone(),
        expect: expected.expect,
        fused_before: expected.fused,
        split_before: expected.split,
        kernels_before: expected.kernels.clone(),
        after: capture.paths.get(&expected.path).cloned(),
        line,
    }
}
