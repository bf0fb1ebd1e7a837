//! `profgate catalog`: what is known of kernels and paths, and why a name matches.

use std::fmt::Write;

use serde_json::{Value, json};

use super::args::{CatalogArgs, CatalogCommand, CatalogFormat};
use super::context::Context;
use super::error::CliError;
use crate::common::text::{nearest, printable};
use crate::triage::Classifier;
use crate::triage::classify::{Check, Explanation, Family, NearMiss};
use crate::triage::paths::{Entry, PathCatalog};

/// The catalogs, as commands see them.
struct Catalogs {
    classifier: Classifier,
    paths: &'static PathCatalog,
}

/// Prints entries of the catalogs, or what they say of a kernel's name.
pub fn run(args: &CatalogArgs, context: &Context) -> Result<u8, CliError> {
    let catalogs = Catalogs {
        classifier: context.classifier()?,
        paths: PathCatalog::builtin().map_err(|error| CliError::yaml("built-in catalog", error))?,
    };
    let text = match &args.command {
        CatalogCommand::List(list) => catalogs.list(!list.kernels, !list.paths, list.format),
        CatalogCommand::Show(show) => catalogs.show(&show.id, show.format)?,
        CatalogCommand::Match(name) => catalogs.explain(&name.name),
    };
    context.print(&text)?;
    Ok(0)
}

impl Catalogs {
    fn list(&self, with_paths: bool, with_kernels: bool, format: CatalogFormat) -> String {
        let paths = || self.paths.entries().iter().filter(|_| with_paths);
        let families = || self.classifier.families().iter().filter(|_| with_kernels);
        if format == CatalogFormat::Json {
            return pretty(&json!({
                "paths": paths().map(|entry| self.path_json(entry)).collect::<Vec<Value>>(),
                "kernels": families().map(family_json).collect::<Vec<Value>>(),
            }));
        }
        let mut rows: Vec<[String; 4]> = Vec::new();
        for entry in paths() {
            let origin = format!("{} {}", entry.kind.as_str(), entry.origin.as_str());
            rows.push([entry.id.clone(), origin, entry.frameworks.join(" "), entry.name.clone()]);
        }
        for family in families() {
            rows.push([
                family.id.clone(),
                "kernels".to_owned(),
                family.role.to_string(),
                family.name.clone(),
            ]);
        }
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let (first, second, third) = (width(0), width(1), width(2));
        let mut out = String::new();
        for [id, what, whose, name] in &rows {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{id:first$}  {what:second$}  {whose:third$}  {name}");
        }
        out
    }

