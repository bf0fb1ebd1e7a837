//! The serving engines whose profiler profgate can drive.

use std::fmt;

/// A serving engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Framework {
    /// SGLang.
    Sglang,
    /// vLLM.
    Vllm,
    /// TensorRT-LLM, by `trtllm-serve`.
    TensorRtLlm,
    /// TokenSpeed, by `ts serve`.
    TokenSpeed,
}

impl Framework {
    /// Every engine, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Sglang, Self::Vllm, Self::TensorRtLlm, Self::TokenSpeed];

    /// The text that options and files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sglang => "sglang",
            Self::Vllm => "vllm",
            Self::TensorRtLlm => "tensorrt-llm",
            Self::TokenSpeed => "tokenspeed",
        }
    }

    /// The engine's own spelling of its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sglang => "SGLang",
            Self::Vllm => "vLLM",
            Self::TensorRtLlm => "TensorRT-LLM",
            Self::TokenSpeed => "TokenSpeed",
        }
    }

    /// The engine that a text names.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "sglang" => Some(Self::Sglang),
            "vllm" => Some(Self::Vllm),
            "tensorrt-llm" | "tensorrt_llm" | "trtllm" | "trt-llm" => Some(Self::TensorRtLlm),
            "tokenspeed" => Some(Self::TokenSpeed),
            _ => None,
        }
    }

    /// Whether the start request tells the server where to write.
    pub fn takes_output_dir(self) -> bool {
        match self {
            Self::Sglang | Self::TensorRtLlm | Self::TokenSpeed => true,
            Self::Vllm => false,
        }
    }

    /// Whether the start request can ask for files by stage.
    pub fn has_by_stage(self) -> bool {
        match self {
            Self::Sglang | Self::TokenSpeed => true,
            Self::Vllm | Self::TensorRtLlm => false,
        }
    }
}

impl fmt::Display for Framework {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for framework in Framework::ALL {
            assert_eq!(Framework::parse(framework.as_str()), Some(framework));
            assert_eq!(Framework::parse(framework.name()), Some(framework));
        }
        assert_eq!(Framework::parse("triton"), None);
    }
}
