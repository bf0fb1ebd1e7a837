//! `profgate catalog stale`: what was looked up long ago and may have changed since.

use serde_json::{Value, json};

use super::args::{CatalogFormat, StaleArgs};
use super::{columns, pretty};
use crate::common::date::Date;
use crate::common::text::count;
use crate::triage::paths::{Entry, Origin, PathCatalog};

/// Entries in flight that are older than allowed, oldest first.
pub fn render(paths: &PathCatalog, args: &StaleArgs) -> String {
    let today = args.on.unwrap_or_else(Date::today);
    let mut stale: Vec<(i64, &Entry)> = paths
        .entries()
        .iter()
        .filter(|entry| entry.origin == Origin::InFlight)
        .filter_map(|entry| Some((entry.as_of?.days_until(today), entry)))
        .filter(|(age, _)| *age > args.older_than)
        .collect();
    stale.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
    if args.format == CatalogFormat::Json {
        let rows: Vec<Value> = stale
            .iter()
            .map(|(age, entry)| {
                json!({
                    "path": entry.id,
                    "pr": entry.pr,
                    "as_of": entry.as_of.map(|date| date.to_string()),
                    "days": age,
                    "check": entry.check,
                    "file": entry.file.display().to_string(),
                    "line": entry.line,
                })
            })
            .collect();
        return pretty(&Value::Array(rows));
    }
    if stale.is_empty() {
        return format!("Nothing in flight is older than {}.\n", count_of(args.older_than, "day"));
    }
    let rows: Vec<[String; 3]> = stale
        .iter()
        .map(|(age, entry)| {
            [entry.id.clone(), count_of(*age, "day"), entry.check.clone().unwrap_or_default()]
        })
        .collect();
    let number = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    format!(
        "{}\n{} to look at. Set `as-of` to the day on which you looked.\n",
        columns(&rows),
        count(number, "entry")
    )
}

fn count_of(number: i64, what: &str) -> String {
    count(number.unsigned_abs(), what)
}
