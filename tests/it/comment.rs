//! `profgate comment` against a host on this machine that keeps comments as GitHub and GitLab do.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::fake_forge::{Fake, Reply};
use crate::support::{Run, Scratch, arg, run_with};
use profgate::synth::presets;

const BOT: &str = "github-actions[bot]";

/// A folder with a red and a green report, and the environment of a workflow.
struct Repository {
    scratch: Scratch,
}

impl Repository {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let good = scratch.capture("good", &presets::moe_decode());
        let bad = scratch.capture("bad", &presets::moe_decode_unfused());
        let here = scratch.path("");
        let run = |args: &[&str]| run_with(&here, args, &[]);
        assert_eq!(run(&["baseline", "record", arg(&good), "-o", "b.yaml"]).code, 0);
        for (capture, report, code) in [(&good, "green", 0), (&bad, "red", 1)] {
            let run = run(&["check", "--baseline", "b.yaml", arg(capture), "--report-dir", report]);
            assert_eq!(run.code, code, "{}", run.stderr);
        }
        Self { scratch }
    }

    fn event(&self, event: &Value) -> PathBuf {
        self.scratch.file("event.json", event.to_string())
    }

    fn pull(&self, sha: &str) -> PathBuf {
        self.event(&json!({ "pull_request": { "number": 7, "head": { "sha": sha } } }))
    }

    /// Comments with a report as a workflow's run of this number would.
    fn comment(&self, fake: &Fake, report: &str, event: &Path, run: &str, more: &[&str]) -> Run {
        let report = format!("{report}/report.json");
        let args = [&["comment", &report, "--max-wait", "5"], more].concat();
        run_with(
            &self.scratch.path(""),
            &args,
            &[
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_API_URL", &fake.url()),
                ("GITHUB_REPOSITORY", "me/engine"),
                ("GITHUB_EVENT_PATH", arg(event)),
                ("GITHUB_WORKFLOW", "gate"),
                ("GITHUB_RUN_ID", run),
                ("GITHUB_RUN_ATTEMPT", "1"),
                ("GITHUB_TOKEN", "s3cret"),
            ],
        )
    }
}

#[test]
fn one_comment_is_written_then_kept_and_says_when_all_is_green_again() {
    let repository = Repository::new("comment-life");
    let fake = Fake::github("me/engine", 7, "c1");
    let event = repository.pull("c1");
    let run = repository.comment(&fake, "red", &event, "1", &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout.trim(), "https://github.example/me/engine/pull/7#issuecomment-1");
    let [only] = fake.comments().try_into().unwrap();
    assert!(only.body.starts_with("**Fail"), "{}", only.body);
    let last = only.body.trim_end().lines().last().unwrap().to_owned();
    assert!(last.starts_with("<!-- profgate:v1 id=gate/capture/"), "{last}");
    assert!(last.ends_with("sha=c1 run=1 attempt=1 -->"), "{last}");

    fake.set_head("c2");
    let event = repository.pull("c2");
    assert_eq!(repository.comment(&fake, "green", &event, "2", &[]).code, 0);
    let [only] = fake.comments().try_into().unwrap();
    assert!(only.body.starts_with("**Pass"), "{}", only.body);
    assert!(only.body.contains("sha=c2 run=2"), "{}", only.body);
    assert!(only.body.contains("told of before is resolved"), "{}", only.body);

    // What was green before has nothing to resolve.
    assert_eq!(repository.comment(&fake, "green", &event, "3", &["--when", "always"]).code, 0);
    assert!(!fake.comments()[0].body.contains("resolved"), "{}", fake.comments()[0].body);
}

