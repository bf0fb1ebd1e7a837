//! The profiler of one server: started once, stopped at most once more than it ends by itself.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use super::fault::{Failure, Fault, how_to_switch_on};
use super::framework::Framework;
use super::http::{Answer, Http, HttpError, Key};
use super::interrupt::Interrupt;
use super::options::Timings;
use super::protocol::{Start, has_begun_in_part, refusal, start_body};

const STOPPED: &str = "the profile was stopped; the next capture can start";

/// Ends whatever profile runs, because the user said so; whether there is anything to end is not asked.
pub fn stop_others(http: &Http, timings: Timings) {
    // Its answer tells nothing: a server without a profile answers 200 or 500, by engine.
    let _ = http.send(Method::POST, "/stop_profile", Key::Admin, None, timings.profile);
}

/// A profiler that was started, as far as is known.
pub struct Profiler<'a> {
    http: &'a Http,
    framework: Framework,
    timings: Timings,
    /// Under SGLang's second profiler a stop request ends the server.
    may_stop: bool,
    /// The answer to the start, while it is out.
    pending: Option<Receiver<Result<Answer, HttpError>>>,
    stops: u32,
    was_stopped: bool,
    /// Whether a stop was answered in a way that leaves nothing to stop.
    is_over: bool,
}

impl<'a> Profiler<'a> {
    /// Sends the start request, once. Returns as soon as it is answered, or when patience ends: some versions
    /// answer only when the steps have run.
    pub fn start(
        http: &'a Http,
        framework: Framework,
        start: &Start,
        (timings, patience): (Timings, Duration),
        may_stop: bool,
        interrupt: &Interrupt,
    ) -> Result<Self, NotStarted> {
        let (sender, receiver) = mpsc::channel();
        let (body, client) = (start_body(framework, start), http.clone());
        std::thread::spawn(move || {
            let limit = timings.profile + Duration::from_secs(30);
            let answer = client.send(Method::POST, "/start_profile", Key::Admin, Some(&body), limit);
            // Nobody waits any more when the capture failed meanwhile.
            let _ = sender.send(answer);
        });
        let mut profiler = Self {
            http,
            framework,
            timings,
            may_stop,
            pending: Some(receiver),
            stops: 0,
            was_stopped: false,
            is_over: false,
        };
        let until = Instant::now() + patience;
        while profiler.pending.is_some() && Instant::now() < until {
            // An interruption is noticed by whoever waits next; until then the answer may come.
            if let Err(refused) = profiler.poll() {
                return Err(profiler.not_started(refused));
            }
            if interrupt.is_set() {
                break;
            }
        }
        Ok(profiler)
    }

    /// A start that failed. When its outcome is unknown, the profile is stopped all the same.
    fn not_started(&mut self, refused: Refused) -> NotStarted {
        let mut failure = refused.failure;
        let mut may_run = false;
        failure.state = Some(match refused.fault {
            Some(Fault::Timeout | Fault::Reset | Fault::TooLarge | Fault::Gateway) => {
                let state = self.disarm();
                may_run = self.may_run();
                state
            }
            // A router that started some of its workers: those must not be left running.
            None if refused.is_partial => {
                let state = self.disarm();
                may_run = self.may_run();
                state
            }
            Some(Fault::Conflict) => "somebody else's profile runs and was left alone".to_owned(),
            Some(Fault::Refused | Fault::Unreachable) => "the profiler was not started".to_owned(),
            _ => "the profiler was not started by this capture".to_owned(),
        });
        NotStarted { failure, may_run }
    }

    /// Whether the profile may still run after all that was done about it.
    pub fn may_run(&self) -> bool {
        !self.was_stopped && !self.is_over
    }

