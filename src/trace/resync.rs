//! Where reading goes on behind damage.

use super::lex::Cursor;
use super::wire::{self, EVENT_KEYS};

/// What follows damaged bytes in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// An event begins here.
    Event(usize),
    /// The list of events ends here.
    End(usize),
    /// Neither, in all bytes before this place.
    Nothing(usize),
}

/// The next event, or the end of the list, at or after a place. `is_last` says that nothing follows the window.
///
/// An event is an object that no colon precedes and that begins with the key of an event; so layout decides
/// nothing. The list ends with a bracket behind a brace, and a known key of the header or the end of the document
/// follows it: a list inside an event's arguments must not pass for it.
pub fn find(window: &[u8], from: usize, is_last: bool) -> Found {
    let mut at = from;
    while let Some(ahead) = memchr::memchr2(b'{', b']', window.get(at..).unwrap_or_default()) {
        at += ahead;
        let is_event = window.get(at) == Some(&b'{');
        let holds = if is_event { begins_event(window, at) } else { ends_list(window, at) };
        match holds {
            Some(true) if is_event => return Found::Event(at),
            Some(true) => return Found::End(at),
            None if !is_last => return Found::Nothing(at),
            None if !is_event && before(window, at) == Some(b'}') => return Found::End(at),
            Some(false) | None => at += 1,
        }
    }
    Found::Nothing(window.len())
}

/// Whether damaged bytes hold the keys of more than one event: what stood between those events is gone, and nobody
/// knows how much that was.
pub fn is_several_events(bytes: &[u8]) -> bool {
    [&b"\"ph\":"[..], b"\"ts\":", b"\"dur\":", b"\"args\":"]
        .into_iter()
        .any(|key| memchr::memmem::find_iter(bytes, key).nth(1).is_some())
}

/// What a file is that does not begin as JSON, as far as its first bytes tell.
pub fn what_begins(window: &[u8]) -> &'static str {
    match window {
        // The marks of both byte orders; no other text begins so.
        [0xff | 0xfe, ..] => "it is text in UTF-16; write it again as UTF-8",
        [0x1f, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => "it is compressed twice; decompress it once",
        _ => "it does not begin as JSON",
    }
}

/// The key of the list of events, at or after a place.
pub fn find_events(window: &[u8], from: usize) -> Result<usize, usize> {
    let key = [b"\"", wire::EVENTS, b"\""].concat();
    let rest = window.get(from..).unwrap_or_default();
    match memchr::memmem::find(rest, &key) {
        Some(ahead) => Ok(from + ahead),
        None => Err(from + rest.len().saturating_sub(key.len())),
    }
}

/// Whether the brace here begins an event; `None` where the window does not say.
fn begins_event(window: &[u8], at: usize) -> Option<bool> {
    if before(window, at) == Some(b':') {
        return Some(false);
    }
    let mut cursor = Cursor::new(window, at + 1);
    if cursor.significant().ok()? != b'"' {
        return Some(false);
    }
    // No key of an event is longer; and a stray quote must not make the whole window one string.
    let rest = window.get(cursor.at() + 1..).unwrap_or_default();
    let Some(length) = memchr::memchr(b'"', rest.get(..8).unwrap_or(rest)) else {
        return (rest.len() >= 8).then_some(false);
    };
    if !EVENT_KEYS.contains(&rest.get(..length).unwrap_or_default()) {
        return Some(false);
    }
    cursor.skip(length + 2);
    Some(cursor.significant().ok()? == b':')
}

/// Whether the bracket here ends the list of events; `None` where the window does not say.
fn ends_list(window: &[u8], at: usize) -> Option<bool> {
    if before(window, at) != Some(b'}') {
        return Some(false);
    }
    let mut cursor = Cursor::new(window, at + 1);
    let next = cursor.significant().ok()?;
    cursor.skip(1);
    match (next, cursor.significant().ok()?) {
        (b'}', after) => Some(!matches!(after, b',' | b'}' | b']')),
        (b',', b'"') => {
            let rest = window.get(cursor.at() + 1..).unwrap_or_default();
            let length = memchr::memchr(b'"', rest)?;
            let key = rest.get(..length).unwrap_or_default();
            Some(wire::is_kineto_key(key) || wire::is_header_key(key))
        }
        _ => Some(false),
    }
}

/// The last byte before a place that is no blank.
fn before(window: &[u8], at: usize) -> Option<u8> {
    window.get(..at)?.trim_ascii_end().last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(damage: &str, rest: &str) -> Found {
        find(format!("{damage}{rest}").as_bytes(), 1, true)
    }

    #[test]
    fn the_next_event_is_found_in_any_layout() {
        let damage = r#"{"ph": "X", "args": {"name": "a"b", "l": [{"c": 1}], "m": {"ph": 2}}}"#;
        for rest in ["{\"ph\":1", " , {\n  \"name\" : 1", "\n  {\"args\": {}"] {
            let brace = damage.len() + rest.find('{').unwrap();
            assert_eq!(after(damage, rest), Found::Event(brace), "{rest}");
        }
    }

    #[test]
    fn the_end_of_the_list_is_found() {
        let damage = r#"{"ph": "X", "args": {"name": "a"b", "l": [1]}}"#;
        for rest in ["]}", "\n  ],\n  \"traceName\": 1}", "]"] {
            let bracket = damage.len() + rest.find(']').unwrap();
            assert_eq!(after(damage, rest), Found::End(bracket), "{rest}");
        }
    }

    #[test]
    fn what_the_window_cuts_is_kept() {
        let text = br#"xxx {"p"#;
        assert_eq!(find(text, 0, false), Found::Nothing(4));
        assert_eq!(find(text, 0, true), Found::Nothing(text.len()));
        assert_eq!(find(b"xxx {\"processes", 0, false), Found::Nothing(15));
    }
}
