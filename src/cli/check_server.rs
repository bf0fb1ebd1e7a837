//! Scenarios that name a server: it is profiled first, and what was recorded is judged.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;

use super::args::CheckArgs;
use super::context::Context;
use super::error::CliError;
use super::live;
use super::live_args::LiveArgs;
use super::scenarios;
use crate::capture::{self, CaptureOptions, Interrupt};
use crate::common::yaml::Spanned;
use crate::config::ConfigServer;
use crate::run::check::{FailedCapture, Scenario};

/// Where captures of scenarios go.
const FOLDER: &str = "profgate-capture";

/// The options of the command line, for what a configuration says.
#[derive(Debug, Parser)]
#[command(name = "server", disable_help_flag = true)]
struct Options {
    #[command(flatten)]
    live: LiveArgs,
}

/// Profiles the server of each scenario that has no traces yet, or the one that was named. A capture that fails becomes
/// a finding.
pub fn capture(judged: &mut [Scenario], args: &CheckArgs, context: &Context) -> Result<(), CliError> {
    if let Some(url) = &args.url {
        return named(judged, url, args, context);
    }
    if judged.iter().all(|scenario| !scenario.inputs.is_empty()) {
        return Ok(());
    }
    let (path, config) = scenarios::configuration(&args.of)?;
    let mut interrupt: Option<Interrupt> = None;
    for scenario in judged.iter_mut().filter(|scenario| scenario.inputs.is_empty()) {
        let Some(server) = config.scenarios.get(&scenario.name).and_then(|found| found.server.as_ref())
        else {
            continue;
        };
        let live = live_args(server, &path)?;
        let options =
            live::options(&live, &server.value.url, folder(scenario), 1, &args.server_log, context)?;
        let interrupt = match &interrupt {
            Some(interrupt) => interrupt.clone(),
            None => interrupt.insert(live::interrupt()?).clone(),
        };
        profile(scenario, &options, &interrupt, context)?;
    }
    Ok(())
}

/// The server of the command line, which takes the place of what a scenario names.
fn named(judged: &mut [Scenario], url: &str, args: &CheckArgs, context: &Context) -> Result<(), CliError> {
    let [scenario] = judged else {
        let names: Vec<&str> = judged.iter().map(|scenario| scenario.name.as_str()).collect();
        return Err(CliError::usage(
            "which scenario is this server for?",
            names.join(", "),
            "name one: profgate check SCENARIO --url URL",
        ));
    };
    scenario.inputs.clear();
    let folder = args.capture_dir.clone().unwrap_or_else(|| folder(scenario));
    let options = live::options(&args.live, url, folder, 1, &args.server_log, context)?;
    profile(scenario, &options, &live::interrupt()?, context)
}

fn folder(scenario: &Scenario) -> PathBuf {
    live::free_folder(&Path::new(FOLDER).join(&scenario.name))
}

/// Makes the capture of a scenario, or notes why there is none.
fn profile(
    scenario: &mut Scenario,
    options: &CaptureOptions,
    interrupt: &Interrupt,
    context: &Context,
) -> Result<(), CliError> {
    context.say(&format!("profiling the server of {}", scenario.name));
    match capture::capture(options, interrupt, &|text| context.say(text)) {
        Ok(made) => {
            made.notes.iter().for_each(|note| context.note(note));
            scenario.inputs.push(options.output.clone());
        }
        // The user ended it, or the request was wrong: there is nothing to report on.
        Err(failure) if failure.is_usage || interrupt.is_set() => return Err(failure.into()),
        Err(failure) => {
            let state = failure.state.map_or_else(String::new, |state| format!("; the server: {state}"));
            scenario.failed = Some(FailedCapture {
                subject: options.url.to_string(),
                message: format!("{}: {}{state}", failure.what, failure.why),
                help: failure.help,
            });
        }
    }
    Ok(())
}

/// What the configuration says, read as the command line is read.
fn live_args(server: &Spanned<ConfigServer>, path: &Path) -> Result<LiveArgs, CliError> {
    let ConfigServer {
        url: _,
        prefill_url,
        decode_url,
        framework,
        stages,
        num_steps,
        profile_by_stage,
        server_dir,
        local_dir,
        ranks,
        timeout,
        api_key_file,
        admin_api_key_file,
        ca_cert,
        diffusion,
        workload,
    } = &server.value;
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    let mut args = vec![OsString::from("server")];
    let mut text = |flag: &str, value: Option<String>| {
        args.extend(value.map(|value| OsString::from(format!("--{flag}={value}"))));
    };
    let number = |value: &Option<u32>| value.map(|value| value.to_string());
    text("prefill-url", prefill_url.clone());
    text("decode-url", decode_url.clone());
    text("framework", framework.clone());
    text("diffusion", diffusion.clone());
    text("stage", stages.as_ref().map(|stages| stages.join(",")));
    text("num-steps", number(num_steps));
    text("server-dir", server_dir.clone());
    text("ranks", number(ranks));
    text("timeout", number(timeout));
    text("prefill-shape", workload.prefill.clone());
    text("decode-shape", workload.decode.clone());
    text("prefill-concurrency", number(&workload.prefill_concurrency));
    text("decode-batch", number(&workload.decode_batch));
    text("warmup", number(&workload.warmup));
    text("workload-command", workload.command.clone());
    text("profile-delay", number(&workload.profile_delay));
    if *profile_by_stage {
        args.push(OsString::from("--profile-by-stage"));
    }
    let mut file = |flag: &str, value: &Option<PathBuf>| {
        args.extend(value.as_ref().map(|value| {
            let mut option = OsString::from(format!("--{flag}="));
            option.push(base.join(value));
            option
        }));
    };
    file("local-dir", local_dir);
    file("api-key-file", api_key_file);
    file("admin-api-key-file", admin_api_key_file);
    file("ca-cert", ca_cert);
    match Options::try_parse_from(args) {
        Ok(options) => Ok(options.live),
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            Err(CliError {
                what: "cannot use the configuration".to_owned(),
                place: format!(
                    "{}:{}:{}: in `server`: {first}",
                    path.display(),
                    server.referenced.line(),
                    server.referenced.column()
                ),
                help: "profgate capture --help explains these options".to_owned(),
                exit: 2,
            })
        }
    }
}
