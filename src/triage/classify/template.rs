//! Kernel ids: filled in from an entry's template, or made from the name when no entry has one.

use regex_lite::Regex;

use super::catalog::Family;
use super::subject::Subject;
use super::vocabulary::Vocabulary;

/// Longest kernel id. A longer one is cut and marked with a checksum of all of it.
pub const MAX_ID: usize = 100;

/// An entry's `kernel:` text.
#[derive(Debug)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Arg(usize),
    NestedArg(String, usize),
    Dtype,
    Dtypes,
    Function,
    Identifier,
    Words,
    Flags,
    Capture(String),
}

impl Template {
    /// Reads a template; the error is a lowercase fragment.
    pub fn parse(text: &str, patterns: &[Regex]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) =
                after.split_once('}').ok_or_else(|| "a placeholder is not closed".to_owned())?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(match name {
                "dtype" if !captures(patterns, name) => Piece::Dtype,
                "dtypes" => Piece::Dtypes,
                "function" => Piece::Function,
                "identifier" => Piece::Identifier,
                "words" => Piece::Words,
                "flags" => Piece::Flags,
                position if position.parse::<usize>().is_ok() => Piece::Arg(position.parse().unwrap_or(0)),
                nested if nested_arg(nested).is_some() => nested_arg(nested).unwrap_or(Piece::Function),
                capture if captures(patterns, capture) => Piece::Capture(capture.to_owned()),
                other => return Err(format!("`{{{other}}}` is neither a placeholder nor a captured name")),
            });
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self { pieces })
    }
}

/// `Type.3`: an argument of a template among the function's arguments.
fn nested_arg(text: &str) -> Option<Piece> {
    let (ident, at) = text.split_once('.')?;
    Some(Piece::NestedArg(ident.to_owned(), at.parse().ok()?))
}

fn captures(patterns: &[Regex], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.capture_names().flatten().any(|known| known == name))
}

/// The kernel id of a name that `family` claimed.
pub fn kernel_id(family: &Family, subject: &Subject, vocabulary: &Vocabulary) -> String {
    let flags: Vec<&str> = family
        .flags
        .iter()
        .filter(|(condition, _)| condition.holds(subject))
        .map(|(_, word)| word.as_str())
        .collect();
    let flags = flags.join("-");
    let Some(template) = &family.template else {
        return if flags.is_empty() {
            generic_id(subject)
        } else {
            tidy(&format!("{}-{flags}", generic_id(subject)))
        };
    };
    let mut out = String::new();
    for piece in &template.pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Arg(at) => out.push_str(&subject.arg(*at).unwrap_or_default()),
            Piece::NestedArg(ident, at) => out.push_str(&subject.nested_arg(ident, *at).unwrap_or_default()),
            Piece::Dtype => out.push_str(subject.dtypes.first().map_or("", String::as_str)),
            Piece::Dtypes => out.push_str(&subject.dtypes.join("-")),
            Piece::Function => out.push_str(&stable_function(&subject.function)),
            Piece::Identifier => out.push_str(&subject.function),
            Piece::Words => out.push_str(&telling_words(subject, vocabulary)),
            Piece::Flags => out.push_str(&flags),
            Piece::Capture(name) => {
                let text = family.matcher.capture(subject, name).unwrap_or_default();
                out.push_str(&vocabulary.captured(&text));
            }
        }
    }
    if !template.pieces.contains(&Piece::Flags) && !flags.is_empty() {
        out.push('-');
        out.push_str(&flags);
    }
    tidy(&without_repeated_dtypes(&out, vocabulary))
}

/// The id of a name that no entry describes: its identifier and its element types.
pub fn generic_id(subject: &Subject) -> String {
    let function = stable_function(&subject.function);
    tidy(&format!("{function}-{}", subject.dtypes.join("-")))
}

/// An identifier without tile sizes and hashes.
///
/// AITER's Triton kernels append every tuning parameter, beginning with the block size.
fn stable_function(function: &str) -> String {
    let function = function.split_once("_BLOCK_SIZE_").map_or(function, |(before, _)| before);
    let kept: Vec<&str> = function.split('_').filter(|token| !is_tile(token) && !is_hash(token)).collect();
    kept.join("_")
}

fn is_tile(token: &str) -> bool {
    token.contains('x')
        && token.split('x').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
}

fn is_hash(token: &str) -> bool {
    token.len() >= 8
        && token.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
        && token.chars().any(|c| c.is_ascii_digit())
}

fn telling_words(subject: &Subject, vocabulary: &Vocabulary) -> String {
    let words: Vec<&str> = subject
        .words
        .iter()
        .map(String::as_str)
        .filter(|word| !vocabulary.noise.contains(*word) && vocabulary.dtype(word).is_none())
        .collect();
    words.join("-")
}

/// `bf16-bf16-bf16` says no more than `bf16`.
fn without_repeated_dtypes(text: &str, vocabulary: &Vocabulary) -> String {
    let mut parts: Vec<&str> = text.split('-').filter(|part| !part.is_empty()).collect();
    parts.dedup_by(|next, previous| next == previous && vocabulary.is_dtype_name(next));
    parts.join("-")
}

/// Keeps what is safe in YAML, Markdown and a terminal, and bounds the length.
pub fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+') {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let out = out.trim_end_matches('-');
    if out.is_empty() {
        return "unnamed".to_owned();
    }
    if out.len() <= MAX_ID {
        return out.to_owned();
    }
    let head: String = out.chars().take(MAX_ID - 9).collect();
    format!("{}-{:08x}", head.trim_end_matches(['-', '_']), checksum(out))
}

/// FNV-1a, 32 bits: two long names that begin alike stay two rows.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
