//! What a server is: its engine, version, parallelism, role and model, as far as it tells.
//!
//! Everything here comes from the server and is untrusted: an allow-list decides what is kept.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Map, Value};

use super::fault::{Failure, Fault};
use super::framework::Framework;
use super::http::{Answer, Http, HttpError, Key};
use crate::source;

/// What a worker does where prefill and decode run apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Only prefill.
    Prefill,
    /// Only decode.
    Decode,
}

/// What a server told of itself.
#[derive(Debug, Clone)]
pub struct Server {
    /// The engine.
    pub framework: Framework,
    /// The engine's version.
    pub version: Option<String>,
    /// PyTorch's version, where the server tells: vLLM in its development mode.
    pub torch: Option<String>,
    /// Whether the server told that its profiler is SGLang's second one.
    pub has_profile_v2: bool,
    /// The model, as requests must name it.
    pub model: Option<String>,
    /// Allow-listed arguments, for `server_args.json`.
    pub args: Map<String, Value>,
    /// What it does, where prefill and decode run apart.
    pub role: Option<Role>,
}

impl Server {
    /// A number among the arguments.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.args.get(key).and_then(Value::as_u64)
    }

    /// Ranks of one replica and the number of replicas; `None` where the server does not tell.
    pub fn ranks(&self) -> Option<(u32, u32)> {
        let size = |key| self.number(key).map(|n| u32::try_from(n).unwrap_or(u32::MAX).max(1));
        let tp = size("tp_size")?;
        let ranks = tp.saturating_mul(size("pp_size").unwrap_or(1));
        let shares_ranks = self.args.get("enable_dp_attention") == Some(&Value::Bool(true));
        let replicas = if shares_ranks { 1 } else { size("dp_size").unwrap_or(1) };
        Some((ranks, replicas))
    }
}

/// Asks a server what it is; `named` is the engine that the user says it is.
pub fn detect(http: &Http, named: Option<Framework>, timeout: Duration) -> Result<Server, Failure> {
    let models = ask(http, "/v1/models", timeout)?;
    let told = server_info(http, timeout)?;
    let version = match told.as_ref().and_then(|told| text(told, "version")) {
        Some(version) => Some(version),
        None => ask(http, "/version", timeout)?.and_then(|answer| text(&answer.json()?, "version")),
    };
    let model = models.as_ref().and_then(Answer::json).and_then(|list| first_model(&list));
    let owner = model.as_ref().and_then(|model| text(model, "owned_by"));
    let found = named
        .or_else(|| owner.as_deref().and_then(Framework::parse))
        .or_else(|| told.as_ref().filter(|told| told.get("tp_size").is_some()).map(|_| Framework::Sglang))
        .or_else(|| (told.is_none() && version.is_some() && model.is_some()).then_some(Framework::Vllm));
    let Some(framework) = found else {
        return Err(Failure::new(
            "cannot tell which engine this server is",
            format!("{}: /v1/models, /server_info and /version do not say", http.address()),
            Fault::Foreign.advice(),
        ));
    };
    let mut args = told.as_ref().map(source::allowed_server_args).unwrap_or_default();
    if let Some(version) = &version {
        args.entry("version").or_insert_with(|| Value::String(version.clone()));
    }
    let id = model.as_ref().and_then(|model| text(model, "id"));
    if let Some(id) = &id {
        args.entry("served_model_name").or_insert_with(|| Value::String(id.clone()));
    }
    args.retain(|_, value| value.as_str().is_none_or(|text| !http.tells_a_secret(text)));
    let role = role(http, framework, &args, timeout)?;
    let torch = told.as_ref().and_then(torch).filter(|text| !http.tells_a_secret(text));
    let has_profile_v2 = told.as_ref().is_some_and(has_profile_v2);
    Ok(Server { framework, version, torch, has_profile_v2, model: id, args, role })
}

/// Asks the kind of worker, where the arguments leave it open.
fn role(
    http: &Http,
    framework: Framework,
    args: &Map<String, Value>,
    timeout: Duration,
) -> Result<Option<Role>, Failure> {
    let parse = |mode: &str| match mode {
        "prefill" => Some(Role::Prefill),
        "decode" => Some(Role::Decode),
        _ => None,
    };
    if let Some(mode) = args.get("disaggregation_mode").and_then(Value::as_str) {
        return Ok(parse(mode));
    }
    match framework {
        Framework::Sglang => {
            // The second name is the older one.
            for path in ["/model_info", "/get_model_info"] {
                if let Some(info) = ask(http, path, timeout)?.and_then(|answer| answer.json()) {
                    return Ok(text(&info, "disaggregation_mode").and_then(|mode| parse(&mode)));
                }
            }
            Ok(None)
        }
        Framework::Vllm | Framework::TensorRtLlm | Framework::TokenSpeed => Ok(None),
    }
}

/// What SGLang and TokenSpeed tell of their arguments, under the new name or the old one.
fn server_info(http: &Http, timeout: Duration) -> Result<Option<Value>, Failure> {
    for path in ["/server_info", "/get_server_info"] {
        if let Some(told) = ask(http, path, timeout)?.and_then(|answer| answer.json())
            && told.is_object()
        {
            return Ok(Some(told));
        }
    }
    Ok(None)
}

/// A question that a server may not know; what no other question could mend is an error.
fn ask(http: &Http, path: &str, timeout: Duration) -> Result<Option<Answer>, Failure> {
    let failed = |error: HttpError| {
        Failure::new("cannot ask the server what it is", error.detail, error.fault.advice())
    };
    let answer = http.send(Method::GET, path, Key::Api, None, timeout).map_err(failed)?;
    match Fault::of_status(answer.status) {
        None => Ok(Some(answer)),
        Some(fault @ (Fault::Unauthorized | Fault::Forbidden | Fault::Gateway | Fault::Redirect)) => {
            Err(failed(http.refusal(fault, &Method::GET, path, &answer)))
        }
        Some(_) => Ok(None),
    }
}

/// PyTorch's version, where what the server tells of itself or of its system has it.
fn torch(told: &Value) -> Option<String> {
    [Some(told), told.get("system_env")].into_iter().flatten().find_map(|of| text(of, "torch_version"))
}

/// Whether a server that tells its environment runs with `SGLANG_PROFILE_V2`.
fn has_profile_v2(told: &Value) -> bool {
    let places = [Some(told), told.get("env"), told.get("environment")];
    let value = places.into_iter().flatten().find_map(|of| of.get("SGLANG_PROFILE_V2"));
    match value {
        Some(Value::String(text)) => matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "y"),
        Some(Value::Number(number)) => number.as_u64() == Some(1),
        Some(Value::Bool(is_on)) => *is_on,
        _ => false,
    }
}

fn first_model(list: &Value) -> Option<Value> {
    list.get("data")?.as_array()?.first().cloned()
}

/// A short text under a key.
fn text(value: &Value, key: &str) -> Option<String> {
    const MOST_CHARS: usize = 512;
    let text = value.get(key)?.as_str()?;
    (!text.is_empty() && text.chars().count() <= MOST_CHARS).then(|| text.to_owned())
}
