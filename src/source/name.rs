//! What the name of a file says: position in the job, and stage.
//!
//! Names are read as words, runs of letters and digits, so that `frank1` names no rank and `prefilldecode`
//! no stage.

use std::fs;
use std::path::{Component, Path};

/// The stage that a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStage {
    /// `prefill`, `extend`.
    Prefill,
    /// `decode`.
    Decode,
}

/// What a file's name says of the process that wrote it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Position in the whole job: `rank3`, `rank-03`, `worker3`.
    pub rank: Option<u32>,
    /// Among data-parallel replicas: `DP-1`.
    pub dp: Option<u32>,
    /// Among pipeline stages: `PP-1`.
    pub pp: Option<u32>,
    /// Among expert-parallel groups: `EP-1`.
    pub ep: Option<u32>,
    /// Among tensor-parallel parts: `TP-1`.
    pub tp: Option<u32>,
}

impl Position {
    /// Reads a file name such as `1782799835.68-TP-0-DP-1-DECODE.trace.json.gz` or
    /// `dp0_pp0_tp1_dcp0_ep0_rank3.1795486287771230863.pt.trace.json`.
    pub fn of(name: &str) -> Self {
        let words = words(name);
        let number = |label: &str| number_of(&words, label);
        Self {
            rank: number("rank").or_else(|| number("worker")),
            dp: number("dp"),
            pp: number("pp"),
            ep: number("ep"),
            tp: number("tp"),
        }
    }

    /// Whether the name places the process on an axis of parallelism.
    pub fn has_axis(&self) -> bool {
        [self.dp, self.pp, self.ep, self.tp].iter().any(Option::is_some)
    }
}

/// The number in the word that begins with a label, or in the word after the label.
fn number_of(words: &[String], label: &str) -> Option<u32> {
    words.iter().enumerate().find_map(|(index, word)| match word.strip_prefix(label) {
        Some("") => words.get(index + 1)?.parse().ok(),
        Some(number) => number.parse().ok(),
        None => None,
    })
}

/// The stage that a name says: `None` when it says nothing, `Some(None)` when it has words of both stages and
/// so says neither.
fn said(name: &str) -> Option<Option<PathStage>> {
    let words = words(name);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    match (has(&["prefill", "extend"]), has(&["decode"])) {
        (true, false) => Some(Some(PathStage::Prefill)),
        (false, true) => Some(Some(PathStage::Decode)),
        (true, true) => Some(None),
        (false, false) => numbered_stage(&words).map(Some),
    }
}

/// The stage of a file: its own name's, else that of the nearest directory that speaks of one, up to `root`.
pub fn stage_of_file(root: &Path, path: &Path) -> Option<PathStage> {
    let mut names = std::iter::once(file_name(path)).chain(directories(root, path));
    names.find_map(|name| said(&name))?
}

/// The stage that a file's own name says.
pub fn stage_of(name: &str) -> Option<PathStage> {
    said(name)?
}

/// The position of a file by the nearest directory that spells one out: `rank_3/trace.json`, `TP-1/trace.json`. A
/// directory that says more than its position, such as `llama-tp4`, names a size, unless it says a rank. Asked up to `root`.
pub fn position_of_directories(root: &Path, path: &Path) -> Position {
    let spelled = |name: String| {
        let position = Position::of(&name);
        if is_position_alone(&name) {
            return Some(position);
        }
        position.rank.map(|rank| Position { rank: Some(rank), ..Position::default() })
    };
    directories(root, path).find_map(spelled).unwrap_or_default()
}

/// Whether each word of a name is part of a position: `TP-0`, `dp1_tp0`, `rank_3`.
fn is_position_alone(name: &str) -> bool {
    const LABELS: [&str; 6] = ["rank", "worker", "tp", "dp", "pp", "ep"];
    let words = words(name);
    let mut rest = words.as_slice();
    while let [word, others @ ..] = rest {
        let is_number = |text: &str| !text.is_empty() && text.parse::<u32>().is_ok();
        if LABELS.iter().any(|label| word.strip_prefix(label).is_some_and(is_number)) {
            rest = others;
        } else if let [number, others @ ..] = others
            && LABELS.contains(&word.as_str())
            && is_number(number)
        {
            rest = others;
        } else {
            return false;
        }
    }
    !words.is_empty()
}

/// The names of a file's directories, the nearest first, up to and with `root`.
fn directories<'p>(root: &'p Path, path: &'p Path) -> impl Iterator<Item = String> + 'p {
    let mut next = Some(path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new(".")));
    std::iter::from_fn(move || {
        let directory = next?;
        next = if directory == root { None } else { directory.parent() };
        Some(own_name(directory))
    })
}

/// The name of a directory, also where it is spelled `.` or `..`.
fn own_name(directory: &Path) -> String {
    match directory.components().next_back() {
        Some(Component::Normal(name)) => name.to_string_lossy().into_owned(),
        _ => fs::canonicalize(directory).map(|real| file_name(&real)).unwrap_or_default(),
    }
}

/// Whether the only number of a name could be the size of an axis as well: `model-tp4-h100.json`.
pub fn may_be_size(name: &str) -> bool {
    let words = words(name);
    let position = Position::of(name);
    let axes = [position.dp, position.pp, position.ep, position.tp];
    let is_glued = |word: &String| {
        word.strip_prefix("tp").is_some_and(|rest| !rest.is_empty() && rest.parse::<u32>().is_ok())
    };
    position.rank.is_none() && axes.iter().flatten().count() == 1 && words.iter().any(is_glued)
}

