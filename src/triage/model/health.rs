//! What was wrong with a capture, in the shape of the JSON contract.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Triage;
use crate::trace::{Health, HealthCode};

/// Bytes of a detail that are kept.
const DETAIL_BYTES: usize = 200;

/// One kind of defect that was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthEntry {
    /// Stable code.
    pub code: String,
    /// How often.
    pub count: u64,
    /// What the first one looked like.
    pub detail: String,
}

impl HealthEntry {
    /// What was met under one code.
    pub fn new(code: HealthCode, count: u64, detail: &str) -> Self {
        let detail = crate::common::text::shorten_middle(detail, DETAIL_BYTES);
        Self { code: code.as_str().to_owned(), count, detail }
    }
}

impl Triage {
    /// Adds defects that became known only after the files were read, in the fixed order of the codes.
    pub fn add_health(&mut self, health: &Health) {
        let order = |code: &str| HealthCode::ALL.iter().position(|one| one.as_str() == code);
        for (code, count, detail) in health.iter() {
            match self.health.iter_mut().find(|entry| entry.code == code.as_str()) {
                Some(entry) => entry.count += count,
                None => {
                    let of_code = order(code.as_str());
                    let at = self.health.partition_point(|entry| order(&entry.code) < of_code);
                    self.health.insert(at, HealthEntry::new(code, count, detail));
                }
            }
        }
    }

    /// Sets the rank, where it became known only after the files were read.
    pub fn set_rank(&mut self, rank: u32) {
        self.traces.iter_mut().for_each(|entry| entry.rank = rank);
    }
}
