//! Real pairs with a known truth: what a correct gate says of each.

use std::path::Path;

use serde_json::Value;

use crate::support::{Scratch, arg, corpus, run};

struct Verdict {
    code: i32,
    report: Value,
    stdout: String,
}

impl Verdict {
    fn scenario(&self) -> &Value {
        &self.report["scenarios"][0]
    }

    fn codes(&self, list: &str) -> Vec<&str> {
        self.scenario()[list].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect()
    }

    fn price_pct(&self) -> f64 {
        self.scenario()["price"][0]["structural_pct"].as_f64().unwrap()
    }
}

/// Records the first capture, checks the second against it.
fn judge(name: &str, before: &Path, after: &Path) -> Verdict {
    let scratch = Scratch::new(name);
    let baseline = scratch.path("b.yaml");
    let recorded = run(&["baseline", "record", arg(before), "-o", arg(&baseline)]);
    assert_eq!(recorded.code, 0, "{}", recorded.stderr);
    let reports = scratch.path("reports");
    let run = run(&["check", "--baseline", arg(&baseline), "--report-dir", arg(&reports), arg(after)]);
    for file in ["report.json", "junit.xml", "comment.md"] {
        assert!(reports.join(file).is_file(), "{file} was not written");
    }
    let report = serde_json::from_slice(&std::fs::read(reports.join("report.json")).unwrap()).unwrap();
    Verdict { code: run.code, report, stdout: run.stdout }
}

fn lightllm(before: &str, after: &str) -> Option<Verdict> {
    let folder = corpus("lightllm-dsv3-ep8-h200-decode")?;
    Some(judge(&format!("{before}-{after}"), &folder.join(before), &folder.join(after)))
}

const A0: &str = "A0-lightllm-triton-quant";
const B0: &str = "B0-sglquant";
const B1: &str = "B1-sglquant";
const C0: &str = "C0-deepgemm576";

#[test]
fn repeats_are_silent() {
    for after in [B0, B1] {
        let Some(verdict) = lightllm(B0, after) else { return };
        assert_eq!(verdict.code, 0, "{}", verdict.stdout);
        assert_eq!(verdict.codes("findings"), Vec::<&str>::new());
        assert_eq!(verdict.codes("improvements"), Vec::<&str>::new());
        assert_eq!(verdict.price_pct(), 0.0);
    }
}

#[test]
fn a_faster_gemm_is_an_improvement_and_names_the_replacement() {
    let Some(verdict) = lightllm(B0, C0) else { return };
    assert_eq!(verdict.code, 0, "{}", verdict.stdout);
    assert_eq!(verdict.codes("findings"), Vec::<&str>::new());
    assert_eq!(verdict.codes("improvements"), ["structure-cheaper"]);
    assert!((-3.6..-3.4).contains(&verdict.price_pct()), "{}", verdict.price_pct());
    let message = verdict.scenario()["improvements"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("deepgemm-fp8-gemm-576x7168") && message.contains("_block_scaled_block_gemm"),
        "{message}"
    );
}

#[test]
fn losing_it_again_fails_and_names_kernel_count_and_price() {
    let Some(verdict) = lightllm(C0, B0) else { return };
    assert_eq!(verdict.code, 1, "{}", verdict.stdout);
    assert_eq!(verdict.codes("findings"), ["structure-costlier"]);
    let finding = &verdict.scenario()["findings"][0];
    assert_eq!(finding["subject"], "deepgemm-fp8-gemm-576x7168");
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("`deepgemm-fp8-gemm-576x7168` (61 a step"), "{message}");
    assert!(message.contains("`_block_scaled_block_gemm` (61 a step"), "{message}");
    assert!((3.5..3.7).contains(&verdict.price_pct()), "{}", verdict.price_pct());
    let ms = verdict.scenario()["price"][0]["structural_ns"].as_f64().unwrap() / 1e6;
    assert!((3.5..3.65).contains(&ms), "{ms}");
    assert!(finding["line"].as_u64().unwrap() > 3, "the baseline's row is named");
}

