//! `profgate schema`: the JSON Schemas of what profgate reads and writes.

use clap::{Args, ValueEnum};

use super::context::Context;
use super::error::CliError;
use crate::baseline::Baseline;
use crate::common::schema::{of_input, of_output};
use crate::config::Config;
use crate::report;
use crate::triage::{Triage, classify, paths};
use crate::verdict::CheckReport;

/// `profgate schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate schema                                  the names
  profgate schema config > profgate.schema.json
  profgate schema check-report | check-jsonschema --schemafile /dev/stdin profgate-report/report.json

An editor with a YAML language server completes a file that begins with
  # yaml-language-server: $schema=profgate.schema.json")]
pub struct SchemaArgs {
    /// Which one; all names are listed when not given
    #[arg(value_name = "NAME", value_enum)]
    pub name: Option<SchemaName>,
}

/// The documents that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// What `profgate triage --format json` prints.
    TriageReport,
    /// `report.json`, as `profgate check` writes it.
    CheckReport,
    /// `profgate.yaml`.
    Config,
    /// A baseline.
    Baseline,
    /// A catalog of kernel families.
    KernelCatalog,
    /// A catalog of paths.
    PathCatalog,
}

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
