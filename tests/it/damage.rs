//! Damage that files of real profilers had, a test for each kind: what is kept, what is counted, what is refused.

use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use profgate::run::{LoadOptions, load};
use profgate::source::Limits;
use profgate::trace::{HealthCode, Ns, Reader, Trace, TraceError, read};
use profgate::triage::Catalogs;

use crate::support::Scratch;

/// A kernel in the layout of the profiler; `more` goes behind its arguments, `name` and `dur` stand as given.
fn kernel(name: &str, dur: &str, more: &str) -> String {
    format!(
        "  {{\n    \"ph\": \"X\", \"cat\": \"kernel\", \"name\": {name}, \"pid\": 0, \"tid\": 7,\n    \"ts\": 10.5, \"dur\": {dur},\n    \"args\": {{\n      \"device\": 0, \"stream\": 7, \"correlation\": 3{more}\n    }}\n  }}"
    )
}

/// A trace of these events, one behind the other with `between`.
fn file(events: &[String], between: &str) -> String {
    format!("{{\n  \"schemaVersion\": 1,\n  \"traceEvents\": [\n{}\n  ]\n}}\n", events.join(between))
}

/// Two kernels, the second of which is broken in some way.
fn with(broken: String) -> String {
    file(&[kernel("\"first\"", "5", ""), broken], ",\n")
}

fn whole() -> String {
    with(kernel("\"second\"", "7.001", ""))
}

/// Reads bytes at once and in pieces of several sizes, which must not make a difference.
fn read_all_ways(bytes: &[u8]) -> Result<Trace, TraceError> {
    let at_once = read(bytes);
    for size in [1, 2, 7, 64, 999] {
        let mut reader = Reader::default();
        let fed = bytes.chunks(size).try_for_each(|piece| reader.feed(piece));
        let in_pieces = fed.and_then(|()| reader.finish());
        let counts = |trace: &Trace| -> Vec<(HealthCode, u64)> {
            trace.health.iter().map(|(code, count, _)| (code, count)).collect()
        };
        match (&at_once, &in_pieces) {
            (Ok(a), Ok(b)) => {
                assert_eq!(counts(a), counts(b), "by {size} bytes");
                assert_eq!((&a.activities, &a.names, a.events), (&b.activities, &b.names, b.events));
            }
            (a, b) => assert_eq!(a.as_ref().err(), b.as_ref().err(), "by {size} bytes"),
        }
    }
    at_once
}