/// SGLang up to 0.5.2 wrote its enumeration's number for the stage: `…-TP-0-1.trace.json.gz`.
fn numbered_stage(words: &[String]) -> Option<PathStage> {
    let at = words.iter().position(|word| word == "trace")?;
    let [axis, number, stage] = words.get(at.checked_sub(3)?..at)? else { return None };
    let is_axis = ["tp", "dp", "pp", "ep"].contains(&axis.as_str()) && number.parse::<u32>().is_ok();
    match stage.as_str() {
        "1" if is_axis => Some(PathStage::Prefill),
        "2" if is_axis => Some(PathStage::Decode),
        _ => None,
    }
}

/// Lower-cased runs of letters and digits.
fn words(name: &str) -> Vec<String> {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// The last part of a path, as text.
pub fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_from_the_names_that_servers_write() {
        for (name, rank, [dp, pp, ep, tp]) in [
            ("1782799835.6885648-TP-0-DECODE.trace.json.gz", None, [None, None, None, Some(0)]),
            ("b-TP-3-DP-1-PP-0-EP-2-EXTEND.trace.json.gz", None, [Some(1), Some(0), Some(2), Some(3)]),
            (
                "dp0_pp0_tp1_dcp0_ep0_rank3.1795486287771230863.pt.trace.json",
                Some(3),
                [Some(0), Some(0), Some(0), Some(1)],
            ),
            ("20260102-030405-DP1-TP2-DECODE.trace.json.gz", None, [Some(1), None, None, Some(2)]),
            ("rank7.10-116-218-90_3090508.1743406976914073058.pt.trace.json.gz", Some(7), [None; 4]),
            ("modded-nanogpt-hook-gpu-rank-00-chrome-trace.json.gz", Some(0), [None; 4]),
            ("trtllm-trace-1795486287-0a1b2c3d-rank-5.json", Some(5), [None; 4]),
            ("trace.json-rank-1.gz", Some(1), [None; 4]),
            ("3f2a-5_steps-global-rank2.trace.json.gz", Some(2), [None; 4]),
            ("worker2.pt.trace.json.gz", Some(2), [None; 4]),
            ("lim_rank0.1795485301809775500.pt.trace.json.gz", Some(0), [None; 4]),
            ("1_h100_1000isl_10osl_32con.pt.trace.json.gz", None, [None; 4]),
            ("frank1.https2.json", None, [None; 4]),
        ] {
            assert_eq!(Position::of(name), Position { rank, dp, pp, ep, tp }, "{name}");
        }
    }

    /// W-39: `prefill` in the name of a distant folder beats no `decode/` beside the file.
    #[test]
    fn stages_are_whole_words_and_the_nearest_wins() {
        let stage_of = |name: &str| said(name).flatten();
        assert_eq!(stage_of("1-TP-0-EXTEND.trace.json.gz"), Some(PathStage::Prefill));
        assert_eq!(stage_of("1-TP-0-ForwardMode.DECODE.trace.json.gz"), Some(PathStage::Decode));
        assert_eq!(stage_of("1-TP-0-1.trace.json.gz"), Some(PathStage::Prefill));
        assert_eq!(stage_of("1-TP-0-DP-1-2.trace.json.gz"), Some(PathStage::Decode));
        assert_eq!(stage_of("1-TP-1.trace.json.gz"), None);
        assert_eq!(stage_of("sglang_Qwen3-8B_prefilldecode.json.gz"), None);
        assert_eq!(stage_of("prefill-decode.json"), None);
        let root = Path::new("/runs/chunked_prefill_8k");
        let of = |path: &str| stage_of_file(root, &root.join(path));
        assert_eq!(of("decode/1-TP-0.trace.json.gz"), Some(PathStage::Decode));
        assert_eq!(of("a/1-TP-0.trace.json.gz"), Some(PathStage::Prefill));
    }

    #[test]
    fn a_name_of_both_stages_is_asked_and_says_neither() {
        let of = |path: &str| stage_of_file(Path::new("/runs"), &Path::new("/runs").join(path));
        assert_eq!(of("decode/prefill_vs_decode/1.json"), None);
        assert_eq!(of("decode/prefill-and-decode.json"), None);
    }

    #[test]
    fn directories_spell_out_ranks_and_no_sizes() {
        let of = |path: &str| position_of_directories(Path::new("/runs"), &Path::new("/runs").join(path));
        let rank = |rank| Position { rank: Some(rank), ..Position::default() };
        assert_eq!(of("rank_1/trace.json"), rank(1));
        assert_eq!(of("worker2/a/trace.json"), rank(2));
        assert_eq!(of("llama-tp4/trace.json"), Position::default());
        assert_eq!(of("llama-tp4-rank2/trace.json"), rank(2));
        assert_eq!(of("TP-1/trace.json"), Position { tp: Some(1), ..Position::default() });
        assert_eq!(of("dp1_tp0/trace.json"), Position { dp: Some(1), tp: Some(0), ..Position::default() });
    }

    #[test]
    fn a_lone_number_behind_its_axis_may_be_a_size() {
        assert!(may_be_size("model-tp4-h100.json"));
        for name in ["a-TP-4.json", "tp4_rank0.json", "DP1-TP2-DECODE.json", "dp4.json"] {
            assert!(!may_be_size(name), "{name}");
        }
    }
}
