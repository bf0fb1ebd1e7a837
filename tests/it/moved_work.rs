//! Time that moves without a kernel's count: to another stream, to some of the layers, to another name, to nowhere.

use profgate::synth::presets::{self, names};
use profgate::synth::{Order, Workload};

use crate::support::gate::{Gate, changed, judge};
use crate::support::{Scratch, arg, run};

/// Eight of the 48 layers with another body: the same kernels, one of them slower.
fn in_eight_layers(percent: u64) -> Workload {
    changed(presets::moe_decode(), |workload| {
        let mut slow = presets::moe_decode();
        let hit = slow.scale(names::moe::FMHA, percent);
        let shape = workload.shapes.first_mut().unwrap();
        shape.bodies.extend(slow.shapes.first().unwrap().bodies.iter().cloned());
        for layer in shape.pattern.iter_mut().skip(10).take(8) {
            *layer = 1;
        }
        hit
    })
}

#[test]
fn a_kernel_that_is_slower_in_some_layers_is_told_with_the_layers() {
    let said = judge("moved-part", &presets::moe_decode(), &in_eight_layers(400));
    assert_eq!((said.code, said.codes()), (0, vec![("kernel-slower", "warn")]), "{}", said.text);
    let finding = said.finding("kernel-slower");
    assert_eq!(finding["subject"], "fmha-trtllm-gen-bf16-h128-causal-for-gen");
    assert!(finding["evidence"][0].as_str().unwrap().contains("8 of 48 layers: 11–18"), "{finding}");
    let back = judge("moved-part-back", &in_eight_layers(400), &presets::moe_decode());
    assert_eq!(back.code, 0, "{}", back.text);
    let same = judge("moved-part-same", &in_eight_layers(400), &in_eight_layers(400));
    assert_eq!((same.code, same.codes()), (0, vec![]), "{}", same.text);
}

#[test]
fn work_that_moved_beside_other_work_fails_nothing_where_the_step_is_no_longer() {
    let before = presets::moe_decode();
    let after = changed(before.clone(), |workload| {
        workload.edit(names::moe::MOE_FINALIZE, |kernel| {
            (kernel.stream, kernel.order, kernel.ns) = (21, Order::Beside, kernel.ns * 3);
        })
    });
    let said = judge("moved-stream", &before, &after);
    assert_eq!(said.code, 0, "{}", said.text);
    let slower = said.finding("kernel-slower");
    assert_eq!((&slower["level"], &slower["price_ns"]), (&"warn".into(), &0.into()), "{slower}");
    assert!(slower["evidence"][0].as_str().unwrap().contains("the step is not longer"), "{slower}");
    assert_eq!(said.finding("stream-overlap-gained")["level"], "allow");
    // Where it stayed on its stream, as much fails.
    let slow = changed(before.clone(), |workload| workload.scale(names::moe::MOE_FINALIZE, 300));
    let said = judge("moved-not", &before, &slow);
    assert_eq!((said.code, said.codes()), (1, vec![("kernel-slower", "deny")]), "{}", said.text);
}

#[test]
fn work_that_is_missing_is_no_improvement() {
    let before = presets::moe_decode();
    let after = changed(before.clone(), |workload| workload.remove(names::moe::ROUTING));
    let said = judge("moved-nowhere", &before, &after);
    assert_eq!((said.code, said.codes()), (1, vec![("kernel-vanished", "deny")]), "{}", said.text);
}

#[test]
fn a_path_whose_kernel_has_another_name_is_said_to_be_a_new_implementation() {
    let before = presets::moe_decode();
    for name in ["void acme::rope_write_kernel<bf16>(params)", "void acme::rotate_v9<bf16>(params)"] {
        let after = changed(before.clone(), |workload| {
            workload.edit(names::moe::ROPE_STORE, |kernel| kernel.name = name.into())
        });
        let said = judge("moved-name", &before, &after);
        if said.codes().iter().any(|(code, _)| *code == "path-missing") {
            let path = said.finding("path-missing");
            let message = path["message"].as_str().unwrap();
            if name.contains("rope") {
                assert!(
                    message.contains("same role, new implementation: `rope_write_kernel-bf16`"),
                    "{message}"
                );
                assert!(message.contains("in the same slot of the layer"), "{message}");
                assert!(path["help"].as_str().unwrap().starts_with("if it does the same work"), "{path}");
            }
        }
    }
}

