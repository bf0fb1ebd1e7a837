//! Over a value that nobody needs, however large, in pieces of any size.

use super::lex::{Lexed, MAX_DEPTH, Stop};

/// A place inside such a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skim {
    depth: usize,
    part: Part,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    /// Between the parts of an object or a list, or before the value.
    #[default]
    Between,
    /// In a number or a word.
    Word,
    /// In a string.
    Text,
    /// In a string, behind a backslash.
    Escape,
    /// Behind a string inside an object or a list.
    AfterText,
}

impl Skim {
    /// Steps over the bytes that belong to the value. Returns how many those are, and where the value goes on;
    /// `None` where it ends.
    pub fn through(mut self, bytes: &[u8]) -> (usize, Lexed<Option<Self>>) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match (self.part, byte) {
                (Part::Text, _) => {
                    match memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
                        None => return (bytes.len(), Ok(Some(self))),
                        Some(ahead) => at += ahead,
                    }
                    let is_end = bytes.get(at) == Some(&b'"');
                    if is_end && self.depth == 0 {
                        return (at + 1, Ok(None));
                    }
                    self.part = if is_end { Part::AfterText } else { Part::Escape };
                }
                (Part::Escape, _) => self.part = Part::Text,
                (Part::AfterText, b' ' | b'\n' | b'\r' | b'\t') => {}
                (Part::AfterText, b',' | b':') => self.part = Part::Between,
                (Part::AfterText, other) if !matches!(other, b'}' | b']') => {
                    return (at, Err(Stop::Damaged("a quote stands inside a string of the header")));
                }
                (Part::Between, b'"') => self.part = Part::Text,
                (Part::Between, b'{' | b'[') => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return (at, Err(Stop::TooDeep));
                    }
                }
                (_, b'}' | b']') if self.depth > 0 => {
                    self.part = Part::Between;
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (at + 1, Ok(None));
                    }
                }
                (_, b',' | b'}' | b']') if self.depth == 0 => return (at, Ok(None)),
                (Part::Word, b' ' | b'\n' | b'\r' | b'\t') if self.depth == 0 => return (at, Ok(None)),
                (Part::Between, other) if self.depth == 0 && !other.is_ascii_whitespace() => {
                    self.part = Part::Word;
                }
                (Part::Between | Part::Word | Part::AfterText, _) => {}
            }
            at += 1;
        }
        (at, Ok(Some(self)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skimmed(text: &str, piece: usize) -> usize {
        let mut skim = Skim::default();
        let mut used = 0;
        for bytes in text.as_bytes().chunks(piece) {
            let (more, next) = skim.through(bytes);
            used += more;
            match next.unwrap() {
                Some(next) => skim = next,
                None => return used,
            }
        }
        panic!("`{text}` does not end");
    }

    #[test]
    fn a_value_ends_where_it_ends_however_it_is_cut() {
        for (value, after) in [
            ("\"a\\\"b\"", ", \"x\""),
            ("[1, {\"a\": \"]}\", \"b\": [\"\\\\\"]}]", "}"),
            ("12.5", "}"),
            (" null", "\n}"),
            ("{}", ","),
            ("", ","),
        ] {
            for piece in 1..9 {
                assert_eq!(skimmed(&format!("{value}{after}"), piece), value.len(), "{value} by {piece}");
            }
        }
    }

    #[test]
    fn a_stray_quote_and_endless_nesting_end_it() {
        assert!(matches!(Skim::default().through(b"[\"a\"b\"]").1, Err(Stop::Damaged(_))));
        assert_eq!(Skim::default().through("[".repeat(MAX_DEPTH + 1).as_bytes()).1, Err(Stop::TooDeep));
    }
}
