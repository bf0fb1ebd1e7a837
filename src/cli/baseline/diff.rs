//! `profgate baseline diff`: two baselines as a review reads them.

use std::path::Path;

use super::super::context::Context;
use super::super::error::CliError;
use super::args::BaselineDiffArgs;
use crate::baseline::{self, Baseline};
use crate::common::yaml;
use crate::report::changes::{self, Fineness};
use crate::report::numbers;

/// Every number that a file shows counts.
const FINE: Fineness = Fineness { least_pct: 0.0 };

/// Prints what differs.
pub fn run(args: &BaselineDiffArgs, context: &Context) -> Result<u8, CliError> {
    let (old_text, old) = read(&args.old)?;
    let (new_text, new) = read(&args.new)?;
    let mut lines = changes::lines(&old, &new.observation(), FINE);
    lines.extend(numbers::lines(&old, &new));
    lines.extend(of_people(&old_text, &new_text));
    let text = if lines.is_empty() {
        "nothing changed\n".to_owned()
    } else {
        lines.iter().map(|line| format!("{}\n", crate::common::text::printable(line))).collect()
    };
    context.print(&text)?;
    Ok(0)
}

/// Promises and waivers, line by line: people wrote them, and their words are the change.
pub fn of_people(old: &str, new: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for key in ["expect", "waivers"] {
        let rows = |text: &str| -> Vec<String> {
            let block = yaml::block(text, key);
            block.lines().skip(1).map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
        };
        let (before, after) = (rows(old), rows(new));
        let gone = before.iter().filter(|row| !after.contains(row)).map(|row| format!("-   {row}"));
        let came = after.iter().filter(|row| !before.contains(row)).map(|row| format!("+   {row}"));
        let rows: Vec<String> = gone.chain(came).collect();
        if !rows.is_empty() {
            lines.push(format!("  {key}"));
            lines.extend(rows);
        }
    }
    lines
}

/// Reads a baseline that must be there.
pub fn read(path: &Path) -> Result<(String, Baseline), CliError> {
    let text = crate::source::read_text(path).map_err(|error| CliError {
        what: "cannot read the baseline".to_owned(),
        place: format!("{}: {error}", path.display()),
        help: "check the path".to_owned(),
        exit: 5,
    })?;
    let baseline = baseline::parse(&text, path).map_err(|error| CliError::yaml("baseline", &error))?;
    Ok((text, baseline))
}
