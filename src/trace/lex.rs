//! The words of JSON in a window of bytes, leniently: what can be read without a doubt is read.
//!
//! Input: a window of a file and a place in it. Output: the bytes of one value, untouched, or why there is
//! none: the window ends too early, or the bytes are damaged. Never looks behind the window.

/// How deeply values may nest. Real traces stay below ten levels.
pub const MAX_DEPTH: usize = 256;

/// Why no value could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The window ends first.
    NeedMore,
    /// The bytes are no JSON, and how.
    Damaged(&'static str),
    /// Values nest deeper than [`MAX_DEPTH`].
    TooDeep,
}

/// A value, or why there is none.
pub type Lexed<T> = Result<T, Stop>;

/// A place in a window of bytes.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether any string that was read holds a backslash.
    pub escaped: bool,
    /// What was read although a strict reader would refuse it; the last kind.
    pub oddity: Option<&'static str>,
}

impl<'a> Cursor<'a> {
    /// A cursor at a place of a window.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, escaped: false, oddity: None }
    }

    /// Where the cursor stands.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes to a place of the window.
    pub fn jump(&mut self, at: usize) {
        self.at = at;
    }

    /// Steps over bytes that were looked at.
    pub fn skip(&mut self, count: usize) {
        self.at += count;
    }

    /// Steps over blanks and returns the byte behind them, which stays unread.
    #[inline(always)]
    pub fn significant(&mut self) -> Lexed<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Stop::NeedMore),
            }
        }
    }

    /// The string at the cursor, with its quotes.
    #[inline(always)]
    pub fn string(&mut self) -> Lexed<&'a [u8]> {
        let start = self.at;
        // Most strings are short; the end of a long one is found faster by larger steps.
        for step in 0..SHORT_WORDS {
            let at = start + 1 + 8 * step;
            let Some(chunk) = self.bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) else { break };
            let word = u64::from_le_bytes(*chunk);
            let marks = has(word, b'"') | has(word, b'\\');
            if marks != 0 {
                let at = at + (marks.trailing_zeros() / 8) as usize;
                if self.bytes.get(at) != Some(&b'"') {
                    break;
                }
                self.at = at + 1;
                return self.bytes.get(start..self.at).ok_or(Stop::NeedMore);
            }
        }
        self.long_string()
    }

    #[inline(never)]
    fn long_string(&mut self) -> Lexed<&'a [u8]> {
        let start = self.at;
        let mut at = start + 1;
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            at += memchr::memchr2(b'"', b'\\', rest).ok_or(Stop::NeedMore)?;
            if self.bytes.get(at) == Some(&b'"') {
                self.at = at + 1;
                return self.bytes.get(start..self.at).ok_or(Stop::NeedMore);
            }
            self.escaped = true;
            at += 2;
        }
    }

    /// The value at the cursor, which stands on its first byte.
    #[inline(always)]
    pub fn value(&mut self) -> Lexed<&'a [u8]> {
        match self.bytes.get(self.at) {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => self.container(),
            Some(_) => self.scalar(),
            None => Err(Stop::NeedMore),
        }
    }

    /// A number or a word. `NaN`, `inf`, `N/A` and their like are words that writers leave unquoted.
    #[inline(always)]
    fn scalar(&mut self) -> Lexed<&'a [u8]> {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let ends = |byte: &u8| ENDS_SCALAR.get(usize::from(*byte)) == Some(&true);
        let length = rest.iter().position(ends).ok_or(Stop::NeedMore)?;
        let word = rest.get(..length).unwrap_or_default();
        self.at = start + length;
        match word {
            [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] => Ok(word),
            _ => self.word(word),
        }
    }

    fn word(&mut self, word: &'a [u8]) -> Lexed<&'a [u8]> {
        match word {
            [] => return Err(Stop::Damaged("a value is missing")),
            b"null" | b"true" | b"false" => {}
            _ => self.oddity = Some("a value is no JSON, such as NaN"),
        }
        Ok(word)
    }

    /// The object or list at the cursor. Of its grammar only what tells a string's end from a stray quote is
    /// held to.
    #[inline(never)]
    fn container(&mut self) -> Lexed<&'a [u8]> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            self.at = find(
                self.bytes,
                self.at,
                |word| {
                    let folded = word | 0x2020_2020_2020_2020;
                    has(folded, b'"') | has(folded, b'{') | has(folded, b'}')
                },
                |byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'),
            )?;
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.string()?;
                    if !matches!(self.significant()?, b',' | b':' | b'}' | b']') {
                        return Err(Stop::Damaged("a quote stands inside a string"));
                    }
                }
                Some(b'{' | b'[') => {
                    self.at += 1;
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(Stop::TooDeep);
                    }
                }
                Some(b'}' | b']') => {
                    self.at += 1;
                    depth -= 1;
                    if depth == 0 {
                        return self.bytes.get(start..self.at).ok_or(Stop::NeedMore);
                    }
                }
                // A control character that looks like a quote once it is folded.
                _ => self.at += 1,
            }
        }
    }

    /// Calls `visit` with each key of the object at the cursor, without quotes, while the cursor stands on
    /// the first byte of its value, which `visit` reads.
    #[inline]
    pub fn members(&mut self, mut visit: impl FnMut(&mut Self, &'a [u8]) -> Lexed<()>) -> Lexed<()> {
        self.at += 1;
        let mut is_first = true;
        loop {
            match self.significant()? {
                b'"' => {}
                b'}' => {
                    if !is_first {
                        self.oddity = Some("a comma too many");
                    }
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Stop::Damaged("a key is missing")),
            }
            is_first = false;
            let key = self.string()?;
            if self.significant()? != b':' {
                return Err(Stop::Damaged("a quote stands inside a string, or a colon is missing"));
            }
            self.at += 1;
            self.significant()?;
            visit(self, key.get(1..key.len() - 1).unwrap_or_default())?;
            match self.significant()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                b'"' => self.oddity = Some("a comma is missing"),
                _ => return Err(Stop::Damaged("a quote stands inside a string, or a comma is missing")),
            }
        }
    }
}

