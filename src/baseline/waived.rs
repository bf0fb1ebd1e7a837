//! A waiver as a person writes it. Which finding it means is known one stage later.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::common::yaml::Spanned;
use crate::triage::Stage;

/// One row of `waivers:`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WaiverRow {
    /// Code of the finding.
    #[schemars(with = "String")]
    pub finding: Spanned<String>,
    /// Subject of the finding, exactly.
    pub subject: String,
    /// Stage of the finding; any when not given.
    pub stage: Option<Stage>,
    /// Why it is accepted.
    #[schemars(with = "String")]
    pub reason: Spanned<String>,
    /// Who answers for it.
    #[schemars(with = "String")]
    pub owner: Spanned<String>,
    /// Last day on which it counts, such as `2027-01-31`.
    #[schemars(with = "String")]
    pub until: Spanned<String>,
    /// Largest change that it accepts, such as `8%`; any when not given.
    #[schemars(with = "Option<String>")]
    pub max_delta: Option<Spanned<String>>,
}
