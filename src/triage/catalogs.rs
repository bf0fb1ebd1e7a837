//! What triage knows: kernels and paths, compiled in, with what a user's repository adds.

use std::path::Path;

use super::classify::{CatalogFile, Classifier};
use super::paths::PathCatalog;
use crate::common::yaml::YamlError;

/// Both catalogs.
#[derive(Debug)]
pub struct Catalogs {
    /// What a kernel's name means.
    pub classifier: Classifier,
    /// Fused and overlapped paths.
    pub paths: PathCatalog,
}

/// What a catalog's file holds, told by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kernels,
    Paths,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let is = |start: &str| name.strip_prefix(start).is_some_and(|rest| rest.starts_with(['.', '-']));
        if is("kernels") {
            Some(Self::Kernels)
        } else if is("fusions") || is("overlaps") || is("toggles") {
            Some(Self::Paths)
        } else {
            None
        }
    }
}

impl Catalogs {
    /// What is compiled in.
    pub fn builtin() -> Result<Self, YamlError> {
        Self::with(&[])
    }

    /// What is compiled in, and a user's files: what they give a name that is taken takes its place.
    pub fn with(user: &[CatalogFile<'_>]) -> Result<Self, YamlError> {
        let (mut kernels, mut paths) = (Vec::new(), Vec::new());
        for file in user {
            match Kind::of(file.path) {
                Some(Kind::Kernels) => kernels.push(*file),
                Some(Kind::Paths) => paths.push(*file),
                None => {
                    return Err(YamlError {
                        path: file.path.to_owned(),
                        line: 0,
                        column: 0,
                        message: "its name does not say what the file holds".to_owned(),
                        help: Some(
                            "name it kernels-….yaml, fusions-….yaml, overlaps-….yaml or toggles-….yaml"
                                .to_owned(),
                        ),
                    });
                }
            }
        }
        let classifier = Classifier::with_catalogs(&kernels)?;
        let paths = PathCatalog::with_catalogs(&paths, &classifier)?;
        Ok(Self { classifier, paths })
    }
}
