//! `profgate baseline lint`: rows that guard nothing.

use std::path::{Path, PathBuf};

use super::super::args::ScenarioArgs;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::scenarios::{Traces, resolve};
use super::args::LintArgs;
use super::diff::read;
use crate::baseline::Observation;
use crate::common::date::Date;
use crate::common::text::{count, printable};
use crate::run::repeats::{self, Repeats};
use crate::triage::Catalogs;
use crate::verdict::{
    BaselineRef, Judged, Level, Lint, LintInput, PlacedPromise, Policy, ScenarioReport, Terms, Waiver, judge,
    lint,
};

/// Prints what is wrong; exit code 1 when a row guards nothing although it looks as if it did.
pub fn run(args: &LintArgs, context: &Context) -> Result<u8, CliError> {
    let today = args.today.unwrap_or_else(Date::today);
    let mut lints = Vec::new();
    let resolved = if args.baselines.is_empty() {
        Some(resolve(&ScenarioArgs::of_config(args.config.clone()), Traces::There)?)
    } else {
        None
    };
    let catalogs = context.catalogs_or(resolved.as_ref().and_then(|one| one.catalog.as_deref()))?;
    if let Some(resolved) = resolved {
        for scenario in resolved.scenarios {
            let path = scenario.baseline.as_deref();
            let beside = (scenario.promises.as_slice(), scenario.waivers.as_slice());
            lints.extend(one(path, beside, None, &catalogs, today)?);
        }
    }
    let capture = if args.against.is_empty() {
        None
    } else {
        let progress = |done, all| context.progress(done, all);
        Some(repeats::read(&args.against, &[], &catalogs, &context.load_options(None, &[], &progress))?)
    };
    for path in &args.baselines {
        lints.extend(one(Some(path), (&[], &[]), capture.as_ref(), &catalogs, today)?);
    }
    context.print(&text(&lints))?;
    Ok(u8::from(lints.iter().any(|lint| lint.level == Level::Deny)))
}

fn one(
    path: Option<&Path>,
    (promises, waivers): (&[PlacedPromise], &[Waiver]),
    capture: Option<&Repeats>,
    catalogs: &Catalogs,
    today: Date,
) -> Result<Vec<Lint>, CliError> {
    let baseline = path.map(read).transpose()?.map(|(_, baseline)| baseline);
    let file = path.map(|path| path.display().to_string()).unwrap_or_default();
    let (mut promises, mut waivers) = (promises.to_vec(), waivers.to_vec());
    if let Some(baseline) = &baseline {
        promises.extend(PlacedPromise::of_baseline(baseline, &file));
        let of_file = Waiver::of_rows(&baseline.waivers, &PathBuf::from(&file));
        waivers.extend(of_file.map_err(|error| CliError::yaml("baseline", &error))?);
    }
    let terms = Terms { promises: promises.clone(), waivers: waivers.clone(), today };
    let judged: Option<(&Observation, ScenarioReport)> = match (&baseline, capture) {
        (Some(baseline), Some(capture)) => {
            let subject = Judged {
                scenario: "lint",
                baseline: BaselineRef { path: file.clone(), sha256: None, gpu: None },
                doubts: Vec::new(),
                triage: capture.ranks.first(),
                notes: Vec::new(),
                terms: &terms,
                changed_files: &[],
            };
            Some((&capture.observation, judge(subject, baseline, &capture.observation, &Policy::default())))
        }
        _ => None,
    };
    Ok(lint(&LintInput {
        baseline: baseline.as_ref(),
        file: &file,
        promises: &promises,
        waivers: &waivers,
        is_path: &|id| catalogs.paths.entry(id).is_some(),
        today,
        band_captures: Policy::default().thresholds.band_captures,
        capture: judged.as_ref().map(|(observed, report)| (*observed, report)),
    }))
}

fn text(lints: &[Lint]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for one in lints {
        let place = if one.line > 0 { format!("{}:{}", one.file, one.line) } else { one.file.clone() };
        let word = match one.level {
            Level::Deny => "error",
            Level::Warn => "warning",
            Level::Allow => "note",
        };
        lines.push(format!("{}: {word}[{}]: {}", printable(&place), one.rule, printable(&one.message)));
        lines.push(format!("  help: {}", one.help));
    }
    let number = |level: Level| lints.iter().filter(|one| one.level == level).count() as u64;
    lines.push(format!(
        "{}, {}, {}",
        count(number(Level::Deny), "error"),
        count(number(Level::Warn), "warning"),
        count(number(Level::Allow), "note")
    ));
    lines.join("\n") + "\n"
}
