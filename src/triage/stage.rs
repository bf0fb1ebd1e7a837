//! The serving phase that a step belongs to, and how we know.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A serving phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Prompts are read: extend, context.
    Prefill,
    /// Tokens are generated.
    Decode,
    /// One step does both.
    Mixed,
    /// Unknown, or no serving at all.
    All,
}

impl Stage {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prefill => "prefill",
            Self::Decode => "decode",
            Self::Mixed => "mixed",
            Self::All => "all",
        }
    }
}

/// What a stage's name rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StageEvidence {
    /// The server's own annotation around the step.
    Annotation,
    /// The name of the file or of its directory.
    Directory,
    /// Told from the kernels themselves.
    Inferred,
    /// Nothing; the stage is `all`.
    None,
}

/// What an annotation's label says about the step that it marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// A serving engine's step, with its stage where the label tells it.
    Serving(Option<Stage>),
    /// `ProfilerStep#N`, which any program may use.
    Profiler,
}

impl Label {
    /// Reads an annotation; `None` when it marks no step.
    ///
    /// Counts decide, not words: `execute_context_0(0)_generation_8(8)` is decode although it says context.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with("ProfilerStep#") {
            return Some(Self::Profiler);
        }
        if let Some(inside) = text.strip_prefix("step[") {
            return Some(Self::Serving(forward_mode(inside)));
        }
        let rest = text.strip_prefix("execute_")?;
        if let Some(counts) = rest.strip_prefix("new_") {
            let (new, cached) = counts.split_once("_cached_")?;
            return Some(Self::Serving(stage_of_counts(leading_number(new)?, leading_number(cached)?)));
        }
        let context = number_after(rest, "context_")?;
        let generation = number_after(rest, "generation_")?;
        Some(Self::Serving(stage_of_counts(context, generation)))
    }
}

fn forward_mode(inside: &str) -> Option<Stage> {
    match inside.split([' ', ']']).next()? {
        "EXTEND" | "PREFILL" | "SPLIT_PREFILL" | "DLLM_EXTEND" => Some(Stage::Prefill),
        // Verification and drafting of speculative decoding generate tokens.
        "DECODE" | "TARGET_VERIFY" | "VERIFY" | "DRAFT" | "DRAFT_EXTEND" | "DRAFT_EXTEND_V2" => {
            Some(Stage::Decode)
        }
        "MIXED" => Some(Stage::Mixed),
        _ => None,
    }
}

fn stage_of_counts(context: u64, generation: u64) -> Option<Stage> {
    match (context > 0, generation > 0) {
        (true, false) => Some(Stage::Prefill),
        (false, true) => Some(Stage::Decode),
        (true, true) => Some(Stage::Mixed),
        (false, false) => None,
    }
}

fn number_after(text: &str, key: &str) -> Option<u64> {
    leading_number(text.split_once(key)?.1)
}

fn leading_number(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-38: words such as `generation_8` and the `Decoder` of a class decide nothing.
    #[test]
    fn counts_decide_the_stage() {
        for (text, want) in [
            ("step[EXTEND bs=1 toks=4]", Some(Label::Serving(Some(Stage::Prefill)))),
            ("step[DECODE bs=3]", Some(Label::Serving(Some(Stage::Decode)))),
            ("step[TARGET_VERIFY bs=3]", Some(Label::Serving(Some(Stage::Decode)))),
            ("step[MIXED bs=3 toks=9]", Some(Label::Serving(Some(Stage::Mixed)))),
            ("step[IDLE bs=0]", Some(Label::Serving(None))),
            ("execute_context_0(0)_generation_8(8)", Some(Label::Serving(Some(Stage::Decode)))),
            ("execute_context_1(888_788544)_generation_0(0)", Some(Label::Serving(Some(Stage::Prefill)))),
            ("execute_context_2(100)_generation_10(10)", Some(Label::Serving(Some(Stage::Mixed)))),
            (
                "execute_16_context_0(sq0sk0sqsq0sqsk0)_generation_16(sq16sk8192sqsq16sqsk8192)",
                Some(Label::Serving(Some(Stage::Decode))),
            ),
            ("execute_new_1_cached_31", Some(Label::Serving(Some(Stage::Mixed)))),
            ("execute_new_0_cached_31", Some(Label::Serving(Some(Stage::Decode)))),
            ("ProfilerStep#3", Some(Label::Profiler)),
            ("execute_model", None),
            ("LlamaDecoderLayer.forward", None),
            ("nccl:all_to_all", None),
        ] {
            assert_eq!(Label::parse(text), want, "{text}");
        }
    }
}
