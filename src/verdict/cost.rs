//! What a finding costs a step and where in a layer it stands, where its own numbers do not tell.
//!
//! The price of a lost path is told by [`super::own`]. What no changed kernel tells stays without a price, which is
//! not the same as free.

use std::collections::BTreeSet;

use super::bodies::{self, BodyPair};
use super::code::Code;
use super::finding::Finding;
use super::own::{self, is_path};
use super::position;
use super::sets::Set;
use crate::baseline::{Observation, RowDelta, StageDelta, StageObservation, promise_matches};
use crate::triage::paths::LADDER;
use crate::triage::{Role, StageTriage, Triage};

/// One stage on both sides, as far as prices and places need it.
pub struct Scene<'a> {
    delta: &'a StageDelta,
    observed: &'a StageObservation,
    sets: &'a [Set<'a>],
    bodies: &'a [BodyPair<'a>],
    stage: Option<&'a StageTriage>,
}

impl<'a> Scene<'a> {
    /// Of a stage's differences and their sets, its layers, and the tables of the rank that speaks for the capture.
    pub fn new(
        delta: &'a StageDelta,
        observed: &'a StageObservation,
        sets: &'a [Set<'a>],
        bodies: &'a [BodyPair<'a>],
        stage: Option<&'a StageTriage>,
    ) -> Self {
        Self { delta, observed, sets, bodies, stage }
    }

    /// Adds price and place to findings of this stage that have none.
    pub fn complete<'f>(&self, findings: impl Iterator<Item = &'f mut Finding>) {
        for finding in findings {
            let mut kernels = kernels_of(finding, self.stage);
            if is_path(finding.code) {
                kernels.extend(own::kernels_of(&finding.subject, self.delta, self.observed));
            }
            if is_pattern(finding.code) {
                let rows = self.delta.rows.iter().map(|row| row.kernel.as_str());
                kernels.extend(rows.filter(|kernel| promise_matches(&finding.subject, kernel)));
            }
            let price = self.price(finding, &kernels).map(|ns| ns.round() as i64);
            let layer = position::in_layers(&kernels, self.bodies);
            finding.price_ns = finding.price_ns.or(price);
            finding.layer = finding.layer.take().or(layer);
        }
    }

    fn price(&self, finding: &Finding, kernels: &BTreeSet<&str>) -> Option<f64> {
        let is_named = |row: &&RowDelta| kernels.contains(row.kernel.as_str());
        match finding.code {
            Code::StructureCostlier | Code::KernelReplaced | Code::Mixed | Code::StructureCheaper => {
                Some(self.delta.rows.iter().filter(is_named).map(RowDelta::price_ns).sum())
            }
            Code::KernelSlower | Code::KernelFaster => {
                self.delta.rows.iter().find(|row| row.kernel == finding.subject).map(RowDelta::price_ns)
            }
            Code::KernelForbidden | Code::KernelMissing | Code::LaunchesOutOfRange => {
                self.price_of_sets(|row| is_named(&row))
            }
            // They know their own cost, or have none that a step would show.
            Code::PathMissing
            | Code::PathPartial
            | Code::OverlapExposed
            | Code::CommunicationExposed
            | Code::CommunicationHidden
            | Code::StreamOverlapLost
            | Code::StreamOverlapGained
            | Code::KernelVanished
            | Code::EnvironmentDrift
            | Code::StageSlower
            | Code::StageFaster
            | Code::Flaky
            | Code::WaiverExpired
            | Code::WaiverUnused
            | Code::CaptureFailed
            | Code::CaptureUnreadable
            | Code::CaptureEmpty
            | Code::CaptureDamaged
            | Code::RankMissing
            | Code::StageMissing
            | Code::NotComparable
            | Code::PromiseUnjudged
            | Code::BaselineMissing => None,
        }
    }

    /// What the changes cost that moved one of the wanted kernels; `None` when none did.
    fn price_of_sets(&self, is_wanted: impl Fn(&RowDelta) -> bool) -> Option<f64> {
        let touched: Vec<f64> = self
            .sets
            .iter()
            .filter(|set| set.rows.iter().any(|row| is_wanted(row)))
            .map(Set::price_ns)
            .collect();
        (!touched.is_empty()).then(|| touched.iter().sum())
    }
}

/// Whether the subject of a finding is a pattern of kernel ids.
fn is_pattern(code: Code) -> bool {
    matches!(code, Code::KernelForbidden | Code::KernelMissing | Code::LaunchesOutOfRange)
}

/// Adds to promises where their kernels run, where no numbers of a baseline show a change.
pub fn place(promised: &mut [Finding], capture: &Observation, triage: Option<&Triage>) {
    for finding in promised.iter_mut().filter(|finding| finding.layer.is_none()) {
        let Some(stage) = finding.stage else { continue };
        let Some(layers) = capture.stages.get(&stage).and_then(|one| one.layers.as_ref()) else { continue };
        let pairs = bodies::pairs(layers, layers, &|_| Role::Other);
        let kernels = kernels_of(finding, triage.and_then(|triage| triage.stage(stage)));
        let layer = position::in_layers(&kernels, &pairs);
        finding.layer = layer;
    }
}

/// The kernels that a finding is about: of a path those that ran as it or in its place.
fn kernels_of<'f>(finding: &'f Finding, stage: Option<&'f StageTriage>) -> BTreeSet<&'f str> {
    let mut kernels: BTreeSet<&str> = finding.kernels.iter().map(String::as_str).collect();
    kernels.insert(&finding.subject);
    let paths = stage.iter().flat_map(|stage| &stage.paths).filter(|row| row.path == finding.subject);
    kernels.extend(paths.flat_map(|row| &row.evidence).flat_map(|form| form.split(LADDER)));
    kernels
}
