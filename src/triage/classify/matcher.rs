//! Whether an entry's conditions hold for a name, and which of them do.

use regex_lite::Regex;

use super::subject::Subject;
use super::tokens::contains;

/// The compiled `match` of an entry. Every key that is given must hold; within a key, one of its values.
#[derive(Debug, Default)]
pub struct Matcher {
    pub patterns: Vec<Regex>,
    pub exactly: Vec<Vec<String>>,
    pub function: Vec<Vec<String>>,
    pub all: Vec<Vec<String>>,
    pub path: Vec<Vec<String>>,
    pub via: Vec<String>,
    pub args: Vec<Vec<String>>,
    pub when: Vec<Condition>,
    pub not_function: Vec<Vec<String>>,
    pub not_path: Vec<Vec<String>>,
    pub not_args: Vec<Vec<String>>,
}

/// A condition on template arguments or words.
#[derive(Debug)]
pub enum Condition {
    /// The function's template argument at a position is one of these.
    Arg {
        /// The template whose argument it is; the function itself when not given.
        of: Option<String>,
        /// Position from 0.
        at: usize,
        /// Literals, element types or identifiers.
        is: Vec<String>,
    },
    /// An enum literal of this type is anywhere among the template arguments.
    Cast {
        /// The enum's identifier.
        cast: String,
        /// Its values.
        is: Vec<String>,
    },
    /// A word sequence is in the function's name or in one template argument.
    Word(Vec<String>),
    /// A word sequence is in one template argument.
    ArgWord(Vec<String>),
}

impl Condition {
    /// Whether the condition holds.
    pub fn holds(&self, subject: &Subject) -> bool {
        match self {
            Self::Arg { of, at, is } => {
                let value = of.as_ref().map_or_else(|| subject.arg(*at), |of| subject.nested_arg(of, *at));
                value.is_some_and(|value| is.contains(&value))
            }
            Self::Cast { cast, is } => {
                subject.casts.iter().any(|(ident, value)| ident == cast && is.contains(value))
            }
            Self::Word(words) => {
                let in_ident = contains(&subject.ident_words, words);
                in_ident || subject.arg_words.iter().any(|arg| contains(arg, words))
            }
            Self::ArgWord(words) => subject.arg_words.iter().any(|arg| contains(arg, words)),
        }
    }
}

impl Condition {
    /// The condition in words.
    fn words(&self) -> String {
        match self {
            Self::Arg { of, at, is } => {
                let of = of.as_ref().map_or_else(String::new, |of| format!(" of {of}"));
                format!("argument {at}{of} is {}", is.join(" or "))
            }
            Self::Cast { cast, is } => format!("{cast} is {}", is.join(" or ")),
            Self::Word(words) => format!("the words `{}`", words.join(" ")),
            Self::ArgWord(words) => format!("the words `{}` in an argument", words.join(" ")),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Key {
    Via,
    Exactly,
    Function,
    All,
    Path,
    Pattern,
    Args,
    When,
    Not,
}

impl Key {
    const ALL: [Self; 9] = [
        Self::Via,
        Self::Exactly,
        Self::Function,
        Self::All,
        Self::Path,
        Self::Pattern,
        Self::Args,
        Self::When,
        Self::Not,
    ];
}

/// One key of an entry's `match`, and whether it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// The key as the catalog spells it.
    pub key: &'static str,
    /// Whether it holds for the name at hand.
    pub holds: bool,
}

/// A key of a deciding entry, and what of the name fits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The key as the catalog spells it.
    pub key: &'static str,
    /// The values that fit: words in a row, a pattern, a carrier, a condition; for `not`, what is absent.
    pub values: Vec<String>,
}

impl Matcher {
    /// For each key that is given, which of its values fit.
    pub fn reasons(&self, subject: &Subject) -> Vec<Reason> {
        let sequences = |list: &[Vec<String>], words: &dyn Fn(&Vec<String>) -> bool| -> Vec<String> {
            list.iter().filter(|seq| words(seq)).map(|seq| seq.join(" ")).collect()
        };
        let in_function = |seq: &Vec<String>| contains(&subject.words, seq);
        let in_path = |seq: &Vec<String>| subject.path_words.iter().any(|words| contains(words, seq));
        let in_args = |seq: &Vec<String>| subject.arg_words.iter().any(|words| contains(words, seq));
        let given = Key::ALL.iter().filter(|key| self.gives(**key));
        given
            .map(|key| {
                let values = match key {
                    Key::Via => self.via.iter().filter(|one| subject.via.contains(one)).cloned().collect(),
                    Key::Exactly => vec![subject.words.join(" ")],
                    Key::Function => sequences(&self.function, &in_function),
                    Key::All => sequences(&self.all, &in_function),
                    Key::Path => sequences(&self.path, &in_path),
                    Key::Pattern => {
                        let fit = self.patterns.iter().filter(|pattern| pattern.is_match(&subject.ident));
                        fit.map(ToString::to_string).collect()
                    }
                    Key::Args => sequences(&self.args, &in_args),
                    Key::When => self.when.iter().map(Condition::words).collect(),
                    Key::Not => {
                        let lists = [&self.not_function, &self.not_path, &self.not_args];
                        lists.into_iter().flatten().map(|seq| seq.join(" ")).collect()
                    }
                };
                Reason { key: self.check(*key, subject).key, values }
            })
            .collect()
    }

