//! The path catalog's file: its shape, and what is refused in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Deserialize;

use super::gates::{Gates, Vendor};
use super::parts::{Matcher, Part, PartIx};
use crate::common::text::nearest;
use crate::common::yaml::{self, Spanned, YamlError};
use crate::triage::classify::{CatalogFile, Classifier, Role};
use crate::triage::model::Flags;

const BUILTIN: (&str, &str) = ("catalogs/fusions.yaml", include_str!("../../../catalogs/fusions.yaml"));

/// Where the code of a path is to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// In the frameworks that the entry names.
    Mainline,
    /// In a library that they may take it from.
    Upstream,
    /// In a pull request that is not merged.
    InFlight,
}

impl Origin {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mainline => "mainline",
            Self::Upstream => "upstream",
            Self::InFlight => "in-flight",
        }
    }
}

/// What kind of optimisation a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PathKind {
    /// Several kernels became one.
    Fuse,
}

impl PathKind {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fuse => "fuse",
        }
    }
}

/// One path of the catalog.
#[derive(Debug)]
pub struct Entry {
    /// Catalog id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What kind of optimisation it is.
    pub kind: PathKind,
    /// Frameworks whose path it is; `any` for all.
    pub frameworks: Vec<String>,
    /// Where the code is to be had.
    pub origin: Origin,
    /// Pull requests that carry it.
    pub pr: Vec<String>,
    /// What it does, in a sentence.
    pub summary: String,
    /// The entry whose optimisation it is too, for another framework or GPU.
    pub variant_of: Option<String>,
    /// What switches it.
    pub flags: Flags,
    /// Where the fused code lives.
    pub source_paths: Vec<String>,
    /// What it needs.
    pub gates: Gates,
    /// Names that must and must not match.
    pub examples: PathExamples,
    /// 1-based line of the entry in its file.
    pub line: u64,
    pub(super) on: Vec<PartIx>,
    pub(super) split: Vec<Vec<PartIx>>,
    pub(super) after: Vec<PartIx>,
    pub(super) unless: Vec<PartIx>,
}

/// The examples of a path; each is a test.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PathExamples {
    /// Names of the fused kernel.
    pub on: Vec<String>,
    /// Names of kernels that are not it.
    pub not_on: Vec<String>,
    /// What a stream runs in a row where the path is split, once.
    pub split: Vec<Vec<String>>,
    /// What it runs in a row where it is not.
    pub not_split: Vec<Vec<String>>,
}

/// Every known path.
#[derive(Debug)]
pub struct PathCatalog {
    pub(super) parts: Vec<Part>,
    entries: Vec<Entry>,
}

impl PathCatalog {
    /// The catalog that is compiled in.
    pub fn builtin() -> Result<&'static Self, &'static YamlError> {
        static BUILT: LazyLock<Result<PathCatalog, YamlError>> = LazyLock::new(|| {
            let (path, text) = BUILTIN;
            PathCatalog::from_yaml(CatalogFile { path: Path::new(path), text }, &Classifier::builtin()?)
        });
        BUILT.as_ref()
    }

    /// Exactly this file; the classifier knows the families that it may name.
    pub fn from_yaml(file: CatalogFile<'_>, classifier: &Classifier) -> Result<Self, YamlError> {
        let document: FileYaml = yaml::from_str(file.text, file.path)?;
        if document.schema.value != 1 {
            return Err(YamlError::at(file.path, &document.schema, "unknown catalog schema")
                .with_help("this version of profgate reads `schema: 1`"));
        }
        let mut parts = Vec::with_capacity(document.parts.len());
        for (name, matchers) in document.parts {
            let matchers = matchers
                .into_iter()
                .map(|matcher| matcher.compile(file.path, &name, classifier))
                .collect::<Result<Vec<Matcher>, YamlError>>()?;
            parts.push(Part { name, matchers });
        }
        let mut entries: Vec<Entry> = Vec::new();
        for entry in document.entries {
            let entry = entry.compile(file.path, &parts, &entries)?;
            entries.push(entry);
        }
        for entry in &entries {
            if let Some(of) = &entry.variant_of
                && !entries.iter().any(|other| &other.id == of && other.variant_of.is_none())
            {
                return Err(YamlError {
                    path: file.path.to_owned(),
                    line: entry.line,
                    column: 0,
                    message: format!("`{}` is a variant of `{of}`, which is no entry of its own", entry.id),
                    help: None,
                });
            }
        }
        Ok(Self { parts, entries })
    }

