//! Options about profiling a running server, shared by the commands that do it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::capture::{Framework, Medium, Phase, Shape, Workload};

/// `profgate capture`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate capture --url http://127.0.0.1:30000 -o capture/
  profgate capture --url 10.0.0.7:30000 --server-dir /traces --local-dir /mnt/traces -o capture/
  profgate capture --url 127.0.0.1:8000 --local-dir /tmp/vllm-traces --repeats 5 -o captures/
  profgate capture --url http://router:8000 --prefill-url http://p:30000 --decode-url http://d:30001 \\
      --server-dir /traces -o capture/
  profgate capture --url 127.0.0.1:30010 --diffusion image --local-dir /srv/logs --server-log server.log -o capture/
  profgate capture --url 127.0.0.1:30000 --workload-command './bench.sh' --profile-delay 20 -o capture/

Keys come from PROFGATE_API_KEY and PROFGATE_ADMIN_API_KEY, or from files. docs/live-servers.md tells the rest.")]
pub struct CaptureArgs {
    /// The server: where requests go, and whose profiler is used unless a worker is named
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// The folder that the capture becomes; must be new or empty
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Captures to make, one after the other, as one set for `baseline record`
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeats: u32,
    /// The server's log; a server that fell back to a diffusers backend is not profiled
    #[arg(long, value_name = "FILE")]
    pub server_log: Vec<PathBuf>,
    /// How to profile.
    #[command(flatten)]
    pub live: LiveArgs,
}

/// How to profile a running server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Live capture")]
pub struct LiveArgs {
    /// The engine, where profgate shall not ask the server
    #[arg(long, value_enum)]
    pub framework: Option<FrameworkArg>,
    /// What to record, in this order
    #[arg(long = "stage", value_enum, value_name = "STAGE", value_delimiter = ',', default_values_t = [StageArg::Prefill, StageArg::Decode])]
    pub stages: Vec<StageArg>,
    /// Steps to record of each stage
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub num_steps: u32,
    /// Let the server tell the stages apart, in one go (SGLang, TokenSpeed)
    #[arg(long)]
    pub profile_by_stage: bool,
    /// The server runs with SGLANG_PROFILE_V2, which a stop request would end
    #[arg(long, requires = "profile_by_stage")]
    pub sglang_profile_v2: bool,
    /// The prefill worker, where prefill and decode run apart; --url is the router
    #[arg(long, value_name = "URL")]
    pub prefill_url: Option<String>,
    /// The decode worker, where prefill and decode run apart; --url is the router
    #[arg(long, value_name = "URL")]
    pub decode_url: Option<String>,
    /// Tokens of prompt and answer of a prefill request
    #[arg(long, value_name = "IN:OUT", default_value_t = Workload::DEFAULT.prefill, value_parser = Shape::parse)]
    pub prefill_shape: Shape,
    /// Tokens of prompt and answer of a decode request
    #[arg(long, value_name = "IN:OUT", default_value_t = Workload::DEFAULT.decode, value_parser = Shape::parse)]
    pub decode_shape: Shape,
    /// Prefill requests at once
    #[arg(long, value_name = "N", default_value_t = Workload::DEFAULT.prefill_concurrency, value_parser = at_once())]
    pub prefill_concurrency: u32,
    /// Decode requests at once, which is the batch that is recorded
    #[arg(long, value_name = "N", default_value_t = Workload::DEFAULT.decode_batch, value_parser = at_once())]
    pub decode_batch: u32,
    /// Prefill requests, and decode steps, before the profiler is started
    #[arg(long, value_name = "N", default_value_t = Workload::DEFAULT.warmup, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub warmup: u32,
    /// A load generator to run in the place of profgate's requests, while the profiler is armed
    #[arg(long, value_name = "COMMAND")]
    pub workload_command: Option<String>,
    /// How long the load generator runs before the profiler is started
    #[arg(long, value_name = "SECONDS", default_value_t = 0, requires = "workload_command", value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub profile_delay: u32,
    /// Profile one request of SGLang's diffusion server, which has no start and no stop
    #[arg(long, value_enum, value_name = "MEDIUM", conflicts_with_all = ["profile_by_stage", "prefill_url", "decode_url", "workload_command", "force"])]
    pub diffusion: Option<MediumArg>,
    /// What the diffusion server shall make
    #[arg(long, value_name = "TEXT", default_value = "a red cube on a wooden table", requires = "diffusion")]
    pub diffusion_prompt: String,
    /// Its width and height [default: the server's]
    #[arg(long, value_name = "WxH", requires = "diffusion")]
    pub diffusion_size: Option<String>,
    /// Record every stage of the pipeline, not only --num-steps denoising steps of rank 0
    #[arg(long, requires = "diffusion")]
    pub diffusion_all_stages: bool,
    /// Where the server writes, as the server sees it
    #[arg(long, value_name = "PATH")]
    pub server_dir: Option<String>,
    /// The same directory as this machine sees it
    #[arg(long, value_name = "DIR")]
    pub local_dir: Option<PathBuf>,
    /// How many ranks must write, where the server does not tell
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub ranks: Option<u32>,
    /// End a profile that somebody left running before the own one is started
    #[arg(long, conflicts_with = "sglang_profile_v2")]
    pub force: bool,
    /// Longest wait for the profiler and for the files
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub timeout: u32,
    /// A file with the API key [env: PROFGATE_API_KEY]
    #[arg(long, value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,
    /// A file with the admin key, which opens the profiler of an SGLang server that has one [env: PROFGATE_ADMIN_API_KEY]
    #[arg(long, value_name = "FILE")]
    pub admin_api_key_file: Option<PathBuf>,
    /// A PEM file with a further authority that may sign the server's certificate
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
}

fn at_once() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(Workload::MOST_AT_ONCE))
}

/// An engine, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FrameworkArg {
    /// SGLang.
    Sglang,
    /// vLLM.
    Vllm,
    /// TensorRT-LLM.
    TensorrtLlm,
    /// TokenSpeed.
    Tokenspeed,
}

impl From<FrameworkArg> for Framework {
    fn from(arg: FrameworkArg) -> Self {
        match arg {
            FrameworkArg::Sglang => Self::Sglang,
            FrameworkArg::Vllm => Self::Vllm,
            FrameworkArg::TensorrtLlm => Self::TensorRtLlm,
            FrameworkArg::Tokenspeed => Self::TokenSpeed,
        }
    }
}

/// What a diffusion server makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MediumArg {
    /// An image.
    Image,
    /// A video.
    Video,
}

impl From<MediumArg> for Medium {
    fn from(arg: MediumArg) -> Self {
        match arg {
            MediumArg::Image => Self::Image,
            MediumArg::Video => Self::Video,
        }
    }
}

/// A stage, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StageArg {
    /// Prompts are read.
    Prefill,
    /// Tokens are generated.
    Decode,
}

impl From<StageArg> for Phase {
    fn from(arg: StageArg) -> Self {
        match arg {
            StageArg::Prefill => Self::Prefill,
            StageArg::Decode => Self::Decode,
        }
    }
}
