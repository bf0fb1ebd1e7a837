//! Hostile and broken input: a clear end, the right exit code, nothing half-written.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use profgate::synth;

use crate::support::{Scratch, arg, one_step, run, run_in};

fn good_json() -> Vec<u8> {
    let mut bytes = Vec::new();
    synth::write_rank(&one_step(), 0, &mut bytes).unwrap();
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn content_that_is_no_whole_trace_is_three_and_names_the_file() {
    let scratch = Scratch::new("content");
    let good = good_json();
    let packed = gzip(&good);
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("empty.json", Vec::new(), "the file is empty"),
        ("png.json", b"\x89PNG\r\n\x1a\n".to_vec(), "does not begin as JSON"),
        ("other.json", b"{\"a\": 1}".to_vec(), "no `traceEvents`"),
        ("cut.json", good[..good.len() / 2].to_vec(), "cut-off"),
        ("cut.json.gz", packed[..packed.len() / 2].to_vec(), "cut-off"),
        ("short.json.gz", packed[..12].to_vec(), "cut-off"),
        (
            "nan.json",
            b"{\"traceEvents\":[{\"ph\":\"X\",\"cat\":\"kernel\",\"ts\":NaN}]}".to_vec(),
            "activity-without-time",
        ),
        ("short.json.zst", vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0], "cut-off"),
        ("t.zip", b"PK\x03\x04".to_vec(), "compressed with zip"),
        ("text.json", b"hello".to_vec(), "does not begin as JSON"),
    ];
    for (name, bytes, reason) in cases {
        let file = scratch.file(name, bytes);
        let run = run(&["triage", arg(&file)]);
        assert_eq!(run.code, 3, "{name}: {}", run.stderr);
        assert!(run.stderr.contains(name) && run.stderr.contains(reason), "{name}: {}", run.stderr);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
}

#[test]
fn an_unreadable_file_is_five() {
    let scratch = Scratch::new("unreadable");
    let run = run_in(&scratch.path(""), &["triage", "a/b/c.json"]);
    assert_eq!(run.code, 5);
    // A folder where a file is expected inside a path: the system refuses to look further.
    scratch.file("file", b"x");
    assert_eq!(run_in(&scratch.path(""), &["triage", "file/x.json"]).code, 5);
}

#[test]
fn a_folder_without_traces_is_three_and_says_what_is_there() {
    let scratch = Scratch::new("folder");
    scratch.file("t/notes.txt", "x");
    let run = run_in(&scratch.path(""), &["triage", "t"]);
    assert_eq!(run.code, 3);
    assert!(run.stderr.contains("notes.txt"), "{}", run.stderr);
}

#[test]
fn a_bomb_ends_early() {
    let scratch = Scratch::new("bomb");
    let file = scratch.file("bomb.json.gz", gzip(&vec![b' '; 80 << 20]));
    let run = run(&["triage", arg(&file)]);
    assert_eq!(run.code, 3);
    assert!(run.stderr.contains("inflates to more than 120 times its size"), "{}", run.stderr);
    assert!(run.stderr.contains("help: if the file is genuine, decompress it"), "{}", run.stderr);
}

