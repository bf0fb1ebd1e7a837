//! The baseline file as a person reads and edits it. Strict: an unknown key is an error with its place.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::fingerprint::{Fingerprint, UNKNOWN};
use crate::common::yaml::{self, Spanned, YamlError};
use crate::triage::{FoundBy, PathState, Role, Stage};

/// The schema number that this version writes and reads.
const SCHEMA: u32 = 1;

/// A baseline file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Baseline {
    /// Version of the format.
    pub schema: Spanned<u32>,
    /// What a capture must match before it is judged.
    pub comparable: Comparable,
    /// Where the numbers come from; never compared.
    #[serde(default)]
    pub recorded: Recorded,
    /// Per stage.
    pub stages: BTreeMap<Stage, ExpectedStage>,
}

/// The identity of the recorded capture. A missing key and `unknown` both mean unknown.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Comparable {
    /// GPU model.
    pub gpu: Option<String>,
    /// GPUs of the job.
    pub gpus: Option<u32>,
    /// Rank files of the capture; fewer in a candidate is no verdict.
    pub ranks: Option<u32>,
    /// Serving engine.
    pub framework: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Size of tensor parallelism.
    pub tp: Option<u32>,
}

/// Provenance.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recorded {
    /// Version of profgate.
    pub profgate: Option<String>,
    /// Captures that went in.
    pub captures: Option<u32>,
    /// Runtime such as `cuda 12.4`.
    pub runtime: Option<String>,
    /// Commit of the server, when the user gives one.
    pub commit: Option<String>,
}

/// What one stage is expected to do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedStage {
    /// Per-step sums.
    pub steps: Spanned<ExpectedSteps>,
    /// Kernel rows.
    #[serde(default)]
    pub kernels: Vec<Spanned<ExpectedRow>>,
    /// Catalog paths.
    #[serde(default)]
    pub paths: Vec<Spanned<ExpectedPath>>,
}

/// Sums over a step.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedSteps {
    /// How steps were told apart.
    pub found_by: FoundBy,
    /// Activities of a step.
    pub activities: f64,
    /// Busy time of a step in microseconds.
    pub busy_us: f64,
}

/// One kernel row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedRow {
    /// Kernel id.
    pub kernel: String,
    /// What it does.
    pub role: Role,
    /// Launches of a step.
    pub launches: f64,
    /// Most minus fewest launches over steps and ranks; 0 when every step launches the same.
    #[serde(default)]
    pub spread: f64,
    /// Added microseconds of a step.
    pub us: f64,
    /// Median microseconds of one instance.
    #[serde(default)]
    pub each_us: f64,
    /// Median absolute deviation of the instances, in microseconds.
    #[serde(default)]
    pub each_mad_us: f64,
    /// Share of the stage's added time in percent.
    #[serde(default)]
    pub share: f64,
}

/// One catalog path.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedPath {
    /// Catalog id.
    pub path: String,
    /// The state promised.
    pub expect: PathState,
    /// Fused instances of a step.
    #[serde(default)]
    pub fused: u64,
    /// Split instances of a step.
    #[serde(default)]
    pub split: u64,
}

impl Comparable {
    /// As a fingerprint that captures can be held against.
    pub fn fingerprint(&self) -> Fingerprint {
        let known = |text: &Option<String>| text.clone().filter(|text| text != UNKNOWN && !text.is_empty());
        Fingerprint {
            gpu: known(&self.gpu),
            gpus: self.gpus,
            ranks: self.ranks.unwrap_or(0),
            framework: known(&self.framework),
            model: known(&self.model),
            tp: self.tp,
        }
    }
}

/// Reads a baseline. `path` labels errors; nothing is opened here.
pub fn parse(text: &str, path: &Path) -> Result<Baseline, YamlError> {
    let baseline: Baseline = yaml::from_str(text, path)?;
    if baseline.schema.value != SCHEMA {
        let message = format!("schema {} is not known to this version", baseline.schema.value);
        return Err(YamlError::at(path, &baseline.schema, message)
            .with_help("update profgate, or record the baseline anew with this version"));
    }
    if baseline.stages.is_empty() {
        return Err(YamlError {
            path: path.to_owned(),
            line: 0,
            column: 0,
            message: "`stages` is empty, so nothing would be judged".to_owned(),
            help: Some("record the baseline from a capture".to_owned()),
        });
    }
    for stage in baseline.stages.values() {
        check_steps(stage, path)?;
        check_rows(stage, path)?;
        check_unique(stage, path)?;
    }
    Ok(baseline)
}

