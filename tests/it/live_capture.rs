//! Captures of a server that answers as each engine does.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::live_fake::{Engine, Fake, Setup, Trick};
use crate::support::{Run, Scratch, arg, run_in};

/// Requests short enough for a test.
pub const SHORT: [&str; 12] = [
    "--prefill-shape",
    "64:1",
    "--decode-shape",
    "1:2000",
    "--decode-batch",
    "4",
    "--warmup",
    "2",
    "--num-steps",
    "3",
    "--timeout",
    "20",
];

/// Arguments after the short ones, which give way to options of the same name.
pub fn short<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let own = SHORT.chunks(2).filter(|pair| !more.contains(&pair[0])).flatten().copied();
    own.chain(more.iter().copied()).collect()
}

/// Captures into `capture` of a scratch folder.
pub fn capture(fake: &Fake, scratch: &Scratch, more: &[&str]) -> Run {
    let start = ["capture", "--url", &fake.url, "-o", "capture"];
    run_in(&scratch.path(""), &[&start[..], &short(more)].concat())
}

fn manifest(scratch: &Scratch) -> Value {
    serde_json::from_str(&std::fs::read_to_string(scratch.path("capture/capture.json")).unwrap()).unwrap()
}

/// Every file below a folder, with its content as text.
pub fn everything(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.push((path.clone(), String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()));
        }
    }
    found
}

/// A server's directory for vLLM, which was told at its own start.
pub fn vllm(engine: Engine, scratch: &Scratch) -> Setup {
    let dir = scratch.path("server");
    std::fs::create_dir_all(&dir).unwrap();
    Setup { dir, ..Setup::new(engine) }
}

/// Stage, steps of prefill and decode, and rank of every file.
fn recorded(manifest: &Value) -> Vec<(String, u64, u64, u64)> {
    let number = |value: &Value, key: &str| value[key].as_u64().unwrap();
    let mut all = Vec::new();
    for profile in manifest["profiles"].as_array().unwrap() {
        for file in profile["files"].as_array().unwrap() {
            let stage = profile["stage"].as_str().unwrap().to_owned();
            all.push((
                stage,
                number(file, "prefill_steps"),
                number(file, "decode_steps"),
                number(file, "rank"),
            ));
        }
    }
    all
}

fn entry(stage: &str, prefill: u64, decode: u64, rank: u64) -> (String, u64, u64, u64) {
    (stage.to_owned(), prefill, decode, rank)
}

