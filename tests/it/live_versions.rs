//! The versions of each engine: their endpoints, file names and marks, and routers in front of them.

use serde_json::Value;

use crate::live_capture::{capture, vllm};
use crate::live_fake::{Engine, Fake, Setup, Trick};
use crate::support::{Scratch, arg};

/// A version, how it is captured, and what its files are called.
struct Case {
    engine: Engine,
    version: &'static str,
    trick: Option<Trick>,
    is_by_stage: bool,
    names: [&'static str; 2],
}

fn case(engine: Engine, version: &'static str, names: [&'static str; 2]) -> Case {
    Case { engine, version, trick: None, is_by_stage: false, names }
}

fn cases() -> Vec<Case> {
    let by_stage = |version, names| Case { is_by_stage: true, ..case(Engine::Sglang, version, names) };
    let python_310 = ["TP-0-ForwardMode.EXTEND.trace.json.gz", "TP-0-ForwardMode.DECODE.trace.json.gz"];
    let stages = ["TP-0-EXTEND.trace.json.gz", "TP-0-DECODE.trace.json.gz"];
    let plain = ["TP-0.trace.json.gz"; 2];
    let vllm = ["rank0."; 2];
    vec![
        case(Engine::SglangOld, "0.4.6.post5", plain),
        case(Engine::Sglang, "0.5.2", plain),
        by_stage("0.5.2", ["TP-0-1.trace.json.gz", "TP-0-2.trace.json.gz"]),
        Case { trick: Some(Trick::Python310), ..by_stage("0.5.2", python_310) },
        case(Engine::Sglang, "0.5.6.post2", plain),
        by_stage("0.5.6.post2", stages),
        case(Engine::Sglang, "0.5.10.post1", plain),
        by_stage("0.5.10.post1", stages),
        by_stage("0.5.23", stages),
        case(Engine::VllmOld, "0.11.2", ["-rank-0."; 2]),
        case(Engine::VllmOld, "0.14.1", ["-rank-0."; 2]),
        case(Engine::VllmOld, "0.20.2", vllm),
        case(Engine::Vllm, "0.32.0", vllm),
        case(Engine::TensorRtLlm, "1.3.0", ["-rank-0.json"; 2]),
        case(Engine::TokenSpeed, "0.1.1", ["-TP0.trace.json.gz"; 2]),
    ]
}

#[test]
fn every_version_is_captured_with_both_stages() {
    for case in cases() {
        let what = format!("{:?} {} by stage: {}", case.engine, case.version, case.is_by_stage);
        let scratch = Scratch::new("live-version");
        let mut setup = Setup { version: Some(case.version), ..vllm(case.engine, &scratch) };
        setup.tricks.extend(case.trick);
        let fake = Fake::start(setup);
        let local: &[&str] = match case.engine {
            Engine::Vllm | Engine::VllmOld => &["--local-dir", "server"],
            _ => &[],
        };
        let by_stage: &[&str] = if case.is_by_stage { &["--profile-by-stage"] } else { &[] };
        let run = capture(&fake, &scratch, &[local, by_stage].concat());
        assert_eq!(run.code, 0, "{what}: {}{}", run.stdout, run.stderr);
        let text = std::fs::read_to_string(scratch.path("capture/capture.json")).unwrap();
        let manifest: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(manifest["version"], case.version, "{what}");
        let profiles = manifest["profiles"].as_array().unwrap();
        let files: Vec<&Value> =
            profiles.iter().flat_map(|profile| profile["files"].as_array().unwrap()).collect();
        assert_eq!(files.len(), 2, "{what}: {files:?}");
        for (file, name) in files.iter().zip(case.names) {
            assert!(file["path"].as_str().unwrap().contains(name), "{what}: {file} is no {name}");
            assert_eq!(file["rank"], 0, "{what}");
        }
        // TokenSpeed marks no step.
        if case.engine != Engine::TokenSpeed {
            assert!(files[0]["prefill_steps"].as_u64().unwrap() >= 3, "{what}: {}", files[0]);
            assert!(files[1]["decode_steps"].as_u64().unwrap() >= 3, "{what}: {}", files[1]);
            assert_eq!(files[1]["decode_batch"], 4, "{what}");
        }
        // What the traces tell of the machine.
        for profile in profiles {
            for key in ["gpu", "runtime", "driver"] {
                assert!(profile[key].as_str().is_some_and(|text| !text.is_empty()), "{what}: {key}");
            }
        }
        for start in fake.calls().iter().filter(|call| call.path == "/start_profile") {
            assert!(start.json().get("profile_id").is_none(), "{what}: not every version has it");
        }
    }
}

