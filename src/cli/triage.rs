//! `profgate triage`: one capture, three tables.

use super::args::{RankArg, TriageArgs, TriageFormat};
use super::context::Context;
use super::error::CliError;
use crate::report;
use crate::trace::HealthCode;
use crate::triage::Triage;
use crate::verdict::doubts_about_capture;

/// Reads a capture and prints what rank 0, or the rank asked for, or each rank did.
///
/// Ends with 3 when nothing was measured, after the tables were printed.
pub fn run(args: &TriageArgs, context: &Context) -> Result<u8, CliError> {
    let inputs = if args.inputs.is_empty() { &args.input } else { &args.inputs };
    let progress = |done, all| context.progress(done, all);
    let rank = match args.rank {
        Some(RankArg::One(rank)) => Some(rank),
        Some(RankArg::All) | None => None,
    };
    let options = context.load_options(rank, &args.server_log, &progress);
    let capture = context.load(inputs, &args.mapping, &options)?;
    for note in &capture.notes {
        context.note(note);
    }
    let shown = match args.rank {
        Some(RankArg::All) => capture.ranks.as_slice(),
        Some(RankArg::One(_)) | None => capture.ranks.get(..1).unwrap_or_default(),
    };
    if let (Some(triage), true) = (shown.first(), capture.ranks.len() > shown.len()) {
        let others: Vec<String> = capture.ranks.iter().skip(1).map(|rank| rank.rank().to_string()).collect();
        context.note(&format!(
            "speaking for rank {}; --rank N shows rank {}",
            triage.rank(),
            others.join(", ")
        ));
    }
    for entry in shown.iter().flat_map(|triage| &triage.traces) {
        context.read(entry);
    }
    let text = render(shown, args, context);
    match &args.output {
        None => context.print(&text)?,
        Some(path) => crate::publish::files::write_output(path, text.as_bytes())?,
    }
    match doubts_about_capture(shown).into_iter().next() {
        None => Ok(0),
        Some(doubt) => Err(CliError {
            what: format!("inconclusive: {}{}", doubt.message, because(shown)),
            place: doubt.subject,
            help: doubt.help,
            exit: 3,
        }),
    }
}

/// Why nothing was measured, where the trace tells.
fn because(shown: &[Triage]) -> String {
    let no_gpu = HealthCode::NoGpu.as_str();
    let reason = shown
        .iter()
        .filter(|triage| triage.kernels() == 0)
        .flat_map(|triage| &triage.health)
        .find(|entry| entry.code == no_gpu);
    reason.map_or_else(String::new, |entry| format!(" ({})", entry.detail))
}

fn render(shown: &[Triage], args: &TriageArgs, context: &Context) -> String {
    let color = context.color && args.output.is_none();
    let one = |triage: &Triage| match args.format {
        TriageFormat::Json => report::json::triage(triage),
        TriageFormat::Markdown => report::markdown::triage(triage, args.min_share),
        TriageFormat::Text => report::text::triage(triage, args.min_share, context.width, color),
    };
    match (shown, args.rank) {
        ([triage], None | Some(RankArg::One(_))) => one(triage),
        _ => match args.format {
            TriageFormat::Json => report::json::ranks(shown),
            TriageFormat::Markdown => {
                let page = |triage: &Triage| format!("# Rank {}\n\n{}", triage.rank(), one(triage));
                shown.iter().map(page).collect::<Vec<_>>().join("\n")
            }
            TriageFormat::Text => {
                let page = |triage: &Triage| format!("Rank {}\n\n{}", triage.rank(), one(triage));
                shown.iter().map(page).collect::<Vec<_>>().join("\n")
            }
        },
    }
}
