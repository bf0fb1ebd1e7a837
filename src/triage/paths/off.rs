//! Why a path of the framework at hand is off: what the server was told, and what its kernels show.
//!
//! Only what is known counts. An argument that nobody saved is no reason, and neither is a default.

use serde_json::Value;

use super::entry::Entry;
use super::gates::Facts;

/// Files of vLLM's layers whose operators its compile passes replace. Compiled code does not go through them.
const LAYERS: [&str; 4] = [
    "vllm/model_executor/layers/layernorm.py",
    "vllm/model_executor/layers/activation.py",
    "vllm/model_executor/layers/rotary_embedding.py",
    "vllm/model_executor/layers/rotary_embedding/",
];

/// Whether code in this file is that of a layer, which compiled code replaces.
pub(super) fn is_layer(path: &str) -> bool {
    LAYERS.iter().any(|layer| path.contains(layer))
}

/// What the kernels of a stage show of compilation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    /// Python code of a layer launched a rung of the path's ladder itself; of an overlap, most norms of the stage.
    pub(super) by_layers: bool,
    /// A kernel ran that a compiler made.
    pub(super) compiled: bool,
}

/// Why a path is off, as a fragment; `None` where nothing known says so.
pub(super) fn because(entry: &Entry, shown: Shown, facts: &Facts<'_>) -> Option<String> {
    if let Some(reason) = switched_off(&entry.flags.on, &entry.flags.off, facts) {
        return Some(reason);
    }
    if !entry.compiled {
        return None;
    }
    let said = |key: &str| facts.server_args.and_then(|args| args.get(key));
    if said("enforce_eager").and_then(is_on) == Some(true) {
        return Some("`enforce_eager` switches compilation off, and the pass needs compiled code".to_owned());
    }
    if said("compilation_config.mode").is_some_and(compiles_nothing) {
        return Some("the compilation mode is none, and the pass needs compiled code".to_owned());
    }
    if shown.by_layers {
        return Some(
            "not compiled: Python code of the layers ran, and the pass needs compiled code".to_owned(),
        );
    }
    (!shown.compiled).then(|| "no compiled kernel ran, and the pass needs compiled code".to_owned())
}

fn compiles_nothing(mode: &Value) -> bool {
    mode.as_u64() == Some(0) || mode.as_str().is_some_and(|mode| mode.eq_ignore_ascii_case("none"))
}

/// The argument by which the server switches a path off: a flag that turns it on is not set, or the other way round.
fn switched_off(on: &[String], off: &[String], facts: &Facts<'_>) -> Option<String> {
    let by = |flags: &[String], wanted: bool| {
        let flag = flags.iter().find(|flag| set(flag, facts) == Some(wanted))?;
        Some(format!("`{flag}` is {}", if wanted { "set" } else { "not set" }))
    };
    by(on, false).or_else(|| by(off, true))
}

/// The switch of a path that is off unless a person sets it, where nothing tells whether anyone did.
pub(super) fn unknown_opt_in<'e>(entry: &'e Entry, facts: &Facts<'_>) -> Option<&'e str> {
    entry.opt_in.iter().find(|flag| set(flag, facts).is_none()).map(String::as_str)
}

/// Whether a flag is set, where the server's arguments tell: `--enable-x`, `PassConfig.fuse_x`, `x.backend=value`.
fn set(flag: &str, facts: &Facts<'_>) -> Option<bool> {
    let args = facts.server_args?;
    let (name, wanted) = match flag.split_once(['=', ' ']) {
        Some((name, value)) => (name, Some(value)),
        None => (flag, None),
    };
    let name = name.trim_start_matches('-').replace('-', "_");
    // `PassConfig.fuse_norm_quant` is the key of a configuration inside the arguments.
    let value = match name.strip_prefix("PassConfig.") {
        Some(pass) => args.get(&format!("pass_config.{pass}")).or_else(|| args.get(pass)),
        None => args.get(&name),
    }?;
    match wanted {
        Some(wanted) => match value {
            Value::String(text) => Some(text.eq_ignore_ascii_case(wanted)),
            other => Some(other.to_string().eq_ignore_ascii_case(wanted)),
        },
        None => is_on(value),
    }
}