/// The names of the kernels, and every code that was counted.
fn kept(bytes: impl AsRef<[u8]>) -> (Vec<String>, Vec<(HealthCode, u64)>) {
    let trace = read_all_ways(bytes.as_ref()).unwrap();
    let names = trace.activities.iter().map(|one| trace.names.get(one.name).to_owned()).collect();
    (names, trace.health.iter().map(|(code, count, _)| (code, count)).collect())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const ODD: [(HealthCode, u64); 1] = [(HealthCode::OddJson, 1)];

#[test]
fn a_whole_file_has_no_damage() {
    assert_eq!(kept(whole()), (names(&["first", "second"]), Vec::new()));
}

#[test]
fn nan_in_an_argument() {
    let text = with(kernel("\"second\"", "7", ", \"memory bandwidth (GB/s)\": NaN"));
    assert_eq!(kept(text).0, names(&["first", "second"]));
}

#[test]
fn infinity_in_an_argument_in_every_spelling() {
    for word in ["Infinity", "-Infinity", "inf", "-inf", "-nan", "N/A"] {
        let text = with(kernel("\"second\"", "7", &format!(", \"memory bandwidth (GB/s)\": {word}")));
        assert_eq!(kept(text), (names(&["first", "second"]), ODD.to_vec()), "{word}");
    }
}

#[test]
fn nan_as_a_duration_is_no_duration() {
    for word in ["NaN", "inf", "null", "\"\""] {
        let (found, health) = kept(with(kernel("\"second\"", word, "")));
        assert_eq!(found, names(&["first"]), "{word}");
        assert!(health.contains(&(HealthCode::ActivityWithoutTime, 1)), "{word} {health:?}");
    }
}

#[test]
fn a_negative_duration_and_one_of_more_than_a_week() {
    let (found, health) = kept(with(kernel("\"second\"", "-7", "")));
    assert!(found == names(&["first"]) && health.contains(&(HealthCode::NegativeDuration, 1)), "{health:?}");
    let (found, health) = kept(with(kernel("\"second\"", "604800000001", "")));
    assert!(found == names(&["first"]) && health.contains(&(HealthCode::EventTooLong, 1)), "{health:?}");
}

#[test]
fn invalid_utf8_in_a_name_that_is_used() {
    let mut bytes = whole().into_bytes();
    let at = whole().find("second").unwrap();
    bytes[at] = 0xff;
    assert_eq!(kept(bytes), (names(&["first", "\u{fffd}econd"]), vec![(HealthCode::InvalidUtf8, 1)]));
}

#[test]
fn invalid_utf8_in_a_value_that_nobody_uses() {
    let text = with(kernel("\"second\"", "7", ", \"Input type\": \"?\""));
    let at = text.find('?').unwrap();
    let mut bytes = text.into_bytes();
    bytes[at] = 0xff;
    assert_eq!(kept(bytes), (names(&["first", "second"]), Vec::new()));
}

#[test]
fn a_comma_too_many() {
    let text = whole().replace("\n  ]\n}", ",\n  ]\n}");
    assert_eq!(kept(text), (names(&["first", "second"]), ODD.to_vec()));
    let text = with(kernel("\"second\"", "7", ","));
    assert_eq!(kept(text), (names(&["first", "second"]), ODD.to_vec()));
}

#[test]
fn a_comma_too_few() {
    let events = [kernel("\"first\"", "5", ""), kernel("\"second\"", "7", "")];
    assert_eq!(kept(file(&events, "\n")), (names(&["first", "second"]), ODD.to_vec()));
}

#[test]
fn an_end_inside_an_event() {
    let text = whole();
    let cut = text.find("second").unwrap();
    assert_eq!(kept(&text[..cut]), (names(&["first"]), vec![(HealthCode::CutOff, 1)]));
}

#[test]
fn an_end_between_two_events_and_one_without_closing_brackets() {
    let text = whole();
    let between = text.find("  },\n").unwrap() + "  },\n".len();
    assert_eq!(kept(&text[..between]), (names(&["first"]), vec![(HealthCode::CutOff, 1)]));
    let unclosed = text.trim_end().trim_end_matches("]\n}");
    assert_eq!(kept(unclosed), (names(&["first", "second"]), vec![(HealthCode::CutOff, 1)]));
}

#[test]
fn raw_control_characters_in_a_name() {
    for raw in ["\n", "\t", "\u{1}"] {
        let (found, health) = kept(with(kernel(&format!("\"sec{raw}ond\""), "7", "")));
        assert_eq!(
            (found, health),
            (vec!["first".to_owned(), format!("sec{raw}ond")], ODD.to_vec()),
            "{raw:?}"
        );
    }
}

#[test]
fn escapes_that_are_none_such_as_a_path_of_windows() {
    let (found, health) = kept(with(kernel(r#""C:\quests\data.py""#, "7", "")));
    assert_eq!((found, health), (names(&["first", r"C:\quests\data.py"]), ODD.to_vec()));
}

#[test]
fn half_a_surrogate_pair_is_no_name() {
    let (found, health) = kept(with(kernel(r#""\ud800""#, "7", "")));
    assert_eq!(
        (found, health),
        (names(&["first", "unknown"]), vec![(HealthCode::NameMissing, 1), (HealthCode::LossBeyondLimit, 1)])
    );
}

#[test]
fn ids_and_streams_of_every_type() {
    for (external, found) in [("\"5\"", true), ("5.0", true), ("-1", false), ("null", false)] {
        let more = format!(", \"External id\": {external}, \"Python parent id\": null");
        let trace = read_all_ways(with(kernel("\"second\"", "7", &more)).as_bytes()).unwrap();
        assert_eq!(trace.activities[1].external.is_some(), found, "{external}");
        assert_eq!(trace.health.iter().count(), 0, "{external}");
    }
    let text = whole().replace("\"stream\": 7", "\"stream\": \"0x0\"");
    let trace = read_all_ways(text.as_bytes()).unwrap();
    assert_eq!(trace.names.get(trace.activities[0].stream.stream), "0x0");
}

#[test]
fn a_bare_list_of_events() {
    let text = format!("[{},{}]", kernel("\"first\"", "5", ""), kernel("\"second\"", "7", ""));
    assert_eq!(kept(text), (names(&["first", "second"]), Vec::new()));
}

#[test]
fn a_byte_order_mark() {
    assert_eq!(kept(format!("\u{feff}{}", whole())), (names(&["first", "second"]), Vec::new()));
}

#[test]
fn garbage_and_zeros_behind_the_end() {
    for tail in ["\0\0\0\0", "garbage"] {
        let found = kept(format!("{}{tail}", whole()));
        assert_eq!(found, (names(&["first", "second"]), vec![(HealthCode::TrailingData, 1)]), "{tail:?}");
    }
    let found = kept(format!("{}{}", whole(), whole()));
    assert_eq!(found, (names(&["first", "second"]), vec![(HealthCode::SecondDocument, 1)]));
}

#[test]
fn an_unescaped_quote_in_a_name_costs_its_event() {
    let events = [
        kernel("\"first\"", "5", ""),
        kernel("\"operator\"\"_kernel\"", "6", ""),
        kernel("\"second\"", "7", ""),
    ];
    assert_eq!(
        kept(file(&events, ",\n")),
        (names(&["first", "second"]), vec![(HealthCode::EventLost, 1), (HealthCode::LossBeyondLimit, 1)])
    );
}

#[test]
fn the_last_of_equal_keys_counts() {
    let text = whole().replace("\"dur\": 7.001", "\"dur\": 1, \"dur\": 7.001");
    let trace = read_all_ways(text.as_bytes()).unwrap();
    assert_eq!(trace.activities[1].span.length(), Ns(7_001));
    let text = with(kernel("\"second\"", "7", ", \"stream\": 9"));
    let trace = read_all_ways(text.as_bytes()).unwrap();
    assert_eq!(trace.names.get(trace.activities[1].stream.stream), "9");
}

#[test]
fn keys_in_any_order() {
    let event = r#"{"args":{"correlation":3,"stream":7,"device":0},"dur":5,"ts":10.5,"tid":7,"pid":0,"name":"k","cat":"kernel","ph":"X"}"#;
    let trace = read_all_ways(format!("{{\"traceEvents\":[{event}]}}").as_bytes()).unwrap();
    let first = read(whole().as_bytes()).unwrap().activities[0];
    assert_eq!((trace.activities[0].span, trace.activities[0].correlation), (first.span, first.correlation));
}

#[test]
fn one_line_and_lines_that_end_as_on_windows() {
    let one_line: String = whole().split('\n').map(str::trim).collect();
    assert_eq!(kept(one_line), (names(&["first", "second"]), Vec::new()));
    assert_eq!(kept(whole().replace('\n', "\r\n")), (names(&["first", "second"]), Vec::new()));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Kernels and health of a stored file, read on one thread and on two.
fn stored(bytes: &[u8]) -> (u64, Vec<String>) {
    let scratch = Scratch::new("stored");
    let path = scratch.file("t.json.gz", bytes);
    let read = |path: &Path, threads| {
        let catalogs = Catalogs::builtin().unwrap();
        let options = LoadOptions {
            threads,
            rank: None,
            limits: Limits::default(),
            server_logs: &[],
            progress: &|_, _| {},
        };
        let triage = load(&[path.to_owned()], &catalogs, &options).unwrap().ranks.remove(0);
        (triage.kernels(), triage.health.iter().map(|entry| entry.code.clone()).collect::<Vec<_>>())
    };
    let alone = read(&path, 1);
    assert_eq!(alone, read(&path, 2));
    alone
}

#[test]
fn gzip_that_is_cut_short_keeps_what_came_before() {
    let events: Vec<String> = (0..20_000).map(|n| kernel(&format!("\"k{n}\""), "5", "")).collect();
    let bytes = gzip(file(&events, ",\n").as_bytes());
    let (kernels, health) = stored(&bytes[..bytes.len() / 2]);
    assert!(kernels > 1_000 && kernels < 20_000, "{kernels}");
    assert!(health.iter().any(|code| code == "cut-off"), "{health:?}");
}

#[test]
fn gzip_with_zeros_or_garbage_behind_it() {
    for tail in [&[0; 512][..], b"garbage"] {
        let (kernels, health) = stored(&[gzip(whole().as_bytes()), tail.to_vec()].concat());
        assert_eq!(kernels, 2);
        assert!(health.iter().any(|code| code == "trailing-data"), "{health:?}");
    }
}

#[test]
fn several_gzip_members_are_one_file() {
    let text = whole();
    let (a, b) = text.split_at(text.len() / 2);
    assert_eq!(stored(&[gzip(a.as_bytes()), gzip(b.as_bytes())].concat()).0, 2);
}

#[test]
fn limits_of_length_and_depth_are_errors_with_words() {
    let long = "k".repeat(profgate::trace::MAX_NAME_BYTES + 1);
    let error = read(with(kernel(&format!("\"{long}\""), "7", "")).as_bytes()).unwrap_err();
    assert!(matches!(error, TraceError::NameTooLong(_)), "{error}");
    let deep = format!(", \"x\": {}1{}", "[".repeat(300), "]".repeat(300));
    let error = read(with(kernel("\"second\"", "7", &deep)).as_bytes()).unwrap_err();
    assert!(matches!(error, TraceError::TooDeep(_)) && error.to_string().contains("256"), "{error}");
}

/// Which codes of a file's health keep a capture from being judged.
fn forbidding(bytes: impl AsRef<[u8]>) -> Vec<HealthCode> {
    let (_, health) = kept(bytes);
    health.into_iter().map(|(code, _)| code).filter(|code| code.forbids_judgement()).collect()
}

#[test]
fn zeros_inside_the_document_are_a_hole_and_behind_it_padding() {
    let text = whole();
    // From the category of the first kernel into the name of the second: all that is left is one event of no known kind.
    let (from, to) = (text.find("kernel").unwrap() + 3, text.find("second").unwrap() + 3);
    let mut hole = text.clone().into_bytes();
    hole[from..to].fill(0);
    assert!(forbidding(hole).contains(&HealthCode::Damaged));
    let padded = [text.as_bytes(), &[0; 64]].concat();
    assert_eq!(kept(padded), (names(&["first", "second"]), vec![(HealthCode::TrailingData, 1)]));
}

#[test]
fn parts_of_two_events_in_one_say_that_nobody_knows_what_is_lost() {
    let text = whole();
    // From the arguments of the first kernel to the time of the second, as where a piece of an upload is missing.
    let (from, to) = (text.find("\"device\"").unwrap(), text.rfind("\"ts\"").unwrap());
    assert!(forbidding(format!("{}{}", &text[..from], &text[to..])).contains(&HealthCode::Damaged));
    // One event that is broken by itself is no more than that.
    assert_eq!(forbidding(with(kernel("\"sec\"ond\"", "7", ""))), vec![HealthCode::LossBeyondLimit]);
}

#[test]
fn an_event_whose_category_cannot_be_read_is_lost_and_counted() {
    for cat in ["\"ker\u{1}nel\"", "\"ker\\qnel\"", "NaN", "null", "\"kernel\", \"cat\": \"rubbish\""] {
        let text = with(kernel("\"second\"", "7", "").replace("\"kernel\"", cat));
        let (found, health) = kept(text);
        assert_eq!(found, names(&["first"]), "{cat}");
        assert!(health.contains(&(HealthCode::EventLost, 1)), "{cat}: {health:?}");
    }
    // What is known to be no work names a stream too.
    let (_, health) = kept(with(kernel("\"second\"", "7", "").replace("\"kernel\"", "\"cuda_sync\"")));
    assert_eq!(health, Vec::new());
}

#[test]
fn an_event_whose_phase_cannot_be_read_is_counted_as_what_its_category_says() {
    for (cat, code) in [("kernel", HealthCode::EventLost), ("cpu_op", HealthCode::EventSkipped)] {
        let text = kernel("\"second\"", "7", "")
            .replace("\"X\"", "\"X\u{1}\"")
            .replace("\"kernel\"", &format!("\"{cat}\""));
        let (found, health) = kept(with(text));
        assert_eq!((found, health.contains(&(code, 1))), (names(&["first"]), true), "{cat}: {health:?}");
    }
}

#[test]
fn a_bracket_too_early_hides_no_event() {
    let events = [kernel("\"first\"", "5", ""), kernel("\"second\"", "7", "")];
    for between in ["],\n", ",\n]\n", "]\n"] {
        assert_eq!(kept(file(&events, between)).0, names(&["first", "second"]), "{between:?}");
        assert_eq!(forbidding(file(&events, between)), vec![HealthCode::Damaged], "{between:?}");
    }
}

#[test]
fn a_second_list_of_events_is_not_added_to_the_first_in_silence() {
    let list = |name: &str| format!("\"traceEvents\": [{}]", kernel(&format!("\"{name}\""), "5", ""));
    let twice = format!("{{{}, {}}}", list("a"), list("b"));
    assert_eq!(forbidding(twice), vec![HealthCode::SecondDocument]);
    // Nor is one behind what looks like padding.
    for between in ["\0\0\0", "junk\n"] {
        let behind = format!("{}{between}{}", whole(), whole());
        assert_eq!(forbidding(behind), vec![HealthCode::SecondDocument], "{between:?}");
    }
}

#[test]
fn what_follows_the_document_is_told_with_its_true_place() {
    let text = whole();
    let trace = read(format!("{text}   garbage").as_bytes()).unwrap();
    let (_, _, detail) = trace.health.iter().next().unwrap();
    assert_eq!(detail, format!("the document ends before byte {}", text.trim_end().len()));
}

#[test]
fn bytes_that_begin_otherwise_are_named() {
    let utf16: Vec<u8> = whole().encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, word) in [
        ([&[0xff, 0xfe][..], &utf16].concat(), "UTF-16"),
        (gzip(whole().as_bytes()), "compressed twice"),
        (b"<html>".to_vec(), "does not begin as JSON"),
    ] {
        let error = read_all_ways(&bytes).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

proptest::proptest! {
    /// Wherever zeros replace a part of the document, either nothing is lost or the capture is not judged.
    #[test]
    fn no_hole_of_zeros_is_judged(at in proptest::prelude::any::<proptest::sample::Index>(), length in 1_usize..900) {
        let events: Vec<String> = (0..6).map(|n| kernel(&format!("\"kernel number {n}\""), "5", "")).collect();
        let text = file(&events, ",\n");
        let end = text.trim_end().len();
        let from = at.index(end);
        let mut bytes = text.into_bytes();
        bytes[from..(from + length).min(end)].fill(0);
        match read(&bytes) {
            Ok(trace) => {
                let is_judged = !trace.health.iter().any(|(code, _, _)| code.forbids_judgement());
                proptest::prop_assert!(!is_judged, "{:?}", trace.health);
            }
            Err(error) => proptest::prop_assert!(matches!(error, TraceError::Foreign(_)), "{}", error),
        }
    }
}
