//! The bytes of one file, inflated when they are gzip, whatever the file is called.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

use super::error::SourceError;

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

/// What was wrong with the compressed bytes. What came before is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// The file ends inside a gzip member.
    CutOff,
    /// The compressed data are wrong, or their checksum is.
    Damaged,
    /// Bytes follow the last member.
    TrailingData,
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

/// Reads and inflates one file; `-` is standard input.
pub fn open(path: &Path, limits: Limits) -> Result<Opened, SourceError> {
    let stored = if path == Path::new("-") {
        read_all(std::io::stdin().lock(), path, limits)?
    } else {
        let file = File::open(path).map_err(|error| SourceError::unreadable(path, &error))?;
        read_all(BufReader::new(file), path, limits)?
    };
    let sha256 = sha256(&stored);
    match stored.as_slice() {
        [0x1f, 0x8b, ..] => inflate(&stored, path, limits, sha256),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Err(SourceError::Compressed { path: path.to_owned(), format: "zstd" })
        }
        [b'P', b'K', 3, 4, ..] => Err(SourceError::Compressed { path: path.to_owned(), format: "zip" }),
        _ => Ok(Opened { bytes: stored, sha256, defect: None }),
    }
}

fn read_all(reader: impl Read, path: &Path, limits: Limits) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    reader
        .take(limits.inflated.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| SourceError::unreadable(path, &error))?;
    if bytes.len() as u64 > limits.inflated {
        return Err(SourceError::TooLarge { path: path.to_owned(), limit: limits.inflated });
    }
    Ok(bytes)
}

fn inflate(stored: &[u8], path: &Path, limits: Limits, sha256: String) -> Result<Opened, SourceError> {
    let dense = SMALL.max((stored.len() as u64).saturating_mul(limits.ratio));
    let limit = limits.inflated.min(dense);
    let mut bytes = Vec::new();
    let mut defect = None;
    let mut rest = stored;
    while !rest.is_empty() {
        if !rest.starts_with(&[0x1f, 0x8b]) {
            // gzip itself tolerates this, zeros above all, which tape-era padding left behind.
            defect = defect.or(Some(Defect::TrailingData));
            break;
        }
        let mut member = GzDecoder::new(rest);
        let room = limit.saturating_add(1).saturating_sub(bytes.len() as u64);
        let outcome = (&mut member).take(room).read_to_end(&mut bytes);
        if bytes.len() as u64 > limit {
            let path = path.to_owned();
            return Err(if limit == limits.inflated {
                SourceError::TooLarge { path, limit }
            } else {
                SourceError::TooDense { path, ratio: limits.ratio }
            });
        }
        match outcome {
            Ok(_) => rest = member.into_inner(),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                defect = Some(Defect::CutOff);
                break;
            }
            Err(_) => {
                defect = Some(Defect::Damaged);
                break;
            }
        }
    }
    Ok(Opened { bytes, sha256, defect })
}

/// The digest of bytes in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
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

    fn inflated(stored: &[u8]) -> Opened {
        inflate(stored, Path::new("t"), Limits::default(), String::new()).unwrap()
    }

    #[test]
    fn several_members_are_one_file() {
        let stored = [gzip(b"ab"), gzip(b"cd")].concat();
        assert_eq!(
            inflated(&stored),
            Opened { bytes: b"abcd".to_vec(), sha256: String::new(), defect: None }
        );
    }

    #[test]
    fn a_cut_member_keeps_what_came_before() {
        let text: Vec<u8> = (0..20_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let stored = gzip(&text);
        let opened = inflated(&stored[..stored.len() / 2]);
        assert_eq!(opened.defect, Some(Defect::CutOff));
        assert!(!opened.bytes.is_empty() && text.starts_with(&opened.bytes));
    }

    #[test]
    fn padding_after_the_last_member_is_tolerated_and_said() {
        let opened = inflated(&[gzip(b"ab"), vec![0; 512]].concat());
        assert_eq!((opened.bytes.as_slice(), opened.defect), (&b"ab"[..], Some(Defect::TrailingData)));
    }

    #[test]
    fn a_wrong_checksum_is_damage() {
        let mut stored = gzip(b"abcdefgh");
        let at = stored.len() - 6;
        stored[at] ^= 0xff;
        assert_eq!(inflated(&stored).defect, Some(Defect::Damaged));
    }

    #[test]
    fn a_bomb_stops_at_the_limit_and_says_at_which() {
        let stored = gzip(&vec![b' '; 70 << 20]);
        let at = |limits| inflate(&stored, Path::new("t"), limits, String::new()).unwrap_err();
        let error = at(Limits { inflated: 1 << 40, ratio: 100 });
        assert!(matches!(error, SourceError::TooDense { ratio: 100, .. }), "{error}");
        assert!(!error.help().contains("--max-inflated"), "raising it would not help");
        let error = at(Limits { inflated: 1 << 20, ratio: 100 });
        assert!(matches!(error, SourceError::TooLarge { limit: 0x10_0000, .. }), "{error}");
    }

    #[test]
    fn the_largest_limit_is_no_limit() {
        let limits = Limits { inflated: u64::MAX, ratio: u64::MAX };
        let opened = inflate(&gzip(b"ab"), Path::new("t"), limits, String::new()).unwrap();
        assert_eq!(opened.bytes, b"ab");
        assert_eq!(read_all(&b"ab"[..], Path::new("t"), limits).unwrap(), b"ab");
    }
}
