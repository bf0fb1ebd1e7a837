//! Kinds of change that a pull request may bring, one at a time: what the gate says of each, and how loudly.

use profgate::synth::presets::{self, names};
use profgate::synth::{KernelSpec, LaunchMode, Order, Workload};

use crate::support::gate::{Gate, changed, judge};
use crate::support::run_in;

/// A step whose layers copy on the device, for two percent of the time.
fn with_copies() -> Workload {
    let mut workload = presets::moe_decode();
    for body in workload.shapes.iter_mut().flat_map(|shape| &mut shape.bodies) {
        body.push(KernelSpec::copy("Memcpy DtoD (Device -> Device)", 2.8, 65_536).on(13));
    }
    workload
}

#[test]
fn five_captures_make_a_band_and_one_capture_is_held_against_it() {
    let before = presets::moe_decode();
    let gate = Gate::of_repeats("kinds-band", &before, 5);
    let repeat = gate.check(&Workload { seed: 77, ..before.clone() }, &[]);
    assert_eq!((repeat.code, repeat.codes()), (0, vec![]), "{}", repeat.text);
    let slower =
        |percent| changed(before.clone(), |workload| workload.scale(names::moe::MOE_GEMM_SWIGLU, percent));
    let said = gate.check(&slower(103), &[]);
    assert_eq!((said.code, said.codes()), (0, vec![]), "{}", said.text);
    let said = gate.check(&slower(108), &[]);
    assert_eq!((said.code, said.codes()), (1, vec![("kernel-slower", "deny")]), "{}", said.text);
    assert!(said.text.contains("between the baseline's 5 captures"), "{}", said.text);
}

#[test]
fn another_version_of_a_library_is_told_and_widens_what_counts_as_noise() {
    let before = presets::two_rank_tp();
    let gate = Gate::of_repeats("kinds-versions", &before, 5);
    let after = changed(before, |workload| workload.scale(names::dense::MLP_GEMM, 108));
    let said = gate.check(&after, &[]);
    assert_eq!((said.code, said.codes()), (1, vec![("kernel-slower", "deny")]), "{}", said.text);
    let text = std::fs::read_to_string(gate.here().join("b.yaml")).unwrap();
    assert!(text.contains("nccl: \"2.28.9\""), "{text}");
    gate.scratch.file("b.yaml", text.replace("nccl: \"2.28.9\"", "nccl: \"2.27.3\""));
    let said = gate.check(&after, &[]);
    assert_eq!((said.code, said.codes()), (0, vec![]), "{}", said.text);
    assert!(said.scenario["notes"].to_string().contains("nccl 2.27.3 → 2.28.9"), "{}", said.text);
    gate.scratch.file("b.yaml", text.replace(", nccl: \"2.28.9\"", ""));
    let said = gate.check(&after, &[]);
    assert_eq!(said.code, 1, "what one side does not know is no difference: {}", said.text);
}

#[test]
fn slower_copies_on_the_device_are_told_and_fail_with_a_band_only() {
    let before = with_copies();
    let after = changed(before.clone(), |workload| workload.scale("Memcpy DtoD", 200));
    let said = judge("kinds-copies", &before, &after);
    assert_eq!((said.code, said.codes()), (0, vec![("kernel-slower", "warn")]), "{}", said.text);
    let finding = said.finding("kernel-slower");
    assert_eq!(finding["subject"], "memcpy-dtod");
    assert!(finding["evidence"].to_string().contains("the time of a copy fails nothing"), "{finding}");
    let gate = Gate::of_repeats("kinds-copies-band", &before, 5);
    let said = gate.check(&after, &[]);
    assert_eq!((said.code, said.codes()), (1, vec![("kernel-slower", "deny")]), "{}", said.text);
}

#[test]
fn an_improvement_alone_passes_and_is_listed() {
    let said = judge("kinds-better", &presets::moe_decode_unfused(), &presets::moe_decode());
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(said.codes().iter().all(|(_, level)| *level == "allow"), "{}", said.text);
    assert_eq!(said.codes()[0].0, "structure-cheaper", "{}", said.text);
    assert!(said.text.contains("flashinfer-fused-add-rms-norm-bf16"), "{}", said.text);
}

#[test]
fn a_kernel_that_became_two_for_the_same_time_is_a_replacement() {
    let before = presets::moe_decode();
    let half = |name| KernelSpec::kernel(name, 5.55).on(13).order(Order::Early);
    let after = changed(before.clone(), |workload| {
        let halves = [half("decode_attention_partial_kernel"), half("decode_attention_merge_kernel")];
        workload.replace(names::moe::FMHA, &halves)
    });
    let said = judge("kinds-halves", &before, &after);
    assert_eq!((said.code, said.codes()), (0, vec![("kernel-replaced", "warn")]), "{}", said.text);
    let message = said.finding("kernel-replaced")["message"].as_str().unwrap();
    assert!(
        message.contains("partial") && message.contains("merge") && message.contains("fmha"),
        "{message}"
    );
}

