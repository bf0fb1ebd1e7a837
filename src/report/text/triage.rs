//! One capture's three tables for a terminal.

use super::page::{Page, Table, Tone};
use crate::common::text::{count, launches};
use crate::report::ranks::{self, StageRanks};
use crate::report::select;
use crate::report::unit::{TimeUnit, percent};
use crate::report::words::{self, Spelling};
use crate::triage::{StageTriage, Triage};

/// Renders a capture's header, its kernel, overlap and fuse tables, and what they rest on.
pub fn triage(triage: &Triage, min_share: f64, width: usize, color: bool) -> String {
    let mut page = Page::new(width, color);
    for (what, value) in words::header(triage) {
        page.item(Tone::Strong, &format!("{what}: "), 4, &value);
    }
    section(&mut page, triage, words::KERNEL_TABLE, |page, stage| {
        kernels(page, (stage, &triage.framework), min_share, width)
    });
    section(&mut page, triage, words::OVERLAP_TABLE, |page, stage| overlaps(page, stage, min_share));
    section(&mut page, triage, words::FUSE_TABLE, |page, stage| paths(page, stage, min_share));
    page.blank();
    page.item(Tone::Strong, "Conclusion: ", 4, &triage.conclusion);
    page.paragraph(&words::overlap_evidence(triage));
    for line in words::news(triage) {
        page.paragraph(&line);
    }
    if !triage.similarity.is_empty() {
        page.blank();
        page.heading(words::SIMILARITY);
        for hint in &triage.similarity {
            let text = format!(
                "{} in {}: {}. {}{}",
                hint.path,
                hint.stage.as_str(),
                hint.level,
                hint.signals.join("; "),
                words::written_in(hint)
            );
            page.item(Tone::Plain, "  ", 4, &text);
        }
    }
    if let Some(compared) = &triage.ranks {
        page.blank();
        page.heading(ranks::RANKS);
        page.paragraph(&ranks::intro(compared));
        for stage in ranks::stages(compared, min_share) {
            of_ranks(&mut page, &stage);
        }
    }
    for entry in &triage.health {
        page.item(Tone::Warning, "health: ", 4, &words::health(entry));
    }
    page.into_text()
}

fn section(page: &mut Page, triage: &Triage, title: &str, table: impl Fn(&mut Page, &StageTriage)) {
    page.blank();
    page.heading(title);
    if triage.stages.is_empty() {
        page.paragraph(words::NO_STAGE);
    }
    for stage in &triage.stages {
        if triage.stages.len() > 1 {
            page.blank();
            page.heading(&format!("{}:", stage.stage.as_str()));
        }
        table(page, stage);
    }
}

/// From this width on, places and operators have columns; on a narrower page they stand below their row.
const WIDE: usize = 150;

fn kernels(page: &mut Page, (stage, framework): (&StageTriage, &str), min_share: f64, width: usize) {
    let cut = select::kernels(stage, min_share);
    if !cut.rows.is_empty() {
        let per_step = TimeUnit::of_column(cut.rows.iter().map(|row| row.per_step_ns));
        let total = TimeUnit::of_column(cut.rows.iter().map(|row| row.total_ns));
        let mut table = Table::default()
            .words("kernel", 0)
            .words("role", 1)
            .numbers("launches/step", 0)
            .numbers(&format!("{}/step", per_step.symbol()), 0)
            .numbers(&format!("total {}", total.symbol()), 3)
            .numbers("share", 0)
            .numbers(&format!("exclusive {}", total.symbol()), 4)
            .numbers(&format!("hidden {}", total.symbol()), 2);
        let is_wide = width >= WIDE;
        if is_wide {
            table = table.words(words::LOCATION, 5).words("CPU op", 6);
        }
        let has_places = stage.kernels.iter().any(|row| !row.sites.is_empty());
        for row in &cut.rows {
            let mut notes = Vec::new();
            if !is_wide && has_places {
                notes.push(format!("{}: {}", words::LOCATION, words::location(row, Spelling::Whole)));
            }
            if !is_wide && !row.cpu_ops.is_empty() {
                notes.push(format!("CPU op: {}", words::operators(row, Spelling::Short)));
            }
            table.push(
                vec![
                    row.kernel.clone(),
                    row.role.as_str().to_owned(),
                    launches(row.launches_per_step),
                    per_step.number(row.per_step_ns),
                    total.number(row.total_ns),
                    percent(row.share_pct),
                    total.number(row.exclusive_ns),
                    total.number(row.hidden_ns),
                    words::location(row, Spelling::Short),
                    words::operators(row, Spelling::Short),
                ],
                notes,
            );
        }
        page.table(&table);
    }
    page.paragraph(&select::below(&cut, min_share));
    if !cut.rows.is_empty() {
        page.paragraph(words::TIMES);
    }
    for line in words::attribution(stage, framework) {
        page.paragraph(&line);
    }
}

