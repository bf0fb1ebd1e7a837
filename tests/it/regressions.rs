//! Regressions, improvements and repeats of generated captures: what the gate says of each.

use profgate::synth::presets::{self, names};
use profgate::synth::{KernelSpec, Order, Workload};

use crate::support::gate::{Gate, changed, judge};
use crate::support::{Scratch, arg, run_in};

#[test]
fn a_repeat_of_any_workload_is_silent() {
    for (name, preset) in presets::ALL {
        let before = preset();
        if name == "moe-mapping" {
            continue;
        }
        for seed in [7, 8] {
            let said = judge(&format!("repeat-{name}"), &before, &Workload { seed, ..before.clone() });
            assert_eq!((said.code, said.codes()), (0, vec![]), "{name}\n{}", said.text);
        }
    }
}

#[test]
fn a_copy_kernel_that_costs_two_percent_more_fails() {
    let before = presets::moe_decode();
    let after = changed(before.clone(), |workload| {
        workload.replace(names::moe::CAST_FLOAT, &[KernelSpec::kernel("strided_copy_kernel", 118.0)])
    });
    let said = judge("copy", &before, &after);
    assert_eq!(said.code, 1, "{}", said.text);
    assert_eq!(said.codes(), [("structure-costlier", "deny")], "{}", said.text);
    let message = said.finding("structure-costlier")["message"].as_str().unwrap();
    assert!(message.contains("strided_copy_kernel") && message.contains("+2."), "{message}");
    // The way back is an improvement and names both.
    let back = judge("copy-back", &after, &before);
    assert_eq!((back.code, back.codes()), (0, vec![("structure-cheaper", "allow")]), "{}", back.text);
}

#[test]
fn a_renamed_kernel_is_one_role_with_a_new_implementation() {
    let before = presets::moe_decode();
    let after = changed(before.clone(), |workload| {
        workload.edit(names::moe::FMHA, |kernel| kernel.name = "batch_decode_attention_v9_kernel".into())
    });
    let said = judge("rename", &before, &after);
    assert_eq!((said.code, said.codes()), (0, vec![("kernel-replaced", "warn")]), "{}", said.text);
    let evidence = said.finding("kernel-replaced")["evidence"].to_string();
    assert!(
        evidence.contains("same role, new implementation") && evidence.contains("the same slot"),
        "{evidence}"
    );
    let diff = said.scenario["layer_diff"][0]["text"].as_str().unwrap();
    assert!(diff.starts_with(" decode · layer A ×48"), "{diff}");
    let lines = |mark: char| diff.lines().filter(|line| line.starts_with(mark)).count();
    assert_eq!((lines('-'), lines('+')), (1, 1), "{diff}");
    assert!(lines(' ') >= 6, "context on both sides: {diff}");
}

#[test]
fn one_change_is_one_failure_however_many_kernels_it_moved() {
    let said = judge("unfused", &presets::moe_decode(), &presets::moe_decode_unfused());
    assert_eq!(said.code, 1);
    let denied = said.codes().iter().filter(|(_, level)| *level == "deny").count();
    assert_eq!(said.violated(), denied, "{}", said.text);
}

#[test]
fn work_that_no_longer_runs_beside_other_work_fails_and_is_gained_on_the_way_back() {
    let before = presets::two_stream_moe();
    let after = changed(before.clone(), |workload| {
        [
            names::deepseek::SHARED_UP,
            names::deepseek::SILU,
            names::deepseek::SHARED_DOWN,
            names::deepseek::QUANT,
        ]
        .iter()
        .map(|name| {
            workload.edit(name, |kernel| {
                if kernel.order == Order::Beside {
                    kernel.order = Order::After;
                }
            })
        })
        .sum()
    });
    let said = judge("serial", &before, &after);
    assert_eq!(said.code, 1, "{}", said.text);
    assert_eq!(said.codes(), [("stream-overlap-lost", "deny")], "{}", said.text);
    let back = judge("serial-back", &after, &before);
    assert_eq!((back.code, back.codes()), (0, vec![("stream-overlap-gained", "allow")]), "{}", back.text);
}

