//! Strict YAML: every mistake is reported with file, line, column and, where one is near, the key meant.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
pub use serde_yaml::{Location, Spanned};

use super::text::nearest;

/// A YAML file that a person wrote and that we cannot accept as it stands.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    /// The file as the user named it.
    pub path: PathBuf,
    /// 1-based line, 0 when the parser could not tell.
    pub line: u64,
    /// 1-based column, 0 when the parser could not tell.
    pub column: u64,
    /// What is wrong, as a lowercase fragment.
    pub message: String,
    /// What to do about it, when we know.
    pub help: Option<String>,
}

impl YamlError {
    /// An error about a place that a [`Spanned`] value remembers.
    pub fn at<T>(path: &Path, place: &Spanned<T>, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: place.referenced.line(),
            column: place.referenced.column(),
            message: message.into(),
            help: None,
        }
    }

    /// The same error with advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// `file:line:column`, as far as the place is known.
    pub fn place(&self) -> String {
        if self.line == 0 {
            self.path.display().to_string()
        } else if self.column == 0 {
            format!("{}:{}", self.path.display(), self.line)
        } else {
            format!("{}:{}:{}", self.path.display(), self.line, self.column)
        }
    }
}

/// Reads one YAML document into `T`, whose types must deny unknown fields.
///
/// `path` only labels errors; nothing is opened here.
pub fn from_str<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, YamlError> {
    serde_yaml::from_str(text).map_err(|error| explain(&error, text, path))
}

fn explain(error: &serde_yaml::Error, text: &str, path: &Path) -> YamlError {
    let error = error.without_snippet();
    let place = error.location();
    let (message, help) = match error {
        serde_yaml::Error::SerdeUnknownField { field, expected, .. } => {
            let help = match nearest(field, expected.iter().copied()) {
                Some(key) => format!("did you mean `{key}`?"),
                None if expected.is_empty() => "no key is allowed here".to_owned(),
                None => format!("valid keys here: {}", expected.join(", ")),
            };
            (format!("unknown key `{field}`"), Some(help))
        }
        serde_yaml::Error::SerdeUnknownVariant { variant, expected, .. } => {
            let help = match nearest(variant, expected.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("valid values here: {}", expected.join(", ")),
            };
            (format!("unknown value `{variant}`"), Some(help))
        }
        serde_yaml::Error::SerdeMissingField { field, .. } => {
            (format!("key `{field}` is missing"), Some(format!("add `{field}:` to what begins here")))
        }
        serde_yaml::Error::NullIntoString { .. } => {
            let key = place.and_then(|place| key_before(text, place.line(), place.column()));
            let message =
                key.map_or_else(|| "a value is missing".to_owned(), |key| format!("`{key}` has no value"));
            (message, Some("write one behind the colon".to_owned()))
        }
        serde_yaml::Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a key");
            (format!("`{key}` stands twice"), Some("put what both hold under one of them".to_owned()))
        }
        other => own_words(first_line(&other.to_string()), text),
    };
    YamlError {
        path: path.to_owned(),
        line: place.map_or(0, |place| place.line()),
        column: place.map_or(0, |place| place.column()),
        message,
        help,
    }
}

/// What the parser says in its own terms, in those of whoever writes the file.
fn own_words(message: String, text: &str) -> (String, Option<String>) {
    let is_empty = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    let (message, help) = match message.as_str() {
        "unexpected end of input" if is_empty => {
            ("there is nothing in the file", "write what it should hold")
        }
        words if words.starts_with("multiple YAML documents") => (
            "a second document begins here",
            "remove the line `---`, or give each document a file of its own",
        ),
        "invalid u64" | "invalid u32" | "invalid u16" | "invalid usize" => {
            ("this is no whole number from 0 on", "write digits alone")
        }
        "invalid i64" | "invalid i32" => ("this is no whole number", "write digits alone"),
        "expected string scalar" => ("one word or text belongs here", "write it behind the colon"),
        "expected sequence start" => ("a list belongs here", "write it in brackets: [a, b]"),
        "expected mapping start" => ("keys with their values belong here", "write them as `key: value`"),
        _ => return (message, None),
    };
    (message.to_owned(), Some(help.to_owned()))
}

/// The key whose value is missing at a place: the parser points at the colon, or behind it.
fn key_before(text: &str, line: u64, column: u64) -> Option<&str> {
    let line = text.lines().nth(usize::try_from(line.checked_sub(1)?).ok()?)?;
    let column = usize::try_from(column.checked_sub(1)?).ok()?;
    let at = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    let (before, behind) = line.split_at_checked(at)?;
    let key = match before.trim_end().strip_suffix(':') {
        Some(key) => key,
        None if behind.starts_with(':') => before,
        None => return None,
    };
    let is_edge = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_';
    let start = key.rfind(is_edge).map_or(0, |at| at + 1);
    key.get(start..).filter(|key| !key.is_empty())
}

