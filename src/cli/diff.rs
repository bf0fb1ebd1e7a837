//! `profgate diff`: two captures, no baseline.

use super::args::{CheckFormat, DiffArgs};
use super::context::Context;
use super::error::CliError;
use crate::report::changes::{self, Fineness};
use crate::report::{self};
use crate::run::diff::{Diffed, diff};
use crate::verdict::{Kind, Outcome};

/// Unchanged kernels that moved by less of the busy time are told together.
const FINE: Fineness = Fineness { least_pct: 0.1 };

/// Reads both captures and says what changed.
pub fn run(args: &DiffArgs, context: &Context) -> Result<u8, CliError> {
    let catalogs = context.catalogs()?;
    let progress = |done, all| context.progress(done, all);
    let diffed = diff(&args.old, &args.new, &catalogs, &context.load_options(None, &[], &progress))?;
    for note in &diffed.notes {
        context.note(note);
    }
    let text = match args.format {
        CheckFormat::Json => report::json::check(&diffed.report),
        CheckFormat::Markdown => format!("```diff\n{}```\n\n{}", body(&diffed), summary(&diffed, "- ")),
        CheckFormat::Text => format!("{}\n{}", body(&diffed), summary(&diffed, "")),
    };
    match &args.output {
        None => context.print(&text)?,
        Some(path) => crate::publish::files::write_output(path, text.as_bytes())?,
    }
    Ok(diffed.report.exit_code)
}

fn body(diffed: &Diffed) -> String {
    if diffed.report.verdict == Outcome::Inconclusive {
        return String::new();
    }
    let lines = changes::lines(&diffed.before, &diffed.after, FINE);
    if lines.is_empty() {
        return "  nothing changed\n".to_owned();
    }
    lines.iter().map(|line| format!("{}\n", crate::common::text::printable(line))).collect()
}

/// What the gate would say, a line each.
fn summary(diffed: &Diffed, mark: &str) -> String {
    let scenarios = diffed.report.scenarios.iter();
    let said = scenarios.flat_map(|one| one.findings.iter().chain(&one.improvements));
    let lines: Vec<String> = said
        .map(|finding| {
            let word = match finding.code.kind() {
                Kind::Improvement => "better",
                Kind::Doubt => "cannot be compared",
                Kind::Regression => finding.level.as_str(),
            };
            let message = crate::common::text::printable(&finding.message);
            format!("{mark}{word}: {message} [{}]\n", finding.code.as_str())
        })
        .collect();
    lines.concat()
}
