//! Steps of two kinds in turn: which kind a capture begins with says nothing.

use profgate::synth::{Annotations, KernelSpec, LaunchMode, ModelShape};

use crate::meaning::{DECODE, attention, document, layer, shape, workload};
use crate::support::{Scratch, arg, run};

/// A capture of steps that alternate, beginning with the one or the other.
fn alternating(scratch: &Scratch, kinds: &[ModelShape; 2], count: usize, first: usize) -> String {
    let shapes = (0..count).map(|step| kinds[(first + step) % 2].clone()).collect();
    let document = document(&workload(shapes, LaunchMode::Eager, Annotations::Sglang));
    arg(&scratch.file(&format!("{count}-{first}.json"), document.to_string())).to_owned()
}

#[test]
fn which_of_two_kinds_of_steps_comes_first_changes_nothing() {
    let dense = || layer(8, attention(), false);
    let experts = || layer(8, attention(), true);
    let quantised = || {
        let mut body = dense();
        body.insert(1, KernelSpec::kernel("void per_token_group_quant_8bit_kernel<128>(int)", 2.0));
        body
    };
    let of = |bodies: Vec<Vec<KernelSpec>>, pattern| shape(DECODE, bodies, pattern, 8);
    let all = [
        ("layers", [of(vec![dense()], vec![0; 36]), of(vec![dense()], vec![0; 31])]),
        (
            "bodies",
            [
                of(vec![dense()], vec![0; 36]),
                of(vec![dense(), experts()], [vec![0; 31], vec![1; 5]].concat()),
            ],
        ),
        ("slots", [of(vec![dense()], vec![0; 16]), of(vec![quantised()], vec![0; 16])]),
        ("names", [of(vec![dense()], vec![0; 16]), of(vec![experts()], vec![0; 16])]),
    ];
    let mut loud: Vec<String> = Vec::new();
    for (name, kinds) in all {
        let scratch = Scratch::new(&format!("phases-{name}"));
        let files: Vec<String> = (2..=5)
            .flat_map(|count| [0, 1].map(|first| (count, first)))
            .map(|(count, first)| alternating(&scratch, &kinds, count, first))
            .collect();
        for (old, new) in files.iter().zip(files.iter().cycle().skip(1)) {
            let run = run(&["diff", old, new]);
            if run.code != 0 || !run.stdout.contains("nothing changed") {
                loud.push(format!("{name}: {old} {new}\n{}{}", run.stdout, run.stderr));
            }
        }
    }
    assert!(loud.is_empty(), "{}", loud.join("\n"));
}
