//! How much something counts. A baseline sets it for a row, a configuration for a code, and the verdict uses it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What policy makes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Listed, no more.
    Allow,
    /// Shown, and passes.
    Warn,
    /// Fails the gate.
    Deny,
}

impl Level {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}
