//! The content of one file, inflated and within limits, in pieces that one thread makes and another takes.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use sha2::{Digest, Sha256};

use super::error::SourceError;
use super::inflate::{Defect, Format, Inflater};
use super::stored::Stored;

/// How much may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes after inflating.
    pub inflated: u64,
    /// Most bytes after inflating, as a multiple of the bytes before. Real traces stay below 40.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { inflated: 4 << 30, ratio: 120 }
    }
}

/// Below this size no ratio is suspicious.
const SMALL: u64 = 64 << 20;

const PIECE_BYTES: usize = 512 << 10;

/// Pieces under way between the two threads.
const PIECES: usize = 4;

/// Who inflates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inflating {
    /// The thread that takes the pieces: best where several files are read at once.
    Here,
    /// A thread of its own.
    Beside,
}

/// What is known of a file once all of it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poured {
    /// Lower-case hexadecimal digest of the file as stored.
    pub sha256: String,
    /// What was wrong on the way.
    pub defect: Option<Defect>,
}

/// One file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Inflated bytes.
    pub bytes: Vec<u8>,
    /// Lower-case hexadecimal digest of the file as stored.
    pub sha256: String,
    /// What was wrong on the way.
    pub defect: Option<Defect>,
}

/// Reads and inflates one file at once; `-` is standard input.
pub fn open(path: &Path, limits: Limits) -> Result<Opened, SourceError> {
    let mut bytes = Vec::new();
    let taken = pour(path, limits, Inflating::Here, |piece| {
        bytes.extend_from_slice(piece);
        Ok::<(), std::convert::Infallible>(())
    })?;
    let Ok(Poured { sha256, defect }) = taken;
    Ok(Opened { bytes, sha256, defect })
}

/// Reads and inflates one file, and calls `take` with one piece after the other, on the calling thread; `-` is
/// standard input.
///
/// An error of `take` ends the reading and is returned inside.
pub fn pour<E>(
    path: &Path,
    limits: Limits,
    inflating: Inflating,
    take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Result<Poured, E>, SourceError> {
    let (reader, length): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
        (Box::new(std::io::stdin()), None)
    } else {
        let unreadable = |error: std::io::Error| SourceError::unreadable(path, &error);
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        (Box::new(file), metadata.is_file().then_some(metadata.len()))
    };
    pour_from(reader, length, path, limits, inflating, take)
}

fn pour_from<E>(
    reader: Box<dyn Read + Send + '_>,
    length: Option<u64>,
    path: &Path,
    limits: Limits,
    inflating: Inflating,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Result<Poured, E>, SourceError> {
    let mut stored = Stored::new(reader);
    if Format::of(stored.peek(4)) == Format::Zip {
        return Err(SourceError::Compressed { path: path.to_owned(), format: "zip" });
    }
    let tap = Tap { inflater: Inflater::new(stored), path, limits, length, count: 0 };
    match inflating {
        Inflating::Here => {
            let mut tap = tap;
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                let filled = tap.fill(&mut piece)?;
                if filled == 0 {
                    return Ok(Ok(tap.finish()?));
                }
                if let Err(error) = take(piece.get(..filled).unwrap_or_default()) {
                    return Ok(Err(error));
                }
            }
        }
        Inflating::Beside => std::thread::scope(|scope| {
            let (full, pieces) = sync_channel::<(Vec<u8>, usize)>(PIECES);
            let (back, empty) = sync_channel::<Vec<u8>>(PIECES);
            for _ in 0..PIECES {
                // Never full: there is room for all pieces.
                let _ = back.try_send(vec![0; PIECE_BYTES]);
            }
            let inflating = scope.spawn(move || tap.inflate(&full, &empty));
            let taken = take_all(&pieces, &back, &mut take);
            // Whoever still inflates learns from the closed channels that nobody listens.
            drop((pieces, back));
            let poured = match inflating.join() {
                Ok(poured) => poured,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            match taken {
                Ok(()) => poured.map(Ok),
                Err(error) => Ok(Err(error)),
            }
        }),
    }
}

fn take_all<E>(
    pieces: &Receiver<(Vec<u8>, usize)>,
    back: &SyncSender<Vec<u8>>,
    take: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    for (piece, filled) in pieces {
        take(piece.get(..filled).unwrap_or_default())?;
        // Nobody waits for it any more once all is inflated.
        let _ = back.try_send(piece);
    }
    Ok(())
}

/// An inflater and its limits.
struct Tap<'p> {
    inflater: Inflater<'p>,
    path: &'p Path,
    limits: Limits,
    /// Of the stored file, where it is known before its end.
    length: Option<u64>,
    /// Inflated bytes so far.
    count: u64,
}

