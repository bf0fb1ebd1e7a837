//! One capture's three tables as Markdown.

use std::fmt::Write;

use super::{MdCell, MdCode};
use crate::common::text::count;
use crate::report::ranks::{self, StageRanks};
use crate::report::unit::{TimeUnit, percent};
use crate::report::{markdown, select, words};
use crate::triage::{StageTriage, Triage};

/// Renders a capture's header, its kernel, overlap and fuse tables, and what they rest on.
pub fn triage(triage: &Triage, min_share: f64) -> String {
    let mut out = String::new();
    for (what, value) in words::header(triage) {
        let _ = writeln!(out, "- {what}: {}", MdCell::new(&value));
    }
    section(&mut out, triage, words::KERNEL_TABLE, |stage| {
        markdown::kernel_table(stage, &triage.framework, min_share)
    });
    section(&mut out, triage, words::OVERLAP_TABLE, |stage| overlaps(stage, min_share));
    section(&mut out, triage, words::FUSE_TABLE, |stage| paths(stage, min_share));
    let _ = writeln!(out, "\n**Conclusion:** {}", MdCell::new(&triage.conclusion));
    let _ = writeln!(out, "\n{}", words::overlap_evidence(triage));
    for line in words::news(triage) {
        let _ = writeln!(out, "\n{}", MdCell::new(&line));
    }
    if !triage.similarity.is_empty() {
        let _ = writeln!(out, "\n## {}\n", words::SIMILARITY);
        for hint in &triage.similarity {
            let _ = writeln!(
                out,
                "- {} in {}: {}. {}{}",
                MdCode::new(&hint.path),
                hint.stage.as_str(),
                MdCell::new(&hint.level),
                MdCell::new(&hint.signals.join("; ")),
                MdCell::new(&words::written_in(hint))
            );
        }
    }
    if let Some(compared) = &triage.ranks {
        let _ = writeln!(out, "\n## {}\n\n{}", ranks::RANKS, ranks::intro(compared));
        for stage in ranks::stages(compared, min_share) {
            let _ = write!(out, "{}", of_ranks(&stage));
        }
    }
    if !triage.notes.is_empty() {
        let _ = writeln!(out, "\nChoices made while reading:\n");
        for note in &triage.notes {
            let _ = writeln!(out, "- {}", MdCell::new(note));
        }
    }
    if !triage.health.is_empty() {
        let _ = writeln!(out, "\nThe capture is not clean:\n");
        for entry in &triage.health {
            let _ = writeln!(out, "- {}", MdCell::new(&words::health(entry)));
        }
    }
    out
}

fn section(out: &mut String, triage: &Triage, title: &str, table: impl Fn(&StageTriage) -> String) {
    let _ = writeln!(out, "\n## {title}");
    if triage.stages.is_empty() {
        let _ = writeln!(out, "\n{}", words::NO_STAGE);
    }
    for stage in &triage.stages {
        if triage.stages.len() > 1 {
            let _ = writeln!(out, "\n### {}", stage.stage.as_str());
        }
        let _ = write!(out, "\n{}", table(stage));
    }
}

pub fn overlaps(stage: &StageTriage, min_share: f64) -> String {
    let rows = select::overlaps(stage, min_share);
    if rows.is_empty() {
        return format!("{}\n", words::no_overlap(min_share));
    }
    let unit = TimeUnit::of_column(rows.iter().map(|row| row.exposed_ns));
    let symbol = unit.symbol();
    let mut out = format!(
        "| Kernel | Role | Verdict | Dependency risk | At most {symbol}/step | Alone {symbol}/step | Hidden | Hidden by | Recommendation | Path |\n\
         |:--|:--|:--|:--|--:|--:|--:|:--|:--|:--|\n",
    );
    for row in rows {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            MdCode::new(&row.kernel),
            row.role.as_str(),
            MdCell::new(&row.verdict),
            MdCell::new(&words::risk(row)),
            unit.number(row.headroom_ns),
            unit.number(row.exposed_ns),
            percent(row.hidden_pct),
            MdCell::new(&words::hidden_by(row)),
            MdCell::new(&row.recommendation),
            row.path.as_deref().map_or_else(String::new, |path| MdCode::new(path).to_string()),
        );
    }
    out
}

