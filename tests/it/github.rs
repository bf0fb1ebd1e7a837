//! What `check --github` leaves for a workflow: annotations, summary, outputs, and only those asked for.

use profgate::synth::presets;

use crate::support::{Scratch, arg, run_in, run_with};

#[test]
fn only_the_kinds_that_are_named_are_written() {
    let scratch = Scratch::new("github-kinds");
    scratch.capture("before", &presets::moe_decode());
    scratch.capture("after", &presets::moe_decode_unfused());
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["baseline", "record", "before", "-o", "b.yaml"]).code, 0);

    for (kinds, annotations, summary, outputs) in [
        ("--github", true, true, true),
        ("--github=outputs", false, false, true),
        ("--github=annotations,summary", true, true, false),
    ] {
        let name = kinds.replace(['-', '=', ','], "_");
        let (summary_file, output_file) =
            (scratch.path(&format!("{name}.md")), scratch.path(&format!("{name}.txt")));
        let variables = [("GITHUB_STEP_SUMMARY", arg(&summary_file)), ("GITHUB_OUTPUT", arg(&output_file))];
        let run = run_with(&here, &["check", "--baseline", "b.yaml", kinds, "after"], &variables);
        assert_eq!(run.code, 1, "{kinds}: {}", run.stderr);
        assert_eq!(run.stdout.contains("::error "), annotations, "{kinds}: {}", run.stdout);
        assert_eq!(summary_file.is_file(), summary, "{kinds}");
        assert_eq!(output_file.is_file(), outputs, "{kinds}");
        if outputs {
            let text = std::fs::read_to_string(&output_file).unwrap();
            let value = |name: &str| {
                let start = text.find(&format!("{name}<<profgate-end\n")).unwrap();
                text.get(start..).unwrap().lines().nth(1).unwrap().to_owned()
            };
            assert_eq!(value("verdict"), "fail");
            assert_ne!(value("failed"), "0");
            assert_eq!(value("inconclusive"), "0");
        }
    }
    assert_eq!(run_in(&here, &["check", "--baseline", "b.yaml", "--github=mail", "after"]).code, 2);
}