fn overlaps(page: &mut Page, stage: &StageTriage, min_share: f64) {
    let rows = select::overlaps(stage, min_share);
    if rows.is_empty() {
        page.paragraph(&words::no_overlap(min_share));
        return;
    }
    let unit = TimeUnit::of_column(rows.iter().map(|row| row.exposed_ns));
    let mut table = Table::default()
        .words("kernel", 0)
        .words("role", 5)
        .words("verdict", 0)
        .words("risk", 1)
        .numbers(&format!("at most {}/step", unit.symbol()), 0)
        .numbers(&format!("alone {}/step", unit.symbol()), 3)
        .numbers("hidden", 2)
        .words("hidden by", 4);
    for row in rows {
        let mut notes = Vec::new();
        if !row.recommendation.is_empty() {
            notes.push(row.recommendation.clone());
        }
        table.push(
            vec![
                row.kernel.clone(),
                row.role.as_str().to_owned(),
                row.verdict.clone(),
                row.dependency_risk.clone(),
                unit.number(row.headroom_ns),
                unit.number(row.exposed_ns),
                percent(row.hidden_pct),
                words::hidden_by(row),
            ],
            notes,
        );
    }
    page.table(&table);
}

fn paths(page: &mut Page, stage: &StageTriage, min_share: f64) {
    let (rows, below) = select::paths(stage, min_share);
    if rows.is_empty() {
        page.paragraph(&words::no_path(below, min_share));
        return;
    }
    let unit = TimeUnit::of_column(rows.iter().map(|row| row.related_ns));
    let mut table = Table::default()
        .words("path", 0)
        .words("state", 0)
        .numbers("fused/step", 0)
        .numbers("split/step", 0)
        .numbers(&format!("total {}", unit.symbol()), 3)
        .numbers("share", 2)
        .words("class", 1);
    for row in rows {
        let mut notes = Vec::new();
        for (what, names) in [("evidence", &row.evidence), ("where", &row.locations)] {
            if !names.is_empty() {
                notes.push(format!("{what}: {}", words::quoted(names)));
            }
        }
        notes.extend([words::switches(row), words::also(row)].into_iter().filter(|note| !note.is_empty()));
        table.push(
            vec![
                row.name.clone(),
                row.state.as_str().to_owned(),
                row.fused.to_string(),
                row.split.to_string(),
                unit.number(row.related_ns),
                percent(row.share_pct),
                row.class.clone(),
            ],
            notes,
        );
    }
    page.table(&table);
    if below > 0 {
        page.paragraph(&format!("{} below the cut.", count(below, "more path")));
    }
}

