//! A similarity note that somebody else wrote, an agent say: held to the same rules as our own hints.

use std::path::Path;

use serde::Deserialize;

use super::catalog::PathCatalog;
use crate::common::text::nearest;
use crate::common::yaml::{self, Spanned, YamlError};
use crate::triage::model::Similarity;
use crate::triage::stage::Stage;

/// Signals that a hint needs: one alone says nothing.
const LEAST_SIGNALS: usize = 2;
/// Hints in a note; more is a list.
const MOST_HINTS: usize = 50;
/// Longest signal, in bytes.
const LONGEST: usize = 1_000;

/// How sure a hint is.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    High,
    Medium,
    Low,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// One hint of a note.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hint {
    stage: Spanned<Stage>,
    path: Spanned<String>,
    level: Level,
    signals: Spanned<Vec<String>>,
}

/// The hints of a note: a YAML or JSON list of `stage`, `path`, `level` and `signals`, as `similarity` of the
/// triage JSON has them. `path` labels errors, and each hint by its file name; nothing is opened here.
///
/// A path that no catalog has, fewer than two signals, and a stage that is not among `stages` are errors: none
/// of them could be shown for what it is.
pub fn similarity_note(
    text: &str,
    path: &Path,
    catalog: &PathCatalog,
    stages: &[Stage],
) -> Result<Vec<Similarity>, YamlError> {
    let hints: Vec<Spanned<Hint>> = yaml::from_str(text, path)?;
    if let Some(more) = hints.get(MOST_HINTS) {
        return Err(YamlError::at(path, more, format!("the note has more than {MOST_HINTS} hints"))
            .with_help("keep those that matter"));
    }
    let by = path
        .file_name()
        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let mut read = Vec::with_capacity(hints.len());
    for Spanned { value: hint, .. } in hints {
        if catalog.entry(&hint.path.value).is_none() {
            let ids = catalog.entries().iter().map(|entry| entry.id.as_str());
            let help = nearest(&hint.path.value, ids).map_or_else(
                || "`profgate catalog list --paths` lists them".to_owned(),
                |id| format!("did you mean `{id}`?"),
            );
            let message = format!("no catalog has the path `{}`", hint.path.value);
            return Err(YamlError::at(path, &hint.path, message).with_help(help));
        }
        if !stages.contains(&hint.stage.value) {
            let known: Vec<&str> = stages.iter().map(|stage| stage.as_str()).collect();
            let message = format!("the capture has no stage `{}`", hint.stage.value.as_str());
            return Err(
                YamlError::at(path, &hint.stage, message).with_help(format!("it has: {}", known.join(", ")))
            );
        }
        let signals = &hint.signals.value;
        let distinct =
            signals.iter().enumerate().filter(|(at, one)| !signals.iter().take(*at).any(|two| two == *one));
        if distinct.count() < LEAST_SIGNALS
            || signals.iter().any(|one| one.trim().is_empty() || one.len() > LONGEST)
        {
            return Err(YamlError::at(path, &hint.signals, "a hint needs two signals, a short sentence each")
                .with_help(
                    "name what it rests on: the order of kernels, the source location, the CPU op, tensor parallelism, the model",
                ));
        }
        read.push(Similarity {
            stage: hint.stage.value,
            path: hint.path.value,
            level: hint.level.as_str().to_owned(),
            signals: hint.signals.value,
            by: Some(by.clone()),
        });
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::Catalogs;

    fn read(text: &str) -> Result<Vec<Similarity>, YamlError> {
        let catalogs = Catalogs::builtin().unwrap();
        similarity_note(text, Path::new("notes/agent.yaml"), &catalogs.paths, &[Stage::Decode])
    }

    #[test]
    fn a_note_is_read_with_its_author_as_yaml_and_as_json() {
        let yaml =
            "- stage: decode\n  path: fused-residual-add-rmsnorm\n  level: medium\n  signals: [a, b]\n";
        let json = r#"[{"stage":"decode","path":"fused-residual-add-rmsnorm","level":"medium","signals":["a","b"]}]"#;
        let hints = read(yaml).unwrap();
        assert_eq!(hints, read(json).unwrap());
        assert_eq!((hints[0].level.as_str(), hints[0].by.as_deref()), ("medium", Some("agent.yaml")));
    }

    #[test]
    fn what_could_not_be_shown_is_an_error_with_its_line() {
        let good = "- stage: decode\n  path: fused-residual-add-rmsnorm\n  level: low\n  signals: [a, b]\n";
        for (from, to, line, said) in [
            ("add-rmsnorm", "add-rmsnorms", 2, "no catalog has"),
            ("stage: decode", "stage: prefill", 1, "no stage `prefill`"),
            ("level: low", "level: certain", 3, "unknown value `certain`"),
            ("[a, b]", "[a]", 4, "two signals"),
            ("[a, b]", "[a, a]", 4, "two signals"),
            ("[a, b]", "[a, b, ' ']", 4, "two signals"),
        ] {
            let wrong = read(&good.replace(from, to)).unwrap_err();
            assert_eq!(wrong.line, line, "{to}: {wrong}");
            assert!(wrong.message.contains(said), "{to}: {wrong}");
        }
        assert!(read("{}").is_err());
        assert_eq!(read(&good.repeat(51)).unwrap_err().line, 201);
    }
}
