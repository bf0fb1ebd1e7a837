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
    pub steps: ExpectedSteps,
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
        let known = |text: &Option<String>| text.clone().filter(|text| text != UNKNOWN);
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
    for stage in baseline.stages.values() {
        check_rows(stage, path)?;
    }
    Ok(baseline)
}

fn check_rows(stage: &ExpectedStage, path: &Path) -> Result<(), YamlError> {
    let mut seen: Vec<&str> = Vec::new();
    for row in &stage.kernels {
        let numbers =
            [row.value.launches, row.value.us, row.value.each_us, row.value.each_mad_us, row.value.share];
        if numbers.iter().any(|number| !number.is_finite() || *number < 0.0) {
            let message = format!("a number of `{}` is negative or not finite", row.value.kernel);
            return Err(YamlError::at(path, row, message));
        }
        seen.push(&row.value.kernel);
    }
    if !stage.steps.busy_us.is_finite() || stage.steps.busy_us < 0.0 {
        return Err(YamlError {
            path: path.to_owned(),
            line: 0,
            column: 0,
            message: "`busy-us` is negative or not finite".to_owned(),
            help: None,
        });
    }
    seen.sort_unstable();
    let twice = seen.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(*a),
        _ => None,
    });
    if let Some(kernel) = twice
        && let Some(row) = stage.kernels.iter().rev().find(|row| row.value.kernel == kernel)
    {
        return Err(YamlError::at(path, row, format!("kernel `{kernel}` has two rows in one stage"))
            .with_help("keep one of them"));
    }
    Ok(())
}
