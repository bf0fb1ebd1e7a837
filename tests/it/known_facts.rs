//! What people counted in the real traces before there was a tool, held against what the reader and triage say.
//!
//! The numbers are those of `docs/corpus.md`'s traces, counted by hand and by other programs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use profgate::trace::{Activity, ActivityKind, Trace, read_plainly};
use serde_json::Value;

use crate::support::{arg, corpus, run};

fn read(path: &Path) -> Trace {
    let packed = std::fs::read(path).unwrap();
    let mut bytes = Vec::new();
    if packed.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    } else {
        bytes = packed;
    }
    read_plainly(&bytes).unwrap()
}

/// The one trace file of a folder, or the file whose name begins so.
fn file(folder: &Path, begins: &str) -> Trace {
    let found = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).find(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(begins) && name.contains("json")
    });
    read(&found.unwrap_or_else(|| panic!("{} has no {begins}*", folder.display())))
}

fn kernels(trace: &Trace) -> Vec<Activity> {
    trace.activities.iter().filter(|one| one.kind == ActivityKind::Kernel).copied().collect()
}

fn named(trace: &Trace, part: &str) -> Vec<Activity> {
    kernels(trace).into_iter().filter(|one| trace.names.get(one.name).contains(part)).collect()
}

fn sum_ns(kernels: &[Activity]) -> i64 {
    kernels.iter().map(|one| one.span.length().0).sum()
}

fn span_ns(kernels: &[Activity]) -> i64 {
    let first = kernels.iter().map(|one| one.span.start.0).min().unwrap();
    kernels.iter().map(|one| one.span.end.0).max().unwrap() - first
}

fn union_ns(kernels: &[Activity]) -> i64 {
    let mut spans: Vec<(i64, i64)> = kernels.iter().map(|one| (one.span.start.0, one.span.end.0)).collect();
    spans.sort_unstable();
    let (mut total, mut until) = (0, i64::MIN);
    for (start, end) in spans {
        total += (end - start.max(until)).max(0);
        until = until.max(end);
    }
    total
}

/// Milliseconds with the digits that people wrote down.
fn ms(ns: i64, digits: usize) -> String {
    format!("{:.digits$}", ns as f64 / 1e6)
}

