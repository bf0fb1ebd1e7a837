//! `profgate catalog lint` and `profgate catalog test`: whether a catalog is sound.

use std::fmt::Write;
use std::path::Path;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::common::date::Date;
use crate::common::text::{count, printable};
use crate::triage::Catalogs;
use crate::triage::paths::{Problem, failed_family_examples};

/// Entries that are incomplete. Ends with 1 when there are any.
pub fn lint(catalogs: &Catalogs, context: &Context) -> Result<u8, CliError> {
    let mut problems = catalogs.paths.problems();
    problems.extend(from_the_future(catalogs, &|_| true));
    let entries = counted(catalogs.paths.entries().len(), "path");
    let toggles = counted(catalogs.paths.toggles().len(), "toggle");
    let mut sound = format!("{entries} and {toggles}: every entry is complete.");
    if let Some(folder) = context.own_catalog() {
        // Writing to a String cannot fail.
        let _ = write!(sound, " Examples are run by `profgate catalog test {}`.", folder.display());
    }
    report(&problems, &sound, context)
}

/// Entries of a directory that are incomplete, and examples that do not hold: its own, and built-in ones that an
/// entry of it breaks. Ends with 1 when there are any.
pub fn test(catalogs: &Catalogs, folder: &Path, context: &Context) -> Result<u8, CliError> {
    let is_own = |file: &Path| file.starts_with(folder);
    let mut problems: Vec<Problem> =
        catalogs.paths.problems().into_iter().filter(|problem| is_own(&problem.file)).collect();
    problems.extend(from_the_future(catalogs, &is_own));
    problems.extend(catalogs.paths.failed_examples(&catalogs.classifier));
    problems.extend(failed_family_examples(&catalogs.classifier));
    let overridden = overrides(catalogs);
    let paths = catalogs.paths.entries().iter().filter(|entry| is_own(&entry.file)).count();
    let families = catalogs.classifier.families().iter().filter(|family| is_own(&family.file)).count();
    // Whoever overrides by mistake must hear of it when an example fails, too.
    if !problems.is_empty() && !overridden.is_empty() {
        context.print(&format!("{}\n", overridden.trim_start()))?;
    }
    report(
        &problems,
        &format!(
            "{} and {} of {}: every example holds, those of the built-in catalogs too.{overridden}",
            counted(paths, "path"),
            counted(families, "kernel family"),
            folder.display()
        ),
        context,
    )
}

/// Entries whose facts were looked up on a day that has not come.
fn from_the_future(catalogs: &Catalogs, is_meant: &dyn Fn(&Path) -> bool) -> Vec<Problem> {
    let today = Date::today();
    let entries = catalogs.paths.entries().iter().filter(|entry| is_meant(&entry.file));
    let late = entries.filter_map(|entry| Some((entry, entry.as_of.filter(|day| *day > today)?)));
    late.map(|(entry, day)| Problem {
        file: entry.file.clone(),
        line: entry.line,
        id: entry.id.clone(),
        message: format!("its day, {day}, has not come; nobody can have looked it up"),
    })
    .collect()
}

/// What of the built-in catalogs a directory took the place of, a line each.
fn overrides(catalogs: &Catalogs) -> String {
    let all = catalogs.paths.overridden().iter().chain(catalogs.classifier.overridden());
    all.map(|what| format!("\noverrides built-in {what}")).collect()
}

fn report(problems: &[Problem], sound: &str, context: &Context) -> Result<u8, CliError> {
    if problems.is_empty() {
        context.print(&format!("{sound}\n"))?;
        return Ok(0);
    }
    let mut out = String::new();
    for problem in problems {
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{}:{}: {}: {}",
            problem.file.display(),
            problem.line,
            problem.id,
            printable(&problem.message)
        );
    }
    let _ = writeln!(out, "{} to mend.", counted(problems.len(), "problem"));
    context.print(&out)?;
    Ok(1)
}

fn counted(number: usize, what: &str) -> String {
    count(u64::try_from(number).unwrap_or(u64::MAX), what)
}