#[test]
fn what_is_waived_is_not_called_resolved() {
    let repository = Repository::new("comment-waived");
    let fake = Fake::github("me/engine", 7, "c1");
    let event = repository.pull("c1");
    assert_eq!(repository.comment(&fake, "red", &event, "1", &[]).code, 0);
    let waivers: Vec<String> =
        ["path-missing:fused-residual-add-rmsnorm", "structure-costlier:flashinfer-fused-add-rms-norm-bf16"]
            .iter()
            .map(|of| format!("Profgate-Waive: {of} owner=@me reason=wanted\n"))
            .collect();
    repository.scratch.file("waivers.txt", waivers.concat());
    let again = ["report", "red/report.json", "--trailers", "waivers.txt", "--report-dir", "waived"];
    let again = run_with(&repository.scratch.path(""), &again, &[]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(repository.comment(&fake, "waived", &event, "2", &[]).code, 0);
    let [only] = fake.comments().try_into().unwrap();
    assert!(only.body.starts_with("**Pass") && only.body.contains("waived"), "{}", only.body);
    assert!(!only.body.contains("is resolved"), "{}", only.body);
}

#[test]
fn a_green_run_without_a_comment_stays_silent_unless_it_is_asked_to_speak() {
    let repository = Repository::new("comment-green");
    let fake = Fake::github("me/engine", 7, "c1");
    let event = repository.pull("c1");
    for when in ["changes", "failures", "off"] {
        assert_eq!(repository.comment(&fake, "green", &event, "1", &["--when", when]).code, 0);
        assert_eq!(fake.comments().len(), 0, "{when}");
    }
    assert_eq!(repository.comment(&fake, "green", &event, "1", &["--when", "always"]).code, 0);
    assert_eq!(fake.comments().len(), 1);
    assert_eq!(repository.comment(&fake, "red", &event, "2", &["--when", "off"]).code, 0);
    assert!(fake.comments()[0].body.starts_with("**Pass"), "off leaves what stands there");
}

#[test]
fn the_report_of_an_older_commit_never_covers_a_newer_one() {
    let repository = Repository::new("comment-older");
    let fake = Fake::github("me/engine", 7, "c2");
    let newer = repository.pull("c2");
    repository.comment(&fake, "red", &newer, "2", &[]);
    let older = repository.pull("c1");
    let late = repository.comment(&fake, "green", &older, "3", &["--when", "always"]);
    assert_eq!(late.code, 0);
    assert!(late.stderr.contains("newer commit"), "{}", late.stderr);
    assert!(fake.comments()[0].body.starts_with("**Fail"));
    // Nor does it speak first: the newer commit has a run of its own.
    fake.reset();
    let early = repository.comment(&fake, "red", &older, "3", &["--when", "always"]);
    assert_eq!((early.code, fake.comments().len()), (0, 0), "{}", early.stderr);
    assert!(early.stderr.contains("nothing was written"), "{}", early.stderr);
}

#[test]
fn a_run_that_is_written_over_by_an_older_one_has_the_last_word_and_by_a_later_one_not() {
    let repository = Repository::new("comment-written-over");
    let fake = Fake::github("me/engine", 7, "c1");
    let event = repository.pull("c1");
    repository.comment(&fake, "red", &event, "1", &[]);
    let text_of = |run: &str| repository.comment(&fake, "red", &event, run, &["--dry-run"]).stdout;
    fake.is_written_over_after_update(&text_of("5"));
    let run = repository.comment(&fake, "green", &event, "6", &[]);
    let [only] = fake.comments().try_into().unwrap();
    assert!(only.body.contains("run=6 ") && only.body.starts_with("**Pass"), "{}", run.stderr);

    fake.is_written_over_after_update(&text_of("9"));
    let run = repository.comment(&fake, "green", &event, "7", &[]);
    let [only] = fake.comments().try_into().unwrap();
    assert!(only.body.contains("run=9 "), "{}", only.body);
    assert!(
        run.stderr.contains("of a newer commit or a later run") && run.stdout.is_empty(),
        "{}",
        run.stderr
    );
}

#[test]
fn a_push_finds_its_pull_request_by_the_commit_or_has_nothing_to_comment_on() {
    let repository = Repository::new("comment-push");
    let event = repository.event(&json!({ "ref": "refs/heads/fix", "after": "c1" }));
    let comment = |fake: &Fake| {
        run_with(
            &repository.scratch.path(""),
            &["comment", "red/report.json", "--strict"],
            &[
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_API_URL", &fake.url()),
                ("GITHUB_REPOSITORY", "me/engine"),
                ("GITHUB_EVENT_PATH", arg(&event)),
                ("GITHUB_SHA", "c1"),
                ("GITHUB_RUN_ID", "4"),
                ("GITHUB_TOKEN", "s3cret"),
            ],
        )
    };
    let fake = Fake::github("me/engine", 7, "c1");
    let run = comment(&fake);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(fake.comments()[0].body.contains("sha=c1 run=4"), "{}", fake.comments()[0].body);
    // A push to a branch without a pull request, or one that was merged.
    let fake = Fake::github("me/engine", 7, "c2");
    let run = comment(&fake);
    assert_eq!((run.code, fake.comments().len()), (0, 0), "{}", run.stderr);
    assert!(run.stderr.contains("there is nothing to comment on"), "{}", run.stderr);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
}

/// Puts a report into a folder of its own, changed.
fn changed(repository: &Repository, from: &str, to: &str, change: impl Fn(&mut Value)) {
    let path = repository.scratch.path(&format!("{from}/report.json"));
    let mut report: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut report);
    repository.scratch.file(&format!("{to}/report.json"), report.to_string());
}

