//! Temporary stand-in until the classifier lands.
use crate::common::yaml::YamlError;
use crate::trace::ActivityKind;

/// What a kernel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "stand-in")]
pub enum Role {
    Attention,
    LinearAttention,
    Gemm,
    Moe,
    MoeRouting,
    Conv,
    Norm,
    Rope,
    Activation,
    Quantize,
    KvCache,
    Communication,
    Sampling,
    Embedding,
    Reduction,
    Elementwise,
    Memory,
    Other,
}
impl Role {
    /// Text.
    pub fn as_str(self) -> &'static str {
        "other"
    }
}
/// Class.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "stand-in")]
pub struct Class {
    pub id: String,
    pub canonical: String,
    pub role: Role,
    pub family: Option<String>,
}
/// Classifier.
#[derive(Debug)]
pub struct Classifier;
impl Classifier {
    /// Built-in.
    pub fn builtin() -> Result<Self, YamlError> {
        Ok(Self)
    }
    /// Classify.
    pub fn classify(&self, name: &str, kind: ActivityKind) -> Class {
        let id: String =
            name.chars().take(90).map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        Class {
            id,
            canonical: name.to_owned(),
            role: if kind == ActivityKind::Kernel { Role::Other } else { Role::Memory },
            family: None,
        }
    }
}
