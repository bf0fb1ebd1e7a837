//! Levels and thresholds: the taste of a team, and the numbers that were measured on real repeats.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::{Code, Kind};
use super::finding::{Finding, Level};
use crate::triage::Stage;

/// Standard deviation of normally distributed values in units of their median absolute deviation.
pub const SIGMA_PER_MAD: f64 = 1.4826;

/// The numbers that decide, in percent unless named otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Thresholds {
    /// Net price of structural changes, of the stage's busy time. Real repeats stay below 0.023 %.
    pub structure_pct: f64,
    /// A price that is certain by its size, whatever the instances' spread: it is a hundred times the largest
    /// between real repeats, and a row of unlike kernels has a spread that is no noise.
    pub structure_certain_pct: f64,
    /// The same price in standard deviations of the instances.
    pub structure_sigmas: f64,
    /// Share from which a row may not vanish without a successor.
    pub vanished_pct: f64,
    /// Change of a row's per-instance median without a band.
    pub slower_pct: f64,
    /// What that change must cost, of the stage's busy time.
    pub slower_cost_pct: f64,
    /// The same change in standard errors of its instances.
    pub slower_sigmas: f64,
    /// Fewest instances of such a row.
    pub slower_instances: u64,
    /// Change of a row's per-instance median without a band from which it is shown, and passes.
    pub slower_warn_pct: f64,
    /// Captures from which a baseline's median and deviation are a noise band.
    pub band_captures: u32,
    /// Standard deviations between those captures that a change must exceed.
    pub band_sigmas: f64,
    /// Half of the narrowest band, whatever the captures say.
    pub band_least_pct: f64,
    /// Lost overlap, of the stage's busy time, that fails.
    pub overlap_pct: f64,
    /// The same that is shown.
    pub overlap_warn_pct: f64,
    /// Part of the overlap before that must be lost.
    pub overlap_part_pct: f64,
    /// Common movement of all unchanged rows beyond which no time is judged.
    pub drift_pct: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            structure_pct: 0.3,
            structure_certain_pct: 2.3,
            structure_sigmas: 5.0,
            vanished_pct: 2.0,
            slower_pct: 25.0,
            slower_cost_pct: 1.0,
            slower_sigmas: 10.0,
            slower_instances: 30,
            slower_warn_pct: 5.0,
            band_captures: 5,
            band_sigmas: 5.0,
            band_least_pct: 5.0,
            overlap_pct: 1.0,
            overlap_warn_pct: 0.3,
            overlap_part_pct: 10.0,
            drift_pct: 2.0,
        }
    }
}

/// What to make of a scenario that has no baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnMissingBaseline {
    /// Exit 4.
    #[default]
    Fail,
    /// Say so and pass.
    Warn,
    /// Write one from this capture and pass.
    Seed,
}

/// What to make of a capture that cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnInconclusive {
    /// Exit 3.
    #[default]
    Fail,
    /// Say so and exit 0.
    Warn,
}

/// What a team makes of findings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Policy {
    /// Rows below this share of a stage are not shown in tables. They are still priced.
    pub min_share: f64,
    /// Levels that differ from the code's own.
    pub levels: BTreeMap<Code, Level>,
    /// What decides.
    pub thresholds: Thresholds,
    /// What an inconclusive verdict does.
    pub on_inconclusive: OnInconclusive,
    /// What a missing baseline does.
    pub on_missing_baseline: OnMissingBaseline,
    /// Never a non-zero exit for a verdict.
    pub exit_zero: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            min_share: 1.0,
            levels: BTreeMap::new(),
            thresholds: Thresholds::default(),
            on_inconclusive: OnInconclusive::default(),
            on_missing_baseline: OnMissingBaseline::default(),
            exit_zero: false,
        }
    }
}

impl Policy {
    /// Sets the finding's level to what the team wants.
    ///
    /// Improvements never deny. A doubt has no level: what could not be judged is no matter of taste. A
    /// finding that is uncertain, and so below its code's own level, is not raised above where it stands.
    pub fn apply(&self, finding: &mut Finding) {
        if let Some(level) = self.levels.get(&finding.code) {
            set_level(finding, *level);
        }
    }

