//! One profile: the workload warm, the profiler started, the steps driven, the files waited for.
//!
//! From the moment in which the start request leaves, every way out stops the profile, once.

use std::path::Path;
use std::time::{Duration, Instant};

use super::claim::Claim;
use super::detect::{Role, Server};
use super::directories::{self, Directories};
use super::drive::{Drive, Driven};
use super::fault::Failure;
use super::framework::Framework;
use super::http::Http;
use super::interrupt::Interrupt;
use super::log_watch::LogWatch;
use super::manifest::Times;
use super::options::CaptureOptions;
use super::profiler::{NotStarted, Profiler, stop_others};
use super::protocol::{End, Start, answers_at_the_end, counted_steps};
use super::watch::{Expect, Found, NO_FILE, Unfinished, Watch, listing};
use super::workload::Phase;

/// A server with what it told of itself.
pub struct Peer {
    /// The connection.
    pub http: Http,
    /// What it is.
    pub server: Server,
}

/// What all profiles of a capture share.
pub struct Session<'a> {
    /// What was asked for.
    pub options: &'a CaptureOptions,
    /// Whether the user wants to end.
    pub interrupt: &'a Interrupt,
    /// Told what happens.
    pub progress: &'a dyn Fn(&str),
}

/// One profile, complete.
pub struct Profile {
    /// The stage, or `None` for a file of whatever ran or for files by stage.
    pub phase: Option<Phase>,
    /// The files, where the server wrote them.
    pub found: Found,
    /// Where the server wrote, by its own path.
    pub server_dir: Option<String>,
    /// What was sent.
    pub driven: Driven,
    /// How long everything took.
    pub times: Times,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// How long a profile that a late stop request ended may take to be written.
const LATE_FLUSH: Duration = Duration::from_secs(15);

impl Session<'_> {
    /// Makes one profile into `folder`, or into the server's own directory.
    pub fn profile(
        &self,
        profiler: &Peer,
        drive: &mut Drive<'_>,
        unique: &str,
        folder: &Path,
    ) -> Result<Profile, Failure> {
        let phase = drive.phase();
        refuse_role(&profiler.server, phase, profiler.http.address())?;
        let framework = profiler.server.framework;
        let dirs = directories::prepare(self.options, framework, profiler.http.address(), unique, folder)?;
        let mut notes = Vec::new();
        // Before the start: afterwards the server may have ended of it.
        if let Some(warning) = &dirs.warning {
            (self.progress)(warning);
        }
        let may_stop = !self.options.profile_v2;
        let timings = self.options.timings;
        let mut claim = Claim::take(profiler.http.address())?;
        if claim.was_abandoned() && may_stop {
            (self.progress)(
                "an earlier profgate was killed while it profiled this server; its profile is stopped first",
            );
            stop_others(&profiler.http, timings);
        }
        let mut times = Times::default();
        let begin = Instant::now();
        (self.progress)(&format!("warming up for {}", drive.name()));
        drive.warm_up()?;
        times.warmup = begin.elapsed();
        let before = listing(&dirs.local).map_err(|error| directories::unlisted(&dirs.local, &error))?;
        let watch = Watch {
            dir: &dirs.local,
            before,
            expect: Expect {
                ranks: self.options.ranks.map(|ranks| (ranks, 1)).or_else(|| profiler.server.ranks()),
                is_final: false,
                phases: if self.options.by_stage { self.options.phases.clone() } else { Vec::new() },
                prefix: format!("{unique}_").replace('/', "-"),
            },
            limits: self.options.limits,
            server: profiler.http.address(),
            interrupt: self.interrupt,
            progress: self.progress,
        };
        if self.interrupt.is_set() {
            return Err(Failure::interrupted());
        }
        if self.options.force && may_stop {
            stop_others(&profiler.http, timings);
        }
        (self.progress)(&format!("recording {}", drive.name()));
        let start = Start {
            num_steps: counted_steps(framework, self.options.num_steps, phase == Some(Phase::Prefill)),
            by_stage: self.options.by_stage,
            output_dir: dirs.server.clone(),
            prefix: unique.replace('/', "-"),
            has_gpu: profiler.server.args.get("device").and_then(|device| device.as_str()) != Some("cpu"),
        };
        let begin = Instant::now();
        let patience = if answers_at_the_end(framework, profiler.server.version.as_deref()) {
            timings.accept_at_end
        } else {
            timings.accept
        };
        claim.mark();
        let mut running = match Profiler::start(
            &profiler.http,
            framework,
            &start,
            (timings, patience),
            may_stop,
            self.interrupt,
        ) {
            Ok(running) => running,
            Err(NotStarted { failure, may_run }) => {
                if !may_run {
                    claim.clear();
                }
                return Err(failure);
            }
        };
        times.start = begin.elapsed();
        let outcome = self.record(&mut running, drive, &watch, framework, &mut times, &mut notes);
        let found = match outcome {
            Ok(found) => found,
            Err(mut failure) => {
                drive.abandon();
                (self.progress)("stopping the profile");
                let state = running.disarm();
                failure.state.get_or_insert(state);
                if !running.may_run() {
                    claim.clear();
                }
                return Err(self.name_both_directories(failure, &dirs));
            }
        };
        claim.clear();
        let driven = drive.end(self.interrupt)?;
        Ok(Profile { phase, found, server_dir: dirs.server, driven, times, notes })
    }

