//! What must be the same on both sides before numbers may be compared, and what may differ and makes them
//! less alike.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::triage::{TraceEntry, Triage};

/// How a baseline writes what a capture did not tell.
pub const UNKNOWN: &str = "unknown";

/// Identity of a capture. `None` is unknown, which is listed and is never a mismatch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Size of pipeline parallelism.
    pub pp: Option<u32>,
    /// Size of data parallelism.
    pub dp: Option<u32>,
    /// Size of expert parallelism.
    pub ep: Option<u32>,
    /// Type of weights and activations.
    pub dtype: Option<String>,
    /// Quantisation of the weights.
    pub quantization: Option<String>,
    /// What was sent to the server, in the user's words.
    pub workload: Option<String>,
}

/// What may differ between two captures. A difference is told, and widens what counts as noise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Versions {
    /// Runtime such as `cuda 12.4`.
    pub runtime: Option<String>,
    /// What the driver supports, in the same words.
    pub driver: Option<String>,
    /// Version of NCCL.
    #[serde(default)]
    pub nccl: Option<String>,
    /// Version of the serving engine.
    pub engine: Option<String>,
}

/// One part of the identity, or one version, that differs.
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
        let first = ranks.first();
        let args = first.and_then(|triage| triage.server_args.as_ref());
        let size = |keys: [&str; 2]| size_of(args?, keys);
        Self {
            gpu: gpu_of(ranks),
            gpus: entry(ranks).and_then(|entry| entry.world_size),
            ranks: u32::try_from(ranks.len()).unwrap_or(u32::MAX),
            framework: first.map(|triage| triage.framework.clone()).filter(|name| name != UNKNOWN),
            model: first.and_then(|triage| triage.model.clone()),
            tp: size(["tp_size", "tensor_parallel_size"]),
            pp: size(["pp_size", "pipeline_parallel_size"]),
            dp: size(["dp_size", "data_parallel_size"]),
            ep: size(["ep_size", "expert_parallel_size"]),
            dtype: args.and_then(|args| word(args, "dtype")),
            quantization: args.and_then(|args| word(args, "quantization")),
            workload: None,
        }
    }

    /// What differs, where both sides know.
    pub fn mismatches(&self, capture: &Self) -> Vec<Mismatch> {
        differences(self.parts(), capture.parts())
    }

    /// The parts that one side does not know; of those that every capture may tell, also when neither does.
    pub fn unknowns(&self, capture: &Self) -> Vec<&'static str> {
        const EXPECTED: [&str; 5] = ["gpu", "gpus", "framework", "model", "tp"];
        let parts = self.parts().into_iter().zip(capture.parts());
        parts
            .filter(|((what, here), (_, there))| match (here, there) {
                (Some(_), Some(_)) => false,
                (None, None) => EXPECTED.contains(what),
                _ => true,
            })
            .map(|((what, _), _)| what)
            .collect()
    }

    /// What must match, by the baseline's key. Ranks are not among them: more of them are no mismatch.
    pub fn parts(&self) -> Vec<(&'static str, Option<String>)> {
        let number = |value: Option<u32>| value.map(|value| value.to_string());
        vec![
            ("gpu", self.gpu.clone()),
            ("gpus", number(self.gpus)),
            ("framework", self.framework.clone()),
            ("model", self.model.clone()),
            ("tp", number(self.tp)),
            ("pp", number(self.pp)),
            ("dp", number(self.dp)),
            ("ep", number(self.ep)),
            ("dtype", self.dtype.clone()),
            ("quantization", self.quantization.clone()),
            ("workload", self.workload.clone()),
        ]
    }

    /// What either of two captures of one thing knows.
    pub(super) fn or(self, other: &Self) -> Self {
        let text = |one: Option<String>, two: &Option<String>| one.or_else(|| two.clone());
        Self {
            gpu: text(self.gpu, &other.gpu),
            gpus: self.gpus.or(other.gpus),
            ranks: self.ranks.max(other.ranks),
            framework: text(self.framework, &other.framework),
            model: text(self.model, &other.model),
            tp: self.tp.or(other.tp),
            pp: self.pp.or(other.pp),
            dp: self.dp.or(other.dp),
            ep: self.ep.or(other.ep),
            dtype: text(self.dtype, &other.dtype),
            quantization: text(self.quantization, &other.quantization),
            workload: text(self.workload, &other.workload),
        }
    }
}

