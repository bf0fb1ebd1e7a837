//! `docs/verdicts.md`: every pair of real captures with its verdict, held to what the program says.
//!
//! `PROFGATE_WRITE_VERDICTS=1 cargo test --locked --test it verdict_table` writes the page anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use profgate::baseline::{Baseline, Observation, observe, parse};
use profgate::run::record::record;
use profgate::run::{Capture, LoadOptions, load};
use profgate::source::Limits;
use profgate::triage::Catalogs;
use profgate::verdict::{BaselineRef, Finding, Judged, Level, Policy, ScenarioReport, Terms, judge};

use crate::support::corpus;

/// Captures that may be held against each other, by folder: a short name and the path of each.
const GROUPS: [(&str, &[(&str, &str)]); 8] = [
    (
        "lightllm-dsv3-ep8-h200-decode",
        &[
            ("LightLLM A0", "A0-lightllm-triton-quant"),
            ("LightLLM B0", "B0-sglquant"),
            ("LightLLM B1", "B1-sglquant"),
            ("LightLLM C0", "C0-deepgemm576"),
        ],
    ),
    (
        "segment-anything-fast-a100",
        &[
            ("SAM rev0", "asdf_True.rev0.json.gz"),
            ("SAM rev3", "asdf_True.rev3.json.gz"),
            ("SAM rev4", "asdf_True.rev4.json.gz"),
            ("SAM rev7", "asdf_True.rev7.json.gz"),
        ],
    ),
    (
        "torchao-ep-moe-b200-pair",
        &[("torchao ref", "ref_ep_moe_fwd.json"), ("torchao syncless", "syncless_ep_moe_fwd.json")],
    ),
    (
        "modded-nanogpt-h100-adam-hook-pair",
        &[
            ("nanogpt current", "modded-nanogpt-current-gpu-rank-00-chrome-trace.json.gz"),
            ("nanogpt hook", "modded-nanogpt-hook-gpu-rank-00-chrome-trace.json.gz"),
        ],
    ),
    (
        "megatron-tp2-v100-2rank",
        &[
            ("Megatron rank 0", "rank0.9c44bd29b3f0_1375.1724066820235157909.pt.trace.json"),
            ("Megatron rank 1", "rank1.9c44bd29b3f0_1376.1724066820237002797.pt.trace.json"),
        ],
    ),
    ("sglang-qwen3-30b-a3b-decode", &[("Qwen3-30B B300", "B300"), ("Qwen3-30B MI300X", "MI300")]),
    (
        "hf-h100-vs-mi300-pairs/Qwen_Qwen1.5-0.5B-Chat",
        &[
            ("Qwen1.5 H100", "h100.Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz"),
            ("Qwen1.5 MI300X", "mi300.Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz"),
        ],
    ),
    (
        "kineto-tb-resnet50",
        &[
            ("ResNet50 autograd", "resnet50_autograd_api_num_workers_0"),
            ("ResNet50 workers 0", "resnet50_num_workers_0"),
        ],
    ),
];

/// Captures without a partner, held against themselves.
const ALONE: [(&str, &str); 8] = [
    ("HTA negative queue", "hta/negative_queue_length_values_check/rank0.json.gz"),
    ("HTA Triton example", "hta/triton_example/triton_example.json.gz"),
    ("Megatron, both ranks", "megatron-tp2-v100-2rank"),
    ("MI210, GPU side only", "mi210-gpu-only/gpu_only_trace.json.gz"),
    ("Qwen3-8B MI300X", "sglang-qwen3-8b-mi300x/sglang_Qwen3-8B_prefilldecode.json.gz"),
    ("gpt-oss B200 TP8, eager", "vllm-gptoss-b200-tp8-eager/eager_trace.json.gz"),
    ("gpt-oss MI300X", "vllm-gptoss-mi300x-decode-full/graph_execution.json.gz"),
    ("Llama-70B H100 TP4", "vllm-llama70b-tp4-h100-vs-mi300x/1_h100_1000isl_10osl_32con.pt.trace.json.gz"),
];

struct Known {
    capture: Capture,
    baseline: Baseline,
    observation: Observation,
}

fn read(path: PathBuf, catalogs: &Catalogs) -> Known {
    let options = LoadOptions {
        threads: 2,
        rank: None,
        limits: Limits::default(),
        server_logs: &[],
        progress: &|_, _| {},
    };
    let capture = load(&[path], catalogs, &options).unwrap();
    let text = record(&capture, None).unwrap();
    let baseline = parse(&text, Path::new("b.yaml")).unwrap();
    let observation = observe(&capture.ranks);
    Known { capture, baseline, observation }
}

