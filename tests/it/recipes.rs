//! What `profgate init` writes for GitLab, Jenkins and any other CI, done step by step by a shell as their runners would.

use std::process::Command;

use profgate::synth::presets;

use crate::support::fake_forge::Fake;
use crate::support::{Run, Scratch, run_in};

/// A repository in which a recipe was written, with its baseline and a good capture.
struct Recipe {
    scratch: Scratch,
    steps: Vec<String>,
}

impl Recipe {
    /// `steps` takes the shell of each step out of the files that `init` wrote.
    fn new(ci: &str, steps: impl Fn(&Scratch) -> Vec<String>) -> Self {
        let scratch = Scratch::new(&format!("recipe-{ci}"));
        let here = scratch.path("");
        assert_eq!(run_in(&here, &["init", "--ci", ci]).code, 0);
        let steps = steps(&scratch);
        assert!(!steps.is_empty(), "{ci}");
        let recipe = Self { scratch, steps };
        let ungated = recipe.change_to(&presets::moe_decode()).run(&[]);
        assert_eq!(ungated.code, 4, "without a baseline nothing is green: {}", ungated.stderr);
        let record = ["baseline", "record", "traces/decode", "-o", "baselines/qwen3-30b-decode.h200.yaml"];
        assert_eq!(run_in(&here, &record).code, 0);
        recipe
    }

    /// What the server under test runs from now on.
    fn change_to(&self, workload: &profgate::synth::Workload) -> &Self {
        let _ = std::fs::remove_dir_all(self.scratch.path("traces"));
        self.scratch.capture("traces/decode", workload);
        self
    }

    /// Runs the steps as a job does: each in a shell of its own, up to the first that fails.
    fn run(&self, variables: &[(&str, &str)]) -> Run {
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_profgate")).parent().unwrap();
        let mut all = Run { code: 0, stdout: String::new(), stderr: String::new() };
        for step in &self.steps {
            let output = Command::new("sh")
                .args(["-c", step])
                .current_dir(self.scratch.path(""))
                .env_clear()
                .env("PATH", format!("{}:/usr/bin:/bin", program.display()))
                .env("HOME", self.scratch.path(""))
                .envs(variables.iter().copied())
                .output()
                .unwrap();
            all.stdout.push_str(&String::from_utf8_lossy(&output.stdout));
            all.stderr.push_str(&String::from_utf8_lossy(&output.stderr));
            all.code = output.status.code().unwrap_or(-1);
            if all.code != 0 {
                break;
            }
        }
        all
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.scratch.path(file)).unwrap()
    }

    /// Green and red, with the test report where the CI looks for it; a comment that has nowhere to go changes neither.
    fn judges(&self, junit: &str) {
        let green = self.change_to(&presets::moe_decode()).run(&[("GITHUB_TOKEN", "s3cret")]);
        assert_eq!(green.code, 0, "{}", green.stderr);
        assert!(!self.text(junit).contains("<failure"));
        let red = self.change_to(&presets::moe_decode_unfused()).run(&[("GITHUB_TOKEN", "s3cret")]);
        assert_eq!(red.code, 1, "{}", red.stderr);
        assert!(red.stderr.contains("warning: no comment was written: "), "{}", red.stderr);
        assert!(self.text(junit).contains("<failure"));
        std::fs::remove_dir_all(self.scratch.path("traces")).unwrap();
        let none = self.run(&[]);
        assert_eq!(none.code, 5, "nothing is green because nothing was measured: {}", none.stderr);
        assert!(self.text(junit).contains("<error"), "the reader of test reports always has one");
    }
}

/// The value behind a key, wherever it stands.
fn value(text: &str, key: &str) -> String {
    let rest = text.split_once(key).unwrap_or_else(|| panic!("no {key} in {text}")).1;
    rest.trim_start()
        .split(|c: char| c.is_whitespace() || "',]".contains(c))
        .find(|word| !word.is_empty())
        .unwrap()
        .to_owned()
}

#[test]
fn the_shell_recipe_ends_with_the_verdict() {
    let recipe = Recipe::new("shell", |_| vec!["sh profgate-gate.sh".to_owned()]);
    recipe.judges("profgate-report/junit.xml");
    // What is behind the script's name is for `check`.
    recipe.change_to(&presets::moe_decode_unfused());
    let lenient =
        Recipe { steps: vec!["sh profgate-gate.sh --exit-zero".to_owned()], scratch: recipe.scratch };
    assert_eq!(lenient.run(&[]).code, 0);
}

