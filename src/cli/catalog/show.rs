//! `profgate catalog show`, and the JSON of an entry.

use serde_json::{Value, json};

use super::args::{CatalogFormat, ShowArgs};
use super::{fields, pretty};
use crate::cli::error::CliError;
use crate::common::text::{nearest, printable};
use crate::triage::Catalogs;
use crate::triage::classify::Family;
use crate::triage::paths::{Entry, PathCatalog, Toggle};

/// One entry, whole.
pub fn render(catalogs: &Catalogs, args: &ShowArgs) -> Result<String, CliError> {
    let id = args.id.as_str();
    let is_json = args.format == CatalogFormat::Json;
    let paths = &catalogs.paths;
    if let Some(entry) = paths.entry(id) {
        return Ok(if is_json { pretty(&path_json(paths, entry)) } else { path_text(paths, entry) });
    }
    if let Some(family) = catalogs.classifier.families().iter().find(|family| family.id == id) {
        return Ok(if is_json { pretty(&family_json(family)) } else { family_text(family) });
    }
    let is_named = |toggle: &&Toggle| toggle.name == id || toggle.name.split(" / ").any(|name| name == id);
    if let Some(toggle) = paths.toggles().iter().find(is_named) {
        return Ok(if is_json { pretty(&toggle_json(toggle)) } else { toggle_text(toggle) });
    }
    let ids = paths.entries().iter().map(|entry| entry.id.as_str());
    let ids = ids.chain(catalogs.classifier.families().iter().map(|family| family.id.as_str()));
    let ids = ids.chain(paths.toggles().iter().map(|toggle| toggle.name.as_str()));
    let help = nearest(id, ids).map_or_else(
        || "`profgate catalog list` shows every id".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Err(CliError::usage("no such entry in the catalogs", id, help))
}

/// An entry for machines.
pub fn path_json(paths: &PathCatalog, entry: &Entry) -> Value {
    let gpus: Vec<&str> = entry.gates.gpu.iter().map(|vendor| vendor.as_str()).collect();
    let libraries: Vec<&str> = entry.gates.libraries.iter().map(|one| one.as_str()).collect();
    let serves: Vec<&str> = entry.gates.serves.iter().map(|one| one.as_str()).collect();
    let stages: Vec<&str> = entry.gates.stages.iter().map(|stage| stage.as_str()).collect();
    json!({
        "path": entry.id,
        "name": entry.name,
        "kind": entry.kind.as_str(),
        "frameworks": entry.frameworks,
        "origin": entry.origin.as_str(),
        "pr": entry.pr,
        "as_of": entry.as_of.map(|date| date.to_string()),
        "check": entry.check,
        "summary": entry.summary,
        "told_by": if entry.claims() { "kernels" } else { "lookup" },
        "same_as": entry.same_as,
        "successor_of": entry.successor_of,
        "also": paths.kin(entry).map(|kin| kin.id.as_str()).collect::<Vec<_>>(),
        "on": paths.on_parts(entry),
        "split": paths.ladders(entry),
        "after": paths.after_parts(entry),
        "between": paths.between_parts(entry),
        "unless": paths.unless_parts(entry),
        "with": paths.with_parts(entry),
        "covers": paths.covered_parts(entry),
        "gates": {
            "tp": entry.gates.tp,
            "ep": entry.gates.ep,
            "models": entry.gates.models,
            "not_models": entry.gates.not_models,
            "quantisation": entry.gates.quantisation,
            "gpu": gpus,
            "backend": entry.gates.backend,
            "stages": stages,
            "libraries": libraries,
            "serves": serves,
        },
        "flags": { "on": entry.flags.on, "off": entry.flags.off },
        "toggles": paths.toggles_of(&entry.id).map(|toggle| toggle.name.as_str()).collect::<Vec<_>>(),
        "source_paths": entry.source_paths,
        "symbols": entry.symbols,
        "file": entry.file.display().to_string(),
        "line": entry.line,
    })
}

/// What an entry needs, each gate in words.
pub fn gates(entry: &Entry) -> Vec<String> {
    let gates = &entry.gates;
    let named = |values: Vec<&'static str>| values.into_iter().map(str::to_owned).collect::<Vec<String>>();
    [
        gates.tp.map(|tp| format!("tensor parallelism of {tp} or more")),
        gates.ep.map(|ep| format!("expert parallelism of {ep} or more")),
        listed("a model named", &gates.models),
        listed("no model named", &gates.not_models),
        listed("quantisation", &gates.quantisation),
        listed("a GPU of", &named(gates.gpu.iter().map(|one| one.as_str()).collect())),
        listed("the backend", &gates.backend),
        listed("the library", &named(gates.libraries.iter().map(|one| one.as_str()).collect())),
        listed("a model that makes", &named(gates.serves.iter().map(|one| one.makes()).collect())),
        listed("the phase", &named(gates.stages.iter().map(|one| one.as_str()).collect())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn listed(what: &str, values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| format!("{what} {}", values.join(" or ")))
}

fn path_text(paths: &PathCatalog, entry: &Entry) -> String {
    let owned = |parts: Vec<&str>| -> Vec<String> { parts.into_iter().map(str::to_owned).collect() };
    let told_by = if entry.claims() { "kernels" } else { "nothing in a trace: this entry informs" };
    let also = paths.kin(entry).map(|kin| {
        let pr = if kin.pr.is_empty() { String::new() } else { format!(", {}", kin.pr.join(", ")) };
        format!("{} ({}, {}{pr})", kin.id, kin.frameworks.join(" "), kin.origin.as_str())
    });
    let toggles = paths.toggles_of(&entry.id).map(|toggle| {
        format!("{} ({} {}): {}", toggle.name, toggle.framework, toggle.kind.as_str(), toggle.says())
    });
    let mut out = format!("{}\n{}\n{}\n\n", entry.id, entry.name, entry.summary);
    for (what, values) in [
        ("kind", vec![entry.kind.as_str().to_owned()]),
        ("frameworks", entry.frameworks.clone()),
        ("origin", vec![entry.origin.as_str().to_owned()]),
        ("pull request", entry.pr.clone()),
        ("as of", entry.as_of.iter().map(ToString::to_string).collect()),
        ("to check", entry.check.iter().cloned().collect()),
        ("told by", vec![told_by.to_owned()]),
        ("same as", entry.same_as.iter().cloned().collect()),
        ("takes over", entry.successor_of.clone()),
        ("also", also.collect()),
        ("fused kernel", owned(paths.on_parts(entry))),
        ("split", paths.ladders(entry)),
        ("split after", owned(paths.after_parts(entry))),
        ("may stand between", owned(paths.between_parts(entry))),
        ("split unless", owned(paths.unless_parts(entry))),
        ("split with", owned(paths.with_parts(entry))),
        ("hides", owned(paths.covered_parts(entry))),
        ("needs", gates(entry)),
        ("on with", entry.flags.on.clone()),
        ("off with", entry.flags.off.clone()),
        ("toggles", toggles.collect()),
        ("code", entry.source_paths.clone()),
        ("symbols", entry.symbols.clone()),
        ("examples", entry.examples.on.iter().map(|name| printable(name)).collect()),
        ("seen in", entry.examples.from.clone()),
        ("entry", vec![format!("{}:{}", entry.file.display(), entry.line)]),
    ] {
        fields(&mut out, what, &values);
    }
    out
}

/// A kernel family for machines.
pub fn family_json(family: &Family) -> Value {
    json!({
        "family": family.id,
        "name": family.name,
        "role": family.role.as_str(),
        "file": family.file.display().to_string(),
        "line": family.line,
    })
}

fn family_text(family: &Family) -> String {
    let mut out = format!("{}\n{}\n\n", family.id, family.name);
    let examples: Vec<String> = family
        .examples
        .r#match
        .iter()
        .map(|example| match &example.id {
            Some(id) => format!("{id}: {}", printable(&example.name)),
            None => printable(&example.name),
        })
        .collect();
    let rejects: Vec<String> = family.examples.reject.iter().map(|name| printable(name)).collect();
    for (what, values) in [
        ("role", vec![family.role.to_string()]),
        ("entry", vec![format!("{}:{}", family.file.display(), family.line)]),
        ("matches", examples),
        ("rejects", rejects),
    ] {
        fields(&mut out, what, &values);
    }
    out
}

/// A toggle for machines.
pub fn toggle_json(toggle: &Toggle) -> Value {
    json!({
        "toggle": toggle.name,
        "framework": toggle.framework,
        "kind": toggle.kind.as_str(),
        "affects": toggle.affects,
        "effect": toggle.effect,
        "opt_in": toggle.opt_in,
        "source_paths": toggle.source_paths,
        "file": toggle.file.display().to_string(),
        "line": toggle.line,
    })
}

fn toggle_text(toggle: &Toggle) -> String {
    let mut out = format!("{}\n{}\n\n", toggle.name, toggle.says());
    for (what, values) in [
        ("framework", vec![toggle.framework.clone()]),
        ("kind", vec![toggle.kind.as_str().to_owned()]),
        ("paths", toggle.affects.clone()),
        ("code", toggle.source_paths.clone()),
        ("entry", vec![format!("{}:{}", toggle.file.display(), toggle.line)]),
    ] {
        fields(&mut out, what, &values);
    }
    out
}