fn check_steps(stage: &ExpectedStage, path: &Path) -> Result<(), YamlError> {
    let steps = &stage.steps.value;
    let is_number = |value: f64| value.is_finite() && value >= 0.0;
    if !is_number(steps.busy_us) || !is_number(steps.activities) {
        return Err(YamlError::at(path, &stage.steps, "a number of `steps` is negative or not finite"));
    }
    if steps.busy_us == 0.0 && !stage.kernels.is_empty() {
        return Err(YamlError::at(path, &stage.steps, "`busy-us` is 0, so no price could be judged")
            .with_help("record the baseline anew"));
    }
    if stage.kernels.is_empty() && stage.paths.is_empty() {
        return Err(YamlError::at(path, &stage.steps, "the stage has neither kernels nor paths to judge"));
    }
    Ok(())
}

fn check_rows(stage: &ExpectedStage, path: &Path) -> Result<(), YamlError> {
    for row in &stage.kernels {
        let value = &row.value;
        let numbers = [value.launches, value.spread, value.us, value.each_us, value.each_mad_us, value.share];
        if numbers.iter().any(|number| !number.is_finite() || *number < 0.0) {
            let message = format!("a number of `{}` is negative or not finite", value.kernel);
            return Err(YamlError::at(path, row, message));
        }
    }
    Ok(())
}

fn check_unique(stage: &ExpectedStage, path: &Path) -> Result<(), YamlError> {
    let mut kernels = std::collections::BTreeSet::new();
    for row in &stage.kernels {
        if !kernels.insert(&row.value.kernel) {
            let message = format!("kernel `{}` has two rows in one stage", row.value.kernel);
            return Err(YamlError::at(path, row, message).with_help("keep one of them"));
        }
    }
    let mut paths = std::collections::BTreeSet::new();
    for row in &stage.paths {
        if !paths.insert(&row.value.path) {
            let message = format!("path `{}` has two rows in one stage", row.value.path);
            return Err(YamlError::at(path, row, message).with_help("keep one of them"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(stages: &str) -> YamlError {
        let text = format!("schema: 1\ncomparable: {{ gpu: G }}\nstages:{stages}");
        parse(&text, Path::new("b.yaml")).unwrap_err()
    }

    const STEPS: &str = "\n  all:\n    steps: { found-by: none, activities: 1, busy-us: 5 }\n";

    #[test]
    fn a_baseline_that_judges_nothing_is_refused() {
        assert!(error(" {}").message.contains("nothing would be judged"));
        assert_eq!(error(STEPS).line, 5);
        let zero = STEPS.replace("busy-us: 5", "busy-us: 0");
        let wrong =
            error(&format!("{zero}    kernels:\n      - {{ kernel: k, role: gemm, launches: 1, us: 1 }}\n"));
        assert!(wrong.message.contains("no price"), "{}", wrong.message);
    }

    #[test]
    fn numbers_must_be_finite_and_rows_unique() {
        let row = "      - { kernel: k, role: gemm, launches: 1, us: 1 }\n";
        let twice = error(&format!("{STEPS}    kernels:\n{row}{row}"));
        assert_eq!((twice.line, twice.message.as_str()), (8, "kernel `k` has two rows in one stage"));
        let nan = error(&format!("{STEPS}    kernels:\n{}", row.replace("us: 1", "us: .nan")));
        assert_eq!(nan.line, 7);
        let nan = error(&STEPS.replace("activities: 1", "activities: .nan"));
        assert_eq!(nan.line, 5);
        let path = "      - { path: p, expect: active }\n";
        assert_eq!(error(&format!("{STEPS}    paths:\n{path}{path}")).line, 8);
    }
}
