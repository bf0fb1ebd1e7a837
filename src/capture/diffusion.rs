//! Profiles of a diffusion server: no start and no stop, one request that asks for its own profile.

use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::directories;
use super::drive::Driven;
use super::fault::{Failure, Fault};
use super::http::{Answer, Http, HttpError, Key};
use super::load::Sent;
use super::log_watch::LogWatch;
use super::manifest::Times;
use super::session::{Peer, Profile, Session};
use super::watch::{Expect, Watch, listing};

/// What is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// `POST /v1/images/generations`.
    Image,
    /// `POST /v1/videos`, which answers before the work is done.
    Video,
}

/// A request of a diffusion server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diffusion {
    /// What is generated.
    pub medium: Medium,
    /// Of what.
    pub prompt: String,
    /// Width and height, such as `1024x1024`; the server's own choice when absent.
    pub size: Option<String>,
    /// Whether every stage of the pipeline is recorded, or only denoising steps.
    pub is_all_stages: bool,
}

/// How often a video's state is asked for.
const POLL: Duration = Duration::from_secs(2);

impl Diffusion {
    fn path(&self) -> &'static str {
        match self.medium {
            Medium::Image => "/v1/images/generations",
            Medium::Video => "/v1/videos",
        }
    }

    /// The body of a request; `num_steps` is absent for the warm-up.
    fn body(&self, model: Option<&str>, num_steps: Option<u32>) -> Value {
        let mut body = Map::new();
        let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
        put("prompt", json!(self.prompt));
        if let Some(model) = model {
            put("model", json!(model));
        }
        if let Some(size) = &self.size {
            put("size", json!(size));
        }
        if self.medium == Medium::Image {
            put("n", json!(1));
            put("response_format", json!("b64_json"));
        }
        if let Some(num_steps) = num_steps {
            put("profile", json!(true));
            put("num_profiled_timesteps", json!(num_steps));
            put("profile_all_stages", json!(self.is_all_stages));
        }
        Value::Object(body)
    }
}

/// Makes one profile.
pub fn profile(session: &Session<'_>, peer: &Peer, diffusion: &Diffusion) -> Result<Profile, Failure> {
    let options = session.options;
    let local = directories::fixed(
        options,
        "a diffusion server writes to SGLANG_DIFFUSION_TORCH_PROFILER_DIR, else to SGLANG_TORCH_PROFILER_DIR, else to ./logs",
    )?;
    let mut times = Times::default();
    if options.workload.warmup > 0 {
        (session.progress)("warming up with one request");
        let begin = Instant::now();
        Generation::begin(session, peer, diffusion, None).wait(session)?;
        times.warmup = begin.elapsed();
    }
    let before = listing(&local).map_err(|error| directories::unlisted(&local, &error))?;
    let watch = Watch {
        dir: &local,
        before,
        expect: Expect {
            ranks: options.ranks.map(|ranks| (ranks, 1)).or((!diffusion.is_all_stages).then_some((1, 1))),
            // Of single steps only rank 0 writes a file, however many ranks there are.
            is_final: options.ranks.is_some() || !diffusion.is_all_stages,
            phases: Vec::new(),
            prefix: String::new(),
        },
        limits: options.limits,
        server: peer.http.address(),
        interrupt: session.interrupt,
        progress: session.progress,
    };
    (session.progress)("recording one request");
    let begin = Instant::now();
    let mut generation = Generation::begin(session, peer, diffusion, Some(options.num_steps));
    let with_state = |mut failure: Failure| {
        failure.state.get_or_insert_with(|| {
            "the request runs on to its end, and its profile ends with it; the next capture can start then".to_owned()
        });
        failure
    };
    let found = watch
        .wait(options.timings.profile, &mut || generation.check(session))
        .map_err(|unfinished| with_state(unfinished.failure))?;
    times.drive = begin.elapsed();
    generation.wait(session).map_err(with_state)?;
    let driven = Driven { prefill: Sent { requests: 1, ..Sent::default() }, ..Driven::default() };
    let notes = if found.is_count_unknown {
        vec!["nobody told how many ranks there are; --ranks makes the capture check it".to_owned()]
    } else {
        Vec::new()
    };
    Ok(Profile { phase: None, found, server_dir: options.server_dir.clone(), driven, times, notes })
}

