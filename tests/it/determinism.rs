//! Same input, same bytes: on any number of threads, and twice in a row.

use profgate::synth::presets;

use crate::support::{Scratch, run_in};

#[test]
fn every_output_is_the_same_with_one_thread_and_two() {
    let scratch = Scratch::new("determinism");
    scratch.capture("before", &presets::two_stream_moe());
    let mut after = presets::two_stream_moe();
    assert!(after.remove("rms") > 0);
    scratch.capture("after", &after);
    let here = scratch.path("");
    let mut seen: Vec<Vec<Vec<u8>>> = Vec::new();
    for threads in ["1", "2", "1"] {
        let record = run_in(&here, &["baseline", "record", "before", "-o", "b.yaml", "--threads", threads]);
        assert_eq!(record.code, 0, "{}", record.stderr);
        let check = run_in(&here, &["check", "--baseline", "b.yaml", "after", "--threads", threads]);
        let triage = run_in(&here, &["triage", "after", "--threads", threads]);
        let json = run_in(&here, &["triage", "after", "--threads", threads, "--format", "json"]);
        let mut outputs: Vec<Vec<u8>> = [
            "b.yaml",
            "profgate-report/report.json",
            "profgate-report/junit.xml",
            "profgate-report/comment.md",
        ]
        .iter()
        .map(|name| std::fs::read(scratch.path(name)).unwrap())
        .collect();
        outputs.extend([check.stdout.into_bytes(), triage.stdout.into_bytes(), json.stdout.into_bytes()]);
        assert!(outputs.iter().all(|output| !output.is_empty()));
        seen.push(outputs);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}
