//! Splits identifiers into words, so that `rmsnorm`, `RMSNorm` and `rms_norm` are the same two words.

use std::collections::BTreeMap;

/// What the catalog files say about words, beyond the rules of [`split`].
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    /// One word that is really several: `rmsnorm` is `rms norm`.
    compounds: BTreeMap<String, Vec<String>>,
    /// Several words that are really one: `top k` is `topk`. Keyed by the first word, longest first.
    joins: BTreeMap<String, Vec<Vec<String>>>,
}

impl Lexicon {
    /// Teaches a compound; what it stands for is written with spaces.
    pub fn add_compound(&mut self, word: &str, parts: &str) {
        let parts = parts.split_whitespace().map(str::to_owned).collect();
        self.compounds.insert(word.to_owned(), parts);
    }

    /// Teaches that the words of `parts` are one word.
    pub fn add_join(&mut self, parts: &str) {
        let parts: Vec<String> = parts.split_whitespace().map(str::to_owned).collect();
        let Some(first) = parts.first().cloned() else { return };
        let joins = self.joins.entry(first).or_default();
        joins.push(parts);
        joins.sort_by_key(|parts| std::cmp::Reverse(parts.len()));
    }

    /// The words of an identifier, lower-cased, in order.
    pub fn words(&self, text: &str) -> Vec<String> {
        let raw = split(text);
        let mut joined: Vec<String> = Vec::with_capacity(raw.len());
        let mut at = 0;
        while let Some(word) = raw.get(at) {
            let found = self.joins.get(word).and_then(|joins| {
                joins.iter().find(|parts| raw.get(at..at + parts.len()) == Some(parts.as_slice()))
            });
            let (word, width) =
                found.map_or_else(|| (word.clone(), 1), |parts| (parts.concat(), parts.len()));
            match self.compounds.get(&word) {
                Some(parts) => joined.extend(parts.iter().cloned()),
                None => joined.push(word),
            }
            at += width;
        }
        joined
    }
}

/// Whether `sequence` occurs in `words`, whole words in a row.
pub fn contains(words: &[String], sequence: &[String]) -> bool {
    !sequence.is_empty() && words.windows(sequence.len()).any(|window| window == sequence)
}

/// Splits at separators, at changes of case, and where digits end a word or begin one.
///
/// Digits stay with a short word before them (`fp8`, `sm90`) and with a unit behind them (`2d`).
fn split(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (at, c) in chars.iter().copied().enumerate() {
        if !c.is_alphanumeric() {
            flush(&mut word, &mut words);
            continue;
        }
        let before = at.checked_sub(1).and_then(|before| chars.get(before)).copied().unwrap_or('_');
        if starts_word(&chars, at, before, c, &word) {
            flush(&mut word, &mut words);
        }
        word.extend(c.to_lowercase());
    }
    flush(&mut word, &mut words);
    words
}

fn starts_word(chars: &[char], at: usize, before: char, c: char, word: &str) -> bool {
    let after = chars.get(at + 1).copied().unwrap_or('_');
    if c.is_uppercase() {
        let ends_acronym = before.is_uppercase() && after.is_lowercase() && !is_plural_acronym(chars, at);
        return before.is_lowercase() || ends_acronym || (before.is_ascii_digit() && after.is_lowercase());
    }
    if c.is_ascii_digit() && before.is_alphabetic() {
        return word.chars().count() >= 4 && word.chars().all(char::is_alphabetic) && !keeps_digits(word);
    }
    if c.is_lowercase() && before.is_ascii_digit() {
        let run = chars.iter().skip(at).take_while(|c| c.is_lowercase()).count();
        return run >= 3;
    }
    false
}

/// `QKs`, `GEMMs`: the small letter belongs to the acronym.
fn is_plural_acronym(chars: &[char], at: usize) -> bool {
    chars.get(at + 1) == Some(&'s') && !chars.get(at + 2).is_some_and(|c| c.is_lowercase())
}

fn keeps_digits(word: &str) -> bool {
    matches!(word, "mxfp" | "nvfp" | "float" | "bfloat" | "uint" | "half")
}

fn flush(word: &mut String, words: &mut Vec<String>) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lexicon() -> Lexicon {
        let mut lexicon = Lexicon::default();
        lexicon.add_compound("rmsnorm", "rms norm");
        lexicon.add_join("top k");
        lexicon.add_join("swi glu");
        lexicon
    }

    #[test]
    fn every_spelling_gives_the_same_words() {
        for text in ["rms_norm", "RMSNorm", "rmsnorm", "RmsNorm", "rms::norm"] {
            assert_eq!(lexicon().words(text), ["rms", "norm"], "{text}");
        }
        assert_eq!(lexicon().words("Rmsnorm2dFwd"), ["rms", "norm", "2d", "fwd"]);
    }

    #[test]
    fn digits_stay_where_they_mean_something() {
        assert_eq!(lexicon().words("sm90_fp8_gemm_1d2d"), ["sm90", "fp8", "gemm", "1d2d"]);
        assert_eq!(
            lexicon().words("cross_device_reduce_1stage"),
            ["cross", "device", "reduce", "1", "stage"]
        );
        assert_eq!(lexicon().words("s16816gemm_bf16"), ["s16816", "gemm", "bf16"]);
    }

    #[test]
    fn case_splits_words_and_joins_mend_them() {
        assert_eq!(lexicon().words("topkGatingSoftmax"), ["topk", "gating", "softmax"]);
        assert_eq!(lexicon().words("gatherTopK"), ["gather", "topk"]);
        assert_eq!(lexicon().words("FlashAttnFwdSm90"), ["flash", "attn", "fwd", "sm90"]);
        assert_eq!(lexicon().words("swiGlu_dynB"), ["swiglu", "dyn", "b"]);
        assert_eq!(lexicon().words("CUDAFunctorOnSelf_add"), ["cuda", "functor", "on", "self", "add"]);
    }

    #[test]
    fn only_whole_words_match() {
        let words = lexicon().words("convert_vertical_slash_indexes");
        assert!(!contains(&words, &["conv".to_owned()]));
        assert!(contains(&words, &["vertical".to_owned(), "slash".to_owned()]));
    }
}
