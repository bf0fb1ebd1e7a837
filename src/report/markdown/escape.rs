//! Text made harmless by its type: whatever a kernel is called, it stays inside its cell.
//!
//! Characters that mean something to Markdown or HTML become numeric references, which CommonMark never
//! reads as structure and which also survive in table cells. References do not help against what GitHub
//! finds in the rendered text, mentions and issue numbers; there a zero-width space follows the sign.

use std::fmt;

use crate::common::text::{printable, shorten_middle};

/// Longest name in a table or a sentence.
const CODE: usize = 96;

/// Longest sentence.
const SENTENCE: usize = 700;

/// A name, set as code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MdCode(String);

impl MdCode {
    /// Sets a name as code, its middle left out when it is very long.
    pub fn new(text: &str) -> Self {
        let text = printable(&shorten_middle(text.trim(), CODE));
        if text.is_empty() {
            return Self("<code>&#32;</code>".to_owned());
        }
        if text.chars().all(is_plain) {
            return Self(format!("`{text}`"));
        }
        let mut out = String::from("<code>");
        push_escaped(&mut out, &text, false);
        out.push_str("</code>");
        Self(out)
    }
}

impl fmt::Display for MdCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A sentence: escaped, with what stands in backticks set as code. Fits a table cell and a list item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MdCell(String);

impl MdCell {
    /// Escapes a sentence, its middle left out when it is very long.
    pub fn new(text: &str) -> Self {
        let text = shorten_middle(text.trim(), SENTENCE);
        let pieces: Vec<&str> = text.split('`').collect();
        // An even number of pieces means an odd number of backticks: the last one opens nothing.
        let open = if pieces.len().is_multiple_of(2) { pieces.len() - 2 } else { pieces.len() };
        let mut out = String::new();
        for (index, piece) in pieces.iter().enumerate() {
            let is_code = index % 2 == 1 && index < open;
            if index > open {
                push_reference(&mut out, '`');
            }
            match (is_code, piece.trim().is_empty()) {
                (true, false) => out.push_str(&MdCode::new(piece).0),
                (true, true) => {}
                (false, _) => push_escaped(&mut out, piece, true),
            }
        }
        Self(out)
    }
}

impl fmt::Display for MdCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A block of lines that keeps its spaces: a diff, or text to be pasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MdPre(String);

impl MdPre {
    /// Sets at most `lines` lines as a diff, each shortened when it is very long.
    pub fn diff(text: &str, lines: usize) -> Self {
        Self::new("diff", text.lines().take(lines).map(|line| shorten_middle(line, CODE)))
    }

    /// Sets text that a reader copies, and of which no character may be missing.
    pub fn yaml(text: &str) -> Self {
        Self::new("yaml", text.lines().map(str::to_owned))
    }

    fn new(language: &str, lines: impl Iterator<Item = String>) -> Self {
        let mut out = format!("<pre lang=\"{language}\">\n");
        for line in lines {
            for c in printable(&line).chars() {
                if matches!(c, '&' | '<' | '>' | '"' | '@') {
                    push_reference(&mut out, c)
                } else {
                    out.push(c)
                }
            }
            out.push('\n');
        }
        out.push_str("</pre>");
        Self(out)
    }
}

impl fmt::Display for MdPre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Characters that a code span may hold as they are, also inside a table, and that open nothing there.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || " -_.:/,()=+*'[]{}#%;^?!~…−µ→\u{fffd}".contains(c)
}

/// Escapes a text. GitHub looks for mentions and issue numbers in what is rendered, but not inside `<code>`.
fn push_escaped(out: &mut String, text: &str, has_mentions: bool) {
    let text = printable(text);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '@' | '#' => {
                push_reference(out, c);
                if has_mentions {
                    out.push('\u{200b}');
                }
            }
            // `https://` and its like would become links.
            ':' if rest.peek() == Some(&'/') => push_reference(out, c),
            '&' | '<' | '>' | '"' | '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '~' | '$' | '!' => {
                push_reference(out, c);
            }
            // `www.` would too.
            '.' if out.ends_with(['w', 'W']) => push_reference(out, c),
            _ => out.push(c),
        }
    }
}

fn push_reference(out: &mut String, c: char) {
    out.push_str(&format!("&#{};", u32::from(c)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_a_code_span() {
        assert_eq!(MdCode::new("nvjet-gemm_bf16").to_string(), "`nvjet-gemm_bf16`");
        assert_eq!(MdCode::new("baselines/a.yaml:12").to_string(), "`baselines/a.yaml:12`");
    }

    #[test]
    fn a_name_with_markup_is_code_without_markup() {
        assert_eq!(MdCode::new("f<a|b>`").to_string(), "<code>f&#60;a&#124;b&#62;&#96;</code>");
        assert_eq!(MdCode::new("*@x*").to_string(), "<code>&#42;&#64;x&#42;</code>");
        assert_eq!(MdCode::new("  ").to_string(), "<code>&#32;</code>");
    }

    #[test]
    fn a_long_name_keeps_both_ends() {
        let code = MdCode::new(&format!("begin{}end", "x".repeat(5_000))).to_string();
        assert!(code.starts_with("`begin") && code.ends_with("end`") && code.len() < 120, "{code}");
    }

    #[test]
    fn backticks_in_a_sentence_set_code_in_pairs() {
        assert_eq!(MdCell::new("`a` became `b`").to_string(), "`a` became `b`");
        assert_eq!(MdCell::new("`a` and `").to_string(), "`a` and &#96;");
        assert_eq!(MdCell::new("``").to_string(), "");
    }

    #[test]
    fn nobody_is_called_and_nothing_is_linked() {
        let code = MdCode::new("<https://example.com www.example.com").to_string();
        assert_eq!(code, "<code>&#60;https&#58;//example.com www&#46;example.com</code>");
        let cell = MdCell::new("@everyone see #1, https://example.com and www.example.com").to_string();
        assert_eq!(
            cell,
            "&#64;\u{200b}everyone see &#35;\u{200b}1, https&#58;//example.com and www&#46;example.com"
        );
    }
}
