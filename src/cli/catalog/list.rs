//! `profgate catalog list`.

use serde_json::{Value, json};

use super::args::{CatalogFormat, KindArg, ListArgs, OriginArg, ToldByArg};
use super::show::{family_json, path_json, toggle_json};
use super::{columns, pretty};
use crate::cli::error::CliError;
use crate::common::text::nearest;
use crate::triage::Catalogs;
use crate::triage::classify::Family;
use crate::triage::paths::{Entry, FRAMEWORKS, Origin, PathKind, Toggle};

/// Entries that pass every filter.
pub fn render(catalogs: &Catalogs, args: &ListArgs) -> Result<String, CliError> {
    let framework = args.framework.as_deref().map(|typed| known_framework(catalogs, typed)).transpose()?;
    let framework = framework.as_deref();
    let wants = |this: bool| this || !(args.paths || args.kernels || args.toggles);
    // A filter that only paths can pass leaves nothing else.
    let only_paths = !args.toggles && framework.is_some()
        || args.kind.is_some()
        || args.origin.is_some()
        || args.told_by.is_some();
    let paths: Vec<&Entry> = catalogs
        .paths
        .entries()
        .iter()
        .filter(|entry| wants(args.paths) && passes(entry, framework, args))
        .collect();
    let families: Vec<&Family> = catalogs
        .classifier
        .families()
        .iter()
        .filter(|family| {
            wants(args.kernels)
                && !only_paths
                && has_words(args, &[&family.id, &family.name, family.role.as_str()])
        })
        .collect();
    let shows_toggles = !only_paths && (args.toggles || (args.format == CatalogFormat::Json && wants(false)));
    let toggles: Vec<&Toggle> = catalogs
        .paths
        .toggles()
        .iter()
        .filter(|toggle| {
            shows_toggles
                && framework.is_none_or(|framework| toggle.framework == framework)
                && has_words(args, &[&toggle.name, &toggle.effect, &toggle.affects.join(" ")])
        })
        .collect();
    if args.format == CatalogFormat::Json {
        return Ok(pretty(&json!({
            "paths": paths.iter().map(|entry| path_json(&catalogs.paths, entry)).collect::<Vec<Value>>(),
            "kernels": families.iter().map(|family| family_json(family)).collect::<Vec<Value>>(),
            "toggles": toggles.iter().map(|toggle| toggle_json(toggle)).collect::<Vec<Value>>(),
        })));
    }
    let mut rows: Vec<[String; 4]> = Vec::new();
    for entry in paths {
        let origin = format!("{} {}", entry.kind.as_str(), entry.origin.as_str());
        let name = if entry.claims() || entry.kind == PathKind::Overlap {
            entry.name.clone()
        } else {
            format!("{} (lookup only)", entry.name)
        };
        rows.push([entry.id.clone(), origin, entry.frameworks.join(" "), name]);
    }
    for family in families {
        rows.push([family.id.clone(), "kernels".to_owned(), family.role.to_string(), family.name.clone()]);
    }
    for toggle in toggles {
        rows.push([
            toggle.name.clone(),
            toggle.kind.as_str().to_owned(),
            toggle.framework.clone(),
            toggle.says(),
        ]);
    }
    Ok(if rows.is_empty() { "No entry passes these filters.\n".to_owned() } else { columns(&rows) })
}

/// The framework that was meant, whatever its case; those of entries and the libraries of toggles are known.
fn known_framework(catalogs: &Catalogs, typed: &str) -> Result<String, CliError> {
    let toggles = catalogs.paths.toggles().iter().map(|toggle| toggle.framework.as_str());
    let mut known: Vec<&str> = FRAMEWORKS.into_iter().chain(toggles).collect();
    known.sort_unstable();
    known.dedup();
    let lower = typed.to_lowercase();
    if known.contains(&lower.as_str()) {
        return Ok(lower);
    }
    let all = known.join(", ");
    let help = nearest(&lower, known.iter().copied()).map_or_else(
        || format!("give one of: {all}"),
        |near| format!("did you mean `{near}`? There are: {all}"),
    );
    Err(CliError::usage("no such framework in the catalogs", typed, help))
}

fn passes(entry: &Entry, framework: Option<&str>, args: &ListArgs) -> bool {
    let kind = args.kind.is_none_or(|kind| {
        entry.kind
            == match kind {
                KindArg::Fuse => PathKind::Fuse,
                KindArg::Overlap => PathKind::Overlap,
            }
    });
    let origin = args.origin.is_none_or(|origin| {
        entry.origin
            == match origin {
                OriginArg::Mainline => Origin::Mainline,
                OriginArg::Upstream => Origin::Upstream,
                OriginArg::InFlight => Origin::InFlight,
                OriginArg::Closed => Origin::Closed,
            }
    });
    let told_by = args.told_by.is_none_or(|how| (how == ToldByArg::Kernels) == entry.claims());
    let framework = framework.is_none_or(|framework| entry.is_of(framework));
    let texts: Vec<&str> = [&entry.id, &entry.name, &entry.summary]
        .into_iter()
        .chain(&entry.symbols)
        .chain(&entry.flags.on)
        .chain(&entry.flags.off)
        .chain(&entry.pr)
        .chain(&entry.source_paths)
        .map(String::as_str)
        .collect();
    kind && origin && told_by && framework && has_words(args, &texts)
}

/// Whether every word that is searched for is in one of the texts, whatever its case.
fn has_words(args: &ListArgs, texts: &[&str]) -> bool {
    let Some(search) = &args.search else { return true };
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    search.split_whitespace().all(|word| texts.iter().any(|text| text.contains(&word.to_lowercase())))
}
