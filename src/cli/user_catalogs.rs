//! Catalogs of a user's own, read from a directory.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::CliError;
use crate::triage::Catalogs;
use crate::triage::classify::CatalogFile;

/// Most bytes of one catalog; the largest that is compiled in has a hundredth.
const MOST_BYTES: u64 = 4 << 20;
/// Most files of one directory.
const MOST_FILES: usize = 256;

/// The built-in catalogs, with those of a directory where one is given.
pub fn load(folder: Option<&Path>) -> Result<Catalogs, CliError> {
    let Some(folder) = folder else {
        return Catalogs::builtin().map_err(|error| CliError::yaml("built-in catalog", &error));
    };
    let files = read(folder)?;
    let files: Vec<CatalogFile<'_>> = files.iter().map(|(path, text)| CatalogFile { path, text }).collect();
    Catalogs::with(&files).map_err(|error| CliError::yaml("catalog", &error))
}

/// The YAML files of a directory, in the order of their names.
fn read(folder: &Path) -> Result<Vec<(PathBuf, String)>, CliError> {
    let failed = |path: &Path, error: &std::io::Error| CliError {
        what: "cannot read the catalog".to_owned(),
        place: format!("{}: {error}", path.display()),
        help: "give a directory that holds kernels-….yaml or fusions-….yaml".to_owned(),
        exit: 5,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        let path = entry.map_err(|error| failed(folder, &error))?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        // What the tables are made of comes from the program; a copy of its folder may be tested all the same.
        if is_yaml && path.file_name().is_some_and(|name| name != "frames.yaml" && name != "advice.yaml") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() || paths.len() > MOST_FILES {
        let what =
            if paths.is_empty() { "no catalog in the directory" } else { "too many files in the directory" };
        let help =
            "a catalog is a file named kernels-….yaml, fusions-….yaml, overlaps-….yaml or toggles-….yaml";
        return Err(CliError::usage(what, folder.display().to_string(), help));
    }
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(|error| failed(&path, &error))?;
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| failed(&path, &error))?;
        if bytes.len() as u64 > MOST_BYTES {
            let place = format!("{}: more than {MOST_BYTES} bytes", path.display());
            return Err(CliError::usage(
                "the catalog is too large",
                place,
                "split it, or remove what is no entry",
            ));
        }
        let Ok(text) = String::from_utf8(bytes) else {
            let place = format!("{}: it is not UTF-8 text", path.display());
            return Err(CliError::usage("cannot use the catalog", place, "save it as UTF-8"));
        };
        files.push((path, text));
    }
    Ok(files)
}
