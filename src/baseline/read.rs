//! From text to a baseline that can be judged against; what cannot is an error with its place.

use std::path::Path;

use super::file::{Baseline, ExpectedStage};
use super::promise;
use crate::common::yaml::{self, YamlError};

/// The schema number that this version writes and reads.
const SCHEMA: u32 = 1;

/// Reads a baseline. `path` labels errors; nothing is opened here.
pub fn parse(text: &str, path: &Path) -> Result<Baseline, YamlError> {
    let mut baseline: Baseline = yaml::from_str(text, path)?;
    if baseline.schema.value != SCHEMA {
        let message = format!("schema {} is not known to this version", baseline.schema.value);
        return Err(YamlError::at(path, &baseline.schema, message)
            .with_help("update profgate, or record the baseline anew with this version"));
    }
    promise::check(&baseline.expect, path)?;
    if baseline.stages.is_empty() && baseline.expect.is_empty() {
        return Err(YamlError {
            path: path.to_owned(),
            line: 0,
            column: 0,
            message: "`stages` is empty, so nothing would be judged".to_owned(),
            help: Some("record the baseline from a capture, or promise something under `expect`".to_owned()),
        });
    }
    for stage in baseline.stages.values() {
        check_steps(stage, path)?;
        check_rows(stage, path)?;
        check_unique(stage, path)?;
    }
    let captures = baseline.recorded.captures.unwrap_or(1);
    for stage in baseline.stages.values_mut() {
        fill_captures(stage, captures);
    }
    Ok(baseline)
}

/// A number without `n` is of as many captures as the file.
fn fill_captures(stage: &mut ExpectedStage, captures: u32) {
    stage.steps.value.n.get_or_insert(captures);
    for row in &mut stage.kernels {
        row.value.n.get_or_insert(captures);
    }
    for row in &mut stage.overlaps {
        row.value.n.get_or_insert(captures);
    }
}

fn check_steps(stage: &ExpectedStage, path: &Path) -> Result<(), YamlError> {
    let steps = &stage.steps.value;
    let is_number = |value: f64| value.is_finite() && value >= 0.0;
    if ![steps.busy_us, steps.activities, steps.mad_us, steps.same_stream_us, steps.beside_us]
        .into_iter()
        .all(is_number)
    {
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
        let times = [value.us, value.mad_us, value.each_us, value.each_mad_us];
        let numbers = [value.launches, value.spread, value.share].into_iter().chain(times);
        if !are_numbers(numbers) {
            let message = format!("a number of `{}` is negative or not finite", value.kernel);
            return Err(YamlError::at(path, row, message));
        }
    }
    for row in &stage.overlaps {
        let value = &row.value;
        if !are_numbers([value.exposed_us, value.mad_us, value.at_most.unwrap_or(0.0)].into_iter()) {
            let message = format!("a number of role `{}` is negative or not finite", value.role.as_str());
            return Err(YamlError::at(path, row, message));
        }
    }
    Ok(())
}

fn are_numbers(mut numbers: impl Iterator<Item = f64>) -> bool {
    numbers.all(|number| number.is_finite() && number >= 0.0)
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
    let mut roles = std::collections::BTreeSet::new();
    for row in &stage.overlaps {
        if !roles.insert(row.value.role) {
            let message = format!("role `{}` has two overlap rows in one stage", row.value.role.as_str());
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
