//! A path that is lost is one change: one failure with its price, which hides nothing else.

use serde_json::Value;

use profgate::synth::{KernelSpec, Workload, presets};

use crate::support::{Scratch, run_in};

const PATH: &str = "fused-residual-add-rmsnorm";

fn check(name: &str, after: &Workload, baseline: impl Fn(String) -> String) -> (i32, Value) {
    let scratch = Scratch::new(name);
    scratch.capture("before", &presets::moe_decode());
    scratch.capture("after", after);
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "before", "-o", "b.yaml"]).code, 0);
    let text = std::fs::read_to_string(scratch.path("b.yaml")).unwrap();
    scratch.file("b.yaml", baseline(text));
    let run = run_in(&here, &["check", "--baseline", "b.yaml", "--today", "2026-06-01", "after"]);
    let report = std::fs::read(here.join("profgate-report/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    (run.code, report["scenarios"][0].clone())
}

/// The findings that fail, and whether they are waived.
fn failing(scenario: &Value) -> Vec<(&str, &str)> {
    let findings = scenario["findings"].as_array().unwrap().iter();
    let failing = findings.filter(|one| one["level"] == "deny" && one["waived_by"].is_null());
    failing.map(|one| (one["code"].as_str().unwrap(), one["subject"].as_str().unwrap())).collect()
}

fn path(scenario: &Value) -> &Value {
    let mut findings = scenario["findings"].as_array().unwrap().iter();
    findings.find(|one| one["code"] == "path-missing").unwrap()
}

#[test]
fn a_lost_path_holds_the_kernels_that_changed_with_it_and_their_price() {
    let (code, scenario) = check("lost", &presets::moe_decode_unfused(), |text| text);
    assert_eq!((code, failing(&scenario)), (1, vec![("path-missing", PATH)]));
    let path = path(&scenario);
    let price = path["price_ns"].as_i64().unwrap();
    assert_eq!(price, scenario["price"][0]["structural_ns"].as_i64().unwrap());
    assert!(price > 100_000, "{price}");
    let kernels: Vec<&str> = path["kernels"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(kernels.contains(&"flashinfer-fused-add-rms-norm-bf16") && kernels.contains(&"torch-add-bf16"));
    // A baseline that does not list them yet still knows the ladder.
    let (_, older) = check("lost-older", &presets::moe_decode_unfused(), |text| {
        text.replace(", kernels: [flashinfer-fused-add-rms-norm-bf16]", "")
    });
    assert_eq!(failing(&older), [("path-missing", PATH)]);
}

fn waiver(more: &str) -> impl Fn(String) -> String {
    let row = format!(
        "waivers:\n  - {{ finding: path-missing, subject: {PATH}, reason: r, owner: o, until: 2027-01-01{more} }}\n"
    );
    move |text| text + &row
}

#[test]
fn who_accepts_a_lost_path_accepts_the_kernels_that_changed_with_it() {
    let after = presets::moe_decode_unfused();
    let (code, scenario) = check("lost-waived", &after, waiver(""));
    assert_eq!((code, failing(&scenario)), (0, vec![]));
    assert!(path(&scenario)["price_ns"].as_i64().unwrap() > 0, "its price is told all the same");
    let all = scenario["findings"].as_array().unwrap();
    let codes: Vec<&str> = all.iter().filter_map(|one| one["code"].as_str()).collect();
    assert_eq!(codes, ["path-missing", "stream-overlap-lost"], "no price of structure besides");
    // As far as it goes: the limit is the price, in percent of the step.
    let (code, scenario) = check("lost-waived-wide", &after, waiver(", max-delta: 20%"));
    assert_eq!((code, failing(&scenario)), (0, vec![]));
    let (code, scenario) = check("lost-waived-narrow", &after, waiver(", max-delta: 1%"));
    assert_eq!((code, failing(&scenario)), (1, vec![("path-missing", PATH)]));
    assert!(path(&scenario)["evidence"].to_string().contains("accepts 1 % at most"));
    // What changed beside it is nobody's waiver.
    let mut more = after;
    let slow = KernelSpec::kernel("void unknown_attention_kernel<float>(float*)", 60.0);
    assert!(more.replace("fmha", &[slow]) > 0);
    let (code, scenario) = check("lost-waived-and-more", &more, waiver(""));
    assert_eq!(code, 1);
    let found = failing(&scenario);
    assert_eq!(found.iter().map(|one| one.0).collect::<Vec<_>>(), ["structure-costlier"]);
    assert!(found[0].1.starts_with("fmha"), "{found:?}");
}

#[test]
fn a_path_that_only_warns_hides_no_price() {
    let row = "fused: 96, split: 0, kernels: [flashinfer-fused-add-rms-norm-bf16]";
    let warned = |text: String| text.replace(row, &format!("{row}, level: warn"));
    let (code, scenario) = check("lost-warned", &presets::moe_decode_unfused(), warned);
    assert_eq!(code, 1);
    assert_eq!(failing(&scenario).iter().map(|one| one.0).collect::<Vec<_>>(), ["structure-costlier"]);
}

/// The fused kernel under a name that no catalog knows, and so much of its time in percent.
fn renamed(percent: u64) -> Workload {
    let mut after = presets::moe_decode();
    let changed = after.edit("fused_add_rmsnorm", |kernel| {
        kernel.name = "kernel_cutlass_mystery_norm_of_tomorrow".into();
        kernel.ns = kernel.ns * percent / 100;
    });
    assert!(changed > 0);
    after
}

#[test]
fn a_path_whose_kernel_is_called_otherwise_is_said_to_be_so_and_has_no_negative_price() {
    for percent in [100, 90] {
        let (code, scenario) = check(&format!("lost-renamed-{percent}"), &renamed(percent), |text| text);
        assert_eq!(code, 1, "a path that is expected did not run");
        assert_eq!(failing(&scenario), [("path-missing", PATH)]);
        let path = path(&scenario);
        assert!(path["price_ns"].is_null(), "{path}");
        let message = path["message"].as_str().unwrap();
        assert!(message.contains("a name that no catalog knows"), "{message}");
        assert!(message.contains("runs as often as `flashinfer-fused-add-rms-norm-bf16` did"), "{message}");
        assert!(path["help"].as_str().unwrap().contains("catalog"), "{path}");
    }
    // A name that costs more is another kernel.
    let (_, scenario) = check("lost-dearer", &renamed(300), |text| text);
    let path = path(&scenario);
    assert!(path["price_ns"].as_i64().unwrap() > 0, "{path}");
    assert!(!path["message"].as_str().unwrap().contains("no catalog"), "{path}");
}

#[test]
fn another_change_beside_a_lost_path_is_judged_by_its_own_price() {
    let mut after = presets::moe_decode_unfused();
    let slow = KernelSpec::kernel("void unknown_attention_kernel<float>(float*)", 60.0);
    assert!(after.replace("fmha", &[slow]) > 0);
    let (_, scenario) = check("lost-and-more", &after, |text| text);
    let found = failing(&scenario);
    assert_eq!(found.iter().map(|one| one.0).collect::<Vec<_>>(), ["structure-costlier", "path-missing"]);
    assert!(found[0].1.starts_with("fmha"), "{found:?}");
    let of = |at: usize| scenario["findings"][at]["price_ns"].as_i64().unwrap();
    assert_eq!(of(0) + of(1), scenario["price"][0]["structural_ns"].as_i64().unwrap());
}
