//! What must be the same on both sides before numbers may be compared.

use crate::triage::Triage;

/// How a baseline writes what a capture did not tell.
pub const UNKNOWN: &str = "unknown";

/// Identity of a capture. `None` is unknown, which is listed and is never a mismatch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// GPU model.
    pub gpu: Option<String>,
    /// GPUs of the job, by its own word.
    pub gpus: Option<u32>,
    /// Rank files in the capture.
    pub ranks: u32,
    /// Serving engine.
    pub framework: Option<String>,
    /// Model name or path.
    pub model: Option<String>,
    /// Size of tensor parallelism.
    pub tp: Option<u32>,
}

/// One part of the identity that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Which part, as the baseline's key spells it.
    pub what: &'static str,
    /// The baseline's value.
    pub baseline: String,
    /// The capture's value.
    pub capture: String,
}

impl Fingerprint {
    /// The identity of a capture from its ranks' triages.
    pub fn of(ranks: &[Triage]) -> Self {
        let mut gpus: Vec<Option<&str>> = ranks.iter().map(Triage::gpu).collect();
        gpus.sort_unstable();
        gpus.dedup();
        let gpu = match gpus.as_slice() {
            [Some(one)] => Some((*one).to_owned()),
            many if !many.is_empty() && many.iter().all(Option::is_some) => {
                Some(many.iter().flatten().copied().collect::<Vec<_>>().join(" + "))
            }
            _ => None,
        };
        let first = ranks.first();
        let args = first.and_then(|triage| triage.server_args.as_ref());
        let tp = args.and_then(|args| {
            let value = args.get("tp_size").or_else(|| args.get("tensor_parallel_size"))?;
            u32::try_from(value.as_u64()?).ok()
        });
        Self {
            gpu,
            gpus: first.and_then(|triage| triage.traces.first()).and_then(|entry| entry.world_size),
            ranks: u32::try_from(ranks.len()).unwrap_or(u32::MAX),
            framework: first.map(|triage| triage.framework.clone()).filter(|name| name != UNKNOWN),
            model: first.and_then(|triage| triage.model.clone()),
            tp,
        }
    }

    /// What differs, where both sides know.
    pub fn mismatches(&self, capture: &Self) -> Vec<Mismatch> {
        let texts = [
            ("gpu", self.gpu.clone(), capture.gpu.clone()),
            ("gpus", self.gpus.map(|n| n.to_string()), capture.gpus.map(|n| n.to_string())),
            ("framework", self.framework.clone(), capture.framework.clone()),
            ("model", self.model.clone(), capture.model.clone()),
            ("tp", self.tp.map(|n| n.to_string()), capture.tp.map(|n| n.to_string())),
        ];
        texts
            .into_iter()
            .filter_map(|(what, baseline, capture)| match (baseline, capture) {
                (Some(baseline), Some(capture)) if baseline != capture => {
                    Some(Mismatch { what, baseline, capture })
                }
                _ => None,
            })
            .collect()
    }

    /// The parts that at least one side does not know.
    pub fn unknowns(&self, capture: &Self) -> Vec<&'static str> {
        let known = [
            ("gpu", self.gpu.is_some() && capture.gpu.is_some()),
            ("gpus", self.gpus.is_some() && capture.gpus.is_some()),
            ("framework", self.framework.is_some() && capture.framework.is_some()),
            ("model", self.model.is_some() && capture.model.is_some()),
            ("tp", self.tp.is_some() && capture.tp.is_some()),
        ];
        known.into_iter().filter(|(_, known)| !known).map(|(what, _)| what).collect()
    }
}
