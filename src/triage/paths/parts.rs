//! Parts: kinds of kernels, told by what the classifier says of a name.

use crate::triage::classify::{Class, Classifier, Role};

/// Words of a function, and of each namespace around it.
type NameWords = (Vec<String>, Vec<Vec<String>>);

/// Index of a part in its catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartIx(pub usize);

/// A named kind of kernel: one of its matchers must fit.
#[derive(Debug)]
pub struct Part {
    /// Its name in the catalog.
    pub name: String,
    /// Any of these makes a kernel one of its kind.
    pub matchers: Vec<Matcher>,
}

/// What a kernel's class must be. Every key that is given must hold; within a key, one of its values.
#[derive(Debug, Default)]
pub struct Matcher {
    /// Families of the kernel catalog.
    pub families: Vec<String>,
    /// Kernel ids, whole or up to a closing `*`.
    pub kernels: Vec<String>,
    /// Roles.
    pub roles: Vec<Role>,
    /// Word sequences of the kernel's function.
    pub functions: Vec<Vec<String>>,
    /// Word sequences of a namespace around it.
    pub paths: Vec<Vec<String>>,
    /// Word sequences of the kernel id.
    pub words: Vec<Vec<String>>,
    /// Word sequences of the kernel id, all of which must be there.
    pub all: Vec<Vec<String>>,
    /// Word sequences of the kernel id, none of which may be there.
    pub not: Vec<Vec<String>>,
}

impl Matcher {
    /// Whether no positive key is given: such a matcher would take every kernel.
    pub fn is_empty(&self) -> bool {
        self.families.is_empty()
            && self.kernels.is_empty()
            && self.roles.is_empty()
            && self.functions.is_empty()
            && self.paths.is_empty()
            && self.words.is_empty()
    }

    /// A single word that it rests on alone: `v`, `gate` and `cache` are in the names of many kernels.
    pub fn short_word(&self) -> Option<&str> {
        let has_more = !self.families.is_empty()
            || !self.kernels.is_empty()
            || !self.roles.is_empty()
            || !self.all.is_empty();
        if has_more {
            return None;
        }
        let all = self.functions.iter().chain(&self.words).chain(&self.paths);
        all.filter(|sequence| sequence.len() < 2).find_map(|sequence| sequence.first()).map(String::as_str)
    }

    fn fits(&self, class: &Class, words: &[String], (function, paths): &NameWords) -> bool {
        let has = |sequence: &Vec<String>| contains(words, sequence);
        let in_family = || class.family.as_ref().is_some_and(|family| self.families.contains(family));
        (self.families.is_empty() || in_family())
            && (self.kernels.is_empty() || self.kernels.iter().any(|kernel| names(kernel, &class.id)))
            && (self.roles.is_empty() || self.roles.contains(&class.role))
            && (self.functions.is_empty() || self.functions.iter().any(|wanted| contains(function, wanted)))
            && (self.paths.is_empty()
                || self.paths.iter().any(|wanted| paths.iter().any(|path| contains(path, wanted))))
            && (self.words.is_empty() || self.words.iter().any(has))
            && self.all.iter().all(has)
            && !self.not.iter().any(has)
    }
}

fn names(pattern: &str, id: &str) -> bool {
    pattern.strip_suffix('*').map_or_else(|| pattern == id, |start| id.starts_with(start))
}

fn contains(words: &[String], sequence: &[String]) -> bool {
    !sequence.is_empty() && words.windows(sequence.len()).any(|window| window == sequence)
}

/// For each part, whether a kernel is one of its kind.
pub fn membership(parts: &[Part], class: &Class, classifier: &Classifier) -> Vec<bool> {
    let words = classifier.words(&class.id);
    let name = classifier.name_words(&class.canonical);
    parts.iter().map(|part| part.matchers.iter().any(|matcher| matcher.fits(class, &words, &name))).collect()
}
