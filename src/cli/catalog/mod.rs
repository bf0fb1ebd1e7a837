//! `profgate catalog`: what is known of kernels and paths, why a name matches, and whether a catalog is sound.

pub mod args;
mod explain;
mod list;
mod pages;
mod show;
mod stale;
mod verify;

use std::fmt::Write;

use serde_json::Value;

use self::args::{CatalogArgs, CatalogCommand};
use super::context::Context;
use super::error::CliError;
use super::user_catalogs;

/// Prints entries of the catalogs, or what they say of a kernel's name.
pub fn run(args: &CatalogArgs, context: &Context) -> Result<u8, CliError> {
    let text = match &args.command {
        CatalogCommand::List(list) => list::render(&context.catalogs()?, list)?,
        CatalogCommand::Show(show) => show::render(&context.catalogs()?, show)?,
        CatalogCommand::Match(args) if args.name.trim().is_empty() => {
            let help = "give a kernel's name as a trace has it: profgate catalog match '_rms_norm_fwd_fused'";
            return Err(CliError::usage("there is no name to match", "NAME is empty", help));
        }
        CatalogCommand::Match(args) => explain::render(&context.catalogs()?, args),
        CatalogCommand::Stale(stale) => stale::render(&context.catalogs()?.paths, stale),
        CatalogCommand::Lint => return verify::lint(&context.catalogs()?, context),
        CatalogCommand::Test(test) => {
            return verify::test(&user_catalogs::load(Some(&test.dir))?, &test.dir, context);
        }
        CatalogCommand::Pages(pages) => {
            return pages::write(&context.catalogs()?.paths, &pages.output, context);
        }
    };
    context.print(&text)?;
    Ok(0)
}

/// A name and its values, one a line; nothing when there is none.
fn fields(out: &mut String, what: &str, values: &[String]) {
    for (index, value) in values.iter().enumerate() {
        let what = if index == 0 { what } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{what:14}  {value}");
    }
}

/// Rows in columns as wide as their cells.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