#[test]
fn a_capture_that_came_to_nothing_speaks_in_the_comment_of_its_gpu() {
    let repository = Repository::new("comment-no-gpu");
    repository.scratch.file("empty/notes.txt", "no trace");
    let here = repository.scratch.path("");
    for (capture, report) in [("nowhere", "missing"), ("empty", "empty-report")] {
        let run = run_with(&here, &["check", "--baseline", "b.yaml", capture, "--report-dir", report], &[]);
        assert!(matches!(run.code, 3 | 5), "{}", run.stderr);
    }
    for failed in ["missing", "empty-report"] {
        let fake = Fake::github("me/engine", 7, "c1");
        let event = repository.pull("c1");
        repository.comment(&fake, "red", &event, "1", &[]);
        repository.comment(&fake, failed, &event, "2", &[]);
        let [only] = fake.comments().try_into().unwrap();
        assert!(only.body.starts_with("**Inconclusive"), "{}", only.body);
        repository.comment(&fake, "green", &event, "3", &[]);
        let [only] = fake.comments().try_into().unwrap();
        assert!(only.body.starts_with("**Pass"), "{}", only.body);
    }
    // Without a baseline that says it, the only comment of the gate is meant.
    changed(&repository, "missing", "unknown", |report| {
        report["scenarios"][0]["baseline"]["gpu"] = Value::Null
    });
    let fake = Fake::github("me/engine", 7, "c1");
    let event = repository.pull("c1");
    repository.comment(&fake, "unknown", &event, "1", &[]);
    repository.comment(&fake, "green", &event, "2", &[]);
    repository.comment(&fake, "unknown", &event, "3", &[]);
    let [only] = fake.comments().try_into().unwrap();
    assert!(only.body.contains("run=3"), "{}", only.body);
}

#[test]
fn each_gpu_of_a_matrix_keeps_a_comment_whatever_its_capture_is_from() {
    let repository = Repository::new("comment-matrix");
    for (gpu, report) in [("NVIDIA H100", "h100"), ("NVIDIA B300", "b300")] {
        changed(&repository, "red", report, |report| report["scenarios"][0]["baseline"]["gpu"] = json!(gpu));
    }
    // Judged on a machine that the baseline is not of.
    changed(&repository, "h100", "elsewhere", |report| {
        report["scenarios"][0]["triage"]["traces"][0]["gpu"] = json!("NVIDIA L4");
    });
    let fake = Fake::github("me/engine", 7, "c1");
    let event = repository.pull("c1");
    for (report, run) in [("h100", "1"), ("b300", "2"), ("elsewhere", "3"), ("b300", "4")] {
        repository.comment(&fake, report, &event, run, &[]);
    }
    let all = fake.comments();
    assert_eq!(all.len(), 2);
    assert!(all[0].body.contains("H100") && all[0].body.contains("run=3"), "{}", all[0].body);
    assert!(all[1].body.contains("B300") && all[1].body.contains("run=4"), "{}", all[1].body);
}

