//! What the catalog files teach about names in general: words, types, wrappers.

use std::collections::{BTreeMap, BTreeSet};

use super::name::{Arg, Path, Segment};
use super::tokens::Lexicon;

/// The shared knowledge of all catalog files.
#[derive(Debug, Default)]
pub struct Vocabulary {
    /// How identifiers fall into words.
    pub lexicon: Lexicon,
    /// Functions whose identity is the functor that they carry.
    pub carriers: BTreeSet<String>,
    /// Template arguments that say how, not what: a carrier's functor is never one of them.
    pub transparent: BTreeSet<String>,
    /// Words that add nothing to an id, such as `kernel`.
    pub noise: BTreeSet<String>,
    dtypes: BTreeMap<String, String>,
    codes: BTreeMap<String, String>,
}

impl Vocabulary {
    /// Teaches one spelling of an element type.
    pub fn add_dtype(&mut self, spelling: &str, dtype: &str) {
        self.dtypes.insert(spelling.to_owned(), dtype.to_owned());
    }

    /// Teaches what a vendor's kernel names call an element type.
    pub fn add_code(&mut self, code: &str, dtype: &str) {
        self.codes.insert(code.to_owned(), dtype.to_owned());
    }

    /// What an id says for a captured text: the element type it codes, else its words.
    pub fn captured(&self, text: &str) -> String {
        let lower = text.trim_matches('_').to_lowercase();
        match self.codes.get(&lower).or_else(|| self.dtypes.get(&lower)).or_else(|| self.dtypes.get(text)) {
            Some(dtype) => dtype.clone(),
            None => self.lexicon.words(text).join("-"),
        }
    }

    /// The element type that a spelling means.
    pub fn dtype(&self, spelling: &str) -> Option<&str> {
        self.dtypes.get(spelling).map(String::as_str)
    }

    /// Whether a word of an id is an element type.
    pub fn is_dtype_name(&self, word: &str) -> bool {
        self.dtypes.values().any(|dtype| dtype == word)
    }

    /// The element type that a template argument is.
    pub fn dtype_of(&self, path: &Path) -> Option<&str> {
        let last = path.segments.last()?;
        if last.args.is_empty() {
            return self.dtype(&last.ident);
        }
        let small = last.args.len() == 1 && last.args.iter().all(|arg| matches!(arg, Arg::Value { .. }));
        if !small {
            return None;
        }
        let mut text = String::new();
        last.render(&mut text);
        self.dtype(&text)
    }

    /// The functor that a carrier's arguments name.
    pub fn carried<'a>(&self, carrier: &'a Segment) -> Option<&'a Path> {
        carrier.args.iter().find_map(|arg| match arg {
            Arg::Path(path) => {
                let named = path.segments.get(path.function_at())?;
                let skipped = self.transparent.contains(&named.ident)
                    || self.dtype_of(path).is_some()
                    || matches!(named.ident.as_str(), "" | "void" | "{lambda}");
                (!skipped).then_some(path)
            }
            Arg::Value { .. } => None,
        })
    }
}
