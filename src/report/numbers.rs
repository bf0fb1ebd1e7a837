//! What else the rows of two baselines say: numbers that no sum of a step shows and that a verdict rests on.

use super::changes::side;
use crate::baseline::{
    Baseline, Change, ExpectedLayers, ExpectedOverlap, ExpectedPath, ExpectedRow, ExpectedStage,
    ExpectedSteps, compare,
};
use crate::common::text::{digits3, launches};
use crate::triage::Stage;
use std::collections::BTreeSet;

/// A row's key and what stands behind it; `None` where the row does not have the key.
type Field = (&'static str, Option<String>);

/// The lines of all rows that both baselines have and that differ in more than time and launches of a step; empty
/// when none does. Each line names every key that differs, with its value on both sides.
pub fn lines(before: &Baseline, after: &Baseline) -> Vec<String> {
    let captures = |one: &Baseline| one.recorded.captures.unwrap_or(1).to_string();
    let mut lines = Vec::new();
    lines.extend(side("captures", Some(&captures(before)), Some(&captures(after))));
    for (stage, one) in &before.stages {
        let Some(other) = after.stages.get(stage) else { continue };
        let rows = stage_lines(*stage, one, other, after);
        if !rows.is_empty() {
            lines.push(format!("  stage {}, numbers beside time and launches of a step", stage.as_str()));
            lines.extend(rows);
        }
    }
    lines
}

fn stage_lines(stage: Stage, old: &ExpectedStage, new: &ExpectedStage, after: &Baseline) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(differing("steps", of_steps(&old.steps.value), &of_steps(&new.steps.value)));
    let observation = after.observation();
    let counted: BTreeSet<String> = observation.stages.get(&stage).map_or_else(BTreeSet::new, |observed| {
        let rows = compare(old, observed).rows.into_iter();
        rows.filter(|row| row.change == Change::Count).map(|row| row.kernel).collect()
    });
    for row in old.kernels.iter().map(|row| &row.value) {
        let Some(other) = new.kernels.iter().find(|other| other.value.kernel == row.kernel) else { continue };
        let mut fields = of_row(row);
        // Another number of launches is told with what it costs.
        fields.retain(|(key, _)| *key != "launches" || !counted.contains(&row.kernel));
        lines.extend(differing(&row.kernel, fields, &of_row(&other.value)));
    }
    for row in old.paths.iter().map(|row| &row.value) {
        let Some(other) = new.paths.iter().find(|other| other.value.path == row.path) else { continue };
        lines.extend(differing(&format!("path {}", row.path), of_path(row), &of_path(&other.value)));
    }
    for row in old.overlaps.iter().map(|row| &row.value) {
        let Some(other) = new.overlaps.iter().find(|other| other.value.role == row.role) else { continue };
        let name = format!("overlap of {}", row.role.as_str());
        let fields = of_overlap(row);
        lines.extend(differing(&name, fields, &of_overlap(&other.value)));
    }
    let layers = |one: &ExpectedStage| of_layers(one.layers.as_ref().map(|layers| &layers.value));
    lines.extend(differing("layers", layers(old), &layers(new)));
    lines
}

fn differing(subject: &str, old: Vec<Field>, new: &[Field]) -> Option<String> {
    let parts: Vec<String> = old
        .into_iter()
        .filter_map(|(key, before)| {
            let after = new.iter().find(|(other, _)| *other == key).and_then(|(_, value)| value.clone());
            (before != after).then(|| {
                let word = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
                format!("{key} {} → {}", word(before), word(after))
            })
        })
        .collect();
    (!parts.is_empty()).then(|| format!("!   {subject}: {}", parts.join(", ")))
}

/// How far a number moved between captures, and of how many it is the median: all of the file, or fewer.
fn band(mad_us: f64, n: Option<u32>) -> [Field; 2] {
    [("mad-us", Some(digits3(mad_us))), ("n", Some(n.map_or("all".to_owned(), |n| n.to_string())))]
}

fn of_steps(steps: &ExpectedSteps) -> Vec<Field> {
    let mut fields = vec![
        ("found-by", Some(steps.found_by.as_str().to_owned())),
        ("activities", Some(launches(steps.activities))),
    ];
    fields.extend(band(steps.mad_us, steps.n));
    fields
}

fn of_row(row: &ExpectedRow) -> Vec<Field> {
    let mut fields = vec![
        ("role", Some(row.role.as_str().to_owned())),
        ("launches", Some(launches(row.launches))),
        ("spread", Some(launches(row.spread))),
    ];
    fields.extend(band(row.mad_us, row.n));
    fields.extend([
        ("each-us", Some(digits3(row.each_us))),
        ("each-mad-us", Some(digits3(row.each_mad_us))),
        ("share", Some(digits3(row.share))),
        ("level", row.level.map(|level| level.as_str().to_owned())),
    ]);
    fields
}

fn of_path(path: &ExpectedPath) -> Vec<Field> {
    let kernels = (!path.kernels.is_empty()).then(|| path.kernels.join(" "));
    vec![("kernels", kernels), ("level", path.level.map(|level| level.as_str().to_owned()))]
}

fn of_overlap(overlap: &ExpectedOverlap) -> Vec<Field> {
    let mut fields = vec![("hidden-by", overlap.hidden_by.map(|role| role.as_str().to_owned()))];
    fields.extend(band(overlap.mad_us, overlap.n));
    fields.extend([
        ("at-most", overlap.at_most.map(digits3)),
        ("level", overlap.level.map(|level| level.as_str().to_owned())),
    ]);
    fields
}

fn of_layers(layers: Option<&ExpectedLayers>) -> Vec<Field> {
    vec![("count", layers.map(|layers| layers.count.to_string()))]
}
