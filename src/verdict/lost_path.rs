//! What is said of a path that did not run, whether a baseline or a person expects it.

use crate::baseline::PathObservation;
use crate::common::text::times;
use crate::triage::paths::PathCatalog;

/// How often it ran in each of its forms.
pub fn ran_as(fused: u64, split: u64) -> String {
    let (fused, split) = (times(fused as f64), times(split as f64));
    format!("it ran fused {fused} and split into separate kernels {split}")
}

/// Its name for people, from what ran or else from the catalog.
pub fn name_of<'n>(path: &'n str, found: Option<&'n PathObservation>) -> &'n str {
    let entry = || PathCatalog::builtin().ok().and_then(|catalog| catalog.entry(path));
    found
        .map(|found| found.name.as_str())
        .or_else(|| entry().map(|entry| entry.name.as_str()))
        .unwrap_or(path)
}

/// What to look at: the flags that switch it, from what ran or else from the catalog; without flags, what it needs.
pub fn what_to_do(path: &str, found: Option<&PathObservation>) -> String {
    let (on, off) = match found {
        Some(found) => (found.flags_on.clone(), found.flags_off.clone()),
        None => {
            let entry = PathCatalog::builtin().ok().and_then(|catalog| catalog.entry(path));
            entry.map(|entry| (entry.flags.on.clone(), entry.flags.off.clone())).unwrap_or_default()
        }
    };
    let on = on.iter().map(|flag| format!("`{flag}` switches it on"));
    let off = off.iter().map(|flag| format!("`{flag}` switches it off"));
    let switches: Vec<String> = on.chain(off).collect();
    let needs = format!("`profgate catalog show {path}` says what it needs");
    if switches.is_empty() {
        format!("check shape, dtype and versions of the kernels around it; {needs}")
    } else {
        format!("check the server's flags: {}; {needs}", switches.join("; "))
    }
}