/// Refuses an id that is not in kebab-case: lowercase letters, digits and single hyphens.
pub fn kebab_case(path: &Path, id: &Spanned<String>) -> Result<(), YamlError> {
    let is_word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if id.value.split('-').all(is_word) {
        return Ok(());
    }
    let letters: String =
        id.value.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
    let words: Vec<&str> = letters.split_whitespace().collect();
    let help = if words.is_empty() {
        "lowercase letters, digits and hyphens".to_owned()
    } else {
        format!("write it as `{}`", words.join("-"))
    };
    Err(YamlError::at(path, id, format!("id `{}` is not in kebab-case", id.value)).with_help(help))
}

/// Refuses a list that has a value twice.
pub fn each_once(path: &Path, list: &[Spanned<String>], what: &str) -> Result<(), YamlError> {
    for (at, one) in list.iter().enumerate() {
        if list.iter().take(at).any(|before| before.value == one.value) {
            let message = format!("{what} `{}` is there twice", one.value);
            return Err(YamlError::at(path, one, message).with_help("remove one of them"));
        }
    }
    Ok(())
}

/// The parser appends the place in words; ours is printed on its own line.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.split(" at line ").next().unwrap_or(line).trim_end_matches([',', ':']).to_owned()
}

/// The lines of a top-level key as they stand, comments inside included; empty when there is no such key.
///
/// Ends before the next line that begins with a letter. Comments that stand directly above that line belong to it.
pub fn block(text: &str, key: &str) -> String {
    let is_key = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
    let mut lines: Vec<&str> = text.lines().skip_while(|line| !is_key(line)).collect();
    let next = lines.iter().skip(1).position(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()));
    lines.truncate(next.map_or(lines.len(), |at| at + 1));
    while lines.last().is_some_and(|line| line.is_empty() || line.starts_with('#')) {
        lines.pop();
    }
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

/// A text as a YAML scalar: bare where that is unambiguous, else double-quoted.
///
/// Kernel ids, GPU names and paths go through here; none of them may change the shape of the document.
pub fn scalar(text: &str) -> String {
    let bare = !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./+()<>=^".contains(c) || c == ' ')
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !text.ends_with(' ')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n" | "nan" | "inf"
        );
    if bare {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || !is_yaml_printable(c) => {
                let code = u32::from(c);
                quoted.push_str(&if code <= 0xffff {
                    format!("\\u{code:04x}")
                } else {
                    format!("\\U{code:08x}")
                });
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn is_yaml_printable(c: char) -> bool {
    !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Probe {
        #[expect(dead_code, reason = "only the strictness of the shape is tested")]
        baseline: String,
    }

    #[test]
    fn a_typo_names_file_line_column_and_the_key_meant() {
        let error = from_str::<Probe>("# c\nbseline: x\n", Path::new("p.yaml")).unwrap_err();
        assert_eq!(error.place(), "p.yaml:2:1");
        assert_eq!(error.message, "unknown key `bseline`");
        assert_eq!(error.help.as_deref(), Some("did you mean `baseline`?"));
    }

    #[test]
    fn what_is_no_document_is_told_in_our_words() {
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "only what is refused is tested")]
        struct Count {
            tp: u64,
            #[serde(default)]
            list: Vec<String>,
        }
        for (text, message) in [
            ("", "there is nothing in the file"),
            ("# a comment\n\n", "there is nothing in the file"),
            ("tp: 1\n---\ntp: 2\n", "a second document begins here"),
            ("tp: -1\n", "this is no whole number from 0 on"),
            ("tp: many\n", "this is no whole number from 0 on"),
            ("tp: 1\nlist: a\n", "a list belongs here"),
            ("text\n", "keys with their values belong here"),
        ] {
            let error = from_str::<Count>(text, Path::new("p.yaml")).unwrap_err();
            assert_eq!(error.message, message, "{text:?}");
            assert!(error.help.is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_duplicate_key_is_refused() {
        assert!(from_str::<Probe>("baseline: x\nbaseline: y\n", Path::new("p.yaml")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_survives_as_a_scalar(text in "\\PC{0,40}|[\\x00-\\x7f]{0,20}|true|null|1e3|- a|a: b|#x") {
            let document = format!("{{ baseline: {} }}", scalar(&text));
            let read: std::collections::BTreeMap<String, String> =
                from_str(&document, Path::new("p.yaml")).unwrap();
            proptest::prop_assert_eq!(&read["baseline"], &text);
        }
    }
}
