//! `profgate schema`: the JSON Schemas of what profgate reads and writes.

use clap::ValueEnum;

use super::args::{SchemaArgs, SchemaName};
use super::context::Context;
use super::error::CliError;
use crate::baseline::Baseline;
use crate::common::schema::{of_input, of_output};
use crate::config::Config;
use crate::report;
use crate::triage::{Triage, classify, paths};
use crate::verdict::CheckReport;

/// Prints one schema, or the names of all.
pub fn run(args: &SchemaArgs, context: &Context) -> Result<u8, CliError> {
    match args.name {
        Some(name) => context.print(&text(name))?,
        None => context.print(&names())?,
    }
    Ok(0)
}

/// One schema as JSON.
pub fn text(name: SchemaName) -> String {
    report::json::schema(&schema(name))
}

fn schema(name: SchemaName) -> schemars::Schema {
    match name {
        SchemaName::TriageReport => of_output::<Triage>("triage-report", "profgate: one capture's tables"),
        SchemaName::CheckReport => of_output::<CheckReport>("check-report", "profgate: a run of the gate"),
        SchemaName::Config => of_input::<Config>("config", "profgate: what a repository gates"),
        SchemaName::Baseline => {
            of_input::<Baseline>("baseline", "profgate: what a capture is expected to do")
        }
        SchemaName::KernelCatalog => classify::schema(),
        SchemaName::PathCatalog => paths::schema(),
    }
}

fn names() -> String {
    let known = SchemaName::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    known
        .map(|value| {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            format!("{:<16}{help}\n", value.get_name())
        })
        .collect()
}
