//! A baseline's numbers in the shape of a measured capture's, so that one comparison serves both.

use super::file::{Baseline, ExpectedOverlap, ExpectedPath, ExpectedRow, ExpectedStage};
use super::observation::{
    Band, Measure, Observation, OverlapObservation, Overlapped, PathObservation, RowObservation,
    StageObservation,
};

impl Baseline {
    /// What was recorded. Raw names, instances and what a catalog adds are not in a baseline.
    pub fn observation(&self) -> Observation {
        let captures = self.recorded.captures.unwrap_or(1);
        Observation {
            fingerprint: self.comparable.fingerprint(),
            versions: self.recorded.versions(),
            server_args: self.recorded.server_args.clone(),
            captures,
            stages: self.stages.iter().map(|(stage, expected)| (*stage, expected.observation())).collect(),
        }
    }
}

impl ExpectedStage {
    fn observation(&self) -> StageObservation {
        let steps = &self.steps.value;
        StageObservation {
            found_by: steps.found_by,
            activities: steps.activities,
            busy_ns: steps.busy_us * 1e3,
            busy_band: band(steps.mad_us, steps.n),
            overlapped: Overlapped {
                same_stream_ns: steps.same_stream_us * 1e3,
                streams_ns: steps.beside_us * 1e3,
            },
            outside_pct: 0.0,
            rows: self.kernels.iter().map(|row| (row.value.kernel.clone(), row_of(&row.value))).collect(),
            paths: self.paths.iter().map(|row| (row.value.path.clone(), path_of(&row.value))).collect(),
            overlaps: self.overlaps.iter().map(|row| (row.value.role, overlap_of(&row.value))).collect(),
            layers: self.layers.as_ref().map(|layers| layers.value.observation()),
        }
    }
}

fn row_of(row: &ExpectedRow) -> RowObservation {
    RowObservation {
        role: row.role,
        measure: Measure {
            launches: row.launches,
            spread: row.spread,
            ns: row.us * 1e3,
            each_ns: row.each_us * 1e3,
            each_mad_ns: row.each_mad_us * 1e3,
        },
        band: band(row.mad_us, row.n),
        share_pct: row.share,
        instances: 0,
        name: String::new(),
        slow: Vec::new(),
    }
}

fn path_of(row: &ExpectedPath) -> PathObservation {
    PathObservation {
        state: row.expect,
        fused: row.fused,
        split: row.split,
        name: row.path.clone(),
        flags_on: Vec::new(),
        flags_off: Vec::new(),
        source_paths: Vec::new(),
        kernels: row.kernels.clone(),
    }
}

fn overlap_of(row: &ExpectedOverlap) -> OverlapObservation {
    OverlapObservation {
        exposed_ns: row.exposed_us * 1e3,
        band: band(row.mad_us, row.n),
        hidden_by: row.hidden_by,
        is_overlap: true,
    }
}

fn band(mad_us: f64, captures: Option<u32>) -> Band {
    Band { mad_ns: mad_us * 1e3, captures: captures.unwrap_or(1) }
}
