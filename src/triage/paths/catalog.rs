//! The path catalog: the files compiled in, a user's before them, and what holds between their entries.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use super::entry::{Entry, Toggle, Topic};
use super::file::{self, FileYaml};
use super::parts::{Part, PartIx};
use crate::common::text::nearest;
use crate::common::yaml::YamlError;
use crate::triage::classify::{CatalogFile, Classifier};

macro_rules! builtin {
    ($($name:literal),* $(,)?) => {
        [$((concat!("catalogs/", $name), include_str!(concat!("../../../catalogs/", $name)))),*]
    };
}

/// The files compiled in.
pub(super) const BUILTIN: [(&str, &str); 16] = builtin![
    "fusions-parts.yaml",
    "fusions-norm.yaml",
    "fusions-all-reduce.yaml",
    "fusions-qk-rope-kv.yaml",
    "fusions-attention.yaml",
    "fusions-sparse-attention.yaml",
    "fusions-activation.yaml",
    "fusions-moe.yaml",
    "fusions-gemm.yaml",
    "fusions-linear-attention.yaml",
    "fusions-scheduling.yaml",
    "fusions-diffusion.yaml",
    "overlaps-serving.yaml",
    "overlaps-launch.yaml",
    "overlaps-diffusion.yaml",
    "toggles.yaml",
];

/// Every known path.
#[derive(Debug)]
pub struct PathCatalog {
    pub(super) parts: Vec<Part>,
    entries: Vec<Entry>,
    toggles: Vec<Toggle>,
    topics: Vec<Topic>,
    overridden: Vec<String>,
}

impl PathCatalog {
    /// The catalog that is compiled in.
    pub fn builtin() -> Result<&'static Self, &'static YamlError> {
        static BUILT: LazyLock<Result<PathCatalog, YamlError>> =
            LazyLock::new(|| PathCatalog::with_catalogs(&[], &Classifier::builtin()?));
        BUILT.as_ref()
    }

