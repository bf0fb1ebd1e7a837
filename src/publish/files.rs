//! Files that are whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use crate::report;
use crate::verdict::CheckReport;

/// The machine report.
pub const REPORT_JSON: &str = "report.json";
/// The test report.
pub const JUNIT_XML: &str = "junit.xml";
/// The pull-request comment.
pub const COMMENT_MD: &str = "comment.md";

/// Why a file could not be put where it belongs.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The system refused.
    #[error("{} could not be written: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A report could not be rendered.
    #[error("{} could not be written: {reason}", path.display())]
    Rendering {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A name that would lead out of the folder of reports.
    #[error("{} is not a file inside {}", name.display(), folder.display())]
    Outside {
        /// The name.
        name: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
}

/// Writes a file through a temporary one beside it, so that readers see the old content or the new.
///
/// Missing folders are created. A link at `path` is replaced, not followed.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), PublishError> {
    let refused = |source: io::Error| PublishError::Io { path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let name = path
        .file_name()
        .ok_or_else(|| refused(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file")))?;
    fs::create_dir_all(folder).map_err(refused)?;
    if path.is_dir() {
        return Err(refused(io::Error::new(io::ErrorKind::IsADirectory, "a folder has this name")));
    }
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = folder.join(temporary);
    let written = fill(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to report.
        drop(fs::remove_file(&temporary));
    }
    written.map_err(refused)
}

/// Writes to what a user named with an option: a file, a link to one, a device or a pipe.
///
/// A file is written whole or not at all. A link is followed, because the user means what it leads to. What is
/// no regular file is written into and never replaced.
pub fn write_output(path: &Path, bytes: &[u8]) -> Result<(), PublishError> {
    let refused = |source: io::Error| PublishError::Io { path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => write(&fs::canonicalize(path).map_err(refused)?, bytes),
        Ok(metadata) if metadata.is_dir() => write(path, bytes),
        Ok(_) => {
            let mut sink = OpenOptions::new().write(true).open(path).map_err(refused)?;
            sink.write_all(bytes).map_err(refused)
        }
        Err(_) => write(path, bytes),
    }
}

/// Writes a new file and has it on the disk before it returns.
fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A leftover of a process that was killed, or a link that someone laid: neither is written through.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The folder that a run of `check` writes into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSet {
    /// The folder.
    pub dir: PathBuf,
}

impl ReportSet {
    /// Creates the folder and makes sure that it can be written to, before long work begins.
    pub fn prepare(&self) -> Result<(), PublishError> {
        let refused = |source: io::Error| PublishError::Io { path: self.dir.clone(), source };
        fs::create_dir_all(&self.dir).map_err(refused)?;
        let probe = self.dir.join(format!(".profgate.{}.tmp", std::process::id()));
        fill(&probe, b"").and_then(|()| fs::remove_file(&probe)).map_err(refused)
    }

    /// Removes the reports of an earlier run: what this run cannot judge must not look judged.
    pub fn clear(&self) -> Result<(), PublishError> {
        for name in [REPORT_JSON, JUNIT_XML, COMMENT_MD] {
            match fs::remove_file(self.path(name)) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(PublishError::Io { path: self.path(name), source });
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Where a file of the set lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes every report, all from the one that is given. Returns what was written.
    pub fn write_all(&self, report: &CheckReport) -> Result<Vec<PathBuf>, PublishError> {
        let junit = report::junit::xml(report).map_err(|error| PublishError::Rendering {
            path: self.path(JUNIT_XML),
            reason: error.to_string(),
        })?;
        [
            (REPORT_JSON, report::json::check(report)),
            (JUNIT_XML, junit),
            (COMMENT_MD, report::markdown::comment(report)),
        ]
        .into_iter()
        .map(|(name, text)| self.write(name, text.as_bytes()))
        .collect()
    }

    /// Writes one file of the set; `name` is a plain file name.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, PublishError> {
        let mut parts = Path::new(name).components();
        let is_plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        if !is_plain {
            return Err(PublishError::Outside { name: name.into(), folder: self.dir.clone() });
        }
        let path = self.path(name);
        write(&path, bytes)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    /// A folder of this test's own, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("profgate-{test}-{}", std::process::id()));
            drop(fs::remove_dir_all(&path));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_set_holds_every_report_and_nothing_else() {
        let folder = Folder::new("set");
        let set = ReportSet { dir: folder.0.join("a/b") };
        set.prepare().unwrap();
        assert!(names(&set.dir).is_empty());
        let written = set.write_all(&fixture::mixed()).unwrap();
        assert_eq!(names(&set.dir), ["comment.md", "junit.xml", "report.json"]);
        assert_eq!(written.len(), 3);
        let first = fs::read(set.path(REPORT_JSON)).unwrap();
        set.write_all(&fixture::mixed()).unwrap();
        assert_eq!(fs::read(set.path(REPORT_JSON)).unwrap(), first);
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind_and_names_the_path() {
        let folder = Folder::new("failed");
        let path = folder.0.join("taken");
        fs::create_dir_all(&path).unwrap();
        let error = write(&path, b"x").unwrap_err().to_string();
        assert!(error.contains("taken could not be written: a folder has this name"), "{error}");
        assert_eq!(names(&folder.0), ["taken"]);
        let file = folder.0.join("file");
        write(&file, b"old").unwrap();
        let error = write(&file.join("below"), b"x").unwrap_err().to_string();
        assert!(error.contains("below could not be written"), "{error}");
        assert!(ReportSet { dir: file.clone() }.prepare().is_err());
        assert_eq!(fs::read(file).unwrap(), b"old");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let folder = Folder::new("outside");
        let set = ReportSet { dir: folder.0.join("reports") };
        for name in ["../x", "/x", "a/b", "..", ".", ""] {
            assert!(matches!(set.write(name, b"x"), Err(PublishError::Outside { .. })), "{name}");
        }
        assert!(names(&folder.0).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = Folder::new("link");
        let outside = folder.0.join("outside");
        fs::write(&outside, b"precious").unwrap();
        let set = ReportSet { dir: folder.0.join("reports") };
        set.prepare().unwrap();
        std::os::unix::fs::symlink(&outside, set.path(COMMENT_MD)).unwrap();
        set.write(COMMENT_MD, b"new").unwrap();
        assert_eq!(fs::read(&outside).unwrap(), b"precious");
        assert_eq!(fs::read(set.path(COMMENT_MD)).unwrap(), b"new");
    }
}
