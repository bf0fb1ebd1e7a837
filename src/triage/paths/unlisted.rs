//! What may be new: small kernels in a row that no entry of the catalog fits, in flight or not.

use std::collections::BTreeMap;

use super::catalog::PathCatalog;
use super::ladder::{self, Kind, Shape};
use super::similar::Scene;
use crate::trace::Ns;
use crate::triage::kernel_table::percent;
use crate::triage::model::Unlisted;
use crate::triage::stage::Stage;

/// How often a step must show the row of kernels: less is no layer.
const LEAST: u64 = 4;
/// Part of the stage's GPU time, in percent, below which nobody would write a kernel.
const LEAST_SHARE: f64 = 1.0;
/// Rows that a stage names at most.
const MOST: usize = 3;
/// Kernels of a row that are named.
const LONGEST: usize = 4;

/// Rows of small kernels of a serving stage, largest time first. No gate and no framework is asked: what fits anywhere
/// is not new. The catalog knows of serving; what it lacks of training and of other programs is no news.
pub(super) fn find(scene: &Scene<'_>, catalog: &PathCatalog, whole: Ns) -> Vec<Unlisted> {
    if scene.stage == Stage::All {
        return Vec::new();
    }
    let mut found: BTreeMap<Vec<&str>, (u64, Ns)> = BTreeMap::new();
    for sequence in scene.sequences {
        let kinds: Vec<&Kind<'_>> = sequence.iter().map(|(kind, _)| *kind).collect();
        let fits = fitting(&kinds, catalog);
        let is_free =
            |at: usize| kinds.get(at).is_some_and(|kind| kind.is_light) && fits.get(at) == Some(&false);
        let mut at = 0;
        while at < kinds.len() {
            let length = (at..kinds.len()).take_while(|at| is_free(*at)).take(LONGEST).count();
            let row = kinds.get(at..at + length).unwrap_or_default();
            // Copies alone are a layout question, and no chain of arithmetic.
            if length >= 2 && row.iter().any(|kind| !kind.is_memory) {
                let time =
                    sequence.get(at..at + length).unwrap_or_default().iter().map(|(_, time)| *time).sum();
                let (count, total) = found.entry(row.iter().map(|kind| kind.id).collect()).or_default();
                *count += 1;
                *total += time;
            }
            at += length.max(1);
        }
    }
    let steps = scene.steps.max(1);
    let mut rows: Vec<Unlisted> = found
        .into_iter()
        .map(|(kernels, (count, time))| Unlisted {
            stage: scene.stage,
            kernels: kernels.into_iter().map(str::to_owned).collect(),
            per_step: (count + steps / 2) / steps,
            total_ns: time.0,
            share_pct: percent(time, whole),
        })
        .filter(|row| row.per_step >= LEAST && row.share_pct >= LEAST_SHARE)
        .collect();
    rows.sort_by(|a, b| b.total_ns.cmp(&a.total_ns).then_with(|| a.kernels.cmp(&b.kernels)));
    rows.truncate(MOST);
    rows
}

/// For each kernel, whether it is a fused one, or a rung of a ladder that stands here.
fn fitting(kinds: &[&Kind<'_>], catalog: &PathCatalog) -> Vec<bool> {
    let mut fits = vec![false; kinds.len()];
    for entry in catalog.entries().iter().filter(|entry| entry.claims()) {
        for (fits, kind) in fits.iter_mut().zip(kinds) {
            *fits |= kind.is_any(&entry.on);
        }
        let shape = Shape { ladders: &entry.split, after: &[], on: &entry.on };
        for range in ladder::climb(kinds, shape) {
            fits.iter_mut().take(range.end).skip(range.start).for_each(|fits| *fits = true);
        }
    }
    fits
}