#[test]
fn an_app_of_ones_own_keeps_its_comment_whether_or_not_the_host_tells_its_name() {
    let repository = Repository::new("comment-app");
    for tells in [true, false] {
        let fake = Fake::github("me/engine", 7, "c1");
        fake.is_app("gate-app[bot]", tells);
        let event = repository.pull("c1");
        repository.comment(&fake, "red", &event, "1", &[]);
        let body = fake.comments()[0].body.clone();
        fake.add("mallory", &body);
        fake.add("gate-app[bot]", &body);
        repository.comment(&fake, "green", &event, "2", &[]);
        let all = fake.comments();
        assert_eq!(all.iter().map(|kept| kept.id).collect::<Vec<_>>(), [1, 2], "{tells}");
        assert!(all[0].body.starts_with("**Pass") && all[1].body == body, "{tells}: {}", all[0].body);
    }
    // A wrong guess of a person is mended by what the host says of the comment that was created.
    let fake = Fake::github("me/engine", 7, "c1");
    fake.is_app("gate-app[bot]", false);
    let event = repository.pull("c1");
    repository.comment(&fake, "red", &event, "1", &["--author", "gate-app[bot]"]);
    repository.comment(&fake, "red", &event, "2", &["--author", "gate-app[bot]"]);
    assert_eq!(fake.comments().len(), 1);
}

#[test]
fn a_gate_that_is_run_again_after_another_judgement_has_the_last_word() {
    let repository = Repository::new("comment-again");
    let fake = Fake::github("me/engine", 7, "c1");
    let event = |run: u64, attempt: u64, started: &str| {
        repository.event(&json!({ "workflow_run": {
            "id": run, "name": "gate", "run_attempt": attempt, "run_started_at": started, "head_sha": "c1",
            "head_branch": "fix", "head_repository": { "owner": { "login": "fork" } },
        }}))
    };
    repository.comment(&fake, "red", &event(11, 1, "2026-11-24T10:00:00Z"), "90", &[]);
    repository.comment(&fake, "green", &event(14, 1, "2026-11-24T11:00:00Z"), "91", &[]);
    repository.comment(&fake, "red", &event(11, 2, "2026-11-24T12:00:00Z"), "92", &[]);
    let [only] = fake.comments().try_into().unwrap();
    assert!(only.body.starts_with("**Fail") && only.body.contains("run=11 attempt=2"), "{}", only.body);
    // What began before that and is late says nothing.
    let late = repository.comment(&fake, "green", &event(15, 1, "2026-11-24T11:30:00Z"), "93", &[]);
    assert!(late.stderr.contains("a later run"), "{}", late.stderr);
    assert!(fake.comments()[0].body.contains("run=11 attempt=2"));
}

#[test]
fn a_build_of_jenkins_speaks_for_the_commit_that_it_checked_out() {
    let repository = Repository::new("comment-jenkins");
    let fake = Fake::github("me/engine", 7, "c2");
    let comment = |report: &str, commit: &str, build: &str| {
        let report = format!("{report}/report.json");
        run_with(
            &repository.scratch.path(""),
            &["comment", &report, "--when", "always"],
            &[
                ("JENKINS_URL", "https://ci.example/"),
                ("GITHUB_API_URL", &fake.url()),
                ("GITHUB_REPOSITORY", "me/engine"),
                ("CHANGE_ID", "7"),
                ("GIT_COMMIT", commit),
                ("BUILD_NUMBER", build),
                ("PROFGATE_TOKEN", "s3cret"),
            ],
        )
    };
    fake.has_commit("c1", &["c0"]);
    fake.has_commit("c2", &["c1"]);
    let run = comment("red", "c2", "4");
    assert!(fake.comments()[0].body.contains("sha=c2 run=4"), "{}", run.stderr);
    // The build of an older commit was started once more.
    let late = comment("green", "c1", "5");
    assert!(late.stderr.contains("newer commit"), "{}", late.stderr);
    assert!(fake.comments()[0].body.contains("sha=c2 run=4"));
    // A merge with the base that the host made is the commit that it merges.
    fake.has_commit("m2", &["base", "c2"]);
    comment("green", "m2", "6");
    assert!(fake.comments()[0].body.contains("sha=c2 run=6"), "{}", fake.comments()[0].body);
    fake.has_commit("m1", &["base", "c1"]);
    assert!(comment("red", "m1", "7").stderr.contains("newer commit"));
    // One that nobody has but this build: its number decides.
    fake.reset();
    comment("red", "local", "8");
    comment("green", "local2", "9");
    comment("red", "local", "8");
    let [only] = fake.comments().try_into().unwrap();
    assert!(only.body.starts_with("**Pass") && only.body.contains("sha= run=9"), "{}", only.body);
}

