//! Gates: what a path needs, and whether the capture has it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Who made a GPU. Architectures can be told by their names too, where a path needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Vendor {
    /// Any NVIDIA GPU.
    Nvidia,
    /// NVIDIA H100, H200 and their like.
    Hopper,
    /// NVIDIA B200, B300 and their like.
    Blackwell,
    /// Any AMD GPU.
    Amd,
}

impl Vendor {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nvidia => "nvidia",
            Self::Hopper => "hopper",
            Self::Blackwell => "blackwell",
            Self::Amd => "amd",
        }
    }

    /// Whether a GPU of this name is of the kind; `None` when the name does not tell.
    fn made(self, gpu: &str) -> Option<bool> {
        let words: Vec<String> =
            gpu.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase).collect();
        let has = |names: &[&str]| words.iter().any(|word| names.contains(&word.as_str()));
        let is_amd = has(&["amd", "instinct", "radeon"]);
        let is_hopper = has(&["h100", "h200", "h20", "h800", "gh200"]);
        let is_blackwell = has(&["b100", "b200", "b300", "gb200", "gb300"]);
        let is_nvidia = has(&["nvidia", "tesla", "geforce", "quadro"]) || is_hopper || is_blackwell;
        if !is_amd && !is_nvidia {
            return None;
        }
        Some(match self {
            Self::Nvidia => is_nvidia,
            Self::Hopper => is_hopper,
            Self::Blackwell => is_blackwell,
            Self::Amd => is_amd,
        })
    }
}

/// What a path needs. A list holds when one of its values does; an empty one always.
#[derive(Debug, Clone, Default)]
pub struct Gates {
    /// GPUs that share each layer, at least.
    pub tp: Option<u64>,
    /// Parts of the model's name.
    pub models: Vec<String>,
    /// Values of the server's `quantization`.
    pub quantisation: Vec<String>,
    /// GPU vendors or architectures.
    pub gpu: Vec<Vendor>,
}

/// What is known of a capture beside its kernels.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Framework id, `unknown` included.
    pub framework: &'a str,
    /// Model name or path.
    pub model: Option<&'a str>,
    /// Allow-listed server arguments.
    pub server_args: Option<&'a Map<String, Value>>,
    /// GPU model.
    pub gpu: Option<&'a str>,
    /// Size of the job, by the trace's own word.
    pub world_size: Option<u32>,
    /// Whether an all-reduce ran: the layers are shared.
    pub reduces: bool,
}

/// Whether a path's gates hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// All hold.
    Open,
    /// One does not.
    Closed,
    /// None is known not to hold; this would settle the rest.
    Unknown(String),
}

impl Gates {
    /// Holds every gate against what is known.
    pub fn judge(&self, facts: &Facts<'_>) -> Gate {
        let mut missing = Vec::new();
        for (holds, settled_by) in [
            (self.tp_holds(facts), "the server's tensor parallelism (server_args.json)"),
            (self.model_holds(facts), "the model's name (server_args.json)"),
            (self.quantisation_holds(facts), "the server's quantisation (server_args.json)"),
            (self.gpu_holds(facts), "the GPU's name (deviceProperties of the trace)"),
        ] {
            match holds {
                Some(true) => {}
                Some(false) => return Gate::Closed,
                None => missing.push(settled_by),
            }
        }
        if missing.is_empty() { Gate::Open } else { Gate::Unknown(missing.join(", ")) }
    }

    fn tp_holds(&self, facts: &Facts<'_>) -> Option<bool> {
        let Some(least) = self.tp else { return Some(true) };
        let argument = facts.server_args.and_then(|args| {
            ["tp_size", "tensor_parallel_size"].iter().find_map(|key| args.get(*key).and_then(Value::as_u64))
        });
        if let Some(size) = argument {
            return Some(size >= least);
        }
        if facts.reduces && least <= 2 {
            return Some(true);
        }
        // A job of fewer GPUs has no such parallelism; one of more may share the work otherwise.
        facts.world_size.filter(|size| u64::from(*size) < least).map(|_| false)
    }

    fn model_holds(&self, facts: &Facts<'_>) -> Option<bool> {
        if self.models.is_empty() {
            return Some(true);
        }
        let model = facts.model?.to_lowercase();
        Some(self.models.iter().any(|part| model.contains(part.as_str())))
    }