    /// Whether no positive key is given: such an entry would claim every name.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
            && self.exactly.is_empty()
            && self.function.is_empty()
            && self.all.is_empty()
            && self.path.is_empty()
            && self.via.is_empty()
            && self.args.is_empty()
    }

    /// Whether some sequence has no word, which can never match.
    pub fn has_empty_sequence(&self) -> bool {
        [&self.exactly, &self.function, &self.all, &self.path, &self.args]
            .into_iter()
            .flatten()
            .any(Vec::is_empty)
    }

    /// Whether every key holds.
    pub fn fits(&self, subject: &Subject) -> bool {
        self.checks(subject).all(|check| check.holds)
    }

    /// Every key that is given, cheapest first, judged as it is asked for.
    pub fn checks<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = Check> + 'a {
        Key::ALL.iter().filter(|key| self.gives(**key)).map(|key| self.check(*key, subject))
    }

    fn gives(&self, key: Key) -> bool {
        match key {
            Key::Via => !self.via.is_empty(),
            Key::Exactly => !self.exactly.is_empty(),
            Key::Function => !self.function.is_empty(),
            Key::All => !self.all.is_empty(),
            Key::Path => !self.path.is_empty(),
            Key::Pattern => !self.patterns.is_empty(),
            Key::Args => !self.args.is_empty(),
            Key::When => !self.when.is_empty(),
            Key::Not => {
                [&self.not_function, &self.not_path, &self.not_args].into_iter().any(|n| !n.is_empty())
            }
        }
    }

    fn check(&self, key: Key, subject: &Subject) -> Check {
        let in_function = |seq: &Vec<String>| contains(&subject.words, seq);
        let in_path = |seq: &Vec<String>| subject.path_words.iter().any(|words| contains(words, seq));
        let in_args = |seq: &Vec<String>| subject.arg_words.iter().any(|words| contains(words, seq));
        let (key, holds) = match key {
            Key::Via => ("via", self.via.iter().any(|carrier| subject.via.contains(carrier))),
            Key::Exactly => ("exactly", self.exactly.contains(&subject.words)),
            Key::Function => ("function", self.function.iter().any(in_function)),
            Key::All => ("all", self.all.iter().all(in_function)),
            Key::Path => ("path", self.path.iter().any(in_path)),
            Key::Pattern => ("pattern", self.patterns.iter().any(|pattern| pattern.is_match(&subject.ident))),
            Key::Args => ("args", self.args.iter().any(in_args)),
            Key::When => ("when", self.when.iter().all(|condition| condition.holds(subject))),
            Key::Not => {
                let excluded = self.not_function.iter().any(in_function)
                    || self.not_path.iter().any(in_path)
                    || self.not_args.iter().any(in_args);
                ("not", !excluded)
            }
        };
        Check { key, holds }
    }

    /// What the first pattern that fits captured under a name.
    pub fn capture(&self, subject: &Subject, name: &str) -> Option<String> {
        let captures = self.patterns.iter().find_map(|pattern| pattern.captures(&subject.ident))?;
        captures.name(name).map(|found| found.as_str().to_owned())
    }
}
