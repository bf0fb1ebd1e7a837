//! Which files of a path are traces, and what their names say about rank and stage.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::SourceError;

/// The stage that a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStage {
    /// `prefill`, `extend`.
    Prefill,
    /// `decode`.
    Decode,
}

/// A file that may be a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where it lies.
    pub path: PathBuf,
    /// Rank by name.
    pub rank: Option<u32>,
    /// Stage by name: the file's own, else the nearest directory's below the input.
    pub stage: Option<PathStage>,
    /// Whether the user named the file itself; then it must be a trace.
    pub is_named: bool,
}

/// A file of a directory that was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it lies.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// What a path holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Located {
    /// Files that may be traces, in order of their paths.
    pub candidates: Vec<Candidate>,
    /// Files that are none, with the reason.
    pub left_out: Vec<LeftOut>,
    /// The server's arguments, if they were saved beside the traces.
    pub server_args: Option<PathBuf>,
}

/// Deeper directories belong to somebody else.
const MAX_DEPTH: usize = 6;

/// Finds the trace files of one input: a file, or every trace below a directory.
pub fn locate(input: &Path) -> Result<Located, SourceError> {
    let metadata = fs::metadata(input).map_err(|error| unreadable(input, &error))?;
    let mut located = Located::default();
    if metadata.is_dir() {
        walk(input, input, 0, &mut located)?;
        if located.candidates.is_empty() {
            let left_out = match located.left_out.first() {
                None => "the directory is empty".to_owned(),
                Some(one) => format!("{}: {}", one.path.display(), one.reason),
            };
            return Err(SourceError::NoTrace { path: input.to_owned(), left_out });
        }
    } else {
        located.candidates.push(Candidate {
            path: input.to_owned(),
            rank: rank_of(&file_name(input)),
            stage: stage_of(&file_name(input)).or_else(|| {
                let parent = input.parent()?;
                stage_of(&file_name(parent))
            }),
            is_named: true,
        });
        located.server_args =
            input.parent().map(|parent| parent.join("server_args.json")).filter(|path| path.is_file());
    }
    Ok(located)
}

fn walk(root: &Path, directory: &Path, depth: usize, located: &mut Located) -> Result<(), SourceError> {
    let entries = fs::read_dir(directory).map_err(|error| unreadable(directory, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| unreadable(directory, &error))?.path());
    }
    paths.sort();
    for path in paths {
        let name = file_name(&path);
        if path.is_dir() {
            if depth < MAX_DEPTH && !name.starts_with('.') {
                walk(root, &path, depth + 1, located)?;
            }
        } else if name == "server_args.json" {
            located.server_args.get_or_insert(path);
        } else if let Some(reason) = no_trace_by_name(&name) {
            located.left_out.push(LeftOut { path, reason: reason.to_owned() });
        } else {
            let rank = rank_of(&name);
            let stage = stage_of(&name).or_else(|| stage_of_directories(root, &path));
            located.candidates.push(Candidate { path, rank, stage, is_named: false });
        }
    }
    Ok(())
}

fn no_trace_by_name(name: &str) -> Option<&'static str> {
    let is_json = [".json", ".json.gz", ".json.zst"].iter().any(|ending| name.ends_with(ending));
    if !is_json {
        Some("its name does not end in .json, .json.gz or .json.zst")
    } else if name.starts_with("merged-") {
        Some("it is a merged copy of the rank files")
    } else if name.contains(".async_llm.") {
        Some("it is the front end's own trace and holds no GPU work")
    } else if ["report.json", "manifest.json", "workload.json"].contains(&name) {
        Some("it is no trace by its name")
    } else {
        None
    }
}

/// Nearest directory first: `runs/chunked_prefill_8k/decode/1.json` is decode.
fn stage_of_directories(root: &Path, path: &Path) -> Option<PathStage> {
    let mut directory = path.parent()?;
    loop {
        if let Some(stage) = stage_of(&file_name(directory)) {
            return Some(stage);
        }
        if directory == root {
            return None;
        }
        directory = directory.parent()?;
    }
}

/// Whole words only: `chunked_prefill_8k` names prefill, `prefilldecode` names nothing.
///
/// A name with both words names neither.
fn stage_of(name: &str) -> Option<PathStage> {
    let words = words(name);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    match (has(&["prefill", "extend"]), has(&["decode"])) {
        (true, false) => Some(PathStage::Prefill),
        (false, true) => Some(PathStage::Decode),
        (true, true) | (false, false) => None,
    }
}

/// `rank3`, `rank-03`, `TP-3`, `worker3`: the number after the word.
fn rank_of(name: &str) -> Option<u32> {
    let words = words(name);
    ["rank", "tp", "worker"].iter().find_map(|label| {
        words.iter().enumerate().find_map(|(index, word)| match word.strip_prefix(label) {
            Some("") => words.get(index + 1)?.parse().ok(),
            Some(number) => number.parse().ok(),
            None => None,
        })
    })
}

/// Lower-cased runs of letters and digits.
fn words(name: &str) -> Vec<String> {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn unreadable(path: &Path, error: &std::io::Error) -> SourceError {
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    SourceError::Unreadable { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_read_from_the_names_that_servers_write() {
        for (name, want) in [
            ("1782799835.6885648-TP-0-DECODE.trace.json.gz", Some(0)),
            ("rank7.10-116-218-90_3090508.1743406976914073058.pt.trace.json.gz", Some(7)),
            ("dp0_pp0_tp1_dcp0_ep0_rank3.1795486287771230863.pt.trace.json", Some(3)),
            ("modded-nanogpt-hook-gpu-rank-00-chrome-trace.json.gz", Some(0)),
            ("worker2.pt.trace.json.gz", Some(2)),
            ("lim_rank0.1795485301809775500.pt.trace.json.gz", Some(0)),
            ("1_h100_1000isl_10osl_32con.pt.trace.json.gz", None),
            ("frank1.json", None),
        ] {
            assert_eq!(rank_of(name), want, "{name}");
        }
    }

    #[test]
    fn stages_are_whole_words_and_the_nearest_wins() {
        assert_eq!(stage_of("1-TP-0-EXTEND.trace.json.gz"), Some(PathStage::Prefill));
        assert_eq!(stage_of("sglang_Qwen3-8B_prefilldecode.json.gz"), None);
        assert_eq!(stage_of("prefill-decode.json"), None);
        let root = Path::new("/runs/chunked_prefill_8k");
        assert_eq!(
            stage_of_directories(root, Path::new("/runs/chunked_prefill_8k/decode/1-TP-0.trace.json.gz")),
            Some(PathStage::Decode)
        );
    }
}
