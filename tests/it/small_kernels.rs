//! Many kernels of little time that become slower together, and none of them enough to be judged alone.

use profgate::synth::{KernelSpec, ModelShape, Workload, presets};

use crate::support::gate::{Gate, changed, judge};

/// A name that no other number gives, of letters alone: digits and hashes are no part of a kernel's id.
fn word(number: usize) -> String {
    let letter = |digit: usize| char::from(b'a' + (number / 26_usize.pow(digit as u32) % 26) as u8);
    let letters: String = (0..4).map(|digit| letter(digit as usize)).collect();
    format!("tiny_{letters}_work_kernel")
}

/// A step of so many kernels, none of which has a thousandth of it.
fn of_many(kernels: usize) -> Workload {
    let base = presets::moe_decode();
    let stage = base.shapes[0].stage;
    let many = (0..kernels).map(|at| KernelSpec::kernel(word(at), 3.0)).collect();
    Workload { steps: 2, shapes: vec![ModelShape::of_layers(stage, 1, many)], ..base }
}

#[test]
fn a_thousand_kernels_too_small_to_be_judged_alone_are_judged_together() {
    let before = of_many(1500);
    let after = changed(before.clone(), |workload| workload.scale("tiny_", 300));
    let said = judge("small-all", &before, &after);
    assert_eq!((said.code, said.codes()), (1, vec![("stage-slower", "deny")]), "{}", said.text);
    let finding = said.finding("stage-slower");
    assert_eq!(finding["subject"], "decode");
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("1500 kernels too small to be judged one by one"), "{message}");
    let back = judge("small-back", &after, &before);
    assert_eq!((back.code, back.codes()), (0, vec![("stage-faster", "allow")]), "{}", back.text);
    let repeat = judge("small-repeat", &before, &Workload { seed: 8, ..before.clone() });
    assert_eq!((repeat.code, repeat.codes()), (0, vec![]), "{}", repeat.text);
}

/// The step of a served model with forty more kernels in each layer, on this stream.
fn with_small_ones(stream: u32) -> Workload {
    let mut workload = presets::moe_decode();
    for body in workload.shapes.iter_mut().flat_map(|shape| &mut shape.bodies) {
        body.extend((0..40).map(|at| KernelSpec::kernel(word(at), 0.25).on(stream)));
    }
    workload
}

#[test]
fn small_kernels_are_seen_beside_heavy_ones_that_stayed() {
    let model = presets::moe_decode();
    let stream = model.shapes[0].bodies[0][0].stream;
    let before = with_small_ones(stream);
    let slower = |percent| changed(before.clone(), |workload| workload.scale("tiny_", percent));
    let said = judge("small-beside", &before, &slower(200));
    assert_eq!((said.code, said.codes()), (1, vec![("stage-slower", "deny")]), "{}", said.text);
    let said = judge("small-a-little", &before, &slower(124));
    assert_eq!((said.code, said.codes()), (0, vec![("stage-slower", "warn")]), "{}", said.text);
}

#[test]
fn small_kernels_that_other_work_hides_make_no_step_longer_and_only_warn() {
    let before = with_small_ones(99);
    let after = changed(before.clone(), |workload| workload.scale("tiny_", 200));
    let said = judge("small-hidden", &before, &after);
    assert_eq!((said.code, said.codes()), (0, vec![("stage-slower", "warn")]), "{}", said.text);
    assert!(said.text.contains("the step is not longer"), "{}", said.text);
}

#[test]
fn with_a_band_the_stage_must_leave_it() {
    let before = of_many(600);
    let gate = Gate::of_repeats("small-band", &before, 5);
    let repeat = gate.check(&Workload { seed: 99, ..before.clone() }, &[]);
    assert_eq!((repeat.code, repeat.codes()), (0, vec![]), "{}", repeat.text);
    let after = changed(before, |workload| workload.scale("tiny_", 112));
    let said = gate.check(&after, &[]);
    assert_eq!((said.code, said.codes()), (1, vec![("stage-slower", "deny")]), "{}", said.text);
    // A second capture that is as fast as before makes it flaky.
    let said = gate.check(&after, &["--confirm", "before"]);
    assert_eq!((said.code, said.codes()), (0, vec![("flaky", "warn")]), "{}", said.text);
}
