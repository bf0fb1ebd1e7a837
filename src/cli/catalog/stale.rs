//! `profgate catalog stale`: what was looked up long ago and may have changed since.

use serde_json::{Value, json};

use super::args::{CatalogFormat, StaleArgs};
use super::{columns, pretty};
use crate::common::date::Date;
use crate::common::text::count;
use crate::triage::paths::{Entry, Origin, PathCatalog};

/// Entries with a pull request that were last looked at longer ago than allowed, oldest first.
pub fn render(paths: &PathCatalog, args: &StaleArgs) -> String {
    let today = args.on.unwrap_or_else(Date::today);
    let mut stale: Vec<(i64, &Entry)> = paths
        .entries()
        .iter()
        .filter(|entry| !entry.pr.is_empty())
        .filter_map(|entry| Some((entry.as_of?.days_until(today), entry)))
        .filter(|(age, _)| *age > args.older_than)
        .collect();
    let rank =
        |entry: &Entry| ["in flight", "closed"].iter().position(|one| *one == state(entry)).unwrap_or(2);
    stale.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| (rank(a.1), &a.1.id).cmp(&(rank(b.1), &b.1.id))));
    if args.format == CatalogFormat::Json {
        let rows: Vec<Value> = stale
            .iter()
            .map(|(age, entry)| {
                json!({
                    "path": entry.id,
                    "pr": entry.pr,
                    "state": state(entry),
                    "as_of": entry.as_of.map(|date| date.to_string()),
                    "days": age,
                    "check": check(entry),
                    "file": entry.file.display().to_string(),
                    "line": entry.line,
                })
            })
            .collect();
        return pretty(&Value::Array(rows));
    }
    if stale.is_empty() {
        return format!(
            "No pull request was last looked at more than {} ago.\n",
            count_of(args.older_than, "day")
        );
    }
    let rows: Vec<[String; 4]> = stale
        .iter()
        .map(|(age, entry)| [entry.id.clone(), state(entry).to_owned(), count_of(*age, "day"), check(entry)])
        .collect();
    let number = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    format!(
        "{}\n{} to look at. Set `as-of` to the day on which you looked.\n",
        columns(&rows),
        count(number, "entry")
    )
}

/// What became of an entry's pull request, by the catalog.
fn state(entry: &Entry) -> &'static str {
    match entry.origin {
        Origin::InFlight => "in flight",
        Origin::Closed => "closed",
        Origin::Mainline | Origin::Upstream => "merged",
    }
}

fn check(entry: &Entry) -> String {
    entry.check.clone().unwrap_or_else(|| {
        format!("{} was merged. Look whether its code is still where the entry says.", entry.pr.join(" and "))
    })
}

fn count_of(number: i64, what: &str) -> String {
    count(number.unsigned_abs(), what)
}
