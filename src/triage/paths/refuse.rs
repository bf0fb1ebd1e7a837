//! Values that are of the right kind in a path catalog, and cannot be meant.

use std::path::Path;

use crate::common::yaml::{Spanned, YamlError};

/// Refuses places that are none in a repository: absolute ones, and those that climb out of it.
pub(super) fn in_the_sources(path: &Path, places: &[Spanned<String>]) -> Result<(), YamlError> {
    for place in places {
        let mut parts = place.value.split(['/', '\\']);
        let is_drive = place.value.as_bytes().get(1) == Some(&b':');
        if place.value.starts_with(['/', '\\']) || is_drive || parts.any(|part| part == "..") {
            let message = format!("`{}` is no path inside a repository", place.value);
            return Err(YamlError::at(path, place, message)
                .with_help("write it from the root of the repository that holds the code"));
        }
    }
    Ok(())
}

/// Refuses what does not name a pull request: `owner/repository#number`.
pub(super) fn pull_request(path: &Path, one: &Spanned<String>) -> Result<(), YamlError> {
    let is_name =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let is_one = one.value.split_once('#').is_some_and(|(repository, number)| {
        let is_repository =
            repository.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name));
        is_repository && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    if is_one {
        return Ok(());
    }
    Err(YamlError::at(path, one, format!("`{}` names no pull request", one.value))
        .with_help("write owner, repository and number: sgl-project/sglang#22005"))
}
