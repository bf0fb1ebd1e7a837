//! The shape of the JSON: the only place that spells keys such as `External id`.
//!
//! Fields are read leniently, because real files disagree about types (`"stream": "0x0"`, `-1`, `null`,
//! ids as text). Each value is kept as the text between its delimiters and interpreted by whoever needs it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Calls `visit` with each key of a JSON object and the text of its value, in order, duplicates included.
///
/// `false` when the text is no object.
pub fn for_each_member<'a>(object: &'a str, visit: &mut dyn FnMut(&str, &'a str)) -> bool {
    let mut json = serde_json::Deserializer::from_str(object);
    json.deserialize_map(Members { visit }).is_ok()
}

struct Members<'v, 'a> {
    visit: &'v mut dyn FnMut(&str, &'a str),
}

impl<'a> Visitor<'a> for Members<'_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Key<'a>>()? {
            let value: &'a RawValue = map.next_value()?;
            (self.visit)(&key.0, value.get());
        }
        Ok(())
    }
}

/// A key that is borrowed unless it holds an escape.
pub struct Key<'a>(pub Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The text of a JSON value that names something: a string's content, or a number as written.
///
/// `None` for null, booleans, objects and arrays, and for a string that no Unicode text can hold.
pub fn text(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'"' => {
            let inner = value.get(1..value.len() - 1)?;
            if inner.contains('\\') {
                serde_json::from_str::<String>(value).ok().map(Cow::Owned)
            } else {
                Some(Cow::Borrowed(inner))
            }
        }
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(value)),
        _ => None,
    }
}

/// An identifier that joins events. `-1`, `0`, `null` and text that is no number mean "none".
pub fn id(value: &str) -> Option<u64> {
    let text = text(value)?;
    let text = text.trim();
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.strip_suffix(".0").unwrap_or(text).parse().ok(),
    };
    number.filter(|id| *id != 0)
}

/// A small whole number such as a rank.
pub fn small(value: &str) -> Option<u32> {
    text(value)?.trim().parse().ok()
}

/// Up to three whole numbers of an array such as `"grid": [8, 1, 1]`; zeros where there are none.
pub fn triple(value: &str) -> [u32; 3] {
    let values: Vec<u32> = serde_json::from_str(value).unwrap_or_default();
    let mut axes = values.into_iter();
    [axes.next().unwrap_or(0), axes.next().unwrap_or(0), axes.next().unwrap_or(0)]
}

/// The top-level fields of one event, as raw JSON texts. Later duplicates win, as in Python's reader.
#[derive(Debug, Default, Clone, Copy)]
pub struct Event<'a> {
    /// Phase: `X` is a complete event.
    pub ph: Option<&'a str>,
    /// Category.
    pub cat: Option<&'a str>,
    /// Name.
    pub name: Option<&'a str>,
    /// Process, or device on GPU rows.
    pub pid: Option<&'a str>,
    /// Thread, or stream on GPU rows.
    pub tid: Option<&'a str>,
    /// Start in decimal microseconds.
    pub ts: Option<&'a str>,
    /// Length in decimal microseconds.
    pub dur: Option<&'a str>,
    /// Arguments, an object.
    pub args: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// Takes an event apart; `None` when it is no object.
    pub fn read(object: &'a str) -> Option<Self> {
        let mut event = Self::default();
        let is_object = for_each_member(object, &mut |key, value| match key {
            "ph" => event.ph = Some(value),
            "cat" => event.cat = Some(value),
            "name" => event.name = Some(value),
            "pid" => event.pid = Some(value),
            "tid" => event.tid = Some(value),
            "ts" => event.ts = Some(value),
            "dur" => event.dur = Some(value),
            "args" => event.args = Some(value),
            _ => {}
        });
        is_object.then_some(event)
    }
}

/// The arguments that profgate uses, as raw JSON texts.
#[derive(Debug, Default, Clone, Copy)]
pub struct Args<'a> {
    /// GPU ordinal.
    pub device: Option<&'a str>,
    /// Stream number.
    pub stream: Option<&'a str>,
    /// Joins launch and activity.
    pub correlation: Option<&'a str>,
    /// Joins op and launch; lower case in traces before 2021's end.
    pub external: Option<&'a str>,
    /// Launch grid.
    pub grid: Option<&'a str>,
    /// Name of the kernel, on ROCm's launch rows.
    pub kernel: Option<&'a str>,
    /// The node of a replayed graph.
    pub graph_node: Option<&'a str>,
    /// The ranks of a collective.
    pub group_ranks: Option<&'a str>,
    /// The name of a collective's process group.
    pub group_name: Option<&'a str>,
}

impl<'a> Args<'a> {
    /// Takes an argument object apart; a missing or foreign one is empty.
    pub fn read(object: Option<&'a str>) -> Self {
        let mut args = Self::default();
        if let Some(object) = object {
            for_each_member(object, &mut |key, value| match key {
                "device" => args.device = Some(value),
                "stream" => args.stream = Some(value),
                "correlation" => args.correlation = Some(value),
                "External id" | "external id" => args.external = Some(value),
                "grid" => args.grid = Some(value),
                "kernel" => args.kernel = Some(value),
                "graph node id" => args.graph_node = Some(value),
                "Process Group Ranks" => args.group_ranks = Some(value),
                "Process Group Name" => args.group_name = Some(value),
                _ => {}
            });
        }
        args
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_as_numbers_texts_hex_and_nothing() {
        for (value, want) in [
            ("5", Some(5)),
            ("\"5\"", Some(5)),
            ("5.0", Some(5)),
            ("\"0x1f\"", Some(31)),
            ("-1", None),
            ("0", None),
            ("null", None),
            ("\"0x0\"", None),
            ("\"abc\"", None),
            ("[1]", None),
        ] {
            assert_eq!(id(value), want, "{value}");
        }
    }

    #[test]
    fn the_last_of_duplicate_keys_wins() {
        let event = Event::read(r#"{"ts": 1, "ph": "X", "ts": 2}"#).unwrap();
        assert_eq!(event.ts, Some("2"));
    }

    #[test]
    fn escaped_names_are_decoded_and_lone_surrogates_refused() {
        assert_eq!(text(r#""a\"bé""#).as_deref(), Some("a\"bé"));
        assert_eq!(text(r#""\ud800""#), None);
    }

    #[test]
    fn grids_shorter_than_three_axes_are_filled() {
        assert_eq!(triple("[8, 2]"), [8, 2, 0]);
        assert_eq!(triple("\"N/A\""), [0, 0, 0]);
    }
}
