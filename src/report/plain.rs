//! The words of the reports are plain: no exclamation, plurals that agree, units beside numbers.

use super::{fixture, github, headline, junit, markdown, text};
use crate::verdict::{CheckReport, Code};

/// Every rendering that a person reads, of every kind of run.
fn renderings() -> Vec<String> {
    let runs: Vec<CheckReport> = vec![
        fixture::mixed(),
        fixture::one_failure(),
        fixture::green(),
        fixture::run(vec![fixture::unjudged()]),
        fixture::run(vec![fixture::missing_baseline()]),
        fixture::run(Vec::new()),
    ];
    let mut all = Vec::new();
    for run in &runs {
        all.push(markdown::comment(run));
        all.push(junit::xml(run).unwrap());
        all.push(text::check(run, 80, false));
        all.push(text::check_line(run));
        all.push(headline::sentence(run));
        all.extend(github::annotations(run));
    }
    all.push(markdown::triage(&fixture::triage(), 1.0));
    all.push(text::triage(&fixture::triage(), 1.0, 80, false));
    all.extend(Code::ALL.iter().map(|code| code.description().to_owned()));
    all
}

/// `1 kernels` and the like.
fn disagreements(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut wrong = Vec::new();
    for pair in words.windows(2) {
        let [number, noun] = pair else { continue };
        let noun = noun.trim_end_matches([',', '.', ';', ':', ')']);
        let is_word = noun.chars().all(|c| c.is_ascii_lowercase());
        let is_plural = noun.ends_with('s') && !noun.ends_with("ss");
        if is_word && noun.len() > 2 && *number == "1" && is_plural && noun != "is" {
            wrong.push(format!("{number} {noun}"));
        }
    }
    wrong
}

#[test]
fn a_disagreement_is_seen() {
    assert_eq!(disagreements("1 kernels and 2 kernels, 1 pass"), ["1 kernels"]);
}

#[test]
fn no_report_shouts_and_plurals_agree() {
    for text in renderings() {
        let said = text.replace("<!--", "").replace("<![CDATA[", "");
        assert!(!said.contains('!'), "{said}");
        assert_eq!(disagreements(&text), [""; 0], "{text}");
        assert!(!text.contains("(s)"), "{text}");
    }
}

/// Words of a table's head that mean what they mean everywhere.
const EVERYDAY: [&str; 20] = [
    "and",
    "after",
    "at",
    "before",
    "by",
    "change",
    "elsewhere",
    "evidence",
    "it",
    "location",
    "most",
    "python",
    "recommendation",
    "state",
    "switches",
    "total",
    "what",
    "where",
    "class",
    "risk",
];

/// Words of the heads of all tables.
fn headings(markdown: &str) -> std::collections::BTreeSet<String> {
    let lines: Vec<&str> = markdown.lines().collect();
    let heads = lines.windows(2).filter(|pair| pair[0].starts_with("| ") && pair[1].starts_with("|:-"));
    heads
        .flat_map(|pair| pair[0].split(|c: char| !c.is_alphanumeric() && c != 'µ'))
        .filter(|word| !["", "ms", "µs", "s"].contains(word))
        .map(str::to_lowercase)
        .collect()
}

#[test]
fn each_word_over_a_column_is_everyday_or_in_the_glossary() {
    let glossary = include_str!("../../docs/glossary.md").to_lowercase();
    let defined: Vec<&str> = glossary
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .flat_map(str::split_whitespace)
        .collect();
    let mut all = headings(&markdown::comment(&fixture::mixed()));
    all.extend(headings(&markdown::triage(&fixture::triage(), 1.0)));
    assert!(all.len() > 15, "{all:?}");
    let is_known = |word: &String| {
        let singular = word.strip_suffix("es").filter(|one| defined.contains(one));
        EVERYDAY.contains(&word.as_str()) || defined.contains(&word.as_str()) || singular.is_some()
    };
    let unknown: Vec<String> = all.into_iter().filter(|word| !is_known(word)).collect();
    assert_eq!(unknown, [""; 0]);
}
