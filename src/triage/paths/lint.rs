//! What a catalog should be beyond readable: complete entries, and examples that hold.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::catalog::PathCatalog;
use super::entry::{Entry, PathKind};
use crate::trace::ActivityKind;
use crate::triage::classify::{Classifier, Family};

/// Something in a catalog that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// 1-based line of the entry.
    pub line: u64,
    /// The entry.
    pub id: String,
    /// What is wrong, as a lowercase fragment.
    pub message: String,
}

impl PathCatalog {
    /// Entries that lack what a reader or a reviewer needs.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut summaries: BTreeMap<&str, &str> = BTreeMap::new();
        for entry in self.entries() {
            let mut tell = |message: String| problems.push(problem(entry, message));
            for message in incomplete(entry) {
                tell(message.to_owned());
            }
            for flag in entry.flags.on.iter().chain(&entry.flags.off) {
                let mut rows = self.toggles().iter().filter(|toggle| toggle.is_of(flag)).peekable();
                if rows.peek().is_none() {
                    tell(format!("no toggle tells what `{flag}` does; give it a row under `toggles`"));
                } else if !rows.any(|toggle| toggle.affects.contains(&entry.id)) {
                    tell(format!(
                        "the toggle of `{flag}` does not say under `affects` that it switches this"
                    ));
                }
            }
            if let Some(other) = summaries.insert(&entry.summary, &entry.id) {
                tell(format!("its summary is that of `{other}`"));
            }
        }
        for toggle in self.toggles() {
            let mut tell = |message: &str| {
                problems.push(Problem {
                    file: toggle.file.clone(),
                    line: toggle.line,
                    id: toggle.name.clone(),
                    message: message.to_owned(),
                });
            };
            if toggle.affects.is_empty() {
                tell("it switches no path");
            }
            if !toggle.effect.ends_with('.') {
                tell("its effect is no sentence");
            }
        }
        problems.sort();
        problems
    }

    /// Examples of paths that do not hold.
    pub fn failed_examples(&self, classifier: &Classifier) -> Vec<Problem> {
        let mut problems = Vec::new();
        for entry in self.entries() {
            let examples = &entry.examples;
            for (names, expected) in [(&examples.on, true), (&examples.not_on, false)] {
                for name in names.iter().filter(|name| self.is_on(entry, name, classifier) != expected) {
                    let verb = if expected { "is no" } else { "is a" };
                    let id = classifier.classify(name, ActivityKind::Kernel).id;
                    let parts = self.parts_of(name, classifier).join(", ");
                    problems.push(problem(
                        entry,
                        format!("{name} {verb} fused kernel of it; its id is {id}, its parts are: {parts}"),
                    ));
                }
            }
            for (sequences, expected) in [(&examples.split, 1), (&examples.not_split, 0)] {
                for names in sequences {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    let count = self.count_split(entry, &names, classifier);
                    if count != expected {
                        let text = names.join(" → ");
                        problems
                            .push(problem(entry, format!("{text} is {count} ladders of it, not {expected}")));
                    }
                }
            }
        }
        problems.sort();
        problems
    }

    /// How many examples its entries have.
    pub fn examples(&self) -> usize {
        let of = |entry: &Entry| {
            let examples = &entry.examples;
            examples.on.len() + examples.not_on.len() + examples.split.len() + examples.not_split.len()
        };
        self.entries().iter().map(of).sum()
    }
}

/// Examples of kernel families that do not hold.
pub fn failed_family_examples(classifier: &Classifier) -> Vec<Problem> {
    let mut problems = Vec::new();
    for family in classifier.families() {
        for example in &family.examples.r#match {
            let class = classifier.classify(&example.name, ActivityKind::Kernel);
            if class.family.as_ref() != Some(&family.id) {
                let by = class.family.unwrap_or_else(|| "no entry".to_owned());
                problems.push(of_family(family, format!("{} is claimed by {by}", example.name)));
            } else if let Some(id) = example.id.as_ref().filter(|id| **id != class.id) {
                problems
                    .push(of_family(family, format!("{} has the id {}, not {id}", example.name, class.id)));
            }
        }
        for name in &family.examples.reject {
            if classifier.classify(name, ActivityKind::Kernel).family.as_ref() == Some(&family.id) {
                problems.push(of_family(family, format!("{name} is claimed by it")));
            }
        }
    }
    problems.sort();
    problems
}

fn incomplete(entry: &Entry) -> Vec<&'static str> {
    let examples = &entry.examples;
    let has_examples =
        examples.on.len() + examples.not_on.len() + examples.split.len() + examples.not_split.len() > 0;
    [
        (!entry.summary.ends_with('.'), "its summary is no sentence"),
        (entry.frameworks.is_empty(), "it names no framework"),
        (entry.claims() && entry.source_paths.is_empty(), "it does not say where its code is"),
        (entry.on_is_shown_without_both(), "it needs a name that is its fused kernel and one that is not"),
        (
            !entry.split_is_empty() && (examples.split.is_empty() || examples.not_split.is_empty()),
            "it needs a sequence that is its ladder and one that is not",
        ),
        (entry.claims() && examples.from.is_empty(), "its examples do not say where the names come from"),
        (!entry.claims() && has_examples, "it has examples, and no `on` and `split` that they could show"),
        (entry.kind == PathKind::Overlap && entry.claims(), "an overlap cannot be told by kernels"),
    ]
    .into_iter()
    .filter(|(is_so, _)| *is_so)
    .map(|(_, message)| message)
    .collect()
}

impl Entry {
    fn on_is_shown_without_both(&self) -> bool {
        !self.on.is_empty() && (self.examples.on.is_empty() || self.examples.not_on.is_empty())
    }

    fn split_is_empty(&self) -> bool {
        self.split.is_empty()
    }
}

fn problem(entry: &Entry, message: String) -> Problem {
    Problem { file: entry.file.clone(), line: entry.line, id: entry.id.clone(), message }
}

fn of_family(family: &Family, message: String) -> Problem {
    Problem { file: family.file.clone(), line: family.line, id: family.id.clone(), message }
}
