//! A scenario's server: the options of a live capture, as a person writes them into the configuration.
//!
//! Keys of a server have no place here: they come from the environment or from files.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// `server` of a scenario.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfigServer {
    /// Where requests go.
    pub url: String,
    /// The prefill worker, where prefill and decode run apart.
    pub prefill_url: Option<String>,
    /// The decode worker, where prefill and decode run apart.
    pub decode_url: Option<String>,
    /// The engine, where profgate shall not ask.
    pub framework: Option<String>,
    /// What to record: `prefill`, `decode` or both.
    pub stages: Option<Vec<String>>,
    /// Steps to record of each stage.
    pub num_steps: Option<u32>,
    /// Let the server tell the stages apart.
    #[serde(default)]
    pub profile_by_stage: bool,
    /// Where the server writes, as the server sees it.
    pub server_dir: Option<String>,
    /// The same directory as this machine sees it, relative to the configuration.
    pub local_dir: Option<PathBuf>,
    /// How many ranks must write.
    pub ranks: Option<u32>,
    /// Longest wait in seconds.
    pub timeout: Option<u32>,
    /// A file with the API key, relative to the configuration.
    pub api_key_file: Option<PathBuf>,
    /// A file with the admin key, relative to the configuration.
    pub admin_api_key_file: Option<PathBuf>,
    /// A PEM file with a further authority, relative to the configuration.
    pub ca_cert: Option<PathBuf>,
    /// `image` or `video`: one request of SGLang's diffusion server is profiled.
    pub diffusion: Option<String>,
    /// The requests.
    #[serde(default)]
    pub workload: ConfigWorkload,
}

/// `workload` of a server.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfigWorkload {
    /// Tokens of prompt and answer of a prefill request, such as `4090:1`.
    pub prefill: Option<String>,
    /// Tokens of prompt and answer of a decode request, such as `1:2048`.
    pub decode: Option<String>,
    /// Prefill requests at once.
    pub prefill_concurrency: Option<u32>,
    /// Decode requests at once.
    pub decode_batch: Option<u32>,
    /// Prefill requests, and decode steps, before the profiler is started.
    pub warmup: Option<u32>,
    /// A load generator in the place of these requests.
    pub command: Option<String>,
    /// How long it runs before the profiler is started, in seconds.
    pub profile_delay: Option<u32>,
}
