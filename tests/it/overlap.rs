//! The overlap table of real captures, and captures that a server's log forbids to read.

use serde_json::Value;

use crate::support::{Scratch, arg, corpus, one_step, run, run_in};

/// Captures of serving engines.
const SERVING: [&str; 11] = [
    "sglang-qwen3-30b-a3b-decode/B300",
    "sglang-qwen3-30b-a3b-decode/MI300",
    "sglang-qwen3-8b-mi300x/sglang_Qwen3-8B_prefilldecode.json.gz",
    "sglang-qwen3-8b-mi300x/sglang_Qwen3-8B_decode.json.gz",
    "vllm-gptoss-mi300x-decode-full/graph_execution.json.gz",
    "vllm-gptoss-b200-tp8-eager",
    "vllm-llama70b-tp4-h100-vs-mi300x",
    "lightllm-dsv3-ep8-h200-decode/A0-lightllm-triton-quant",
    "lightllm-dsv3-ep8-h200-decode/B0-sglquant",
    "lightllm-dsv3-ep8-h200-decode/B1-sglquant",
    "lightllm-dsv3-ep8-h200-decode/C0-deepgemm576",
];

fn triage(name: &str) -> Option<Value> {
    let path = corpus(name)?;
    let run = run(&["triage", arg(&path), "--format", "json"]);
    assert_eq!(run.code, 0, "{name}: {}", run.stderr);
    Some(serde_json::from_str(&run.stdout).unwrap())
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().unwrap()
}

fn row<'v>(triage: &'v Value, stage: &str, kernel: &str) -> &'v Value {
    let stage = list(triage, "stages").iter().find(|one| one["stage"] == stage).unwrap();
    list(stage, "overlaps").iter().find(|row| row["kernel"].as_str().unwrap().starts_with(kernel)).unwrap()
}

#[test]
fn what_holds_of_every_overlap_row_of_every_serving_trace() {
    for name in SERVING {
        let Some(triage) = triage(name) else { return };
        for stage in list(&triage, "stages") {
            let rows = list(stage, "overlaps");
            let mut alone = 0;
            for row in rows {
                let number = |key: &str| row[key].as_i64().unwrap();
                let text = |key: &str| row[key].as_str().unwrap();
                alone += number("exposed_ns");
                assert!(number("headroom_ns") <= number("exposed_ns"), "{name}: {row}");
                assert!(["headroom", "serial", "hidden"].contains(&text("verdict")), "{name}: {row}");
                assert!(["low", "high", "unclear"].contains(&text("dependency_risk")), "{name}: {row}");
                assert!(text("verdict") != "hidden" || number("headroom_ns") == 0, "{name}: {row}");
                assert!(text("verdict") != "headroom" || text("dependency_risk") != "high", "{name}: {row}");
                let of = &row["neighbours"];
                let votes: u64 =
                    ["dependent", "unclear", "free"].iter().map(|key| of[key].as_u64().unwrap()).sum();
                let kernel =
                    list(stage, "kernels").iter().find(|one| one["kernel"] == row["kernel"]).unwrap();
                assert_eq!(votes, kernel["launches"].as_u64().unwrap(), "{name}: all instances vote: {row}");
                if ["gemm", "moe", "attention", "linear-attention", "conv"].contains(&text("role")) {
                    assert!(!text("recommendation").to_lowercase().contains("fus"), "{name}: {row}");
                }
            }
            let busy = stage["steps"]["busy_per_step_ns"].as_i64().unwrap();
            assert!(alone <= busy + rows.len() as i64, "{name}: {alone} ns alone in {busy} ns of work");
        }
    }
}

/// Most of an exchange of these runs is waiting for another rank, which no overlap wins.
#[test]
fn waiting_for_other_ranks_is_no_headroom() {
    let Some(triage) = triage("lightllm-dsv3-ep8-h200-decode/C0-deepgemm576") else { return };
    let stage = triage["stages"][0]["stage"].as_str().unwrap();
    for kernel in ["deepep-low-latency-combine", "deepep-low-latency-dispatch"] {
        let row = row(&triage, stage, kernel);
        let of_ranks = list(&triage["ranks"], "collectives");
        let collective = of_ranks.iter().find(|one| one["kernel"] == row["kernel"]).unwrap();
        assert_eq!(row["headroom_ns"], collective["exposed_ns"], "{kernel}");
        assert!(row["exposed_ns"].as_i64() > row["headroom_ns"].as_i64(), "{kernel}");
        assert!(row["recommendation"].as_str().unwrap().contains("waiting for other ranks"), "{row}");
    }
}