#[test]
fn another_quantisation_kernel_is_priced_and_a_slower_gemm_is_named() {
    let Some(better) = lightllm(A0, B0) else { return };
    assert_eq!(better.code, 0, "{}", better.stdout);
    assert_eq!(better.codes("improvements"), ["structure-cheaper", "kernel-faster"]);
    assert!((-0.6..-0.4).contains(&better.price_pct()), "{}", better.price_pct());
    let Some(worse) = lightllm(B0, A0) else { return };
    assert_eq!(worse.code, 1, "{}", worse.stdout);
    // The dearer one leads.
    assert_eq!(worse.codes("findings"), ["kernel-slower", "structure-costlier"]);
    assert_eq!(worse.scenario()["findings"][0]["subject"], "_block_scaled_block_gemm");
}

#[test]
fn another_gpu_is_no_verdict_and_the_reason_comes_first() {
    let Some(folder) = corpus("sglang-qwen3-30b-a3b-decode") else { return };
    let verdict = judge("gpus", &folder.join("B300"), &folder.join("MI300"));
    assert_eq!(verdict.code, 3, "{}", verdict.stdout);
    assert_eq!(verdict.codes("findings"), ["not-comparable"]);
    let finding = verdict.stdout.split("-->").next().unwrap();
    assert!(finding.starts_with("inconclusive"), "{finding}");
    assert!(finding.contains("B300") && finding.contains("MI300X"), "{finding}");
}

#[test]
fn repeats_of_a_program_without_steps_are_silent_and_its_regression_fails() {
    let Some(folder) = corpus("segment-anything-fast-a100") else { return };
    let rev = |n: u32| folder.join(format!("asdf_True.rev{n}.json.gz"));
    let repeat = judge("rev3-rev4", &rev(3), &rev(4));
    assert_eq!((repeat.code, repeat.codes("findings").len()), (0, 0), "{}", repeat.stdout);
    let worse = judge("rev4-rev0", &rev(4), &rev(0));
    assert_eq!(worse.code, 1, "{}", worse.stdout);
    assert!((17.0..19.0).contains(&worse.price_pct()), "{}", worse.price_pct());
    let better = judge("rev4-rev7", &rev(4), &rev(7));
    assert_eq!(better.code, 0, "{}", better.stdout);
    assert!((-13.5..-12.0).contains(&better.price_pct()), "{}", better.price_pct());
    // The whole is cheaper, and what got dearer inside is named.
    assert_eq!(better.codes("findings"), ["mixed"]);
    let mixed = better.scenario()["findings"][0].to_string();
    assert!(mixed.contains("torch-upsample-bilinear-2d-frame-fp64"), "{mixed}");
    assert!(mixed.contains("torch-cat-bool"), "{mixed}");
}

#[test]
fn the_same_capture_is_silent_for_every_trace() {
    let mut checked = 0;
    for name in [
        "hf-h100-vs-mi300-pairs/Qwen_Qwen1.5-0.5B-Chat/h100.Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz",
        "hf-h100-vs-mi300-pairs/Qwen_Qwen1.5-0.5B-Chat/mi300.Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz",
        "hta/negative_queue_length_values_check/rank0.json.gz",
        "hta/triton_example/triton_example.json.gz",
        "kineto-tb-resnet50/resnet50_num_workers_0/worker0.pt.trace.rev1.json.gz",
        "megatron-tp2-v100-2rank",
        "mi210-gpu-only/gpu_only_trace.json.gz",
        "modded-nanogpt-h100-adam-hook-pair/modded-nanogpt-hook-gpu-rank-00-chrome-trace.json.gz",
        "segment-anything-fast-a100/asdf_True.rev7.json.gz",
        "sglang-qwen3-30b-a3b-decode/B300",
        "sglang-qwen3-30b-a3b-decode/MI300",
        "sglang-qwen3-8b-mi300x/sglang_Qwen3-8B_prefilldecode.json.gz",
        "torchao-ep-moe-b200-pair/ref_ep_moe_fwd.json",
        "vllm-gptoss-b200-tp8-eager/eager_trace.json.gz",
        "vllm-gptoss-mi300x-decode-full/graph_execution.json.gz",
        "vllm-llama70b-tp4-h100-vs-mi300x/1_h100_1000isl_10osl_32con.pt.trace.json.gz",
    ] {
        let Some(path) = corpus(name) else { continue };
        let verdict = judge(&format!("self-{checked}"), &path, &path);
        assert_eq!((verdict.code, verdict.codes("findings").len()), (0, 0), "{name}\n{}", verdict.stdout);
        assert_eq!(verdict.codes("improvements").len(), 0, "{name}");
        checked += 1;
    }
    if corpus("").is_some() {
        assert_eq!(checked, 16);
    }
}