#[test]
fn a_baseline_with_a_band_is_not_said_to_have_none() {
    let before = presets::moe_decode();
    let gate = Gate::of_repeats("moved-band", &before, 5);
    let slower = changed(before, |workload| workload.edit("", |kernel| kernel.ns = kernel.ns * 104 / 100));
    let said = gate.check(&slower, &[]);
    let message = said.finding("environment-drift")["message"].as_str().unwrap();
    assert!(message.contains("judged by their noise band"), "{message}");
    assert!(!message.contains("without a noise band"), "{message}");
}

#[test]
fn one_rank_in_two_files_is_no_verdict() {
    let scratch = Scratch::new("moved-rank-twice");
    let folder = scratch.capture("capture", &presets::two_rank_tp());
    let baseline = scratch.path("b.yaml");
    assert_eq!(run(&["baseline", "record", arg(&folder), "-o", arg(&baseline)]).code, 0);
    let name = |file: &std::path::Path| file.file_name().unwrap().to_string_lossy().into_owned();
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    let of_rank = |rank: &str| files.iter().find(|file| name(file).contains(rank)).unwrap();
    std::fs::copy(of_rank("rank0"), of_rank("rank1")).unwrap();
    let reports = scratch.path("reports");
    let run = run(&["check", "--baseline", arg(&baseline), "--report-dir", arg(&reports), arg(&folder)]);
    assert_eq!(run.code, 3, "{}", run.stdout);
    assert!(run.stdout.contains("rank-twice"), "{}", run.stdout);
}

#[test]
fn layers_and_their_slots_are_found_where_every_name_is_hidden() {
    let before = presets::moe_decode();
    let after = hidden(before.clone());
    let said = judge("moved-hidden", &before, &after);
    let layers = &said.scenario["triage"]["stages"][0]["layers"];
    assert_eq!((&layers["count"], &layers["found_by"]), (&48.into(), &"other".into()), "{layers}");
    assert_eq!(layers["bodies"].as_array().unwrap().len(), 1, "{layers}");
    assert!(!said.codes().iter().any(|(code, _)| *code == "kernel-vanished"), "{}", said.text);
    let path = said.finding("path-missing")["message"].as_str().unwrap().to_owned();
    assert!(path.contains("same slot, new implementation"), "{path}");
    // Of two captures without a known name, what changed is shown in its layer.
    let slower = hidden(changed(before, |workload| {
        workload.replace(
            names::moe::FUSED_ADD_RMSNORM,
            &[
                profgate::synth::KernelSpec::kernel("plus_of_nothing", 4.0),
                profgate::synth::KernelSpec::kernel("norm_of_nothing", 4.0),
            ],
        )
    }));
    let said = judge("moved-hidden-both", &after, &slower);
    assert_eq!((said.code, said.codes()[0]), (1, ("structure-costlier", "deny")), "{}", said.text);
    assert!(
        said.scenario["layer_diff"][0]["text"].as_str().unwrap().contains("layer A ×48"),
        "{}",
        said.text
    );
}

/// Each distinct name as letters that say nothing.
fn hidden(mut workload: Workload) -> Workload {
    let letter = |digit: u8| char::from(b'a' + digit % 16);
    workload.edit("", |kernel| {
        if !kernel.name.starts_with("Mem") {
            let number = kernel
                .name
                .bytes()
                .fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
            let word: String =
                number.to_be_bytes().iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect();
            kernel.name = format!("zq{word}_fn").into();
        }
    });
    workload
}