/// A request that is under way.
struct Generation<'a> {
    http: &'a Http,
    medium: Medium,
    pending: Option<Receiver<Result<Answer, HttpError>>>,
    /// The name of a video whose work goes on.
    job: Option<String>,
    asked: Instant,
    log: LogWatch,
}

impl<'a> Generation<'a> {
    fn begin(session: &Session<'_>, peer: &'a Peer, diffusion: &Diffusion, num_steps: Option<u32>) -> Self {
        let (sender, receiver) = mpsc::channel();
        let (http, path) = (peer.http.clone(), diffusion.path());
        let body = diffusion.body(peer.server.model.as_deref(), num_steps);
        let limit = session.options.timings.profile;
        std::thread::spawn(move || {
            let answer = http.need_large(Method::POST, path, Key::Api, Some(&body), limit);
            // Nobody listens any more when the capture is over.
            let _ = sender.send(answer);
        });
        Self {
            http: &peer.http,
            medium: diffusion.medium,
            pending: Some(receiver),
            job: None,
            asked: Instant::now(),
            log: LogWatch::new(session.options),
        }
    }

    /// Fails when the request did, or when the server says in its log that another backend does it.
    fn check(&mut self, session: &Session<'_>) -> Result<(), Failure> {
        self.log.check()?;
        if let Some(pending) = &self.pending {
            match pending.try_recv() {
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => self.pending = None,
                Ok(answer) => {
                    self.pending = None;
                    let answer = answer.map_err(|error| failed(error.detail, error.fault))?;
                    if self.medium == Medium::Video {
                        self.job = answer.json().as_ref().and_then(job);
                    }
                }
            }
        }
        if let Some(job) = self.job.clone()
            && self.asked.elapsed() >= POLL
        {
            self.asked = Instant::now();
            let path = format!("/v1/videos/{job}");
            let answer = self.http.need(Method::GET, &path, Key::Api, None, session.options.timings.ask);
            let told =
                answer.map_err(|error| failed(error.detail, error.fault))?.json().unwrap_or(Value::Null);
            match told.get("status").and_then(Value::as_str) {
                Some("completed") => self.job = None,
                Some("failed" | "cancelled") => {
                    return Err(failed(self.http.shown(&told.to_string()), Fault::Internal));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Waits for the end of the work.
    fn wait(mut self, session: &Session<'_>) -> Result<(), Failure> {
        let until = Instant::now() + session.options.timings.profile;
        loop {
            self.check(session)?;
            if self.pending.is_none() && self.job.is_none() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(failed("the work is not done".to_owned(), Fault::Timeout));
            }
            if !session.interrupt.sleep(Duration::from_millis(50)) {
                return Err(Failure::interrupted());
            }
        }
    }
}

fn failed(detail: String, fault: Fault) -> Failure {
    Failure::new("the request of the diffusion server failed", detail, fault.advice())
}

/// The name of a job, when it is one that may stand in a path.
fn job(answer: &Value) -> Option<String> {
    let id = answer.get("id")?.as_str()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (!id.is_empty() && id.len() <= 128 && id.chars().all(is_plain)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_asked_for_inside_of_the_request() {
        let diffusion = Diffusion {
            medium: Medium::Image,
            prompt: "a cube".to_owned(),
            size: None,
            is_all_stages: false,
        };
        let body = diffusion.body(Some("m"), Some(5));
        assert_eq!(body["num_profiled_timesteps"], 5);
        assert_eq!((&body["profile"], &body["profile_all_stages"]), (&json!(true), &json!(false)));
        let warmup = diffusion.body(None, None);
        assert!(warmup.get("profile").is_none() && warmup.get("model").is_none());
    }

    #[test]
    fn a_job_that_leads_elsewhere_is_no_job() {
        assert_eq!(job(&json!({"id": "video_1-a"})).as_deref(), Some("video_1-a"));
        for id in ["", "../stop_profile", "a?b", "a/b"] {
            assert_eq!(job(&json!({"id": id})), None, "{id}");
        }
    }
}