fn of_ranks(page: &mut Page, stage: &StageRanks) {
    let unit = stage.unit.symbol();
    page.blank();
    page.heading(&format!("{}:", stage.stage.as_str()));
    if !stage.collectives.is_empty() {
        let mut table = Table::default()
            .words("collective", 0)
            .numbers(&format!("cost {unit}/step"), 0)
            .numbers(&format!("least waiting {unit}"), 1)
            .numbers("rank", 2)
            .numbers(&format!("most waiting {unit}"), 0)
            .numbers("rank", 0);
        for row in &stage.collectives {
            let mut cells = vec![row.kernel.clone()];
            cells.extend(row.cells.iter().cloned());
            table.push(cells, row.note.iter().cloned().collect());
        }
        page.table(&table);
    }
    if !stage.roles.is_empty() {
        let mut table = Table::default()
            .words("role", 0)
            .numbers(&format!("least {unit}/step"), 0)
            .numbers(&format!("median {unit}"), 1)
            .numbers(&format!("most {unit}"), 0)
            .numbers("least on rank", 2)
            .numbers("most on rank", 0);
        for row in &stage.roles {
            table.push(row.to_vec(), Vec::new());
        }
        page.table(&table);
    }
    for sentence in &stage.sentences {
        page.paragraph(sentence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::triage::Stage;

    #[test]
    fn the_three_tables_come_in_order() {
        insta::assert_snapshot!("triage", triage(&fixture::triage(), 1.0, 110, false));
    }

    #[test]
    fn several_ranks_are_compared_below_the_tables() {
        let mut two = fixture::triage();
        assert!(!triage(&two, 1.0, 110, false).contains("Ranks"));
        two.ranks = Some(ranks::example());
        let text = triage(&two, 1.0, 110, false);
        insta::assert_snapshot!("ranks", text.split_once("Ranks\n").unwrap().1);
        for line in triage(&two, 1.0, 50, false).lines() {
            assert!(line.chars().count() <= 50, "{line}");
        }
    }

    #[test]
    fn an_empty_table_says_why() {
        let mut empty = fixture::triage();
        empty.stages[0].overlaps.clear();
        empty.stages[0].paths.clear();
        let text = triage(&empty, 60.0, 200, false);
        assert!(text.contains("No kernel reaches 60 % of GPU time; all 6 lie below."), "{text}");
        assert!(text.contains("No kernel that a step holds reaches 60 % of GPU time."), "{text}");
        assert!(text.contains("No fused or overlapped path was recognised in this capture."), "{text}");
        empty.stages.clear();
        assert_eq!(triage(&empty, 1.0, 200, false).matches(words::NO_STAGE).count(), 3);
    }

    #[test]
    fn stages_have_headings_when_there_are_several() {
        let mut two = fixture::triage();
        assert!(!triage(&two, 1.0, 80, false).contains("decode:\n"));
        two.stages.insert(0, fixture::stage(Stage::Prefill, vec![fixture::kernel("gemm", 1, 10, 100.0)]));
        let text = triage(&two, 1.0, 80, false);
        assert_eq!(text.matches("\nprefill:\n").count(), 3, "{text}");
        assert_eq!(text.matches("\ndecode:\n").count(), 3, "{text}");
    }

    #[test]
    fn every_line_fits_and_no_name_acts_on_a_terminal() {
        for name in fixture::HOSTILE.map(str::to_owned).into_iter().chain(["x".repeat(5_000)]) {
            for width in [40, 60, 80, 120, 400] {
                let text = triage(&fixture::hostile_triage(&name), 1.0, width, false);
                assert!(!text.contains(['\u{1b}', '\u{202e}', '\r', '\u{0}']), "{text}");
                for line in text.lines() {
                    assert!(line.chars().count() <= width, "{width}: {line}");
                    assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line}");
                }
            }
        }
    }

    #[test]
    fn a_real_capture_fits_eighty_columns() {
        let report = fixture::real_size();
        let real = report.scenarios[0].triage.as_ref().unwrap();
        let text = triage(real, 1.0, 80, true);
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert!(plain.lines().all(|line| line.chars().count() <= 80), "{plain}");
        assert_eq!(plain, triage(real, 1.0, 80, false));
    }
}
