//! What the name of a file says: position in the job, and stage.
//!
//! Names are read as words, runs of letters and digits, so that `frank1` names no rank and `prefilldecode`
//! no stage.

use std::path::Path;

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

/// The stage that a name says. A name with words of both stages says neither.
pub fn stage_of(name: &str) -> Option<PathStage> {
    let words = words(name);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    match (has(&["prefill", "extend"]), has(&["decode"])) {
        (true, false) => Some(PathStage::Prefill),
        (false, true) => Some(PathStage::Decode),
        (true, true) => None,
        (false, false) => numbered_stage(&words),
    }
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

/// Nearest directory first: `runs/chunked_prefill_8k/decode/1.json` is decode. Nothing above `root` counts.
pub fn stage_of_directories(root: &Path, path: &Path) -> Option<PathStage> {
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
        assert_eq!(stage_of("1-TP-0-EXTEND.trace.json.gz"), Some(PathStage::Prefill));
        assert_eq!(stage_of("1-TP-0-ForwardMode.DECODE.trace.json.gz"), Some(PathStage::Decode));
        assert_eq!(stage_of("1-TP-0-1.trace.json.gz"), Some(PathStage::Prefill));
        assert_eq!(stage_of("1-TP-0-DP-1-2.trace.json.gz"), Some(PathStage::Decode));
        assert_eq!(stage_of("1-TP-1.trace.json.gz"), None);
        assert_eq!(stage_of("sglang_Qwen3-8B_prefilldecode.json.gz"), None);
        assert_eq!(stage_of("prefill-decode.json"), None);
        let root = Path::new("/runs/chunked_prefill_8k");
        assert_eq!(
            stage_of_directories(root, Path::new("/runs/chunked_prefill_8k/decode/1-TP-0.trace.json.gz")),
            Some(PathStage::Decode)
        );
    }
}
