//! Two readers of one format: one that takes pieces and survives damage, one that `serde_json` takes apart. On whole
//! files they must agree on every field.

use std::path::{Path, PathBuf};

use profgate::source::{Limits, open};
use profgate::synth::{self, Workload, presets};
use profgate::trace::{Reader, Trace, read, read_plainly};
use proptest::prelude::*;

use crate::support::{Scratch, corpus};

fn in_pieces(bytes: &[u8], size: usize) -> Trace {
    let mut reader = Reader::default();
    bytes.chunks(size.max(1)).for_each(|piece| reader.feed(piece).unwrap());
    reader.finish().unwrap()
}

fn traces(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(traces(&path));
        } else if [".json", ".json.gz", ".json.zst"].iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Compares both readers on a file; `None` where the file is no trace to either.
fn disagreement(path: &Path) -> Option<String> {
    let bytes = open(path, Limits::default()).unwrap().bytes;
    match (read(&bytes), read_plainly(&bytes)) {
        (Ok(a), Ok(b)) if a == b && in_pieces(&bytes, 100_003) == a => None,
        (Ok(_), Ok(_)) => Some(format!("{}: another trace", path.display())),
        (Err(_), Err(_)) => None,
        // A strict reader gives up on what a lenient one survives, and says so.
        (Ok(a), Err(_)) if a.health.iter().count() > 0 => None,
        (Ok(_), Err(error)) => Some(format!("{}: refused by the second reader: {error}", path.display())),
        (Err(error), Ok(_)) => Some(format!("{}: refused by the first reader: {error}", path.display())),
    }
}

#[test]
fn both_readers_agree_on_every_real_trace() {
    let Some(root) = corpus("") else { return };
    let wrong: Vec<String> = traces(&root).iter().filter_map(|path| disagreement(path)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn both_readers_agree_on_every_generated_trace() {
    let scratch = Scratch::new("both");
    let workloads: [(&str, Workload); 9] = [
        ("two-rank-tp", presets::two_rank_tp()),
        ("piecewise", presets::piecewise_graphs()),
        ("alternating", presets::alternating_layers()),
        ("moe", presets::moe_one_step()),
        ("mapping", presets::moe_mapping()),
        ("hip", presets::hip_decode()),
        ("two-stream", presets::two_stream_moe()),
        ("training", presets::training_steps()),
        ("old", presets::old_schema()),
    ];
    for (name, workload) in workloads {
        let folder = scratch.path(name);
        std::fs::create_dir_all(&folder).unwrap();
        for path in synth::write_capture(&workload, &folder).unwrap() {
            assert_eq!(disagreement(&path), None);
        }
    }
}

/// A JSON value as an event may hold it.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,6})?",
        Just("null".to_owned()),
        Just("true".to_owned()),
        "\\PC{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        "[a-z_]{1,40}".prop_map(|text| format!("\"{text}\"")),
        proptest::collection::vec(0_u32..70_000, 0..5).prop_map(|list| format!("{list:?}")),
        Just("{\"a\": [\"}\", {\"b\": \"\\\"\"}]}".to_owned()),
    ]
}

fn member(keys: &'static [&'static str]) -> impl Strategy<Value = String> {
    (proptest::sample::select(keys), value(), "[ \n\t]{0,3}")
        .prop_map(|(key, value, blank)| format!("{blank}\"{key}\":{blank}{value}"))
}

const FIELDS: &[&str] = &["name", "pid", "tid", "ts", "dur", "id", "s", "ph", "cat", "other"];
const ARGS: &[&str] = &[
    "device",
    "stream",
    "correlation",
    "External id",
    "external id",
    "grid",
    "kernel",
    "graph node id",
    "Process Group Ranks",
    "Process Group Name",
    "Ev Idx",
    "Python id",
];

fn event() -> impl Strategy<Value = String> {
    let category = proptest::sample::select(
        &[
            "kernel",
            "gpu_memcpy",
            "cuda_runtime",
            "cpu_op",
            "python_function",
            "user_annotation",
            "gpu_user_annotation",
            "ac2g",
            "Kernel",
            "other",
        ][..],
    );
    let phase = prop_oneof![8 => Just("X"), 1 => Just("M"), 1 => Just("s")];
    (
        phase,
        category,
        (0_u32..1_000_000, 0_u32..1000),
        proptest::collection::vec(member(FIELDS), 0..4),
        proptest::collection::vec(member(ARGS), 0..6),
        any::<bool>(),
    )
        .prop_map(|(phase, category, (ts, dur), fields, args, args_first)| {
            let mut members = vec![
                format!("\"ph\": \"{phase}\""),
                format!("\"cat\": \"{category}\""),
                format!("\"ts\": {ts}.{:03}", ts % 1000),
                format!("\"dur\": {dur}"),
            ];
            members.extend(fields);
            let args = format!("\"args\": {{{}}}", args.join(","));
            members.insert(if args_first { 0 } else { members.len() }, args);
            format!("{{{}}}", members.join(","))
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn both_readers_agree_on_events_of_every_shape(
        events in proptest::collection::vec(event(), 0..12),
        is_list in any::<bool>(),
        size in 1_usize..200,
    ) {
        let list = format!("[{}]", events.join(",\n"));
        let text = if is_list { list } else { format!("{{\"schemaVersion\": 1, \"traceEvents\": {list}, \"traceName\": \"t\"}}") };
        match (read(text.as_bytes()), read_plainly(text.as_bytes())) {
            (Ok(a), Ok(b)) => {
                prop_assert_eq!(&a, &b, "{}", text);
                prop_assert_eq!(&in_pieces(text.as_bytes(), size), &a, "{}", text);
            }
            (a, b) => prop_assert!(a.is_err() && b.is_err(), "{:?} {:?} {}", a.err(), b.err().map(|e| e.to_string()), text),
        }
    }

    #[test]
    fn no_damage_to_a_trace_makes_the_reader_panic_or_depend_on_its_pieces(
        events in proptest::collection::vec(event(), 1..6),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0_u8..3), 1..5),
        size in 1_usize..200,
    ) {
        let mut bytes = format!("{{\"traceEvents\": [{}]}}", events.join(",\n")).into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.truncate(at.max(1)); }
            }
        }
        let mut reader = Reader::default();
        let fed = bytes.chunks(size).try_for_each(|piece| reader.feed(piece));
        let cut = fed.and_then(|()| reader.finish());
        match (read(&bytes), cut) {
            (Ok(a), Ok(b)) => prop_assert_eq!((a.activities, a.events), (b.activities, b.events)),
            (a, b) => prop_assert_eq!(a.err(), b.err()),
        }
    }
}
