//! What people say of a scenario beside its numbers: promises, waivers, and the day on which they are read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::promise::PlacedPromise;
use super::waiver::Waiver;
use crate::common::date::Date;

/// What people say of a scenario, from all files that say something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Terms {
    /// What they promise.
    pub promises: Vec<PlacedPromise>,
    /// What they accept for a while.
    pub waivers: Vec<Waiver>,
    /// The day against which waivers are held.
    pub today: Date,
}

impl Terms {
    /// Nothing is promised and nothing waived.
    pub fn none() -> Self {
        Self { promises: Vec::new(), waivers: Vec::new(), today: Date::today() }
    }
}

/// What a report of an earlier version holds: nothing was promised and nothing waived.
impl Default for Terms {
    fn default() -> Self {
        Self::none()
    }
}