#[test]
fn the_largest_limit_is_no_limit() {
    let scratch = Scratch::new("limit");
    let file = scratch.file("t.json.gz", gzip(&good_json()));
    let run = run(&["triage", arg(&file), "--max-inflated", "18446744073709551615"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn an_empty_folder_is_the_same_everywhere() {
    let scratch = Scratch::new("empty-folder");
    std::fs::create_dir(scratch.path("t")).unwrap();
    scratch.capture("good", &one_step());
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "good", "-o", "b.yaml"]).code, 0);
    let said = "no trace in t: the directory is empty";
    for args in [&["triage", "t"][..], &["baseline", "record", "t"]] {
        let run = run_in(&here, args);
        assert_eq!(run.code, 3, "{}", run.stderr);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
    let run = run_in(&here, &["check", "--baseline", "b.yaml", "t"]);
    assert_eq!(run.code, 3, "{}", run.stdout);
    assert!(run.stdout.contains(said) && run.stdout.contains("capture-empty"), "{}", run.stdout);
}

#[test]
fn a_failing_run_leaves_no_half_written_baseline() {
    let scratch = Scratch::new("half");
    scratch.file("cut.json", &good_json()[..5000]);
    scratch.file("b.yaml", "old");
    let run = run_in(&scratch.path(""), &["baseline", "record", "cut.json", "-o", "b.yaml"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(scratch.path("b.yaml")).unwrap(), "old");
    let names: Vec<_> =
        std::fs::read_dir(scratch.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn two_traces_of_one_rank_and_stage_are_refused() {
    let scratch = Scratch::new("twice");
    scratch.file("t/a.json", good_json());
    scratch.file("t/b.json", good_json());
    let run = run_in(&scratch.path(""), &["triage", "t"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("t/a.json") && run.stderr.contains("t/b.json"), "{}", run.stderr);
}

#[test]
fn hostile_kernel_names_stay_inert_in_every_report() {
    let scratch = Scratch::new("hostile");
    let names = [
        "evil|name`with<img src=x onerror=alert(1)>@everyone",
        "<!-- --> <!-- profgate:comment -->",
        "\\u001b[31mred\\u202ereversed",
        "]]>&amp;\\u0000\\uffff",
        &"long_".repeat(1000),
    ];
    let event = |index: usize, name: &str, dur: u32| {
        format!(
            r#"{{"ph":"X","cat":"kernel","name":"{name}","pid":0,"tid":7,"ts":{},"dur":{dur},"args":{{"stream":7,"device":0}}}}"#,
            index * 1000
        )
    };
    let events = |dur: u32| {
        let rows: Vec<String> =
            names.iter().enumerate().map(|(index, name)| event(index, name, dur)).collect();
        format!("[{}]", rows.join(","))
    };
    scratch.file("before.json", events(100));
    scratch.file("after.json", format!("[{}]", event(0, "innocent", 900)));
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "before.json", "-o", "b.yaml"]).code, 0);
    assert_eq!(
        run_in(&here, &["check", "--baseline", "b.yaml", "before.json"]).code,
        0,
        "ids survive the YAML"
    );
    let run = run_in(&here, &["check", "--baseline", "b.yaml", "after.json"]);
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}') && !run.stdout.contains('\u{202e}'));
    let comment = std::fs::read_to_string(scratch.path("profgate-report/comment.md")).unwrap();
    assert!(!comment.contains("<img") && !comment.contains("@everyone"), "{comment}");
    assert_eq!(comment.matches("<!-- profgate:comment -->").count(), 1);
    assert!(comment.trim_end().ends_with("<!-- profgate:comment -->"));
    let junit = std::fs::read_to_string(scratch.path("profgate-report/junit.xml")).unwrap();
    assert!(!junit.contains('\u{1b}') && !junit.contains('\u{0}') && !junit.contains("<img"), "{junit}");
}

#[test]
fn an_output_that_is_no_file_is_written_into_and_not_replaced() {
    let scratch = Scratch::new("output");
    scratch.capture("t", &one_step());
    scratch.file("real.yaml", "old");
    let here = scratch.path("");
    std::os::unix::fs::symlink("real.yaml", here.join("link.yaml")).unwrap();
    assert_eq!(run_in(&here, &["baseline", "record", "t", "-o", "link.yaml"]).code, 0);
    assert!(std::fs::symlink_metadata(here.join("link.yaml")).unwrap().is_symlink());
    assert!(std::fs::read_to_string(here.join("real.yaml")).unwrap().starts_with('#'));
    let pipe = run_in(&here, &["baseline", "record", "t", "-o", "/dev/stdout"]);
    assert_eq!(pipe.code, 0, "{}", pipe.stderr);
    assert!(pipe.stdout.contains("schema: 1"));
}

#[test]
fn an_earlier_verdict_does_not_survive_a_broken_configuration() {
    let scratch = Scratch::new("stale");
    scratch.capture("t", &one_step());
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "t", "-o", "b.yaml"]).code, 0);
    assert_eq!(run_in(&here, &["check", "--baseline", "b.yaml", "t"]).code, 0);
    assert!(here.join("profgate-report/report.json").exists());
    scratch.file("profgate.yaml", "scenaros: {}\n");
    assert_eq!(run_in(&here, &["check"]).code, 2);
    assert!(!here.join("profgate-report/report.json").exists());
    let endless = run_in(&here, &["check", "--baseline", "/dev/zero", "t"]);
    assert_eq!(endless.code, 2, "{}", endless.stderr);
}
