use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde_json::Value;

use super::presets::{self, names};
use super::*;
use crate::trace::{self, Activity, Annotation, Ns, Trace};

fn bytes(workload: &Workload, rank: u32) -> Vec<u8> {
    let mut out = Vec::new();
    write_rank(workload, rank, &mut out).unwrap();
    out
}

fn read(workload: &Workload, rank: u32) -> Trace {
    trace::read(&bytes(workload, rank)).unwrap()
}

fn events(workload: &Workload) -> Vec<Value> {
    let document: Value = serde_json::from_slice(&bytes(workload, 0)).unwrap();
    match document {
        Value::Array(rows) => rows,
        Value::Object(mut fields) => fields["traceEvents"].take().as_array().unwrap().clone(),
        other => panic!("a trace is no {other}"),
    }
}

fn launched(workload: &Workload) -> usize {
    let shapes = workload.shapes.iter().cycle().take(workload.steps as usize);
    shapes.map(|shape| shape.kernels().count()).sum()
}

fn total(workload: &Workload) -> Ns {
    read(workload, 0).gpu_total()
}

/// The union of all activities, in nanoseconds.
fn busy(trace: &Trace) -> i64 {
    let mut spans: Vec<(i64, i64)> =
        trace.activities.iter().map(|run| (run.span.start.0, run.span.end.0)).collect();
    spans.sort_unstable();
    let mut until = i64::MIN;
    let mut sum = 0;
    for (start, end) in spans {
        sum += (end - start.max(until)).max(0);
        until = until.max(end);
    }
    sum
}

fn named<'t>(trace: &'t Trace, part: &str) -> Vec<&'t Activity> {
    let mut runs: Vec<&Activity> =
        trace.activities.iter().filter(|run| trace.names.get(run.name).contains(part)).collect();
    runs.sort_by_key(|run| run.span.start);
    runs
}

#[test]
fn every_preset_reads_back_as_what_it_describes() {
    for (name, preset) in presets::ALL {
        let workload = preset();
        for rank in 0..workload.ranks {
            let trace = read(&workload, rank);
            assert_eq!(trace.activities.len(), launched(&workload), "{name}");
            assert_eq!(trace.health.iter().count(), 0, "{name}");
            let correlations: BTreeSet<_> = trace.launches.iter().map(|launch| launch.correlation).collect();
            assert_eq!(correlations.len(), trace.launches.len(), "{name}");
            let joined = trace.activities.iter().all(|run| correlations.contains(&run.correlation.unwrap()));
            assert!(joined, "{name}: every run has its launch");
        }
    }
}

#[test]
fn every_run_starts_after_its_launch_and_after_the_run_ahead_of_it_did() {
    for (name, preset) in presets::ALL.into_iter().filter(|(name, _)| *name != "old-schema") {
        let trace = read(&preset(), 0);
        let launches: BTreeMap<_, _> =
            trace.launches.iter().map(|launch| (launch.correlation, launch.span.end)).collect();
        let mut ends: BTreeMap<_, (Ns, Ns)> = BTreeMap::new();
        let mut runs: Vec<&Activity> = trace.activities.iter().collect();
        runs.sort_by_key(|run| run.span.start);
        for run in runs {
            assert!(run.span.start > launches[&run.correlation.unwrap()], "{name}");
            let last = ends.insert(run.stream, (run.span.start, run.span.end));
            assert!(last.is_none_or(|last| last.0 < run.span.start && last.1 < run.span.end), "{name}");
        }
    }
}

#[test]
fn the_header_has_the_keys_of_a_real_one() {
    let document: Value = serde_json::from_slice(&bytes(&presets::two_rank_tp(), 1)).unwrap();
    let keys: BTreeSet<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    for key in [
        "schemaVersion",
        "deviceProperties",
        "distributedInfo",
        "cuda_runtime_version",
        "cuda_driver_version",
        "displayTimeUnit",
        "baseTimeNanoseconds",
        "traceEvents",
        "traceName",
    ] {
        assert!(keys.contains(key), "{key}");
    }
    let trace = read(&presets::two_rank_tp(), 1);
    assert_eq!((trace.header.rank, trace.header.world_size), (Some(1), Some(2)));
    assert_eq!(trace.header.devices.len(), 8);
    assert_eq!(trace.gpu().as_deref(), Some("NVIDIA H100 80GB HBM3"));
    assert_eq!(trace.header.platform, "cuda");
    assert_eq!(read(&presets::hip_decode(), 0).header.platform, "hip");
}

