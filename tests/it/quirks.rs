//! What real traces do that no format description says; each quirk by its number, and what is lost by damage.

use profgate::trace::{ActivityKind, HealthCode, LOSS_LIMIT, Ns, Trace, forbids_judgement, read};
use profgate::triage::{Catalogs, Input, Stage, Triage, triage};

fn trace(events: &[String]) -> Trace {
    read(format!("[{}]", events.join(",")).as_bytes()).unwrap()
}

fn row(cat: &str, name: &str, (ts, dur): (&str, &str), more: &str) -> String {
    format!(r#"{{"ph":"X","cat":"{cat}","name":"{name}","ts":{ts},"dur":{dur},"pid":0,"tid":7{more}}}"#)
}

fn kernel(name: &str, time: (&str, &str), correlation: u32) -> String {
    row("kernel", name, time, &format!(r#","args":{{"stream":7,"device":0,"correlation":{correlation}}}"#))
}

fn call(name: &str, time: (&str, &str), correlation: u32) -> String {
    row("cuda_runtime", name, time, &format!(r#","args":{{"correlation":{correlation}}}"#))
}

/// Kernels with their launches, one a microsecond.
fn pairs(count: u32) -> Vec<String> {
    (1..=count)
        .flat_map(|n| {
            let at = (n * 10).to_string();
            [call("cudaLaunchKernel", (&at, "1"), n), kernel("k", (&at, "5"), n)]
        })
        .collect()
}

fn triaged(trace: &Trace) -> Triage {
    let input = Input { trace, path: "t.json", path_stage: None, rank: 0, sha256: "" };
    triage(&[input], &Catalogs::builtin().unwrap(), None).unwrap()
}

fn is_judged(trace: &Trace) -> bool {
    triaged(trace).health.iter().all(|entry| !forbids_judgement(&entry.code))
}

#[test]
fn q1_microseconds_are_exact_nanoseconds_even_since_the_epoch() {
    let trace = trace(&[
        kernel("k", ("8388609.007", "4194304.003"), 1),
        kernel("k", ("1712195495505582.988", "0.001"), 2),
    ]);
    assert_eq!(trace.activities[0].span.start, Ns(8_388_609_007));
    assert_eq!(trace.activities[0].span.length(), Ns(4_194_304_003));
    assert_eq!(trace.activities[1].span.start, Ns(1_712_195_495_505_582_988));
    assert_eq!(trace.activities[1].span.length(), Ns(1));
}

#[test]
fn q2_a_gpu_annotation_is_wider_than_its_kernels_and_no_activity() {
    let trace = trace(&[
        row("gpu_user_annotation", "step[DECODE bs=1]", ("9.999", "10.002"), ""),
        kernel("k", ("10", "10"), 1),
    ]);
    assert_eq!(trace.activities.len(), 1);
    assert_eq!(triaged(&trace).stages[0].steps.busy_ns, 10_000);
}

/// W-30: waiting is no GPU work.
#[test]
fn q3_a_stream_sync_row_is_no_stream_and_no_work() {
    let sync = r#"{"ph":"X","cat":"cuda_sync","name":"Stream Sync","ts":0,"dur":900,"pid":0,"tid":1000007,"args":{"stream":7,"correlation":9}}"#;
    let trace = trace(&[sync.to_owned(), kernel("k", ("10", "10"), 1)]);
    assert_eq!(trace.activities.len(), 1);
    assert_eq!(triaged(&trace).stages[0].steps.span_ns, 10_000);
}

#[test]
fn q4_work_without_an_external_id_is_counted_all_the_same() {
    for id in ["", r#","External id":-1"#, r#","External id":"0x0""#, r#","External id":null"#] {
        let kernel = row("kernel", "k", ("1", "2"), &format!(r#","args":{{"stream":7{id}}}"#));
        let trace = trace(&[kernel]);
        assert_eq!((trace.activities.len(), trace.activities[0].external), (1, None), "{id}");
    }
}

#[test]
fn q5_a_kernel_at_zero_without_length_lost_its_time() {
    let trace = trace(&[kernel("k", ("0", "0"), 1), kernel("k", ("5000000", "0"), 2)]);
    assert_eq!(trace.activities.len(), 1, "a length of zero alone is what a clock of microseconds makes");
    assert_eq!(trace.health.get(HealthCode::ActivityAtZero), 1);
    assert!(!is_judged(&trace));
}

#[test]
fn q6_activities_of_one_stream_may_overlap() {
    let trace = trace(&[kernel("a", ("0", "10"), 1), kernel("b", ("4", "10"), 2)]);
    let steps = &triaged(&trace).stages[0].steps;
    assert_eq!((steps.total_ns, steps.busy_ns, steps.same_stream_overlap_ns), (20_000, 14_000, 6_000));
}

#[test]
fn q7_rewritten_names_are_names() {
    let odd = r#"{"ph":"X","cat":"kernel","name":"\ud800","ts":9,"dur":1,"pid":0,"tid":7}"#.to_owned();
    let trace = trace(&[kernel("unknown", ("1", "2"), 1), kernel("void a/b<Kernel>()", ("4", "2"), 2), odd]);
    let names: Vec<&str> = trace.activities.iter().map(|one| trace.names.get(one.name)).collect();
    assert_eq!(names, ["unknown", "void a/b<Kernel>()", "unknown"]);
}

#[test]
fn q8_spellings_of_2021_are_read() {
    let old = |cat: &str, name: &str| {
        format!(
            r#"{{"ph":"X","cat":"{cat}","name":"{name}","ts":1,"dur":2,"pid":0,"tid":"stream 7","args":{{"stream":7,"device":0,"correlation":3,"external id":4}}}}"#
        )
    };
    let trace = trace(&[
        old("Kernel", "k"),
        old("Memcpy", "Memcpy HtoD (Pinned -> Device)"),
        old("Memset", "Memset (Device)"),
        old("Runtime", "cudaLaunchKernel"),
        old("Operator", "aten::mm"),
        old("Operator", "ProfilerStep#3"),
    ]);
    let kinds: Vec<ActivityKind> = trace.activities.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [ActivityKind::Kernel, ActivityKind::Copy, ActivityKind::Set]);
    assert!(trace.activities.iter().all(|one| one.external.is_some()));
    assert_eq!((trace.launches.len(), trace.cpu_ops.len(), trace.annotations.len()), (1, 1, 1));
}

#[test]
fn q9_the_end_marker_is_no_event() {
    let end = r#"{"name":"Record Window End","ph":"i","s":"g","pid":"","tid":"","ts":99}"#.to_owned();
    let overhead = row("overhead", "Activity Buffer Request", ("0", "500"), "");
    let trace = trace(&[kernel("k", ("1", "2"), 1), end, overhead]);
    assert_eq!((trace.activities.len(), trace.events.read), (1, 3));
    assert!(is_judged(&trace));
}

#[test]
fn q10_unescaped_quotes_cost_one_event_and_no_more() {
    let broken = |cat: &str| format!(r#"{{"ph":"X","cat":"{cat}","name":"lambda "x"","ts":1,"dur":2}}"#);
    for (cat, code, judged) in
        [("kernel", HealthCode::EventLost, false), ("python_function", HealthCode::EventSkipped, true)]
    {
        let mut events = pairs(20);
        events.insert(7, broken(cat));
        let trace = trace(&events);
        assert_eq!((trace.activities.len(), trace.launches.len()), (20, 20), "{cat}");
        assert_eq!(trace.health.get(code), 1, "{cat}");
        assert_eq!(is_judged(&trace), judged, "{cat}");
    }
}

#[test]
fn q11_what_lasts_longer_than_a_week_is_an_overflow() {
    let week = "604800000000";
    let mut events = pairs(2000);
    events.push(kernel("k", ("1", week), 9001));
    assert!(is_judged(&trace(&events)));
    events.push(kernel("k", ("1", "700000000000.5"), 9002));
    events.push(row("cpu_op", "aten::mm", ("1", "700000000000.5"), ""));
    let trace = trace(&events);
    assert_eq!(trace.activities.len(), 2001);
    assert_eq!(trace.health.get(HealthCode::EventTooLong), 1);
    assert_eq!(trace.health.get(HealthCode::EventSkipped), 1, "no GPU work is lost by an op");
    assert!(!is_judged(&trace));
}

#[test]
fn q12_a_servers_own_steps_outrank_those_of_the_profiler() {
    let mut events = pairs(4);
    events.push(row("user_annotation", "ProfilerStep#1", ("0", "1000"), ""));
    events.push(row("user_annotation", "step[DECODE bs=1]", ("9", "12"), ""));
    events.push(row("user_annotation", "step[DECODE bs=1]", ("29", "12"), ""));
    let triage = triaged(&trace(&events));
    assert_eq!(triage.stages[0].stage, Stage::Decode);
    assert_eq!(triage.stages[0].steps.count, 2);
}

#[test]
fn q13_launches_whose_kernels_are_all_out_of_range_are_no_capture() {
    let trace = trace(&[call("cudaLaunchKernel", ("1", "1"), 1), call("cudaLaunchKernel", ("3", "1"), 2)]);
    assert_eq!(trace.kernel_count(), 0);
    assert_eq!(triaged(&trace).kernels(), 0, "`capture-empty` is about this");
    assert_eq!(trace.health.get(HealthCode::ActivityMissing), 0, "nothing of this kind was recorded at all");
}

#[test]
fn a_thing_without_time_matters_only_where_gpu_work_is_lost_by_it() {
    let timeless = |cat: &str, name: &str| {
        format!(
            r#"{{"ph":"X","cat":"{cat}","name":"{name}","ts":1,"pid":0,"tid":7,"args":{{"correlation":8}}}}"#
        )
    };
    for (cat, name, code, judged) in [
        ("cpu_op", "aten::mm", HealthCode::EventSkipped, true),
        ("python_function", "f", HealthCode::EventSkipped, true),
        ("user_annotation", "r", HealthCode::EventSkipped, true),
        ("cuda_runtime", "cudaStreamSynchronize", HealthCode::EventSkipped, true),
        ("cuda_runtime", "cudaLaunchKernel", HealthCode::LaunchWithoutTime, false),
        ("kernel", "k", HealthCode::ActivityWithoutTime, false),
    ] {
        let mut events = pairs(20);
        events.push(timeless(cat, name));
        let trace = trace(&events);
        assert_eq!(trace.health.get(code), 1, "{cat} {name}");
        assert_eq!(is_judged(&trace), judged, "{cat} {name}");
    }
    let mut events = pairs(20);
    events.push("17".to_owned());
    assert!(!is_judged(&trace(&events)), "nobody knows what it was, and one in 21 is beyond the limit");
}

#[test]
fn losses_are_tolerated_up_to_one_in_a_thousand() {
    let limit = u32::try_from(LOSS_LIMIT).unwrap();
    let negative = kernel("k", ("5", "-1"), 9001);
    let lost = call("cudaLaunchKernel", ("5", "1"), 9002);
    for (more, code) in [(negative, HealthCode::NegativeDuration), (lost, HealthCode::ActivityMissing)] {
        let with = |count: u32| {
            let mut events = pairs(count);
            events.push(more.clone());
            trace(&events)
        };
        let enough = with(limit);
        assert_eq!((enough.health.get(code), enough.health.get(HealthCode::LossBeyondLimit)), (1, 0));
        assert!(is_judged(&enough));
        let few = with(limit - 2);
        assert_eq!(few.health.get(HealthCode::LossBeyondLimit), 1);
        assert!(!is_judged(&few));
    }
}

#[test]
fn a_call_that_queues_no_activity_is_no_loss() {
    let mut events = pairs(3);
    for (index, name) in ["cudaLaunchHostFunc", "cudaMemcpyAsync", "cudaMemsetAsync", "cudaEventRecord"]
        .into_iter()
        .enumerate()
    {
        events.push(call(name, ("5", "1"), 9000 + u32::try_from(index).unwrap()));
    }
    // No copy and no fill was recorded: the profiler was told not to.
    assert_eq!(trace(&events).health.get(HealthCode::ActivityMissing), 0);
}

#[test]
fn launches_that_go_into_a_graph_are_no_loss() {
    let mut events = pairs(3);
    events.push(call("hipStreamBeginCapture", ("100", "1"), 50));
    events.push(call("hipLaunchKernel", ("102", "1"), 51));
    events.push(call("hipLaunchKernel", ("104", "1"), 52));
    events.push(call("hipStreamEndCapture", ("106", "1"), 53));
    let trace = trace(&events);
    assert_eq!(trace.events.captured, 2);
    assert_eq!(trace.health.get(HealthCode::ActivityMissing), 0);
    assert_eq!(trace.launches.len(), 5, "a mapping needs them");
}

#[test]
fn other_accelerators_are_named_and_never_judged() {
    for cat in ["xpu_runtime", "xpu_driver", "mtia_runtime", "mtia_ccp_events"] {
        let mut events = pairs(3);
        events.push(row(cat, "urEnqueueKernelLaunch", ("1", "2"), ""));
        let trace = trace(&events);
        let triage = triaged(&trace);
        let entry = triage.health.iter().find(|entry| entry.code == "device-unsupported").unwrap();
        assert!(entry.detail.contains(cat) && entry.detail.contains("CUDA and HIP"), "{}", entry.detail);
        assert!(!is_judged(&trace));
    }
}

#[test]
fn ids_of_every_spelling_join_launch_and_kernel() {
    for (of_launch, of_kernel) in [("12", "12"), ("\"12\"", "12"), ("12.0", "12"), ("\"0xc\"", "12")] {
        let launch = row(
            "cuda_runtime",
            "cudaLaunchKernel",
            ("1", "1"),
            &format!(r#","args":{{"correlation":{of_launch}}}"#),
        );
        let kernel = row("kernel", "k", ("5", "1"), &format!(r#","args":{{"correlation":{of_kernel}}}"#));
        let trace = trace(&[launch, kernel]);
        assert_eq!(Some(trace.launches[0].correlation), trace.activities[0].correlation, "{of_launch}");
    }
}
