//! Small words and numbers, written the same way everywhere.

/// `1 kernel`, `2 kernels`: the count with the right form of the noun.
pub fn count(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {}", plural(noun)) }
}

/// The plural of a regular English noun.
pub fn plural(noun: &str) -> String {
    let ends_in_consonant_y =
        noun.ends_with('y') && !["ay", "ey", "oy", "uy"].iter().any(|ending| noun.ends_with(ending));
    if ends_in_consonant_y {
        format!("{}ies", noun.trim_end_matches('y'))
    } else if noun.ends_with('s') || noun.ends_with("ch") || noun.ends_with('x') {
        format!("{noun}es")
    } else {
        format!("{noun}s")
    }
}

/// Rounds to three significant digits, the resolution of everything profgate writes into a baseline.
///
/// Not finite becomes zero: such a number never comes from a measurement.
pub fn round3(value: f64) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return 0.0;
    }
    format!("{value:.2e}").parse().unwrap_or(0.0)
}

/// A number with three significant digits in its shortest plain form: `4250`, `69.7`, `0.023`.
pub fn digits3(value: f64) -> String {
    format!("{}", round3(value))
}

/// Ascending numbers, runs of them written as such: `1–8, 12`.
pub fn ranges(numbers: &[u64]) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let words = runs
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}–{last}") });
    words.collect::<Vec<_>>().join(", ")
}

/// A number of launches: exact when whole, else with at most three decimals.
pub fn launches(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() { "0".to_owned() } else { text.to_owned() }
}

/// How often, as a part of a sentence: `1 time`, `48 times`, `739.5 times`.
pub fn times(value: f64) -> String {
    let number = launches(value);
    if number == "1" { "1 time".to_owned() } else { format!("{number} times") }
}

/// A time on its own: three significant digits and the unit that suits its size.
pub fn time(ns: f64) -> String {
    let size = ns.abs();
    let text = if size >= 999_500_000.0 {
        format!("{} s", digits3(size / 1e9))
    } else if size >= 999_500.0 {
        format!("{} ms", digits3(size / 1e6))
    } else {
        format!("{} µs", digits3(size / 1e3))
    };
    if ns < 0.0 { format!("−{text}") } else { text }
}

/// A difference of times, sign kept.
pub fn signed_time(ns: f64) -> String {
    if ns < 0.0 { time(ns) } else { format!("+{}", time(ns)) }
}

/// A difference in percent; two decimals where one would say zero.
pub fn signed_percent(pct: f64) -> String {
    let sign = if pct < 0.0 { "−" } else { "+" };
    let size = pct.abs();
    if size < 0.095 { format!("{sign}{size:.2} %") } else { format!("{sign}{size:.1} %") }
}

/// Cuts a text to `limit` characters with an ellipsis in its middle, where kernel names differ least.
pub fn shorten_middle(text: &str, limit: usize) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    let keep = limit.saturating_sub(1);
    let head = keep - keep / 3;
    let tail = keep / 3;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{start}…{end}")
}

/// Replaces what could act on a terminal or confuse a reader by a visible stand-in.
///
/// Control characters (ANSI escapes begin with one) and characters that reorder text are replaced; a
/// kernel name is written by whoever wrote the kernel, not by us.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { '\u{fffd}' } else { c }).collect()
}

/// Whether a character moves the cursor, reorders text or is not seen.
pub fn is_unsafe(c: char) -> bool {
    // Marks of direction, joiners, fillers, selectors and tags: each changes a text without being seen in it.
    let is_invisible = matches!(u32::from(c),
        0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
        | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
        | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff);
    // Characters for nobody's use, of which XML takes none.
    let is_no_character = u32::from(c) & 0xfffe == 0xfffe || matches!(u32::from(c), 0xfdd0..=0xfdef);
    c.is_control() || is_invisible || is_no_character
}

/// The candidate nearest to what was typed, when it is near enough to be what was meant.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(typed, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A word as a shell takes it: bare where that is safe, else in single quotes.
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_as_english() {
        assert_eq!(count(1, "kernel"), "1 kernel");
        assert_eq!(count(0, "launch"), "0 launches");
        assert_eq!(count(3, "copy"), "3 copies");
        assert_eq!(count(2, "key"), "2 keys");
    }

    #[test]
    fn three_significant_digits_survive_and_no_more() {
        assert_eq!(digits3(4251.4), "4250");
        assert_eq!(digits3(69.66), "69.7");
        assert_eq!(digits3(0.023_41), "0.0234");
        assert_eq!(digits3(f64::NAN), "0");
    }

    #[test]
    fn launches_are_exact_when_whole() {
        assert_eq!(launches(61.0), "61");
        assert_eq!(launches(739.5), "739.5");
        assert_eq!(launches(0.0), "0");
    }

    #[test]
    fn long_names_keep_both_ends() {
        let short = shorten_middle("abcdefghijklmnopqrstuvwxyz", 10);
        assert_eq!(short.chars().count(), 10);
        assert!(short.starts_with("abc") && short.ends_with("xyz"), "{short}");
    }

    #[test]
    fn nearest_forgives_a_typo_and_nothing_more() {
        assert_eq!(nearest("bseline", ["baseline", "input"]), Some("baseline"));
        assert_eq!(nearest("zzz", ["baseline", "input"]), None);
    }

    #[test]
    fn escapes_and_reordering_marks_become_visible() {
        assert_eq!(printable("a\u{1b}[31mb\u{202e}c"), "a\u{fffd}[31mb\u{fffd}c");
        for unseen in ['\u{ad}', '\u{200b}', '\u{2060}', '\u{3164}', '\u{fe0f}', '\u{e0041}', '\u{1fffe}'] {
            assert_eq!(printable(&format!("a{unseen}b")), "a\u{fffd}b", "{unseen:?}");
        }
        assert_eq!(printable("µ é 漢 → ×"), "µ é 漢 → ×");
    }

    #[test]
    fn once_is_one_time() {
        assert_eq!(
            (times(1.0), times(0.0), times(1.5)),
            ("1 time".into(), "0 times".into(), "1.5 times".into())
        );
    }
}