pub fn paths(stage: &StageTriage, min_share: f64) -> String {
    let (rows, below) = select::paths(stage, min_share);
    if rows.is_empty() {
        return format!("{}\n", words::no_path(below, min_share));
    }
    let unit = TimeUnit::of_column(rows.iter().map(|row| row.related_ns));
    let mut out = format!(
        "| Path | State | Fused/step | Split/step | Total {} | Share | Class | Evidence | Where | What switches it | Elsewhere |\n\
         |:--|:--|--:|--:|--:|--:|:--|:--|:--|:--|:--|\n",
        unit.symbol()
    );
    for row in rows {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            MdCell::new(&row.name),
            row.state.as_str(),
            row.fused,
            row.split,
            unit.number(row.related_ns),
            percent(row.share_pct),
            MdCell::new(&row.class),
            MdCell::new(&words::quoted(&row.evidence)),
            MdCell::new(&words::quoted(&row.locations)),
            MdCell::new(&words::switches(row)),
            MdCell::new(&words::also(row)),
        );
    }
    if below > 0 {
        let _ = writeln!(out, "\n{} below the cut.", count(below, "more path"));
    }
    out
}

fn of_ranks(stage: &StageRanks) -> String {
    let unit = stage.unit.symbol();
    let mut out = format!("\n### {}\n", stage.stage.as_str());
    if !stage.collectives.is_empty() {
        let _ = writeln!(
            out,
            "\n| Collective | Cost {unit}/step | Least waiting {unit} | Rank | Most waiting {unit} | Rank |\n\
             |:--|--:|--:|--:|--:|--:|"
        );
        for row in &stage.collectives {
            let name = MdCode::new(&row.kernel);
            let note = row.note.as_ref().map_or_else(String::new, |note| format!(", {}", MdCell::new(note)));
            let _ = writeln!(out, "| {name}{note} | {} |", row.cells.join(" | "));
        }
    }
    if !stage.roles.is_empty() {
        let _ = writeln!(
            out,
            "\n| Role | Least {unit}/step | Median {unit} | Most {unit} | Least on rank | Most on rank |\n\
             |:--|--:|--:|--:|--:|--:|"
        );
        for row in &stage.roles {
            let _ = writeln!(out, "| {} |", row.join(" | "));
        }
    }
    for sentence in &stage.sentences {
        let _ = writeln!(out, "\n{}", sentence);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::triage::Stage;

    #[test]
    fn the_three_tables_come_in_order() {
        insta::assert_snapshot!("triage", triage(&fixture::triage(), 1.0));
    }

    #[test]
    fn several_ranks_are_compared_below_the_tables() {
        let mut two = fixture::triage();
        two.ranks = Some(ranks::example());
        let text = triage(&two, 1.0);
        insta::assert_snapshot!("ranks", text.split_once("## Ranks\n").unwrap().1);
    }

    fn assert_stays_in_its_cell(name: &str) {
        let cells = |text: &str| {
            text.lines()
                .filter(|line| line.starts_with('|'))
                .map(|line| line.matches('|').count())
                .collect::<Vec<_>>()
        };
        let plain = triage(&fixture::hostile_triage("plain"), 1.0);
        let text = triage(&fixture::hostile_triage(name), 1.0);
        assert_eq!(cells(&text), cells(&plain), "{text}");
        assert!(!text.contains('@') && !text.contains("<!--") && !text.contains("<img"), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{2066}', '\r', '\u{0}']), "{text}");
    }

    #[test]
    fn no_name_leaves_its_cell() {
        for name in fixture::HOSTILE {
            assert_stays_in_its_cell(name);
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]
        #[test]
        fn no_name_at_all_leaves_its_cell(name in fixture::any_name()) {
            assert_stays_in_its_cell(&name);
        }
    }

    #[test]
    fn stages_have_headings_when_there_are_several() {
        let mut two = fixture::triage();
        two.stages.insert(0, fixture::stage(Stage::Prefill, Vec::new()));
        let text = triage(&two, 1.0);
        assert_eq!(text.matches("\n### prefill\n").count(), 3, "{text}");
        assert!(text.contains("### prefill\n\nNo GPU activity was recorded."), "{text}");
    }
}
