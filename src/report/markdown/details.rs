//! The part of a comment that is looked up: layer diffs, the three tables, notes.

use std::fmt::Write;

use super::{MdCell, MdPre, triage};
use crate::common::text::count;
use crate::report::{markdown, words};
use crate::triage::StageTriage;
use crate::verdict::{CheckReport, LayerDiff, ScenarioReport};

/// Lines of a layer's diff that stand open; a longer one is folded.
const OPEN_LINES: usize = 40;

/// Lines of one layer's diff.
const DIFF_LINES: usize = 120;

/// Layer diffs that are shown.
const DIFFS: usize = 6;

fn has_changed(scenario: &ScenarioReport) -> bool {
    !scenario.findings.is_empty() || !scenario.improvements.is_empty()
}

/// What changed in the order of the layers.
pub fn layer_diffs(out: &mut String, report: &CheckReport) {
    let of = |scenario: &ScenarioReport| {
        if report.scenarios.len() > 1 {
            format!(" of {}", MdCell::new(&scenario.scenario))
        } else {
            String::new()
        }
    };
    let all: Vec<(&ScenarioReport, &LayerDiff)> = report
        .scenarios
        .iter()
        .filter(|scenario| has_changed(scenario))
        .flat_map(|scenario| scenario.layer_diff.iter().map(move |diff| (scenario, diff)))
        .collect();
    for (scenario, diff) in all.iter().take(DIFFS) {
        let title = format!("Layer {}{}, {}", MdCell::new(&diff.body), of(scenario), diff.stage.as_str());
        let text = MdPre::diff(&diff.text, DIFF_LINES);
        let _ = if diff.text.lines().count() <= OPEN_LINES {
            writeln!(out, "\n{title}:\n\n{text}")
        } else {
            writeln!(out, "\n<details><summary>{title}</summary>\n\n{text}\n\n</details>")
        };
    }
    let more = all.len().saturating_sub(DIFFS) as u64;
    if more > 0 {
        let _ = writeln!(out, "\n{} in `report.json`.", count(more, "more changed layer"));
    }
}

/// The three tables of each stage, and the choices made while reading, folded.
pub fn tables(out: &mut String, report: &CheckReport) {
    let min_share = report.policy.min_share;
    for scenario in report.scenarios.iter().filter(|scenario| has_changed(scenario)) {
        let ranks = scenario.triage.as_ref().map_or_else(String::new, words::of_one_rank);
        let mut folded = |title: &str, stage: &StageTriage, table: String| {
            let _ = writeln!(
                out,
                "\n<details><summary>{title} of {}, {}</summary>\n\n{ranks}{table}\n</details>",
                MdCell::new(&scenario.scenario),
                stage.stage.as_str(),
            );
        };
        let framework = scenario.triage.as_ref().map_or("unknown", |triage| &triage.framework);
        for stage in scenario.triage.iter().flat_map(|triage| &triage.stages) {
            folded(words::KERNEL_TABLE, stage, markdown::kernel_table(stage, framework, min_share));
            folded(words::OVERLAP_TABLE, stage, triage::overlaps(stage, min_share));
            folded(words::FUSE_TABLE, stage, triage::paths(stage, min_share));
        }
        if !scenario.notes.is_empty() {
            let _ =
                writeln!(out, "\n<details><summary>Notes on {}</summary>\n", MdCell::new(&scenario.scenario));
            for note in &scenario.notes {
                let _ = writeln!(out, "- {}", MdCell::new(note));
            }
            let _ = writeln!(out, "\n</details>");
        }
    }
}
