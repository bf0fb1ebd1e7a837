//! What a GitHub step tells the steps after it: its summary and its outputs.
//!
//! Both are files that a runner names in the environment and that other commands of the step write to as
//! well, so they are appended to, never replaced.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::files::PublishError;
use crate::report;
use crate::verdict::CheckReport;

/// Bytes that GitHub takes for the summary of one step.
pub const SUMMARY_LIMIT: u64 = 1 << 20;

/// The files that the runner names; absent outside of GitHub Actions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `GITHUB_STEP_SUMMARY`.
    pub step_summary: Option<PathBuf>,
    /// `GITHUB_OUTPUT`.
    pub output: Option<PathBuf>,
}

/// Whether a summary was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    /// It was.
    Written,
    /// The runner names no file.
    NotAsked,
    /// The step's summary would be larger than GitHub takes; GitHub would drop all of it.
    Full,
}

/// Appends Markdown to the step's summary.
pub fn append_summary(environment: &Environment, markdown: &str) -> Result<Summary, PublishError> {
    let Some(path) = &environment.step_summary else { return Ok(Summary::NotAsked) };
    let present = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if present + markdown.len() as u64 + 2 > SUMMARY_LIMIT {
        return Ok(Summary::Full);
    }
    let gap = if present > 0 { "\n" } else { "" };
    append(path, &format!("{gap}{markdown}\n"))?;
    Ok(Summary::Written)
}

/// Where the files of a run lie, as later steps shall find them.
#[derive(Debug, Clone, Copy)]
pub struct Paths<'a> {
    /// The machine report.
    pub report_json: &'a Path,
    /// The test report.
    pub junit: &'a Path,
    /// The comment.
    pub comment: &'a Path,
}

/// Appends the step's outputs: `verdict`, `exit-code`, the counts `failed`, `warned`, `waived` and `inconclusive`, and the
/// paths `report-json`, `junit` and `comment` where they were written. Findings are counted; `inconclusive` counts
/// scenarios.
///
/// Returns whether the runner asked for any.
pub fn append_outputs(
    environment: &Environment,
    report: &CheckReport,
    paths: Option<Paths<'_>>,
) -> Result<bool, PublishError> {
    let Some(path) = &environment.output else { return Ok(false) };
    append(path, &outputs(report, paths))?;
    Ok(true)
}

fn outputs(report: &CheckReport, paths: Option<Paths<'_>>) -> String {
    let counts = report::counts(report);
    let files = paths.map(|paths| {
        [("report-json", paths.report_json), ("junit", paths.junit), ("comment", paths.comment)]
            .map(|(name, path)| (name, path.display().to_string()))
    });
    [
        ("verdict", report.verdict.as_str().to_owned()),
        ("exit-code", report.exit_code.to_string()),
        ("failed", counts.failed.to_string()),
        ("warned", counts.warned.to_string()),
        ("waived", counts.waived.to_string()),
        ("inconclusive", counts.inconclusive.to_string()),
    ]
    .into_iter()
    .chain(files.into_iter().flatten())
    .map(|(name, value)| output(name, &value))
    .collect()
}

/// Appends one more output of the step; returns whether the runner asked for any.
pub fn append_output(environment: &Environment, name: &str, value: &str) -> Result<bool, PublishError> {
    let Some(path) = &environment.output else { return Ok(false) };
    append(path, &output(name, value))?;
    Ok(true)
}

/// One output in the form that may hold any text, with an end that the text does not contain.
fn output(name: &str, value: &str) -> String {
    let mut end = "profgate-end".to_owned();
    while value.contains(&end) {
        end.push('-');
    }
    // The runner reads lines; a lone carriage return would be one more way to end one.
    let value = value.replace('\r', "\u{fffd}");
    format!("{name}<<{end}\n{value}\n{end}\n")
}

fn append(path: &Path, text: &str) -> Result<(), PublishError> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source: io::Error| PublishError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::fixture;

    fn file(test: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("profgate-github-{test}-{}", std::process::id()));
        drop(fs::remove_file(&path));
        path
    }

    #[test]
    fn a_summary_is_appended_until_github_would_drop_it() {
        let path = file("summary");
        let environment = Environment { step_summary: Some(path.clone()), output: None };
        fs::write(&path, "before").unwrap();
        assert_eq!(append_summary(&environment, "ours").unwrap(), Summary::Written);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before\nours\n");
        fs::write(&path, vec![b'x'; SUMMARY_LIMIT as usize - 5]).unwrap();
        assert_eq!(append_summary(&environment, "ours").unwrap(), Summary::Full);
        fs::remove_file(&path).unwrap();
        assert_eq!(append_summary(&Environment::default(), "ours").unwrap(), Summary::NotAsked);
    }

    #[test]
    fn outputs_say_the_verdict_and_where_the_files_are() {
        let path = file("outputs");
        let environment = Environment { step_summary: None, output: Some(path.clone()) };
        let paths =
            Paths { report_json: Path::new("r.json"), junit: Path::new("j.xml"), comment: Path::new("c.md") };
        assert!(append_outputs(&environment, &fixture::mixed(), Some(paths)).unwrap());
        insta::assert_snapshot!(fs::read_to_string(&path).unwrap(), @r#"
        verdict<<profgate-end
        fail
        profgate-end
        exit-code<<profgate-end
        1
        profgate-end
        failed<<profgate-end
        2
        profgate-end
        warned<<profgate-end
        1
        profgate-end
        waived<<profgate-end
        1
        profgate-end
        inconclusive<<profgate-end
        1
        profgate-end
        report-json<<profgate-end
        r.json
        profgate-end
        junit<<profgate-end
        j.xml
        profgate-end
        comment<<profgate-end
        c.md
        profgate-end
        "#);
        fs::remove_file(&path).unwrap();
        assert!(!append_outputs(&Environment::default(), &fixture::mixed(), Some(paths)).unwrap());
    }

    #[test]
    fn a_value_cannot_end_itself() {
        let text = output("junit", "a\nprofgate-end\nverdict<<x\npass\rx");
        assert_eq!(text, "junit<<profgate-end-\na\nprofgate-end\nverdict<<x\npass\u{fffd}x\nprofgate-end-\n");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let environment = Environment { step_summary: Some(PathBuf::from("/nowhere/summary")), output: None };
        let error = append_summary(&environment, "x").unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/summary could not be written: "), "{error}");
    }
}