#[test]
fn a_price_of_several_percent_is_certain_whatever_the_spread_of_its_rows() {
    let Some(folder) = corpus("torchao-ep-moe-b200-pair") else { return };
    let [before, after] = ["syncless_ep_moe_fwd.json", "ref_ep_moe_fwd.json"].map(|name| folder.join(name));
    let worse = judge("torchao-back", &before, &after);
    assert_eq!(worse.code, 1, "{}", worse.stdout);
    let better = judge("torchao", &after, &before);
    assert_eq!(better.code, 0, "{}", better.stdout);
    assert!((-6.6..-5.5).contains(&better.price_pct()), "{}", better.price_pct());
    let communication = |verdict: &Verdict| -> f64 {
        let rows = verdict.scenario()["triage"]["stages"][0]["kernels"].as_array().unwrap();
        let rows = rows.iter().filter(|row| row["role"] == "communication");
        rows.map(|row| row["launches"].as_f64().unwrap()).sum()
    };
    let collectives = (communication(&worse), communication(&better));
    assert_eq!(collectives, (31.0, 30.0), "of the whole capture, by role, whatever library runs them");
    assert!(better.codes("improvements").contains(&"structure-cheaper"));
    // The communication in it is dearer, and said to be so.
    let all = better.scenario()["findings"].to_string();
    assert!(all.contains("communication") && all.contains("_mxfp8_all_to_all"), "{all}");
}

#[test]
fn moving_communication_under_compute_fails_in_neither_direction() {
    let Some(folder) = corpus("modded-nanogpt-h100-adam-hook-pair") else { return };
    let [current, hook] = ["current", "hook"]
        .map(|name| folder.join(format!("modded-nanogpt-{name}-gpu-rank-00-chrome-trace.json.gz")));
    let better = judge("nanogpt", &current, &hook);
    assert_eq!(better.code, 0, "{}", better.stdout);
    assert_eq!(better.codes("findings"), Vec::<&str>::new());
    assert_eq!(better.codes("improvements"), ["communication-hidden"]);
    let back = judge("nanogpt-back", &hook, &current);
    assert_eq!(back.code, 0, "{}", back.stdout);
    assert_eq!(back.codes("findings"), ["communication-exposed"]);
    // Over the whole capture, steps or not.
    let exposed = |verdict: &Verdict| -> f64 {
        let rows = verdict.scenario()["triage"]["stages"][0]["kernels"].as_array().unwrap();
        let rows = rows.iter().filter(|row| row["role"] == "communication");
        rows.map(|row| row["exclusive_ns"].as_f64().unwrap()).sum::<f64>() / 1e6
    };
    let (before, after) = (exposed(&back), exposed(&better));
    assert!((14.1..14.3).contains(&before) && (12.6..12.8).contains(&after), "{before} {after}");
}

#[test]
fn a_rank_that_waits_has_no_slower_kernel() {
    let Some(folder) = corpus("megatron-tp2-v100-2rank") else { return };
    let rank = |n: u32| {
        let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        files.into_iter().find(|path| path.to_string_lossy().contains(&format!("rank{n}."))).unwrap()
    };
    let verdict = judge("megatron", &rank(0), &rank(1));
    assert_eq!(verdict.code, 0, "{}", verdict.stdout);
    assert!(!verdict.codes("findings").contains(&"kernel-slower"), "{}", verdict.stdout);
    assert!(!verdict.codes("findings").contains(&"communication-exposed"), "{}", verdict.stdout);
    assert!(verdict.scenario()["notes"].to_string().contains("waiting for others"), "{}", verdict.stdout);
}

#[test]
fn a_model_on_another_vendors_gpu_is_no_verdict() {
    let Some(folder) = corpus("hf-h100-vs-mi300-pairs/Qwen_Qwen1.5-0.5B-Chat") else { return };
    let file = |gpu: &str| folder.join(format!("{gpu}.Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz"));
    for (before, after) in [("h100", "mi300"), ("mi300", "h100")] {
        let verdict = judge(&format!("hf-{before}"), &file(before), &file(after));
        assert_eq!(
            (verdict.code, verdict.codes("findings")),
            (3, vec!["not-comparable"]),
            "{}",
            verdict.stdout
        );
    }
}