impl Tap<'_> {
    fn inflate(
        mut self,
        full: &SyncSender<(Vec<u8>, usize)>,
        empty: &Receiver<Vec<u8>>,
    ) -> Result<Poured, SourceError> {
        while let Ok(mut piece) = empty.recv() {
            let filled = self.fill(&mut piece)?;
            if filled == 0 {
                return self.finish();
            }
            if full.send((piece, filled)).is_err() {
                break;
            }
        }
        // Nobody listens any more, nor asks for what is left, which may have no end.
        Ok(Poured { sha256: String::new(), defect: self.inflater.defect })
    }

    fn fill(&mut self, piece: &mut [u8]) -> Result<usize, SourceError> {
        let filled = self.inflater.fill(piece);
        self.count += filled as u64;
        if self.count > self.limits.inflated {
            return Err(SourceError::TooLarge { path: self.path.to_owned(), limit: self.limits.inflated });
        }
        let read = self.inflater.stored().map_or(0, |stored| stored.count);
        let stored = self.length.unwrap_or(read).max(read);
        if self.count > SMALL.max(stored.saturating_mul(self.limits.ratio)) {
            return Err(SourceError::TooDense { path: self.path.to_owned(), ratio: self.limits.ratio });
        }
        Ok(filled)
    }

    fn finish(mut self) -> Result<Poured, SourceError> {
        let defect = self.inflater.defect;
        let Some(stored) = self.inflater.stored() else {
            return Ok(Poured { sha256: String::new(), defect });
        };
        let sha256 = stored.digest();
        match &stored.failure {
            Some(error) => Err(SourceError::unreadable(self.path, error)),
            None => Ok(Poured { sha256, defect }),
        }
    }
}