    /// The policy of a scenario: its own levels before those of the team.
    pub fn with_levels(&self, levels: &BTreeMap<Code, Level>) -> Self {
        let mut policy = self.clone();
        policy.levels.extend(levels);
        policy
    }
}

/// Levels that the baseline sets for single rows: by stage, and kernel, path or role.
pub type RowLevels = BTreeMap<(Stage, String), Level>;

/// Sets the finding's level to what the baseline says of its rows, which outranks the policy.
///
/// A finding about several rows has the highest of their levels; a row that sets none counts as the finding does.
pub fn apply_rows(finding: &mut Finding, rows: &RowLevels) {
    let Some(stage) = finding.stage else { return };
    let of_row = |subject: &String| rows.get(&(stage, subject.clone())).copied();
    // A path has a row of its own, which speaks for it whatever it ran as.
    let is_path = matches!(finding.code, Code::PathMissing | Code::PathPartial);
    let level = if is_path || finding.kernels.is_empty() {
        of_row(&finding.subject)
    } else {
        let set: Vec<Option<Level>> = finding.kernels.iter().map(of_row).collect();
        if set.iter().all(Option::is_none) {
            None
        } else {
            set.into_iter().map(|level| level.unwrap_or(finding.level)).max()
        }
    };
    if let Some(level) = level {
        set_level(finding, level);
    }
}

fn set_level(finding: &mut Finding, level: Level) {
    finding.level = match finding.code.kind() {
        Kind::Doubt => finding.level,
        Kind::Improvement => level.min(Level::Warn),
        Kind::Regression if finding.level < finding.code.default_level() => level.min(finding.level),
        Kind::Regression => level,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(code: Code, level: Level, from: Level) -> Level {
        let policy = Policy { levels: BTreeMap::from([(code, level)]), ..Policy::default() };
        let mut finding = Finding::new(code, "s", "m");
        finding.level = from;
        policy.apply(&mut finding);
        finding.level
    }

    #[test]
    fn a_level_moves_regressions_and_neither_doubts_nor_uncertain_findings_up() {
        assert_eq!(applied(Code::KernelReplaced, Level::Deny, Level::Warn), Level::Deny);
        assert_eq!(applied(Code::KernelSlower, Level::Warn, Level::Deny), Level::Warn);
        assert_eq!(applied(Code::KernelSlower, Level::Deny, Level::Warn), Level::Warn);
        assert_eq!(applied(Code::CaptureEmpty, Level::Allow, Level::Deny), Level::Deny);
        assert_eq!(applied(Code::StructureCheaper, Level::Deny, Level::Allow), Level::Warn);
    }

    #[test]
    fn a_scenario_outranks_the_team_and_a_row_outranks_both() {
        let team =
            Policy { levels: BTreeMap::from([(Code::KernelSlower, Level::Warn)]), ..Policy::default() };
        let scenario = team.with_levels(&BTreeMap::from([(Code::KernelSlower, Level::Deny)]));
        let mut finding = Finding::new(Code::KernelSlower, "k", "m").in_stage(Stage::Decode);
        team.apply(&mut finding);
        assert_eq!(finding.level, Level::Warn);
        let mut finding = Finding::new(Code::KernelSlower, "k", "m").in_stage(Stage::Decode);
        scenario.apply(&mut finding);
        assert_eq!(finding.level, Level::Deny);
        let rows = RowLevels::from([((Stage::Decode, "k".to_owned()), Level::Allow)]);
        apply_rows(&mut finding, &rows);
        assert_eq!(finding.level, Level::Allow);
    }

    #[test]
    fn one_row_does_not_excuse_the_others_of_its_finding() {
        let rows = RowLevels::from([((Stage::Decode, "k".to_owned()), Level::Allow)]);
        let finding = |kernels: &[&str]| {
            let kernels = kernels.iter().map(|kernel| (*kernel).to_owned()).collect();
            let mut finding =
                Finding::new(Code::StructureCostlier, "k", "m").in_stage(Stage::Decode).with_kernels(kernels);
            apply_rows(&mut finding, &rows);
            finding.level
        };
        assert_eq!(finding(&["k"]), Level::Allow);
        assert_eq!(finding(&["k", "other"]), Level::Deny);
        assert_eq!(finding(&["other"]), Level::Deny);
    }
}