#[test]
fn the_gitlab_recipe_judges_and_comments_a_merge_request() {
    let recipe = Recipe::new("gitlab", |scratch| {
        let job = std::fs::read_to_string(scratch.path(".gitlab/profgate.yml")).unwrap();
        let script = job.split_once("  script:\n").unwrap().1;
        let of_script = script.lines().take_while(|line| line.starts_with("    "));
        of_script.filter_map(|line| line.strip_prefix("    - ").map(str::to_owned)).collect()
    });
    let job = recipe.text(".gitlab/profgate.yml");
    recipe.judges(&value(&job, "junit:"));
    assert!(recipe.scratch.path(&value(&job, "paths: [")).is_dir());

    let fake = Fake::gitlab("42", 3, "c1");
    let api = fake.url();
    let variables = [
        ("GITLAB_CI", "true"),
        ("CI_API_V4_URL", api.as_str()),
        ("CI_PROJECT_ID", "42"),
        ("CI_PROJECT_URL", "https://gitlab.example/me/engine"),
        ("CI_MERGE_REQUEST_IID", "3"),
        ("CI_COMMIT_SHA", "c1"),
        ("CI_PIPELINE_ID", "1"),
        ("CI_JOB_ID", "9"),
        ("CI_JOB_NAME", "profgate"),
        ("GITLAB_TOKEN", "s3cret"),
    ];
    let red = recipe.change_to(&presets::moe_decode_unfused()).run(&variables);
    assert_eq!(red.code, 1, "{}", red.stderr);
    assert!(fake.comments()[0].body.starts_with("**Fail"), "{}", red.stderr);
    let green = recipe.change_to(&presets::moe_decode()).run(&variables);
    assert_eq!(green.code, 0, "{}", green.stderr);
    assert!(fake.comments()[0].body.starts_with("**Pass"), "{}", green.stderr);
}

#[test]
fn the_jenkins_recipe_judges_and_comments_the_pull_request_of_a_multibranch_build() {
    let recipe = Recipe::new("jenkins", |scratch| {
        let pipeline = std::fs::read_to_string(scratch.path("Jenkinsfile")).unwrap();
        let step = |line: &str| line.trim().strip_prefix("sh '")?.strip_suffix('\'').map(str::to_owned);
        pipeline.lines().filter_map(step).collect()
    });
    let pipeline = recipe.text("Jenkinsfile");
    assert_eq!(pipeline.matches('{').count(), pipeline.matches('}').count());
    let junit = value(&pipeline, "testResults: '");
    recipe.judges(&junit);
    assert!(junit.starts_with(value(&pipeline, "artifacts: '").trim_end_matches("**")));

    let fake = Fake::github("me/engine", 7, "c1");
    let api = fake.url();
    let of_build = |number: &'static str| {
        [
            ("JENKINS_URL", "https://jenkins.example/"),
            ("CHANGE_ID", "7"),
            ("BUILD_NUMBER", number),
            // What the comment in the file says to set.
            ("GITHUB_REPOSITORY", "me/engine"),
            ("PROFGATE_TOKEN", "s3cret"),
            ("GITHUB_API_URL", api.as_str()),
        ]
    };
    for set in ["GITHUB_REPOSITORY", "PROFGATE_TOKEN"] {
        assert!(pipeline.contains(set), "the file does not say to set {set}");
    }
    let red = recipe.change_to(&presets::moe_decode_unfused()).run(&of_build("11"));
    assert_eq!(red.code, 1, "{}", red.stderr);
    let [only] = fake.comments().try_into().unwrap();
    assert!(only.body.starts_with("**Fail") && only.body.contains(" run=11 "), "{}", only.body);
    let green = recipe.change_to(&presets::moe_decode()).run(&of_build("12"));
    assert_eq!(green.code, 0, "{}", green.stderr);
    let [only] = fake.comments().try_into().unwrap();
    assert!(only.body.starts_with("**Pass") && only.body.contains(" run=12 "), "{}", only.body);
    // A build that was started earlier and ends later.
    recipe.change_to(&presets::moe_decode_unfused()).run(&of_build("11"));
    assert!(fake.comments()[0].body.contains(" run=12 "), "{}", fake.comments()[0].body);
}
