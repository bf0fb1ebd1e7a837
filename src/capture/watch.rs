//! Waits for the files of a profile, and believes none before it was read to its end.
//!
//! A file is visible long before it is whole: the profiler copies it, compressed, into its final name. It is
//! whole when its size stood still, its gzip data end with their checksum, and its JSON closes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::address::Address;
use super::fault::Failure;
use super::interrupt::Interrupt;
use super::trace_file::{TraceFile, Verified, verify};
use super::workload::Phase;
use crate::common::text::count;
use crate::source::{Limits, file_name};

/// What happened where nothing appeared at all.
pub const NO_FILE: &str = "the server wrote no file";

/// How often the directory is looked at.
const TICK: Duration = Duration::from_millis(100);

/// How long nothing may change before a capture of unknown size counts as whole.
const SETTLED: Duration = Duration::from_secs(3);

/// How often it is asked whether the server still listens.
const PROBE: Duration = Duration::from_secs(2);

/// More files than that are no profile.
const MOST_FILES: usize = 20_000;

const MAX_DEPTH: usize = 3;

/// What must be there before a profile is whole.
#[derive(Debug, Clone)]
pub struct Expect {
    /// Ranks of a replica and the number of replicas, where the server or the user told.
    pub ranks: Option<(u32, u32)>,
    /// Whether `ranks` outweighs what the files say of their job.
    pub is_final: bool,
    /// Stages that have files of their own; empty when a file holds whatever ran.
    pub phases: Vec<Phase>,
    /// What the names of this profile's files begin with, where the server took a prefix.
    pub prefix: String,
}

/// The files of a profile.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// One for each rank, replica and stage, in this order.
    pub files: Vec<TraceFile>,
    /// New files that are no trace of a rank, by name.
    pub others: Vec<String>,
    /// Whether nobody knew how many ranks there are.
    pub is_count_unknown: bool,
}

/// A wait that ended before the profile was whole.
#[derive(Debug)]
pub struct Unfinished {
    /// Why.
    pub failure: Failure,
    /// Whether only the time was over, and nothing went wrong that was noticed.
    pub is_late: bool,
}

impl From<Failure> for Unfinished {
    fn from(failure: Failure) -> Self {
        Self { failure, is_late: false }
    }
}

/// Watches one directory.
pub struct Watch<'a> {
    /// As the client sees it.
    pub dir: &'a Path,
    /// What was there before the profiler was started.
    pub before: BTreeSet<PathBuf>,
    /// What must be there.
    pub expect: Expect,
    /// Limits on what is read.
    pub limits: Limits,
    /// The server whose files these are.
    pub server: &'a Address,
    /// Whether the user wants to end.
    pub interrupt: &'a Interrupt,
    /// Told what is there, now and then.
    pub progress: &'a dyn Fn(&str),
}

/// What is known of one file.
struct Seen {
    size: u64,
    since: Instant,
    checked: Option<u64>,
    verified: Verified,
    wait: Duration,
}

/// Every file below a directory. Links are not followed: they may lead anywhere.
pub fn listing(dir: &Path) -> std::io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut open = vec![(dir.to_owned(), 0)];
    while let Some((dir, depth)) = open.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_file() {
                found.insert(entry.path());
            } else if kind.is_dir() && depth < MAX_DEPTH {
                open.push((entry.path(), depth + 1));
            }
            if found.len() > MOST_FILES {
                return Err(std::io::Error::other(format!("more than {MOST_FILES} files")));
            }
        }
    }
    Ok(found)
}