#[test]
fn kernels_that_no_longer_start_early_are_named() {
    let before = presets::moe_decode();
    let after = changed(before.clone(), |workload| {
        workload.edit("", |kernel| {
            if kernel.order == Order::Early {
                kernel.order = Order::After;
            }
        })
    });
    let said = judge("early", &before, &after);
    assert!(said.finding("stream-overlap-lost")["message"].as_str().unwrap().contains("one stream"));
    // All kernels became longer by it, and that is no drift of the machine.
    assert_eq!((said.code, said.codes()), (1, vec![("stream-overlap-lost", "deny")]), "{}", said.text);
}

#[test]
fn a_kernel_that_slows_down_fails_by_the_strict_rule_and_a_little_is_told() {
    let before = presets::moe_decode();
    let slower =
        |percent| changed(before.clone(), |workload| workload.scale(names::moe::MOE_GEMM_SWIGLU, percent));
    let said = judge("slower", &before, &slower(130));
    assert_eq!((said.code, said.codes()), (1, vec![("kernel-slower", "deny")]), "{}", said.text);
    let said = judge("a-little", &before, &slower(110));
    assert_eq!((said.code, said.codes()), (0, vec![("kernel-slower", "warn")]), "{}", said.text);
    let said = judge("faster", &before, &slower(70));
    assert_eq!((said.code, said.codes()), (0, vec![("kernel-faster", "allow")]), "{}", said.text);
}

#[test]
fn a_slower_machine_is_drift_and_fails_nothing() {
    let before = presets::moe_decode();
    let after = changed(before.clone(), |workload| workload.scale("", 104));
    let said = judge("machine", &before, &after);
    assert_eq!((said.code, said.codes()), (0, vec![("environment-drift", "warn")]), "{}", said.text);
}

#[test]
fn a_cheaper_whole_that_holds_a_dearer_part_is_mixed() {
    let before = presets::moe_decode();
    let after = changed(before.clone(), |workload| {
        let rename = |workload: &mut Workload, from: &str, to: &'static str, ns: u64| {
            workload.edit(from, |kernel| {
                kernel.name = to.into();
                kernel.ns = ns;
            })
        };
        rename(workload, names::moe::FMHA, "fast_attention_kernel", 5_000)
            + rename(workload, names::moe::ROUTING, "moe_topk_softmax_kernel", 6_500)
    });
    let said = judge("mixed", &before, &after);
    assert_eq!(said.code, 0, "{}", said.text);
    assert_eq!(said.codes(), [("mixed", "warn"), ("structure-cheaper", "allow")], "{}", said.text);
    let mixed = said.finding("mixed");
    assert!(mixed["message"].as_str().unwrap().contains("moe_topk_softmax"), "{mixed}");
    assert!(said.finding("structure-cheaper")["message"].as_str().unwrap().contains("fmha"), "{}", said.text);
}

#[test]
fn waiting_for_a_late_rank_is_no_cost_and_a_dearer_collective_is() {
    let before = presets::two_rank_tp();
    let mut waits = before.clone();
    waits.late.as_mut().unwrap().ns = 200_000;
    let said = judge("late", &before, &waits);
    assert_eq!((said.code, said.codes()), (0, vec![]), "{}", said.text);
    let dearer = changed(before.clone(), |workload| workload.scale("AllReduce", 200));
    let said = judge("dearer", &before, &dearer);
    assert_eq!(said.code, 1, "{}", said.text);
    assert_eq!(said.codes(), [("communication-exposed", "deny")], "{}", said.text);
}

#[test]
fn one_rank_alone_does_not_know_how_long_it_waited() {
    let before = presets::two_rank_tp();
    let after = changed(before.clone(), |workload| workload.scale("AllReduce", 300));
    let scratch = Scratch::new("regressions-alone");
    let first = |name: &str, workload: &Workload| {
        let folder = scratch.capture(name, workload);
        let mut files: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for other in &files[1..] {
            std::fs::remove_file(other).unwrap();
        }
        folder
    };
    let (before, after) = (first("before", &before), first("after", &after));
    let recorded = run_in(&scratch.path(""), &["baseline", "record", arg(&before), "-o", "b.yaml"]);
    assert_eq!(recorded.code, 0, "{}", recorded.stderr);
    let said = Gate { scratch }.check_folder(&after, &[]);
    assert_eq!((said.code, said.codes()), (0, vec![]), "{}", said.text);
    assert!(said.text.contains("one rank alone cannot"), "{}", said.text);
}