    /// Every path, in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The path of this id.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The name of a part.
    pub(super) fn part_name(&self, part: PartIx) -> &str {
        self.parts.get(part.0).map_or("", |part| part.name.as_str())
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileYaml {
    /// Version of the format.
    #[schemars(with = "u32", extend("const" = 1))]
    schema: Spanned<u32>,
    /// Kinds of kernels by name; one of the matchers must fit.
    parts: BTreeMap<String, Vec<MatcherYaml>>,
    /// Paths.
    entries: Vec<EntryYaml>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct MatcherYaml {
    /// The kernel catalog's entry is one of these.
    #[schemars(with = "Vec<String>")]
    family: Vec<Spanned<String>>,
    /// The kernel id is one of these; `*` at the end stands for the rest.
    kernel: Vec<String>,
    /// The role is one of these.
    role: Vec<Role>,
    /// One of these word sequences is in the kernel id.
    words: Vec<String>,
    /// Each of these word sequences is in the kernel id.
    all: Vec<String>,
    /// None of these word sequences is in the kernel id.
    not: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct EntryYaml {
    /// Its id, unique, in kebab-case.
    #[schemars(with = "String")]
    id: Spanned<String>,
    /// Its name for people.
    name: String,
    /// What kind of optimisation it is.
    kind: PathKind,
    /// Frameworks whose path it is; `any` for all.
    frameworks: Vec<String>,
    /// Where its code is to be had.
    origin: Origin,
    /// Pull requests that carry it.
    #[serde(default)]
    pr: Vec<String>,
    /// What it does, in a sentence.
    summary: String,
    /// The entry whose optimisation it is too.
    #[serde(default)]
    variant_of: Option<String>,
    /// Parts; the fused kernel is one of them.
    #[schemars(with = "Vec<String>")]
    on: Vec<Spanned<String>>,
    /// Ladders of parts that run in its place, each in order.
    #[schemars(with = "Vec<Vec<String>>")]
    split: Vec<Vec<Spanned<String>>>,
    /// Parts, one of which must run before the first rung.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    after: Vec<Spanned<String>>,
    /// Parts that make the stage another case, in which the ladder means nothing.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    unless: Vec<Spanned<String>>,
    /// What switches it.
    #[serde(default)]
    flags: FlagsYaml,
    /// What it needs.
    #[serde(default)]
    gates: GatesYaml,
    /// Where the fused code lives.
    source_paths: Vec<String>,
    /// Names that must and must not match; each is a test.
    #[serde(default)]
    examples: PathExamples,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct FlagsYaml {
    /// Server arguments that switch it on.
    on: Vec<String>,
    /// Server arguments that switch it off.
    off: Vec<String>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct GatesYaml {
    /// GPUs that share each layer, at least.
    tp: Option<u64>,
    /// Parts of the model's name, one of which must be in it.
    models: Vec<String>,
    /// Values of the server's `quantization`, one of which it must have.
    quantisation: Vec<String>,
    /// GPUs, one kind of which it must be.
    gpu: Vec<Vendor>,
}

/// The JSON Schema of a catalog of paths.
pub fn schema() -> schemars::Schema {
    crate::common::schema::of_input::<FileYaml>("path-catalog", "profgate: a catalog of paths")
}

impl MatcherYaml {
    fn compile(self, path: &Path, part: &str, classifier: &Classifier) -> Result<Matcher, YamlError> {
        let families = || classifier.families().iter().map(|family| family.id.as_str());
        for family in &self.family {
            if !families().any(|known| known == family.value) {
                return Err(unknown(path, family, "kernel family", families()));
            }
        }
        let words = |texts: &[String]| -> Vec<Vec<String>> {
            texts.iter().map(|text| classifier.words(text)).collect()
        };
        let matcher = Matcher {
            words: words(&self.words),
            all: words(&self.all),
            not: words(&self.not),
            families: self.family.into_iter().map(|family| family.value).collect(),
            kernels: self.kernel,
            roles: self.role,
        };
        if matcher.is_empty() {
            return Err(YamlError {
                path: path.to_owned(),
                line: 0,
                column: 0,
                message: format!("a matcher of part `{part}` takes every kernel"),
                help: Some("give it one of: family, kernel, role, words".to_owned()),
            });
        }
        Ok(matcher)
    }
}

impl EntryYaml {
    fn compile(self, path: &Path, parts: &[Part], known: &[Entry]) -> Result<Entry, YamlError> {
        if let Some(other) = known.iter().find(|other| other.id == self.id.value) {
            let message = format!("id `{}` is taken by line {}", other.id, other.line);
            return Err(YamlError::at(path, &self.id, message).with_help("give one of them another id"));
        }
        let find = |name: &Spanned<String>| -> Result<PartIx, YamlError> {
            let names = || parts.iter().map(|part| part.name.as_str());
            names()
                .position(|known| known == name.value)
                .map(PartIx)
                .ok_or_else(|| unknown(path, name, "part", names()))
        };
        let list = |names: &[Spanned<String>]| names.iter().map(find).collect::<Result<Vec<_>, _>>();
        let split = self.split.iter().map(|ladder| list(ladder)).collect::<Result<Vec<_>, _>>()?;
        if split.iter().any(|ladder| ladder.len() < 2) {
            return Err(YamlError::at(path, &self.id, "a ladder has fewer than two rungs")
                .with_help("one kernel is no split form of anything"));
        }
        if self.origin == Origin::InFlight && self.pr.is_empty() {
            return Err(YamlError::at(path, &self.id, "what is in flight needs its pull request"));
        }
        Ok(Entry {
            line: self.id.referenced.line(),
            on: list(&self.on)?,
            after: list(&self.after)?,
            unless: list(&self.unless)?,
            split,
            id: self.id.value,
            name: self.name,
            kind: self.kind,
            frameworks: self.frameworks,
            origin: self.origin,
            pr: self.pr,
            summary: self.summary,
            variant_of: self.variant_of,
            flags: Flags { on: self.flags.on, off: self.flags.off },
            source_paths: self.source_paths,
            gates: Gates {
                tp: self.gates.tp,
                models: self.gates.models,
                quantisation: self.gates.quantisation,
                gpu: self.gates.gpu,
            },
            examples: self.examples,
        })
    }
}

fn unknown<'a>(
    path: &Path,
    name: &Spanned<String>,
    what: &str,
    known: impl Iterator<Item = &'a str>,
) -> YamlError {
    let error = YamlError::at(path, name, format!("there is no {what} `{}`", name.value));
    match nearest(&name.value, known) {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => error,
    }
}
