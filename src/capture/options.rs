//! What a capture shall do, resolved and checked before any server is asked.

use std::path::PathBuf;
use std::time::Duration;

use super::address::Address;
use super::diffusion::Diffusion;
use super::fault::Failure;
use super::framework::Framework;
use super::secret::Keys;
use super::workload::{Phase, Workload};
use crate::source::Limits;

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// For an answer that tells what the server is. A server that writes a trace answers after 15 s.
    pub ask: Duration,
    /// For the answer to a start. Steps that run before it may not be recorded.
    pub accept: Duration,
    /// The same for versions that answer only when the steps have run: they need the workload to answer.
    pub accept_at_end: Duration,
    /// For one request of the workload.
    pub request: Duration,
    /// For a start or a stop, and for the files.
    pub profile: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            ask: Duration::from_secs(30),
            accept: Duration::from_secs(30),
            accept_at_end: Duration::from_secs(2),
            request: Duration::from_secs(300),
            profile: Duration::from_secs(600),
        }
    }
}

/// What a capture shall do.
#[derive(Debug, Clone)]
pub struct CaptureOptions {
    /// Where requests go, and the profiler's requests too unless a worker is named for its stage.
    pub url: Address,
    /// The prefill worker, where prefill and decode run apart.
    pub prefill_url: Option<Address>,
    /// The decode worker, where prefill and decode run apart.
    pub decode_url: Option<Address>,
    /// The engine, where the user says it.
    pub framework: Option<Framework>,
    /// Keys of the servers.
    pub keys: Keys,
    /// Further authorities to trust.
    pub ca_cert: Option<PathBuf>,
    /// What is profiled, in this order.
    pub phases: Vec<Phase>,
    /// Steps to record.
    pub num_steps: u32,
    /// Whether the server shall tell the stages apart.
    pub by_stage: bool,
    /// Whether the server runs SGLang's second profiler.
    pub profile_v2: bool,
    /// The requests.
    pub workload: Workload,
    /// A load generator in the place of the workload.
    pub command: Option<String>,
    /// A request of a diffusion server in the place of the workload.
    pub diffusion: Option<Diffusion>,
    /// Logs of the server, which may say that what runs there is not worth profiling.
    pub server_logs: Vec<PathBuf>,
    /// How long the load generator runs before the profiler is started.
    pub delay: Duration,
    /// Where the server writes, by its own path.
    pub server_dir: Option<String>,
    /// The same directory by this machine's path.
    pub local_dir: Option<PathBuf>,
    /// Ranks, where nobody else tells.
    pub ranks: Option<u32>,
    /// Whether a profile that somebody else left running is ended first.
    pub force: bool,
    /// Captures to make.
    pub repeats: u32,
    /// Limits on the files that are read.
    pub limits: Limits,
    /// How long to wait.
    pub timings: Timings,
    /// The folder that the capture becomes; absent or empty before.
    pub output: PathBuf,
}

impl CaptureOptions {
    /// Refuses what must not be asked of any server.
    pub fn check(&self) -> Result<(), Failure> {
        if self.num_steps == 0 {
            return Err(Failure::usage(
                "there is nothing to record",
                "--num-steps is 0",
                "record at least one step",
            ));
        }
        if self.phases.is_empty() {
            return Err(Failure::usage(
                "there is nothing to record",
                "no stage is named",
                "name prefill, decode or both",
            ));
        }
        if let (Some(prefill), Some(decode)) = (&self.prefill_url, &self.decode_url)
            && prefill == decode
        {
            return Err(Failure::usage(
                "prefill and decode worker are the same server",
                format!(
                    "{prefill}: a profiler records one stage of its own server, so both in one go would record one twice"
                ),
                "name two workers, or only --url when one server does both",
            ));
        }
        if self.by_stage && (self.prefill_url.is_some() || self.decode_url.is_some()) {
            return Err(Failure::usage(
                "--profile-by-stage needs a server that does both stages",
                "--prefill-url and --decode-url name workers that do one each",
                "leave --profile-by-stage out: each worker is profiled in its own stage",
            ));
        }
        if let Some(dir) = &self.server_dir
            && (!dir.starts_with('/') || dir.contains(|c: char| c.is_control()))
        {
            return Err(Failure::usage(
                "--server-dir must be an absolute path",
                format!("{dir}: a server would take it relative to where it was started"),
                "write the path as the server sees it, from / on",
            ));
        }
        let decode = self.workload.decode;
        let needed = self.workload.warmup.saturating_add(self.num_steps).saturating_add(2);
        if self.command.is_none()
            && self.diffusion.is_none()
            && self.phases.contains(&Phase::Decode)
            && decode.output < needed
        {
            return Err(Failure::usage(
                "the decode requests are too short",
                format!(
                    "{} tokens of answer, and {} steps of warm-up with {} recorded ones need {needed}",
                    decode.output, self.workload.warmup, self.num_steps
                ),
                "raise --decode-shape, or lower --warmup",
            ));
        }
        Ok(())
    }

    /// The engine, where the options say it: only SGLang serves diffusion models with a profiler.
    pub fn engine(&self) -> Option<Framework> {
        self.framework.or(self.diffusion.is_some().then_some(Framework::Sglang))
    }

    /// The server whose profiler records a stage.
    pub fn profiler(&self, phase: Option<Phase>) -> &Address {
        let worker = match phase {
            Some(Phase::Prefill) => self.prefill_url.as_ref(),
            Some(Phase::Decode) => self.decode_url.as_ref(),
            None => None,
        };
        worker.unwrap_or(&self.url)
    }
}
