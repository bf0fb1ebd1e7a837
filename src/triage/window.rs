//! What else happened while the profiler looked, beside a warm server's steps.
//!
//! Input: a trace and the step of each activity. Output: health codes. All of it is evidence about the
//! capture and none of it enters a table: a graph that was captured, code that was loaded, variants of a
//! kernel that were tried out, time in which the GPU did nothing, steps that CPU and GPU tell differently.

use std::collections::BTreeMap;

use super::by_name::ByName;
use super::launches::Launches;
use super::stage::Label;
use crate::trace::{Health, HealthCode, Ns, SetupKind, Span, Trace};

/// GPU idle for longer is no part of serving. No serving trace of the corpus is idle for 50 ms at a stretch but
/// two, from which a step was cut out: 463 and 493 ms remain there.
const LONG_IDLE: Ns = Ns(100_000_000);

/// Counts what a window of nothing but steps would not hold.
///
/// `order` are the activities' places by start.
pub fn inspect(
    trace: &Trace,
    launches: &Launches<'_>,
    order: &[u32],
    step_of: &[Option<usize>],
    health: &mut Health,
) {
    setups(trace, health);
    autotuning(trace, launches, health);
    idle(trace, order, step_of, health);
    drawings(trace, launches, health);
    devices(trace, health);
}

/// Vendors whose accelerators run neither CUDA nor HIP, by a word of the device's name.
const OTHER_VENDORS: [&str; 9] =
    ["intel", "ascend", "gaudi", "habana", "mtia", "tpu", "trainium", "inferentia", "cambricon"];

/// Kernels of an accelerator that cannot be judged are filed as kernels; the header's device list gives it away.
fn devices(trace: &Trace, health: &mut Health) {
    let Some(gpu) = trace.gpu().filter(|_| !trace.activities.is_empty()) else { return };
    let words = gpu.to_ascii_lowercase();
    let mut words = words.split(|c: char| !c.is_ascii_alphabetic());
    if words.any(|word| OTHER_VENDORS.contains(&word)) {
        health.count(HealthCode::DeviceUnsupported, || {
            format!("the kernels ran on {gpu}; only CUDA and HIP can be judged")
        });
    }
}

fn setups(trace: &Trace, health: &mut Health) {
    for call in &trace.setups {
        let code = match call.kind {
            SetupKind::CaptureBegin | SetupKind::GraphInstantiate => HealthCode::GraphCaptureInWindow,
            SetupKind::CodeLoad => HealthCode::JitInWindow,
            // Its begin counts.
            SetupKind::CaptureEnd => continue,
        };
        health.count(code, || trace.names.get(call.name).to_owned());
    }
    // Compilers call one another; the outermost call counts.
    for (span, name) in outermost(trace, is_compilation) {
        health.count(HealthCode::JitInWindow, || format!("{name}, {:.1} ms", span.length().as_ms()));
    }
}