    /// The catalog that is compiled in, and a user's files: an entry, a part or a toggle of theirs takes the place
    /// of the built-in one of the same name.
    pub fn with_catalogs(user: &[CatalogFile<'_>], classifier: &Classifier) -> Result<Self, YamlError> {
        let builtin: Vec<CatalogFile<'_>> =
            BUILTIN.iter().map(|(path, text)| CatalogFile { path: Path::new(path), text }).collect();
        Self::of_layers(&[&builtin, user], classifier)
    }

    /// Exactly these files; the classifier knows the families that they may name.
    pub fn from_yaml(files: &[CatalogFile<'_>], classifier: &Classifier) -> Result<Self, YamlError> {
        Self::of_layers(&[files], classifier)
    }

    /// Files in layers: inside one, a name is given once; a later one overrides what came before.
    fn of_layers(layers: &[&[CatalogFile<'_>]], classifier: &Classifier) -> Result<Self, YamlError> {
        let mut read: Vec<Vec<(&Path, FileYaml)>> = Vec::with_capacity(layers.len());
        for files in layers {
            read.push(files.iter().map(|one| Ok((one.path, file::parse(*one)?))).collect::<Result<_, _>>()?);
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut overridden = Vec::new();
        for layer in &mut read {
            let mut names = BTreeMap::new();
            for (path, document) in layer.iter_mut() {
                for (name, matchers) in std::mem::take(&mut document.parts) {
                    let (line, column) = (matchers.referenced.line(), matchers.referenced.column());
                    let part = file::part(path, name, matchers, classifier)?;
                    let at = format!("{}:{line}", path.display());
                    if let Some(first) = names.insert(part.name.clone(), at) {
                        return Err(taken((path, line, column), "part", &part.name, &first));
                    }
                    match parts.iter_mut().find(|known| known.name == part.name) {
                        Some(known) => {
                            overridden.push(format!("part `{}`", part.name));
                            *known = part;
                        }
                        None => parts.push(part),
                    }
                }
            }
        }
        let (mut entries, mut toggles): (Vec<Entry>, Vec<Toggle>) = (Vec::new(), Vec::new());
        let mut topics = Vec::new();
        for layer in read {
            let (mut ids, mut names) = (BTreeMap::new(), BTreeMap::new());
            for (path, document) in layer {
                let as_of = file::as_of(path, document.as_of.as_ref())?;
                if !document.entries.is_empty() {
                    topics.push(file::topic(path, document.title, document.about));
                }
                for entry in document.entries {
                    let entry = entry.compile(path, as_of, &parts)?;
                    if let Some(first) = ids.insert(entry.id.clone(), place(&entry)) {
                        return Err(taken((path, entry.line, entry.column), "id", &entry.id, &first));
                    }
                    match entries.iter_mut().find(|known| known.id == entry.id) {
                        Some(known) => {
                            overridden.push(format!("path `{}` of {}", entry.id, place(known)));
                            *known = entry;
                        }
                        None => entries.push(entry),
                    }
                }
                for toggle in document.toggles {
                    let toggle = toggle.compile(path)?;
                    let at = format!("{}:{}", path.display(), toggle.line);
                    if let Some(first) = names.insert(toggle.name.clone(), at) {
                        return Err(taken(
                            (path, toggle.line, toggle.column),
                            "toggle",
                            &toggle.name,
                            &first,
                        ));
                    }
                    match toggles.iter_mut().find(|known| known.name == toggle.name) {
                        Some(known) => {
                            let at = format!("{}:{}", known.file.display(), known.line);
                            overridden.push(format!("toggle `{}` of {at}", toggle.name));
                            *known = toggle;
                        }
                        None => toggles.push(toggle),
                    }
                }
            }
        }
        for entry in &mut entries {
            let is_own = |toggle: &&Toggle| entry.flags.on.iter().any(|flag| toggle.is_of(flag));
            entry.compiled = toggles.iter().filter(is_own).any(|toggle| toggle.compiled);
            let is_opt_in = |flag: &&String| toggles.iter().any(|toggle| toggle.opt_in && toggle.is_of(flag));
            entry.opt_in = entry.flags.on.iter().filter(is_opt_in).cloned().collect();
        }
        let catalog = Self { parts, entries, toggles, topics, overridden };
        catalog.check_links()?;
        Ok(catalog)
    }

    /// Links between entries lead somewhere.
    fn check_links(&self) -> Result<(), YamlError> {
        let ids = || self.entries.iter().map(|entry| entry.id.as_str());
        let wrong = |path: &Path, (line, column): (u64, u64), message: String, to: &str| YamlError {
            path: path.to_owned(),
            line,
            column,
            message,
            help: Some(nearest(to, ids()).map_or_else(
                || "`profgate catalog list --paths` shows every id".to_owned(),
                |near| format!("did you mean `{near}`?"),
            )),
        };
        for entry in &self.entries {
            if entry.same_as.as_ref() == Some(&entry.id) {
                return Err(YamlError {
                    path: entry.file.clone(),
                    line: entry.line,
                    column: entry.column,
                    message: format!("`{}` is said to be the same as itself", entry.id),
                    help: Some("name another entry under `same-as`, or remove it".to_owned()),
                });
            }
            if let Some(to) = &entry.same_as
                && self.entry(to).is_none_or(|head| head.same_as.is_some())
            {
                let message = format!("`{}` is the same as `{to}`, which is no entry of its own", entry.id);
                return Err(wrong(&entry.file, (entry.line, entry.column), message, to));
            }
            for to in &entry.successor_of {
                if self.entry(to).is_none() {
                    let message = format!("`{}` succeeds `{to}`, which is no entry", entry.id);
                    return Err(wrong(&entry.file, (entry.line, entry.column), message, to));
                }
            }
        }
        for toggle in &self.toggles {
            for to in &toggle.affects {
                if self.entry(to).is_none() {
                    let message = format!("`{}` affects `{to}`, which is no entry", toggle.name);
                    return Err(wrong(&toggle.file, (toggle.line, toggle.column), message, to));
                }
            }
        }
        Ok(())
    }

    /// Every path, in the order of the files.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The path of this id.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// What each file with entries is about, in their order.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// What a later layer of files took the place of, each in words.
    pub fn overridden(&self) -> &[String] {
        &self.overridden
    }

    /// What switches paths, in the order of the files.
    pub fn toggles(&self) -> &[Toggle] {
        &self.toggles
    }

    /// What switches this path, or changes what it looks like.
    pub fn toggles_of<'c>(&'c self, id: &'c str) -> impl Iterator<Item = &'c Toggle> {
        self.toggles.iter().filter(move |toggle| toggle.affects.iter().any(|path| path == id))
    }

    /// The other entries of the same optimisation, for other frameworks or GPUs.
    pub fn kin<'c>(&'c self, entry: &'c Entry) -> impl Iterator<Item = &'c Entry> {
        let head = group_of(entry);
        self.entries.iter().filter(move |other| other.id != entry.id && group_of(other) == head)
    }

    /// The name of a part.
    pub(super) fn part_name(&self, part: PartIx) -> &str {
        self.parts.get(part.0).map_or("", |part| part.name.as_str())
    }
}

/// The id that stands for an optimisation with several entries.
pub(super) fn group_of(entry: &Entry) -> &str {
    entry.same_as.as_deref().unwrap_or(&entry.id)
}

fn place(entry: &Entry) -> String {
    format!("{}:{}", entry.file.display(), entry.line)
}

fn taken((path, line, column): (&Path, u64, u64), what: &str, name: &str, first: &str) -> YamlError {
    YamlError {
        path: path.to_owned(),
        line,
        column,
        message: format!("{what} `{name}` is taken by {first}"),
        help: Some("give one of them another name".to_owned()),
    }
}
