//! The similarity note: what nearly is a path of the catalog, where exact matching says nothing.
//!
//! A hint, and never a row of a table. It needs something that the kernels or their call sites show, and a second
//! signal of another kind: one shared word, one file, or a model's name alone say nothing.

use super::catalog::{PathCatalog, group_of};
use super::entry::{Entry, Origin};
use super::gates::{Facts, Gate};
use super::ladder::Kind;
use super::parts::PartIx;
use super::sequence::Sequence;
use crate::triage::model::{PathRow, Similarity, Site};
use crate::triage::stage::Stage;

/// Kernels of other kinds that may stand between two rungs of what is only similar.
const MOST_BETWEEN: usize = 2;
/// How often a step must show the order: as often as a ladder.
const LEAST_ORDERS: usize = 2;
/// Hints that a stage gives at most; more is a list, and no note.
const MOST_HINTS: usize = 3;

/// What a stage shows beside the rows of its fuse table.
pub(super) struct Scene<'a> {
    pub stage: Stage,
    pub steps: u64,
    /// The kinds of kernels that ran in steps.
    pub kinds: &'a [Kind<'a>],
    /// What each stream ran in a step.
    pub sequences: &'a [Sequence<'a, 'a>],
    /// For each part, whether a kernel of its kind ran.
    pub ran: &'a [bool],
    /// CPU operators above the launches.
    pub ops: Vec<&'a str>,
    /// Source places of the launches.
    pub sites: Vec<&'a Site>,
    /// Rows that exact matching gave.
    pub rows: &'a [PathRow],
}

/// A signal, and whether kernels or call sites show it.
struct Signal {
    text: String,
    is_shown: bool,
}

/// Hints about paths that exact matching leaves out, best first.
pub(super) fn find(scene: &Scene<'_>, catalog: &PathCatalog, facts: &Facts<'_>) -> Vec<Similarity> {
    let is_told = |entry: &Entry| {
        let of =
            |row: &PathRow| catalog.entry(&row.path).is_some_and(|other| group_of(other) == group_of(entry));
        scene.rows.iter().any(of)
    };
    let mut hints: Vec<(usize, Similarity)> = Vec::new();
    for entry in catalog.entries() {
        let is_foreign = facts.framework != "unknown" && !entry.is_of(facts.framework);
        if is_foreign || entry.origin == Origin::Closed || is_told(entry) {
            continue;
        }
        if entry.gates.judge(facts) == Gate::Closed {
            continue;
        }
        let signals = signals(scene, catalog, entry, facts);
        let shown = signals.iter().filter(|signal| signal.is_shown).count();
        let level = match (shown, signals.len()) {
            (0, _) | (_, 0 | 1) => continue,
            (3.., _) => "high",
            (2, _) | (_, 3..) => "medium",
            _ => "low",
        };
        hints.push((
            shown * 10 + signals.len(),
            Similarity {
                stage: scene.stage,
                path: entry.id.clone(),
                level: level.to_owned(),
                signals: signals.into_iter().map(|signal| signal.text).collect(),
                by: None,
            },
        ));
    }
    hints.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.path.cmp(&b.1.path)));
    hints.into_iter().take(MOST_HINTS).map(|(_, hint)| hint).collect()
}

fn signals(scene: &Scene<'_>, catalog: &PathCatalog, entry: &Entry, facts: &Facts<'_>) -> Vec<Signal> {
    let shown = |text: String| Signal { text, is_shown: true };
    let told = |text: String| Signal { text, is_shown: false };
    let mut signals = Vec::new();
    if let Some((ladder, count)) = order(scene, entry) {
        let names: Vec<&str> = ladder.iter().map(|part| catalog.part_name(*part)).collect();
        signals.push(shown(format!(
            "producer-consumer order: {} with other kernels between, {count} a step",
            names.join(" → ")
        )));
    }
    if let Some((symbol, op)) = operator(scene, entry) {
        signals.push(shown(format!("CPU op: {op} is named after {symbol}")));
    }
    if let Some(place) = place(scene, entry) {
        signals.push(shown(format!("source location: {place}")));
    }
    if signals.is_empty() {
        return signals;
    }
    if entry.gates.tp.is_some() && facts.reduces {
        signals.push(told("TP context: an all-reduce shares the layers".to_owned()));
    }
    if let Some(model) = facts.model.filter(|_| !entry.gates.models.is_empty()) {
        // The gates are not closed, so that the name is one of those.
        signals.push(told(format!("model: {model}")));
    }
    signals
}