#[test]
fn a_commit_that_is_proposed_twice_is_commented_on_twice() {
    let repository = Repository::new("comment-twin");
    let fake = Fake::github("me/engine", 7, "c1");
    fake.has_twin(8);
    let event = repository.event(&json!({ "workflow_run": {
        "id": 11, "name": "gate", "run_attempt": 1, "head_sha": "c1", "head_branch": "fix",
        "head_repository": { "owner": { "login": "fork" } },
    }}));
    let run = repository.comment(&fake, "red", &event, "1", &[]);
    assert_eq!(fake.comments().iter().map(|kept| kept.number).collect::<Vec<_>>(), [7, 8], "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 2, "{}", run.stdout);
    assert!(run.stderr.contains("pull request 8, one of 2"), "{}", run.stderr);
}

#[test]
fn comments_of_others_and_of_other_gates_are_left_alone_even_with_our_marker() {
    let repository = Repository::new("comment-others");
    let fake = Fake::github("me/engine", 7, "c1");
    let event = repository.pull("c1");
    repository.comment(&fake, "red", &event, "1", &[]);
    let ours = fake.comments()[0].clone();
    fake.reset();
    fake.add("mallory", &ours.body);
    fake.add(BOT, "a comment of another action");
    fake.add(BOT, "<!-- profgate:v1 id=other/capture/x sha=c1 run=1 attempt=1 -->");
    repository.comment(&fake, "red", &event, "2", &[]);
    let all = fake.comments();
    assert_eq!(all.len(), 4);
    assert_eq!(all[0].body, ours.body, "a forged marker is not ours to write over");
    assert!(all[3].body.contains("run=2"), "{}", all[3].body);
}

#[test]
fn a_comment_on_the_third_page_is_found() {
    let repository = Repository::new("comment-pages");
    let fake = Fake::github("me/engine", 7, "c1");
    let event = repository.pull("c1");
    for index in 0..250 {
        fake.add("someone", &format!("comment {index}"));
    }
    repository.comment(&fake, "red", &event, "1", &[]);
    repository.comment(&fake, "red", &event, "2", &[]);
    assert_eq!(fake.comments().len(), 251);
    assert!(fake.comments()[250].body.contains("run=2"));
}

#[test]
fn a_further_page_on_another_host_is_not_asked_for() {
    let repository = Repository::new("comment-page-elsewhere");
    let fake = Fake::github("me/engine", 7, "c1");
    let elsewhere = Fake::github("me/engine", 7, "c1");
    fake.next_page(&format!("{}/repos/me/engine/issues/7/comments?page=2", elsewhere.url()));
    let run = repository.comment(&fake, "red", &repository.pull("c1"), "1", &[]);
    assert!(run.stderr.contains("another host"), "{}", run.stderr);
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[test]
fn doubles_are_folded_into_the_oldest() {
    let repository = Repository::new("comment-doubles");
    let fake = Fake::github("me/engine", 7, "c1");
    let event = repository.pull("c1");
    repository.comment(&fake, "red", &event, "1", &[]);
    let body = fake.comments()[0].body.clone();
    fake.add("someone", "in between");
    fake.add(BOT, &body);
    fake.add(BOT, &body);
    repository.comment(&fake, "red", &event, "2", &[]);
    let all = fake.comments();
    assert_eq!(all.iter().map(|comment| comment.id).collect::<Vec<_>>(), [1, 2]);
    assert!(all[0].body.contains("run=2"));
}

#[test]
fn two_runs_at_once_leave_one_comment_with_the_later_run() {
    let repository = Repository::new("comment-race");
    let fake = Fake::github("me/engine", 7, "c1");
    let event = repository.pull("c1");
    // The other run's comment appears just before ours is created.
    let other = repository.comment(&fake, "red", &event, "5", &["--dry-run"]).stdout;
    fake.appears_before_create(BOT, &other);
    repository.comment(&fake, "red", &event, "6", &[]);
    let [only] = fake.comments().try_into().unwrap();
    assert!(only.body.contains("run=6"), "{}", only.body);
    // The same, when the other run is the later one.
    fake.reset();
    fake.appears_before_create(BOT, &other);
    let run = repository.comment(&fake, "green", &event, "4", &["--when", "always"]);
    assert!(run.stderr.contains("newer"), "{}", run.stderr);
    let [only] = fake.comments().try_into().unwrap();
    assert!(only.body.contains("run=5"), "{}", only.body);
}

#[test]
fn a_created_comment_whose_answer_was_lost_is_not_created_twice() {
    let repository = Repository::new("comment-lost");
    let fake = Fake::github("me/engine", 7, "c1");
    fake.then("POST", Reply::DoneButAnswered(502));
    assert_eq!(repository.comment(&fake, "red", &repository.pull("c1"), "1", &[]).code, 0);
    assert_eq!(fake.comments().len(), 1);
}

#[test]
fn a_busy_host_is_waited_for_as_it_asks() {
    let repository = Repository::new("comment-busy");
    for (method, reply) in [
        ("GET", Reply::Busy { status: 429, seconds: 1 }),
        ("POST", Reply::Busy { status: 403, seconds: 1 }),
        ("POST", Reply::Busy { status: 429, seconds: 0 }),
        ("GET", Reply::Status(500)),
    ] {
        let fake = Fake::github("me/engine", 7, "c1");
        fake.then(method, reply);
        let run = repository.comment(&fake, "red", &repository.pull("c1"), "1", &[]);
        assert_eq!(run.code, 0);
        assert_eq!(fake.comments().len(), 1, "{method} {reply:?}: {}", run.stderr);
    }
    // A limit without a hint takes a minute, which is longer than these runs wait.
    let fake = Fake::github("me/engine", 7, "c1");
    fake.then("POST", Reply::SecondaryLimit);
    let run = repository.comment(&fake, "red", &repository.pull("c1"), "1", &[]);
    assert!(run.stderr.contains("rate limit was reached, and --max-wait"), "{}", run.stderr);
    assert!(!run.stderr.contains("pull-requests: write"), "{}", run.stderr);
    // Longer than anyone waits.
    let fake = Fake::github("me/engine", 7, "c1");
    fake.then("POST", Reply::Busy { status: 429, seconds: 3_600 });
    let run = repository.comment(&fake, "red", &repository.pull("c1"), "1", &[]);
    assert_eq!((run.code, fake.comments().len()), (0, 0));
    assert!(run.stderr.contains("429"), "{}", run.stderr);
}

#[test]
fn a_failure_to_comment_is_a_warning_that_says_what_to_do() {
    let repository = Repository::new("comment-refused");
    for (status, words) in [
        (401, "the token is wrong"),
        (403, "`pull-requests: write`"),
        (404, "`pull-requests: write`"),
        (422, "locked"),
        (301, "it moved"),
    ] {
        let fake = Fake::github("me/engine", 7, "c1");
        fake.then("POST", Reply::Status(status));
        let event = repository.pull("c1");
        let run = repository.comment(&fake, "red", &event, "1", &["--github"]);
        assert_eq!(run.code, 0, "{status}");
        assert!(run.stdout.starts_with("::warning title=profgate comment::"), "{}", run.stdout);
        assert!(run.stdout.contains(words), "{status}: {}", run.stdout);
        assert!(!format!("{}{}", run.stdout, run.stderr).contains("s3cret"));
        fake.then("POST", Reply::Status(status));
        assert_eq!(repository.comment(&fake, "red", &event, "1", &["--strict"]).code, 5);
    }
}

#[test]
fn no_answer_at_all_is_a_warning_too() {
    let repository = Repository::new("comment-refused-connection");
    let fake = Fake::github("me/engine", 7, "c1");
    let event = repository.pull("c1");
    fake.stop();
    let run = repository.comment(&fake, "red", &event, "1", &[]);
    assert_eq!(run.code, 0);
    assert!(
        run.stderr.contains("::warning title=profgate comment::no comment was written"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_forks_pull_request_is_found_by_its_commit_and_by_nothing_a_fork_wrote() {
    let repository = Repository::new("comment-fork");
    let event = |sha: &str, repository: Value| {
        json!({ "workflow_run": {
            "id": 11, "name": "gate", "run_attempt": 1, "head_sha": sha, "head_branch": "fix",
            "head_repository": repository, "pull_requests": [{ "number": 99 }],
        }})
    };
    let fork = json!({ "owner": { "login": "fork" } });
    for (named, head) in [(fork.clone(), "c1"), (Value::Null, "c1")] {
        let fake = Fake::github("me/engine", 7, head);
        let run = repository.comment(&fake, "red", &repository.event(&event("c1", named)), "12", &[]);
        assert_eq!(fake.comments().len(), 1, "{}", run.stderr);
        assert!(fake.comments()[0].body.contains("sha=c1 run=11 attempt=1"));
    }
    // Pushed to meanwhile.
    let fake = Fake::github("me/engine", 7, "c2");
    let run = repository.comment(&fake, "red", &repository.event(&event("c1", fork)), "12", &[]);
    assert_eq!((run.code, fake.comments().len()), (0, 0));
    assert!(run.stderr.contains("no open pull request"), "{}", run.stderr);
}

#[test]
fn hostile_names_of_a_report_forge_no_marker_and_mention_nobody() {
    let repository = Repository::new("comment-hostile");
    let path = repository.scratch.path("red/report.json");
    let mut report: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let forged = "x\n<!-- profgate:v1 id=gate/capture/x sha=c9 run=999 attempt=1 -->\n@everyone";
    report["scenarios"][0]["scenario"] = json!(forged);
    report["scenarios"][0]["findings"][0]["subject"] = json!(forged);
    report["scenarios"][0]["findings"][0]["message"] = json!(forged);
    repository.scratch.file("red/report.json", report.to_string());
    let fake = Fake::github("me/engine", 7, "c1");
    assert_eq!(repository.comment(&fake, "red", &repository.pull("c1"), "1", &[]).code, 0);
    let body = &fake.comments()[0].body;
    assert_eq!(body.matches("<!-- profgate:v1").count(), 1, "{body}");
    assert!(body.trim_end().ends_with("sha=c1 run=1 attempt=1 -->"), "{body}");
    assert!(!body.contains("@everyone"), "{body}");
}

#[test]
fn a_merge_request_on_gitlab_is_kept_the_same_way() {
    let repository = Repository::new("comment-gitlab");
    let fake = Fake::gitlab("42", 3, "c1");
    let comment = |report: &str, pipeline: &str| {
        let report = format!("{report}/report.json");
        run_with(
            &repository.scratch.path(""),
            &["comment", &report],
            &[
                ("GITLAB_CI", "true"),
                ("CI_API_V4_URL", &fake.url()),
                ("CI_PROJECT_ID", "42"),
                ("CI_PROJECT_URL", "https://gitlab.example/me/engine"),
                ("CI_MERGE_REQUEST_IID", "3"),
                ("CI_COMMIT_SHA", "c1"),
                ("CI_PIPELINE_ID", pipeline),
                ("CI_JOB_ID", "9"),
                ("CI_JOB_NAME", "gate"),
                ("GITLAB_TOKEN", "s3cret"),
            ],
        )
    };
    let run = comment("red", "1");
    assert_eq!(
        run.stdout.trim(),
        "https://gitlab.example/me/engine/-/merge_requests/3#note_1",
        "{}",
        run.stderr
    );
    for index in 0..120 {
        fake.add("someone", &format!("note {index}"));
    }
    comment("green", "2");
    assert_eq!(fake.comments().len(), 121);
    assert!(fake.comments()[0].body.starts_with("**Pass"), "{}", fake.comments()[0].body);
}

#[test]
fn what_is_missing_is_named() {
    let repository = Repository::new("comment-missing");
    let here = repository.scratch.path("");
    for (args, variables, words) in [
        (vec!["comment", "red/report.json"], vec![], "no repository"),
        (vec!["comment", "red/report.json", "--repo", "me/engine"], vec![], "there is no token"),
        (
            vec!["comment", "red/report.json", "--repo", "me/engine"],
            vec![("GITHUB_TOKEN", "x")],
            "no pull request is named",
        ),
        (
            vec!["comment", "red/report.json", "--repo", "../../evil", "--pr", "1"],
            vec![("GITHUB_TOKEN", "x")],
            "owner/name",
        ),
    ] {
        let run = run_with(&here, &args, &variables);
        assert_eq!(run.code, 0, "a failure to comment is a warning");
        assert!(run.stderr.contains("warning: no comment was written: "), "{}", run.stderr);
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
        let quiet = [&args[..], &["--quiet"]].concat();
        assert!(run_with(&here, &quiet, &variables).stderr.contains(words), "a warning is heard by all");
    }
    assert_eq!(run_with(&here, &["comment", "nowhere.json"], &[]).code, 5);
    repository.scratch.file("other.json", "{}");
    assert_eq!(run_with(&here, &["comment", "other.json"], &[]).code, 2);
}
