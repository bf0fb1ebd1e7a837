//! The reports of real serving traces, whole, as they were read and found true.
//!
//! A change here is to be read by eye, row by row: is the role right, the name readable, the place plausible, the
//! advice true? `INSTA_UPDATE=always cargo test --test it tables` writes what is printed now.

use crate::support::{corpus, run_in};

/// Name of the snapshot, capture and mapping capture.
const REPORTS: [(&str, &str, Option<&str>); 9] = [
    ("sglang-qwen3-30b-b300", "sglang-qwen3-30b-a3b-decode/B300", None),
    ("sglang-qwen3-30b-mi300", "sglang-qwen3-30b-a3b-decode/MI300", None),
    ("sglang-qwen3-8b-prefill", "sglang-qwen3-8b-mi300x/sglang_Qwen3-8B_prefilldecode.json.gz", None),
    (
        "sglang-qwen3-8b-decode",
        "sglang-qwen3-8b-mi300x/sglang_Qwen3-8B_decode.json.gz",
        Some("sglang-qwen3-8b-mi300x/capture_traces"),
    ),
    (
        "vllm-gptoss-mi300x",
        "vllm-gptoss-mi300x-decode-full/graph_execution.json.gz",
        Some("vllm-gptoss-mi300x-decode-full/capture_traces"),
    ),
    ("vllm-gptoss-b200", "vllm-gptoss-b200-tp8-eager", None),
    ("vllm-llama70b-h100", "vllm-llama70b-tp4-h100-vs-mi300x", None),
    ("lightllm-dsv3-a0", "lightllm-dsv3-ep8-h200-decode/A0-lightllm-triton-quant", None),
    ("lightllm-dsv3-c0", "lightllm-dsv3-ep8-h200-decode/C0-deepgemm576", None),
];

fn page(capture: &str, mapping: Option<&str>, format: &str) -> Option<String> {
    // From inside the corpus, so that no page depends on where it lies.
    let root = corpus("")?;
    let mut args = vec!["triage", capture, "--format", format];
    if let Some(mapping) = mapping {
        args.extend(["--mapping", mapping]);
    }
    let run = run_in(&root, &args);
    assert_eq!(run.code, 0, "{capture}: {}", run.stderr);
    Some(run.stdout)
}

#[test]
fn the_pages_of_serving_traces_are_those_that_were_read() {
    for (name, capture, mapping) in REPORTS {
        for format in ["text", "markdown"] {
            let Some(page) = page(capture, mapping, format) else { return };
            let mut settings = insta::Settings::clone_current();
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_snapshot!(format!("report-{name}-{format}"), page));
        }
    }
}

#[test]
fn a_page_fits_its_width_and_a_table_keeps_names_whole_in_markdown() {
    for (name, capture, mapping) in REPORTS {
        let Some(text) = page(capture, mapping, "text") else { return };
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{name}: {line}");
        }
        let markdown = page(capture, mapping, "markdown").unwrap();
        let order: Vec<usize> = ["## Kernel table", "## Overlap-opportunity table", "## Fuse-pattern table"]
            .iter()
            .map(|title| markdown.find(title).unwrap())
            .collect();
        assert!(order.is_sorted(), "{name}");
        for row in markdown.lines().filter(|line| line.starts_with("| `")) {
            let kernel = row.split('`').nth(1).unwrap();
            assert!(!kernel.contains('…'), "{name}: {row}");
        }
    }
}
