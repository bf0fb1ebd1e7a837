//! A second reader: the same trace from the same bytes, taken apart by `serde_json`.
//!
//! It is the yardstick of the tests. It holds the whole file in memory, is several times slower, and gives up
//! at the first byte that is no JSON; on whole files both readers must agree on every field.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::decode::{Decoder, TraceError};
use super::model::Trace;
use super::wire::{self, Args, Row};

/// Why this reader has no trace: bytes that are no JSON, or no trace.
#[derive(Debug, thiserror::Error)]
pub enum PlainError {
    /// Not one whole JSON document.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// No trace.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

/// Reads one trace from the bytes of a whole and valid JSON file.
pub fn read_plainly(bytes: &[u8]) -> Result<Trace, PlainError> {
    let text = std::str::from_utf8(bytes).map_err(<serde_json::Error as serde::de::Error>::custom)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut decoder = Decoder::default();
    let mut failed = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let is_list = text.trim_start().starts_with('[');
    let outcome = if is_list {
        json.deserialize_seq(Events(&mut decoder, &mut failed))
    } else {
        json.deserialize_map(TopLevel(&mut decoder, &mut failed))
    };
    if let Some(error) = failed {
        return Err(error.into());
    }
    outcome?;
    json.end()?;
    if !is_list && !decoder.found_events {
        return Err(TraceError::Foreign("it has no `traceEvents`".to_owned()).into());
    }
    if is_list && decoder.trace.events.read > 0 && !decoder.found_phase {
        return Err(TraceError::Foreign("it is a list of something else than events".to_owned()).into());
    }
    Ok(decoder.finish())
}

/// A key that is borrowed unless it holds an escape.
struct Key<'a>(Cow<'a, str>);

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

/// Calls `visit` with each key of a JSON object and the text of its value.
fn for_each_member<'a>(object: &'a str, visit: &mut dyn FnMut(&[u8], &'a [u8])) -> bool {
    struct Members<'v, 'a>(&'v mut dyn FnMut(&[u8], &'a [u8]));
    impl<'a> Visitor<'a> for Members<'_, 'a> {
        type Value = ();
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }
        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<Key<'a>>()? {
                let value: &'a RawValue = map.next_value()?;
                (self.0)(key.0.as_bytes(), value.get().as_bytes());
            }
            Ok(())
        }
    }
    serde_json::Deserializer::from_str(object).deserialize_map(Members(visit)).is_ok()
}

fn take(decoder: &mut Decoder, element: &str) -> Result<(), TraceError> {
    let mut row = Row::default();
    let mut args = None;
    let is_object = for_each_member(element, &mut |key, value| {
        if key == wire::ARGS {
            args = Some(value);
        } else {
            row.set(key, value);
        }
    });
    if !is_object {
        return decoder.lose_event(element.as_bytes(), "it is no object");
    }
    if let Some(args) = args.and_then(|args| std::str::from_utf8(args).ok()) {
        let mut read = Args::default();
        for_each_member(args, &mut |key, value| read.set(key, value));
        row.args = read;
    }
    decoder.event(&row)
}

struct TopLevel<'d>(&'d mut Decoder, &'d mut Option<TraceError>);

impl<'de> Visitor<'de> for TopLevel<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a trace")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            if key.as_bytes() == wire::EVENTS {
                self.0.found_events = true;
                map.next_value_seed(Events(self.0, self.1))?;
            } else {
                let value: &RawValue = map.next_value()?;
                self.0.header(key.as_bytes(), value.get().as_bytes());
            }
        }
        Ok(())
    }
}

struct Events<'d>(&'d mut Decoder, &'d mut Option<TraceError>);

impl<'de> DeserializeSeed<'de> for Events<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Events<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(event) = seq.next_element::<&'de RawValue>()? {
            if let Err(error) = take(self.0, event.get()) {
                *self.1 = Some(error);
                return Err(serde::de::Error::custom("no trace"));
            }
        }
        Ok(())
    }
}