/// The digest of bytes in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of a file, read piece by piece.
pub fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        digest.update(piece.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn text() -> Vec<u8> {
        (0..200_000_u32).flat_map(|n| n.to_string().into_bytes()).collect()
    }

    fn poured(stored: &[u8], limits: Limits) -> Result<Opened, SourceError> {
        let [here, beside] = [Inflating::Here, Inflating::Beside].map(|inflating| {
            let mut bytes = Vec::new();
            let length = Some(stored.len() as u64);
            let taken = pour_from(Box::new(stored), length, Path::new("t"), limits, inflating, |piece| {
                bytes.extend_from_slice(piece);
                Ok::<(), std::convert::Infallible>(())
            });
            taken.map(|Ok(Poured { sha256, defect })| Opened { bytes, sha256, defect })
        });
        assert_eq!(format!("{here:?}"), format!("{beside:?}"), "one thread and two");
        here
    }

    fn inflated(stored: &[u8]) -> Opened {
        let opened = poured(stored, Limits::default()).unwrap();
        assert_eq!(opened.sha256, sha256(stored), "the digest is of all that is stored");
        opened
    }

    #[test]
    fn several_members_and_frames_are_one_file() {
        for compress in [gzip, zstd] {
            let stored = [compress(b"ab"), compress(b"cd")].concat();
            let opened = inflated(&stored);
            assert_eq!((opened.bytes.as_slice(), opened.defect), (&b"abcd"[..], None));
        }
    }

    #[test]
    fn large_content_comes_whole_however_it_is_stored() {
        for stored in [text(), gzip(&text()), zstd(&text())] {
            let opened = inflated(&stored);
            assert!(opened.bytes == text() && opened.defect.is_none());
        }
    }

    #[test]
    fn a_frame_to_be_skipped_is_skipped() {
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
        let opened = inflated(&[skippable.clone(), zstd(b"ab"), skippable].concat());
        assert_eq!((opened.bytes.as_slice(), opened.defect), (&b"ab"[..], None));
    }

    #[test]
    fn a_cut_member_keeps_what_came_before() {
        for compress in [gzip, zstd] {
            let stored = compress(&text());
            let opened = inflated(&stored[..stored.len() / 2]);
            assert_eq!(opened.defect, Some(Defect::CutOff));
            assert!(!opened.bytes.is_empty() && text().starts_with(&opened.bytes));
        }
    }

    #[test]
    fn a_cut_frame_keeps_what_its_window_holds() {
        let stored = zstd(&text());
        let opened = inflated(&stored[..stored.len() - 9]);
        assert_eq!(opened.defect, Some(Defect::CutOff));
        // A block of zstd is 128 KiB at most.
        assert!(opened.bytes.len() + (128 << 10) >= text().len(), "{}", opened.bytes.len());
    }

    #[test]
    fn who_stops_listening_ends_a_stream_that_has_no_end() {
        struct Endless(u64);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.0 += buffer.len() as u64;
                assert!(self.0 < 64 << 20, "nobody asked for so much");
                buffer.fill(b'y');
                Ok(buffer.len())
            }
        }
        for inflating in [Inflating::Here, Inflating::Beside] {
            let stopped =
                pour_from(Box::new(Endless(0)), None, Path::new("-"), Limits::default(), inflating, |_| {
                    Err("no trace")
                });
            assert_eq!(stopped.unwrap().unwrap_err(), "no trace");
        }
    }

    #[test]
    fn padding_after_the_last_member_is_tolerated_and_said() {
        for compress in [gzip, zstd] {
            let opened = inflated(&[compress(b"ab"), vec![0; 512]].concat());
            assert_eq!((opened.bytes.as_slice(), opened.defect), (&b"ab"[..], Some(Defect::TrailingData)));
        }
    }

    #[test]
    fn a_second_document_behind_the_last_member_is_no_padding() {
        let opened = inflated(&[gzip(b"{}"), b"\n{}".to_vec()].concat());
        assert_eq!((opened.bytes.as_slice(), opened.defect), (&b"{}"[..], Some(Defect::SecondDocument)));
    }

    #[test]
    fn wrong_bytes_and_a_wrong_checksum_are_damage() {
        for (compress, from_end) in [(gzip as fn(&[u8]) -> Vec<u8>, 6), (zstd, 2)] {
            let mut stored = compress(b"abcdefgh");
            let at = stored.len() - from_end;
            stored[at] ^= 0xff;
            assert_eq!(inflated(&stored).defect, Some(Defect::Damaged));
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit_and_says_at_which() {
        let zeros = vec![b' '; 70 << 20];
        for stored in [gzip(&zeros), zstd(&zeros)] {
            let at = |limits| poured(&stored, limits).unwrap_err();
            let error = at(Limits { inflated: 1 << 40, ratio: 100 });
            assert!(matches!(error, SourceError::TooDense { ratio: 100, .. }), "{error}");
            assert!(!error.help().contains("--max-inflated"), "raising it would not help");
            let error = at(Limits { inflated: 1 << 20, ratio: 100 });
            assert!(matches!(error, SourceError::TooLarge { limit: 0x10_0000, .. }), "{error}");
        }
    }

    #[test]
    fn the_largest_limit_is_no_limit() {
        let limits = Limits { inflated: u64::MAX, ratio: u64::MAX };
        assert_eq!(poured(&gzip(b"ab"), limits).unwrap().bytes, b"ab");
        assert_eq!(poured(b"ab", limits).unwrap().bytes, b"ab");
    }

    #[test]
    fn who_takes_may_stop() {
        let stored = gzip(&text());
        for inflating in [Inflating::Here, Inflating::Beside] {
            let stopped = pour_from(
                Box::new(stored.as_slice()),
                None,
                Path::new("t"),
                Limits::default(),
                inflating,
                |_| Err("enough"),
            );
            assert_eq!(stopped.unwrap(), Err("enough"));
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("the disk is gone"))
            }
        }
        let take = |_: &[u8]| Ok::<(), ()>(());
        let error =
            pour_from(Box::new(Failing), None, Path::new("t"), Limits::default(), Inflating::Here, take);
        assert!(error.unwrap_err().to_string().contains("the disk is gone"));
    }
}