#[test]
fn a_kernel_row_has_the_arguments_of_a_real_one() {
    let rows = events(&presets::moe_decode());
    let kernel = rows.iter().find(|row| row["cat"] == "kernel" && row["name"] == names::moe::FMHA).unwrap();
    let args: BTreeSet<&str> = kernel["args"].as_object().unwrap().keys().map(String::as_str).collect();
    let want = [
        "queued",
        "device",
        "context",
        "stream",
        "correlation",
        "registers per thread",
        "shared memory",
        "blocks per SM",
        "warps per SM",
        "grid",
        "block",
        "est. achieved occupancy %",
    ];
    assert_eq!(args, BTreeSet::from(want));
}

#[test]
fn one_file_mixes_numbers_and_texts_as_process_ids() {
    let rows = events(&presets::moe_decode());
    let texts: BTreeSet<&str> = rows.iter().filter_map(|row| row["pid"].as_str()).collect();
    assert_eq!(texts, BTreeSet::from(["", "Spans", "Traces"]));
    assert!(rows.iter().any(|row| row["pid"].is_u64() && row["ph"] == "X"));
    let phases: BTreeSet<&str> = rows.iter().filter_map(|row| row["ph"].as_str()).collect();
    assert_eq!(phases, BTreeSet::from(["M", "X", "f", "i", "s"]));
}

#[test]
fn the_same_seed_writes_the_same_bytes_and_another_seed_does_not() {
    let workload = presets::two_rank_tp();
    let other = Workload { seed: 2, ..workload.clone() };
    assert_eq!(bytes(&workload, 0), bytes(&workload, 0));
    assert_ne!(bytes(&workload, 0), bytes(&other, 0));
    assert_ne!(bytes(&workload, 0), bytes(&workload, 1));
}

#[test]
fn rows_do_not_stand_in_the_order_of_time() {
    for preset in [presets::moe_decode, presets::eager_prefill, presets::old_schema] {
        let trace = read(&preset(), 0);
        assert!(!trace.activities.is_sorted_by_key(|run| run.span.start));
        assert!(!trace.launches.is_sorted_by_key(|launch| launch.span.start));
    }
}

#[test]
fn without_noise_kernels_take_exactly_their_described_time() {
    let mut workload = presets::moe_decode();
    workload.noise_permille = 0;
    let described: u64 = workload.shapes[0].kernels().map(|kernel| kernel.ns).sum();
    assert_eq!(total(&workload), Ns(i64::try_from(described * 4).unwrap()));
    workload.noise_permille = 20;
    let deviation = (total(&workload).0 as f64 / (described * 4) as f64 - 1.0).abs();
    assert!(deviation > 0.0 && deviation < 0.02, "{deviation}");
}

#[test]
fn replayed_kernels_have_no_external_id_and_eager_ones_that_of_their_op() {
    let trace = read(&presets::moe_decode(), 0);
    assert!(named(&trace, "fmhaSm100f").iter().all(|run| run.external.is_none()));
    let ops: BTreeSet<_> = trace.cpu_ops.iter().filter_map(|op| op.external).collect();
    let argmax = named(&trace, "ArgMaxOps");
    assert_eq!(argmax.len(), 4);
    assert!(argmax.iter().all(|run| ops.contains(&run.external.unwrap())));
    let deep = read(&presets::two_stream_moe(), 0);
    assert!(deep.activities.iter().all(|run| run.external.is_some()));
}

#[test]
fn piecewise_graphs_are_launched_between_the_attention_kernels() {
    let trace = read(&presets::piecewise_graphs(), 0);
    let graphs =
        trace.launches.iter().filter(|launch| trace.names.get(launch.name) == "cudaGraphLaunch").count();
    assert_eq!(graphs, 81 * 4);
    assert!(trace.annotations.is_empty());
}

