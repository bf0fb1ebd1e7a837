//! Promises and waivers from all files that hold some.

use std::path::PathBuf;

use super::check::Scenario;
use crate::common::date::Date;
use crate::common::text::nearest;
use crate::common::yaml::YamlError;
use crate::triage::paths::PathCatalog;
use crate::verdict::{PlacedPromise, Terms, Waiver};

/// What is said of a scenario by its baseline, the configuration and the commits.
pub fn of(scenario: &Scenario, baseline: Option<(&Vec<PlacedPromise>, &Vec<Waiver>)>, today: Date) -> Terms {
    let mut terms = Terms { promises: scenario.promises.clone(), waivers: scenario.waivers.clone(), today };
    if let Some((promises, waivers)) = baseline {
        terms.promises.extend(promises.iter().cloned());
        terms.waivers.extend(waivers.iter().cloned());
    }
    terms
}

/// Refuses a promise about a path that no catalog has: it could never be kept, or never broken.
pub fn known_paths(promises: &[PlacedPromise], catalog: &PathCatalog) -> Result<(), YamlError> {
    let ids = || catalog.entries().iter().map(|entry| entry.id.as_str());
    for placed in promises {
        let Some(path) = &placed.promise.path else { continue };
        if ids().any(|id| id == path) {
            continue;
        }
        let help = match nearest(path, ids()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`profgate catalog list --paths` lists them".to_owned(),
        };
        return Err(YamlError {
            path: PathBuf::from(&placed.file),
            line: placed.line,
            column: 0,
            message: format!("no catalog has a path `{path}`"),
            help: Some(help),
        });
    }
    Ok(())
}
