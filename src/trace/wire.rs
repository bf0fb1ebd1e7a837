//! The shape of the JSON: the only place that spells keys such as `External id`.
//!
//! Fields are read leniently, because real files disagree about types (`"stream": "0x0"`, `-1`, `null`,
//! ids as text). Each value is kept as the bytes between its delimiters and interpreted by whoever needs it.

use std::borrow::Cow;
use std::num::NonZeroU64;

use super::lex::{Cursor, Lexed};
use super::ns::Ns;

/// The bytes of one JSON value, quotes included.
pub type Raw<'a> = &'a [u8];

/// The key of the list of events.
pub const EVENTS: &[u8] = b"traceEvents";

/// The key of an event's arguments.
pub const ARGS: &[u8] = b"args";

/// Keys with which the object of an event begins, or may go on.
pub const EVENT_KEYS: [&[u8]; 10] =
    [b"ph", b"cat", b"name", b"pid", b"tid", b"ts", b"dur", b"args", b"id", b"s"];

/// Keys of a header that tell a trace even where its events were not reached.
const KINETO_KEYS: [&[u8]; 7] = [
    b"baseTimeNanoseconds",
    b"schemaVersion",
    b"deviceProperties",
    b"distributedInfo",
    b"displayTimeUnit",
    b"traceName",
    b"trace_id",
];

/// Keys of a header whose value is used.
const HEADER_KEYS: [&[u8]; 11] = [
    b"baseTimeNanoseconds",
    b"deviceProperties",
    b"distributedInfo",
    b"cuda_runtime_version",
    b"hip_runtime_version",
    b"cuda_driver_version",
    b"hip_driver_version",
    b"roctracer_version",
    b"cupti_version",
    b"vllm_version",
    b"sglang_version",
];

/// Whether a key of the header is Kineto's.
pub fn is_kineto_key(key: &[u8]) -> bool {
    KINETO_KEYS.contains(&key)
}

/// Whether the value of a key of the header is used.
pub fn is_header_key(key: &[u8]) -> bool {
    HEADER_KEYS.contains(&key)
}

/// The fields of one event, as raw JSON. Later duplicates win, as in Python's reader.
#[derive(Debug, Default, Clone, Copy)]
pub struct Row<'a> {
    /// Phase: `X` is a complete event.
    pub ph: Option<Raw<'a>>,
    /// Category.
    pub cat: Option<Raw<'a>>,
    /// Name.
    pub name: Option<Raw<'a>>,
    /// Process, or device on GPU rows.
    pub pid: Option<Raw<'a>>,
    /// Thread, or stream on GPU rows.
    pub tid: Option<Raw<'a>>,
    /// Start in decimal microseconds.
    pub ts: Option<Raw<'a>>,
    /// Length in decimal microseconds.
    pub dur: Option<Raw<'a>>,
    /// Arguments.
    pub args: Args<'a>,
    /// Whether none of its strings holds an escape.
    pub is_plain: bool,
}

impl<'a> Row<'a> {
    /// Keeps the value of a field, unless it is one that nobody needs.
    #[inline]
    pub fn set(&mut self, key: &[u8], value: Raw<'a>) {
        match key {
            b"ph" => self.ph = Some(value),
            b"cat" => self.cat = Some(value),
            b"name" => self.name = Some(value),
            b"pid" => self.pid = Some(value),
            b"tid" => self.tid = Some(value),
            b"ts" => self.ts = Some(value),
            b"dur" => self.dur = Some(value),
            _ => {}
        }
    }

    /// The text of one of its fields, as [`text`] gives it.
    #[inline]
    pub fn text(&self, value: Raw<'a>) -> Option<Cow<'a, [u8]>> {
        match value {
            [b'"', inner @ .., b'"'] if self.is_plain => Some(Cow::Borrowed(inner)),
            _ => text(value),
        }
    }

    /// Whether the phase is that of a complete event.
    #[inline]
    pub fn is_complete(&self) -> bool {
        self.ph == Some(b"\"X\"")
    }

    /// Whether the phase is that of a description of a process or thread.
    #[inline]
    pub fn is_metadata(&self) -> bool {
        self.ph == Some(b"\"M\"")
    }
}

/// The arguments that profgate uses, as raw JSON.
#[derive(Debug, Default, Clone, Copy)]
pub struct Args<'a> {
    /// GPU ordinal.
    pub device: Option<Raw<'a>>,
    /// Stream number.
    pub stream: Option<Raw<'a>>,
    /// Joins launch and activity.
    pub correlation: Option<Raw<'a>>,
    /// Joins op and launch; lower case in traces before 2021's end.
    pub external: Option<Raw<'a>>,
    /// Launch grid.
    pub grid: Option<Raw<'a>>,
    /// Name of the kernel, on ROCm's launch rows.
    pub kernel: Option<Raw<'a>>,
    /// The node of a replayed graph.
    pub graph_node: Option<Raw<'a>>,
    /// The ranks of a collective.
    pub group_ranks: Option<Raw<'a>>,
    /// The name of a collective's process group.
    pub group_name: Option<Raw<'a>>,
}