#[test]
fn the_old_schema_is_a_bare_list_that_still_reads() {
    let text = bytes(&presets::old_schema(), 0);
    assert!(text.starts_with(b"["));
    let trace = trace::read(&text).unwrap();
    assert_eq!(trace.gpu(), None);
    assert_eq!(trace.names.get(trace.activities[0].stream.stream), "7");
    assert_eq!(trace.annotations.len(), 4);
    assert!(trace.activities.iter().all(|run| run.span.start.0 % 1000 == 0));
    assert!(trace.cpu_ops.iter().all(|op| op.external.is_some()));
}

#[test]
fn most_decode_kernels_start_before_the_one_ahead_of_them_ended() {
    let trace = read(&presets::moe_one_step(), 0);
    let stream = named(&trace, "fmhaSm100f")[0].stream;
    let mut runs: Vec<&Activity> = trace.activities.iter().filter(|run| run.stream == stream).collect();
    runs.sort_by_key(|run| run.span.start);
    let early = runs.windows(2).filter(|pair| pair[1].span.start < pair[0].span.end).count();
    assert_eq!(early, 48 * 14 + 3);
    assert!(busy(&trace) < trace.gpu_total().0 * 95 / 100);
}

#[test]
fn work_on_the_side_stream_is_hidden() {
    let trace = read(&presets::moe_decode(), 0);
    let model: Vec<_> = named(&trace, "bmm_");
    let span = (model[0].span.start, model[model.len() - 1].span.end);
    let aside: Vec<_> =
        trace.activities.iter().filter(|run| trace.names.get(run.stream.stream) == "37").collect();
    assert_eq!(aside.len(), 25 * 4);
    let inside = aside.iter().filter(|run| run.span.start > span.0 && run.span.end < span.1).count();
    assert!(inside > 90, "{inside}");
    let deep = read(&presets::two_stream_moe(), 0);
    assert!(busy(&deep) < deep.gpu_total().0 - 50 * 20_000, "the shared expert runs beside the others");
}

#[test]
fn one_rank_waits_in_the_collective_for_the_other() {
    let workload = presets::two_rank_tp();
    let waiting = |rank| {
        let trace = read(&workload, rank);
        named(&trace, "AllReduce").iter().map(|run| run.span.length()).sum::<Ns>()
    };
    let (late, early) = (waiting(0), waiting(1));
    let instances = 33 * 4;
    assert!(late.0 < instances * 13_000, "{late:?}");
    assert!(early.0 > instances * 29_000, "{early:?}");
}

#[test]
fn a_step_runs_on_the_gpu_after_its_annotation_ended() {
    let trace = read(&presets::moe_decode(), 0);
    let steps: Vec<_> =
        trace.annotations.iter().filter(|range| trace.names.get(range.name).starts_with("step[")).collect();
    let (gpu, cpu): (Vec<&Annotation>, Vec<&Annotation>) = steps.into_iter().partition(|range| range.on_gpu);
    assert_eq!((cpu.len(), gpu.len()), (4, 4));
    let heads = named(&trace, "nvjet_sm103_tst_384x16");
    for (step, head) in cpu.iter().zip(heads) {
        assert!(head.span.start > step.span.end);
        let launch = trace.launches.iter().find(|launch| Some(launch.correlation) == head.correlation);
        assert!(step.span.contains(launch.unwrap().span.start));
    }
    for (range, step) in gpu.iter().zip(&cpu) {
        assert!(range.span.start > step.span.start && range.span.end > step.span.end);
    }
}

#[test]
fn python_frames_lie_in_their_parents_and_name_their_modules() {
    let rows = events(&presets::eager_prefill());
    let time = |row: &Value, key: &str| (row[key].as_f64().unwrap() * 1000.0).round() as i64;
    let frames: BTreeMap<i64, (i64, i64)> = rows
        .iter()
        .filter(|row| row["cat"] == "python_function")
        .map(|row| {
            (
                row["args"]["Python id"].as_i64().unwrap(),
                (time(row, "ts"), time(row, "ts") + time(row, "dur")),
            )
        })
        .collect();
    assert!(frames.len() > 1900, "{}", frames.len());
    let mut roots = 0;
    for row in rows.iter().filter(|row| row["cat"] == "python_function") {
        let own = frames[&row["args"]["Python id"].as_i64().unwrap()];
        let Some(parent) = row["args"]["Python parent id"].as_i64() else {
            roots += 1;
            continue;
        };
        assert!(frames[&parent].0 < own.0 && own.1 < frames[&parent].1, "{row}");
    }
    assert_eq!(roots, 2);
    let names: BTreeSet<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert!(names.contains("nn.Module: OAIAttention_35"));
    assert!(names.iter().any(|name| name.starts_with("<built-in method") && name.contains(" at 0x7f")));
}