fn held(before: &Known, after: &Known) -> ScenarioReport {
    let subject = Judged {
        scenario: "capture",
        baseline: BaselineRef { path: "b.yaml".to_owned(), sha256: None, gpu: None },
        doubts: profgate::verdict::doubts_about_capture(&after.capture.ranks),
        triage: after.capture.ranks.first(),
        notes: Vec::new(),
        terms: &Terms::none(),
        changed_files: &[],
    };
    let report = judge(subject, &before.baseline, &after.observation, &Policy::default());
    for finding in report.findings.iter().chain(&report.improvements) {
        let is_in_file = finding.file.as_deref() == Some("b.yaml") && finding.stage.is_some();
        assert!(!is_in_file || finding.line.is_some(), "{} has no line", finding.message);
    }
    report
}

fn row(before: &str, after: &str, report: &ScenarioReport) -> String {
    let limit = Policy::default().thresholds.structure_pct;
    let price = report.price.iter().max_by(|a, b| a.structural_pct.abs().total_cmp(&b.structural_pct.abs()));
    let (ms, pct, margin) = price.map_or_else(
        || ("-".to_owned(), "-".to_owned(), "-".to_owned()),
        |price| {
            let pct = price.structural_pct;
            (
                format!("{:+.2}", price.structural_ns as f64 / 1e6),
                format!("{pct:+.2}"),
                format!("{:+.2}", pct - limit),
            )
        },
    );
    let word = |finding: &Finding| {
        let level = match finding.level {
            Level::Deny => "**",
            Level::Warn | Level::Allow => "",
        };
        format!("{level}{}{level}", finding.code.as_str())
    };
    let findings: Vec<String> = report.findings.iter().chain(&report.improvements).map(word).collect();
    let findings = if findings.is_empty() { "nothing".to_owned() } else { findings.join(", ") };
    format!("| {before} | {after} | {} | {ms} | {pct} | {margin} | {findings} |", report.verdict.as_str())
}

const HEAD: &str = "| baseline | candidate | verdict | price, ms | price, % | margin | findings |\n|---|---|---|---|---|---|---|\n";

fn page(tables: &(String, String)) -> String {
    format!(
        "# Verdicts

What profgate says of the real captures that it is tested with, each held against each other of its kind. This page is
written by `PROFGATE_WRITE_VERDICTS=1 cargo test --locked --test it verdict_table`, and the same test fails when the page
is not what the program says. [corpus.md](corpus.md) tells where the captures come from, [method.md](method.md) how the
numbers come about.

*Price* is what changed kernels cost a step, in milliseconds and in percent of the baseline's busy time, of the stage in
which that is most. *Margin* is that percentage less the limit of 0.3 %: above zero, the price fails when it is certain;
below, it does not. A finding in bold fails. The last column also lists improvements, which never fail.

Everything is per step, and what lies outside every step is not in it. In the torchao pair that is 2 to 3 % of GPU time: over
the whole captures the price is −6.6 % forward and +7.1 % back. In the nanogpt pair it is a fifth: communication is exposed for
14.2 ms in the whole of one capture and for 12.7 ms in the other, 1.5 ms less. In each of the four steps it is 0.23 ms less.

## Pairs

{HEAD}{}
## Captures held against themselves

{HEAD}{}",
        tables.0, tables.1
    )
}

#[test]
fn the_page_is_what_the_program_says() {
    if corpus("").is_none() {
        return;
    }
    let catalogs = Catalogs::builtin().unwrap();
    let (mut pairs, mut selves) = (String::new(), String::new());
    let mut missing = Vec::new();
    for (folder, captures) in GROUPS {
        let mut known: BTreeMap<usize, Known> = BTreeMap::new();
        for (at, (_, path)) in captures.iter().enumerate() {
            match corpus(&format!("{folder}/{path}")) {
                Some(path) => drop(known.insert(at, read(path, &catalogs))),
                None => missing.push(*path),
            }
        }
        for (b, before) in &known {
            for (a, after) in &known {
                let line = row(captures[*b].0, captures[*a].0, &held(before, after));
                let _ = writeln!(if a == b { &mut selves } else { &mut pairs }, "{line}");
            }
        }
    }
    for (name, path) in ALONE {
        match corpus(path) {
            Some(path) => {
                let known = read(path, &catalogs);
                let _ = writeln!(selves, "{}", row(name, name, &held(&known, &known)));
            }
            None => missing.push(path),
        }
    }
    assert!(missing.is_empty(), "the folder of traces lacks {missing:?}");
    let page = page(&(pairs, selves));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verdicts.md");
    if std::env::var_os("PROFGATE_WRITE_VERDICTS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (is, says)) in there.lines().zip(page.lines()).enumerate() {
        assert_eq!(is, says, "docs/verdicts.md:{}", number + 1);
    }
    assert_eq!(there.lines().count(), page.lines().count());
}

#[test]
fn every_capture_held_against_itself_is_silent_on_the_page() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verdicts.md")).unwrap();
    let (_, selves) = text.split_once("## Captures held against themselves").unwrap();
    let rows: Vec<&str> =
        selves.lines().filter(|line| line.starts_with("| ") && !line.contains("candidate")).collect();
    assert!(rows.len() >= 28, "{}", rows.len());
    for row in rows {
        assert!(row.contains("| pass | +0.00 | +0.00 | -0.30 | nothing |"), "{row}");
    }
}