/// A ladder whose rungs come in order, each at most a few kernels behind the one before, and how often a step.
fn order<'e>(scene: &Scene<'_>, entry: &'e Entry) -> Option<(&'e [PartIx], usize)> {
    let runs = |part: &PartIx| scene.ran.get(part.0).copied().unwrap_or(false);
    let is_another_case =
        entry.unless.iter().any(runs) || !(entry.with.is_empty() || entry.with.iter().any(runs));
    if is_another_case || !entry.after.is_empty() {
        return None;
    }
    let steps = usize::try_from(scene.steps.max(1)).unwrap_or(1);
    entry
        .split
        .iter()
        .filter(|ladder| ladder.iter().all(runs))
        .map(|ladder| {
            let of = |sequence: &Sequence<'_, '_>| {
                let runs = usize::try_from(sequence.runs).unwrap_or(usize::MAX);
                loose(&sequence.kinds, ladder, &entry.on).saturating_mul(runs)
            };
            let found: usize = scene.sequences.iter().map(of).sum();
            (ladder.as_slice(), found / steps)
        })
        .filter(|(_, count)| *count >= LEAST_ORDERS)
        .max_by_key(|(ladder, count)| (*count, ladder.len()))
}

fn loose(sequence: &[&Kind<'_>], ladder: &[PartIx], on: &[PartIx]) -> usize {
    let (mut found, mut at) = (0, 0);
    while at < sequence.len() {
        match end_of(sequence, at, ladder, on) {
            Some(end) => {
                found += 1;
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

fn end_of(sequence: &[&Kind<'_>], start: usize, ladder: &[PartIx], on: &[PartIx]) -> Option<usize> {
    let mut at = start;
    if !sequence.get(at)?.is(*ladder.first()?) {
        return None;
    }
    let mut below: Vec<&str> = Vec::new();
    for part in ladder {
        let mut between = 0;
        loop {
            let kind = sequence.get(at)?;
            at += 1;
            if kind.is(*part) && !kind.is_any(on) && !below.contains(&kind.id) {
                below.push(kind.id);
                break;
            }
            between += 1;
            // What a matrix product made is no longer what the rung before it wrote.
            if below.is_empty() || kind.is_heavy || between > MOST_BETWEEN {
                return None;
            }
        }
    }
    Some(at)
}

/// An operator that launched kernels of the stage and is named by a symbol of the entry.
fn operator<'a>(scene: &'a Scene<'_>, entry: &'a Entry) -> Option<(&'a str, &'a str)> {
    entry.symbols.iter().filter(|symbol| symbol.len() >= 8).find_map(|symbol| {
        let op = scene.ops.iter().find(|op| op.rsplit("::").next().is_some_and(|name| name == symbol))?;
        Some((symbol.as_str(), *op))
    })
}

/// A call site in a function that the entry names, in a file that it names.
fn place(scene: &Scene<'_>, entry: &Entry) -> Option<String> {
    scene.sites.iter().find_map(|site| {
        let function = site.function.as_deref()?;
        let in_file =
            entry.source_paths.iter().any(|path| path.ends_with(&site.path) || site.path.ends_with(path));
        (in_file && entry.symbols.iter().any(|symbol| symbol == function))
            .then(|| format!("{} in {}", function, site.path))
    })
}