/// Whether a value is that of a switch that is on; `None` for what is no switch.
pub(super) fn is_on(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(is_on) => Some(*is_on),
        Value::Number(number) => number.as_u64().map(|number| number > 0),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "on" | "yes" => Some(true),
            "0" | "false" | "off" | "no" => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::triage::paths::PathCatalog;

    const QUIET: Shown = Shown { by_layers: false, compiled: true };

    fn reason(id: &str, args: &str, shown: Shown) -> Option<String> {
        let args: Map<String, Value> = serde_json::from_str(args).unwrap();
        let facts = Facts { server_args: Some(&args), ..Facts::default() };
        because(PathCatalog::builtin().unwrap().entry(id).unwrap(), shown, &facts)
    }

    #[test]
    fn a_server_argument_may_say_that_a_path_is_off() {
        for (id, args, says) in [
            (
                "fused-qk-rmsnorm-rope",
                r#"{"enable_fused_qk_norm_rope": false}"#,
                Some("`enable_fused_qk_norm_rope` is not set"),
            ),
            ("fused-qk-rmsnorm-rope", r#"{"enable_fused_qk_norm_rope": true}"#, None),
            ("fused-qk-rmsnorm-rope", r#"{"tp_size": 4}"#, None),
            (
                "aiter-allreduce-fusion",
                r#"{"enable_deterministic_inference": true}"#,
                Some("`enable_deterministic_inference` is set"),
            ),
            (
                "vllm-rmsnorm-quant",
                r#"{"pass_config.fuse_norm_quant": false}"#,
                Some("`PassConfig.fuse_norm_quant` is not set"),
            ),
            ("vllm-rmsnorm-quant", r#"{"pass_config.fuse_act_quant": false}"#, None),
            (
                "tokenspeed-comm-fusion",
                r#"{"enable_allreduce_fusion": false}"#,
                Some("`--enable-allreduce-fusion` is not set"),
            ),
            (
                "tokenspeed-cutedsl-mla",
                r#"{"attention_backend": "fa4"}"#,
                Some("`--attention-backend tokenspeed_mla` is not set"),
            ),
            ("tokenspeed-cutedsl-mla", r#"{"attention_backend": "tokenspeed_mla"}"#, None),
            (
                "trtllm-flashinfer-fused-moe",
                r#"{"TRTLLM_GEN_FUSED_MOE_USE_FLASHINFER": "0"}"#,
                Some("`TRTLLM_GEN_FUSED_MOE_USE_FLASHINFER` is not set"),
            ),
        ] {
            assert_eq!(reason(id, args, QUIET).as_deref(), says, "{id} {args}");
        }
    }

    #[test]
    fn eager_execution_is_a_reason_for_compile_passes_where_it_is_known() {
        let pass = "vllm-allreduce-rmsnorm";
        let says = |args: &str, shown| reason(pass, args, shown).unwrap_or_default();
        assert_eq!(says("{}", QUIET), "", "an argument that nobody saved is no reason");
        assert_eq!(says(r#"{"enforce_eager": false}"#, QUIET), "");
        assert!(says(r#"{"enforce_eager": true}"#, QUIET).contains("enforce_eager"));
        assert!(says(r#"{"compilation_config.mode": 0}"#, QUIET).contains("mode is none"));
        assert_eq!(says(r#"{"compilation_config.mode": 3}"#, QUIET), "");
        let both = r#"{"enforce_eager": true, "pass_config.fuse_allreduce_rms": false}"#;
        assert!(says(both, QUIET).contains("fuse_allreduce_rms"), "it would be off anyway");
        assert!(says("{}", Shown { by_layers: true, compiled: true }).contains("not compiled: Python code"));
        assert!(says("{}", Shown { by_layers: false, compiled: false }).contains("no compiled kernel"));
        let eager = r#"{"enforce_eager": true}"#;
        assert_eq!(reason("vllm-fused-add-rmsnorm", eager, QUIET), None, "its kernel needs no compiler");
    }
}
