//! Laws: what may be done to a capture without changing what is said of it.

use std::sync::atomic::{AtomicU32, Ordering};

use profgate::source::{Limits, open};
use profgate::synth::{Workload, presets};
use profgate::trace;
use profgate::triage::{Catalogs, Input, KernelRow, StageTriage, triage};
use serde_json::{Value, json};

use crate::support::Scratch;

/// The JSON of a generated capture's first file.
fn generated(workload: &Workload) -> Value {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let scratch = Scratch::new(&format!("laws-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    let folder = scratch.capture("capture", workload);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().contains("trace.json"));
    files.sort();
    serde_json::from_slice(&open(&files[0], Limits::default()).unwrap().bytes).unwrap()
}

fn stages(document: &Value) -> Vec<StageTriage> {
    let trace = trace::read(&serde_json::to_vec(document).unwrap()).unwrap();
    let input = Input { trace: &trace, path: "t", path_stage: None, rank: 0, sha256: "" };
    triage(&[input], &Catalogs::builtin().unwrap(), None).unwrap().stages
}

fn events(document: &mut Value) -> &mut Vec<Value> {
    document["traceEvents"].as_array_mut().unwrap()
}

fn is_activity(event: &Value) -> bool {
    matches!(event["cat"].as_str(), Some("kernel" | "gpu_memcpy" | "gpu_memset"))
}

/// Each workload with its JSON; two have several streams.
fn workloads() -> Vec<(&'static str, Value)> {
    let all = [
        ("two-stream-moe", presets::two_stream_moe()),
        ("moe-decode", presets::moe_decode()),
        ("piecewise-graphs", presets::piecewise_graphs()),
    ];
    all.into_iter().map(|(name, workload)| (name, generated(&workload))).collect()
}

#[test]
fn some_work_is_hidden_so_that_the_laws_say_something() {
    let (_, document) = workloads().remove(0);
    let stages = stages(&document);
    let rows: Vec<&KernelRow> = stages.iter().flat_map(|stage| &stage.kernels).collect();
    assert!(rows.iter().any(|row| row.hidden_ns > 0));
    for row in rows {
        assert_eq!(row.hidden_by.iter().map(|by| by.ns).sum::<i64>(), row.hidden_ns, "{}", row.kernel);
        assert_eq!(row.exclusive_ns + row.hidden_ns, row.total_ns, "{}", row.kernel);
    }
}

#[test]
fn the_order_of_events_does_not_matter() {
    for (name, document) in workloads() {
        let mut other = document.clone();
        let events = events(&mut other);
        events.reverse();
        let by = events.len() / 3;
        events.rotate_left(by);
        assert!(stages(&other) == stages(&document), "{name}");
    }
}

#[test]
fn a_clock_that_is_set_forward_moves_nothing() {
    for (name, document) in workloads() {
        let mut other = document.clone();
        for event in events(&mut other) {
            if let Some(ts) = event["ts"].as_f64() {
                event["ts"] = json!(ts + 100_000.0);
            }
        }
        assert!(stages(&other) == stages(&document), "{name}");
    }
}

#[test]
fn the_names_of_streams_do_not_matter() {
    for (name, document) in workloads() {
        let mut other = document.clone();
        for event in events(&mut other).iter_mut().filter(|event| is_activity(event)) {
            let stream = event["args"]["stream"].as_u64().unwrap();
            event["args"]["stream"] = json!(1000 - stream);
        }
        let rows = |document: &Value| -> Vec<Vec<KernelRow>> {
            stages(document).into_iter().map(|stage| stage.kernels).collect()
        };
        assert!(rows(&other) == rows(&document), "{name}");
    }
}

#[test]
fn a_second_device_changes_no_time_of_the_first() {
    let (_, document) = workloads().remove(0);
    let mut other = document.clone();
    let more: Vec<Value> = events(&mut other)
        .iter()
        .filter(|event| is_activity(event))
        .map(|event| {
            let mut event = event.clone();
            event["args"]["device"] = json!(77);
            event["name"] = json!("void a_kernel_of_the_second_device(int)");
            event
        })
        .collect();
    events(&mut other).extend(more);
    let times = |document: &Value| -> Vec<(String, i64, i64, i64)> {
        let rows = stages(document).into_iter().flat_map(|stage| stage.kernels);
        let mut times: Vec<_> = rows
            .filter(|row| !row.names.iter().any(|name| name.name.contains("second_device")))
            .map(|row| (row.kernel, row.total_ns, row.added_ns, row.exclusive_ns))
            .collect();
        times.sort();
        times
    };
    assert!(times(&other) == times(&document));
    let (one, two) = (stages(&document), stages(&other));
    assert_eq!(two[0].steps.busy_ns, 2 * one[0].steps.busy_ns);
    assert_eq!(two[0].steps.idle_ns, 2 * one[0].steps.idle_ns);
}

#[test]
fn a_kernel_cut_in_two_changes_only_the_number_of_launches() {
    let (_, document) = workloads().remove(0);
    let mut other = document.clone();
    let halves: Vec<Value> = events(&mut other)
        .iter_mut()
        .filter(|event| is_activity(event) && event["name"].as_str().unwrap().contains("fp8_gemm_kernel"))
        .map(|event| {
            let (ts, dur) = (event["ts"].as_f64().unwrap(), event["dur"].as_f64().unwrap());
            let first = (dur / 2.0).round();
            event["dur"] = json!(first);
            let mut half = event.clone();
            half["ts"] = json!(ts + first);
            half["dur"] = json!(dur - first);
            half
        })
        .collect();
    assert!(!halves.is_empty());
    let added = halves.len() as u64;
    events(&mut other).extend(halves);
    let (one, two) = (stages(&document), stages(&other));
    let launches = |stages: &[StageTriage]| stages.iter().map(|stage| stage.steps.activities).sum::<u64>();
    assert_eq!(launches(&two), launches(&one) + added);
    let times = |stages: &[StageTriage]| {
        let rows = stages.iter().flat_map(|stage| &stage.kernels);
        rows.map(|row| {
            (row.kernel.clone(), row.total_ns, row.added_ns, row.exclusive_ns, row.hidden_by.clone())
        })
        .collect::<Vec<_>>()
    };
    assert!(times(&two) == times(&one));
    assert_eq!(two[0].steps.busy_ns, one[0].steps.busy_ns);
    assert_eq!(two[0].steps.idle_ns, one[0].steps.idle_ns);
}
