//! `profgate baseline record`: captures of one thing, one baseline.

use super::super::context::Context;
use super::super::error::CliError;
use super::args::RecordArgs;
use crate::baseline::{Observation, to_yaml};
use crate::capture;
use crate::run::repeats::{self, Repeats};

/// Writes a baseline from captures; refuses a capture that measured nothing.
pub fn run(args: &RecordArgs, context: &Context) -> Result<u8, CliError> {
    let observation = observed(args, context)?;
    let text = to_yaml(&observation, args.commit.as_deref());
    match &args.output {
        None => context.print(&text)?,
        Some(path) => {
            crate::publish::files::write_output(path, text.as_bytes())?;
            context.note(&format!("wrote {}; review and commit it", path.display()));
        }
    }
    Ok(0)
}

/// What captures of one thing measured.
fn observed(args: &RecordArgs, context: &Context) -> Result<Observation, CliError> {
    let catalogs = context.catalogs()?;
    let progress = |done, all| context.progress(done, all);
    let options = context.load_options(None, &args.server_log, &progress);
    // A set of captures that profgate made stands for its captures.
    let mut set = match args.inputs.as_slice() {
        [folder] => capture::captures_of(folder),
        _ => Vec::new(),
    };
    let (inputs, repeated) = if set.is_empty() {
        (args.inputs.clone(), args.repeat.clone())
    } else {
        let first = set.remove(0);
        (vec![first], set.into_iter().chain(args.repeat.iter().cloned()).collect())
    };
    let Repeats { mut observation, notes, .. } = repeats::read(&inputs, &repeated, &catalogs, &options)?;
    for note in &notes {
        context.note(note);
    }
    if let Some(workload) = &args.workload {
        observation.fingerprint.workload = Some(workload.clone());
    }
    Ok(observation)
}
