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
    kept
}
