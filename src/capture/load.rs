//! Sends the requests of a workload, several at once, and counts what comes back.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use super::detect::Server;
use super::fault::{Failure, Fault};
use super::http::{Http, HttpError, Key};
use super::interrupt::Interrupt;
use super::workload::{Shape, Usage, body, path};

/// No event of a stream comes near this.
const MOST_LINE: u64 = 1 << 20;

const TICK: Duration = Duration::from_millis(20);

/// Sends requests to one server.
pub struct Load<'a> {
    /// Where requests go.
    pub http: &'a Http,
    /// What answers there.
    pub server: &'a Server,
    /// For one request.
    pub timeout: Duration,
    /// Whether the user wants to end.
    pub interrupt: &'a Interrupt,
}

/// What was sent and what the server counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Requests that were answered.
    pub requests: u64,
    /// Prompt tokens, as the server counted them.
    pub input: u64,
    /// Answer tokens, as the server counted them.
    pub output: u64,
    /// Requests for which it counted nothing.
    pub uncounted: u64,
}

impl Sent {
    /// Both together.
    pub fn add_all(&mut self, other: Self) {
        self.requests += other.requests;
        self.input += other.input;
        self.output += other.output;
        self.uncounted += other.uncounted;
    }

    fn add(&mut self, usage: Usage) {
        self.requests += 1;
        self.input += usage.input.unwrap_or(0);
        self.output += usage.output.unwrap_or(0);
        self.uncounted += u64::from(usage.input.is_none() || usage.output.is_none());
    }
}