#[test]
fn sglang_becomes_a_folder_with_both_stages_of_every_rank() {
    let scratch = Scratch::new("live-sglang");
    let fake = Fake::start(Setup { ranks: 2, ..Setup::new(Engine::Sglang) });
    let run = capture(&fake, &scratch, &[]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let manifest = manifest(&scratch);
    let wanted = [
        entry("prefill", 3, 0, 0),
        entry("prefill", 3, 0, 1),
        entry("decode", 0, 3, 0),
        entry("decode", 0, 3, 1),
    ];
    assert_eq!(recorded(&manifest), wanted);
    assert_eq!(manifest["framework"], "sglang");
    assert_eq!(manifest["version"], "0.5.23");
    // The profile ended by itself: a stop would be one request too many.
    assert_eq!(fake.profiler_calls(), ["POST /start_profile"; 2]);
    for profile in manifest["profiles"].as_array().unwrap() {
        for file in profile["files"].as_array().unwrap() {
            let bytes = std::fs::read(scratch.path("capture").join(file["path"].as_str().unwrap())).unwrap();
            assert_eq!(file["bytes"], bytes.len() as u64);
            assert_eq!(file["sha256"], profgate::source::sha256(&bytes));
        }
        assert_eq!(profile["sent"]["uncounted"], 0);
    }
    let decode = &manifest["profiles"][1]["files"][0];
    assert_eq!(decode["decode_batch"], 4, "the batch is a real one");
    let args: Value =
        serde_json::from_str(&std::fs::read_to_string(scratch.path("capture/server_args.json")).unwrap())
            .unwrap();
    assert_eq!(args["tp_size"], 2);
    assert!(args.get("launch_command").is_none() && args.get("api_key").is_none());
    let triage = run_in(&scratch.path(""), &["triage", "capture", "--format", "json"]);
    assert_eq!(triage.code, 0, "{}", triage.stderr);
    assert!(!triage.stderr.contains("left out"), "the manifest is no surprise: {}", triage.stderr);
    let triage: Value = serde_json::from_str(&triage.stdout).unwrap();
    assert_eq!(triage["traces"].as_array().unwrap().len(), 2);
}

#[test]
fn vllm_is_stopped_each_time_and_its_files_are_copied() {
    let scratch = Scratch::new("live-vllm");
    let fake = Fake::start(Setup { ranks: 2, ..vllm(Engine::Vllm, &scratch) });
    std::fs::write(scratch.path("server/rank0.1.pt.trace.json.gz"), b"an older profile").unwrap();
    let run = capture(&fake, &scratch, &["--local-dir", "server"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let manifest = manifest(&scratch);
    let wanted = [
        entry("prefill", 3, 0, 0),
        entry("prefill", 3, 0, 1),
        entry("decode", 0, 3, 0),
        entry("decode", 0, 3, 1),
    ];
    assert_eq!(recorded(&manifest), wanted);
    let calls = ["POST /start_profile", "POST /stop_profile", "POST /start_profile", "POST /stop_profile"];
    assert_eq!(fake.profiler_calls(), calls);
    assert!(manifest["profiles"][0]["left_out"][0].as_str().unwrap().contains("async_llm"));
    assert!(scratch.path("server/rank0.1.pt.trace.json.gz").exists(), "the server's files stay");
}

#[test]
fn an_old_vllm_is_stopped_after_the_steps() {
    let scratch = Scratch::new("live-vllm-old");
    let fake = Fake::start(vllm(Engine::VllmOld, &scratch));
    let run = capture(&fake, &scratch, &["--local-dir", "server", "--stage", "decode"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let all = recorded(&manifest(&scratch));
    assert!(all.len() == 1 && all[0].2 >= 3, "{all:?}");
}

#[test]
fn an_old_sglang_that_answers_start_at_the_end_is_captured_too() {
    let scratch = Scratch::new("live-sglang-old");
    let fake = Fake::start(Setup::new(Engine::SglangOld));
    let run = capture(&fake, &scratch, &["--stage", "prefill"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert_eq!(recorded(&manifest(&scratch)), [entry("prefill", 3, 0, 0)]);
}

#[test]
fn tensorrt_llm_and_tokenspeed_have_their_own_files() {
    for (engine, name) in [(Engine::TensorRtLlm, "tensorrt-llm"), (Engine::TokenSpeed, "tokenspeed")] {
        let scratch = Scratch::new(&format!("live-{name}"));
        let fake = Fake::start(Setup { ranks: 2, ..Setup::new(engine) });
        let run = capture(&fake, &scratch, &[]);
        assert_eq!(run.code, 0, "{name}: {}{}", run.stdout, run.stderr);
        let manifest = manifest(&scratch);
        assert_eq!(manifest["framework"], name);
        assert_eq!(recorded(&manifest).len(), 4);
        let has_note = run.stderr.contains("marks no step");
        assert_eq!(has_note, engine == Engine::TokenSpeed, "{}", run.stderr);
    }
}

#[test]
fn by_stage_fills_both_files_in_one_go() {
    let scratch = Scratch::new("live-by-stage");
    let fake = Fake::start(Setup::new(Engine::Sglang));
    let run = capture(&fake, &scratch, &["--profile-by-stage"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert_eq!(recorded(&manifest(&scratch)), [entry("by-stage", 3, 0, 0), entry("by-stage", 0, 3, 0)]);
    let start = fake.calls().into_iter().find(|call| call.path == "/start_profile").unwrap().json();
    assert_eq!((&start["num_steps"], &start["profile_by_stage"]), (&Value::from(3), &Value::from(true)));
}

#[test]
fn disaggregated_workers_are_profiled_at_their_own_urls() {
    let scratch = Scratch::new("live-pd");
    let prefill = Fake::start(Setup::new(Engine::Sglang).trick(Trick::PrefillWorker));
    let decode = Fake::start(Setup::new(Engine::Sglang).trick(Trick::DecodeWorker));
    let workers = vec![prefill.shared.clone(), decode.shared.clone()];
    let router = Fake::start(Setup { workers, ..Setup::new(Engine::Sglang) });
    let run = capture(&router, &scratch, &["--prefill-url", &prefill.url, "--decode-url", &decode.url]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert_eq!(recorded(&manifest(&scratch)), [entry("prefill", 3, 0, 0), entry("decode", 0, 3, 0)]);
    assert_eq!(router.profiler_calls(), Vec::<String>::new());
    assert_eq!((prefill.profiler_calls().len(), decode.profiler_calls().len()), (1, 1));
    // One worker cannot do both, whichever way it is asked.
    for more in
        [&[][..], &["--profile-by-stage"], &["--prefill-url", &prefill.url, "--decode-url", &prefill.url]]
    {
        let scratch = Scratch::new("live-pd-refused");
        let run = capture(&prefill, &scratch, more);
        assert_eq!(run.code, 2, "{more:?}: {}", run.stderr);
        assert!(run.stderr.contains("worker"), "{}", run.stderr);
    }
    assert_eq!(prefill.profiler_calls().len(), 1, "what is refused is not sent");
}

#[test]
fn a_directory_has_two_names_where_the_server_sees_another() {
    let scratch = Scratch::new("live-mapped");
    // The server's path is a link here, as a mount would be.
    std::fs::create_dir_all(scratch.path("disk")).unwrap();
    let seen = scratch.path("seen");
    std::os::unix::fs::symlink(scratch.path("disk"), &seen).unwrap();
    let fake = Fake::start(Setup::new(Engine::Sglang));
    let run =
        capture(&fake, &scratch, &["--server-dir", arg(&seen), "--local-dir", "disk", "--stage", "prefill"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let manifest = manifest(&scratch);
    assert!(manifest["profiles"][0]["server_dir"].as_str().unwrap().starts_with(arg(&seen)));
    assert!(
        scratch.path("capture").join(manifest["profiles"][0]["files"][0]["path"].as_str().unwrap()).exists()
    );
}

#[test]
fn repeats_are_one_set() {
    let scratch = Scratch::new("live-repeats");
    let fake = Fake::start(Setup::new(Engine::Sglang));
    let run = capture(&fake, &scratch, &["--repeats", "2", "--stage", "decode"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert_eq!(manifest(&scratch)["captures"], serde_json::json!(["repeat-1", "repeat-2"]));
    let prompts: Vec<String> = fake
        .calls()
        .into_iter()
        .filter(|call| call.path == "/generate")
        .map(|call| call.json()["input_ids"].to_string())
        .collect();
    let distinct: std::collections::BTreeSet<&String> = prompts.iter().collect();
    assert_eq!(distinct.len(), prompts.len(), "no prompt is sent twice");
    let recorded = run_in(&scratch.path(""), &["baseline", "record", "capture", "-o", "baseline.yaml"]);
    assert_eq!(recorded.code, 0, "{}{}", recorded.stdout, recorded.stderr);
    let baseline = std::fs::read_to_string(scratch.path("baseline.yaml")).unwrap();
    assert!(baseline.contains("captures: 2"), "{baseline:.600}");
}

#[test]
fn a_load_generator_takes_the_place_of_the_requests() {
    let scratch = Scratch::new("live-command");
    let fake = Fake::start(Setup::new(Engine::Sglang));
    let body = r#"{"input_ids":[20,21,22],"sampling_params":{"max_new_tokens":9}}"#;
    // Plain shell: bash can open a connection by itself.
    let send = format!(
        "exec 3<>/dev/tcp/127.0.0.1/${{PROFGATE_URL##*:}}; printf 'POST /generate HTTP/1.1\\r\\ncontent-length: {}\\r\\n\\r\\n%s' '{body}' >&3; head -c 20 <&3 >/dev/null",
        body.len()
    );
    let command = format!("bash -c {:?}", send.replace('$', "\\$")).replace("\\\\$", "\\$");
    let file = scratch.file("load.sh", send);
    let run = capture(&fake, &scratch, &["--workload-command", &format!("bash {}", arg(&file))]);
    assert_eq!(run.code, 0, "{command}: {}{}", run.stdout, run.stderr);
    assert_eq!(recorded(&manifest(&scratch)), [entry("workload", 1, 2, 0)]);
    // One that fails ends the profile.
    let scratch = Scratch::new("live-command-fails");
    let run = capture(&fake, &scratch, &["--workload-command", "exit 7"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("exit status: 7") && run.stderr.contains("was stopped"), "{}", run.stderr);
    assert!(!fake.is_profiling());
}

#[test]
fn triage_captures_first_and_so_does_its_mapping() {
    let scratch = Scratch::new("live-triage");
    let (eager, graphs) = (Fake::start(Setup::new(Engine::Sglang)), Fake::start(Setup::new(Engine::Sglang)));
    let urls = ["triage", "--mapping-url", &eager.url, "--formal-url", &graphs.url, "--profile-by-stage"];
    let run = run_in(&scratch.path(""), &[&urls[..], &SHORT[..]].concat());
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(scratch.path("profgate-capture/mapping/capture.json").exists());
    assert!(scratch.path("profgate-capture/formal/capture.json").exists());
    assert!(run.stdout.contains("all_reduce") || run.stdout.contains("nccl"), "{}", run.stdout);
    let again = run_in(&scratch.path(""), &[&["triage", "--url", &graphs.url][..], &SHORT[..]].concat());
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(scratch.path("profgate-capture-2/capture.json").exists(), "an older capture is not mixed with");
}

#[test]
fn a_scenario_may_name_a_server() {
    let scratch = Scratch::new("live-check");
    let fake = Fake::start(Setup::new(Engine::Sglang));
    let config = format!(
        "schema: 1\nscenarios:\n  decode:\n    server:\n      url: {}\n      stages: [decode]\n      num-steps: 3\n      workload: {{ decode: \"1:2000\", decode-batch: 4, warmup: 2 }}\n    baseline: b.yaml\n",
        fake.url
    );
    scratch.file("profgate.yaml", &config);
    let here = scratch.path("");
    let seeded = run_in(&here, &["check", "--on-missing-baseline", "seed"]);
    assert_eq!(seeded.code, 0, "{}{}", seeded.stdout, seeded.stderr);
    let checked = run_in(&here, &["check"]);
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    // Traces of another job take the server's place.
    let before = fake.calls().len();
    let given = run_in(&here, &["check", "--input", "decode=profgate-capture/decode"]);
    assert_eq!(given.code, 0, "{}{}", given.stdout, given.stderr);
    assert_eq!(fake.calls().len(), before);
    // A server that is gone is a capture that failed, in a report like any other.
    drop(fake);
    std::thread::sleep(std::time::Duration::from_millis(50));
    let gone = run_in(&here, &["check"]);
    assert_eq!(gone.code, 5, "{}{}", gone.stdout, gone.stderr);
    let report = std::fs::read_to_string(scratch.path("profgate-report/report.json")).unwrap();
    assert!(report.contains("capture-failed") && report.contains("connection refused"), "{report}");
}

#[test]
fn a_server_of_the_command_line_is_judged_and_one_that_is_gone_has_a_report_too() {
    let scratch = Scratch::new("live-check-url");
    let fake = Fake::start(Setup::new(Engine::Sglang));
    let here = scratch.path("");
    let check = |more: &[&str]| {
        let fixed = ["check", "--baseline", "b.yaml", "--url", &fake.url, "--stage", "decode"];
        run_in(&here, &[&fixed[..], &SHORT[..], more].concat())
    };
    let seeded = check(&["--on-missing-baseline", "seed", "--capture-dir", "first"]);
    assert_eq!(seeded.code, 0, "{}{}", seeded.stdout, seeded.stderr);
    assert!(scratch.path("first/capture.json").exists());
    let checked = check(&[]);
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    // Neither is it guessed which scenario a server is for, nor what is to be judged.
    let both = check(&["first"]);
    assert!(both.code == 2 && both.stderr.contains("both a server and traces"), "{}", both.stderr);
    let scenario = |name: &str| format!("  {name}:\n    input: first\n    baseline: b.yaml\n");
    scratch.file("profgate.yaml", format!("schema: 1\nscenarios:\n{}{}", scenario("a"), scenario("b")));
    let which = run_in(&here, &["check", "--url", &fake.url]);
    assert!(which.code == 2 && which.stderr.contains("which scenario"), "{}", which.stderr);
    let url = fake.url.clone();
    drop(fake);
    std::thread::sleep(std::time::Duration::from_millis(50));
    for args in [&["check", "--baseline", "b.yaml", "--url", &url][..], &["check", "a", "--url", &url]] {
        std::fs::remove_dir_all(scratch.path("profgate-report")).unwrap();
        let gone = run_in(&here, args);
        assert_eq!(gone.code, 5, "{}{}", gone.stdout, gone.stderr);
        for file in ["report.json", "junit.xml", "comment.md"] {
            let report = std::fs::read_to_string(scratch.path("profgate-report").join(file)).unwrap();
            assert!(report.contains("capture-failed") && report.contains("connection refused"), "{report}");
        }
    }
}

#[test]
fn a_diffusion_server_is_profiled_by_its_request() {
    for (medium, more, ranks) in [
        ("image", &[][..], 1),
        ("video", &["--diffusion-size", "640x480"], 1),
        ("image", &["--diffusion-all-stages", "--ranks", "2"], 2),
    ] {
        let scratch = Scratch::new("live-diffusion");
        let fake = Fake::start(Setup { ranks: 2, ..vllm(Engine::SglangDiffusion, &scratch) });
        let log = scratch.file("server.log", "Uvicorn running\n");
        let own = ["--diffusion", medium, "--local-dir", "server", "--server-log", arg(&log)];
        let run = capture(&fake, &scratch, &[&own[..], more].concat());
        assert_eq!(run.code, 0, "{medium} {more:?}: {}{}", run.stdout, run.stderr);
        let manifest = manifest(&scratch);
        assert_eq!(manifest["profiles"][0]["stage"], "diffusion");
        assert_eq!(manifest["profiles"][0]["files"].as_array().unwrap().len(), ranks);
        assert_eq!(fake.profiler_calls(), Vec::<String>::new());
        let posts: Vec<Value> =
            fake.calls().iter().filter(|call| call.method == "POST").map(|call| call.json()).collect();
        assert_eq!(posts.len(), 2, "one to warm up and one to record");
        assert_eq!(
            (&posts[0]["profile"], &posts[1]["num_profiled_timesteps"]),
            (&Value::Null, &Value::from(3))
        );
    }
}

#[test]
fn a_diffusers_backend_is_not_profiled() {
    let scratch = Scratch::new("live-diffusers");
    let fake = Fake::start(vllm(Engine::SglangDiffusion, &scratch));
    let log = scratch.file("server.log", "start\nno native pipeline. Falling back to diffusers backend\n");
    let own = ["--diffusion", "image", "--local-dir", "server", "--server-log", arg(&log)];
    let run = capture(&fake, &scratch, &own);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("server.log:2: no native pipeline"), "{}", run.stderr);
    assert!(fake.calls().is_empty(), "what is refused is not sent");
    // A video that fails is told at once, and not after the longest wait.
    let fake = Fake::start(vllm(Engine::SglangDiffusion, &scratch).trick(Trick::VideoFails));
    let run = capture(&fake, &scratch, &["--diffusion", "video", "--local-dir", "server", "--warmup", "0"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("the request of the diffusion server failed"), "{}", run.stderr);
}
