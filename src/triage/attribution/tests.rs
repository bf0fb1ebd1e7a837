//! Attribution over small traces: what a stack, a recording and a run without graphs say, and what none says.

use std::fmt::Write;

use super::*;
use crate::triage::Catalogs;
use crate::triage::build::triage_of_rank;
use crate::triage::{Mode, StageTriage, Triage};

/// Writes a trace, one row at a time.
#[derive(Default)]
struct Rows(String);

const MODEL: &str = "/w/sglang/python/sglang/srt/models/m.py(10): forward";
const LAYER: &str = "/opt/venv/lib/python3.12/site-packages/sglang/srt/layers/l.py(20): apply";

impl Rows {
    fn row(mut self, cat: &str, name: &str, tid: u32, ts: u32, dur: u32, args: &str) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        write!(
            self.0,
            r#"{comma}{{"ph":"X","cat":"{cat}","name":"{name}","pid":1,"tid":{tid},"ts":{ts},"dur":{dur},"args":{{{args}}}}}"#
        )
        .unwrap();
        self
    }

    fn frame(self, name: &str, tid: u32, ts: u32, dur: u32) -> Self {
        self.row("python_function", name, tid, ts, dur, "")
    }

    fn op(self, name: &str, tid: u32, ts: u32, dur: u32, id: u32) -> Self {
        self.row("cpu_op", name, tid, ts, dur, &format!(r#""External id":{id}"#))
    }

    fn launch(self, name: &str, tid: u32, ts: u32, correlation: u32) -> Self {
        self.row("cuda_runtime", name, tid, ts, 1, &format!(r#""correlation":{correlation}"#))
    }

    fn recorded(self, kernel: &str, ts: u32) -> Self {
        let args = format!(r#""correlation":{ts},"kernel":"{kernel}""#);
        self.row("cuda_runtime", "hipLaunchKernel", 2, ts, 1, &args)
    }

    fn kernel(self, name: &str, ts: u32, correlation: u32) -> Self {
        let args = format!(r#""stream":7,"device":0,"correlation":{correlation}"#);
        self.row("kernel", name, 7, ts, 5, &args)
    }

    fn read(&self) -> Trace {
        crate::trace::read(format!("[{}]", self.0).as_bytes()).unwrap()
    }
}

fn input<'a>(trace: &'a Trace, path: &'a str, stage: Option<Stage>) -> Input<'a> {
    Input { trace, path, path_stage: stage, rank: 0, sha256: "" }
}

fn explained(formal: &Rows, mapping: &[&Rows]) -> Triage {
    explained_in(formal, None, mapping, None)
}

fn explained_in(formal: &Rows, stage: Option<Stage>, mapping: &[&Rows], of_mapping: Option<Stage>) -> Triage {
    let formal = formal.read();
    let traces: Vec<Trace> = mapping.iter().map(|rows| rows.read()).collect();
    let maps: Vec<Input<'_>> = traces.iter().map(|trace| input(trace, "map.json", of_mapping)).collect();
    let catalogs = Catalogs::builtin().unwrap();
    triage_of_rank(&[input(&formal, "formal.json", stage)], &maps, &catalogs, None, None).unwrap().0
}

/// `kernel: ~path:line function share; …`
fn sites(stage: &StageTriage) -> Vec<String> {
    let mut rows: Vec<String> = stage
        .kernels
        .iter()
        .map(|row| {
            let sites = row.sites.iter().map(|site| {
                let line = site.line.map_or(String::new(), |line| format!(":{line}"));
                let mark = if site.exact { "" } else { "~" };
                format!(" {mark}{}{line} {:.0}", site.path, site.share_pct)
            });
            format!("{}:{}", row.kernel, sites.collect::<Vec<_>>().join(";"))
        })
        .collect();
    rows.sort();
    rows
}

fn ops(triage: &Triage) -> Vec<String> {
    triage.stages[0].kernels.iter().flat_map(|row| row.cpu_ops.clone()).collect()
}

#[test]
fn a_kernel_without_an_op_is_found_through_its_launch() {
    // W-21: Triton kernels have no operator, and the launch knows the stack.
    let rows = Rows::default()
        .frame(MODEL, 2, 0, 100)
        .frame("triton/runtime/jit.py(574): run", 2, 10, 50)
        .launch("cuLaunchKernel", 2, 20, 1)
        .kernel("_my_kernel", 1000, 1);
    let triage = explained(&rows, &[]);
    assert_eq!(sites(&triage.stages[0]), ["_my_kernel: python/sglang/srt/models/m.py:10 100"]);
    assert_eq!(triage.stages[0].attribution.exact_pct, 100.0);
}

#[test]
fn other_threads_at_the_time_of_the_gpu_are_no_answer() {
    // W-22: the kernel runs while an unrelated thread is busy elsewhere.
    let rows = Rows::default()
        .frame(MODEL, 3, 900, 500)
        .launch("cudaLaunchKernel", 2, 20, 1)
        .kernel("k", 1000, 1)
        .kernel("j", 1010, 99);
    let triage = explained(&rows, &[]);
    assert_eq!(sites(&triage.stages[0]), ["j:", "k:"]);
    assert_eq!(triage.stages[0].attribution.exact_pct, 0.0);
}

#[test]
fn a_place_has_one_spelling_and_is_voted_for_once() {
    // W-23: the same file in a checkout and in a virtual environment.
    let rows = Rows::default()
        .frame(LAYER, 2, 0, 10)
        .launch("cudaLaunchKernel", 2, 5, 1)
        .frame("/w/sglang/python/sglang/srt/layers/l.py(20): apply", 2, 20, 10)
        .launch("cudaLaunchKernel", 2, 25, 2)
        .kernel("k", 1000, 1)
        .kernel("k", 1010, 2);
    assert_eq!(sites(&explained(&rows, &[]).stages[0]), ["k: python/sglang/srt/layers/l.py:20 100"]);
}

#[test]
fn the_external_id_names_the_op_and_else_the_innermost_around_the_launch() {
    let rows = Rows::default()
        .op("outer", 2, 0, 100, 5)
        .op("inner", 2, 10, 50, 6)
        .op("elsewhere", 3, 10, 50, 7)
        .launch("cudaLaunchKernel", 2, 20, 1)
        .row("cuda_runtime", "cudaLaunchKernel", 2, 30, 1, r#""correlation":2,"External id":5"#)
        .kernel("k", 1000, 1)
        .kernel("j", 1010, 2);
    let mut ops = ops(&explained(&rows, &[]));
    ops.sort();
    assert_eq!(ops, ["inner", "outer"]);
}

#[test]
fn a_launch_without_frames_falls_back_to_its_ops_thread() {
    let rows = Rows::default()
        .frame(MODEL, 2, 0, 100)
        .op("aten::mm", 2, 10, 20, 5)
        .row("cuda_runtime", "cudaLaunchKernel", 9, 15, 1, r#""correlation":1,"External id":5"#)
        .kernel("k", 1000, 1);
    assert_eq!(sites(&explained(&rows, &[]).stages[0]), ["k: python/sglang/srt/models/m.py:10 100"]);
}

#[test]
fn the_innermost_line_of_the_engine_stands_before_what_passes_the_call_on() {
    let rows = Rows::default()
        .frame("threading.py(973): run", 2, 0, 100)
        .frame("python/sglang/srt/managers/scheduler.py(1): run_batch", 2, 1, 98)
        .frame(MODEL, 2, 2, 90)
        .frame("nn.Module: Linear_3", 2, 3, 80)
        .frame("torch/nn/modules/module.py(1779): _call_impl", 2, 4, 70)
        .frame(LAYER, 2, 5, 60)
        .frame("torch/_ops.py(1244): __call__", 2, 6, 50)
        .frame("<built-in function linear>", 2, 7, 40)
        .launch("cudaLaunchKernel", 2, 20, 1)
        .kernel("k", 1000, 1);
    assert_eq!(sites(&explained(&rows, &[]).stages[0]), ["k: python/sglang/srt/layers/l.py:20 100"]);
}

#[test]
fn noise_alone_is_no_place() {
    // W-28: under an absolute path as well.
    let rows = Rows::default()
        .frame("/usr/lib/python3.12/threading.py(973): run", 2, 0, 100)
        .frame("<built-in method mm of type object at 0x7f>", 2, 7, 40)
        .launch("cudaLaunchKernel", 2, 20, 1)
        .kernel("k", 1000, 1);
    assert_eq!(sites(&explained(&rows, &[]).stages[0]), ["k:"]);
}

fn replay() -> Rows {
    Rows::default()
        .frame("/w/sglang/python/sglang/srt/model_executor/cuda_graph_runner.py(842): replay", 2, 0, 100)
        .op("graph_op", 2, 0, 100, 9)
        .launch("hipGraphLaunch", 2, 20, 1)
        .kernel("a", 1000, 1)
        .kernel("b", 1010, 1)
}

#[test]
fn a_replay_says_nothing_of_its_kernels_and_counts_as_such() {
    let triage = explained(&replay(), &[]);
    assert_eq!(sites(&triage.stages[0]), ["a:", "b:"]);
    assert!(ops(&triage).is_empty());
    assert_eq!(triage.stages[0].attribution.replayed_pct, 100.0);
    assert_eq!(triage.mode, Mode::SingleTrace);
}

fn recording(kernels: &[&str]) -> Rows {
    let mut rows = Rows::default().frame(MODEL, 2, 0, 1000).launch("hipStreamBeginCapture", 2, 10, 900);
    for (at, kernel) in (20..).step_by(10).zip(kernels) {
        rows = rows.recorded(kernel, at);
    }
    rows.launch("hipStreamEndCapture", 2, 900, 901)
}

#[test]
fn the_recording_of_a_graph_names_its_nodes() {
    let triage = explained(&replay(), &[&recording(&["a", "b"])]);
    let model = "python/sglang/srt/models/m.py:10 100";
    assert_eq!(sites(&triage.stages[0]), [format!("a: {model}"), format!("b: {model}")]);
    assert!(triage.stages[0].attribution.notes.is_empty());
    assert_eq!(triage.mode, Mode::MappingFormal);
    let parts: Vec<&str> = triage.traces.iter().map(|entry| entry.part.as_str()).collect();
    assert_eq!(parts, ["formal", "mapping"]);
}

#[test]
fn a_recording_of_another_length_is_inexact_and_a_note_says_so() {
    let triage = explained(&replay(), &[&recording(&["a", "c", "b"])]);
    assert_eq!(triage.stages[0].attribution.inexact_pct, 100.0);
    let notes = &triage.stages[0].attribution.notes;
    assert!(notes.len() == 1 && notes[0].contains("does not match the recording in map.json"), "{notes:?}");
}

/// A run without graphs: each kernel launched from the file of its name.
fn eager(kernels: &[&str]) -> Rows {
    let mut rows = Rows::default();
    for (at, kernel) in (1_u32..).zip(kernels) {
        let frame = format!("/w/sglang/python/sglang/srt/layers/{kernel}.py({at}): forward");
        rows = rows.frame(&frame, 2, at * 10, 5).launch("cudaLaunchKernel", 2, at * 10 + 1, at).kernel(
            kernel,
            1000 + at * 10,
            at,
        );
    }
    rows
}

#[test]
fn an_unresolved_mapping_hides_no_place_of_the_capture_itself() {
    // W-25.
    let bare = Rows::default().launch("cudaLaunchKernel", 2, 1, 1).kernel("a", 10, 1);
    let triage = explained(&eager(&["a"]), &[&bare]);
    assert_eq!(sites(&triage.stages[0]), ["a: python/sglang/srt/layers/a.py:1 100"]);
}

#[test]
fn the_mapping_is_not_outvoted_by_the_capture() {
    // W-24: what one knows of a kernel does not weigh against what the other knows of another.
    let formal = Rows::default()
        .frame(MODEL, 2, 0, 10)
        .launch("cudaLaunchKernel", 2, 5, 1)
        .launch("cudaGraphLaunch", 2, 20, 2)
        .kernel("a", 1000, 1)
        .kernel("b", 1010, 2)
        .kernel("b", 1020, 2);
    let triage = explained(&formal, &[&eager(&["a", "b", "b"])]);
    assert_eq!(
        sites(&triage.stages[0]),
        [
            "a: python/sglang/srt/models/m.py:10 100",
            "b: ~python/sglang/srt/layers/b.py:2 50; ~python/sglang/srt/layers/b.py:3 50"
        ]
    );
}

#[test]
fn a_name_that_only_resembles_borrows_no_place() {
    // W-26.
    for other in ["a_stage2", "unrelated_a", "fused_a_gptq"] {
        assert_eq!(sites(&explained(&replay(), &[&eager(&[other])]).stages[0]), ["a:", "b:"], "{other}");
    }
}

#[test]
fn a_stage_that_stands_in_for_another_is_inexact_and_a_note_says_so() {
    // W-36.
    let mapping = eager(&["a", "b"]);
    let triage = explained_in(&replay(), Some(Stage::Decode), &[&mapping], Some(Stage::Prefill));
    let attribution = &triage.stages[0].attribution;
    assert_eq!((attribution.exact_pct, attribution.inexact_pct), (0.0, 100.0));
    assert!(
        attribution.notes.iter().any(|note| note.contains("no places for stage `decode`")
            && note.contains("`prefill`")
            && note.contains("inexact")),
        "{:?}",
        attribution.notes
    );
}

#[test]
fn graph_launches_in_a_mapping_run_are_reported() {
    let mapping = eager(&["a", "b"]).launch("cudaGraphLaunch", 2, 500, 50).kernel("c", 3000, 50);
    let triage = explained(&replay(), &[&mapping]);
    let found: Vec<(&str, u64)> =
        triage.health.iter().map(|entry| (entry.code.as_str(), entry.count)).collect();
    assert!(found.contains(&("mapping-graphs", 1)), "{found:?}");
}

/// What a mapping capture does not name, it does not settle either.
#[test]
fn a_mapping_capture_that_names_nothing_makes_no_pair_of_one_trace() {
    let formal = replay();
    let told = |map: &Rows| {
        let triage = explained(&formal, &[map]);
        (triage.mode, triage.overlap_evidence, triage.stages[0].attribution.mapped)
    };
    assert_eq!(told(&recording(&["a", "b"])), (Mode::MappingFormal, Mode::MappingFormal, true));
    assert_eq!(told(&eager(&["z"])), (Mode::MappingFormal, Mode::SingleTrace, false));
}

#[test]
fn a_mapping_run_without_stacks_says_so() {
    let bare = Rows::default().launch("cudaLaunchKernel", 2, 1, 1).kernel("a", 10, 1);
    let notes = explained(&replay(), &[&bare]).stages.remove(0).attribution.notes;
    assert!(notes[0].contains("names no place"), "{notes:?}");
}
