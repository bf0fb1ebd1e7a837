//! A server's log while the server writes it: only what came since the last look is read.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::server_log::{Fallback, LONGEST_LINE, names_fallback};

/// How far a log was read.
#[derive(Debug, Clone)]
pub struct LogFollower {
    path: PathBuf,
    /// Bytes of whole lines read so far.
    at: u64,
    /// Their number.
    lines: u64,
}

impl LogFollower {
    /// Follows a log from its beginning.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), at: 0, lines: 0 }
    }

    /// The first new line that names the diffusers backend. A log that cannot be read at this moment, because it is
    /// being rotated, names none; nor does a compressed one, which nobody writes to any more.
    pub fn look(&mut self) -> Option<Fallback> {
        self.read_on().ok().flatten()
    }

    fn read_on(&mut self) -> std::io::Result<Option<Fallback>> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() < self.at {
            (self.at, self.lines) = (0, 0);
        }
        file.seek(SeekFrom::Start(self.at))?;
        let mut log = BufReader::new(file);
        if self.at == 0 && log.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let read = (&mut log).take(LONGEST_LINE).read_until(b'\n', &mut bytes)? as u64;
            if read == 0 {
                return Ok(None);
            }
            if let Some(text) = names_fallback(&bytes) {
                return Ok(Some(Fallback { path: self.path.clone(), line: self.lines + 1, text }));
            }
            let is_whole = bytes.ends_with(b"\n");
            if !is_whole && read < LONGEST_LINE {
                // The rest of the line comes later, and the line is read again then.
                return Ok(None);
            }
            self.at += read;
            self.lines += u64::from(is_whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_what_is_new_is_read_and_a_line_that_came_in_two_parts_is_seen() {
        let path = std::env::temp_dir().join(format!("profgate-follow-{}.log", std::process::id()));
        let mut follower = LogFollower::new(&path);
        assert_eq!(follower.look(), None, "it is not there yet");
        let mut log = File::create(&path).unwrap();
        let mut put = |text: &str| log.write_all(text.as_bytes()).unwrap();
        put("one\ntwo\nno pipeline. Falling back to diff");
        assert_eq!((follower.look(), follower.lines), (None, 2));
        put("users backend for model X\nfour\n");
        let found = follower.look().unwrap();
        assert_eq!((found.line, found.text.contains("for model X")), (3, true), "{found:?}");
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!((follower.look(), follower.lines), (None, 1), "a log that began anew is read anew");
        std::fs::remove_file(&path).unwrap();
    }
}