impl<'a> Args<'a> {
    /// Keeps the value of an argument, unless it is one that nobody needs.
    #[inline]
    pub fn set(&mut self, key: &[u8], value: Raw<'a>) {
        match key {
            b"device" => self.device = Some(value),
            b"stream" => self.stream = Some(value),
            b"correlation" => self.correlation = Some(value),
            b"External id" | b"external id" => self.external = Some(value),
            b"grid" => self.grid = Some(value),
            b"kernel" => self.kernel = Some(value),
            b"graph node id" => self.graph_node = Some(value),
            b"Process Group Ranks" => self.group_ranks = Some(value),
            b"Process Group Name" => self.group_name = Some(value),
            _ => {}
        }
    }

    /// Whether they are those of GPU work or of its launch.
    pub fn names_gpu_work(&self) -> bool {
        self.stream.is_some() || self.correlation.is_some() || self.grid.is_some()
    }

    /// The arguments at a cursor; none where something else than an object stands.
    #[inline]
    pub fn read(cursor: &mut Cursor<'a>) -> Lexed<Self> {
        let mut args = Self::default();
        if cursor.significant()? != b'{' {
            cursor.value()?;
            return Ok(args);
        }
        cursor.members(|cursor, key| {
            let value = cursor.value()?;
            if cursor.escaped {
                args.set(&plain(key), value);
            } else {
                args.set(key, value);
            }
            Ok(())
        })?;
        Ok(args)
    }
}

/// Whether a value is one of the phases of the trace event format.
pub fn is_phase(value: Raw<'_>) -> bool {
    matches!(value, [b'"', phase, b'"'] if b"BEXiICbnestfTpFPNODMVvRcS(),".contains(phase))
}

/// A key without escapes.
#[inline]
pub fn plain(key: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', key).is_none() { Cow::Borrowed(key) } else { unescape(key).unwrap_or_default() }
}

/// Calls `visit` with each key of a JSON object and its value, in order, duplicates included.
pub fn for_each_member<'a>(object: Raw<'a>, visit: &mut dyn FnMut(&[u8], Raw<'a>)) {
    let mut cursor = Cursor::new(object, 0);
    if object.first() == Some(&b'{') {
        // What is damaged ends it; what was read before stays.
        let _ = cursor.members(|cursor, key| {
            let value = cursor.value()?;
            visit(&plain(key), value);
            Ok(())
        });
    }
}

/// Calls `visit` with each value of a JSON list.
pub fn for_each_value<'a>(list: Raw<'a>, visit: &mut dyn FnMut(Raw<'a>)) {
    let mut cursor = Cursor::new(list, 0);
    if list.first() != Some(&b'[') {
        return;
    }
    cursor.skip(1);
    while let Ok(byte) = cursor.significant() {
        match byte {
            b']' => return,
            b',' => cursor.skip(1),
            _ => match cursor.value() {
                Ok(value) => visit(value),
                Err(_) => return,
            },
        }
    }
}

/// The text of a JSON value that names something: a string's content, or a number as written.
///
/// `None` for null, booleans, objects and lists, and for a string that no Unicode text can hold.
#[inline]
pub fn text(value: Raw<'_>) -> Option<Cow<'_, [u8]>> {
    match value {
        [b'"', inner @ .., b'"'] => {
            if memchr::memchr(b'\\', inner).is_none() {
                Some(Cow::Borrowed(inner))
            } else {
                unescape(inner)
            }
        }
        [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] => Some(Cow::Borrowed(value)),
        _ => None,
    }
}

/// Whether a string holds what JSON forbids there: a control character, or an escape that is none.
pub fn is_odd_text(value: Raw<'_>) -> bool {
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            0..0x20 => return true,
            b'\\' => match bytes.next() {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u') => {}
                _ => return true,
            },
            _ => {}
        }
    }
    false
}

/// Resolves escapes. One that is none, as in a path of Windows, stays as it stands; half a surrogate pair
/// leaves no text.
fn unescape(inner: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut text = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, escape) = rest.split_at(at);
        text.extend_from_slice(before);
        let (byte, used) = match escape {
            [_, b'u', digits @ ..] => match unicode(digits)? {
                Some((character, used)) => {
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = digits.get(used..).unwrap_or_default();
                    continue;
                }
                None => (b'\\', 1),
            },
            [_, byte @ (b'"' | b'\\' | b'/'), ..] => (*byte, 2),
            [_, b'b', ..] => (8, 2),
            [_, b'f', ..] => (12, 2),
            [_, b'n', ..] => (b'\n', 2),
            [_, b'r', ..] => (b'\r', 2),
            [_, b't', ..] => (b'\t', 2),
            _ => (b'\\', 1),
        };
        text.push(byte);
        rest = escape.get(used..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    Some(Cow::Owned(text))
}