    fn show(&self, id: &str, format: CatalogFormat) -> Result<String, CliError> {
        if let Some(entry) = self.paths.entry(id) {
            return Ok(match format {
                CatalogFormat::Json => pretty(&self.path_json(entry)),
                CatalogFormat::Text => self.path_text(entry),
            });
        }
        if let Some(family) = self.classifier.families().iter().find(|family| family.id == id) {
            return Ok(match format {
                CatalogFormat::Json => pretty(&family_json(family)),
                CatalogFormat::Text => family_text(family),
            });
        }
        let ids = self.paths.entries().iter().map(|entry| entry.id.as_str());
        let ids = ids.chain(self.classifier.families().iter().map(|family| family.id.as_str()));
        let help = nearest(id, ids).map_or_else(
            || "`profgate catalog list` shows every id".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        Err(CliError::usage("no such entry in the catalogs", id, help))
    }

    fn path_json(&self, entry: &Entry) -> Value {
        let gpus: Vec<&str> = entry.gates.gpu.iter().map(|vendor| vendor.as_str()).collect();
        json!({
            "path": entry.id,
            "name": entry.name,
            "kind": entry.kind.as_str(),
            "frameworks": entry.frameworks,
            "origin": entry.origin.as_str(),
            "pr": entry.pr,
            "summary": entry.summary,
            "variant_of": entry.variant_of,
            "on": self.paths.on_parts(entry),
            "split": self.paths.ladders(entry),
            "after": self.paths.after_parts(entry),
            "unless": self.paths.unless_parts(entry),
            "gates": {
                "tp": entry.gates.tp,
                "models": entry.gates.models,
                "quantisation": entry.gates.quantisation,
                "gpu": gpus,
            },
            "flags": { "on": entry.flags.on, "off": entry.flags.off },
            "source_paths": entry.source_paths,
        })
    }

    fn path_text(&self, entry: &Entry) -> String {
        let gates = [
            entry.gates.tp.map(|tp| format!("tensor parallelism of {tp} or more")),
            listed("a model named", &entry.gates.models),
            listed("quantisation", &entry.gates.quantisation),
            listed(
                "a GPU of",
                &entry.gates.gpu.iter().map(|one| one.as_str().to_owned()).collect::<Vec<_>>(),
            ),
        ];
        let gates: Vec<String> = gates.into_iter().flatten().collect();
        let owned = |parts: Vec<&str>| -> Vec<String> { parts.into_iter().map(str::to_owned).collect() };
        let mut out = format!("{}\n{}\n{}\n\n", entry.id, entry.name, entry.summary);
        for (what, values) in [
            ("kind", vec![entry.kind.as_str().to_owned()]),
            ("frameworks", entry.frameworks.clone()),
            ("origin", vec![entry.origin.as_str().to_owned()]),
            ("pull request", entry.pr.clone()),
            ("variant of", entry.variant_of.iter().cloned().collect()),
            ("fused kernel", owned(self.paths.on_parts(entry))),
            ("split", self.paths.ladders(entry)),
            ("split after", owned(self.paths.after_parts(entry))),
            ("split unless", owned(self.paths.unless_parts(entry))),
            ("needs", gates),
            ("on with", entry.flags.on.clone()),
            ("off with", entry.flags.off.clone()),
            ("code", entry.source_paths.clone()),
            ("examples", entry.examples.on.iter().map(|name| printable(name)).collect()),
        ] {
            fields(&mut out, what, &values);
        }
        out
    }

    fn explain(&self, name: &str) -> String {
        let explanation = self.classifier.explain(name);
        let class = &explanation.class;
        let mut out = format!("{}\n\n", printable(&class.canonical));
        let family = class.family.as_ref().and_then(|id| {
            let family = self.classifier.families().iter().find(|family| &family.id == id)?;
            Some(format!("{id} ({}:{}), {}", family.file.display(), family.line, family.name))
        });
        let path: Vec<String> = explanation.path.iter().map(|words| words.join(" ")).collect();
        for (what, values) in [
            ("kernel id", vec![class.id.clone()]),
            ("role", vec![class.role.to_string()]),
            ("entry", vec![family.unwrap_or_else(|| "none claims it".to_owned())]),
            ("because", because(&explanation)),
            ("looked through", explanation.carriers.clone()),
            ("function", vec![explanation.function.clone()]),
            ("its words", vec![explanation.words.join(" ")]),
            ("namespaces", path),
            ("element types", explanation.dtypes.clone()),
            ("nearly", explanation.near.iter().map(near).collect()),
        ] {
            let values: Vec<String> = values.iter().map(|value| printable(value)).collect();
            fields(&mut out, what, &values);
        }
        let parts: Vec<String> =
            self.paths.parts_of(name, &self.classifier).into_iter().map(str::to_owned).collect();
        fields(&mut out, "parts", &parts);
        let uses = self.paths.uses_of(name, &self.classifier);
        let paths: Vec<String> = uses
            .iter()
            .map(|one| {
                if one.is_on {
                    format!("{}: its fused kernel", one.path)
                } else {
                    format!("{}: a rung of {}", one.path, one.rungs.join("; "))
                }
            })
            .collect();
        fields(&mut out, "paths", &paths);
        if paths.is_empty() {
            out.push_str("No path looks for it.\n");
        }
        out
    }
}

fn because(explanation: &Explanation) -> Vec<String> {
    let keys: Vec<&str> = explanation.because.iter().map(|check| check.key).collect();
    if keys.is_empty() { Vec::new() } else { vec![format!("its {} hold", keys.join(", "))] }
}

fn near(near: &NearMiss) -> String {
    if near.shadowed {
        return format!("{} fits too, and stands behind it", near.family);
    }
    let keys = |holds: bool| -> String {
        let keys: Vec<&str> =
            near.checks.iter().filter(|check: &&Check| check.holds == holds).map(|check| check.key).collect();
        keys.join(", ")
    };
    format!("{}: {} would hold, {} not", near.family, keys(true), keys(false))
}

fn listed(what: &str, values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| format!("{what} {}", values.join(" or ")))
}

/// A name and its values, one a line; nothing when there is none.
fn fields(out: &mut String, what: &str, values: &[String]) {
    for (index, value) in values.iter().enumerate() {
        let what = if index == 0 { what } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{what:14}  {value}");
    }
}

fn family_json(family: &Family) -> Value {
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

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