/// A part of a file's path, and the functions in it.
type Functions = (&'static str, &'static [&'static str]);

/// Python functions that compile a kernel: Triton's, Inductor's, and those of just-in-time GEMM libraries.
const COMPILERS: [Functions; 9] = [
    ("triton/compiler/compiler.py", &["compile"]),
    ("triton/runtime/jit.py", &["_do_compile", "compile", "warmup"]),
    ("torch/_inductor/compile_fx.py", &[]),
    ("torch/_inductor/async_compile.py", &[]),
    ("torch/_dynamo/convert_frame.py", &["_compile", "compile_inner", "_compile_inner"]),
    ("torch/utils/cpp_extension.py", &["load", "_jit_compile", "load_inline"]),
    ("flashinfer/jit/core.py", &["build", "build_and_load", "load_cuda_ops"]),
    ("deep_gemm/jit", &["build", "compile"]),
    ("cutlass/base_dsl", &["compile_and_cache", "compile_and_jit"]),
];

/// Python functions that run a kernel again and again to time it: of Triton, Inductor, FlashInfer, TensorRT-LLM.
const TUNERS: [Functions; 3] = [
    ("triton/runtime/autotuner.py", &["_bench", "do_bench", "benchmark"]),
    ("autotuner.py", &["_bench", "_profile_single_kernel", "_profile_runners", "profile"]),
    ("autotune_process.py", &["benchmark"]),
];

/// Whether a frame, `path/file.py(12): function`, is one of some functions; no functions are all of a file.
fn is_one_of(frame: &str, functions: &[Functions]) -> bool {
    let Some((place, function)) = frame.split_once("): ") else { return false };
    let Some((file, _)) = place.rsplit_once('(') else { return false };
    functions.iter().any(|(path, names)| {
        let is_there = file.ends_with(path) || (!path.contains(".py") && file.contains(path));
        is_there && (names.is_empty() || names.contains(&function))
    })
}

fn is_compilation(name: &str) -> bool {
    name.starts_with("entire_frame_compile") || is_one_of(name, &COMPILERS)
}

/// What runs a kernel again and again to time it.
fn is_benchmark(name: &str) -> bool {
    name.contains("do_bench") || name.contains("benchmark_all_configs") || is_one_of(name, &TUNERS)
}

/// Calls, ops and ranges of the CPU of which a name says something, without those inside another of the same
/// time: `(span, name)`, in order.
fn outermost(trace: &Trace, is_wanted: fn(&str) -> bool) -> Vec<(Span, &str)> {
    let frames = trace.python_frames.iter().map(|frame| (frame.span, frame.name));
    let ops = trace.cpu_ops.iter().map(|op| (op.span, op.name));
    let ranges = trace.annotations.iter().filter(|one| !one.on_gpu).map(|one| (one.span, one.name));
    let mut known = ByName::new(trace);
    let mut found: Vec<(Span, &str)> = Vec::new();
    for (span, name) in frames.chain(ops).chain(ranges) {
        if known.get(name, is_wanted) {
            found.push((span, trace.names.get(name)));
        }
    }
    found.sort_by_key(|(span, name)| (span.start, std::cmp::Reverse(span.end), *name));
    let mut outer: Vec<(Span, &str)> = Vec::new();
    for (span, name) in found {
        if outer.last().is_none_or(|(last, _)| span.start >= last.end) {
            outer.push((span, name));
        }
    }
    outer
}

fn autotuning(trace: &Trace, launches: &Launches<'_>, health: &mut Health) {
    let spans = united(outermost(trace, is_benchmark).into_iter().map(|(span, _)| span).collect());
    if spans.is_empty() {
        return;
    }
    for launch in launches.queueing() {
        let at = launch.span.start;
        let before = spans.partition_point(|span| span.start <= at);
        if before.checked_sub(1).and_then(|index| spans.get(index)).is_some_and(|span| span.contains(at)) {
            health.count(HealthCode::AutotuneInWindow, || {
                format!("{} while a kernel's variants were timed", trace.names.get(launch.name))
            });
        }
    }
}

/// Sorted, and joined where they touch.
fn united(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

fn idle(trace: &Trace, order: &[u32], step_of: &[Option<usize>], health: &mut Health) {
    let start_of = |place: &u32| trace.activities.get(*place as usize).map(|one| one.span.start);
    let mut busy: Option<(Ns, Option<usize>)> = None;
    let mut together: Vec<(Span, Option<usize>)> = Vec::new();
    for run in order.chunk_by(|a, b| start_of(a) == start_of(b)) {
        together.clear();
        together.extend(run.iter().filter_map(|place| {
            let place = *place as usize;
            Some((trace.activities.get(place)?.span, step_of.get(place).copied().flatten()))
        }));
        together.sort_unstable();
        for (span, step) in together.iter().copied() {
            idle_before(span, step, &mut busy, health);
        }
    }
}

fn idle_before(span: Span, step: Option<usize>, busy: &mut Option<(Ns, Option<usize>)>, health: &mut Health) {
    if let Some((end, step_before)) = *busy
        && span.start - end > LONG_IDLE
    {
        let is_inside = step.is_some() && step == step_before;
        let place = if is_inside { "inside a step" } else { "between steps" };
        let idle = (span.start - end).as_ms();
        health.count(HealthCode::IdleGap, || format!("the GPU is idle for {idle:.0} ms {place}"));
    }
    if busy.is_none_or(|(end, _)| span.end > end) {
        *busy = Some((span.end, step));
    }
}

/// Compares the steps on the CPU that queued work with those that the profiler drew on the GPU.
///
/// A drawing repeats for each stream, so only too few of them say something. Some platforms draw none.
fn drawings(trace: &Trace, launches: &Launches<'_>, health: &mut Health) {
    let mut starts: Vec<Ns> = launches.queueing().map(|launch| launch.span.start).collect();
    starts.sort_unstable();
    let has_work = |span: Span| {
        let first = starts.partition_point(|start| *start < span.start);
        starts.get(first).is_some_and(|start| span.contains(*start))
    };
    let mut texts: BTreeMap<&str, (u64, u64, bool)> = BTreeMap::new();
    let mut has_drawing = false;
    for annotation in &trace.annotations {
        let text = trace.names.get(annotation.name);
        if Label::parse(text).is_none() {
            continue;
        }
        let (on_cpu, on_gpu, is_on_cpu) = texts.entry(text).or_default();
        if annotation.on_gpu {
            *on_gpu += 1;
            has_drawing = true;
        } else {
            *is_on_cpu = true;
            *on_cpu += u64::from(has_work(annotation.span));
        }
    }
    if !has_drawing {
        return;
    }
    for (text, (on_cpu, on_gpu, is_on_cpu)) in texts {
        for _ in on_gpu..on_cpu {
            health.count(HealthCode::AnnotationDisagrees, || format!("{text} was not drawn on the GPU"));
        }
        if !is_on_cpu {
            health.count(HealthCode::AnnotationDisagrees, || format!("{text} is drawn on the GPU alone"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cat: &str, name: &str, (ts, dur): (u64, u64), more: &str) -> String {
        format!(r#"{{"ph":"X","cat":"{cat}","name":"{name}","ts":{ts},"dur":{dur},"pid":1,"tid":2{more}}}"#)
    }

    fn pair(correlation: u64, launched: u64, ran: u64) -> String {
        let args = format!(r#","args":{{"stream":7,"device":0,"correlation":{correlation}}}"#);
        [row("cuda_runtime", "cudaLaunchKernel", (launched, 1), &args), row("kernel", "k", (ran, 5), &args)]
            .join(",")
    }

    /// Rows of these tests stand in order of start.
    fn inspect_all(trace: &Trace, health: &mut Health) {
        let order: Vec<u32> = (0..u32::try_from(trace.activities.len()).unwrap()).collect();
        inspect(trace, &Launches::of(trace), &order, &vec![Some(0); order.len()], health);
    }

    fn health(events: &[String]) -> Health {
        let trace = crate::trace::read(format!("[{}]", events.join(",")).as_bytes()).unwrap();
        let mut health = Health::default();
        inspect_all(&trace, &mut health);
        health
    }

    fn step(cat: &str, name: &str, at: (u64, u64)) -> String {
        row(cat, name, at, "")
    }

    #[test]
    fn a_warm_servers_window_holds_nothing_of_this() {
        let events = [
            step("user_annotation", "step[DECODE bs=1]", (0, 100)),
            step("gpu_user_annotation", "step[DECODE bs=1]", (50, 100)),
            step("gpu_user_annotation", "step[DECODE bs=1]", (51, 100)),
            pair(1, 10, 60),
            pair(2, 20, 100_060),
            row("cuda_runtime", "cudaStreamGetCaptureInfo_v2", (1, 1), r#","args":{"correlation":9}"#),
        ];
        assert_eq!(health(&events).iter().count(), 0);
    }

    #[test]
    fn idle_beyond_a_tenth_of_a_second_is_told_with_its_length() {
        let health = health(&[pair(1, 10, 60), pair(2, 20, 463_065), pair(3, 30, 463_070)]);
        let (code, count, detail) = health.iter().next().unwrap();
        assert_eq!((code, count), (HealthCode::IdleGap, 1));
        assert_eq!(detail, "the GPU is idle for 463 ms inside a step");
    }

    #[test]
    fn preparing_calls_inside_the_window_are_counted() {
        let call = |name: &str| row("cuda_driver", name, (1, 1), r#","args":{"correlation":9}"#);
        let health = health(&[
            call("cuModuleLoadData"),
            call("cuLibraryLoadData"),
            call("hipModuleLoadDataEx"),
            call("hipModuleLaunchKernel"),
            step("user_annotation", "entire_frame_compile_data: fn_name=f", (1, 5)),
            call("cudaStreamBeginCapture"),
            call("cudaStreamEndCapture"),
            call("hipGraphInstantiateWithFlags"),
        ]);
        assert_eq!(health.get(HealthCode::JitInWindow), 4);
        assert_eq!(health.get(HealthCode::GraphCaptureInWindow), 2);
    }

    #[test]
    fn compilers_are_told_by_their_functions_and_counted_once() {
        for name in [
            "triton/compiler/compiler.py(220): compile",
            "/opt/venv/lib/python3.12/site-packages/triton/runtime/jit.py(560): _do_compile",
            "torch/_inductor/compile_fx.py(1): compile_fx_inner",
            "flashinfer/jit/core.py(70): build",
        ] {
            let inner = step("python_function", "triton/compiler/compiler.py(220): compile", (110, 5));
            let events = [step("python_function", name, (100, 50)), inner, pair(1, 10, 60)];
            assert_eq!(health(&events).get(HealthCode::JitInWindow), 1, "{name}");
        }
        let other = [step("python_function", "serving/compile.py(3): compile", (100, 50)), pair(1, 10, 60)];
        assert_eq!(health(&other).get(HealthCode::JitInWindow), 0);
    }

    #[test]
    fn kernels_of_other_vendors_are_told_by_the_header() {
        let events = pair(1, 10, 60);
        for (gpu, count) in [("Intel(R) Data Center GPU Max 1550", 1), ("Ascend910B", 1), ("NVIDIA H100", 0)]
        {
            let text =
                format!(r#"{{"deviceProperties":[{{"id":0,"name":"{gpu}"}}],"traceEvents":[{events}]}}"#);
            let trace = crate::trace::read(text.as_bytes()).unwrap();
            let mut health = Health::default();
            inspect_all(&trace, &mut health);
            assert_eq!(health.get(HealthCode::DeviceUnsupported), count, "{gpu}");
        }
    }

    #[test]
    fn launches_that_only_time_a_kernel_are_told_from_those_that_serve() {
        for (cat, name) in [
            ("python_function", "flashinfer/autotuner.py(400): _profile_single_kernel"),
            ("python_function", "tensorrt_llm/_torch/autotuner.py(400): _profile_single_kernel"),
            ("python_function", "triton/testing.py(96): do_bench"),
            ("python_function", "triton/runtime/autotuner.py(130): _bench"),
            ("user_annotation", "CachingAutotuner.benchmark_all_configs"),
        ] {
            let events = [
                step(cat, name, (100, 50)),
                pair(1, 10, 60),
                pair(2, 110, 200),
                pair(3, 120, 210),
                pair(4, 400, 500),
            ];
            assert_eq!(health(&events).get(HealthCode::AutotuneInWindow), 2, "{name}");
        }
        let other =
            [step("python_function", "benchmark/serving.py(3): _bench", (100, 50)), pair(2, 110, 200)];
        assert_eq!(health(&other).get(HealthCode::AutotuneInWindow), 0);
    }

    #[test]
    fn steps_that_one_side_does_not_show_are_counted() {
        let on_cpu = |n: u64| step("user_annotation", "step[DECODE bs=1]", (n * 100, 50));
        let work = |n: u64| pair(n, n * 100 + 10, n * 100 + 20);
        let drawn = step("gpu_user_annotation", "step[DECODE bs=1]", (110, 20));
        let one_short = [on_cpu(1), on_cpu(2), work(1), work(2), drawn.clone()];
        assert_eq!(health(&one_short).get(HealthCode::AnnotationDisagrees), 1);
        let one_empty = [on_cpu(1), on_cpu(2), work(1), drawn.clone()];
        assert_eq!(health(&one_empty).get(HealthCode::AnnotationDisagrees), 0, "nothing was there to draw");
        let undrawn = [on_cpu(1), work(1)];
        assert_eq!(health(&undrawn).get(HealthCode::AnnotationDisagrees), 0, "some platforms draw none");
        assert_eq!(health(&[work(1), drawn]).get(HealthCode::AnnotationDisagrees), 1);
    }
}
