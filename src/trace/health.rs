//! What was wrong with the input and how often: counted under stable codes, never silently repaired.

use std::collections::BTreeMap;

/// Of what was launched or ran, the largest part that may be lost before a capture must not be judged: one
/// in this many. A row of a serving step has tens of launches, so a single lost one already shows.
pub const LOSS_LIMIT: u64 = 1000;

/// Declares the codes once: variant, stable text, and whether a capture that has it may be judged.
macro_rules! health_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $judged:ident;)*) => {
        /// One kind of defect or absence in a capture.
        ///
        /// The kebab-case text of a code is part of the JSON contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum HealthCode {
            $($(#[$doc])* $variant,)*
        }

        impl HealthCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable text of the code.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Whether a capture with this defect must not be judged: part of what ran may be missing, or
            /// part of what was read is no work of the server.
            pub fn forbids_judgement(self) -> bool {
                match self {
                    $(Self::$variant => health_codes!(@forbids $judged),)*
                }
            }
        }
    };
    (@forbids judged) => { false };
    (@forbids never) => { true };
}

health_codes! {
    /// The bytes ended before the JSON did; what came before was kept.
    CutOff = "cut-off", never;
    /// The compressed data are wrong at some point, or a part of the file is not what was written there: zeros, or
    /// the parts of several events in one; what can be read was kept.
    Damaged = "damaged", never;
    /// The header cannot be read at some point; what it would have said of the device is unknown.
    HeaderDamaged = "header-damaged", judged;
    /// Bytes that are no JSON follow the end of the document, such as padding.
    TrailingData = "trailing-data", judged;
    /// More JSON follows the end of the document: not all that was recorded was read.
    SecondDocument = "second-document", never;
    /// What a strict reader of JSON refuses and nothing was lost by: `NaN`, a comma too many or too few, a
    /// control character or a bad escape in a name.
    OddJson = "odd-json", judged;
    /// Bytes of a name that are not UTF-8 were replaced; counted once a name.
    InvalidUtf8 = "invalid-utf8", judged;
    /// An element of `traceEvents` that cannot be read and may have been GPU work or a launch; it was left out.
    EventLost = "event-lost", judged;
    /// A CPU op, a Python call or a range that lacks its time or cannot be read; it was left out. No GPU work
    /// is lost by that.
    EventSkipped = "event-skipped", judged;
    /// A GPU activity without a name; it was counted as `unknown`.
    NameMissing = "name-missing", judged;
    /// An activity or a launch that lasts longer than a week: an overflow of the recorder's clock.
    EventTooLong = "event-too-long", never;
    /// A GPU activity without a usable time; it could not be counted.
    ActivityWithoutTime = "activity-without-time", never;
    /// A GPU activity that lasts less than nothing; it was dropped.
    NegativeDuration = "negative-duration", judged;
    /// A GPU activity with start and length 0: the recorder lost its time. It was dropped.
    ActivityAtZero = "activity-at-zero", judged;
    /// A launch without a usable time; it was dropped.
    LaunchWithoutTime = "launch-without-time", judged;
    /// A launch whose activity is not in the trace, which holds others of its kind.
    ActivityMissing = "activity-missing", judged;
    /// A replay of a graph that has fewer activities than another replay of the same graph: the rest was lost.
    ReplayIncomplete = "replay-incomplete", never;
    /// More is lost than [`LOSS_LIMIT`] allows.
    LossBeyondLimit = "loss-beyond-limit", never;
    /// Work of an accelerator that profgate cannot judge.
    DeviceUnsupported = "device-unsupported", never;
    /// The trace holds CPU work alone and its header lists no GPU: it was recorded on a CPU.
    NoGpu = "no-gpu", judged;
    /// The trace of a graph's capture: its launches went into a graph. It names sources and measures nothing.
    MappingCapture = "mapping-capture", never;
    /// The rank in the file's name is another than the one in its header.
    RankDisagrees = "rank-disagrees", judged;
    /// Two files of different ranks hold the same bytes, or say in their headers that they are of one rank.
    RankTwice = "rank-twice", never;
    /// A GPU activity whose launch is not in the trace.
    LaunchMissing = "launch-missing", judged;
    /// A step's annotation exists, and no GPU activity was launched inside it.
    StepEmpty = "step-empty", judged;
    /// A step that the CPU's annotations show and the GPU's do not, or the other way round.
    AnnotationDisagrees = "annotation-disagrees", judged;
    /// A step is another stage than the name of its file says.
    StageDisagrees = "stage-disagrees", judged;
    /// A pass of the model beside marked steps that no annotation marks and nothing tells the stage of.
    PassUnmarked = "pass-unmarked", judged;
    /// A step that differs from the others as a prefill does from a decode step, and too little to tell which it is.
    StageUnclear = "stage-unclear", judged;
    /// A step at the edge of the window that lacks part of what it runs; no figure of a whole step holds it.
    StepCut = "step-cut", judged;
    /// A step that begins another turn of unlike steps and has no counterpart; no figure of a step holds it.
    StepSurplus = "step-surplus", judged;
    /// Several streams run attention, and how many layers they have together is not known.
    LayersUncertain = "layers-uncertain", judged;
    /// The GPU did nothing for a tenth of a second or longer, between its first and its last work.
    IdleGap = "idle-gap", judged;
    /// Code was compiled or loaded onto the GPU inside the window.
    JitInWindow = "jit-in-window", judged;
    /// A launch that only timed a variant of a kernel: no work of the server.
    AutotuneInWindow = "autotune-in-window", never;
    /// A graph was captured or made ready inside the window.
    GraphCaptureInWindow = "graph-capture-in-window", judged;
    /// A graph launch in a mapping capture; its kernels name no place in the source.
    MappingGraphs = "mapping-graphs", judged;
}

/// Whether a capture whose report carries this code must not be judged. An unknown code, of a newer
/// version, must not either.
pub fn forbids_judgement(code: &str) -> bool {
    HealthCode::ALL.iter().find(|one| one.as_str() == code).is_none_or(|one| one.forbids_judgement())
}

/// What to do about a capture with a code that forbids judgement.
pub fn advice(code: &str) -> &'static str {
    match HealthCode::ALL.iter().find(|one| one.as_str() == code) {
        Some(HealthCode::DeviceUnsupported) => "profile on a CUDA or HIP device",
        Some(HealthCode::RankTwice) => {
            "collect the trace of each rank anew, and rename none: one file stands for two ranks"
        }
        Some(HealthCode::MappingCapture) => "name the trace that was recorded while requests ran",
        Some(HealthCode::NegativeDuration | HealthCode::ActivityAtZero) => {
            "the profiler's clock gave times that cannot be: profile again, on another version of driver or CUPTI where it comes back"
        }
        Some(HealthCode::AutotuneInWindow) => "warm the server up before profiling, so that nothing is tuned",
        Some(
            HealthCode::LossBeyondLimit
            | HealthCode::ReplayIncomplete
            | HealthCode::EventTooLong
            | HealthCode::ActivityWithoutTime,
        ) => "profile fewer steps; a profiler whose buffers overflow loses events",
        _ => "profile again, and wait until the server has written the whole file",
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
