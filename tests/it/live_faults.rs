//! Servers that go wrong: what the user reads, what the server is left in, and that it can be captured again.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::live_capture::{capture, everything, short, vllm};
use crate::live_fake::{Engine, Fake, Setup, Trick};
use crate::support::{Run, STATE, Scratch, arg, run_in};

const QUICK: [&str; 2] = ["--timeout", "2"];

fn sglang(trick: Trick) -> Fake {
    Fake::start(Setup::new(Engine::Sglang).trick(trick))
}

/// Captures prefill alone, with little patience.
fn impatient(fake: &Fake, name: &str, more: &[&str]) -> Run {
    let scratch = Scratch::new(name);
    let start = ["capture", "--url", &fake.url, "-o", "capture", "--stage", "prefill"];
    run_in(&scratch.path(""), &[&start[..], &short(&[&QUICK[..], more].concat())].concat())
}

#[test]
fn files_that_grow_or_come_late_are_waited_for() {
    for (name, trick) in [("growing", Trick::GrowingFiles), ("slow", Trick::SlowFlush(1500))] {
        let scratch = Scratch::new(&format!("live-{name}"));
        let run = capture(&sglang(trick), &scratch, &["--stage", "decode"]);
        assert_eq!(run.code, 0, "{name}: {}{}", run.stdout, run.stderr);
        assert!(run.stdout.contains("3 steps (0 prefill, 3 decode)"), "{name}: {}", run.stdout);
    }
}

#[test]
fn a_200_proves_nothing() {
    for (name, trick, words) in [
        ("nothing", Trick::RecordsNothing, "the server wrote no file"),
        ("cut", Trick::CutOff, "its gzip data end early"),
        ("stub", Trick::Stub, "the server wrote no file"),
    ] {
        let run = impatient(&sglang(trick), &format!("live-{name}"), &[]);
        assert_eq!(run.code, 5, "{name}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{name}: {}", run.stderr);
        assert!(
            run.stderr.contains("the server was told /") || name == "cut",
            "both names of it: {}",
            run.stderr
        );
    }
}

#[test]
fn missing_ranks_are_told_by_number() {
    let setup = Setup { ranks: 4, ..Setup::new(Engine::Sglang) };
    let fake = Fake::start(setup.trick(Trick::MissingRank(1)).trick(Trick::MissingRank(3)));
    let run = impatient(&fake, "live-ranks", &[]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("no trace of ranks 1, 3 after 2 s, 2 files there"), "{}", run.stderr);
}

#[test]
fn a_server_that_dies_after_its_200_is_told_from_one_that_is_busy() {
    let run = impatient(&sglang(Trick::DiesAfterStart), "live-dies", &[]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("the server has ended"), "{}", run.stderr);
}

#[test]
fn every_refusal_of_the_start_is_told_with_what_to_do() {
    for (status, words, state) in [
        (400, "answered 400", "was not started"),
        (401, "PROFGATE_ADMIN_API_KEY", "was not started"),
        (403, "does not open this endpoint", "was not started"),
        (404, "name the server itself", "was not started"),
        (405, "--framework names another engine", "was not started"),
        (409, "was left alone", "was left alone"),
        (500, "server's log", "was not started"),
        (502, "a router stands in front", ""),
        (504, "a router stands in front", ""),
        (307, "a key is not sent to another one", "was not started"),
    ] {
        let fake = sglang(Trick::StartStatus(status));
        let run = impatient(&fake, &format!("live-{status}"), &[]);
        assert_eq!(run.code, 5, "{status}: {}", run.stderr);
        assert!(run.stderr.contains(words) && run.stderr.contains(state), "{status}: {}", run.stderr);
        let starts = fake.profiler_calls().iter().filter(|call| call.contains("start")).count();
        assert_eq!(starts, 1, "{status}: a start is never repeated");
        if status == 409 {
            assert_eq!(fake.profiler_calls().len(), 1, "somebody else's profile is left alone");
        }
    }
}

