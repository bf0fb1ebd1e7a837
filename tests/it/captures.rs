//! From paths to one capture: which files are part of it, of which rank, and what is said of the others.

use std::path::Path;

use serde_json::Value;

use crate::support::{Run, Scratch, arg, corpus, one_step, run_in};

/// A trace of one process: `kernels` kernels with their launches, and a step around them.
fn trace(step: &str, rank: Option<(u32, u32)>, kernels: u32) -> String {
    trace_of_process("251", step, rank, kernels)
}

fn trace_of_process(pid: &str, step: &str, rank: Option<(u32, u32)>, kernels: u32) -> String {
    let mut events = vec![format!(
        r#"{{"ph":"X","cat":"user_annotation","name":"{step}","pid":{pid},"tid":1,"ts":0,"dur":100000}}"#
    )];
    for n in 1..=kernels {
        events.push(format!(
            r#"{{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":{pid},"tid":1,"ts":{n},"dur":1,"args":{{"correlation":{n}}}}}"#
        ));
        events.push(format!(
            r#"{{"ph":"X","cat":"kernel","name":"k{n}","pid":0,"tid":7,"ts":{},"dur":5,"args":{{"stream":7,"device":0,"correlation":{n}}}}}"#,
            100 + n * 10
        ));
    }
    let job = rank.map_or_else(String::new, |(rank, size)| {
        format!(r#""distributedInfo":{{"rank":{rank},"world_size":{size}}},"#)
    });
    format!(
        r#"{{"schemaVersion":1,"deviceProperties":[{{"id":0,"name":"G"}}],{job}"traceEvents":[{}]}}"#,
        events.join(",")
    )
}

fn decode() -> String {
    trace("step[DECODE bs=1]", None, 8)
}

fn merged() -> String {
    trace_of_process("\"[TP00] 251\"", "step[DECODE bs=1]", None, 8)
}

fn front_end() -> &'static str {
    r#"{"schemaVersion":1,"traceEvents":[{"ph":"X","cat":"python_function","name":"f","pid":1,"tid":1,"ts":1,"dur":2}]}"#
}

/// What a profiler sees while a graph is captured.
fn graph_capture() -> String {
    let call = |name: &str, n: u32| {
        format!(
            r#"{{"ph":"X","cat":"cuda_runtime","name":"{name}","pid":1,"tid":1,"ts":{n},"dur":1,"args":{{"correlation":{n}}}}}"#
        )
    };
    let mut events = vec![call("cudaStreamBeginCapture", 1)];
    events.extend((10..20).map(|n| call("cudaLaunchKernel", n)));
    events.push(call("cudaStreamEndCapture", 30));
    events.push(call("cudaGraphInstantiate", 31));
    format!("[{}]", events.join(","))
}

/// The path and rank of every trace that triage read.
fn read(run: &Run) -> Vec<(String, u64)> {
    let report: Value =
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stderr));
    let entries = |triage: &Value| -> Vec<(String, u64)> {
        triage["traces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry["path"].as_str().unwrap().to_owned(), entry["rank"].as_u64().unwrap()))
            .collect()
    };
    report.as_array().map_or_else(|| entries(&report), |ranks| ranks.iter().flat_map(entries).collect())
}

fn triage(here: &Path, inputs: &[&str]) -> Run {
    run_in(here, &[&["triage", "--format", "json", "--rank", "all"], inputs].concat())
}

