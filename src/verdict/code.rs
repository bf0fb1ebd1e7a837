//! Every kind of finding. The text of a code is a public promise: renaming one is a breaking change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::Level;

/// What a finding is about, which decides how it enters the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The capture cannot be judged.
    Doubt,
    /// The structure or the time changed for the worse, or may have.
    Regression,
    /// It changed for the better. Never fails anything.
    Improvement,
}

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The capture could not be made or its files could not be read.
    CaptureFailed,
    /// A file is no trace.
    CaptureUnreadable,
    /// The capture holds no kernel.
    CaptureEmpty,
    /// A file is cut off, damaged, or no recording of what ran.
    CaptureDamaged,
    /// Fewer ranks than the baseline has.
    RankMissing,
    /// A stage of the baseline is not in the capture.
    StageMissing,
    /// Another GPU, framework, model or parallelism than the baseline's.
    NotComparable,
    /// There is no baseline for the scenario.
    BaselineMissing,
    /// An expected path is split or absent.
    PathMissing,
    /// An expected path is split in part.
    PathPartial,
    /// A kernel of weight is gone and nothing took its place.
    KernelVanished,
    /// Kernels changed, and the step costs more for it.
    StructureCostlier,
    /// Kernels changed, at a price within the limit or within the noise.
    KernelReplaced,
    /// An unchanged kernel takes longer.
    KernelSlower,
    /// All kernels moved together.
    EnvironmentDrift,
    /// Kernels changed, and the step costs less for it.
    StructureCheaper,
    /// An unchanged kernel takes less time.
    KernelFaster,
}

impl Code {
    /// Every code, worst first within its kind.
    pub const ALL: [Self; 17] = [
        Self::CaptureFailed,
        Self::CaptureUnreadable,
        Self::CaptureEmpty,
        Self::CaptureDamaged,
        Self::RankMissing,
        Self::StageMissing,
        Self::NotComparable,
        Self::BaselineMissing,
        Self::PathMissing,
        Self::PathPartial,
        Self::KernelVanished,
        Self::StructureCostlier,
        Self::KernelReplaced,
        Self::KernelSlower,
        Self::EnvironmentDrift,
        Self::StructureCheaper,
        Self::KernelFaster,
    ];

    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CaptureFailed => "capture-failed",
            Self::CaptureUnreadable => "capture-unreadable",
            Self::CaptureEmpty => "capture-empty",
            Self::CaptureDamaged => "capture-damaged",
            Self::RankMissing => "rank-missing",
            Self::StageMissing => "stage-missing",
            Self::NotComparable => "not-comparable",
            Self::BaselineMissing => "baseline-missing",
            Self::PathMissing => "path-missing",
            Self::PathPartial => "path-partial",
            Self::KernelVanished => "kernel-vanished",
            Self::StructureCostlier => "structure-costlier",
            Self::KernelReplaced => "kernel-replaced",
            Self::KernelSlower => "kernel-slower",
            Self::EnvironmentDrift => "environment-drift",
            Self::StructureCheaper => "structure-cheaper",
            Self::KernelFaster => "kernel-faster",
        }
    }

    /// The code of a text, for configuration.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// What it says, in a line.
    pub fn description(self) -> &'static str {
        match self {
            Self::CaptureFailed => "the capture could not be made or read",
            Self::CaptureUnreadable => "a file of the capture is no trace",
            Self::CaptureEmpty => "the capture holds no GPU kernel",
            Self::CaptureDamaged => "a file of the capture is cut off, damaged, or no recording of what ran",
            Self::RankMissing => "the capture has fewer ranks than the baseline",
            Self::StageMissing => "a stage of the baseline is not in the capture",
            Self::NotComparable => "the capture is of another machine, model or engine than the baseline",
            Self::BaselineMissing => "the scenario has no baseline",
            Self::PathMissing => "an expected fused or overlapped path did not run",
            Self::PathPartial => "an expected path ran in some places and was split in others",
            Self::KernelVanished => "a kernel of weight is gone and nothing took its place",
            Self::StructureCostlier => "kernels changed and the step costs more for it",
            Self::KernelReplaced => "kernels changed at a price within the limit or within the noise",
            Self::KernelSlower => "an unchanged kernel takes longer",
            Self::EnvironmentDrift => "all kernels moved together, which no change of code does",
            Self::StructureCheaper => "kernels changed and the step costs less for it",
            Self::KernelFaster => "an unchanged kernel takes less time",
        }
    }

    /// How it enters the verdict.
    pub fn kind(self) -> Kind {
        match self {
            Self::CaptureFailed
            | Self::CaptureUnreadable
            | Self::CaptureEmpty
            | Self::CaptureDamaged
            | Self::RankMissing
            | Self::StageMissing
            | Self::NotComparable
            | Self::BaselineMissing => Kind::Doubt,
            Self::PathMissing
            | Self::PathPartial
            | Self::KernelVanished
            | Self::StructureCostlier
            | Self::KernelReplaced
            | Self::KernelSlower
            | Self::EnvironmentDrift => Kind::Regression,
            Self::StructureCheaper | Self::KernelFaster => Kind::Improvement,
        }
    }

    /// The level it has unless policy says otherwise.
    pub fn default_level(self) -> Level {
        match self {
            Self::CaptureFailed
            | Self::CaptureUnreadable
            | Self::CaptureEmpty
            | Self::CaptureDamaged
            | Self::RankMissing
            | Self::StageMissing
            | Self::NotComparable
            | Self::BaselineMissing
            | Self::PathMissing
            | Self::PathPartial
            | Self::KernelVanished
            | Self::StructureCostlier
            | Self::KernelSlower => Level::Deny,
            Self::KernelReplaced | Self::EnvironmentDrift => Level::Warn,
            Self::StructureCheaper | Self::KernelFaster => Level::Allow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_read_back() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(code));
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn only_improvements_are_allowed_by_default() {
        for code in Code::ALL {
            assert_eq!(
                code.kind() == Kind::Improvement,
                code.default_level() == Level::Allow,
                "{}",
                code.as_str()
            );
        }
    }
}
