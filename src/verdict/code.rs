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
    /// A promise counts in something that the capture does not show.
    PromiseUnjudged,
    /// There is no baseline for the scenario.
    BaselineMissing,
    /// An expected path is split or absent.
    PathMissing,
    /// An expected path is split in part.
    PathPartial,
    /// A kernel ran that is forbidden.
    KernelForbidden,
    /// A required kernel did not run.
    KernelMissing,
    /// A kernel launched more or less often than its promised range.
    LaunchesOutOfRange,
    /// A role is exposed for longer than its promised limit.
    OverlapExposed,
    /// A kernel of weight is gone and nothing took its place.
    KernelVanished,
    /// Kernels changed, and the step costs more for it.
    StructureCostlier,
    /// Kernels changed, at a price within the limit or within the noise.
    KernelReplaced,
    /// Kernels changed and the step costs less for it, though part of the change costs more.
    Mixed,
    /// An unchanged kernel takes longer.
    KernelSlower,
    /// The unchanged kernels of a stage take longer together.
    StageSlower,
    /// Communication that other work hid before is exposed.
    CommunicationExposed,
    /// Work that ran beside or into other work no longer does.
    StreamOverlapLost,
    /// All kernels moved together.
    EnvironmentDrift,
    /// A second capture did not repeat a finding about time.
    Flaky,
    /// A waiver's last day is over.
    WaiverExpired,
    /// A waiver accepts nothing.
    WaiverUnused,
    /// Kernels changed, and the step costs less for it.
    StructureCheaper,
    /// An unchanged kernel takes less time.
    KernelFaster,
    /// The unchanged kernels of a stage take less time together.
    StageFaster,
    /// Communication that was exposed before is hidden by other work.
    CommunicationHidden,
    /// Work runs beside or into other work that did not before.
    StreamOverlapGained,
}

