//! The bytes of a file as they are stored: buffered, counted, and hashed as they pass.

use std::io::{self, BufRead, Read};

use sha2::{Digest, Sha256};

const BUFFER_BYTES: usize = 256 << 10;

/// A file that is read once, from its beginning to its end.
pub struct Stored<'r> {
    inner: Box<dyn Read + Send + 'r>,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    hash: Sha256,
    /// Bytes read so far.
    pub count: u64,
    /// Whether the end was met.
    pub is_at_end: bool,
    /// What the system said when reading failed, once it has.
    pub failure: Option<io::Error>,
}

impl<'r> Stored<'r> {
    /// Nothing of it is read yet.
    pub fn new(inner: Box<dyn Read + Send + 'r>) -> Self {
        Self {
            inner,
            buffer: vec![0; BUFFER_BYTES],
            at: 0,
            filled: 0,
            hash: Sha256::new(),
            count: 0,
            is_at_end: false,
            failure: None,
        }
    }

    /// The next bytes, without taking them: `wanted` of them, or all that are left.
    pub fn peek(&mut self, wanted: usize) -> &[u8] {
        self.buffer.copy_within(self.at..self.filled, 0);
        self.filled -= self.at;
        self.at = 0;
        while self.filled < wanted && self.refill() > 0 {}
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// Reads what is left, and returns the digest of all in lower-case hexadecimal.
    pub fn digest(&mut self) -> String {
        loop {
            self.at = 0;
            self.filled = 0;
            if self.refill() == 0 {
                break;
            }
        }
        std::mem::take(&mut self.hash).finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads more behind what is buffered; nothing at the end, and where reading fails.
    fn refill(&mut self) -> usize {
        if self.is_at_end || self.failure.is_some() {
            return 0;
        }
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        loop {
            match self.inner.read(room) {
                Ok(read) => {
                    self.is_at_end = read == 0 && !room.is_empty();
                    self.hash.update(room.get(..read).unwrap_or_default());
                    self.filled += read;
                    self.count += read as u64;
                    return read;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(error);
                    return 0;
                }
            }
        }
    }
}

impl Read for Stored<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), available.get(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Stored<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.filled {
            self.at = 0;
            self.filled = 0;
            self.refill();
            if self.failure.is_some() {
                return Err(io::Error::other("the file cannot be read"));
            }
        }
        Ok(self.buffer.get(self.at..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at = (self.at + count).min(self.filled);
    }
}
