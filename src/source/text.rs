//! Small text files that people write: configurations and baselines.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No configuration or baseline comes near this; a device has no end at all.
const MOST_BYTES: u64 = 16 << 20;

/// A report holds every table of every scenario, some 300 kB each.
const MOST_BYTES_OF_A_REPORT: u64 = 512 << 20;

/// Reads a whole text file of limited size.
pub fn read_text(path: &Path) -> io::Result<String> {
    read_up_to(path, MOST_BYTES)
}

/// Reads a report that `check` wrote.
pub fn read_report(path: &Path) -> io::Result<String> {
    read_up_to(path, MOST_BYTES_OF_A_REPORT)
}

fn read_up_to(path: &Path, most: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let message = format!("it is larger than {} MiB", most >> 20);
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_end_is_refused() {
        if Path::new("/dev/zero").exists() {
            assert!(read_text(Path::new("/dev/zero")).unwrap_err().to_string().contains("larger than"));
        }
    }
}
