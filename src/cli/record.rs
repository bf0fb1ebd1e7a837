//! `profgate baseline record`: one capture, one baseline.

use super::args::RecordArgs;
use super::context::Context;
use super::error::CliError;
use crate::run;

/// Writes a baseline from a capture; refuses a capture that measured nothing.
pub fn run(args: &RecordArgs, context: &Context) -> Result<u8, CliError> {
    let progress = |done, all| context.progress(done, all);
    let options = context.load_options(None, &args.server_log, &progress);
    let capture = context.load(&args.inputs, &[], &options)?;
    for note in &capture.notes {
        context.note(note);
    }
    let text = run::record::record(&capture, args.commit.as_deref()).map_err(|doubts| {
        let first = doubts.into_iter().next();
        CliError {
            what: "this capture cannot become a baseline".to_owned(),
            place: first
                .as_ref()
                .map(|doubt| format!("{}: {}", doubt.subject, doubt.message))
                .unwrap_or_default(),
            help: first.map(|doubt| doubt.help).unwrap_or_default(),
            exit: 3,
        }
    })?;
    match &args.output {
        None => context.print(&text)?,
        Some(path) => {
            crate::publish::files::write_output(path, text.as_bytes())?;
            context.note(&format!("wrote {}; review and commit it", path.display()));
        }
    }
    Ok(0)
}