#[test]
fn a_row_and_a_scenario_set_levels_of_their_own() {
    let before = presets::moe_decode();
    let gate = Gate::of("levels", &before);
    let after = changed(before, |workload| workload.scale(names::moe::MOE_GEMM_SWIGLU, 130));
    let folder = gate.scratch.capture("after", &after);
    assert_eq!(gate.check_folder(&folder, &[]).code, 1);
    let config = |levels: &str| {
        gate.scratch.file(
            "profgate.yaml",
            format!("schema: 1\nscenarios:\n  s: {{ input: after, baseline: b.yaml{levels} }}\npolicy:\n  levels: {{ kernel-slower: deny }}\n"),
        );
        run_in(&gate.here(), &["check"]).code
    };
    assert_eq!(config(""), 1);
    assert_eq!(config(", levels: { kernel-slower: warn }"), 0);
    let text = std::fs::read_to_string(gate.here().join("b.yaml")).unwrap();
    let row = "kernel: trtllm-moe-gemm-swiglu-bf16, ";
    assert!(text.contains(row));
    gate.scratch.file("b.yaml", text.replace(row, &format!("{row}level: allow, ")));
    let said = gate.check_folder(&folder, &[]);
    assert_eq!((said.code, said.codes()), (0, vec![("kernel-slower", "allow")]), "{}", said.text);
}

#[test]
fn a_cause_is_what_changed_around_it_and_nothing_else() {
    let gate = Gate::of("cause", &presets::moe_decode());
    let after = gate.scratch.capture("after", &presets::moe_decode_unfused());
    let said = gate.check_folder(&after, &[]);
    assert_eq!(said.finding("path-missing")["cause"], serde_json::json!([]), "{}", said.text);
    let files = "README.md,python/sglang/srt/layers/layernorm.py";
    let said = gate.check_folder(&after, &["--changed-files", files]);
    let cause = said.finding("path-missing")["cause"].to_string();
    assert!(cause.contains("this change touches python/sglang/srt/layers/layernorm.py"), "{cause}");
    assert!(!cause.contains("README"), "{cause}");
    gate.scratch.file("changed.txt", files.replace(',', "\n"));
    let said = gate.check_folder(&after, &["--changed-files", "changed.txt"]);
    assert_eq!(said.finding("path-missing")["cause"].to_string(), cause);
    assert_eq!(
        run_in(&gate.here(), &["check", "--baseline", "b.yaml", "after", "--changed-files", "no-such-list"])
            .code,
        2
    );
}

#[test]
fn a_changed_server_argument_is_named_as_a_cause() {
    let workload = presets::moe_decode();
    let scratch = Scratch::new("regressions-args");
    let before = scratch.capture("before", &workload);
    scratch.file(
        "before/server_args.json",
        r#"{"attention_backend": "trtllm_mha", "max_running_requests": 16}"#,
    );
    let here = scratch.path("");
    let recorded = run_in(&here, &["baseline", "record", arg(&before), "-o", "b.yaml"]);
    assert_eq!(recorded.code, 0, "{}", recorded.stderr);
    let gate = Gate { scratch };
    let after = changed(workload, |workload| workload.scale(names::moe::FMHA, 190));
    let folder = gate.scratch.capture("after", &after);
    gate.scratch
        .file("after/server_args.json", r#"{"attention_backend": "triton", "max_running_requests": 16}"#);
    let said = gate.check_folder(&folder, &[]);
    let cause = &said.finding("kernel-slower")["cause"];
    assert_eq!(*cause, serde_json::json!(["server argument attention_backend: trtllm_mha → triton"]));
}