    fn quantisation_holds(&self, facts: &Facts<'_>) -> Option<bool> {
        if self.quantisation.is_empty() {
            return Some(true);
        }
        let value = facts.server_args?.get("quantization")?;
        Some(value.as_str().is_some_and(|value| self.quantisation.iter().any(|one| one == value)))
    }

    fn gpu_holds(&self, facts: &Facts<'_>) -> Option<bool> {
        if self.gpu.is_empty() {
            return Some(true);
        }
        let gpu = facts.gpu?;
        let made: Vec<Option<bool>> = self.gpu.iter().map(|vendor| vendor.made(gpu)).collect();
        if made.contains(&Some(true)) {
            Some(true)
        } else if made.contains(&None) {
            None
        } else {
            Some(false)
        }
    }
}

/// Whether the server's arguments switch a path off: a flag that turns it on is `false`, or the other way round.
pub fn is_switched_off(on: &[String], off: &[String], facts: &Facts<'_>) -> bool {
    let set = |flag: &String| {
        let key = flag.trim_start_matches('-').replace('-', "_");
        facts.server_args.and_then(|args| args.get(&key)).and_then(Value::as_bool)
    };
    on.iter().any(|flag| set(flag) == Some(false)) || off.iter().any(|flag| set(flag) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_is_told_by_the_words_of_its_name() {
        for (gpu, vendor, holds) in [
            ("NVIDIA H100 80GB HBM3", Vendor::Hopper, Some(true)),
            ("NVIDIA B300 SXM6 AC", Vendor::Blackwell, Some(true)),
            ("NVIDIA B300 SXM6 AC", Vendor::Nvidia, Some(true)),
            ("NVIDIA B300 SXM6 AC", Vendor::Amd, Some(false)),
            ("AMD Instinct MI300X", Vendor::Amd, Some(true)),
            ("AMD Instinct MI300X", Vendor::Nvidia, Some(false)),
            ("Tesla V100-SXM2-16GB", Vendor::Nvidia, Some(true)),
            ("Some Accelerator", Vendor::Nvidia, None),
        ] {
            assert_eq!(vendor.made(gpu), holds, "{gpu} {vendor:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_neither_open_nor_closed() {
        let gates = Gates { tp: Some(2), gpu: vec![Vendor::Amd], ..Gates::default() };
        let Gate::Unknown(settled_by) = gates.judge(&Facts::default()) else { panic!("it is not known") };
        assert!(settled_by.contains("tensor parallelism") && settled_by.contains("GPU"), "{settled_by}");
        let on_nvidia = Facts { gpu: Some("NVIDIA H100"), ..Facts::default() };
        assert_eq!(gates.judge(&on_nvidia), Gate::Closed, "one gate is enough");
        let shared = Facts { gpu: Some("AMD Instinct MI300X"), reduces: true, ..Facts::default() };
        assert_eq!(gates.judge(&shared), Gate::Open);
        let alone = Facts { gpu: Some("AMD Instinct MI300X"), world_size: Some(1), ..Facts::default() };
        assert_eq!(gates.judge(&alone), Gate::Closed);
        let models = Gates { models: vec!["deepseek".to_owned()], ..Gates::default() };
        let named = |model| Facts { model: Some(model), ..Facts::default() };
        assert_eq!(models.judge(&named("deepseek-ai/DeepSeek-V3")), Gate::Open);
        assert_eq!(models.judge(&named("Qwen/Qwen3-8B")), Gate::Closed);
        assert!(matches!(models.judge(&Facts::default()), Gate::Unknown(_)));
    }

    #[test]
    fn a_server_argument_may_say_that_a_path_is_off() {
        let args: Map<String, Value> =
            serde_json::from_str(r#"{"enable_x": false, "disable_y": true, "tp_size": 4}"#).unwrap();
        let facts = Facts { server_args: Some(&args), ..Facts::default() };
        let flag = |name: &str| vec![name.to_owned()];
        assert!(is_switched_off(&flag("--enable-x"), &[], &facts));
        assert!(is_switched_off(&[], &flag("disable_y"), &facts));
        assert!(!is_switched_off(&flag("enable_z"), &[], &facts));
        assert_eq!(Gates { tp: Some(2), ..Gates::default() }.judge(&facts), Gate::Open);
    }
}
