//! What a file holds, inflated by what its first bytes say, whatever it is called.
//!
//! Input: stored bytes. Output: inflated bytes, in pieces, and what was wrong with the stored ones. What came
//! before a defect is kept.

use std::io::Read;

use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::stored::Stored;

/// What was wrong with the compressed bytes. What came before is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// The file ends inside compressed data.
    CutOff,
    /// The compressed data are wrong, or their checksum is.
    Damaged,
    /// The compressed data look back farther than this reader remembers, as `zstd --long` makes them.
    WindowTooLarge,
    /// Bytes follow the compressed data.
    TrailingData,
    /// More JSON follows the compressed data.
    SecondDocument,
}

/// A way in which bytes may be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
    /// zip, which is an archive and not read.
    Zip,
}

impl Format {
    /// The format that the first bytes of a file, or of a part of it, show.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'P', b'K', 3, 4, ..] => Self::Zip,
            _ => Self::Plain,
        }
    }
}

/// What is being read.
enum Part<'r> {
    /// Bytes that are not compressed.
    Plain(Stored<'r>),
    /// A member of a gzip file.
    Gzip(Box<GzDecoder<Stored<'r>>>),
    /// A frame of a zstd file.
    Zstd(Box<FrameDecoder>, Stored<'r>),
    /// Nothing any more.
    End(Stored<'r>),
}

/// Inflates one file.
pub struct Inflater<'r> {
    /// Always there between calls.
    part: Option<Part<'r>>,
    /// What was wrong so far.
    pub defect: Option<Defect>,
    /// Whether nothing behind the part at hand can be read.
    is_broken: bool,
}

impl<'r> Inflater<'r> {
    /// Begins with a file, of which nothing but its first bytes may have been looked at.
    pub fn new(mut stored: Stored<'r>) -> Self {
        let is_compressed = matches!(Format::of(stored.peek(4)), Format::Gzip | Format::Zstd);
        let mut inflater = Self { part: None, defect: None, is_broken: false };
        inflater.part = Some(if is_compressed { inflater.next_part(stored) } else { Part::Plain(stored) });
        inflater
    }

    /// Fills a buffer, as far as there are bytes. Returns how many there were; 0 at the end.
    pub fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.read(room) {
                Some(read) => filled += read,
                None => break,
            }
        }
        filled
    }

    /// The stored bytes behind it all.
    pub fn stored(&mut self) -> Option<&mut Stored<'r>> {
        match self.part.as_mut()? {
            Part::Plain(stored) | Part::Zstd(_, stored) | Part::End(stored) => Some(stored),
            Part::Gzip(decoder) => Some(decoder.get_mut()),
        }
    }

    /// Some more bytes, maybe none; `None` at the end.
    fn read(&mut self, room: &mut [u8]) -> Option<usize> {
        let (read, next) = match self.part.take()? {
            Part::Plain(mut stored) => match stored.read(room) {
                Ok(0) | Err(_) => (0, Part::End(stored)),
                Ok(read) => (read, Part::Plain(stored)),
            },
            Part::Gzip(mut decoder) => match decoder.read(room) {
                Ok(0) => (0, self.next_part(decoder.into_inner())),
                Ok(read) => (read, Part::Gzip(decoder)),
                Err(_) => (0, self.broken(decoder.into_inner())),
            },
            Part::Zstd(mut decoder, mut stored) => match read_frame(&mut decoder, &mut stored, room) {
                Some(0) if self.is_broken => (0, Part::End(stored)),
                Some(0) if decoder.is_finished() => {
                    if decoder.get_checksum_from_data() != decoder.get_calculated_checksum()
                        && decoder.get_checksum_from_data().is_some()
                    {
                        self.defect = self.defect.or(Some(Defect::Damaged));
                    }
                    (0, self.next_part(stored))
                }
                Some(read) => (read, Part::Zstd(decoder, stored)),
                None => {
                    self.count_broken(&stored);
                    // What was inflated before waits in the decoder's window until its frame ends.
                    let is_ended =
                        decoder.decode_blocks(EMPTY_LAST_BLOCK, BlockDecodingStrategy::All).unwrap_or(false);
                    (0, if is_ended { Part::Zstd(decoder, stored) } else { Part::End(stored) })
                }
            },
            Part::End(stored) => {
                self.part = Some(Part::End(stored));
                return None;
            }
        };
        self.part = Some(next);
        Some(read)
    }

    /// The next member or frame, or the end.
    fn next_part(&mut self, mut stored: Stored<'r>) -> Part<'r> {
        loop {
            let next = stored.peek(4);
            match Format::of(next) {
                Format::Gzip => return Part::Gzip(Box::new(GzDecoder::new(stored))),
                Format::Zstd => {
                    let mut decoder = FrameDecoder::new();
                    match decoder.init(&mut stored) {
                        Ok(()) => return Part::Zstd(Box::new(decoder), stored),
                        Err(error) => match skippable(&error) {
                            Some(length) if skip(&mut stored, length) => {}
                            _ if matches!(error, FrameDecoderError::WindowSizeTooBig { .. }) => {
                                self.defect = self.defect.or(Some(Defect::WindowTooLarge));
                                return Part::End(stored);
                            }
                            _ => return self.broken(stored),
                        },
                    }
                }
                Format::Plain | Format::Zip => {
                    // gzip itself tolerates what follows, zeros above all, which tape-era padding left behind.
                    if !next.is_empty() {
                        self.defect = self.defect.or(Some(trailing(stored.peek(usize::MAX))));
                    }
                    return Part::End(stored);
                }
            }
        }
    }

    fn broken(&mut self, stored: Stored<'r>) -> Part<'r> {
        self.count_broken(&stored);
        Part::End(stored)
    }

    fn count_broken(&mut self, stored: &Stored<'r>) {
        let defect = if stored.is_at_end { Defect::CutOff } else { Defect::Damaged };
        self.defect = self.defect.or(Some(defect));
        self.is_broken = true;
    }
}

/// The last block of a zstd frame, with nothing in it, and room for a checksum.
const EMPTY_LAST_BLOCK: &[u8] = &[1, 0, 0, 0, 0, 0, 0];

fn trailing(bytes: &[u8]) -> Defect {
    match bytes.iter().find(|byte| **byte != 0 && !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[' | b',' | b'"' | b'}' | b']') => Defect::SecondDocument,
        _ => Defect::TrailingData,
    }
}

/// Some bytes of a frame, none at its end; `None` where it is broken.
fn read_frame(decoder: &mut FrameDecoder, stored: &mut Stored<'_>, room: &mut [u8]) -> Option<usize> {
    while decoder.can_collect() == 0 && !decoder.is_finished() {
        decoder.decode_blocks(&mut *stored, BlockDecodingStrategy::UptoBlocks(1)).ok()?;
    }
    decoder.read(room).ok()
}

/// How long the frame is that is there to be skipped.
fn skippable(error: &FrameDecoderError) -> Option<u64> {
    match error {
        FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. }) => {
            Some(u64::from(*length))
        }
        _ => None,
    }
}

fn skip(stored: &mut Stored<'_>, length: u64) -> bool {
    let mut rest = stored.take(length);
    std::io::copy(&mut rest, &mut std::io::sink()).is_ok_and(|skipped| skipped == length)
}