/// The character of `XXXX`, or of `XXXX\uXXXX`, and how many bytes that is. `Some(None)` where no four
/// digits stand, `None` for half a pair.
#[expect(clippy::option_option, reason = "damage that is repaired is not damage that leaves no text")]
fn unicode(digits: &[u8]) -> Option<Option<(char, usize)>> {
    let Some(first) = hex(digits) else { return Some(None) };
    if let Some(character) = char::from_u32(first) {
        return Some(Some((character, 4)));
    }
    let second = digits.get(4..).and_then(|rest| rest.strip_prefix(b"\\u")).and_then(hex)?;
    let is_pair = (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second);
    let code = 0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
    is_pair.then(|| char::from_u32(code).map(|character| (character, 10)))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits
        .first_chunk::<4>()?
        .iter()
        .try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

/// A point or length of time in decimal microseconds.
#[inline]
pub fn time(value: Option<Raw<'_>>) -> Option<Ns> {
    Ns::from_decimal_us_bytes(&text(value?)?)
}

/// An identifier that joins events. `-1`, `0`, `null` and text that is no number mean "none".
#[inline]
pub fn id(value: Raw<'_>) -> Option<NonZeroU64> {
    let digits = value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value);
    match short_number(digits) {
        Some(number) => Some(number),
        None => long_id(value),
    }
    .and_then(NonZeroU64::new)
}

/// Up to 18 digits and nothing else.
#[inline]
fn short_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })
}

fn long_id(value: Raw<'_>) -> Option<u64> {
    let text = text(value)?;
    let text = std::str::from_utf8(&text).ok()?.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.strip_suffix(".0").unwrap_or(text).parse().ok(),
    }
}

/// A small whole number such as a rank.
pub fn small(value: Raw<'_>) -> Option<u32> {
    std::str::from_utf8(&text(value)?).ok()?.trim().parse().ok()
}

/// The first of up to three whole numbers of a list such as `"grid": [8, 1, 1]`; 0 where there are none.
#[inline]
pub fn first_axis(value: Raw<'_>) -> u32 {
    let [b'[', inner @ .., b']'] = value else { return 0 };
    let mut first = None;
    for part in inner.split(|byte| *byte == b',') {
        let Some(number) = short_number(part.trim_ascii()).and_then(|number| u32::try_from(number).ok())
        else {
            return 0;
        };
        first.get_or_insert(number);
    }
    first.unwrap_or(0)
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
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-1", None),
            ("0", None),
            ("null", None),
            ("\"0x0\"", None),
            ("\"abc\"", None),
            ("\"\"", None),
            ("[1]", None),
        ] {
            assert_eq!(id(value.as_bytes()).map(NonZeroU64::get), want, "{value}");
        }
    }

    #[test]
    fn the_last_of_duplicate_keys_wins() {
        let mut row = Row::default();
        row.set(b"ts", b"1");
        row.set(b"ts", b"2");
        assert_eq!(row.ts, Some(&b"2"[..]));
        let mut cursor = Cursor::new(br#"{"stream":1,"stre\u0061m":2}"#, 0);
        assert_eq!(Args::read(&mut cursor).unwrap().stream, Some(&b"2"[..]));
    }

    #[test]
    fn escapes_are_resolved_and_what_is_none_stays() {
        let read =
            |value: &str| text(value.as_bytes()).map(|text| String::from_utf8(text.into_owned()).unwrap());
        for (value, want) in [
            (r#""a\"b\u00e9""#, "a\"bé"),
            (r#""\ud83d\ude00 \/\b\f\n\r\t\\""#, "😀 /\u{8}\u{c}\n\r\t\\"),
            (r#""C:\path\qux""#, r"C:\path\qux"),
            (r#""\u12""#, r"\u12"),
        ] {
            assert_eq!(read(value).as_deref(), Some(want), "{value}");
        }
        for value in [r#""\ud800""#, r#""\udc00\ud800""#, r#""\ud800\u0041""#, "null", "[]", "NaN"] {
            assert_eq!(read(value), None, "{value}");
        }
    }

    #[test]
    fn the_first_axis_of_a_grid_counts_where_all_are_numbers() {
        for (value, want) in
            [("[8, 2]", 8), ("[8,2,1]", 8), ("[1,2,3,4]", 1), ("[]", 0), ("[8, -1, 1]", 0), ("\"N/A\"", 0)]
        {
            assert_eq!(first_axis(value.as_bytes()), want, "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn text_is_what_serde_makes_of_it(value in "\\PC*") {
            let json = serde_json::to_string(&value).unwrap();
            proptest::prop_assert!(!is_odd_text(json.as_bytes()));
            let read = text(json.as_bytes()).unwrap();
            proptest::prop_assert_eq!(read.as_ref(), value.as_bytes());
            let escaped: String = value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let quoted = format!("\"{escaped}\"");
            let read = text(quoted.as_bytes()).unwrap();
            proptest::prop_assert_eq!(read.as_ref(), value.as_bytes());
        }

        #[test]
        fn ids_are_what_the_standard_library_makes_of_them(number in 1_u64..) {
            let number = NonZeroU64::new(number);
            let text = number.unwrap().to_string();
            proptest::prop_assert_eq!(id(text.as_bytes()), number);
            proptest::prop_assert_eq!(id(format!("\"{:#x}\"", number.unwrap()).as_bytes()), number);
        }
    }
}
