//! Mangled names: demangled where that works, else read for the identifiers they spell out.

use std::fmt::{self, Write};

use cpp_demangle::{BorrowedSymbol, DemangleOptions, ParseOptions, Symbol};

use super::name::{Arg, Path, Segment};

/// Back-references let a short symbol stand for a huge name; a longer one is not worth reading.
const MAX_TEXT: usize = 64 * 1024;
const MAX_SYMBOL: usize = 16 * 1024;
const MAX_DEPTH: u32 = 128;

/// What could be made of a mangled name.
pub enum Recovered {
    /// The demangled text.
    Text(String),
    /// Identifiers of a symbol that was cut off or is newer than the demangler.
    Path(Path),
}

/// Reads a name that starts with `_Z`; `None` for every other name.
pub fn recover_unless_demangled(raw: &str) -> Option<Recovered> {
    if !raw.starts_with("_Z") {
        return None;
    }
    Some(demangle(raw).map_or_else(|| Recovered::Path(spelled_out(raw)), Recovered::Text))
}

fn demangle(raw: &str) -> Option<String> {
    if raw.len() > MAX_SYMBOL {
        return None;
    }
    let symbol: BorrowedSymbol<'_> =
        Symbol::new_with_options(raw.as_bytes(), &ParseOptions::default().recursion_limit(MAX_DEPTH)).ok()?;
    let mut out = Bounded(String::new());
    let options = DemangleOptions::new().recursion_limit(MAX_DEPTH);
    symbol.structured_demangle(&mut out, &options).ok()?;
    Some(out.0)
}

struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_TEXT {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// The identifiers that a symbol spells with their lengths, up to the end of its name.
///
/// Substitutions stay unresolved and arguments lie flat, so positions mean little; words still do.
fn spelled_out(raw: &str) -> Path {
    let mut reader = Reader {
        bytes: raw.as_bytes(),
        at: "_Z".len(),
        open: Vec::new(),
        path: Path::default(),
        args: Vec::new(),
    };
    reader.run();
    let mut path = reader.path;
    match path.segments.last_mut() {
        Some(function) => function.args = reader.args,
        None => return Path::of_ident(raw),
    }
    path
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Vec<u8>,
    path: Path,
    args: Vec<Arg>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> String {
        let mut text = String::new();
        while let Some(byte) = self.peek().filter(|byte| accept(*byte)) {
            text.push(char::from(byte));
            self.at += 1;
        }
        text
    }

    fn run(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'0'..=b'9' => self.number(),
                b'S' | b'T' => {
                    self.at += 2;
                    if self
                        .bytes
                        .get(self.at - 1)
                        .is_some_and(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
                    {
                        self.take_while(|b| b != b'_');
                    }
                }
                b'D' => {
                    self.at += 2;
                    self.take_while(|b| b.is_ascii_digit());
                    self.at += usize::from(matches!(self.peek(), Some(b'b' | b'_')));
                }
                b'L' if self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_lowercase) => self.literal(),
                b'N' | b'I' | b'J' | b'L' | b'X' | b'F' => {
                    let names_function = byte == b'L' && self.bytes.get(self.at + 1) == Some(&b'_');
                    self.open.push(if names_function { b'X' } else { byte });
                    self.at += 1;
                }
                b'E' => {
                    self.open.pop();
                    self.at += 1;
                }
                _ => self.at += 1,
            }
            if self.open.is_empty() && !self.path.segments.is_empty() && self.peek() != Some(b'I') {
                return;
            }
        }
    }

    fn number(&mut self) {
        let digits = self.take_while(|b| b.is_ascii_digit());
        if self.open.last() == Some(&b'L') {
            self.args.push(Arg::Value { cast: None, text: digits });
            return;
        }
        let length: usize = digits.parse().unwrap_or(0);
        let end = self.at.saturating_add(length).min(self.bytes.len());
        let ident =
            self.bytes.get(self.at..end).map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        self.at = end;
        if ident.starts_with("_GLOBAL__N_") {
            return;
        }
        if self.open.iter().all(|open| *open == b'N') {
            self.path.segments.push(Segment { ident, args: Vec::new() });
        } else {
            self.args.push(Arg::Path(Path::of_ident(&ident)));
        }
    }

    fn literal(&mut self) {
        let is_bool = self.bytes.get(self.at + 1) == Some(&b'b');
        self.at += 2;
        let text = self.take_while(|b| b != b'E').replace('n', "-");
        self.at += 1;
        let text = match (is_bool, text.as_str()) {
            (true, "1") => "true".to_owned(),
            (true, _) => "false".to_owned(),
            (false, _) => text,
        };
        self.args.push(Arg::Value { cast: None, text });
    }
}
