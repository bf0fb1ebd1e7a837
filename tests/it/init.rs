//! `profgate init`: the files that a repository starts with are whole, are kept when they are there, and lead to a gate.

use std::path::Path;

use profgate::synth::presets;

use crate::support::{Scratch, run_in};

const ACTION: &str = "example/profgate@de0fac2e4500dabe0009e67214ff5f5447ce83dd";

fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_repository_starts_with_a_configuration_baselines_schemas_and_a_job() {
    for (ci, job) in [
        (
            "github",
            vec![
                ".github/workflows/profgate-again.yml",
                ".github/workflows/profgate-comment.yml",
                ".github/workflows/profgate-nightly.yml",
                ".github/workflows/profgate.yml",
            ],
        ),
        ("gitlab", vec![".gitlab/profgate-gate.sh", ".gitlab/profgate.yml"]),
        ("jenkins", vec!["Jenkinsfile", "ci/profgate-gate.sh"]),
        ("shell", vec!["profgate-gate.sh"]),
        ("none", vec![]),
    ] {
        let scratch = Scratch::new(&format!("init-{ci}"));
        let here = scratch.path("");
        let run = run_in(&here, &["init", "--ci", ci, "--action", ACTION]);
        assert_eq!(run.code, 0, "{ci}: {}", run.stderr);
        let mut wanted = job;
        wanted.extend([
            ".profgate/baseline.schema.json",
            ".profgate/config.schema.json",
            "baselines/README.md",
            "profgate.yaml",
        ]);
        wanted.sort_unstable();
        assert_eq!(files_below(&here), wanted, "{ci}");
        for file in &wanted {
            let text = std::fs::read_to_string(here.join(file)).unwrap();
            assert!(!text.contains("PROFGATE_ACTION"), "{ci}: {file} has a gap");
        }
        // The editor's schema is where the file says.
        let config = std::fs::read_to_string(here.join("profgate.yaml")).unwrap();
        assert!(config.starts_with("# yaml-language-server: $schema=.profgate/config.schema.json\n"));
    }
}

#[test]
fn what_is_there_is_kept_and_a_dry_run_writes_nothing() {
    let scratch = Scratch::new("init-kept");
    let here = scratch.path("");
    let dry = run_in(&here, &["init", "--dry-run"]);
    assert_eq!(dry.code, 0);
    assert!(dry.stdout.contains("would write ./profgate.yaml"), "{}", dry.stdout);
    assert_eq!(files_below(&here), Vec::<String>::new());

    scratch.file("profgate.yaml", "mine");
    let run = run_in(&here, &["init"]);
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("kept   ./profgate.yaml"), "{}", run.stdout);
    assert!(run.stdout.contains("replace OWNER/profgate@COMMIT in the workflows"), "{}", run.stdout);
    assert_eq!(std::fs::read_to_string(scratch.path("profgate.yaml")).unwrap(), "mine");
}

#[test]
fn the_first_gate_is_three_commands_away() {
    let scratch = Scratch::new("init-first");
    let here = scratch.path("");
    assert_eq!(run_in(&here, &["init"]).code, 0);
    std::fs::create_dir_all(scratch.path("traces")).unwrap();
    scratch.capture("traces/decode", &presets::moe_decode());
    // Before there is a baseline nothing is green.
    assert_eq!(run_in(&here, &["check"]).code, 4);
    let record =
        run_in(&here, &["baseline", "record", "traces/decode", "-o", "baselines/qwen3-30b-decode.h200.yaml"]);
    assert_eq!(record.code, 0, "{}", record.stderr);
    let check = run_in(&here, &["check"]);
    assert_eq!(check.code, 0, "{}{}", check.stdout, check.stderr);
}

#[test]
fn a_name_that_means_something_else_in_a_workflow_is_refused() {
    let scratch = Scratch::new("init-action");
    let here = scratch.path("");
    for action in
        ["profgate", "me/profgate", "me/profgate@", "me/profgate@1\n      - run: id", "me/profgate@1 # x"]
    {
        let run = run_in(&here, &["init", "--action", action]);
        assert_eq!(run.code, 2, "{action}");
    }
    assert_eq!(run_in(&here, &["init", "nowhere"]).code, 2);
    assert_eq!(files_below(&here), Vec::<String>::new());
}

#[test]
fn completions_and_manual_pages_know_the_commands() {
    let scratch = Scratch::new("completions");
    let here = scratch.path("");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = run_in(&here, &["completions", shell]);
        assert_eq!(run.code, 0, "{shell}");
        assert!(run.stdout.contains("catalog") && run.stdout.contains("report-dir"), "{shell}");
    }
    assert!(run_in(&here, &["man"]).stdout.contains(".TH profgate 1"));
    let page = run_in(&here, &["man", "baseline", "record"]);
    assert!(page.stdout.contains(".TH profgate-baseline-record 1"), "{}", page.stdout);
    assert_eq!(run_in(&here, &["man", "bake"]).code, 2);
    // The released archive has a page for each command that is more than paper.
    let pack = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/release/pack.sh"));
    let pack = pack.unwrap();
    let packed = pack.split_once("for command in ").unwrap().1.split(';').next().unwrap();
    let program = profgate::cli::command();
    let commands: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
    let commands: Vec<&str> =
        commands.into_iter().filter(|name| !["completions", "man", "help"].contains(name)).collect();
    assert_eq!(packed.split_whitespace().collect::<Vec<_>>(), commands);
}