#[test]
fn nearly_every_kernel_of_a_serving_trace_has_a_role() {
    for name in SERVING {
        let Some(triage) = triage(name) else { return };
        for stage in list(&triage, "stages") {
            let rows = list(stage, "kernels").iter().filter(|row| row["role"] == "other");
            let share: f64 = rows.map(|row| row["share_pct"].as_f64().unwrap()).sum();
            assert!(share <= 5.0, "{name}: {share} % of GPU time has no role");
        }
    }
}

#[test]
fn preparing_the_next_batch_is_hidden_and_no_headroom() {
    let Some(triage) = triage("sglang-qwen3-30b-a3b-decode/B300") else { return };
    let stage = &list(&triage, "stages")[0];
    let hidden: Vec<&Value> =
        list(stage, "overlaps").iter().filter(|row| row["verdict"] == "hidden").collect();
    assert!(hidden.iter().any(|row| row["kernel"] == "torch-cast-int64"), "{hidden:?}");
    for row in list(stage, "overlaps") {
        let kernel = list(stage, "kernels").iter().find(|one| one["kernel"] == row["kernel"]).unwrap();
        let is_large = kernel["share_pct"].as_f64().unwrap() >= 1.0;
        assert!(!is_large || row["verdict"] != "headroom", "one stream, each kernel after the other: {row}");
    }
}

#[test]
fn an_expert_exchange_that_nothing_hides_is_headroom() {
    for run in ["A0-lightllm-triton-quant", "B0-sglquant", "C0-deepgemm576"] {
        let Some(triage) = triage(&format!("lightllm-dsv3-ep8-h200-decode/{run}")) else { return };
        for (kernel, path) in [
            ("deepep-low-latency-combine", "single-batch-overlap"),
            ("deepep-low-latency-dispatch", "deepseek-shared-routed-overlap"),
        ] {
            let row = row(&triage, "all", kernel);
            assert_eq!((&row["verdict"], &row["path"]), (&"headroom".into(), &path.into()), "{run}: {row}");
            assert_eq!(row["dependency_risk"], "unclear", "another stream takes over at once: {row}");
            assert!(row["headroom_ns"].as_i64().unwrap() > 5_000_000, "{row}");
        }
        assert!(triage["conclusion"].as_str().unwrap().contains("communication runs alone for"));
    }
}

#[test]
fn an_all_reduce_between_gemm_and_norm_is_serial_and_its_path_is_named() {
    let Some(triage) = triage("vllm-llama70b-tp4-h100-vs-mi300x") else { return };
    for (stage, kernel) in [("decode", "cross_device_reduce_1stage"), ("prefill", "nccl-all-reduce")] {
        let row = row(&triage, stage, kernel);
        assert_eq!((&row["verdict"], &row["dependency_risk"]), (&"serial".into(), &"high".into()), "{row}");
        assert_eq!(row["path"], "vllm-allreduce-rmsnorm", "{row}");
        assert_eq!(row["neighbours"]["free"], 0, "{row}");
    }
    let gather = row(&triage, "decode", "nccl-all-gather");
    assert!(gather["headroom_ns"].as_i64().unwrap() < 100_000, "{gather}");
}

#[test]
fn a_host_that_launches_slowly_makes_no_kernel_independent() {
    let Some(triage) = triage("vllm-gptoss-b200-tp8-eager") else { return };
    let stage = &list(&triage, "stages")[0];
    let large = list(stage, "overlaps").iter().filter(|row| row["exposed_ns"].as_i64().unwrap() > 100_000);
    for row in large {
        assert_eq!(row["dependency_risk"], "high", "{row}");
    }
    assert!(
        triage["conclusion"].as_str().unwrap().contains("the GPU idles for 8"),
        "{}",
        triage["conclusion"]
    );
}

