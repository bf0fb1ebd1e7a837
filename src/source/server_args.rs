//! The server's own arguments, saved beside a capture: an allow-list, because the rest may hold secrets.

use std::path::Path;

use serde_json::{Map, Value};

/// Arguments that identify the model, its parallelism and the paths that flags switch, and variables that switch paths
/// where a server tells of its environment. None holds a secret. A point leads into an object.
const ALLOWED: &[&str] = &[
    "SGLANG_BLACKWELL_OVERLAP_SHARED_EXPERTS_OUTSIDE_SBO",
    "SGLANG_DISAGG_STAGING_BUFFER",
    "SGLANG_ENABLE_FUSED_QKNORM_ROPE",
    "SGLANG_NSA_FUSE_TOPK",
    "SGLANG_STAGING_USE_TORCH",
    "SGLANG_USE_AITER",
    "SGLANG_VIT_ENABLE_CUDA_GRAPH",
    "TOKENSPEED_MLA_PREFILL_BACKEND",
    "TRTLLM_ENABLE_PDL",
    "TRTLLM_GEN_FUSED_MOE_USE_FLASHINFER",
    "VLLM_ROCM_USE_AITER",
    "attention_backend",
    "chunked_prefill_size",
    "comm_fusion_max_num_tokens",
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
    "enable_allreduce_fusion",
    "enable_deterministic_inference",
    "enable_dp_attention",
    "enable_flashinfer_allreduce_fusion",
    "enable_fused_grouped_gemm_combine",
    "enable_fused_moe_sum_all_reduce",
    "enable_fused_qk_norm_rope",
    "enable_single_batch_overlap",
    "enable_torch_compile",
    "enable_two_batch_overlap",
    "enforce_eager",
    "ep_size",
    "fp8_gemm_backend",
    "insert_cached_attention.backend",
    "insert_cached_mla_attention.backend",
    "kv_cache_dtype",
    "max_running_requests",
    "mlir_elementwise_fusion",
    "model",
    "model_path",
    "moe_a2a_backend",
    "moe_runner_backend",
    "multi_stream_gemm",
    "multi_stream_mla_attn",
    "multi_stream_moe",
    "nnodes",
    "node_rank",
    "pipeline_parallel_size",
    "pp_size",
    "prefill_attention_backend",
    "quantization",
    "rmsnorm_backend",
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
pub fn allowed_server_args<'v>(value: &'v Value) -> Map<String, Value> {
    let nested = value.get("server_args");
    let mut kept = Map::new();
    for key in ALLOWED {
        let within = |value: &'v Value| key.split('.').try_fold(value, |value, step| value.get(step));
        let found = nested.and_then(within).or_else(|| within(value));
        if let Some(value) =
            found.filter(|value| value.is_string() || value.is_number() || value.is_boolean())
        {
            kept.insert((*key).to_owned(), value.clone());
        }
    }
    let compilation = nested.and_then(|inner| inner.get("compilation_config"));
    passes(compilation.or_else(|| value.get("compilation_config")), &mut kept);
    kept
}

/// Keeps the mode of compilation, and the switches of its passes as `pass_config.fuse_norm_quant`. The configuration is an object, or its JSON as
/// text, as a command line has it.
fn passes(compilation: Option<&Value>, kept: &mut Map<String, Value>) {
    let parsed =
        compilation.and_then(Value::as_str).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(config) = parsed.as_ref().or(compilation) else { return };
    // It was called a level before it was a mode.
    let mode = config.get("mode").or_else(|| config.get("level"));
    if let Some(mode) = mode.filter(|mode| mode.is_u64() || mode.is_string()) {
        kept.insert("compilation_config.mode".to_owned(), mode.clone());
    }
    let Some(passes) = config.get("pass_config") else { return };
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
    fn the_mode_of_compilation_is_kept_by_either_name() {
        for config in [r#"{"mode": 0}"#, r#"{"level": 0}"#, r#""{\"mode\": 0}""#] {
            let text = format!("{{\"compilation_config\": {config}}}");
            let kept = allowed_server_args(&serde_json::from_str(&text).unwrap());
            assert_eq!(kept.get("compilation_config.mode"), Some(&Value::from(0)), "{text}");
        }
    }

    #[test]
    fn a_key_with_a_point_leads_into_an_object() {
        let text = r#"{"server_args": {"insert_cached_attention": {"backend": "flashinfer", "token": "x"}}}"#;
        let kept = allowed_server_args(&serde_json::from_str(text).unwrap());
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["insert_cached_attention.backend"]);
    }

    /// What a person can set of what the catalog names as a switch is read, or it could never be a reason.
    #[test]
    fn every_switch_of_the_catalog_may_be_read() {
        let toggles = include_str!("../../catalogs/toggles.yaml");
        let mut missing = Vec::new();
        for block in toggles.split("\n- name: ").skip(1) {
            let name = block.lines().next().unwrap().trim_matches('"');
            let is_settable = ["argument", "environment", "config"]
                .iter()
                .any(|kind| block.contains(&format!("\n  kind: {kind}\n")));
            for one in name.split(" / ").filter(|_| is_settable) {
                let key = match one.strip_prefix("--") {
                    Some(typed) => typed.split(' ').next().unwrap().replace('-', "_"),
                    None => one.to_owned(),
                };
                let is_read = match key.strip_prefix("PassConfig.") {
                    Some(pass) => PASSES.contains(&pass),
                    None => ALLOWED.contains(&key.as_str()),
                };
                if !is_read {
                    missing.push(key);
                }
            }
        }
        assert_eq!(missing, Vec::<String>::new());
        assert!(ALLOWED.is_sorted() && PASSES.is_sorted());
    }
}
