//! `profgate triage`: one capture, three tables.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::args::{RankArg, TriageArgs, TriageFormat};
use super::context::Context;
use super::error::CliError;
use super::live;
use super::live_args::LiveArgs;
use crate::report;
use crate::source;
use crate::trace::HealthCode;
use crate::triage::paths::similarity_note;
use crate::triage::{Similarity, Stage, Triage};
use crate::verdict::doubts_about_capture;

/// Reads a capture and prints what rank 0, or the rank asked for, or each rank did.
///
/// Ends with 3 when nothing was measured, after the tables were printed.
pub fn run(args: &TriageArgs, context: &Context) -> Result<u8, CliError> {
    let live = captured(args, context)?;
    let typed = if args.inputs.is_empty() { &args.input } else { &args.inputs };
    let inputs = live.formal.as_ref().map_or(typed.as_slice(), std::slice::from_ref);
    let mapping = live.mapping.as_ref().map_or(args.mapping.as_slice(), std::slice::from_ref);
    let progress = |done, all| context.progress(done, all);
    let rank = match args.rank {
        Some(RankArg::One(rank)) => Some(rank),
        Some(RankArg::All) | None => None,
    };
    let options = context.load_options(rank, &args.server_log, &progress);
    let mut capture = context.load(inputs, mapping, &options)?;
    if let Some(path) = &args.similarity_note {
        add_note(&mut capture.ranks, path, context)?;
    }
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

/// Puts the hints of somebody else's note below the tables of the ranks whose stages it speaks of.
fn add_note(ranks: &mut [Triage], path: &Path, context: &Context) -> Result<(), CliError> {
    let text = source::read_text(path).map_err(|error| CliError {
        what: "cannot read the similarity note".to_owned(),
        place: format!("{}: {error}", path.display()),
        help: "check the path and its permissions".to_owned(),
        exit: 5,
    })?;
    let stages: BTreeSet<Stage> =
        ranks.iter().flat_map(|rank| &rank.stages).map(|stage| stage.stage).collect();
    let stages: Vec<Stage> = stages.into_iter().collect();
    let hints = similarity_note(&text, path, &context.catalogs()?.paths, &stages)
        .map_err(|error| CliError::yaml("similarity note", &error))?;
    for rank in ranks {
        let is_of_rank = |hint: &&Similarity| rank.stage(hint.stage).is_some();
        let of_rank: Vec<Similarity> = hints.iter().filter(is_of_rank).cloned().collect();
        rank.similarity.extend(of_rank);
    }
    Ok(())
}

/// The captures of running servers that were asked for.
#[derive(Default)]
struct Live {
    formal: Option<PathBuf>,
    mapping: Option<PathBuf>,
}

/// Profiles the servers that were named: the one for the source lines first, as the graphs-off run is the
/// cheaper one to find out with that something is wrong.
fn captured(args: &TriageArgs, context: &Context) -> Result<Live, CliError> {
    let mut live = Live::default();
    if args.url.is_none() && args.mapping_url.is_none() {
        return Ok(live);
    }
    let interrupt = live::interrupt()?;
    let base = args.capture_dir.clone().unwrap_or_else(|| live::free_folder(Path::new("profgate-capture")));
    let make = |url: &str, how: &LiveArgs, folder: PathBuf| {
        let options = live::options(how, url, folder.clone(), 1, &args.server_log, context)?;
        live::capture(&options, &interrupt, context)?;
        context.say(&format!("the capture is in {}", folder.display()));
        Ok::<_, CliError>(Some(folder))
    };
    if let Some(url) = &args.mapping_url {
        let mut how = args.live.clone();
        how.server_dir = args.mapping_server_dir.clone().or(how.server_dir);
        how.local_dir = args.mapping_local_dir.clone().or(how.local_dir);
        live.mapping = make(url, &how, base.join("mapping"))?;
    }
    if let Some(url) = &args.url {
        let folder = if live.mapping.is_some() { base.join("formal") } else { base };
        live.formal = make(url, &args.live, folder)?;
    }
    Ok(live)
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
