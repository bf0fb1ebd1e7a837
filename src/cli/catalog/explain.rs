//! `profgate catalog match`: what a kernel's name is taken for, token by token.

use serde_json::{Value, json};

use super::args::{CatalogFormat, MatchArgs};
use super::{fields, pretty};
use crate::common::text::printable;
use crate::triage::classify::{Explanation, Family, NearMiss, contains_words};
use crate::triage::paths::PathCatalog;
use crate::triage::{Catalogs, Classifier};

/// A word of the name, where it stands, and what of the deciding entry it fits.
struct Token<'a> {
    text: &'a str,
    place: &'static str,
    fits: Vec<String>,
}

/// Renders the decision about a name.
pub fn render(catalogs: &Catalogs, args: &MatchArgs) -> String {
    let Catalogs { classifier, paths } = catalogs;
    let explanation = classifier.explain(&args.name);
    let family = explanation.class.family.as_ref();
    let family = family.and_then(|id| classifier.families().iter().find(|family| &family.id == id));
    match args.format {
        CatalogFormat::Text => text(&args.name, &explanation, family, classifier, paths),
        CatalogFormat::Json => pretty(&machine(&args.name, &explanation, family, classifier, paths)),
    }
}

/// Every word that matching sees, in order: namespaces and wrappers, the function, template arguments.
fn tokens(explanation: &Explanation) -> Vec<Token<'_>> {
    let groups = explanation.path.iter().map(|words| ("namespace", words));
    let groups = groups.chain(std::iter::once(("function", &explanation.words)));
    let groups = groups.chain(explanation.args.iter().map(|words| ("argument", words)));
    let mut tokens = Vec::new();
    for (place, words) in groups {
        let keys: &[&str] = match place {
            "namespace" => &["path"],
            "argument" => &["args"],
            _ => &["function", "all", "exactly"],
        };
        let mut of_group: Vec<Token<'_>> =
            words.iter().map(|text| Token { text, place, fits: Vec::new() }).collect();
        for reason in explanation.because.iter().filter(|reason| keys.contains(&reason.key)) {
            for value in &reason.values {
                let sequence: Vec<String> = value.split(' ').map(str::to_owned).collect();
                for at in 0..words.len() {
                    let window = words.get(at..at + sequence.len());
                    if window.is_some_and(|window| contains_words(window, &sequence)) {
                        let fitting = of_group.iter_mut().skip(at).take(sequence.len());
                        fitting.for_each(|token| token.fits.push(format!("{} `{value}`", reason.key)));
                    }
                }
            }
        }
        tokens.append(&mut of_group);
    }
    tokens
}

/// Tokens shown as text; JSON has all.
const SHOWN: usize = 40;

fn text(
    name: &str,
    explanation: &Explanation,
    family: Option<&Family>,
    classifier: &Classifier,
    paths: &PathCatalog,
) -> String {
    let class = &explanation.class;
    let mut out = format!("{}\n\n", printable(&class.canonical));
    let entry = family.map_or_else(
        || "none claims it".to_owned(),
        |family| format!("{} ({}:{}), {}", family.id, family.file.display(), family.line, family.name),
    );
    let because: Vec<String> = explanation
        .because
        .iter()
        .map(|reason| match reason.key {
            "not" => format!("not: none of `{}`", reason.values.join("`, `")),
            key => format!("{key}: `{}`", reason.values.join("`, `")),
        })
        .collect();
    let all = tokens(explanation);
    let mut told: Vec<String> = all
        .iter()
        .take(SHOWN)
        .map(|token| {
            let fits = if token.fits.is_empty() {
                String::new()
            } else {
                format!("  fits {}", token.fits.join(", "))
            };
            format!("{:9}  {}{fits}", token.place, token.text)
        })
        .collect();
    if all.len() > SHOWN {
        told.push(format!("{} more; --format json has all", all.len() - SHOWN));
    }
    for (what, values) in [
        ("kernel id", vec![class.id.clone()]),
        ("role", vec![class.role.to_string()]),
        ("entry", vec![entry]),
        ("because", because),
        ("looked through", explanation.carriers.clone()),
        ("function", vec![explanation.function.clone()]),
        ("its words", vec![explanation.words.join(" ")]),
        ("tokens", told),
        ("element types", explanation.dtypes.clone()),
        ("nearly", explanation.near.iter().map(near).collect()),
        ("parts", paths.parts_of(name, classifier).into_iter().map(str::to_owned).collect()),
    ] {
        let values: Vec<String> = values.iter().map(|value| printable(value)).collect();
        fields(&mut out, what, &values);
    }
    let uses = paths.uses_of(name, classifier);
    let uses: Vec<String> = uses
        .iter()
        .map(|one| {
            if one.is_on {
                format!("{}: its fused kernel", one.path)
            } else {
                format!("{}: a rung of {}", one.path, one.rungs.join("; "))
            }
        })
        .collect();
    fields(&mut out, "paths", &uses);
    if uses.is_empty() {
        out.push_str("No path looks for it.\n");
    }
    out
}

fn near(near: &NearMiss) -> String {
    if near.shadowed {
        return format!("{} fits too, and stands behind it", near.family);
    }
    let keys = |holds: bool| -> String { keys(near, holds).join(", ") };
    format!("{}: {} would hold, {} not", near.family, keys(true), keys(false))
}

fn keys(near: &NearMiss, holds: bool) -> Vec<&'static str> {
    near.checks.iter().filter(|check| check.holds == holds).map(|check| check.key).collect()
}

fn machine(
    name: &str,
    explanation: &Explanation,
    family: Option<&Family>,
    classifier: &Classifier,
    paths: &PathCatalog,
) -> Value {
    let class = &explanation.class;
    let uses = paths.uses_of(name, classifier);
    json!({
        "name": name,
        "canonical": class.canonical,
        "kernel": class.id,
        "role": class.role.as_str(),
        "family": family.map(|family| json!({
            "family": family.id,
            "name": family.name,
            "file": family.file.display().to_string(),
            "line": family.line,
        })),
        "because": explanation.because.iter().map(|reason| json!({
            "key": reason.key,
            "values": reason.values,
        })).collect::<Vec<Value>>(),
        "looked_through": explanation.carriers,
        "function": explanation.function,
        "tokens": tokens(explanation).iter().map(|token| json!({
            "token": token.text,
            "place": token.place,
            "fits": token.fits,
        })).collect::<Vec<Value>>(),
        "element_types": explanation.dtypes,
        "near": explanation.near.iter().map(|near| json!({
            "family": near.family,
            "fits_too": near.shadowed,
            "hold": keys(near, true),
            "fail": keys(near, false),
        })).collect::<Vec<Value>>(),
        "parts": paths.parts_of(name, classifier),
        "paths": uses.iter().map(|one| json!({
            "path": one.path,
            "is_on": one.is_on,
            "rungs": one.rungs,
        })).collect::<Vec<Value>>(),
    })
}
