//! One judged fact.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::{Code, Kind};
pub use crate::common::level::Level;
use crate::triage::Stage;

/// One judged fact, in the shape of the JSON contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Its kind.
    pub code: Code,
    /// What policy makes of it.
    pub level: Level,
    /// The stage concerned; `null` when the whole capture is.
    pub stage: Option<Stage>,
    /// Kernel id, path id, file or the like.
    pub subject: String,
    /// One sentence with the numbers.
    pub message: String,
    /// The baseline's number, in `unit`.
    pub before: Option<f64>,
    /// The capture's number, in `unit`.
    pub after: Option<f64>,
    /// Such as `us/step` or `launches/step`; empty without numbers.
    pub unit: String,
    /// What it costs a step: added nanoseconds, after minus before; `null` where no number tells.
    #[serde(default)]
    pub price_ns: Option<i64>,
    /// Every kernel id concerned, the subject among them.
    #[serde(default)]
    pub kernels: Vec<String>,
    /// Where in a layer its kernels stand, when layers were found.
    #[serde(default)]
    pub layer: Option<String>,
    /// The facts behind it, a line each, worst first.
    pub evidence: Vec<String>,
    /// What changed around it and may explain it.
    pub cause: Vec<String>,
    /// What to do about it.
    pub help: String,
    /// Where its code is explained, relative to profgate's repository.
    #[serde(default)]
    pub docs: String,
    /// The waiver that accepts it.
    pub waived_by: Option<String>,
    /// The baseline file.
    pub file: Option<String>,
    /// The row's line in that file.
    pub line: Option<u64>,
}

impl Finding {
    /// A finding without numbers, at the code's own level.
    pub fn new(code: Code, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            level: code.default_level(),
            stage: None,
            subject: subject.into(),
            message: message.into(),
            before: None,
            after: None,
            unit: String::new(),
            price_ns: None,
            kernels: Vec::new(),
            layer: None,
            evidence: Vec::new(),
            cause: Vec::new(),
            help: String::new(),
            docs: explained_at(code),
            waived_by: None,
            file: None,
            line: None,
        }
    }

    /// The same about one stage.
    pub fn in_stage(mut self, stage: Stage) -> Self {
        self.stage = Some(stage);
        self
    }

    /// The same with both numbers.
    pub fn with_numbers(mut self, before: f64, after: f64, unit: &str) -> Self {
        self.before = Some(before);
        self.after = Some(after);
        unit.clone_into(&mut self.unit);
        self
    }

    /// What a test case says of it: some readers show nothing else.
    pub fn message_in_case(&self) -> String {
        match &self.waived_by {
            Some(waiver) => format!("waived by {waiver}; {}", self.message),
            None => self.message.clone(),
        }
    }

    /// The same with what it costs a step, in nanoseconds.
    pub fn costing(mut self, ns: f64) -> Self {
        self.price_ns = Some(ns.round() as i64);
        self
    }

    /// Which of two is told first: the one with the higher level, then the dearer one. What has no price follows
    /// what has, doubts by what they explain, and broken promises before the rest.
    pub fn worst_first(&self, other: &Self) -> Ordering {
        other
            .level
            .cmp(&self.level)
            .then_with(|| other.price_ns.cmp(&self.price_ns))
            .then_with(|| self.code.cause_rank().cmp(&other.code.cause_rank()))
            .then_with(|| self.code.cmp(&other.code))
            .then_with(|| self.name().cmp(&other.name()))
    }

    /// Doubts of one kind have none: the order in which they are found goes from cause to consequence.
    fn name(&self) -> Option<&str> {
        (self.code.kind() != Kind::Doubt).then_some(self.subject.as_str())
    }

    /// How many kernel ids its numbers add up; 1 where they are those of its subject alone.
    pub fn rows_added_up(&self) -> usize {
        match self.code {
            Code::StructureCostlier | Code::KernelReplaced | Code::Mixed | Code::StructureCheaper => {
                self.kernels.len().max(1)
            }
            _ => 1,
        }
    }

    /// The same with the baseline's row; line 0 means the file as a whole.
    pub fn at(mut self, file: &str, line: u64) -> Self {
        self.file = Some(file.to_owned());
        self.line = (line > 0).then_some(line);
        self
    }

    /// The same with the facts behind it.
    pub fn with_evidence(mut self, evidence: Vec<String>) -> Self {
        self.evidence = evidence;
        self
    }

    /// The same with every kernel id concerned.
    pub fn with_kernels(mut self, kernels: Vec<String>) -> Self {
        self.kernels = kernels;
        self
    }

    /// The same with advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

/// The page and heading that explain a code, relative to profgate's repository.
pub fn explained_at(code: Code) -> String {
    format!("docs/findings.md#{}", code.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_then_price_then_what_explains_the_others() {
        let priced = |code, ns: f64| Finding::new(code, "k", "m").costing(ns);
        let mut advisory = priced(Code::KernelSlower, 9e9);
        advisory.level = Level::Warn;
        let wanted = [
            priced(Code::StructureCostlier, 300.0),
            priced(Code::PathMissing, 200.0),
            priced(Code::StructureCostlier, 200.0),
            priced(Code::PathPartial, -5.0),
            Finding::new(Code::KernelMissing, "a", "m"),
            Finding::new(Code::KernelMissing, "b", "m"),
            Finding::new(Code::WaiverExpired, "k", "m"),
            Finding::new(Code::CaptureDamaged, "k", "m"),
            Finding::new(Code::CaptureEmpty, "k", "m"),
            Finding::new(Code::NotComparable, "tp", "m"),
            Finding::new(Code::NotComparable, "gpu", "m"),
            Finding::new(Code::StageMissing, "k", "m"),
            advisory,
        ];
        let mut sorted = wanted.to_vec();
        // All but the two doubts of one kind, which keep the order in which they were found.
        sorted.reverse();
        let (tp, gpu) = (3, 2);
        sorted.swap(tp, gpu);
        sorted.sort_by(Finding::worst_first);
        assert_eq!(sorted, wanted);
    }
}