#[test]
fn content_decides_what_is_a_trace_and_the_rest_is_named_with_its_reason() {
    let scratch = Scratch::new("content-decides");
    scratch.file("t/trace.json-rank-0.gz", decode());
    scratch.file("t/log.json", r#"{"level": "info"}"#);
    scratch.file("t/list.json", r#"["a", "b"]"#);
    scratch.file("t/loss.json", r#"{"loss": NaN}"#);
    scratch.file("t/notes.txt", "traceEvents");
    scratch.file("t/nothing", "");
    let run = triage(&scratch.path(""), &["t"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(read(&run), [("t/trace.json-rank-0.gz".to_owned(), 0)]);
    for (name, reason) in [
        ("log.json", "no `traceEvents`"),
        ("list.json", "a list of something else than events"),
        ("loss.json", "no `traceEvents`"),
        ("notes.txt", "does not begin as JSON"),
        ("nothing", "the file is empty"),
    ] {
        let line = run.stderr.lines().find(|line| line.contains(&format!("left out t/{name}"))).unwrap();
        assert!(line.contains(reason), "{line}");
    }
}

/// W-42: a name makes no trace.
#[test]
fn an_empty_trace_file_in_a_folder_is_still_being_written() {
    let scratch = Scratch::new("still-written");
    scratch.file("t/a-TP-0-DECODE.trace.json.gz", decode());
    scratch.file("t/a-TP-1-DECODE.trace.json.gz", "");
    let run = triage(&scratch.path(""), &["t"]);
    assert_eq!(run.code, 3, "a rank must not be left out because it is not there yet");
    assert!(run.stderr.contains("a-TP-1-DECODE.trace.json.gz: the file is empty"), "{}", run.stderr);
}

#[test]
fn many_files_left_out_for_one_reason_are_one_note() {
    let scratch = Scratch::new("many");
    scratch.file("t/a.json", decode());
    for n in 0..20 {
        scratch.file(&format!("t/p{n:02}.png"), b"\x89PNG");
    }
    let run = triage(&scratch.path(""), &["t"]);
    let notes: Vec<&str> = run.stderr.lines().filter(|line| line.contains("left out")).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("left out 20 files, t/p00.png first"), "{notes:?}");
}

#[test]
fn a_quoted_pattern_is_expanded_and_one_that_matches_nothing_is_five() {
    let scratch = Scratch::new("pattern");
    scratch.file("a[1]/x-TP-0-DECODE.trace.json.gz", decode());
    scratch.file("a[1]/x-TP-1-DECODE.trace.json.gz", decode() + "\n");
    scratch.file("a[1]/x-TP-0-EXTEND.trace.json.gz", trace("step[EXTEND bs=1 toks=8]", None, 8));
    let here = scratch.path("");
    let run = triage(&here, &["a[1]/*-DECODE*.gz"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(read(&run).iter().map(|(_, rank)| *rank).collect::<Vec<_>>(), [0, 1]);
    let nothing = triage(&here, &["a[1]/*-VERIFY*.gz"]);
    assert_eq!(nothing.code, 5, "{}", nothing.stderr);
    assert!(nothing.stderr.contains("a[1]/*-VERIFY*.gz: no file matches this pattern"), "{}", nothing.stderr);
    assert_eq!(triage(&here, &["a[1]/***.gz"]).code, 5);
    assert_eq!(run_in(&here, &["baseline", "record", "a[1]/*-DECODE*.gz", "-o", "b.yaml"]).code, 0);
    let check = run_in(&here, &["check", "--baseline", "b.yaml", "a[1]/*-DECODE*.gz"]);
    assert_eq!(check.code, 0, "{}", check.stdout);
}

#[test]
fn one_file_named_twice_is_read_once_and_said() {
    let scratch = Scratch::new("twice-named");
    scratch.file("t/a.json", decode());
    let here = scratch.path("");
    for inputs in [&["t/a.json", "t/../t/a.json"][..], &["t", "t/a.json"], &["t", "t/"], &["t/a.json", "t/*"]]
    {
        let run = triage(&here, inputs);
        assert_eq!(run.code, 0, "{inputs:?}: {}", run.stderr);
        assert_eq!(read(&run).len(), 1);
        assert!(run.stderr.contains("it is the same as t"), "{inputs:?}: {}", run.stderr);
    }
}

#[cfg(unix)]
#[test]
fn loops_dots_depth_and_dead_links_end_with_a_note() {
    use std::os::unix::fs::symlink;
    let scratch = Scratch::new("loops");
    scratch.file("t/a.json", decode());
    scratch.file("t/.cache/b.json", decode());
    scratch.file("t/1/2/3/4/5/6/7/c.json", decode());
    symlink("..", scratch.path("t/1/up")).unwrap();
    symlink("a.json", scratch.path("t/latest.json")).unwrap();
    symlink("gone", scratch.path("t/z.json")).unwrap();
    let run = triage(&scratch.path(""), &["t"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(read(&run), [("t/a.json".to_owned(), 0)]);
    for said in [
        "left out t/.cache: its name begins with a dot",
        "left out t/1/2/3/4/5/6/7: it lies more than 6 directories deep",
        "left out t/1/up: it is the same as t",
        "left out t/latest.json: it is the same as t/a.json",
        "left out t/z.json: it is a link to nothing",
    ] {
        assert!(run.stderr.contains(said), "{said}\n{}", run.stderr);
    }
}

#[test]
fn a_merged_copy_is_left_out_by_content_and_refused_alone() {
    let scratch = Scratch::new("merged");
    scratch.file("t/d-TP-0.trace.json.gz", decode());
    scratch.file("t/merged-d.trace.json.gz", merged());
    scratch.file("alone/all.json", merged());
    scratch.file("branch/merged-main.json", decode());
    let here = scratch.path("");
    let beside = triage(&here, &["t"]);
    assert_eq!(beside.code, 0, "{}", beside.stderr);
    assert_eq!(read(&beside), [("t/d-TP-0.trace.json.gz".to_owned(), 0)]);
    assert!(
        beside.stderr.contains("left out t/merged-d.trace.json.gz: it is a merged copy of the rank files")
    );
    let named = triage(&here, &["t/merged-d.trace.json.gz", "t/d-TP-0.trace.json.gz"]);
    assert_eq!(read(&named), [("t/d-TP-0.trace.json.gz".to_owned(), 0)]);

    assert_eq!(run_in(&here, &["baseline", "record", "t", "-o", "b.yaml"]).code, 0);
    let said = "alone/all.json is a merged copy of several ranks (TP00)";
    for args in [
        &["triage", "alone"][..],
        &["triage", "alone/all.json"],
        &["baseline", "record", "alone"],
        &["check", "--baseline", "b.yaml", "alone"],
    ] {
        let run = run_in(&here, args);
        assert_eq!(run.code, 3, "{args:?}: {}", run.stderr);
        assert!((run.stderr + &run.stdout).contains(said), "{args:?}");
    }
    assert_eq!(triage(&here, &["branch"]).code, 0, "a name alone proves nothing");
}

#[test]
fn a_front_end_is_left_out_by_content_and_is_empty_alone() {
    let scratch = Scratch::new("front");
    scratch.file("t/rank0.1.pt.trace.json.gz", decode());
    scratch.file("t/host_7.async_llm.1.pt.trace.json.gz", front_end());
    scratch.file("t/api.json", front_end());
    scratch.file("alone/host_7.async_llm.1.pt.trace.json.gz", front_end());
    let here = scratch.path("");
    let run = triage(&here, &["t"]);
    assert_eq!(read(&run).len(), 1);
    for name in ["host_7.async_llm.1.pt.trace.json.gz", "api.json"] {
        let said = format!("left out t/{name}: it is the front end's own trace and holds no GPU work");
        assert!(run.stderr.contains(&said), "{}", run.stderr);
    }
    // What is called so and holds GPU work is a rank's own.
    scratch.file("named/rank0.async_llm.1.pt.trace.json.gz", decode());
    scratch.file("named/api.json", front_end());
    let named = triage(&here, &["named"]);
    assert_eq!((named.code, read(&named).len()), (0, 1), "{}", named.stderr);
    let alone = triage(&here, &["alone"]);
    assert_eq!(alone.code, 3);
    assert!(alone.stderr.contains("no GPU activity was recorded"), "{}", alone.stderr);
}

#[test]
fn the_trace_of_a_graphs_capture_is_for_mapping_and_measures_nothing() {
    let scratch = Scratch::new("graph-capture");
    scratch.file("t/decode-rank0.json", decode());
    scratch.file("t/capture_traces/bs_32_rank0.json", graph_capture());
    let here = scratch.path("");
    let run = triage(&here, &["t"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(read(&run), [("t/decode-rank0.json".to_owned(), 0)]);
    assert!(
        run.stderr.contains("left out t/capture_traces/bs_32_rank0.json: it is the trace of a graph's capture (10 launches went into the graph, 0 kernels ran); it tells where kernels come from, not what ran"),
        "{}",
        run.stderr
    );
    let alone = triage(&here, &["t/capture_traces"]);
    assert_eq!(alone.code, 3, "{}", alone.stdout);
    assert!(alone.stdout.contains("mapping-capture"), "{}", alone.stdout);
}

#[test]
fn the_traces_of_graph_captures_in_the_corpus_are_told_by_content() {
    for (folder, read_files) in
        [("vllm-gptoss-mi300x-decode-full", 1), ("sglang-qwen3-8b-mi300x/capture_traces", 1)]
    {
        let Some(path) = corpus(folder) else { return };
        let run = triage(Path::new("."), &[arg(&path)]);
        assert_eq!(read(&run).len(), read_files, "{}", run.stderr);
        let is_alone = folder.ends_with("capture_traces");
        assert_eq!(run.code, if is_alone { 3 } else { 0 }, "{}", run.stderr);
        assert!((run.stderr + &run.stdout).contains("it is the trace of a graph's capture"), "{folder}");
    }
}

#[test]
fn the_gaps_that_a_cut_left_in_real_traces_are_told() {
    for (name, idle) in [("sglang_Qwen3-8B_decode", 463), ("sglang_Qwen3-8B_prefilldecode", 493)] {
        let Some(path) = corpus(&format!("sglang-qwen3-8b-mi300x/{name}.json.gz")) else { return };
        let run = triage(Path::new("."), &[arg(&path)]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let said = format!("the GPU is idle for {idle} ms");
        assert!(run.stdout.contains("\"idle-gap\"") && run.stdout.contains(&said), "{name}");
    }
    let Some(path) = corpus("vllm-llama70b-tp4-h100-vs-mi300x") else { return };
    let run = triage(Path::new("."), &[arg(&path)]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let health: Vec<&str> =
        report[0]["health"].as_array().unwrap().iter().map(|entry| entry["code"].as_str().unwrap()).collect();
    assert!(
        health.iter().all(|code| *code == "launch-missing"),
        "a busy server's window is clean: {health:?}"
    );
}

/// W-29, W-41: all tables speak of the same rank, and DP, PP and EP count.
#[test]
fn replicas_are_ranks_of_their_own() {
    let scratch = Scratch::new("replicas");
    for (dp, tp) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let name = format!("t/a-TP-{tp}-DP-{dp}-DECODE.trace.json.gz");
        scratch.file(&name, trace("step[DECODE bs=1]", Some((tp, 2)), 8));
    }
    let run = triage(&scratch.path(""), &["t"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut ranks = read(&run);
    ranks.sort();
    assert_eq!(
        ranks.iter().map(|(path, rank)| (path.as_str(), *rank)).collect::<Vec<_>>(),
        [
            ("t/a-TP-0-DP-0-DECODE.trace.json.gz", 0),
            ("t/a-TP-0-DP-1-DECODE.trace.json.gz", 2),
            ("t/a-TP-1-DP-0-DECODE.trace.json.gz", 1),
            ("t/a-TP-1-DP-1-DECODE.trace.json.gz", 3),
        ]
    );
    assert!(run.stderr.contains("ranks are numbered by DP, PP and TP"), "{}", run.stderr);
}

#[test]
fn a_name_that_contradicts_its_header_is_noted_and_counted() {
    let scratch = Scratch::new("contradiction");
    scratch.file("t/rank3.json", trace("step[DECODE bs=1]", Some((1, 4)), 8));
    let here = scratch.path("");
    let run = triage(&here, &["t"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(read(&run)[0].1, 3);
    assert!(run.stderr.contains("the name says rank 3, the header rank 1; read as rank 3"), "{}", run.stderr);
    assert!(run.stdout.contains("rank-disagrees"), "{}", run.stdout);
    assert_eq!(run_in(&here, &["baseline", "record", "t", "-o", "b.yaml"]).code, 0);
    let check = run_in(&here, &["check", "--baseline", "b.yaml", "t", "--format", "json"]);
    assert!(check.stdout.contains("read as rank 3"), "notes are kept in the report");
}

/// W-61: no stage is counted twice under one heading.
#[test]
fn two_files_of_one_rank_and_stage_are_a_mistake_in_every_command() {
    let scratch = Scratch::new("same-stage");
    scratch.file("good.json", decode());
    scratch.file("t/a.json", decode());
    scratch.file("t/b.json", decode());
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "good.json", "-o", "b.yaml"]).code, 0);
    for args in [
        &["triage", "t"][..],
        &["baseline", "record", "t"],
        &["check", "--baseline", "b.yaml", "t"],
        &["check", "--baseline", "b.yaml", "t", "--on-inconclusive", "warn", "--exit-zero"],
        &["check", "--baseline", "none.yaml", "t", "--on-missing-baseline", "seed"],
    ] {
        let run = run_in(&here, args);
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
        assert!(
            run.stderr.contains("t/a.json and t/b.json both hold stage `decode` of rank 0"),
            "{args:?}: {}",
            run.stderr
        );
    }
    // The other scenarios are judged, and every report is there.
    let scenarios = "schema: 1\nscenarios:\n  good: { input: good.json, baseline: b.yaml }\n  twice: { input: t, baseline: b.yaml }\n";
    scratch.file("profgate.yaml", scenarios);
    assert_eq!(run_in(&here, &["check", "--report-dir", "r"]).code, 2);
    let report: Value =
        serde_json::from_slice(&std::fs::read(scratch.path("r/report.json")).unwrap()).unwrap();
    let verdicts: Vec<&Value> =
        report["scenarios"].as_array().unwrap().iter().map(|one| &one["verdict"]).collect();
    assert_eq!(verdicts, ["pass", "inconclusive"]);
    assert_eq!(report["exit_code"], 2);
    let junit = std::fs::read_to_string(scratch.path("r/junit.xml")).unwrap();
    assert!(junit.contains("errors=\"1\"") && junit.contains("both hold stage"), "{junit}");
}

#[test]
fn rank_all_is_a_list_and_one_rank_is_an_object() {
    let scratch = Scratch::new("rank-all");
    scratch.file("t/rank0.json", decode());
    scratch.file("t/rank1.json", decode());
    let here = scratch.path("");
    let json = |rank: &str| -> Value {
        let run = run_in(&here, &["triage", "t", "--format", "json", "--rank", rank]);
        serde_json::from_str(&run.stdout).unwrap()
    };
    assert_eq!(json("all").as_array().unwrap().len(), 2);
    assert_eq!(json("1")["traces"][0]["rank"], 1);
    let text = run_in(&here, &["triage", "t", "--rank", "all"]).stdout;
    assert!(text.starts_with("Rank 0\n") && text.contains("\nRank 1\n"), "{text}");
    let without = run_in(&here, &["triage", "t"]);
    assert!(without.stderr.contains("speaking for rank 0; --rank N shows rank 1"), "{}", without.stderr);
    let absent = run_in(&here, &["triage", "t", "--rank", "7"]);
    assert_eq!(absent.code, 2);
    assert!(absent.stderr.contains("no trace of rank 7; there are 0, 1"), "{}", absent.stderr);
    assert_eq!(run_in(&here, &["triage", "t", "--rank", "some"]).code, 2);
}

#[test]
fn the_servers_arguments_nearest_to_the_traces_win() {
    let scratch = Scratch::new("server-args");
    scratch.file("t/a/server_args.json", r#"{"tp_size": 1, "model_path": "far"}"#);
    scratch.file("t/b/server_args.json", r#"{"tp_size": 2, "model_path": "near", "api_key": "secret"}"#);
    scratch.file("t/b/run/a.json", decode());
    let run = triage(&scratch.path(""), &["t"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("\"near\"") && !run.stdout.contains("secret"), "{}", run.stdout);
    assert!(run.stderr.contains("server arguments from t/b/server_args.json"), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("left out t/a/server_args.json: t/b/server_args.json is nearer to the first trace"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_generated_capture_keeps_its_ranks_without_a_word() {
    let scratch = Scratch::new("silent");
    scratch.capture("t", &one_step());
    let run = triage(&scratch.path(""), &["t"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
fn what_cannot_be_judged_says_why_and_what_to_do() {
    let scratch = Scratch::new("why-not");
    scratch.file("good.json", decode());
    let with = |event: &str| decode().replacen("\"traceEvents\":[", &format!("\"traceEvents\":[{event},"), 1);
    let row =
        |cat: &str, time: &str| format!(r#"{{"ph":"X","cat":"{cat}","name":"row","pid":1,"tid":1{time}}}"#);
    scratch.file("xpu.json", with(&row("xpu_runtime", r#","ts":1,"dur":1"#)));
    scratch.file("timeless.json", with(&row("kernel", "")));
    scratch.file("week.json", with(&row("kernel", r#","ts":1,"dur":700000000000"#)));
    scratch.file("graph.json", graph_capture());
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "good.json", "-o", "b.yaml"]).code, 0);
    for (file, why, help) in [
        (
            "xpu.json",
            "only CUDA and HIP can be judged (device-unsupported",
            "profile on a CUDA or HIP device",
        ),
        ("timeless.json", "`row` has no usable time (activity-without-time", "profile fewer steps"),
        ("week.json", "`row` lasts longer than a week (event-too-long", "profile fewer steps"),
        ("graph.json", "it is the trace of a graph's capture", "recorded while requests ran"),
    ] {
        let triage = run_in(&here, &["triage", file]);
        assert_eq!(triage.code, 3, "{}", triage.stderr);
        assert!(triage.stderr.contains(why) && triage.stderr.contains(help), "{}", triage.stderr);
        let check = run_in(&here, &["check", "--baseline", "b.yaml", file, "--format", "json"]);
        assert_eq!(check.code, 3, "{}", check.stdout);
        assert!(check.stdout.contains(why) && check.stdout.contains(help), "{}", check.stdout);
    }
}