impl Versions {
    /// The versions that a capture tells.
    pub fn of(ranks: &[Triage]) -> Self {
        let args = ranks.first().and_then(|triage| triage.server_args.as_ref());
        Self {
            runtime: entry(ranks).and_then(|entry| entry.runtime.clone()),
            driver: entry(ranks).and_then(|entry| entry.driver.clone()),
            nccl: entry(ranks).and_then(|entry| entry.nccl.clone()),
            engine: args
                .and_then(|args| word(args, "version"))
                .or_else(|| entry(ranks).and_then(|entry| entry.engine.clone())),
        }
    }

    /// What differs, where both sides know.
    pub fn differences(&self, capture: &Self) -> Vec<Mismatch> {
        differences(self.parts(), capture.parts())
    }

    /// By the baseline's key.
    pub fn parts(&self) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("runtime", self.runtime.clone()),
            ("driver", self.driver.clone()),
            ("nccl", self.nccl.clone()),
            ("engine", self.engine.clone()),
        ]
    }
}

type Parts = Vec<(&'static str, Option<String>)>;

fn differences(baseline: Parts, capture: Parts) -> Vec<Mismatch> {
    let pairs = baseline.into_iter().zip(capture);
    pairs
        .filter_map(|((what, baseline), (_, capture))| match (baseline, capture) {
            (Some(baseline), Some(capture)) if baseline != capture => {
                Some(Mismatch { what, baseline, capture })
            }
            _ => None,
        })
        .collect()
}

fn entry(ranks: &[Triage]) -> Option<&TraceEntry> {
    ranks.first().and_then(|triage| triage.traces.first())
}

fn gpu_of(ranks: &[Triage]) -> Option<String> {
    let mut gpus: Vec<Option<&str>> = ranks.iter().map(Triage::gpu).collect();
    gpus.sort_unstable();
    gpus.dedup();
    match gpus.as_slice() {
        [Some(one)] => Some((*one).to_owned()),
        many if !many.is_empty() && many.iter().all(Option::is_some) => {
            Some(many.iter().flatten().copied().collect::<Vec<_>>().join(" + "))
        }
        _ => None,
    }
}

fn size_of(args: &Map<String, Value>, keys: [&str; 2]) -> Option<u32> {
    let value = keys.iter().find_map(|key| args.get(*key))?;
    u32::try_from(value.as_u64()?).ok()
}

/// A text that says something: `auto` leaves the choice to the server and tells nothing.
fn word(args: &Map<String, Value>, key: &str) -> Option<String> {
    let text = args.get(key)?.as_str()?;
    (!text.is_empty() && text != "auto" && text != UNKNOWN).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_does_not_know_is_listed_and_no_mismatch() {
        let known = Fingerprint { gpu: Some("G".to_owned()), tp: Some(4), ..Fingerprint::default() };
        let blank = Fingerprint { pp: Some(2), ..Fingerprint::default() };
        assert!(known.mismatches(&blank).is_empty());
        assert_eq!(known.unknowns(&blank), ["gpu", "gpus", "framework", "model", "tp", "pp"]);
        let other = Fingerprint { tp: Some(8), dtype: Some("fp8".to_owned()), ..known.clone() };
        let found = known.mismatches(&other);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].what, found[0].baseline.as_str(), found[0].capture.as_str()), ("tp", "4", "8"));
    }

    #[test]
    fn a_choice_left_to_the_server_tells_nothing() {
        let args: Map<String, Value> =
            serde_json::from_str(r#"{"dtype":"auto","quantization":"fp8","tp_size":8,"ep_size":-1}"#)
                .unwrap();
        assert_eq!(word(&args, "dtype"), None);
        assert_eq!(word(&args, "quantization").as_deref(), Some("fp8"));
        assert_eq!(size_of(&args, ["tp_size", "tensor_parallel_size"]), Some(8));
        assert_eq!(size_of(&args, ["ep_size", "expert_parallel_size"]), None);
    }
}
