//! Profiling a running server, for the commands that do it: from what was typed to a capture folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::context::Context;
use super::error::CliError;
use super::live_args::LiveArgs;
use crate::capture::{
    self, Address, CaptureOptions, Diffusion, Failure, Interrupt, Keys, Made, Phase, Secret, Timings,
    Workload,
};

/// Where the keys are when no file is named.
pub const API_KEY: &str = "PROFGATE_API_KEY";
/// The same for the admin key.
pub const ADMIN_API_KEY: &str = "PROFGATE_ADMIN_API_KEY";

/// What the arguments mean.
pub fn options(
    args: &LiveArgs,
    url: &str,
    output: PathBuf,
    repeats: u32,
    server_logs: &[PathBuf],
    context: &Context,
) -> Result<CaptureOptions, CliError> {
    let optional =
        |option, text: &Option<String>| text.as_deref().map(|text| address(option, text)).transpose();
    let mut phases: Vec<Phase> = Vec::new();
    for stage in &args.stages {
        let phase = Phase::from(*stage);
        if !phases.contains(&phase) {
            phases.push(phase);
        }
    }
    // A worker that is named says what is wanted of it.
    if args.prefill_url.is_some() != args.decode_url.is_some() {
        let named = if args.prefill_url.is_some() { Phase::Prefill } else { Phase::Decode };
        phases.retain(|phase| *phase == named);
    }
    Ok(CaptureOptions {
        url: address("--url", url)?,
        prefill_url: optional("--prefill-url", &args.prefill_url)?,
        decode_url: optional("--decode-url", &args.decode_url)?,
        framework: args.framework.map(Into::into),
        keys: Keys {
            api: key(API_KEY, args.api_key_file.as_deref())?,
            admin: key(ADMIN_API_KEY, args.admin_api_key_file.as_deref())?,
        },
        ca_cert: args.ca_cert.clone(),
        phases,
        num_steps: args.num_steps,
        by_stage: args.profile_by_stage,
        profile_v2: args.sglang_profile_v2,
        workload: Workload {
            prefill: args.prefill_shape,
            decode: args.decode_shape,
            prefill_concurrency: args.prefill_concurrency,
            decode_batch: args.decode_batch,
            warmup: args.warmup,
        },
        command: args.workload_command.clone(),
        diffusion: args.diffusion.map(|medium| Diffusion {
            medium: medium.into(),
            prompt: args.diffusion_prompt.clone(),
            size: args.diffusion_size.clone(),
            is_all_stages: args.diffusion_all_stages,
        }),
        server_logs: server_logs.to_vec(),
        delay: Duration::from_secs(u64::from(args.profile_delay)),
        server_dir: args.server_dir.clone(),
        local_dir: args.local_dir.clone(),
        ranks: args.ranks,
        force: args.force,
        repeats,
        limits: context.limits,
        timings: Timings { profile: Duration::from_secs(u64::from(args.timeout)), ..Timings::default() },
        output,
    })
}

/// Makes a capture and tells what happens on the way.
pub fn capture(options: &CaptureOptions, interrupt: &Interrupt, context: &Context) -> Result<Made, CliError> {
    let made = capture::capture(options, interrupt, &|text| context.say(text))
        .map_err(|failure| told(failure, context))?;
    for note in &made.notes {
        context.note(note);
    }
    Ok(made)
}

/// Tells the state of the server beside the error: it matters more than how the error is shown.
fn told(failure: Failure, context: &Context) -> CliError {
    if let Some(state) = &failure.state {
        context.warn(&format!("the server: {state}"));
    }
    failure.into()
}

impl From<Failure> for CliError {
    fn from(failure: Failure) -> Self {
        let exit = if failure.is_usage { 2 } else { 5 };
        Self { what: failure.what, place: failure.why, help: failure.help, exit }
    }
}

/// Ctrl-C and a polite request to end are noticed by whatever waits; the second one ends at once.
pub fn interrupt() -> Result<Interrupt, CliError> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag unset.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(|error| CliError {
                what: "cannot watch for Ctrl-C".to_owned(),
                place: error.to_string(),
                help: "a capture that cannot be ended cleanly is not begun".to_owned(),
                exit: 5,
            })?;
    }
    Ok(Interrupt::over(flag))
}

/// A folder for a capture whose place nobody named: the first of these names that is free.
pub fn free_folder(base: &Path) -> PathBuf {
    let is_free = |path: &Path| match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    let numbered = |n: u32| {
        let mut name = base.as_os_str().to_owned();
        name.push(format!("-{n}"));
        PathBuf::from(name)
    };
    std::iter::once(base.to_owned())
        .chain((2..10_000).map(numbered))
        .find(|path| is_free(path))
        .unwrap_or_else(|| base.to_owned())
}

/// Reads an address; what was typed is not repeated, because it may hold a password.
pub fn address(option: &str, text: &str) -> Result<Address, CliError> {
    Address::parse(text).map_err(|error| {
        CliError::usage(
            format!("{option} is no address of a server"),
            error.to_string(),
            "write it like http://127.0.0.1:30000",
        )
    })
}

/// A key from a file, else from the environment; an empty variable is none.
pub fn key(variable: &str, file: Option<&Path>) -> Result<Option<Secret>, CliError> {
    let Some(path) = file else {
        return match std::env::var(variable) {
            Ok(text) if text.trim().is_empty() => Ok(None),
            Ok(text) => Ok(Some(Secret::new(text.trim().to_owned()))),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(CliError::usage("cannot use a key", format!("{variable} is not UTF-8"), "set it anew"))
            }
        };
    };
    let text = crate::source::read_text(path).map_err(|error| CliError {
        what: "cannot read a key".to_owned(),
        place: format!("{}: {error}", path.display()),
        help: "check the path and its permissions".to_owned(),
        exit: 2,
    })?;
    let text = text.trim();
    if text.is_empty() {
        let place = format!("{}: the file is empty", path.display());
        return Err(CliError::usage("cannot read a key", place, "put the key into it"));
    }
    Ok(Some(Secret::new(text.to_owned())))
}
