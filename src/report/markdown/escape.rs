//! Text made harmless by its type: whatever a kernel is called, it stays inside its cell.
//!
//! Characters that mean something to Markdown or HTML become numeric references, which CommonMark never
//! reads as structure and which also survive in table cells. References do not help against what GitHub
//! finds in the rendered text, mentions and issue numbers; there a zero-width space follows the sign.

use std::collections::BTreeSet;
use std::fmt;

use crate::common::text::{count, printable, shorten_middle};

/// Longest name in a table or a sentence.
const CODE: usize = 96;

/// How a command of a GitHub runner began once; still obeyed, wherever it stands in a line.
const OLD_COMMAND: &str = "##[";

/// Longest sentence.
const SENTENCE: usize = 700;

/// A name, set as code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MdCode(String);

impl MdCode {
    /// Sets a name as code, its middle left out when it is very long.
    pub fn new(text: &str) -> Self {
        Self::whole(&shorten_middle(text.trim(), CODE))
    }

    /// Sets a text as code that a reader copies, and of which no character may be missing.
    pub fn whole(text: &str) -> Self {
        let text = printable(text);
        if text.is_empty() {
            return Self("<code>&#32;</code>".to_owned());
        }
        if text.chars().all(is_plain) && !text.contains(OLD_COMMAND) {
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
    /// Sets at most `lines` lines as a diff, each shortened when it is very long; how many more there are is said.
    pub fn diff(text: &str, lines: usize) -> Self {
        let more = text.lines().count().saturating_sub(lines) as u64;
        let rest = (more > 0).then(|| format!(" … {} in report.json", count(more, "more line")));
        Self::new("diff", text.lines().take(lines).map(|line| shorten_middle(line, CODE)).chain(rest))
    }

    /// Sets text that a reader copies, and of which no character may be missing.
    pub fn yaml(text: &str) -> Self {
        Self::new("yaml", text.lines().map(str::to_owned))
    }

    fn new(language: &str, lines: impl Iterator<Item = String>) -> Self {
        let mut out = format!("<pre lang=\"{language}\">\n");
        for line in lines {
            let line = printable(&line);
            // A runner takes a line of a log that begins so, or holds the older form anywhere, for a command.
            let is_command = line.trim_start().starts_with("::") || line.contains(OLD_COMMAND);
            for c in line.chars() {
                if matches!(c, '&' | '<' | '>' | '"' | '@') || (is_command && matches!(c, ':' | '#')) {
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

/// Escapes a text. GitHub looks for mentions, numbers of issues, commits, addresses and emoji in what is rendered,
/// but not inside `<code>`; outside of it a character that is not seen parts what would be found.
fn push_escaped(out: &mut String, text: &str, is_searched: bool) {
    let text = printable(text);
    let chars: Vec<char> = text.chars().collect();
    let parted = if is_searched { parted_after(&chars) } else { BTreeSet::new() };
    for (at, c) in chars.iter().copied().enumerate() {
        let next = chars.get(at + 1);
        match c {
            '@' | '#' | '&' | '<' | '>' | '"' | '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '~' | '$'
            | '!' => {
                push_reference(out, c);
            }
            // `https://` and its like would become links.
            ':' if next == Some(&'/') => push_reference(out, c),
            // `www.` would too.
            '.' if ends_with(&chars, at, "www") => push_reference(out, c),
            // What begins a list, where a cell is the whole of a line.
            '-' | '+' | '.' | ')' if is_bullet(out, c) && next.is_none_or(|next| *next == ' ') => {
                push_reference(out, c);
            }
            _ => out.push(c),
        }
        if parted.contains(&at) {
            out.push('\u{200b}');
        }
    }
}

/// Whether this character behind these makes the first word of a line a bullet or a number.
fn is_bullet(before: &str, c: char) -> bool {
    match c {
        '-' | '+' => before.is_empty(),
        _ => (1..10).contains(&before.len()) && before.chars().all(|c| c.is_ascii_digit()),
    }
}

/// Shortest name of a commit that becomes a link.
const COMMIT: usize = 7;

/// Positions after which something has to stand that nobody sees.
fn parted_after(chars: &[char]) -> BTreeSet<usize> {
    let mut positions = BTreeSet::new();
    for (at, c) in chars.iter().enumerate() {
        let is_here = match c {
            '@' | '#' => true,
            ':' => is_of_link(chars, at) || is_of_emoji(chars, at),
            '.' => ends_with(chars, at, "www"),
            // An issue.
            '-' => ends_with(chars, at, "gh") && chars.get(at + 1).is_some_and(char::is_ascii_digit),
            _ => false,
        };
        if is_here {
            positions.insert(at);
        }
    }
    let mut start = 0;
    for word in chars.split_inclusive(|c| !c.is_alphanumeric()) {
        let length = word.iter().take_while(|c| c.is_ascii_hexdigit()).count();
        if length >= COMMIT && word.iter().filter(|c| c.is_alphanumeric()).count() == length {
            positions.insert(start + COMMIT / 2);
        }
        start += word.len();
    }
    positions
}

/// Whether a colon stands in `https://` or behind `mailto`.
fn is_of_link(chars: &[char], at: usize) -> bool {
    chars.get(at + 1) == Some(&'/') || ends_with(chars, at, "mailto") || ends_with(chars, at, "xmpp")
}

/// Whether a colon begins `:tada:`.
fn is_of_emoji(chars: &[char], at: usize) -> bool {
    let rest = chars.get(at + 1..).unwrap_or_default();
    let name = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || "_+-".contains(**c)).count();
    name > 0 && rest.get(name) == Some(&':')
}

/// Whether these letters, in any case, stand before a position.
fn ends_with(chars: &[char], at: usize, letters: &str) -> bool {
    let start = at.checked_sub(letters.len());
    let before = start.and_then(|start| chars.get(start..at)).unwrap_or_default();
    !before.is_empty() && before.iter().map(char::to_ascii_lowercase).eq(letters.chars())
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
    fn a_page_that_lands_in_a_log_commands_no_runner() {
        let page = MdPre::diff("::add-mask::x\n  ::error::y\n a ##[error]z\n+std::move", 9).to_string();
        assert!(!page.lines().any(|line| line.trim_start().starts_with("::")), "{page}");
        assert!(!page.contains("##[") && page.contains("+std::move"), "{page}");
        assert!(!MdCode::new("a ##[error]z").to_string().contains("##["));
        assert!(!MdCell::new("::error::y ##[error]z").to_string().contains("##["));
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
            "&#64;\u{200b}everyone see &#35;\u{200b}1, https&#58;\u{200b}//example.com and www&#46;\u{200b}example.com"
        );
    }

    #[test]
    fn no_emoji_issue_or_commit_is_made() {
        for (text, wanted) in [
            (":tada:", ":\u{200b}tada:"),
            ("a:b c: 12:30 anew. now.", "a:b c: 12:30 anew. now."),
            ("mailto:x", "mailto:\u{200b}x"),
            ("GH-12 qwen3-30b", "GH-\u{200b}12 qwen3-30b"),
            ("in 1a2b3c4d.", "in 1a2b\u{200b}3c4d."),
            ("deadbeefs: 123456", "deadbeefs: 123456"),
            ("+3.54 ms: a − b", "+3.54 ms: a − b"),
            ("`a` - b. c", "`a` - b. c"),
            ("- x", "&#45; x"),
            ("12. x", "12&#46; x"),
        ] {
            assert_eq!(MdCell::new(text).to_string(), wanted);
            assert!(!MdCode::new(text).to_string().contains('\u{200b}'));
        }
    }

    #[test]
    fn a_diff_says_how_much_of_it_is_not_shown() {
        let text = MdPre::diff("a\nb\nc\n", 2).to_string();
        assert_eq!(text, "<pre lang=\"diff\">\na\nb\n … 1 more line in report.json\n</pre>");
        assert!(!MdPre::diff("a\nb", 2).to_string().contains("more"));
    }
}
