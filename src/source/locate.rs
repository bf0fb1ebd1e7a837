//! Which files of the inputs may be traces, and what their paths say of rank and stage.
//!
//! Input: files, directories, patterns, `-`. Output: candidates in order, what was passed over and why, and
//! the server's arguments. Names decide nothing here but rank and stage: what is a trace, its content says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::error::SourceError;
use super::name::{PathStage, Position, file_name, position_of_directories, stage_of_file};
use super::server_log::is_log;

/// A file that may be a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where it lies; `-` is standard input.
    pub path: PathBuf,
    /// What its name says of the process that wrote it.
    pub position: Position,
    /// Stage by name: the file's own, else the nearest directory's.
    pub stage: Option<PathStage>,
    /// Whether the user named the file itself; then it must be a trace.
    pub is_named: bool,
}

/// A file that was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it lies.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// What the inputs hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Located {
    /// Files that may be traces: inputs in order, each in order of its paths.
    pub candidates: Vec<Candidate>,
    /// What was passed over, with the reason.
    pub left_out: Vec<LeftOut>,
    /// The server's arguments nearest to the traces, if they were saved.
    pub server_args: Option<PathBuf>,
    /// Logs that lie in the capture, in order.
    pub logs: Vec<PathBuf>,
}

/// Deeper directories belong to somebody else.
const MAX_DEPTH: usize = 6;

const SERVER_ARGS: &str = "server_args.json";
/// Logs beside a trace that is named alone; of any other name one may be another run's.
const SERVER_LOGS: [&str; 6] = [
    "server.log",
    "server.log.gz",
    "server.log.txt",
    "server_log.txt",
    "server-log.txt",
    "server_log.txt.gz",
];

/// What a capture folder says of itself. It is no trace, and no surprise.
const MANIFEST: &str = "capture.json";

/// Finds what may be a trace among all inputs of one capture.
pub fn locate(inputs: &[PathBuf]) -> Result<Located, SourceError> {
    let mut search = Search::default();
    for input in inputs {
        search.input(input)?;
    }
    Ok(search.finish())
}

#[derive(Default)]
struct Search {
    located: Located,
    /// Files and directories met, by their real path, and how they were first named.
    met: BTreeMap<PathBuf, PathBuf>,
    server_args: Vec<PathBuf>,
    /// For each candidate the uppermost directory that may hold its server's arguments.
    roots: Vec<PathBuf>,
}

