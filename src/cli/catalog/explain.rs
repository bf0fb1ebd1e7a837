//! `profgate catalog match`: why a name is what it is.

use super::fields;
use crate::common::text::printable;
use crate::triage::Catalogs;
use crate::triage::classify::{Check, Explanation, NearMiss};

/// What a kernel is, which entry decided, and which paths look for it.
pub fn render(catalogs: &Catalogs, name: &str) -> String {
    let Catalogs { classifier, paths } = catalogs;
    let explanation = classifier.explain(name);
    let class = &explanation.class;
    let mut out = format!("{}\n\n", printable(&class.canonical));
    let family = class.family.as_ref().and_then(|id| {
        let family = classifier.families().iter().find(|family| &family.id == id)?;
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
    let parts: Vec<String> = paths.parts_of(name, classifier).into_iter().map(str::to_owned).collect();
    fields(&mut out, "parts", &parts);
    let uses = paths.uses_of(name, classifier);
    let lines: Vec<String> = uses
        .iter()
        .map(|one| {
            if one.is_on {
                format!("{}: its fused kernel", one.path)
            } else {
                format!("{}: a rung of {}", one.path, one.rungs.join("; "))
            }
        })
        .collect();
    fields(&mut out, "paths", &lines);
    if lines.is_empty() {
        out.push_str("No path looks for it.\n");
    }
    out
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
