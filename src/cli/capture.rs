//! `profgate capture`: a running server becomes a capture folder.

use std::fmt::Write as _;

use super::context::Context;
use super::error::CliError;
use super::live;
use super::live_args::CaptureArgs;
use crate::capture::Made;
use crate::common::text::{count, printable};

/// Profiles a server and says what was recorded.
pub fn run(args: &CaptureArgs, context: &Context) -> Result<u8, CliError> {
    let options =
        live::options(&args.live, &args.url, args.output.clone(), args.repeats, &args.server_log, context)?;
    let interrupt = live::interrupt()?;
    let made = live::capture(&options, &interrupt, context)?;
    context.print(&page(&made, &args.output.display().to_string()))?;
    Ok(0)
}

/// What was recorded, a line a file.
fn page(made: &Made, folder: &str) -> String {
    let manifest = &made.manifest;
    let mut text = String::new();
    let version = manifest.version.as_deref().unwrap_or("of unknown version");
    let model = manifest.model.as_deref().unwrap_or("unknown model");
    // Writing into a text does not fail.
    let _ = writeln!(
        text,
        "{} {} · {} · {}",
        manifest.framework,
        printable(version),
        printable(model),
        printable(&manifest.url)
    );
    for profile in &manifest.profiles {
        let _ = writeln!(
            text,
            "{}: {} with {} prompt and {} answer tokens",
            profile.stage,
            count(profile.sent.requests, "request"),
            profile.sent.input_tokens,
            profile.sent.output_tokens
        );
        for file in &profile.files {
            let rank = file.rank.map_or_else(|| "rank ?".to_owned(), |rank| format!("rank {rank}"));
            let steps = file.prefill_steps + file.decode_steps + file.other_steps;
            let _ = writeln!(
                text,
                "  {rank}  {} ({} prefill, {} decode), {}, {} kB  {}",
                count(steps, "step"),
                file.prefill_steps,
                file.decode_steps,
                count(file.kernels, "kernel"),
                file.bytes.div_ceil(1000),
                printable(&file.path)
            );
        }
    }
    if manifest.captures.is_empty() {
        let _ = writeln!(text, "The capture is in {folder}. Next: profgate triage {folder}");
    } else {
        let _ = writeln!(
            text,
            "{} are in {folder}. Next: profgate baseline record {folder}",
            count(manifest.captures.len() as u64, "capture")
        );
    }
    text
}