#[test]
fn one_layer_of_forty_eight_that_lost_its_fused_path_is_named() {
    let before = presets::moe_decode();
    let mut after = before.clone();
    let lost = presets::moe_decode_unfused().shapes[0].bodies[0].clone();
    after.shapes[0].bodies.push(lost);
    after.shapes[0].pattern[20] = 1;
    let said = judge("kinds-one-layer", &before, &after);
    assert_eq!(said.code, 1, "{}", said.text);
    assert_eq!(said.codes(), [("path-partial", "deny"), ("kernel-replaced", "warn")], "{}", said.text);
    let message = said.finding("path-partial")["message"].as_str().unwrap();
    assert!(message.contains("fused 94 times") && message.contains("2 times"), "{message}");
    let diff = said.scenario["layer_diff"].to_string();
    assert!(diff.contains("×1"), "{diff}");
}

#[test]
fn a_collective_that_only_one_rank_takes_longer_for_is_waiting() {
    let before = presets::two_rank_tp();
    let mut after = before.clone();
    after.late.as_mut().unwrap().ns += 400_000;
    let said = judge("kinds-one-rank", &before, &after);
    assert_eq!((said.code, said.codes()), (0, vec![]), "{}", said.text);
}

#[test]
fn another_tile_of_the_same_price_is_silent() {
    let before = presets::moe_decode();
    let after = changed(before.clone(), |workload| {
        workload.edit(names::moe::QKV_GEMM, |kernel| {
            kernel.name = "nvjet_sm103_tst_128x8_64x12_2x1_v_bz_TNT".into();
        })
    });
    let said = judge("kinds-tile", &before, &after);
    assert_eq!((said.code, said.codes()), (0, vec![]), "{}", said.text);
}

#[test]
fn without_graphs_the_same_kernels_run_and_only_lost_overlap_fails() {
    let graphs = presets::moe_decode();
    let eager = Workload { launch: LaunchMode::Eager, ..graphs.clone() };
    // Kernels that started early no longer do, and the GPU is busy for longer.
    let said = judge("kinds-eager-early", &graphs, &eager);
    assert_eq!((said.code, said.codes()), (1, vec![("stream-overlap-lost", "deny")]), "{}", said.text);
    // Longer gaps alone are the host's, and no time of a kernel.
    let late = |workload: Workload| {
        changed(workload, |workload| {
            workload.edit("", |kernel| {
                if kernel.order == Order::Early {
                    kernel.order = Order::After;
                }
            })
        })
    };
    let said = judge("kinds-eager", &late(graphs), &late(eager));
    assert_eq!((said.code, said.codes()), (0, vec![]), "{}", said.text);
}

#[test]
fn a_second_capture_that_cannot_be_read_is_named_with_a_remedy_and_excuses_nothing() {
    let before = presets::moe_decode();
    let gate = Gate::of("kinds-confirm", &before);
    // Whether anybody would have asked for it or not.
    let run = run_in(&gate.here(), &["check", "--baseline", "b.yaml", "before", "--confirm", "nowhere.json"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    let said = &run.stderr;
    assert!(said.contains("second capture") && said.contains("nowhere.json"), "{said}");
    assert!(said.contains("leave out `--confirm`"), "{said}");
    gate.scratch.file("garbage.json", "no trace");
    let after = changed(before, |workload| workload.scale(names::moe::MOE_GEMM_SWIGLU, 150));
    let said = gate.check(&after, &["--confirm", "garbage.json"]);
    assert_eq!((said.code, said.codes()), (1, vec![("kernel-slower", "deny")]), "{}", said.text);
    let notes = said.scenario["notes"].to_string();
    assert!(notes.contains("garbage.json") && notes.contains("confirms nothing"), "{notes}");
}

#[test]
fn a_refresh_of_a_scenario_that_captures_from_a_server_says_what_to_do() {
    let gate = Gate::of("kinds-refresh", &presets::moe_one_step());
    let config =
        "schema: 1\nscenarios:\n  live: { server: { url: \"http://127.0.0.1:9\" }, baseline: b.yaml }\n";
    gate.scratch.file("profgate.yaml", config);
    let run = run_in(&gate.here(), &["baseline", "refresh"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    let said = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("scenario `live` has no `input`"), "{said}");
    assert!(said.contains("profgate baseline refresh live --input live=DIR"), "{said}");
}

#[test]
fn lint_tells_of_heavy_rows_whose_time_nothing_guards() {
    let gate = Gate::of("kinds-lint", &with_copies());
    let run = run_in(&gate.here(), &["baseline", "lint", "b.yaml"]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    let said = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("note[unguarded]: `memcpy-dtod` has"), "{said}");
    assert!(!said.contains("`trtllm-moe-gemm-bf16` has"), "{said}");
    let gate = Gate::of_repeats("kinds-lint-band", &with_copies(), 5);
    let run = run_in(&gate.here(), &["baseline", "lint", "b.yaml"]);
    assert!(!run.stdout.contains("unguarded"), "a band guards them: {}", run.stdout);
}
