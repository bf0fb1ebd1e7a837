//! Gates: what a path needs, and whether the capture has it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::needs::{Library, ModelKind};
use super::off::is_on;
use crate::triage::stage::Stage;

/// Who made a GPU. Architectures can be told by their names too, where a path needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Vendor {
    /// Any NVIDIA GPU.
    Nvidia,
    /// NVIDIA H100, H200 and their like.
    Hopper,
    /// NVIDIA B200, B300 and their like, those for desktops too.
    Blackwell,
    /// Any AMD GPU.
    Amd,
    /// Any Ascend accelerator.
    Ascend,
}

impl Vendor {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nvidia => "nvidia",
            Self::Hopper => "hopper",
            Self::Blackwell => "blackwell",
            Self::Amd => "amd",
            Self::Ascend => "ascend",
        }
    }

    /// Whether a GPU of this name is of the kind; `None` when the name does not tell.
    fn made(self, gpu: &str) -> Option<bool> {
        let words: Vec<String> =
            gpu.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase).collect();
        let has = |names: &[&str]| words.iter().any(|word| names.contains(&word.as_str()));
        let is_amd = has(&["amd", "instinct", "radeon"]);
        let is_hopper = has(&["h100", "h200", "h20", "h800", "gh200"]);
        let is_blackwell =
            has(&["b100", "b200", "b300", "gb200", "gb300", "gb10", "blackwell", "5090", "5080", "5070"]);
        let is_nvidia = has(&["nvidia", "tesla", "geforce", "quadro"]) || is_hopper || is_blackwell;
        let is_ascend = has(&["ascend", "ascend910", "ascend910b"]);
        if !is_amd && !is_nvidia && !is_ascend {
            return None;
        }
        Some(match self {
            Self::Nvidia => is_nvidia,
            Self::Hopper => is_hopper,
            Self::Blackwell => is_blackwell,
            Self::Amd => is_amd,
            Self::Ascend => is_ascend,
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
    /// GPUs that share the experts, at least.
    pub ep: Option<u64>,
    /// Parts of the names of models that do not have it.
    pub not_models: Vec<String>,
    /// Values of one of the server's backend arguments.
    pub backend: Vec<String>,
    /// Phases that it is for.
    pub stages: Vec<Stage>,
    /// Libraries whose kernels it is made of, one of which the server must use.
    pub libraries: Vec<Library>,
    /// Kinds of models that it is for.
    pub serves: Vec<ModelKind>,
}

/// Arguments that choose an implementation.
const BACKENDS: [&str; 7] = [
    "attention_backend",
    "decode_attention_backend",
    "prefill_attention_backend",
    "moe_runner_backend",
    "moe_a2a_backend",
    "fp8_gemm_backend",
    "sampling_backend",
];

/// Quantisations that a server may name without a type: the checkpoint's file says which one it is.
const VAGUE: [&str; 4] = ["compressed-tensors", "modelopt", "quark", "auto-round"];

/// What is known of a capture beside its kernels.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Framework id, `unknown` included.
    pub framework: &'a str,
    /// Model path, as the server was given it.
    pub model: Option<&'a str>,
    /// The name under which the server offers it. Anyone may choose it, so it opens gates and closes none.
    pub alias: Option<&'a str>,
    /// The file of the engine that holds the model's code, without ending: `gpt_oss`. Related models share one, so it
    /// opens gates and closes none.
    pub model_code: Option<&'a str>,
    /// Allow-listed server arguments.
    pub server_args: Option<&'a Map<String, Value>>,
    /// GPU model.
    pub gpu: Option<&'a str>,
    /// Size of the job, by the trace's own word.
    pub world_size: Option<u32>,
    /// Tensor-parallel parts that the names of the capture's files tell.
    pub tp_files: Option<u32>,
    /// The phase.
    pub stage: Option<Stage>,
    /// Whether an exchange between experts ran: they are shared.
    pub exchanges: bool,
    /// Whether an all-reduce ran: the layers are shared.
    pub reduces: bool,
    /// Whether a kernel ran that only AITER has: the server uses it.
    pub aiter: bool,
    /// Whether FP4 is not what the model's weights are in: matrix products in FP8 ran and nothing in FP4 did. Kernels
    /// of 4 bits alone do not tell which FP4 it is.
    pub no_fp4: bool,
    /// What the model makes, where something tells.
    pub serves: Option<ModelKind>,
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

/// One gate, held against what is known.
struct Held {
    holds: Option<bool>,
    /// What would tell.
    settled_by: &'static str,
    /// For what the path is where the gate does not hold.
    otherwise: &'static str,
}

impl Gates {
    /// Holds every gate against what is known.
    pub fn judge(&self, facts: &Facts<'_>) -> Gate {
        let mut missing = Vec::new();
        for gate in self.held(facts) {
            match gate.holds {
                Some(true) => {}
                Some(false) => return Gate::Closed,
                None => missing.push(gate.settled_by),
            }
        }
        if missing.is_empty() { Gate::Open } else { Gate::Unknown(missing.join(", ")) }
    }

    /// For what else a path is, when a gate is known not to hold: `other GPUs`.
    pub fn is_for(&self, facts: &Facts<'_>) -> Option<&'static str> {
        self.held(facts).into_iter().find(|gate| gate.holds == Some(false)).map(|gate| gate.otherwise)
    }

    fn held(&self, facts: &Facts<'_>) -> [Held; 9] {
        let held = |holds, settled_by, otherwise| Held { holds, settled_by, otherwise };
        [
            held(self.stage_holds(facts), "the phase", "another phase"),
            held(
                self.serves_holds(facts),
                "whether the model is a language or a diffusion model (Python stacks)",
                "another kind of model",
            ),
            held(
                self.library_holds(facts),
                self.libraries.first().map_or("the library", |library| library.settled_by()),
                "servers with another library",
            ),
            held(
                self.tp_holds(facts),
                if denies_reductions(facts) {
                    "the server's tensor parallelism (its arguments say 1, and all-reduces ran: are they of another run?)"
                } else {
                    "the server's tensor parallelism (server_args.json, or the files of all ranks)"
                },
                "more tensor parallelism",
            ),
            held(
                self.ep_holds(facts),
                "the server's expert parallelism (server_args.json)",
                "more expert parallelism",
            ),
            held(self.model_holds(facts), "the model's name (server_args.json)", "other models"),
            held(
                self.quantisation_holds(facts),
                "the server's quantisation (server_args.json)",
                if self.is_for_fp4() { "FP4" } else { "another quantisation" },
            ),
            held(self.backend_holds(facts), "the server's backends (server_args.json)", "another backend"),
            held(self.gpu_holds(facts), "the GPU's name (deviceProperties of the trace)", "other GPUs"),
        ]
    }

    fn tp_holds(&self, facts: &Facts<'_>) -> Option<bool> {
        let Some(least) = self.tp else { return Some(true) };
        // Arguments that what ran contradicts close nothing.
        if denies_reductions(facts) {
            return None;
        }
        if let Some(size) = argument(facts, &TP) {
            return Some(size >= least);
        }
        if (facts.reduces && least <= 2) || facts.tp_files.is_some_and(|size| u64::from(size) >= least) {
            return Some(true);
        }
        // A job of fewer GPUs has no such parallelism; one of more may share the work otherwise.
        facts.world_size.filter(|size| u64::from(*size) < least).map(|_| false)
    }

    fn ep_holds(&self, facts: &Facts<'_>) -> Option<bool> {
        let Some(least) = self.ep else { return Some(true) };
        if let Some(size) = argument(facts, &["ep_size", "expert_parallel_size"]) {
            return Some(size >= least);
        }
        if facts.exchanges && least <= 2 {
            return Some(true);
        }
        facts.world_size.filter(|size| u64::from(*size) < least).map(|_| false)
    }

    fn stage_holds(&self, facts: &Facts<'_>) -> Option<bool> {
        match facts.stage {
            _ if self.stages.is_empty() => Some(true),
            None | Some(Stage::All | Stage::Mixed) => Some(true),
            Some(stage) => Some(self.stages.contains(&stage)),
        }
    }

    fn model_holds(&self, facts: &Facts<'_>) -> Option<bool> {
        if self.models.is_empty() && self.not_models.is_empty() {
            return Some(true);
        }
        let has = |model: &str, parts: &[String]| {
            let model = spelled(model);
            parts.iter().any(|part| names(&model, &spelled(part)))
        };
        let told = || [facts.model, facts.alias, facts.model_code].into_iter().flatten();
        if facts.model.is_some_and(|model| has(model, &self.not_models)) {
            return Some(false);
        }
        if told().any(|model| has(model, &self.not_models)) {
            return None;
        }
        if told().any(|model| has(model, &self.models)) {
            return Some(true);
        }
        facts.model.map(|_| self.models.is_empty())
    }

    fn backend_holds(&self, facts: &Facts<'_>) -> Option<bool> {
        if self.backend.is_empty() {
            return Some(true);
        }
        let args = facts.server_args?;
        let mut chosen = BACKENDS.iter().filter_map(|key| args.get(*key).and_then(Value::as_str)).peekable();
        chosen.peek()?;
        Some(chosen.any(|value| self.backend.iter().any(|one| one == value)))
    }

    fn quantisation_holds(&self, facts: &Facts<'_>) -> Option<bool> {
        if self.quantisation.is_empty() {
            return Some(true);
        }
        // A server that names none takes what the checkpoint holds, and does not say what that is.
        let told = facts.server_args.and_then(|args| args.get("quantization")).and_then(Value::as_str);
        match told.filter(|value| !VAGUE.contains(value)) {
            Some(value) => Some(self.quantisation.iter().any(|one| one == value)),
            None => (facts.no_fp4 && self.is_for_fp4()).then_some(false),
        }
    }

    /// Whether every quantisation that it is for is one in FP4.
    fn is_for_fp4(&self) -> bool {
        !self.quantisation.is_empty() && self.quantisation.iter().all(|one| one.contains("fp4"))
    }

    /// Whether it is known to be for models that make something else.
    pub(super) fn is_of_another_model_kind(&self, facts: &Facts<'_>) -> bool {
        self.serves_holds(facts) == Some(false)
    }

    fn serves_holds(&self, facts: &Facts<'_>) -> Option<bool> {
        if self.serves.is_empty() {
            return Some(true);
        }
        facts.serves.map(|kind| self.serves.contains(&kind))
    }

    /// A kernel that ran is proof; that none did is none, its operators may have other kernels.
    fn library_holds(&self, facts: &Facts<'_>) -> Option<bool> {
        if self.libraries.is_empty() || self.libraries.contains(&Library::Aiter) && facts.aiter {
            return Some(true);
        }
        let args = facts.server_args?;
        let mut switches = self.libraries.iter().flat_map(|library| library.switches());
        switches.find_map(|switch| args.get(*switch).and_then(is_on))
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

/// A model's name in one spelling: catalogs write `qwen3_next`, `llama4` and `qwen3_5` for what its publisher calls
/// `Qwen3-Next`, `Llama-4` and `Qwen3.5`. A hyphen between digits stays, it is no point: `Qwen3-5B` is another model.
fn spelled(model: &str) -> String {
    let letters: Vec<char> = model.to_lowercase().chars().collect();
    let at = |ix: Option<usize>| ix.and_then(|ix| letters.get(ix)).copied().unwrap_or(' ');
    let mut spelled = String::with_capacity(letters.len());
    for (ix, letter) in letters.iter().enumerate() {
        let (before, after) = (at(ix.checked_sub(1)), at(Some(ix + 1)));
        match letter {
            '_' if before.is_ascii_digit() && after.is_ascii_digit() => spelled.push('.'),
            '-' | '_' if before.is_alphabetic() && after.is_ascii_digit() => {}
            '_' => spelled.push('-'),
            other => spelled.push(*other),
        }
    }
    spelled
}

/// Whether a model's name has the part, as both are [`spelled`]. A number ends where its digits end: `Qwen-32B` is no
/// `qwen3`.
fn names(model: &str, part: &str) -> bool {
    let ends_in_digit = part.ends_with(|c: char| c.is_ascii_digit());
    model.match_indices(part).any(|(at, _)| {
        let rest = model.get(at + part.len()..).unwrap_or_default();
        !(ends_in_digit && rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// Arguments that tell the tensor parallelism.
const TP: [&str; 2] = ["tp_size", "tensor_parallel_size"];

/// Whether the arguments say that one GPU holds a layer, and all-reduces ran all the same.
fn denies_reductions(facts: &Facts<'_>) -> bool {
    facts.reduces && argument(facts, &TP).is_some_and(|size| size < 2)
}

fn argument(facts: &Facts<'_>, keys: &[&str]) -> Option<u64> {
    let args = facts.server_args?;
    keys.iter().find_map(|key| args.get(*key).and_then(Value::as_u64))
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
            ("NVIDIA GeForce RTX 5090", Vendor::Blackwell, Some(true)),
            ("NVIDIA RTX PRO 6000 Blackwell Server Edition", Vendor::Blackwell, Some(true)),
            ("NVIDIA GeForce RTX 4090", Vendor::Blackwell, Some(false)),
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
    fn an_alias_or_the_code_of_a_model_opens_a_gate_and_closes_none() {
        let gates = Gates {
            models: vec!["qwen3".to_owned()],
            not_models: vec!["qwen3.5".to_owned()],
            ..Gates::default()
        };
        let alias = |alias| Facts { alias: Some(alias), ..Facts::default() };
        assert!(matches!(gates.judge(&alias("prod-chat")), Gate::Unknown(_)));
        assert_eq!(gates.judge(&alias("Qwen/Qwen3-8B")), Gate::Open);
        assert!(matches!(gates.judge(&alias("qwen3.5")), Gate::Unknown(_)));
        let both = Facts { model: Some("Qwen/Qwen3-8B"), ..alias("prod-chat") };
        assert_eq!(gates.judge(&both), Gate::Open, "the path tells");
        let code = |code| Facts { model_code: Some(code), ..Facts::default() };
        assert_eq!(gates.judge(&code("qwen3")), Gate::Open);
        assert!(matches!(gates.judge(&code("deepseek_v2")), Gate::Unknown(_)));
    }

    #[test]
    fn a_model_is_known_by_any_spelling_of_its_name() {
        for (gate, model, holds) in [
            ("qwen3_next", "Qwen/Qwen3-Next-80B-A3B-Instruct", true),
            ("llama4", "meta-llama/Llama-4-Scout-17B-16E", true),
            ("glm5", "zai-org/GLM-5", true),
            ("deepseek_v4", "deepseek-ai/DeepSeek-V4", true),
            ("qwen3_5", "Qwen/Qwen3.5-27B", true),
            ("qwen3.5", "Qwen/Qwen3-5B", false),
            ("kimi_linear", "moonshotai/Kimi-Linear-48B-A3B", true),
            ("llama4", "meta-llama/Llama-3.1-405B", false),
            ("qwen3", "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", false),
            ("qwen3", "Qwen/Qwen3-32B", true),
        ] {
            let gates = Gates { models: vec![gate.to_owned()], ..Gates::default() };
            let is_open = gates.judge(&Facts { model: Some(model), ..Facts::default() }) == Gate::Open;
            assert_eq!(is_open, holds, "{gate} {model}");
        }
    }

    #[test]
    fn tensor_parallelism_is_told_by_arguments_files_the_job_or_collectives() {
        let gates = Gates { tp: Some(4), ..Gates::default() };
        let files = |tp_files| Facts { tp_files: Some(tp_files), ..Facts::default() };
        assert_eq!(gates.judge(&files(4)), Gate::Open, "TP-0 to TP-3");
        assert!(
            matches!(gates.judge(&files(1)), Gate::Unknown(_)),
            "the file of one rank may be all that was kept"
        );
        let reduces = Facts { reduces: true, ..Facts::default() };
        assert!(
            matches!(gates.judge(&reduces), Gate::Unknown(_)),
            "an all-reduce tells of two parts, not of four"
        );
        assert_eq!(Gates { tp: Some(2), ..Gates::default() }.judge(&reduces), Gate::Open);
        let job = Facts { world_size: Some(2), ..Facts::default() };
        assert_eq!(gates.judge(&job), Gate::Closed);
        let args: Map<String, Value> = serde_json::from_str(r#"{"tensor_parallel_size": 2}"#).unwrap();
        let told = Facts { server_args: Some(&args), tp_files: Some(8), ..Facts::default() };
        assert_eq!(gates.judge(&told), Gate::Closed, "what the server says comes first");
        let args: Map<String, Value> = serde_json::from_str(r#"{"tp_size": 1}"#).unwrap();
        let shared = Gates { tp: Some(2), ..Gates::default() };
        let alone = Facts { server_args: Some(&args), ..Facts::default() };
        assert_eq!(shared.judge(&alone), Gate::Closed);
        let Gate::Unknown(says) = shared.judge(&Facts { reduces: true, ..alone }) else {
            panic!("it is said")
        };
        assert!(says.contains("all-reduces ran"), "{says}");
    }

    #[test]
    fn experts_models_backends_and_phases_are_gates_too() {
        let exchanging = Facts { exchanges: true, ..Facts::default() };
        let shared = Gates { ep: Some(2), ..Gates::default() };
        assert_eq!(shared.judge(&exchanging), Gate::Open);
        assert!(matches!(shared.judge(&Facts::default()), Gate::Unknown(_)));
        let models = Gates {
            models: vec!["qwen3".to_owned()],
            not_models: vec!["qwen3.5".to_owned()],
            ..Gates::default()
        };
        let named = |model| Facts { model: Some(model), ..Facts::default() };
        assert_eq!(models.judge(&named("Qwen/Qwen3-8B")), Gate::Open);
        assert_eq!(models.judge(&named("Qwen/Qwen3.5-27B")), Gate::Closed);
        let backend = Gates { backend: vec!["flashinfer".to_owned()], ..Gates::default() };
        let args: Map<String, Value> =
            serde_json::from_str(r#"{"decode_attention_backend": "fa3"}"#).unwrap();
        assert_eq!(backend.judge(&Facts { server_args: Some(&args), ..Facts::default() }), Gate::Closed);
        assert!(matches!(backend.judge(&Facts::default()), Gate::Unknown(_)));
        let quantised = Gates { quantisation: vec!["fp8".to_owned()], ..Gates::default() };
        let with = |text: &str| {
            let args: Map<String, Value> = serde_json::from_str(text).unwrap();
            quantised.judge(&Facts { server_args: Some(&args), ..Facts::default() })
        };
        assert_eq!(with(r#"{"quantization": "fp8"}"#), Gate::Open);
        assert_eq!(with(r#"{"quantization": "awq"}"#), Gate::Closed);
        assert!(matches!(with(r#"{"quantization": null}"#), Gate::Unknown(_)), "the checkpoint decides");
        assert!(
            matches!(with(r#"{"quantization": "compressed-tensors"}"#), Gate::Unknown(_)),
            "of many types"
        );
        let fp4 = Gates { quantisation: vec!["modelopt_fp4".to_owned()], ..Gates::default() };
        let in_fp8 = Facts { no_fp4: true, ..Facts::default() };
        assert_eq!((fp4.judge(&in_fp8), fp4.is_for(&in_fp8)), (Gate::Closed, Some("FP4")));
        assert!(matches!(fp4.judge(&Facts::default()), Gate::Unknown(_)));
        assert!(
            matches!(quantised.judge(&in_fp8), Gate::Unknown(_)),
            "kernels in FP8 may be of another kind"
        );
        let decode = Gates { stages: vec![Stage::Decode], ..Gates::default() };
        let of = |stage| decode.judge(&Facts { stage: Some(stage), ..Facts::default() });
        assert_eq!(
            (of(Stage::Decode), of(Stage::Prefill), of(Stage::All)),
            (Gate::Open, Gate::Closed, Gate::Open)
        );
    }

    #[test]
    fn a_library_is_known_by_its_kernels_or_its_switch() {
        let gates = Gates { libraries: vec![Library::Aiter], ..Gates::default() };
        let Gate::Unknown(settled_by) = gates.judge(&Facts::default()) else { panic!("nothing tells") };
        assert!(settled_by.contains("VLLM_ROCM_USE_AITER"), "{settled_by}");
        assert_eq!(gates.judge(&Facts { aiter: true, ..Facts::default() }), Gate::Open);
        for (value, gate) in [("\"1\"", Gate::Open), ("\"0\"", Gate::Closed), ("false", Gate::Closed)] {
            let args: Map<String, Value> =
                serde_json::from_str(&format!(r#"{{"VLLM_ROCM_USE_AITER": {value}}}"#)).unwrap();
            assert_eq!(gates.judge(&Facts { server_args: Some(&args), ..Facts::default() }), gate, "{value}");
        }
    }

    #[test]
    fn a_path_of_diffusion_models_is_none_of_a_language_model() {
        let gates = Gates { serves: vec![ModelKind::Diffusion], ..Gates::default() };
        let serving = |serves| Facts { serves, ..Facts::default() };
        assert_eq!(gates.judge(&serving(Some(ModelKind::Language))), Gate::Closed);
        assert_eq!(gates.judge(&serving(Some(ModelKind::Diffusion))), Gate::Open);
        assert!(matches!(gates.judge(&serving(None)), Gate::Unknown(_)));
    }
}