    /// Between start and files.
    fn record(
        &self,
        running: &mut Profiler<'_>,
        drive: &mut Drive<'_>,
        watch: &Watch<'_>,
        framework: Framework,
        times: &mut Times,
        notes: &mut Vec<String>,
    ) -> Result<Found, Failure> {
        let begin = Instant::now();
        let mut log = LogWatch::new(self.options);
        drive.run(&mut || {
            running.check()?;
            log.check()
        })?;
        times.drive = begin.elapsed();
        if self.interrupt.is_set() {
            return Err(Failure::interrupted());
        }
        if End::of(framework) == End::Stop {
            (self.progress)("stopping the profile; the server writes its files before it answers");
            let begin = Instant::now();
            running.stop()?;
            times.stop = begin.elapsed();
            if self.interrupt.is_set() {
                return Err(Failure::interrupted());
            }
        }
        let begin = Instant::now();
        (self.progress)("waiting for the server's files");
        let waited = watch.wait(self.options.timings.profile, &mut || {
            running.check()?;
            log.check()?;
            drive.keep_on()
        });
        let found = match waited {
            Ok(found) => found,
            // Too few steps ran, or the server counts otherwise: what was recorded so far can still be had.
            Err(Unfinished { failure, is_late }) => {
                if !is_late || End::of(framework) == End::Stop || !running.stop_late() {
                    return Err(failure);
                }
                let found = watch.wait(LATE_FLUSH, &mut || Ok(())).map_err(|_| failure)?;
                notes.push("the profile did not end by itself and was stopped; it may hold fewer steps than asked for".to_owned());
                found
            }
        };
        times.flush = begin.elapsed();
        if found.is_count_unknown {
            notes.push("nobody told how many ranks there are; --ranks makes the capture check it".to_owned());
        }
        Ok(found)
    }

    /// Where nothing appeared, the user must see both names of the directory.
    fn name_both_directories(&self, mut failure: Failure, dirs: &Directories) -> Failure {
        if failure.what == NO_FILE && !self.interrupt.is_set() && dirs.server.is_some() {
            // SGLang answers 200 then, and goes on with the first profile's directory.
            failure.help.push_str(
                "; or somebody else profiled the server already, and the files went to their directory",
            );
        }
        if let Some(server) = &dirs.server
            && !self.interrupt.is_set()
            && !failure.why.contains(server.as_str())
        {
            failure.why.push_str(&format!("; the server was told {server}"));
        }
        failure
    }
}

/// A worker of one stage cannot record the other.
pub fn refuse_role(
    server: &Server,
    phase: Option<Phase>,
    address: &super::address::Address,
) -> Result<(), Failure> {
    let (role, other) = match (server.role, phase) {
        (Some(Role::Prefill), Some(Phase::Decode) | None) => ("prefill", "decode"),
        (Some(Role::Decode), Some(Phase::Prefill) | None) => ("decode", "prefill"),
        (Some(Role::Prefill), Some(Phase::Prefill))
        | (Some(Role::Decode), Some(Phase::Decode))
        | (None, _) => {
            return Ok(());
        }
    };
    Err(Failure::usage(
        "one worker cannot record both stages",
        format!("{address} is a {role} worker: no {other} step ever runs there"),
        format!(
            "name the router with --url, this worker with --{role}-url and the other with --{other}-url, or record one stage with --stage {role}"
        ),
    ))
}
