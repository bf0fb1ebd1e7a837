//! The server's own arguments, saved beside a capture: an allow-list, because the rest may hold secrets.

use std::path::Path;

use serde_json::{Map, Value};

/// Arguments that identify the model, its parallelism and the paths that flags switch. None holds a secret.
const ALLOWED: [&str; 44] = [
    "attention_backend",
    "chunked_prefill_size",
    "compilation_config",
    "context_length",
    "cuda_graph_max_bs",
    "data_parallel_size",
    "decode_attention_backend",
    "deepep_mode",
    "device",
    "disable_cuda_graph",
    "disable_overlap_schedule",
    "disable_piecewise_cuda_graph",
    "disaggregation_mode",
    "dp_size",
    "dtype",
    "enable_aiter_allreduce_fusion",
    "enable_deterministic_inference",
    "enable_dp_attention",
    "enable_flashinfer_allreduce_fusion",
    "enable_fused_qk_norm_rope",
    "enable_single_batch_overlap",
    "enable_torch_compile",
    "enable_two_batch_overlap",
    "enforce_eager",
    "ep_size",
    "fp8_gemm_backend",
    "kv_cache_dtype",
    "max_running_requests",
    "model",
    "model_path",
    "moe_a2a_backend",
    "moe_runner_backend",
    "nnodes",
    "node_rank",
    "pipeline_parallel_size",
    "pp_size",
    "prefill_attention_backend",
    "quantization",
    "sampling_backend",
    "served_model_name",
    "speculative_algorithm",
    "tensor_parallel_size",
    "tp_size",
    "version",
];

/// Switches of vLLM's compile passes: keys of the `pass_config` inside its `compilation_config`.
const PASSES: [&str; 12] = [
    "enable_qk_norm_rope_fusion",
    "enable_sp",
    "fuse_act_padding",
    "fuse_act_quant",
    "fuse_allreduce_rms",
    "fuse_attn_quant",
    "fuse_gemm_comms",
    "fuse_minimax_qk_norm",
    "fuse_mla_dual_rms_norm",
    "fuse_norm_quant",
    "fuse_rope_kvcache",
    "fuse_rope_kvcache_cat_mla",
];

/// Reads the allow-listed scalars of a saved `server_args.json`; `None` when it holds none of them.
///
/// Nested objects (`server_args` inside what `/server_info` answers) are looked into one level deep.
pub fn read_server_args(path: &Path) -> Option<Map<String, Value>> {
    const MOST_BYTES: u64 = 4 << 20;
    let length = std::fs::metadata(path).ok()?.len();
    if length > MOST_BYTES {
        return None;
    }
    let value: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let kept = allowed_server_args(&value);
    (!kept.is_empty()).then_some(kept)
}

/// The allow-listed scalars of what a server says of itself; everything else may be a secret.
pub fn allowed_server_args(value: &Value) -> Map<String, Value> {
    let nested = value.get("server_args").and_then(Value::as_object);
    let mut kept = Map::new();
    for key in ALLOWED {
        let found = nested.and_then(|inner| inner.get(key)).or_else(|| value.get(key));
        if let Some(value) =
            found.filter(|value| value.is_string() || value.is_number() || value.is_boolean())
        {
            kept.insert(key.to_owned(), value.clone());
        }
    }
    let compilation = nested.and_then(|inner| inner.get("compilation_config"));
    passes(compilation.or_else(|| value.get("compilation_config")), &mut kept);
    kept
}

/// Keeps the switches of compile passes as `pass_config.fuse_norm_quant`. The configuration is an object, or its JSON as
/// text, as a command line has it.
fn passes(compilation: Option<&Value>, kept: &mut Map<String, Value>) {
    let parsed =
        compilation.and_then(Value::as_str).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(passes) = parsed.as_ref().or(compilation).and_then(|config| config.get("pass_config")) else {
        return;
    };
    for key in PASSES {
        if let Some(value) = passes.get(key).filter(|value| value.is_boolean()) {
            kept.insert(format!("pass_config.{key}"), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_of_compile_passes_are_found_in_an_object_and_in_text() {
        for compilation in [
            r#"{"pass_config": {"fuse_norm_quant": false, "other": true, "enable_sp": "secret"}}"#,
            r#""{\"pass_config\": {\"fuse_norm_quant\": false}}""#,
        ] {
            for text in [
                format!("{{\"compilation_config\": {compilation}}}"),
                format!("{{\"server_args\": {{\"compilation_config\": {compilation}}}}}"),
            ] {
                let kept = allowed_server_args(&serde_json::from_str(&text).unwrap());
                let passes: Vec<_> = kept.iter().filter(|(key, _)| key.starts_with("pass_config")).collect();
                assert_eq!(
                    passes,
                    [(&"pass_config.fuse_norm_quant".to_owned(), &Value::Bool(false))],
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn every_pass_of_the_catalog_may_be_read() {
        let toggles = include_str!("../../catalogs/toggles.yaml");
        let named: Vec<&str> =
            toggles.lines().filter_map(|line| line.strip_prefix("- name: PassConfig.")).collect();
        let mut passes = PASSES.to_vec();
        passes.sort_unstable();
        let mut wanted = named.clone();
        wanted.sort_unstable();
        assert_eq!(passes, wanted);
    }
}