#[test]
fn a_gateway_names_its_workers_and_an_encoder_that_starts_is_waited_for() {
    let gateway = sglang(Trick::Gateway);
    let run = impatient(&gateway, "live-gateway", &[]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    let workers = "http://10.0.0.1:30000 (prefill), http://10.0.0.2:30000 (decode)";
    assert!(run.stderr.contains(workers) && run.stderr.contains("--prefill-url"), "{}", run.stderr);
    let encoder = sglang(Trick::EncoderNotReady);
    let run = impatient(&encoder, "live-encoder", &[]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(
        run.stderr.contains("encoder not ready") && run.stderr.contains("still starting"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("a router stands in front"), "{}", run.stderr);
    for fake in [&gateway, &encoder] {
        assert_eq!(fake.profiler_calls(), ["POST /start_profile"], "nothing was started");
    }
}

#[test]
fn a_stop_that_takes_longer_than_the_patience_for_files_is_waited_for() {
    let fake = Fake::start(
        Setup::new(Engine::TensorRtLlm).trick(Trick::RequestStatus(400)).trick(Trick::SlowStop(3000)),
    );
    let run = impatient(&fake, "live-slow-stop", &[]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("the profile was stopped"), "{}", run.stderr);
    assert_eq!(fake.profiler_calls(), ["POST /start_profile", "POST /stop_profile"]);
}

#[test]
fn a_profile_that_sglang_lets_go_on_elsewhere_is_no_capture() {
    let fake = Fake::start(Setup::new(Engine::Sglang));
    let elsewhere = Scratch::new("live-elsewhere");
    fake.occupy(elsewhere.path("theirs"));
    let run = impatient(&fake, "live-second", &[]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("the server wrote no file"), "{}", run.stderr);
    assert!(run.stderr.contains("somebody else profiled the server already"), "{}", run.stderr);
    let starts = fake.profiler_calls().iter().filter(|call| call.contains("start")).count();
    assert_eq!(starts, 1, "a start is never repeated");
    assert!(!fake.is_profiling());
}

#[test]
fn the_second_profiler_is_told_by_the_server_or_named_where_a_stop_ended_it() {
    let fake = sglang(Trick::TellsSecondProfiler);
    let run = impatient(&fake, "live-v2-told", &[]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("--sglang-profile-v2"), "{}", run.stderr);
    assert_eq!(fake.profiler_calls(), Vec::<String>::new());
    let fake =
        Fake::start(Setup::new(Engine::Sglang).trick(Trick::SecondProfiler).trick(Trick::RequestStatus(400)));
    let run = impatient(&fake, "live-v2-untold", &[]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("SGLANG_PROFILE_V2"), "{}", run.stderr);
}

#[test]
fn the_version_of_pytorch_is_kept_where_the_server_tells_it() {
    let scratch = Scratch::new("live-torch");
    let fake = Fake::start(vllm(Engine::Vllm, &scratch).trick(Trick::TellsTorch));
    let run = capture(&fake, &scratch, &["--local-dir", "server", "--stage", "decode"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let manifest = std::fs::read_to_string(scratch.path("capture/capture.json")).unwrap();
    assert!(manifest.contains("\"torch\": \"2.13.0+cpu\""), "{manifest}");
}

#[test]
fn nothing_listens_and_nothing_is_written() {
    let scratch = Scratch::new("live-refused");
    let run = run_in(&scratch.path(""), &["capture", "--url", "http://127.0.0.1:1", "-o", "capture"]);
    assert_eq!(run.code, 5);
    assert!(run.stderr.contains("connection refused"), "{}", run.stderr);
    assert!(!scratch.path("capture").exists());
}

#[test]
fn a_start_without_an_answer_is_stopped_all_the_same() {
    let fake = sglang(Trick::ResetsStart);
    let run = impatient(&fake, "live-reset", &[]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("the profile was stopped"), "{}", run.stderr);
    assert_eq!(fake.profiler_calls(), ["POST /start_profile", "POST /stop_profile"]);
    assert!(!fake.is_profiling());
}

#[test]
fn a_profile_of_somebody_else_is_left_alone_unless_told_otherwise() {
    let scratch = Scratch::new("live-409");
    let fake = Fake::start(vllm(Engine::Vllm, &scratch));
    fake.occupy(scratch.path("server"));
    let refused = capture(&fake, &scratch, &["--local-dir", "server"]);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("already active") && refused.stderr.contains("--force"),
        "{}",
        refused.stderr
    );
    assert!(fake.is_profiling() && fake.profiler_calls() == ["POST /start_profile"]);
    std::fs::remove_dir_all(scratch.path("capture")).unwrap();
    let forced = capture(&fake, &scratch, &["--local-dir", "server", "--force", "--stage", "prefill"]);
    assert_eq!(forced.code, 0, "{}", forced.stderr);
}

#[test]
fn a_workload_that_fails_or_does_other_work_stops_the_profile() {
    for (name, trick, words) in [
        ("fails", Trick::RequestStatus(400), "the context is 256 tokens"),
        ("less", Trick::CountsLess, "counted as"),
        ("cached", Trick::Cached, "came from a cache"),
    ] {
        let fake = sglang(trick);
        let run = impatient(&fake, &format!("live-load-{name}"), &["--prefill-shape", "64:2"]);
        assert_eq!(run.code, 5, "{name}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{name}: {}", run.stderr);
        assert!(!fake.is_profiling(), "{name}");
    }
}

#[test]
fn a_batch_that_is_over_before_the_profiler_runs_is_no_capture() {
    for engine in [Engine::Vllm, Engine::Sglang] {
        let scratch = Scratch::new("live-over");
        let fake = Fake::start(vllm(engine, &scratch).trick(Trick::SlowStart(1500)));
        let local: &[&str] = if engine == Engine::Vllm { &["--local-dir", "server"] } else { &[] };
        let more = [local, &["--stage", "decode", "--decode-shape", "1:60"]].concat();
        let run = capture(&fake, &scratch, &more);
        assert_eq!(run.code, 5, "{engine:?}: {}{}", run.stdout, run.stderr);
        assert!(run.stderr.contains("the decode batch was over too early"), "{engine:?}: {}", run.stderr);
        assert!(run.stderr.contains("the profile was stopped"), "{engine:?}: {}", run.stderr);
        assert!(!fake.is_profiling(), "{engine:?}");
    }
}

#[test]
fn what_would_end_a_server_is_never_sent() {
    let fake = Fake::start(Setup { max_running: 8, ..Setup::new(Engine::Sglang) });
    let vllm = Fake::start(Setup::new(Engine::Vllm));
    for (server, more, words) in [
        (&fake, &["--num-steps", "0"][..], "0 is not in"),
        (&fake, &["--server-dir", "relative"], "must be an absolute path"),
        (&fake, &["--server-dir", ""], "must be an absolute path"),
        (&fake, &["--sglang-profile-v2"], "--profile-by-stage"),
        (&fake, &["--decode-batch", "9"], "max_running_requests is 8"),
        (&fake, &["--decode-shape", "1:5"], "too short"),
        (&vllm, &["--profile-by-stage", "--local-dir", "."], "cannot tell the stages apart"),
        (&vllm, &[], "--local-dir"),
    ] {
        let scratch = Scratch::new("live-never");
        let start = ["capture", "--url", &server.url, "-o", "capture"];
        let run = run_in(&scratch.path(""), &[&start[..], more].concat());
        assert_eq!(run.code, 2, "{more:?}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{more:?}: {}", run.stderr);
        assert_eq!(server.profiler_calls(), Vec::<String>::new(), "{more:?}");
    }
    let scratch = Scratch::new("live-used");
    scratch.file("capture/older.json", "{}");
    let run = capture(&fake, &scratch, &["--decode-batch", "4"]);
    assert_eq!((run.code, run.stderr.contains("is not empty")), (2, true), "{}", run.stderr);
}

#[test]
fn the_second_profiler_is_never_stopped() {
    let fake = sglang(Trick::RecordsNothing);
    let scratch = Scratch::new("live-v2");
    let more = ["--profile-by-stage", "--sglang-profile-v2", "--timeout", "1"];
    let run = capture(&fake, &scratch, &more);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("none was sent"), "{}", run.stderr);
    assert_eq!(fake.profiler_calls(), ["POST /start_profile"]);
}

/// Starts a capture, waits until the server is in a state, and ends it politely.
fn interrupted(fake: &Fake, scratch: &Scratch, more: &[&str], until: impl Fn() -> bool) -> Run {
    signalled("-INT", fake, scratch, more, until)
}

/// Starts a capture, waits until the server is in a state, and sends a signal.
fn signalled(signal: &str, fake: &Fake, scratch: &Scratch, more: &[&str], until: impl Fn() -> bool) -> Run {
    let start = ["capture", "--url", &fake.url, "-o", "capture"];
    let mut child: Child = Command::new(env!("CARGO_BIN_EXE_profgate"))
        .args([&start[..], &short(more)].concat())
        .current_dir(scratch.path(""))
        .env("XDG_STATE_HOME", STATE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while !until() {
        assert!(begin.elapsed() < Duration::from_secs(20) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    let signal = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn ctrl_c_at_every_stage_leaves_a_server_for_the_next_capture() {
    let local = ["--local-dir", "server", "--stage", "decode"];
    // Warming up, driving, waiting for the stop, waiting for files.
    for (name, trick, calls) in [
        ("warm", None, 0),
        ("drive", Some(Trick::StreamsStall), 2),
        ("stop", Some(Trick::SlowFlush(700)), 2),
        ("files", Some(Trick::CutOff), 2),
    ] {
        let scratch = Scratch::new(&format!("live-int-{name}"));
        let mut setup = vllm(Engine::Vllm, &scratch);
        setup.tricks.extend(trick);
        let fake = Fake::start(setup);
        let asked = |what: &str| fake.calls().iter().any(|call| call.path == what);
        let more: &[&str] = if name == "warm" { &["--warmup", "1900"] } else { &[] };
        let run = interrupted(&fake, &scratch, &[&local[..], more].concat(), || match name {
            "warm" => fake.streams() > 0,
            "drive" => asked("/start_profile"),
            "stop" => asked("/stop_profile"),
            _ => asked("/stop_profile") && !fake.is_profiling(),
        });
        assert_eq!(run.code, 5, "{name}: {}", run.stderr);
        assert!(run.stderr.contains("interrupted"), "{name}: {}", run.stderr);
        assert_eq!(fake.profiler_calls().len(), calls, "{name}: {:?}", fake.profiler_calls());
        assert!(calls == 0 || run.stderr.contains("the next capture can start"), "{name}: {}", run.stderr);
        assert!(!fake.is_profiling(), "{name}");
    }
}

#[test]
fn ctrl_c_ends_the_load_generator_too() {
    let scratch = Scratch::new("live-int-command");
    let fake = Fake::start(Setup::new(Engine::Sglang));
    let more = ["--workload-command", "sleep 60 & echo $! > pid; wait"];
    let run = interrupted(&fake, &scratch, &more, || {
        std::fs::read_to_string(scratch.path("pid")).is_ok_and(|pid| pid.ends_with('\n'))
    });
    assert_eq!(run.code, 5, "{}", run.stderr);
    let pid = std::fs::read_to_string(scratch.path("pid")).unwrap();
    let begin = Instant::now();
    // What it started ends with it, as soon as the system gets to it.
    while std::fs::read_to_string(format!("/proc/{}/cmdline", pid.trim()))
        .is_ok_and(|text| text.contains("sleep"))
    {
        assert!(begin.elapsed() < Duration::from_secs(5), "the generator's own child still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!fake.is_profiling());
}

#[test]
fn a_killed_client_is_noticed_by_the_next_one() {
    for engine in [Engine::Vllm, Engine::Sglang] {
        let scratch = Scratch::new("live-killed");
        let fake = Fake::start(vllm(engine, &scratch).trick(Trick::StreamsStallOnce));
        let local: &[&str] = if engine == Engine::Vllm { &["--local-dir", "server"] } else { &[] };
        let more = [local, &["--stage", "decode", "--num-steps", "900"]].concat();
        let killed = signalled("-KILL", &fake, &scratch, &more, || fake.is_profiling());
        assert_eq!(killed.code, -1);
        assert!(fake.is_profiling(), "nothing stopped it");
        std::fs::remove_dir_all(scratch.path("capture")).unwrap();
        let next = capture(&fake, &scratch, &[local, &["--stage", "decode"]].concat());
        assert_eq!(next.code, 0, "{engine:?}: {}{}", next.stdout, next.stderr);
        assert!(next.stderr.contains("an earlier profgate was killed"), "{engine:?}: {}", next.stderr);
        std::fs::remove_dir_all(scratch.path("capture")).unwrap();
        let third = capture(&fake, &scratch, &[local, &["--stage", "decode"]].concat());
        assert!(third.code == 0 && !third.stderr.contains("killed"), "{engine:?}: {}", third.stderr);
    }
}

#[test]
fn a_client_killed_while_it_stops_or_waits_leaves_a_server_for_the_next_capture() {
    for (name, engine, trick) in [
        ("stop", Engine::Vllm, Trick::SlowFlush(700)),
        ("flush", Engine::Vllm, Trick::GrowingFiles),
        ("flush", Engine::Sglang, Trick::GrowingFiles),
        ("steps", Engine::Sglang, Trick::SlowFlush(700)),
    ] {
        for signal in ["-KILL", "-INT"] {
            let what = format!("{name} {engine:?} {signal}");
            let scratch = Scratch::new("live-killed-late");
            let fake = Fake::start(vllm(engine, &scratch).trick(trick));
            let local: &[&str] = if engine == Engine::Vllm { &["--local-dir", "server"] } else { &[] };
            let more = [local, &["--stage", "decode"]].concat();
            let has_file = || {
                let dir = scratch.path(if engine == Engine::Vllm { "server" } else { "capture" });
                dir.exists() && everything(&dir).iter().any(|(path, _)| path.extension().is_some())
            };
            let asked = |what: &str| fake.calls().iter().any(|call| call.path == what);
            let ended = signalled(signal, &fake, &scratch, &more, || match name {
                "stop" => asked("/stop_profile"),
                "flush" => has_file(),
                // The engine writes, and nothing of it is to be seen.
                _ => asked("/start_profile"),
            });
            assert_eq!(ended.code, if signal == "-KILL" { -1 } else { 5 }, "{what}: {}", ended.stderr);
            std::fs::remove_dir_all(scratch.path("capture")).unwrap();
            let next = capture(&fake, &scratch, &more);
            assert_eq!(next.code, 0, "{what}: {}{}", next.stdout, next.stderr);
            assert!(next.stdout.contains("3 steps (0 prefill, 3 decode)"), "{what}: {}", next.stdout);
            assert_eq!(next.stderr.contains("was killed"), signal == "-KILL", "{what}: {}", next.stderr);
            assert!(!fake.is_profiling(), "{what}");
        }
    }
}

#[test]
fn two_profgates_do_not_profile_one_server_at_once() {
    let scratch = Scratch::new("live-two");
    let fake = sglang(Trick::StreamsStall);
    let run = interrupted(&fake, &scratch, &["--stage", "decode"], || {
        if !fake.is_profiling() {
            return false;
        }
        let second = Scratch::new("live-two-second");
        let run = capture(&fake, &second, &["--stage", "decode"]);
        assert_eq!(run.code, 5, "{}", run.stderr);
        assert!(run.stderr.contains("another profgate profiles this server"), "{}", run.stderr);
        true
    });
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert_eq!(fake.profiler_calls(), ["POST /start_profile", "POST /stop_profile"]);
}

#[test]
fn a_shared_directory_that_is_not_here_is_not_made_here() {
    let scratch = Scratch::new("live-not-shared");
    let fake = Fake::start(Setup::new(Engine::Sglang));
    let absent = scratch.path("absent");
    let run = capture(&fake, &scratch, &["--server-dir", arg(&absent)]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("no such directory") && !absent.exists(), "{}", run.stderr);
    assert_eq!(fake.profiler_calls(), Vec::<String>::new());
}

#[test]
fn w59_a_number_that_makes_no_sense_is_refused_and_not_mended() {
    let scratch = Scratch::new("live-numbers");
    let fake = Fake::start(Setup::new(Engine::Sglang));
    for wrong in
        [["--decode-batch", "0"], ["--prefill-concurrency", "0"], ["--num-steps", "0"], ["--repeats", "0"]]
    {
        let run = capture(&fake, &scratch, &wrong);
        assert_eq!(run.code, 2, "{wrong:?}: {}", run.stderr);
    }
    assert_eq!(fake.profiler_calls(), Vec::<String>::new());
}
