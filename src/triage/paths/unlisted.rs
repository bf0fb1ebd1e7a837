//! What may be new: small kernels in a row that no entry of the catalog fits, in flight or not.

use std::collections::BTreeMap;

use super::catalog::PathCatalog;
use super::ladder::{Kind, Shape};
use super::sequence::{Sequence, Starts};
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
    let possible = Possible::of(scene, catalog);
    for sequence in scene.sequences {
        let kinds = &sequence.kinds;
        let fits = possible.fitting(sequence);
        let is_free =
            |at: usize| kinds.get(at).is_some_and(|kind| kind.is_light) && fits.get(at) == Some(&false);
        let mut at = 0;
        while at < kinds.len() {
            let length = (at..kinds.len()).take_while(|at| is_free(*at)).take(LONGEST).count();
            let row = kinds.get(at..at + length).unwrap_or_default();
            // Copies alone are a layout question, and no chain of arithmetic.
            if length >= 2 && row.iter().any(|kind| !kind.is_memory) {
                let time = sequence.time(at..at + length);
                let (count, total) = found.entry(row.iter().map(|kind| kind.id).collect()).or_default();
                *count += sequence.runs;
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

/// What of the catalog can stand in a stage.
struct Possible<'c> {
    /// For each kind, whether it is a fused kernel.
    is_fused: Vec<bool>,
    /// Ladders without what must run before them, and which kinds can begin them.
    ladders: Vec<(Shape<'c>, Starts)>,
}

impl<'c> Possible<'c> {
    fn of(scene: &Scene<'_>, catalog: &'c PathCatalog) -> Self {
        let entries = || catalog.entries().iter().filter(|entry| entry.claims());
        let is_fused = |kind: &Kind<'_>| entries().any(|entry| kind.is_any(&entry.on));
        let ladders = entries().filter_map(|entry| {
            let shape = Shape { after: &[], ..entry.shape() };
            Some((shape, Starts::of(scene.kinds, shape)?))
        });
        Self { is_fused: scene.kinds.iter().map(is_fused).collect(), ladders: ladders.collect() }
    }

    /// For each kernel, whether it is a fused one, or a rung of a ladder that stands here.
    fn fitting(&self, sequence: &Sequence<'_, '_>) -> Vec<bool> {
        let is_fused = |number: u32| self.is_fused.get(number as usize) == Some(&true);
        let mut fits: Vec<bool> = sequence.each().map(|(number, ..)| is_fused(number)).collect();
        for (shape, starts) in &self.ladders {
            for range in sequence.ladders(*shape, starts) {
                fits.iter_mut().take(range.end).skip(range.start).for_each(|fits| *fits = true);
            }
        }
        fits
    }
}
