//! What can be typed behind `profgate catalog`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::common::date::Date;

/// `profgate catalog`.
#[derive(Debug, Args)]
pub struct CatalogArgs {
    /// What to look at.
    #[command(subcommand)]
    pub command: CatalogCommand,
}

/// What to look at in the catalogs.
#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// List entries, paths first
    List(ListArgs),
    /// Show one entry: what it matches, what switches it, where its code is
    Show(ShowArgs),
    /// Say what a kernel is, which entry decided, and which paths look for it
    Match(MatchArgs),
    /// Say which entries are incomplete
    Lint,
    /// Hold every example of a directory of catalogs against its entries
    Test(TestArgs),
    /// List what is in flight and was last looked at long ago
    Stale(StaleArgs),
    /// Write the paths as Markdown pages
    Pages(PagesArgs),
}

/// `profgate catalog list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate catalog list --framework vllm --origin in-flight
  profgate catalog list --toggles --framework sglang
  profgate catalog list --search 'rope kv'
  profgate catalog list --told-by lookup --format json")]
pub struct ListArgs {
    /// Only kernel families
    #[arg(long, conflicts_with_all = ["paths", "toggles"])]
    pub kernels: bool,
    /// Only paths
    #[arg(long, conflicts_with = "toggles")]
    pub paths: bool,
    /// Only what switches paths
    #[arg(long)]
    pub toggles: bool,
    /// Only paths of this framework, or with --toggles its switches; library paths that every framework may take are
    /// among them
    #[arg(long, value_name = "NAME", conflicts_with = "kernels")]
    pub framework: Option<String>,
    /// Only paths of this kind
    #[arg(long, value_enum, conflicts_with_all = ["kernels", "toggles"])]
    pub kind: Option<KindArg>,
    /// Only paths whose code is to be had there
    #[arg(long, value_enum, conflicts_with_all = ["kernels", "toggles"])]
    pub origin: Option<OriginArg>,
    /// Only paths whose state kernels can tell, or only the others
    #[arg(long, value_enum, value_name = "HOW", conflicts_with_all = ["kernels", "toggles"])]
    pub told_by: Option<ToldByArg>,
    /// Only entries with all of these words in id, name, summary, flags or symbols
    #[arg(long, value_name = "WORDS")]
    pub search: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = CatalogFormat::Text)]
    pub format: CatalogFormat,
}

/// Kinds of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// Several kernels became one.
    Fuse,
    /// Kernels run beside one another.
    Overlap,
}

/// Where code is to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OriginArg {
    /// In the frameworks named.
    Mainline,
    /// In a library.
    Upstream,
    /// In an open pull request.
    InFlight,
    /// In a pull request that was closed.
    Closed,
}

/// What tells a path's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ToldByArg {
    /// Kernels.
    Kernels,
    /// Nothing in a trace: the entry informs.
    Lookup,
}

/// `profgate catalog show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Id of a path or of a kernel family, or name of a toggle
    #[arg(value_name = "ID")]
    pub id: String,
    /// How to print it
    #[arg(long, value_enum, default_value_t = CatalogFormat::Text)]
    pub format: CatalogFormat,
}

/// `profgate catalog match`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate catalog match _silu_and_mul_post_quant_kernel
  profgate catalog match 'void flashinfer::norm::FusedAddRMSNormKernel<8u, __nv_bfloat16>(int)'")]
pub struct MatchArgs {
    /// The raw name, as a trace has it
    #[arg(value_name = "NAME")]
    pub name: String,
    /// How to print it
    #[arg(long, value_enum, default_value_t = CatalogFormat::Text)]
    pub format: CatalogFormat,
}

/// `profgate catalog test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Directory with kernels-….yaml, fusions-….yaml, overlaps-….yaml or toggles-….yaml
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// `profgate catalog stale`.
#[derive(Debug, Args)]
pub struct StaleArgs {
    /// Age that is too old, in days or weeks
    #[arg(long, value_name = "AGE", default_value = "90d", value_parser = age)]
    pub older_than: i64,
    /// The day to count from [default: today]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub on: Option<Date>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = CatalogFormat::Text)]
    pub format: CatalogFormat,
}

/// `profgate catalog pages`.
#[derive(Debug, Args)]
pub struct PagesArgs {
    /// Where the pages go
    #[arg(short, long, value_name = "DIR", default_value = "docs/catalog")]
    pub output: PathBuf,
}

/// How to print entries of a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CatalogFormat {
    /// For a terminal.
    Text,
    /// For machines.
    Json,
}

fn age(text: &str) -> Result<i64, String> {
    let (number, days) = match text.strip_suffix('w') {
        Some(weeks) => (weeks, 7),
        None => (text.strip_suffix('d').unwrap_or(text), 1),
    };
    match number.parse::<i64>() {
        Ok(number) if (0..=100_000).contains(&number) => Ok(number * days),
        _ => Err("an age is a number of days or weeks: 90d, 12w".to_owned()),
    }
}

fn day(text: &str) -> Result<Date, String> {
    Date::parse(text).ok_or_else(|| "a day is written 2026-06-27".to_owned())
}