/// Words of eight bytes in which the end of a string is looked for by hand.
const SHORT_WORDS: usize = 4;

/// Which bytes end a number or a word.
#[allow(clippy::indexing_slicing, reason = "a byte is an index of 256 places")]
const ENDS_SCALAR: [bool; 256] = {
    let ends = *b",}] \n\r\t\":{[\\";
    let mut table = [false; 256];
    let mut rest = ends.as_slice();
    while let [byte, more @ ..] = rest {
        table[*byte as usize] = true;
        rest = more;
    }
    table
};

/// The first byte at or after a place that matches. `in_word` marks matches among eight bytes with their high
/// bits, and may mark too many; `is_match` decides for the last few.
#[inline]
fn find(
    bytes: &[u8],
    mut at: usize,
    in_word: impl Fn(u64) -> u64,
    is_match: impl Fn(u8) -> bool,
) -> Lexed<usize> {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let marks = in_word(u64::from_le_bytes(*chunk));
        if marks != 0 {
            return Ok(at + (marks.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if is_match(*byte) {
            return Ok(at);
        }
        at += 1;
    }
    Err(Stop::NeedMore)
}

/// Marks the high bit of each byte that equals `byte`; exact up to the first mark.
#[inline]
const fn has(word: u64, byte: u8) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zeroed = word ^ (LOW * byte as u64);
    zeroed.wrapping_sub(LOW) & !zeroed & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Lexed<(String, Option<&'static str>)> {
        let mut cursor = Cursor::new(text.as_bytes(), 0);
        let raw = cursor.value()?;
        Ok((String::from_utf8(raw.to_vec()).unwrap(), cursor.oddity))
    }

    #[test]
    fn values_end_where_they_end() {
        for (text, want) in [
            ("\"a\" ,", "\"a\""),
            ("\"a\\\"b\",", "\"a\\\"b\""),
            (
                "\"a long string of more than eight bytes\\\\\"}",
                "\"a long string of more than eight bytes\\\\\"",
            ),
            ("12.5,", "12.5"),
            ("-1}", "-1"),
            ("null]", "null"),
            ("[1,[2,{\"a\":\"]\"}]],", "[1,[2,{\"a\":\"]\"}]]"),
            ("{} ", "{}"),
            ("[\u{2}1]x", "[\u{2}1]"),
        ] {
            assert_eq!(value(text), Ok((want.to_owned(), None)), "{text}");
        }
    }

    #[test]
    fn words_that_are_no_json_are_read_and_told() {
        for word in ["NaN", "-inf", "Infinity", "-nan", "N/A"] {
            let (raw, oddity) = value(&format!("{word},")).unwrap();
            assert!(raw == word && oddity.is_some(), "{word}");
        }
    }

    #[test]
    fn every_cut_needs_more() {
        let text = "{\"a\":[1,\"x\\\"y\",{\"b\":null}],\"c\":\"d\"}";
        for cut in 1..text.len() {
            assert_eq!(value(text.get(..cut).unwrap()), Err(Stop::NeedMore), "{cut}");
        }
    }

    #[test]
    fn a_stray_quote_is_noticed_at_once() {
        assert!(matches!(value("{\"a\":\"lambda \"x\" y\",\"b\":1}"), Err(Stop::Damaged(_))));
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(value(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(value(&nested(MAX_DEPTH + 1)), Err(Stop::TooDeep));
    }

    proptest::proptest! {
        #[test]
        fn what_json_holds_is_found_whole(text in "[\\[\\]{}\",:a \\\\]{0,20}", after in "[,\\]} ]") {
            let json = serde_json::to_string(&text).unwrap();
            let (raw, oddity) = value(&format!("{json}{after}")).unwrap();
            proptest::prop_assert_eq!((raw, oddity), (json, None));
        }
    }
}