fn triage(path: &Path) -> Value {
    let run = run(&["triage", arg(path), "--format", "json", "--quiet"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn most_b300_kernels_begin_before_the_one_before_them_on_their_stream_ended() {
    let Some(folder) = corpus("sglang-qwen3-30b-a3b-decode/B300") else { return };
    let trace = file(&folder, "");
    let mut all = kernels(&trace);
    assert_eq!(all.len(), 713);
    assert_eq!((ms(sum_ns(&all), 2), ms(union_ns(&all), 2)), ("6.29".to_owned(), "5.38".to_owned()));
    all.sort_by_key(|one| (one.span.start, one.span.end));
    let mut last: BTreeMap<_, i64> = BTreeMap::new();
    let mut overlapping = 0;
    for one in &all {
        if last.insert(one.stream, one.span.end.0).is_some_and(|end| one.span.start.0 < end) {
            overlapping += 1;
        }
    }
    assert_eq!(overlapping, 674);

    // The next batch is prepared on a stream of its own, hidden but for one activity.
    let beside: Vec<&Activity> =
        trace.activities.iter().filter(|one| trace.names.get(one.stream.stream) == "37").collect();
    assert_eq!(beside.len(), 26);
    let others: Vec<&Activity> =
        trace.activities.iter().filter(|one| trace.names.get(one.stream.stream) != "37").collect();
    let is_covered = |one: &Activity| {
        let mut at = one.span.start.0;
        let mut spans: Vec<(i64, i64)> =
            others.iter().map(|one| (one.span.start.0, one.span.end.0)).collect();
        spans.sort_unstable();
        for (start, end) in spans {
            if start <= at {
                at = at.max(end);
            }
        }
        at >= one.span.end.0
    };
    assert_eq!(beside.iter().filter(|one| is_covered(one)).count(), 25);
}

#[test]
fn the_graph_launches_and_links_of_the_largest_serving_trace() {
    let Some(folder) = corpus("vllm-llama70b-tp4-h100-vs-mi300x") else { return };
    let trace = file(&folder, "1_h100");
    let all = kernels(&trace);
    let replays: BTreeSet<_> = trace
        .launches
        .iter()
        .filter(|launch| trace.names.get(launch.name).contains("GraphLaunch"))
        .map(|launch| launch.correlation)
        .collect();
    assert_eq!(replays.len(), 729);
    assert_eq!(all.iter().filter(|one| one.external.is_some()).count(), 4841);
    let gathers = named(&trace, "AllGather");
    assert_eq!((gathers.len(), ms(sum_ns(&gathers), 2)), (10, "0.24".to_owned()));
    let streams: BTreeSet<&str> = gathers.iter().map(|one| trace.names.get(one.stream.stream)).collect();
    assert_eq!(streams.into_iter().collect::<Vec<_>>(), ["171"]);
}

#[test]
fn kernels_whose_launch_lies_outside_of_the_window() {
    let Some(folder) = corpus("hta/negative_queue_length_values_check") else { return };
    let trace = file(&folder, "rank0");
    let known: BTreeSet<_> = trace.launches.iter().map(|launch| launch.correlation).collect();
    let lost = |one: &&Activity| one.correlation.is_none_or(|id| !known.contains(&id));
    assert_eq!(kernels(&trace).iter().filter(lost).count(), 705);
    let graphs = trace.launches.iter().filter(|one| trace.names.get(one.name).contains("GraphLaunch"));
    assert_eq!(graphs.count(), 70);
}

#[test]
fn training_steps_that_alternate_between_two_sizes() {
    let Some(folder) = corpus("modded-nanogpt-h100-adam-hook-pair") else { return };
    let (hook, current) = (file(&folder, "modded-nanogpt-hook"), file(&folder, "modded-nanogpt-current"));
    assert_eq!((kernels(&hook).len(), kernels(&current).len()), (3733, 3733));
    assert_eq!(hook.activities.len().abs_diff(current.activities.len()), 7);
    // Kernels of an iteration, by the optimizer's annotation that holds their launch.
    let report = triage(&folder.join("modded-nanogpt-hook-gpu-rank-00-chrome-trace.json.gz"));
    let row = report["stages"][0]["kernels"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["launches_min"].as_u64() != row["launches_max"].as_u64());
    assert!(row.is_some(), "no kernel tells the two kinds of step apart");
}

#[test]
fn kernels_and_spans_of_the_expert_parallel_runs() {
    let Some(root) = corpus("lightllm-dsv3-ep8-h200-decode") else { return };
    for (run, count, span) in
        [("A0", 2178, "106.8"), ("B0", 2483, "105.5"), ("B1", 2483, "105.6"), ("C0", 2544, "102.2")]
    {
        let folder = std::fs::read_dir(&root)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(run))
            .unwrap();
        let mut spans = Vec::new();
        for rank in 0..8 {
            let all = kernels(&file(&folder, &format!("rank{rank}.")));
            assert_eq!(all.len(), count, "{run} rank {rank}");
            spans.push(span_ns(&all));
        }
        assert_eq!(ms(spans.iter().sum::<i64>() / 8, 1), span, "{run}");
    }
}

#[test]
fn kernels_of_the_revisions_and_of_the_pair() {
    if let Some(folder) = corpus("segment-anything-fast-a100") {
        for (revision, count) in [("rev3", 1414), ("rev4", 1414), ("rev0", 2338)] {
            assert_eq!(kernels(&file(&folder, &format!("asdf_True.{revision}"))).len(), count, "{revision}");
        }
    }
    if let Some(folder) = corpus("torchao-ep-moe-b200-pair") {
        for (name, count, nccl, streams, collectives, time) in [
            ("ref_ep_moe_fwd.json", 764, 31, 2, 31, "4.49"),
            ("syncless_ep_moe_fwd.json", 693, 10, 1, 30, "7.31"),
        ] {
            let path = folder.join(name);
            let trace = read(&path);
            assert_eq!(kernels(&trace).len(), count, "{name}");
            assert_eq!(named(&trace, "nccl").len(), nccl, "{name}");
            let used: BTreeSet<_> = kernels(&trace).iter().map(|one| one.stream).collect();
            assert_eq!(used.len(), streams, "{name}");
            // By role, other names are collectives too.
            let report = triage(&path);
            let rows: Vec<&Value> = report["stages"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|stage| stage["kernels"].as_array().unwrap())
                .filter(|row| row["role"] == "communication")
                .collect();
            let sum = |key: &str| rows.iter().filter_map(|row| row[key].as_i64()).sum::<i64>();
            assert_eq!((sum("launches"), ms(sum("total_ns"), 2)), (collectives, time.to_owned()), "{name}");
        }
    }
}

#[test]
fn one_rank_works_as_long_as_the_other_waits() {
    let Some(folder) = corpus("megatron-tp2-v100-2rank") else { return };
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().contains("json") {
            let all = kernels(&read(&path));
            let digits = if sum_ns(&all) < 10_000_000 { 2 } else { 1 };
            found.insert((all.len(), ms(sum_ns(&all), digits)));
        }
    }
    let wanted = [(217, "1.35".to_owned()), (217, "49.3".to_owned())];
    assert!(found.iter().eq(wanted.iter()), "{found:?}");
}
