//! One profile at a time on a server, and a memory for the case that nothing is left to stop it.
//!
//! A client that is killed stops nothing: vLLM then refuses every later start, and SGLang mixes it with the next.
//! So a file in the user's own state folder is locked while a profile may run, and holds a mark while it must be
//! stopped. Whoever gets the lock and finds the mark knows that its owner is gone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::address::Address;
use super::fault::Failure;
use crate::source::sha256;

const MARK: &str = "a profile may run\n";

/// The right to profile one server from this account.
#[derive(Debug)]
pub struct Claim {
    /// `None` where the account has no folder for it.
    held: Option<(File, PathBuf)>,
    was_abandoned: bool,
    /// Whether the file holds the mark.
    is_marked: bool,
}

impl Claim {
    /// Takes the right, or fails because another profgate has it.
    pub fn take(server: &Address) -> Result<Self, Failure> {
        match folder() {
            Some(folder) => Self::take_in(&folder, server),
            None => Ok(Self::none()),
        }
    }

    fn none() -> Self {
        Self { held: None, was_abandoned: false, is_marked: false }
    }

    fn take_in(folder: &Path, server: &Address) -> Result<Self, Failure> {
        let path = folder.join(format!("profile-{}", sha256(server.to_string().as_bytes())));
        let opened = std::fs::create_dir_all(folder).and_then(|()| {
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)
        });
        // A home that cannot be written to costs the memory, and no capture.
        let Ok(mut file) = opened else { return Ok(Self::none()) };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(
                    "another profgate profiles this server",
                    format!("{server}: it still runs, and a second start would disturb the first"),
                    "wait until it is done, or end it with Ctrl-C",
                ));
            }
            Err(TryLockError::Error(_)) => return Ok(Self::none()),
        }
        let mut text = String::new();
        let was_abandoned =
            (&mut file).take(MARK.len() as u64).read_to_string(&mut text).is_ok_and(|read| read > 0);
        Ok(Self { held: Some((file, path)), was_abandoned, is_marked: was_abandoned })
    }

    /// Whether a profgate that had it was killed before it could stop its profile.
    pub fn was_abandoned(&self) -> bool {
        self.was_abandoned
    }

    /// Remembers that a profile may run from now on.
    pub fn mark(&mut self) {
        if let Some((file, _)) = &mut self.held {
            // Without the mark a killed client is not noticed; the capture itself does not need it.
            let _ = file.rewind().and_then(|()| file.write_all(MARK.as_bytes()));
            self.is_marked = true;
        }
    }

    /// No profile runs any more, as far as is known.
    pub fn clear(mut self) {
        self.is_marked = false;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some((file, path)) = self.held.take()
            && !self.is_marked
        {
            // Empty first: whoever waits with this file open must not find the mark.
            let _ = file.set_len(0).and_then(|()| std::fs::remove_file(path));
        }
    }
}

/// A folder that belongs to this account alone.
fn folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("XDG_STATE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/state")))
        .or_else(|| variable("LOCALAPPDATA"))
        .filter(|path| path.is_absolute())
        .map(|path| path.join("profgate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_held_by_one_and_its_mark_outlives_a_killed_owner() {
        let folder = std::env::temp_dir().join(format!("profgate-claim-{}", std::process::id()));
        let (one, other) = (Address::parse("h:1").unwrap(), Address::parse("h:2").unwrap());
        let mut first = Claim::take_in(&folder, &one).unwrap();
        assert!(!first.was_abandoned());
        assert!(Claim::take_in(&folder, &one).unwrap_err().what.contains("another profgate"));
        Claim::take_in(&folder, &other).unwrap().clear();
        first.mark();
        drop(first);
        let second = Claim::take_in(&folder, &one).unwrap();
        assert!(second.was_abandoned());
        second.clear();
        assert!(!Claim::take_in(&folder, &one).unwrap().was_abandoned());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
