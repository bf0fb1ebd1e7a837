//! The server's own logs: before, during and after a capture they may say that another backend does the work.

use std::time::{Duration, Instant};

use super::fault::Failure;
use super::options::CaptureOptions;
use crate::source::{self, Fallback, LogFollower};

/// How often the logs are read on.
const EVERY: Duration = Duration::from_millis(500);

/// Reads the logs on while a capture waits.
pub struct LogWatch {
    followers: Vec<LogFollower>,
    looked: Option<Instant>,
}

impl LogWatch {
    /// Over the logs that the user named.
    pub fn new(options: &CaptureOptions) -> Self {
        let followers = options.server_logs.iter().map(|path| LogFollower::new(path)).collect();
        Self { followers, looked: None }
    }

    /// Fails as soon as a log says that the server fell back to the diffusers library. Cheap: call it often.
    pub fn check(&mut self) -> Result<(), Failure> {
        if self.looked.is_some_and(|looked| looked.elapsed() < EVERY) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        match self.followers.iter_mut().find_map(LogFollower::look) {
            Some(found) => Err(fell_back(&found)),
            None => Ok(()),
        }
    }
}

/// Refuses what a server does that hands its work to the diffusers library: nothing of it is the server's own.
/// Reads the logs as a whole, and fails where one cannot be read.
pub fn refuse_fallback(options: &CaptureOptions) -> Result<(), Failure> {
    for log in &options.server_logs {
        let found = source::scan_log(log, options.limits).map_err(|error| {
            Failure::usage("cannot read the server's log", error.to_string(), error.help())
        })?;
        if let Some(found) = found {
            return Err(fell_back(&found));
        }
    }
    Ok(())
}

fn fell_back(found: &Fallback) -> Failure {
    Failure::new(
        "the server runs a diffusers backend",
        format!("{}:{}: {}", found.path.display(), found.line, found.text),
        "serve a model that the server runs by its own code; a profile of this one says nothing about it",
    )
}