    /// Looks whether the start was answered meanwhile, for a moment.
    fn poll(&mut self) -> Result<(), Refused> {
        let Some(pending) = &self.pending else { return Ok(()) };
        let answer = match pending.recv_timeout(Duration::from_millis(10)) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => {
                Err(HttpError { fault: Fault::Reset, detail: "the start request was lost".to_owned() })
            }
        };
        self.pending = None;
        let failure = |fault: Option<Fault>, detail: String, help: &str| Refused {
            fault,
            is_partial: false,
            failure: Failure::new("the profiler could not be started", detail, help),
        };
        let answer =
            answer.map_err(|error| failure(Some(error.fault), error.detail, error.fault.advice()))?;
        if let Some(fault) = Fault::of_status(answer.status) {
            let error = self.http.refusal(fault, &Method::POST, "/start_profile", &answer);
            if answer.status == 503 && answer.body.to_ascii_lowercase().contains("not ready") {
                // It says so itself: no router stands in front, and nothing was started.
                let help = "the server is still starting: wait until it is ready, then capture";
                return Err(failure(Some(Fault::Status), error.detail, help));
            }
            let workers = if fault == Fault::NotFound { self.workers() } else { None };
            let help = match fault {
                Fault::NotFound if workers.is_some() => workers.as_deref().unwrap_or_default(),
                Fault::NotFound => how_to_switch_on(self.framework),
                Fault::Internal if self.framework == Framework::Sglang => {
                    "a profile of somebody else may run; the reason stands in the server's log and nowhere else"
                }
                _ => fault.advice(),
            };
            return Err(failure(Some(fault), error.detail, help));
        }
        let told = answer.json();
        match told.as_ref().and_then(refusal) {
            None => Ok(()),
            Some(words) => Err(Refused {
                is_partial: told.as_ref().is_some_and(has_begun_in_part),
                ..failure(
                    None,
                    self.refused_inside("/start_profile", &answer, &words),
                    "wait until the profile that runs is over, or look into the server's log",
                )
            }),
        }
    }

    /// What to do where a gateway without a profiler of its own tells which workers stand behind it.
    fn workers(&self) -> Option<String> {
        const MOST: usize = 4;
        let answer = self.http.send(Method::GET, "/workers", Key::Api, None, self.timings.accept).ok()?;
        let told = answer.json().filter(|_| answer.is_success())?;
        let list = told.as_array().or_else(|| told.get("workers")?.as_array())?;
        let text = |worker: &Value, key: &str| Some(self.http.shown(worker.get(key)?.as_str()?));
        let one = |worker: &Value| {
            let mode = text(worker, "mode").or_else(|| text(worker, "worker_type"));
            Some(format!("{} ({})", text(worker, "url")?, mode.as_deref().unwrap_or("plain")))
        };
        let workers: Vec<String> = list.iter().filter_map(one).take(MOST).collect();
        (!workers.is_empty()).then(|| {
            format!(
                "this is a gateway, and its workers are profiled at their own URLs, with --prefill-url and --decode-url, or with --url: {}",
                workers.join(", ")
            )
        })
    }

    /// An answer whose status says success and whose text does not.
    fn refused_inside(&self, path: &str, answer: &Answer, words: &str) -> String {
        let (address, status, words) = (self.http.address(), answer.status, self.http.shown(words));
        format!("POST {address}{path} answered {status}, and in its text: {words}")
    }

    /// Fails when the start was answered meanwhile, and not with success.
    pub fn check(&mut self) -> Result<(), Failure> {
        self.poll().map_err(|refused| refused.failure)
    }

    /// Stops the profile, which is the regular end of some engines; waits until the server has written.
    pub fn stop(&mut self) -> Result<(), Failure> {
        let answer = self.send_stop();
        let failed = |detail: String, fault: Fault| {
            Failure::new("the profile could not be stopped", detail, fault.advice())
        };
        let answer = answer.map_err(|error| failed(error.detail, error.fault))?;
        match Fault::of_status(answer.status) {
            None => match answer.json().as_ref().and_then(refusal) {
                None => Ok(()),
                Some(words) => {
                    Err(failed(self.refused_inside("/stop_profile", &answer, &words), Fault::Internal))
                }
            },
            Some(fault) => {
                let error = self.http.refusal(fault, &Method::POST, "/stop_profile", &answer);
                Err(failed(error.detail, fault))
            }
        }
    }

    /// Stops a profile that did not end by itself; whether one was running.
    pub fn stop_late(&mut self) -> bool {
        self.may_stop && self.stops == 0 && self.send_stop().is_ok() && self.was_stopped
    }

    /// Leaves the server as usable as it can be, and says in which state that is.
    pub fn disarm(&mut self) -> String {
        if !self.may_stop {
            return "the profile may still be armed; a stop request would end a server with SGLANG_PROFILE_V2, so none was sent. It ends by itself when requests of each stage come, and the next start replaces it".to_owned();
        }
        if self.was_stopped {
            return STOPPED.to_owned();
        }
        if self.stops > 0 {
            return "a stop request was sent and not answered with success; the profile may still run"
                .to_owned();
        }
        let outcome = self.send_stop();
        match (outcome, self.framework) {
            (Ok(_), _) if self.was_stopped => STOPPED.to_owned(),
            (Ok(answer), _) if answer.is_success() => {
                let words = answer.json().as_ref().and_then(refusal).unwrap_or_default();
                format!(
                    "the stop request was not carried out everywhere ({}); the profile may still run",
                    self.http.shown(&words)
                )
            }
            (Ok(Answer { status: 500, .. }), Framework::Sglang) => {
                self.is_over = true;
                "no profile was running when stop was asked: it is over, or still armed for requests to come. The next start replaces it".to_owned()
            }
            (Ok(answer), _) => {
                let answered = Fault::of_status(answer.status).map_or("", Fault::text);
                format!("the stop request was answered {answered}; the profile may still run")
            }
            (Err(error), _) => match error.fault {
                Fault::Refused => {
                    self.is_over = true;
                    "the server has ended; start it again before the next capture".to_owned()
                }
                // What a stop does to SGLang's second profiler, of which nothing tells before.
                Fault::Reset if self.framework == Framework::Sglang => {
                    "the server ended when it was asked to stop; if it runs with SGLANG_PROFILE_V2, start it again and add --profile-by-stage --sglang-profile-v2".to_owned()
                }
                fault => format!("the stop request got {}; the profile may still run", fault.text()),
            },
        }
    }

    fn send_stop(&mut self) -> Result<Answer, HttpError> {
        self.stops += 1;
        let limit = self.timings.profile + Duration::from_secs(30);
        let answer = self.http.send(Method::POST, "/stop_profile", Key::Admin, None, limit);
        let is_carried_out =
            |answer: &Answer| answer.is_success() && answer.json().as_ref().and_then(refusal).is_none();
        self.was_stopped = answer.as_ref().is_ok_and(is_carried_out);
        answer
    }
}

/// A start that failed, or whose outcome is unknown.
pub struct NotStarted {
    /// Why, with the state of the server.
    pub failure: Failure,
    /// Whether a profile may run all the same.
    pub may_run: bool,
}

/// A start that was not accepted.
struct Refused {
    fault: Option<Fault>,
    /// Whether some of a router's workers accepted it all the same.
    is_partial: bool,
    failure: Failure,
}
