//! What a path may need beside numbers and names: a library, and the kind of model that is served.

use schemars::JsonSchema;
use serde::Deserialize;

/// A library whose kernels a path is made of, and which a server may run without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Library {
    /// AMD's AITER.
    Aiter,
}

impl Library {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aiter => "aiter",
        }
    }

    /// Variables that switch it, by framework.
    pub(super) fn switches(self) -> &'static [&'static str] {
        match self {
            Self::Aiter => &["VLLM_ROCM_USE_AITER", "SGLANG_USE_AITER"],
        }
    }

    /// What would tell whether it is on.
    pub(super) fn settled_by(self) -> &'static str {
        match self {
            Self::Aiter => "whether AITER is on (VLLM_ROCM_USE_AITER, SGLANG_USE_AITER)",
        }
    }
}

/// What a model makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// Tokens, one after another, from a cache of keys and values.
    Language,
    /// Pictures or films, in rounds of denoising.
    Diffusion,
}

impl ModelKind {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Language => "language",
            Self::Diffusion => "diffusion",
        }
    }

    /// What such a model makes, in words.
    pub fn makes(self) -> &'static str {
        match self {
            Self::Language => "text",
            Self::Diffusion => "pictures by diffusion",
        }
    }
}