impl Load<'_> {
    /// Sends `count` requests, `at_once` at a time, from the `first`-th prompt on, and waits for all answers.
    pub fn run(&self, shape: Shape, first: u64, count: u64, at_once: u32) -> Result<Sent, Failure> {
        let next = Arc::new(AtomicU64::new(0));
        let (sender, receiver) = mpsc::channel();
        for _ in 0..u64::from(at_once.max(1)).min(count) {
            let (sender, next, http) = (sender.clone(), Arc::clone(&next), self.http.clone());
            let (framework, model) = (self.server.framework, self.server.model.clone());
            let timeout = self.timeout;
            // Not joined: a server that never answers must not keep the user from ending.
            std::thread::spawn(move || {
                loop {
                    let k = next.fetch_add(1, Ordering::Relaxed);
                    if k >= count {
                        break;
                    }
                    let body = body(framework, model.as_deref(), first + k, shape, false);
                    let answer = http.need(Method::POST, path(framework), Key::Api, Some(&body), timeout);
                    let usage = answer.map(|answer| Usage::of(&answer.json().unwrap_or(Value::Null)));
                    if sender.send(usage).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut sent = Sent::default();
        while sent.requests < count {
            let usage = self.receive(&receiver)?.map_err(|error| request_failed(&error))?;
            if let Some(fault) = usage.fault(shape, true) {
                return Err(miscounted(&fault, shape));
            }
            sent.add(usage);
        }
        Ok(sent)
    }

    fn receive<T>(&self, receiver: &Receiver<T>) -> Result<T, Failure> {
        loop {
            if self.interrupt.is_set() {
                return Err(Failure::interrupted());
            }
            match receiver.recv_timeout(TICK) {
                Ok(value) => return Ok(value),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::new(
                        "a request of the workload failed",
                        "its thread ended early",
                        "this is a defect of profgate; please report it",
                    ));
                }
            }
        }
    }

    /// Begins `count` streamed requests at once.
    pub fn begin_streams(&self, shape: Shape, first: u64, count: u32) -> Streams {
        let cancel = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel();
        let mut tokens = Vec::new();
        for k in 0..count {
            let (sender, http, cancel) = (sender.clone(), self.http.clone(), Arc::clone(&cancel));
            let (framework, model) = (self.server.framework, self.server.model.clone());
            let (timeout, counter) = (self.timeout, Arc::new(AtomicU64::new(0)));
            tokens.push(Arc::clone(&counter));
            std::thread::spawn(move || {
                let body = body(framework, model.as_deref(), first + u64::from(k), shape, true);
                let usage = http
                    .stream(path(framework), &body, timeout)
                    .and_then(|answer| follow(answer, &http, path(framework), &cancel, &counter));
                // Nobody listens any more when the capture is over.
                let _ = sender.send(usage);
            });
        }
        Streams { cancel, tokens, receiver, shape, ended: 0, sent: Sent::default() }
    }
}

/// Streamed requests that are under way.
pub struct Streams {
    cancel: Arc<AtomicBool>,
    tokens: Vec<Arc<AtomicU64>>,
    receiver: Receiver<Result<Usage, HttpError>>,
    shape: Shape,
    ended: usize,
    sent: Sent,
}

impl Streams {
    /// How many tokens the slowest stream has.
    pub fn slowest(&self) -> u64 {
        self.tokens.iter().map(|tokens| tokens.load(Ordering::Relaxed)).min().unwrap_or(0)
    }

    /// How many streams have a first token.
    pub fn begun(&self) -> usize {
        self.tokens.iter().filter(|tokens| tokens.load(Ordering::Relaxed) > 0).count()
    }

    /// How many streams there are.
    pub fn count(&self) -> usize {
        self.tokens.len()
    }

    /// Looks at the streams that ended; fails when one failed. Says whether any is still under way.
    pub fn poll(&mut self) -> Result<bool, Failure> {
        while let Ok(ended) = self.receiver.try_recv() {
            self.ended += 1;
            let usage = ended.map_err(|error| request_failed(&error))?;
            let is_whole = !self.cancel.load(Ordering::Relaxed);
            if let Some(fault) = usage.fault(self.shape, is_whole) {
                return Err(miscounted(&fault, self.shape));
            }
            self.sent.add(usage);
        }
        Ok(self.ended < self.count())
    }

    /// Ends the streams, which makes the server give them up, and waits a moment for it.
    pub fn end(mut self, interrupt: &Interrupt) -> Result<Sent, Failure> {
        self.cancel.store(true, Ordering::Relaxed);
        let until = Instant::now() + Duration::from_secs(10);
        while self.poll()? && Instant::now() < until && interrupt.sleep(TICK) {}
        Ok(self.sent)
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
    }
}

/// Reads server-sent events until the end, or until nobody wants more.
fn follow(
    answer: impl Read,
    http: &Http,
    path: &str,
    cancel: &AtomicBool,
    counter: &AtomicU64,
) -> Result<Usage, HttpError> {
    let broken = |fault: Fault, why: &str| HttpError {
        fault,
        detail: format!("POST {}{path}: {} ({})", http.address(), fault.text(), http.shown(why)),
    };
    let mut reader = BufReader::new(answer);
    let mut usage = Usage::default();
    let mut line = Vec::new();
    while !cancel.load(Ordering::Relaxed) {
        line.clear();
        let read = (&mut reader).take(MOST_LINE).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return Err(broken(Fault::Reset, "the stream has no end mark")),
            Ok(read) if read as u64 == MOST_LINE => return Err(broken(Fault::TooLarge, "one event")),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                return Err(broken(Fault::Timeout, "the stream stands still"));
            }
            Err(error) => return Err(broken(Fault::Reset, &error.to_string())),
        }
        let text = String::from_utf8_lossy(&line);
        let Some(data) = text.trim().strip_prefix("data:").map(str::trim) else { continue };
        if data == "[DONE]" {
            return Ok(usage);
        }
        let Ok(event) = serde_json::from_str::<Value>(data) else {
            return Err(broken(Fault::Foreign, "an event is no JSON"));
        };
        if let Some(error) = event.get("error") {
            return Err(broken(Fault::Internal, &error.to_string()));
        }
        usage.update(Usage::of(&event));
        let has_token = event.get("text").is_some()
            || event.get("choices").is_some_and(|list| list != &Value::Array(Vec::new()));
        let counted = usage.output.unwrap_or(0);
        let so_far = counter.load(Ordering::Relaxed) + u64::from(has_token && usage.output.is_none());
        counter.store(so_far.max(counted), Ordering::Relaxed);
    }
    Ok(usage)
}

fn request_failed(error: &HttpError) -> Failure {
    Failure::new("a request of the workload failed", error.detail.clone(), error.fault.advice())
}

fn miscounted(fault: &str, shape: Shape) -> Failure {
    Failure::new(
        "the server did not do the work that was asked for",
        format!("{fault} (requests are {shape})"),
        "shorten the requests with --prefill-shape or --decode-shape to what the server's limits allow",
    )
}