impl Watch<'_> {
    /// Waits until the profile is whole. `meanwhile` is called on every look and may end the waiting.
    pub fn wait(
        &self,
        limit: Duration,
        meanwhile: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<Found, Unfinished> {
        let begin = Instant::now();
        let mut seen: BTreeMap<PathBuf, Seen> = BTreeMap::new();
        let mut told = begin;
        let mut probed = begin;
        let mut changed = begin;
        loop {
            if self.look(&mut seen)? {
                changed = Instant::now();
            }
            let found = self.found(&seen);
            let is_open = seen.values().any(|one| matches!(one.verified, Verified::Open(_)));
            let known = self.ranks(&found.files);
            let is_settled = changed.elapsed() >= SETTLED;
            let is_whole = match known {
                Some(ranks) => self.missing(&found.files, ranks).is_empty() && (!is_open || is_settled),
                None => {
                    let has_phases = self.missing(&found.files, (1, 1)).is_empty();
                    !found.files.is_empty() && has_phases && !is_open && is_settled
                }
            };
            if is_whole {
                return Ok(found);
            }
            meanwhile()?;
            if probed.elapsed() >= PROBE {
                probed = Instant::now();
                if !listens(self.server) {
                    return Err(self.died(&seen).into());
                }
            }
            if begin.elapsed() >= limit {
                return Err(Unfinished { failure: self.late(limit, &seen, &found), is_late: true });
            }
            if told.elapsed() >= Duration::from_secs(5) {
                told = Instant::now();
                (self.progress)(&self.state(&seen));
            }
            if !self.interrupt.sleep(TICK) {
                return Err(Failure::interrupted().into());
            }
        }
    }

    /// Looks at the directory once; whether anything changed.
    fn look(&self, seen: &mut BTreeMap<PathBuf, Seen>) -> Result<bool, Failure> {
        let files = listing(self.dir).map_err(|error| {
            Failure::new(
                "cannot look for the server's files",
                format!("{}: {error}", self.dir.display()),
                "give read permission, or name the directory as this machine sees it with --local-dir",
            )
        })?;
        let mut new: Vec<&PathBuf> =
            files.difference(&self.before).filter(|path| is_trace_name(&file_name(path))).collect();
        if new.iter().any(|path| file_name(path).starts_with(&self.expect.prefix)) {
            new.retain(|path| file_name(path).starts_with(&self.expect.prefix));
        }
        let mut has_changed = false;
        for path in new {
            let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
            let one = seen.entry(path.clone()).or_insert_with(|| {
                has_changed = true;
                Seen {
                    size,
                    since: Instant::now(),
                    checked: None,
                    verified: Verified::Open("it is empty".to_owned()),
                    wait: TICK * 2,
                }
            });
            if one.size != size {
                *one = Seen {
                    size,
                    since: Instant::now(),
                    checked: None,
                    verified: Verified::Open("it grows".to_owned()),
                    wait: one.wait,
                };
                has_changed = true;
            }
            let is_due = one.since.elapsed() >= one.wait && one.checked != Some(size);
            if size > 0 && is_due && matches!(one.verified, Verified::Open(_)) {
                one.verified = verify(path, self.limits)?;
                has_changed = true;
                if matches!(one.verified, Verified::Open(_)) {
                    // Not whole although it stands still: look again, but not for ever at full speed.
                    one.wait = (one.wait * 2).min(Duration::from_secs(10));
                    one.since = Instant::now();
                }
            }
        }
        seen.retain(|path, _| files.contains(path));
        Ok(has_changed)
    }

    fn found(&self, seen: &BTreeMap<PathBuf, Seen>) -> Found {
        let mut found = Found::default();
        for (path, one) in seen {
            match &one.verified {
                Verified::Whole(file) => found.files.push(file.as_ref().clone()),
                Verified::Other => found.others.push(file_name(path)),
                Verified::Open(_) => {}
            }
        }
        found.files.sort_by(|a, b| {
            (a.phase, a.replica, a.rank, &a.path).cmp(&(b.phase, b.replica, b.rank, &b.path))
        });
        found.is_count_unknown = self.ranks(&found.files).is_none();
        found
    }

    /// Ranks and replicas: what a file says of its job outweighs what the server says of its arguments.
    fn ranks(&self, files: &[TraceFile]) -> Option<(u32, u32)> {
        let told = self.expect.ranks;
        let in_files = files.iter().filter_map(|file| file.world_size).max();
        match (in_files.filter(|_| !self.expect.is_final), told) {
            (Some(ranks), Some((said, replicas))) => Some((ranks.max(said), replicas)),
            (Some(ranks), None) => Some((ranks, 1)),
            (None, told) => told,
        }
    }

    /// What is not there, in words.
    fn missing(&self, files: &[TraceFile], (ranks, replicas): (u32, u32)) -> Vec<String> {
        let phases: Vec<Option<Phase>> = match self.expect.phases.as_slice() {
            [] => vec![None],
            phases => phases.iter().copied().map(Some).collect(),
        };
        let mut missing = Vec::new();
        for phase in phases {
            for replica in 0..replicas {
                let has = |rank: u32| {
                    files.iter().any(|file| {
                        (phase.is_none() || file.phase == phase)
                            && file.rank.unwrap_or(0) == rank
                            && (replicas == 1 || file.replica.unwrap_or(0) == replica)
                    })
                };
                let absent: Vec<String> =
                    (0..ranks).filter(|rank| !has(*rank)).map(|n| n.to_string()).collect();
                if absent.is_empty() {
                    continue;
                }
                let of_stage =
                    phase.map_or_else(String::new, |phase| format!(" of stage {}", phase.as_str()));
                let of_replica = if replicas > 1 { format!(" of replica {replica}") } else { String::new() };
                let noun = if absent.len() == 1 { "rank" } else { "ranks" };
                missing.push(format!("{noun} {}{of_stage}{of_replica}", absent.join(", ")));
            }
        }
        missing
    }

    fn state(&self, seen: &BTreeMap<PathBuf, Seen>) -> String {
        let whole = seen.values().filter(|one| matches!(one.verified, Verified::Whole(_))).count();
        let open = seen.values().filter(|one| matches!(one.verified, Verified::Open(_))).count();
        let bytes: u64 = seen.values().map(|one| one.size).sum();
        format!(
            "waiting for the server's files: {whole} whole, {open} being written, {} kB in {}",
            bytes / 1000,
            self.dir.display()
        )
    }

    fn died(&self, seen: &BTreeMap<PathBuf, Seen>) -> Failure {
        let mut failure = Failure::new(
            "the server has ended",
            format!("{}: nothing listens any more; {}", self.server, self.state(seen)),
            "look into the server's log: it ends when it cannot write to the directory that it was told",
        );
        failure.state = Some("the server has ended; start it again before the next capture".to_owned());
        failure
    }

    fn late(&self, limit: Duration, seen: &BTreeMap<PathBuf, Seen>, found: &Found) -> Failure {
        let waited = format!("after {} s", limit.as_secs());
        let dir = self.dir.display();
        let open: Vec<String> = seen
            .iter()
            .filter_map(|(path, one)| match &one.verified {
                Verified::Open(why) => Some(format!("{} ({why})", file_name(path))),
                Verified::Whole(_) | Verified::Other => None,
            })
            .collect();
        if seen.is_empty() {
            return Failure::new(
                NO_FILE,
                format!("{dir} holds no new trace {waited}"),
                "check that the server and this machine mean the same directory: see --server-dir and --local-dir",
            );
        }
        if found.files.is_empty() {
            let why =
                if open.is_empty() { "no new file is a trace of a rank".to_owned() } else { open.join(", ") };
            return Failure::new(
                "the server's files are not whole",
                format!("{dir}: {why} {waited}"),
                "raise --timeout, profile fewer steps, or look into the server's log and at the disk",
            );
        }
        let missing =
            self.ranks(&found.files).map(|ranks| self.missing(&found.files, ranks)).unwrap_or_default();
        let open = if open.is_empty() { String::new() } else { format!("; not whole: {}", open.join(", ")) };
        let there = count(found.files.len() as u64, "file");
        Failure::new(
            "the capture is not complete",
            format!("{dir}: no trace of {} {waited}, {there} there{open}", missing.join("; ")),
            "make sure that every rank can write to the same directory, and look into the server's log",
        )
    }
}

/// Whether anything accepts connections there. The system answers even while the engine is busy.
fn listens(server: &Address) -> bool {
    let sockets = server.sockets();
    let refused = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused;
    // Only a clear refusal counts: a slow network is no dead server.
    sockets.is_empty()
        || !sockets.iter().all(|socket| {
            TcpStream::connect_timeout(socket, Duration::from_secs(2)).as_ref().is_err_and(refused)
        })
}

fn is_trace_name(name: &str) -> bool {
    !name.starts_with('.') && (name.ends_with(".json") || name.ends_with(".gz"))
}
