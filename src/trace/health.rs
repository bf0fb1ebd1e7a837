//! What was wrong with the input and how often: counted under stable codes, never silently repaired.

use std::collections::BTreeMap;

/// One kind of defect or absence in a capture.
///
/// The kebab-case text of a code is part of the JSON contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthCode {
    /// The bytes ended before the JSON did; what came before was kept.
    CutOff,
    /// The JSON is wrong at some point; what came before was kept.
    Damaged,
    /// Bytes follow the end of the JSON document.
    TrailingData,
    /// Bytes that are not UTF-8 were replaced.
    InvalidUtf8,
    /// An element of `traceEvents` is no object, or lacks what its kind needs.
    EventSkipped,
    /// A GPU activity without a usable time; it could not be counted.
    ActivityWithoutTime,
    /// A GPU activity that lasts less than nothing.
    NegativeDuration,
    /// A GPU activity whose launch is not in the trace.
    LaunchMissing,
    /// A step's annotation exists, and no GPU activity was launched inside it.
    StepEmpty,
    /// A graph launch in a mapping capture; its kernels name no place in the source.
    MappingGraphs,
}

/// Whether a capture whose report carries this code must not be judged. An unknown code, of a newer
/// version, must not either.
pub fn forbids_judgement(code: &str) -> bool {
    HealthCode::ALL.into_iter().find(|one| one.as_str() == code).is_none_or(HealthCode::forbids_judgement)
}

impl HealthCode {
    /// Every code.
    pub const ALL: [Self; 10] = [
        Self::CutOff,
        Self::Damaged,
        Self::TrailingData,
        Self::InvalidUtf8,
        Self::EventSkipped,
        Self::ActivityWithoutTime,
        Self::NegativeDuration,
        Self::LaunchMissing,
        Self::StepEmpty,
        Self::MappingGraphs,
    ];

    /// The stable text of the code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CutOff => "cut-off",
            Self::Damaged => "damaged",
            Self::TrailingData => "trailing-data",
            Self::InvalidUtf8 => "invalid-utf8",
            Self::EventSkipped => "event-skipped",
            Self::ActivityWithoutTime => "activity-without-time",
            Self::NegativeDuration => "negative-duration",
            Self::LaunchMissing => "launch-missing",
            Self::StepEmpty => "step-empty",
            Self::MappingGraphs => "mapping-graphs",
        }
    }

    /// Whether a capture with this defect must not be judged: part of what ran may be missing.
    pub fn forbids_judgement(self) -> bool {
        match self {
            Self::CutOff | Self::Damaged | Self::EventSkipped | Self::ActivityWithoutTime => true,
            Self::TrailingData
            | Self::InvalidUtf8
            | Self::NegativeDuration
            | Self::LaunchMissing
            | Self::StepEmpty
            | Self::MappingGraphs => false,
        }
    }
}

/// How often each defect was met, and what it looked like the first time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    items: BTreeMap<HealthCode, (u64, String)>,
}

impl Health {
    /// Counts one more; the detail of the first one is kept.
    pub fn count(&mut self, code: HealthCode, detail: impl FnOnce() -> String) {
        self.items.entry(code).or_insert_with(|| (0, detail())).0 += 1;
    }

    /// How often a defect was met.
    pub fn get(&self, code: HealthCode) -> u64 {
        self.items.get(&code).map_or(0, |(count, _)| *count)
    }

    /// Every defect met, in the fixed order of the codes.
    pub fn iter(&self) -> impl Iterator<Item = (HealthCode, u64, &str)> {
        self.items.iter().map(|(code, (count, detail))| (*code, *count, detail.as_str()))
    }

    /// Adds what another reader met.
    pub fn merge(&mut self, other: &Self) {
        for (code, (count, detail)) in &other.items {
            let item = self.items.entry(*code).or_insert_with(|| (0, detail.clone()));
            item.0 += count;
        }
    }
}
