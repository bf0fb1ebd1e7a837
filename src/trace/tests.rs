//! What the reader as a whole makes of small files.

use std::num::NonZeroU64;

use super::*;

const KERNEL: &str = r#"{"ph":"X","cat":"kernel","name":"k","pid":0,"tid":7,"ts":1.5,"dur":2,"args":{"stream":7,"device":0,"correlation":3}}"#;

#[test]
fn a_kernel_is_read_with_its_stream_and_time() {
    let trace = read(format!(r#"{{"traceEvents":[{KERNEL}]}}"#).as_bytes()).unwrap();
    let kernel = trace.activities[0];
    assert_eq!(trace.names.get(kernel.name), "k");
    assert_eq!(trace.names.get(kernel.stream.stream), "7");
    assert_eq!(kernel.span, Span { start: Ns(1500), end: Ns(3500) });
    assert_eq!(kernel.correlation, NonZeroU64::new(3).map(CorrelationId));
}

#[test]
fn a_bare_list_and_old_spellings_are_read() {
    let text = r#"[{"ph":"X","cat":"Kernel","name":"k","pid":0,"tid":"stream 7","ts":1,"dur":2,"args":{"stream":7,"external id":4}}]"#;
    let trace = read(text.as_bytes()).unwrap();
    assert_eq!(trace.activities[0].external, NonZeroU64::new(4).map(ExternalId));
    assert_eq!(trace.names.get(trace.activities[0].stream.stream), "7");
}

#[test]
fn a_cut_off_file_keeps_what_came_before_and_says_so() {
    let text = format!(r#"{{"traceEvents":[{KERNEL},{{"ph":"X","cat":"kern"#);
    let trace = read(text.as_bytes()).unwrap();
    assert_eq!(trace.activities.len(), 1);
    assert_eq!(trace.health.get(HealthCode::CutOff), 1);
}

#[test]
fn a_broken_event_costs_itself() {
    let broken = r#"{"ph":"X","cat":"kernel","name":"a"b"}"#;
    let trace = read(format!(r#"{{"traceEvents":[{KERNEL},{broken},{KERNEL}]}}"#).as_bytes()).unwrap();
    assert_eq!(trace.activities.len(), 2);
    assert_eq!((trace.events.read, trace.health.get(HealthCode::EventLost)), (3, 1));
}

#[test]
fn a_kernel_without_time_and_a_negative_one_are_counted_not_guessed() {
    let text = r#"[{"ph":"X","cat":"kernel","name":"a","ts":1},{"ph":"X","cat":"kernel","name":"b","ts":1,"dur":-5}]"#;
    let trace = read(text.as_bytes()).unwrap();
    assert_eq!(trace.activities.len(), 0);
    assert_eq!(trace.health.get(HealthCode::ActivityWithoutTime), 1);
    assert_eq!(trace.health.get(HealthCode::NegativeDuration), 1);
}

#[test]
fn foreign_and_empty_files_are_refused_with_the_reason() {
    assert_eq!(read(b"").unwrap_err(), TraceError::Empty);
    assert_eq!(read(b"  \n").unwrap_err(), TraceError::Empty);
    assert!(matches!(read(b"\x89PNG").unwrap_err(), TraceError::Foreign(_)));
    assert!(matches!(read(br#"{"a":1}"#).unwrap_err(), TraceError::Foreign(_)));
    assert!(matches!(read(b"[1, {\"a\": 2}]").unwrap_err(), TraceError::Foreign(_)));
}

#[test]
fn first_bytes_tell_traces_merged_files_and_others() {
    let header = r#"{"schemaVersion":1,"deviceProperties":[],"distributedInfo":{"rank":0,"#;
    let merged = r#"{"traceEvents":[{"ph":"M","name":"process_name","pid":"[TP01] 6610","tid":0},{"ph"#;
    let foreign = |text: &str| matches!(sniff(text.as_bytes(), true), Sniff::Foreign(_));
    assert_eq!(sniff(header.as_bytes(), false), Sniff::Trace);
    assert_eq!(sniff(merged.as_bytes(), false), Sniff::Merged);
    assert_eq!(sniff(br#"{"schemaVersion":1,"x":N/A,"traceEvents":[]}"#, true), Sniff::Trace);
    assert!(foreign("") && foreign("plain text") && foreign("{}") && foreign(r#"{"loss": NaN}"#));
    let bracket = r#"{"traceEvents":[{"ph":"X","pid":"[rank] 1"},{"ph":"X","pid":"[TPU] 1"}]}"#;
    assert_eq!(sniff(bracket.as_bytes(), true), Sniff::Trace);
}

#[test]
fn a_launch_keeps_the_kernel_that_its_row_names() {
    let text = r#"[{"ph":"X","cat":"cuda_runtime","name":"hipLaunchKernel","pid":1,"tid":2,"ts":3,"dur":1,"args":{"correlation":4,"kernel":"k"}}]"#;
    let trace = read(text.as_bytes()).unwrap();
    assert_eq!(trace.launches[0].kernel.map(|name| trace.names.get(name)), Some("k"));
}

#[test]
fn sync_rows_and_gpu_annotations_are_no_activity() {
    let text = r#"[{"ph":"X","cat":"cuda_sync","name":"Stream Sync","ts":1,"dur":2,"tid":1000007},
        {"ph":"X","cat":"gpu_user_annotation","name":"step[DECODE bs=1]","ts":1,"dur":2}]"#;
    let trace = read(text.as_bytes()).unwrap();
    assert!(trace.activities.is_empty());
    assert!(trace.annotations[0].on_gpu);
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_cut_of_a_real_shape_panics(cut in 0usize..170) {
        let text = format!(r#"{{"schemaVersion":1,"deviceProperties":[{{"id":0,"name":"G"}}],"traceEvents":[{KERNEL}]}}"#);
        let _ = read(&text.as_bytes()[..cut.min(text.len())]);
    }
}