#[test]
fn stages_are_not_asked_of_a_version_that_ignores_them() {
    let scratch = Scratch::new("live-old-stages");
    let fake = Fake::start(Setup::new(Engine::SglangOld));
    let run = capture(&fake, &scratch, &["--profile-by-stage"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("SGLang 0.4.6.post5 cannot tell the stages apart"), "{}", run.stderr);
    assert_eq!(fake.profiler_calls(), Vec::<String>::new());
}

#[test]
fn the_role_of_an_older_worker_is_told_under_the_older_name() {
    let scratch = Scratch::new("live-old-role");
    let setup = Setup { version: Some("0.5.2"), ..Setup::new(Engine::Sglang) };
    let fake = Fake::start(setup.trick(Trick::PrefillWorker));
    let run = capture(&fake, &scratch, &["--profile-by-stage"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("is a prefill worker"), "{}", run.stderr);
}

#[test]
fn a_second_start_is_refused_by_those_that_tell() {
    for (engine, words) in
        [(Engine::TensorRtLlm, "answered 409"), (Engine::TokenSpeed, "Profiling is already in progress")]
    {
        let scratch = Scratch::new("live-second");
        let fake = Fake::start(Setup::new(engine));
        fake.occupy(scratch.path("elsewhere"));
        let run = capture(&fake, &scratch, &["--stage", "prefill"]);
        assert_eq!(run.code, 5, "{engine:?}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{engine:?}: {}", run.stderr);
        assert!(fake.is_profiling(), "{engine:?}: somebody else's profile is left alone");
    }
}

#[test]
fn a_router_whose_worker_refuses_leaves_no_other_running() {
    let scratch = Scratch::new("live-partly");
    let fake = Fake::start(Setup::new(Engine::Sglang).trick(Trick::PartlyStarted));
    let run = capture(&fake, &scratch, &["--stage", "prefill"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("worker http://w2 refused"), "{}", run.stderr);
    assert!(run.stderr.contains("the profile was stopped"), "{}", run.stderr);
    assert_eq!(fake.profiler_calls(), ["POST /start_profile", "POST /stop_profile"]);
    assert!(!fake.is_profiling());
    // A stop that one worker refuses is no stop.
    let scratch = Scratch::new("live-partly-stopped");
    let tricks = Setup::new(Engine::TokenSpeed).trick(Trick::PartlyStopped).trick(Trick::RequestStatus(400));
    let run = capture(&Fake::start(tricks), &scratch, &["--stage", "prefill"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("was not carried out everywhere (worker http://w2"), "{}", run.stderr);
}

#[test]
fn a_sidecar_that_knows_the_profiler_alone_is_named_and_driven_from_outside() {
    let scratch = Scratch::new("live-sidecar");
    let fake = Fake::start(Setup::new(Engine::Sglang).trick(Trick::Sidecar));
    let body = r#"{"input_ids":[20,21,22],"sampling_params":{"max_new_tokens":9}}"#;
    let load = format!(
        "exec 3<>/dev/tcp/127.0.0.1/${{PROFGATE_URL##*:}}; printf 'POST /generate HTTP/1.1\\r\\ncontent-length: {}\\r\\n\\r\\n%s' '{body}' >&3; head -c 20 <&3 >/dev/null",
        body.len()
    );
    let load = scratch.file("load.sh", load);
    let command = format!("bash {}", arg(&load));
    let unnamed = capture(&fake, &scratch, &["--workload-command", &command]);
    assert_eq!(unnamed.code, 5, "{}", unnamed.stderr);
    assert!(unnamed.stderr.contains("--framework"), "{}", unnamed.stderr);
    let run = capture(&fake, &scratch, &["--framework", "sglang", "--workload-command", &command]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
}

#[test]
fn a_fall_back_that_the_log_tells_during_the_capture_refuses_it_at_once() {
    let scratch = Scratch::new("live-falls-back");
    let fake = Fake::start(vllm(Engine::SglangDiffusion, &scratch).trick(Trick::FallsBack));
    let log = scratch.file("server/server.log", "Uvicorn running\n");
    let own = ["--diffusion", "image", "--local-dir", "server", "--server-log", arg(&log)];
    // Waited for to its end, it would be told otherwise.
    let run = capture(&fake, &scratch, &[&own[..], &["--timeout", "60"]].concat());
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("server.log:2: WARNING: Falling back"), "{}", run.stderr);
    assert!(run.stderr.contains("the request runs on to its end"), "{}", run.stderr);
    assert!(!scratch.path("capture/capture.json").exists());
}