impl Code {
    /// Every code, worst first within its kind.
    pub const ALL: [Self; 32] = [
        Self::CaptureFailed,
        Self::CaptureUnreadable,
        Self::CaptureEmpty,
        Self::CaptureDamaged,
        Self::RankMissing,
        Self::StageMissing,
        Self::NotComparable,
        Self::PromiseUnjudged,
        Self::BaselineMissing,
        Self::PathMissing,
        Self::PathPartial,
        Self::KernelForbidden,
        Self::KernelMissing,
        Self::LaunchesOutOfRange,
        Self::OverlapExposed,
        Self::KernelVanished,
        Self::StructureCostlier,
        Self::KernelReplaced,
        Self::Mixed,
        Self::KernelSlower,
        Self::StageSlower,
        Self::CommunicationExposed,
        Self::StreamOverlapLost,
        Self::EnvironmentDrift,
        Self::Flaky,
        Self::WaiverExpired,
        Self::WaiverUnused,
        Self::StructureCheaper,
        Self::KernelFaster,
        Self::StageFaster,
        Self::CommunicationHidden,
        Self::StreamOverlapGained,
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
            Self::PromiseUnjudged => "promise-unjudged",
            Self::BaselineMissing => "baseline-missing",
            Self::PathMissing => "path-missing",
            Self::PathPartial => "path-partial",
            Self::KernelForbidden => "kernel-forbidden",
            Self::KernelMissing => "kernel-missing",
            Self::LaunchesOutOfRange => "launches-out-of-range",
            Self::OverlapExposed => "overlap-exposed",
            Self::KernelVanished => "kernel-vanished",
            Self::StructureCostlier => "structure-costlier",
            Self::KernelReplaced => "kernel-replaced",
            Self::Mixed => "mixed",
            Self::KernelSlower => "kernel-slower",
            Self::StageSlower => "stage-slower",
            Self::CommunicationExposed => "communication-exposed",
            Self::StreamOverlapLost => "stream-overlap-lost",
            Self::EnvironmentDrift => "environment-drift",
            Self::Flaky => "flaky",
            Self::WaiverExpired => "waiver-expired",
            Self::WaiverUnused => "waiver-unused",
            Self::StructureCheaper => "structure-cheaper",
            Self::KernelFaster => "kernel-faster",
            Self::StageFaster => "stage-faster",
            Self::CommunicationHidden => "communication-hidden",
            Self::StreamOverlapGained => "stream-overlap-gained",
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
            Self::PromiseUnjudged => "a promise counts in something that the capture does not show",
            Self::BaselineMissing => "the scenario has no baseline",
            Self::PathMissing => "an expected fused or overlapped path did not run",
            Self::PathPartial => "an expected path ran in some places and was split in others",
            Self::KernelForbidden => "a kernel ran that is forbidden",
            Self::KernelMissing => "a required kernel did not run",
            Self::LaunchesOutOfRange => "a kernel launched more or less often than promised",
            Self::OverlapExposed => "work is exposed for longer than the promised limit",
            Self::KernelVanished => "a kernel of weight is gone and nothing took its place",
            Self::StructureCostlier => "kernels changed and the step costs more for it",
            Self::KernelReplaced => "kernels changed at a price within the limit or within the noise",
            Self::Mixed => "kernels changed and the step costs less, though part of the change costs more",
            Self::KernelSlower => "an unchanged kernel takes longer",
            Self::StageSlower => "the unchanged kernels of a stage take longer together",
            Self::CommunicationExposed => "communication that other work hid is exposed",
            Self::StreamOverlapLost => "work that ran beside or into other work no longer does",
            Self::EnvironmentDrift => "all kernels moved together, which no change of code does",
            Self::Flaky => "a second capture did not repeat a finding about time",
            Self::WaiverExpired => "a waiver's last day is over",
            Self::WaiverUnused => "a waiver accepts nothing",
            Self::StructureCheaper => "kernels changed and the step costs less for it",
            Self::KernelFaster => "an unchanged kernel takes less time",
            Self::StageFaster => "the unchanged kernels of a stage take less time together",
            Self::CommunicationHidden => "communication that was exposed is hidden by other work",
            Self::StreamOverlapGained => "work runs beside or into other work that did not before",
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
            | Self::PromiseUnjudged
            | Self::BaselineMissing => Kind::Doubt,
            Self::PathMissing
            | Self::PathPartial
            | Self::KernelVanished
            | Self::StructureCostlier
            | Self::KernelReplaced
            | Self::Mixed
            | Self::KernelSlower
            | Self::StageSlower
            | Self::CommunicationExposed
            | Self::StreamOverlapLost
            | Self::EnvironmentDrift
            | Self::Flaky
            | Self::KernelForbidden
            | Self::KernelMissing
            | Self::LaunchesOutOfRange
            | Self::OverlapExposed
            | Self::WaiverExpired
            | Self::WaiverUnused => Kind::Regression,
            Self::StructureCheaper
            | Self::KernelFaster
            | Self::StageFaster
            | Self::CommunicationHidden
            | Self::StreamOverlapGained => Kind::Improvement,
        }
    }

    /// Of two doubts about one capture, the lower number is why there is the other one: files that cannot be read
    /// are why there is no kernel, and another machine is why there are fewer ranks. 0 for all that is no doubt.
    pub(super) fn cause_rank(self) -> u8 {
        match self {
            Self::CaptureFailed => 1,
            Self::CaptureUnreadable => 2,
            Self::CaptureDamaged => 3,
            Self::CaptureEmpty => 4,
            Self::NotComparable => 5,
            Self::RankMissing => 6,
            Self::StageMissing => 7,
            Self::PromiseUnjudged => 8,
            Self::BaselineMissing => 9,
            Self::PathMissing
            | Self::PathPartial
            | Self::KernelForbidden
            | Self::KernelMissing
            | Self::LaunchesOutOfRange
            | Self::OverlapExposed
            | Self::KernelVanished
            | Self::StructureCostlier
            | Self::KernelReplaced
            | Self::Mixed
            | Self::KernelSlower
            | Self::StageSlower
            | Self::CommunicationExposed
            | Self::StreamOverlapLost
            | Self::EnvironmentDrift
            | Self::Flaky
            | Self::WaiverExpired
            | Self::WaiverUnused
            | Self::StructureCheaper
            | Self::KernelFaster
            | Self::StageFaster
            | Self::CommunicationHidden
            | Self::StreamOverlapGained => 0,
        }
    }

    /// Whether it doubts the capture itself, whatever it is held against.
    pub fn is_about_capture(self) -> bool {
        match self {
            Self::CaptureFailed | Self::CaptureUnreadable | Self::CaptureEmpty | Self::CaptureDamaged => true,
            Self::RankMissing
            | Self::StageMissing
            | Self::NotComparable
            | Self::PromiseUnjudged
            | Self::BaselineMissing
            | Self::PathMissing
            | Self::PathPartial
            | Self::KernelForbidden
            | Self::KernelMissing
            | Self::LaunchesOutOfRange
            | Self::OverlapExposed
            | Self::KernelVanished
            | Self::StructureCostlier
            | Self::KernelReplaced
            | Self::Mixed
            | Self::KernelSlower
            | Self::StageSlower
            | Self::CommunicationExposed
            | Self::StreamOverlapLost
            | Self::EnvironmentDrift
            | Self::Flaky
            | Self::WaiverExpired
            | Self::WaiverUnused
            | Self::StructureCheaper
            | Self::KernelFaster
            | Self::StageFaster
            | Self::CommunicationHidden
            | Self::StreamOverlapGained => false,
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
            | Self::PromiseUnjudged
            | Self::BaselineMissing
            | Self::PathMissing
            | Self::PathPartial
            | Self::KernelVanished
            | Self::StructureCostlier
            | Self::KernelForbidden
            | Self::KernelMissing
            | Self::LaunchesOutOfRange
            | Self::OverlapExposed
            | Self::WaiverExpired
            | Self::KernelSlower
            | Self::StageSlower
            | Self::CommunicationExposed
            | Self::StreamOverlapLost => Level::Deny,
            Self::KernelReplaced
            | Self::Mixed
            | Self::EnvironmentDrift
            | Self::Flaky
            | Self::WaiverUnused => Level::Warn,
            Self::StructureCheaper
            | Self::KernelFaster
            | Self::StageFaster
            | Self::CommunicationHidden
            | Self::StreamOverlapGained => Level::Allow,
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