impl Search {
    fn input(&mut self, input: &Path) -> Result<(), SourceError> {
        if input == Path::new("-") {
            if self.is_new(input, "it was named twice") {
                self.candidate(input, input, true);
            }
            return Ok(());
        }
        match fs::metadata(input) {
            Ok(metadata) if metadata.is_dir() => self.directory(input, input, 0),
            Ok(_) => {
                self.file(input, true);
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_pattern(input) => {
                self.pattern(input)
            }
            Err(error) => Err(SourceError::unreadable(input, &error)),
        }
    }

    fn pattern(&mut self, input: &Path) -> Result<(), SourceError> {
        let text = pattern_text(input);
        let no_pattern = |reason: String| SourceError::Unreadable { path: input.to_owned(), reason };
        let paths = glob::glob(&text).map_err(|error| no_pattern(format!("no pattern: {error}")))?;
        let mut found = Vec::new();
        for path in paths {
            found.push(path.map_err(|error| SourceError::unreadable(error.path(), error.error()))?);
        }
        if found.is_empty() {
            return Err(no_pattern("no file matches this pattern".to_owned()));
        }
        found.sort();
        for path in found {
            if path.is_dir() {
                self.directory(&path, &path, 0)?;
            } else {
                self.file(&path, false);
            }
        }
        Ok(())
    }

    /// A file that an argument names or a pattern matches.
    fn file(&mut self, path: &Path, is_named: bool) {
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        if !is_named && file_name(path) == SERVER_ARGS {
            self.add_server_args(path);
            return;
        }
        if !is_named && is_log(path) {
            if self.is_new(path, "") && !self.located.logs.contains(&path.to_owned()) {
                self.located.logs.push(path.to_owned());
            }
            return;
        }
        if !self.is_new(path, "") {
            return;
        }
        let beside = parent.join(SERVER_ARGS);
        if beside.is_file() {
            self.add_server_args(&beside);
        }
        for log in SERVER_LOGS.map(|name| parent.join(name)) {
            if log.is_file() && log != path && !self.located.logs.contains(&log) {
                self.located.logs.push(log);
            }
        }
        self.candidate(path, parent, is_named);
    }

    fn directory(&mut self, root: &Path, directory: &Path, depth: usize) -> Result<(), SourceError> {
        if !self.is_new(directory, "") {
            return Ok(());
        }
        let entries = fs::read_dir(directory).map_err(|error| SourceError::unreadable(directory, &error))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(|error| SourceError::unreadable(directory, &error))?.path());
        }
        paths.sort();
        for path in paths {
            let name = file_name(&path);
            let metadata = fs::metadata(&path);
            let is_directory = metadata.as_ref().is_ok_and(fs::Metadata::is_dir);
            if name.starts_with('.') {
                self.leave_out(&path, "its name begins with a dot");
            } else if is_directory && depth >= MAX_DEPTH {
                self.leave_out(&path, &format!("it lies more than {MAX_DEPTH} directories deep"));
            } else if is_directory {
                self.directory(root, &path, depth + 1)?;
            } else if name == SERVER_ARGS {
                self.add_server_args(&path);
            } else if is_log(&path) && metadata.as_ref().is_ok_and(fs::Metadata::is_file) {
                if self.is_new(&path, "") && !self.located.logs.contains(&path) {
                    self.located.logs.push(path);
                }
            } else if name != MANIFEST {
                match metadata {
                    Ok(metadata) if metadata.is_file() => {
                        if self.is_new(&path, "") {
                            self.candidate(&path, root, false);
                        }
                    }
                    Ok(_) => self.leave_out(&path, "it is no regular file"),
                    Err(_) => self.leave_out(&path, "it is a link to nothing"),
                }
            }
        }
        Ok(())
    }

    fn candidate(&mut self, path: &Path, root: &Path, is_named: bool) {
        let mut position = Position::of(&file_name(path));
        if position == Position::default() {
            position = position_of_directories(root, path);
        }
        self.roots.push(root.to_owned());
        self.located.candidates.push(Candidate {
            path: path.to_owned(),
            position,
            stage: stage_of_file(root, path),
            is_named,
        });
    }

    fn add_server_args(&mut self, path: &Path) {
        if !self.server_args.iter().any(|known| known == path) {
            self.server_args.push(path.to_owned());
        }
    }

    /// Whether a path is met for the first time, under whatever name.
    fn is_new(&mut self, path: &Path, reason: &str) -> bool {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let Some(first) = self.met.get(&real).cloned() else {
            self.met.insert(real, path.to_owned());
            return true;
        };
        let reason = if reason.is_empty() {
            format!("it is the same as {}", first.display())
        } else {
            reason.to_owned()
        };
        self.leave_out(path, &reason);
        false
    }

    fn leave_out(&mut self, path: &Path, reason: &str) {
        self.located.left_out.push(LeftOut { path: path.to_owned(), reason: reason.to_owned() });
    }

    fn finish(mut self) -> Located {
        let nearest = self.located.candidates.iter().zip(&self.roots).find_map(|(candidate, root)| {
            candidate
                .path
                .ancestors()
                .skip(1)
                .map(|directory| if directory == Path::new("") { Path::new(".") } else { directory })
                .take_while(|directory| directory.starts_with(root))
                .map(|directory| directory.join(SERVER_ARGS))
                .find(|path| self.server_args.contains(path))
        });
        let chosen = nearest.or_else(|| self.server_args.first().cloned());
        if let Some(chosen) = &chosen {
            let reason = format!("{} is nearer to the first trace", chosen.display());
            let others: Vec<PathBuf> =
                self.server_args.iter().filter(|path| *path != chosen).cloned().collect();
            for path in others {
                self.leave_out(&path, &reason);
            }
        }
        self.located.server_args = chosen;
        self.located
    }
}

fn is_pattern(input: &Path) -> bool {
    input.to_string_lossy().contains(['*', '?', '['])
}

/// The pattern, with the leading directories that exist taken as they are: `a[1]/*.gz` where `a[1]` is one.
fn pattern_text(input: &Path) -> String {
    let mut literal = PathBuf::new();
    let mut rest = PathBuf::new();
    for component in input.components() {
        let next = literal.join(component);
        let is_literal =
            rest.as_os_str().is_empty() && (!matches!(component, Component::Normal(_)) || next.is_dir());
        if is_literal {
            literal = next;
        } else {
            rest.push(component);
        }
    }
    let literal = glob::Pattern::escape(&literal.to_string_lossy());
    Path::new(&literal).join(rest).to_string_lossy().into_owned()
}
