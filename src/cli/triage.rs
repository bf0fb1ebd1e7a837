//! `profgate triage`: one capture, three tables.

use super::args::{TriageArgs, TriageFormat};
use super::context::Context;
use super::error::CliError;
use crate::report;
use crate::run;
use crate::triage::Triage;
use crate::verdict::doubts_about_capture;

/// Reads a capture and prints what rank 0, or the rank asked for, did.
///
/// Ends with 3 when nothing was measured, after the tables were printed.
pub fn run(args: &TriageArgs, context: &Context) -> Result<u8, CliError> {
    let inputs = if args.inputs.is_empty() { &args.input } else { &args.inputs };
    let classifier = context.classifier()?;
    let progress = |done, all| context.progress(done, all);
    let options = context.load_options(args.rank, &progress);
    let capture = run::load_mapped(inputs, &args.mapping, &classifier, &options)?;
    for note in &capture.notes {
        context.note(note);
    }
    let Some(triage) = capture.ranks.first() else { return Ok(3) };
    if capture.ranks.len() > 1 {
        let others: Vec<String> = capture.ranks.iter().skip(1).map(|rank| rank.rank().to_string()).collect();
        context.note(&format!(
            "speaking for rank {}; --rank N shows rank {}",
            triage.rank(),
            others.join(", ")
        ));
    }
    for entry in &triage.traces {
        context.detail(&format!(
            "read {}: {} events, {} GPU activities",
            entry.path, entry.events, entry.activities
        ));
    }
    let text = render(triage, args, context);
    match &args.output {
        None => context.print(&text)?,
        Some(path) => crate::publish::files::write(path, text.as_bytes())?,
    }
    let doubts = doubts_about_capture(std::slice::from_ref(triage));
    match doubts.first() {
        None => Ok(0),
        Some(doubt) => Err(CliError {
            what: format!("inconclusive: {}", doubt.message),
            place: doubt.subject.clone(),
            help: doubt.help.clone(),
            exit: 3,
        }),
    }
}

fn render(triage: &Triage, args: &TriageArgs, context: &Context) -> String {
    match args.format {
        TriageFormat::Json => report::json::triage(triage),
        TriageFormat::Markdown => report::markdown::triage(triage, args.min_share),
        TriageFormat::Text => {
            let color = context.color && args.output.is_none();
            report::text::triage(triage, args.min_share, context.width, color)
        }
    }
}