#[test]
fn a_hip_replay_knows_no_grid_and_a_hip_launch_names_its_kernel() {
    let rows = events(&presets::hip_decode());
    let replayed = rows.iter().find(|row| row["name"] == names::hip::PAGED).unwrap();
    assert_eq!(replayed["args"]["kind"], "Dispatch Task");
    assert!(replayed["args"].get("grid").is_none());
    let launches: Vec<&Value> = rows.iter().filter(|row| row["name"] == "hipLaunchKernel").collect();
    assert_eq!(launches.len(), 9 * 4);
    assert!(launches.iter().all(|row| row["args"]["kernel"].is_string()));
}

#[test]
fn training_iterations_alternate_and_launch_backward_from_a_second_thread() {
    let trace = read(&presets::training_steps(), 0);
    let mut steps: Vec<&Annotation> = trace.annotations.iter().filter(|range| !range.on_gpu).collect();
    steps.sort_by_key(|range| range.span.start);
    let launched =
        |step: &Annotation| trace.launches.iter().filter(|launch| step.span.encloses(launch.span)).count();
    assert_eq!(steps.iter().map(|step| launched(step)).collect::<Vec<_>>(), [84, 86, 84, 86]);
    assert_eq!(trace.names.get(steps[0].name), "ProfilerStep#2");
    let threads: BTreeSet<_> = trace.launches.iter().map(|launch| launch.thread).collect();
    assert_eq!(threads.len(), 2);
}

#[test]
fn the_lost_fusion_costs_four_percent_of_the_step() {
    let (fused, unfused) = (read(&presets::moe_decode(), 0), read(&presets::moe_decode_unfused(), 0));
    assert_eq!(named(&fused, "FusedAddRMSNorm").len(), 96 * 4);
    assert_eq!(named(&unfused, "FusedAddRMSNorm").len(), 0);
    assert_eq!(named(&unfused, "CUDAFunctor_add<c10::BFloat16>").len(), 96 * 4);
    assert_eq!(named(&unfused, "kernelsrmsnormRMSNorm").len(), 97 * 4);
    let price = busy(&unfused) as f64 / busy(&fused) as f64 - 1.0;
    assert!((0.035..0.045).contains(&price), "{price}");
}

#[test]
fn mutations_change_what_they_name_and_say_how_much() {
    let mut workload = presets::moe_one_step();
    workload.noise_permille = 0;
    let before = total(&workload);
    assert_eq!(workload.scale("finalizeKernel", 120), 1);
    assert_eq!(total(&workload), Ns(before.0 + 48 * 1000));
    assert_eq!(workload.remove("finalizeKernel"), 1);
    assert_eq!(total(&workload), Ns(before.0 - 48 * 5000));
    assert_eq!(workload.move_to("routingIndices", 21, Order::Beside), 1);
    let trace = read(&workload, 0);
    assert!(named(&trace, "routingIndices").iter().all(|run| trace.names.get(run.stream.stream) == "21"));
    assert_eq!(workload.remove("no such kernel"), 0);
}

#[test]
fn the_size_of_a_file_can_be_asked_for() {
    let workload = presets::moe_decode().with_size(20_000_000).unwrap();
    let size = bytes(&workload, 0).len();
    assert!((19_000_000..21_000_000).contains(&size), "{size}");
}

#[test]
fn a_capture_is_one_gzip_file_a_rank_with_the_names_of_its_server() {
    let dir = std::env::temp_dir().join(format!("profgate-synth-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let paths = write_capture(&presets::two_rank_tp(), &dir).unwrap();
    assert_eq!(paths.len(), 2);
    let mut inflated = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(&paths[1]).unwrap()).read_to_end(&mut inflated).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(inflated, bytes(&presets::two_rank_tp(), 1));
    let name = paths[1].file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("rank1.") && name.ends_with(".pt.trace.json.gz"), "{name}");
    let sglang = capture_file_name(&presets::moe_decode(), 0);
    assert!(sglang.ends_with("-TP-0-DECODE.trace.json.gz"), "{sglang}");
}