#[test]
fn the_page_says_what_the_overlap_reading_rests_on() {
    let Some(folder) = corpus("sglang-qwen3-8b-mi300x") else { return };
    let formal = folder.join("sglang_Qwen3-8B_decode.json.gz");
    let single = run(&["triage", arg(&formal)]);
    let unwrapped = single.stdout.replace('\n', " ");
    assert!(unwrapped.contains("read from a single trace, which is conservative"), "{unwrapped}");
    assert!(unwrapped.contains("`--disable-cuda-graph --disable-piecewise-cuda-graph`"), "{unwrapped}");
    let both = run(&["triage", arg(&formal), "--mapping", arg(&folder.join("capture_traces"))]);
    let unwrapped = both.stdout.replace('\n', " ");
    assert!(unwrapped.contains("read from a mapping and formal pair"), "{unwrapped}");
    assert!(unwrapped.contains("of GPU time in decode exactly"), "{unwrapped}");
}

/// W-60: the log decides whether the trace says anything.
#[test]
fn a_capture_of_a_server_that_fell_back_to_diffusers_is_refused_everywhere() {
    let scratch = Scratch::new("diffusers");
    let capture = scratch.capture("capture", &one_step());
    let baseline = scratch.path("b.yaml");
    assert_eq!(run(&["baseline", "record", arg(&capture), "-o", arg(&baseline)]).code, 0);
    let log = scratch.file(
        "capture/logs/sglang.log",
        "[2026-01-01 00:00:00] server_args=ServerArgs(...)\n\n[2026-01-01 00:00:09] WARNING Falling back to diffusers backend for X\n",
    );
    let reports = scratch.path("reports");
    let new = scratch.path("new.yaml");
    for args in [vec!["triage", arg(&capture)], vec!["baseline", "record", arg(&capture), "-o", arg(&new)]] {
        let run = run(&args);
        assert_eq!(run.code, 3, "{args:?}\n{}", run.stderr);
        assert_eq!(run.stdout, "", "no table is made of it");
        let lines: Vec<&str> = run.stderr.lines().collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].starts_with("error: inconclusive: the server's log says"), "{lines:?}");
        assert!(lines[1].contains(&format!("{}:3: ", log.display())), "{lines:?}");
        assert!(lines[1].contains("Falling back to diffusers backend for X"), "{lines:?}");
        assert!(lines[2].contains("start the server with its native diffusion backend"), "{lines:?}");
    }
    assert!(!new.exists());
    let check = run(&["check", "--baseline", arg(&baseline), "--report-dir", arg(&reports), arg(&capture)]);
    assert_eq!(check.code, 3, "{}", check.stdout);
    assert!(check.stdout.contains("not-comparable"), "{}", check.stdout);
    let report = std::fs::read_to_string(reports.join("report.json")).unwrap();
    assert!(report.contains("sglang.log:3: "), "{report}");
}

#[test]
fn a_log_is_found_beside_its_trace_or_named() {
    let scratch = Scratch::new("logs");
    let capture = scratch.capture("capture", &one_step());
    let trace = std::fs::read_dir(&capture).unwrap().next().unwrap().unwrap().path();
    let bad = "x\nUsing diffusers backend for model 'm' (explicitly requested)\n";
    let other = scratch.file("elsewhere/run.txt", bad);
    let named = run(&["triage", arg(&trace), "--server-log", arg(&other)]);
    assert_eq!(named.code, 3, "{}", named.stderr);
    assert!(named.stderr.contains("run.txt:2: Using diffusers backend"), "{}", named.stderr);
    // Beside a file that is named alone, only the log that surely belongs to it counts.
    scratch.file("capture/yesterday.log", bad);
    assert_eq!(run(&["triage", arg(&trace)]).code, 0);
    for name in ["server_log.txt", "server.log.txt"] {
        let log = scratch.file(&format!("capture/{name}"), bad);
        let ran = run(&["triage", arg(&trace)]);
        assert_eq!(ran.code, 3, "{name}: {}", ran.stderr);
        std::fs::remove_file(log).unwrap();
    }
    scratch.file("capture/server.log", bad);
    assert_eq!(run(&["triage", arg(&trace)]).code, 3);

    let fine = scratch.capture("fine", &one_step());
    scratch.file("fine/server.log", "diffusers 0.35 is installed\nUsing sglang backend\n");
    let run_of_fine = run(&["triage", arg(&fine)]);
    assert_eq!(run_of_fine.code, 0, "{}", run_of_fine.stderr);
    assert!(run_of_fine.stderr.contains("server.log names no diffusers backend"), "{}", run_of_fine.stderr);
    let missing = run_in(&fine, &["triage", ".", "--server-log", "no.log"]);
    assert_eq!(missing.code, 5, "{}", missing.stderr);
    assert!(missing.stderr.contains("no.log: no such file"), "{}", missing.stderr);
}
