//! The roles a kernel can have. The list is part of the baseline format.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident => $text:literal,)*) => {
        /// What a kernel is for. A fused kernel has the role of its defining part.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum Role { $($(#[$doc])* $variant,)* }

        impl Role {
            /// Every role, in the order in which they are listed.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The role as baselines and reports spell it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

roles! {
    /// Attention over a cache or a sequence, its split reductions and sparse indexers included.
    Attention => "attention",
    /// Recurrent and state-space mixing: Mamba, gated delta rule, lightning attention.
    LinearAttention => "linear-attention",
    /// Dense matrix products and their split-K reductions.
    Gemm => "gemm",
    /// Expert matrix products and their finalisation.
    Moe => "moe",
    /// Choosing experts and sorting tokens by expert.
    MoeRouting => "moe-routing",
    /// Convolutions.
    Conv => "conv",
    /// Normalisation, with whatever is fused to it.
    Norm => "norm",
    /// Rotary embedding, with or without the cache write.
    Rope => "rope",
    /// Activation functions, gated or not.
    Activation => "activation",
    /// Conversion to a quantised type, and its scales.
    Quantize => "quantize",
    /// Writing keys and values into their cache, and moving them.
    KvCache => "kv-cache",
    /// Exchange between GPUs.
    Communication => "communication",
    /// From logits to tokens.
    Sampling => "sampling",
    /// Looking up token or position vectors.
    Embedding => "embedding",
    /// Sums, maxima, scans, sorts.
    Reduction => "reduction",
    /// Pointwise arithmetic.
    Elementwise => "elementwise",
    /// Copies, fills, casts, gathers, transposes.
    Memory => "memory",
    /// Not known.
    Other => "other",
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
