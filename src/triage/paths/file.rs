//! A path catalog's file: its shape, and what is refused in it.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::entry::{Entry, OffWhere, Origin, PathExamples, PathKind, Toggle, ToggleKind, Topic};
use super::gates::{Gates, Vendor};
use super::needs::{Library, ModelKind};
use super::parts::{Matcher, Part, PartIx};
use super::refuse::{in_the_sources, pull_request};
use crate::common::date::Date;
use crate::common::text::nearest;
use crate::common::yaml::{self, Spanned, YamlError};
use crate::triage::classify::{CatalogFile, Classifier, Role};
use crate::triage::model::Flags;
use crate::triage::stage::Stage;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FileYaml {
    /// Version of the format.
    #[schemars(with = "u32", extend("const" = 1))]
    schema: Spanned<u32>,
    /// The day on which the facts of the file were looked up: `2026-06-27`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub as_of: Option<Spanned<String>>,
    /// What the file is about, as the title of its page.
    #[serde(default)]
    pub title: Option<String>,
    /// The same in a sentence.
    #[serde(default)]
    pub about: Option<String>,
    /// Kinds of kernels by name; one of the matchers must fit.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Vec<MatcherYaml>>")]
    pub parts: BTreeMap<String, Spanned<Vec<MatcherYaml>>>,
    /// Paths.
    #[serde(default)]
    pub entries: Vec<EntryYaml>,
    /// What switches paths.
    #[serde(default)]
    pub toggles: Vec<ToggleYaml>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct MatcherYaml {
    /// The kernel catalog's entry is one of these.
    #[schemars(with = "Vec<String>")]
    family: Vec<Spanned<String>>,
    /// The kernel id is one of these; `*` at the end stands for the rest.
    kernel: Vec<String>,
    /// The role is one of these.
    role: Vec<Role>,
    /// One of these word sequences is in the name of the function.
    function: Vec<String>,
    /// One of these word sequences is in a namespace around the function.
    path: Vec<String>,
    /// One of these word sequences is in the kernel id.
    words: Vec<String>,
    /// Each of these word sequences is in the kernel id.
    all: Vec<String>,
    /// None of these word sequences is in the kernel id.
    not: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EntryYaml {
    /// Its id, unique, in kebab-case.
    #[schemars(with = "String")]
    id: Spanned<String>,
    /// Its name for people.
    name: String,
    /// What kind of optimisation it is.
    kind: PathKind,
    /// Frameworks whose path it is; `any` for all.
    #[schemars(with = "Vec<String>")]
    frameworks: Vec<Spanned<String>>,
    /// Where its code is to be had.
    origin: Origin,
    /// Pull requests that carry it or carried it.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pr: Vec<Spanned<String>>,
    /// The day on which its facts were looked up, when not that of the file.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    as_of: Option<Spanned<String>>,
    /// What to look at when it has grown old.
    #[serde(default)]
    check: Option<String>,
    /// What it does, in a sentence.
    summary: String,
    /// The entry whose optimisation it is too.
    #[serde(default)]
    same_as: Option<String>,
    /// Entries that it takes the place of.
    #[serde(default)]
    successor_of: Vec<String>,
    /// Parts; the fused kernel is one of them.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    on: Vec<Spanned<String>>,
    /// Ladders of parts that run in its place, each in order.
    #[serde(default)]
    #[schemars(with = "Vec<Vec<String>>")]
    split: Vec<Vec<Spanned<String>>>,
    /// Parts, one of which must run before the first rung.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    after: Vec<Spanned<String>>,
    /// Parts that may stand between two rungs, and stay when the rungs become one.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    between: Vec<Spanned<String>>,
    /// Parts that make the stage another case, in which the ladder means nothing.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    unless: Vec<Spanned<String>>,
    /// Parts, one of which must run in the stage for the ladder to mean something.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    with: Vec<Spanned<String>>,
    /// Cases in which it is off although its gates hold.
    #[serde(default)]
    off_where: Vec<OffWhereYaml>,
    /// Parts that an overlap hides.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    covers: Vec<Spanned<String>>,
    /// What switches it.
    #[serde(default)]
    flags: FlagsYaml,
    /// What it needs.
    #[serde(default)]
    gates: GatesYaml,
    /// Where its code lives.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    source_paths: Vec<Spanned<String>>,
    /// Names of functions and operators in that code.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    symbols: Vec<Spanned<String>>,
    /// Names that must and must not match; each is a test.
    #[serde(default)]
    examples: PathExamples,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct OffWhereYaml {
    /// It is off in these phases.
    #[serde(default)]
    stages: Vec<Stage>,
    /// It is off where no kernel of these parts runs.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    without: Vec<Spanned<String>>,
    /// Why.
    because: String,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct FlagsYaml {
    /// Arguments, variables or keys that switch it on.
    #[schemars(with = "Vec<String>")]
    on: Vec<Spanned<String>>,
    /// Those that switch it off.
    #[schemars(with = "Vec<String>")]
    off: Vec<Spanned<String>>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct GatesYaml {
    /// GPUs that share each layer, at least.
    #[schemars(with = "Option<u64>")]
    tp: Option<Spanned<u64>>,
    /// GPUs that share the experts, at least.
    #[schemars(with = "Option<u64>")]
    ep: Option<Spanned<u64>>,
    /// Parts of the model's name, one of which must be in it.
    models: Vec<String>,
    /// Parts of the model's name, none of which may be in it.
    not_models: Vec<String>,
    /// Values of the server's `quantization`, one of which it must have.
    quantisation: Vec<String>,
    /// GPUs, one kind of which it must be.
    gpu: Vec<Vendor>,
    /// Values, one of which one of the server's backend arguments must have.
    backend: Vec<String>,
    /// Phases, one of which it must be.
    stages: Vec<Stage>,
    /// Libraries, one of which the server must use.
    libraries: Vec<Library>,
    /// What the model must make.
    serves: Vec<ModelKind>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ToggleYaml {
    /// As a person would write it.
    #[schemars(with = "String")]
    name: Spanned<String>,
    /// The framework or library that reads it.
    framework: String,
    /// How it is set.
    kind: ToggleKind,
    /// Paths that it touches.
    affects: Vec<String>,
    /// What it does to them, in a sentence.
    effect: String,
    /// Where it is read.
    #[schemars(with = "Vec<String>")]
    source_paths: Vec<Spanned<String>>,
    /// Whether it switches a compile pass, which does nothing to code that is not compiled.
    #[serde(default)]
    compiled: bool,
    /// Whether it is off unless a person sets it.
    #[serde(default)]
    opt_in: bool,
}

/// Frameworks that an entry may name; `any` is for what every one may take from a library.
pub const FRAMEWORKS: [&str; 5] = ["any", "sglang", "vllm", "trtllm", "tokenspeed"];

/// The JSON Schema of a catalog of paths.
pub fn schema() -> schemars::Schema {
    crate::common::schema::of_input::<FileYaml>("path-catalog", "profgate: a catalog of paths")
}

/// Reads a file, not yet what holds between files.
pub(super) fn parse(file: CatalogFile<'_>) -> Result<FileYaml, YamlError> {
    let document: FileYaml = yaml::from_str(file.text, file.path)?;
    if document.schema.value != 1 {
        return Err(YamlError::at(file.path, &document.schema, "unknown catalog schema")
            .with_help("this version of profgate reads `schema: 1`"));
    }
    Ok(document)
}

pub(super) fn as_of(path: &Path, text: Option<&Spanned<String>>) -> Result<Option<Date>, YamlError> {
    let Some(text) = text else { return Ok(None) };
    Date::parse(&text.value).map(Some).ok_or_else(|| {
        YamlError::at(path, text, format!("`{}` is no day", text.value))
            .with_help("write it as year, month and day: 2026-06-27")
    })
}

/// A file that does not say what it is about is about its name.
pub(super) fn topic(path: &Path, title: Option<String>, about: Option<String>) -> Topic {
    let name = || path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    Topic { file: path.to_owned(), title: title.unwrap_or_else(name), about: about.unwrap_or_default() }
}

pub(super) fn part(
    path: &Path,
    name: String,
    matchers: Spanned<Vec<MatcherYaml>>,
    classifier: &Classifier,
) -> Result<Part, YamlError> {
    let place = Spanned::new((), matchers.referenced, matchers.defined);
    if matchers.value.is_empty() {
        return Err(YamlError::at(
            path,
            &place,
            format!("part `{name}` has no matcher, so no kernel is one"),
        )
        .with_help("give it one, such as { role: [norm], words: [rms norm] }, or remove it"));
    }
    let matchers = matchers
        .value
        .into_iter()
        .map(|matcher| matcher.compile(path, (&name, &place), classifier))
        .collect::<Result<Vec<Matcher>, YamlError>>()?;
    Ok(Part { name, matchers })
}

impl MatcherYaml {
    fn compile(
        self,
        path: &Path,
        (part, place): (&str, &Spanned<()>),
        classifier: &Classifier,
    ) -> Result<Matcher, YamlError> {
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
            functions: words(&self.function),
            paths: words(&self.path),
            words: words(&self.words),
            all: words(&self.all),
            not: words(&self.not),
            families: self.family.into_iter().map(|family| family.value).collect(),
            kernels: self.kernel,
            roles: self.role,
        };
        let refuse = |message: String, help: &str| YamlError::at(path, place, message).with_help(help);
        if matcher.is_empty() {
            return Err(refuse(
                format!("a matcher of part `{part}` takes every kernel"),
                "give it one of: family, kernel, role, function, path, words",
            ));
        }
        if let Some(word) = matcher.short_word() {
            return Err(refuse(
                format!("part `{part}` looks for the one word `{word}`, which many kernels have"),
                "name the kernel by two words or more, or say which role or family it has",
            ));
        }
        Ok(matcher)
    }
}

impl EntryYaml {
    pub(super) fn compile(
        self,
        path: &Path,
        file_as_of: Option<Date>,
        parts: &[Part],
    ) -> Result<Entry, YamlError> {
        yaml::kebab_case(path, &self.id)?;
        for (list, what) in [
            (&self.frameworks, "framework"),
            (&self.flags.on, "flag"),
            (&self.flags.off, "flag"),
            (&self.source_paths, "source path"),
            (&self.symbols, "symbol"),
        ] {
            yaml::each_once(path, list, what)?;
        }
        in_the_sources(path, &self.source_paths)?;
        self.pr.iter().try_for_each(|one| pull_request(path, one))?;
        let shares = [("tp", &self.gates.tp), ("ep", &self.gates.ep)];
        for (key, least) in shares.into_iter().filter_map(|(key, least)| Some((key, least.as_ref()?))) {
            if least.value < 2 {
                let message = format!("`{key}: {}` holds on every server", least.value);
                return Err(YamlError::at(path, least, message)
                    .with_help("give the number of GPUs that it needs at least, 2 or more, or remove it"));
            }
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
        let refuse = |message: &str, help: &str| Err(YamlError::at(path, &self.id, message).with_help(help));
        if split.iter().any(|ladder| ladder.len() < 2) {
            return refuse("a ladder has fewer than two rungs", "one kernel is no split form of anything");
        }
        let kernels = self.on.len() + split.len();
        if kernels == 0 && self.after.len() + self.unless.len() + self.with.len() > 0 {
            return refuse(
                "an entry without `on` and `split` has nothing that they could limit",
                "remove `after`, `unless` and `with`, or say which kernels tell the path's state",
            );
        }
        let between = list(&self.between)?;
        if split.is_empty() && !between.is_empty() {
            return refuse("an entry without `split` has no rungs to stand between", "remove `between`");
        }
        if split.iter().flatten().any(|rung| between.contains(rung)) {
            return refuse(
                "a part is a rung, and stands between rungs too",
                "a rung goes away when the path is on, what is under `between` stays; choose one",
            );
        }
        if self.kind == PathKind::Overlap && kernels > 0 {
            return refuse(
                "kernels cannot tell whether an overlap is on",
                "say under `covers` which kernels it hides",
            );
        }
        if self.kind == PathKind::Fuse && !self.covers.is_empty() {
            return refuse("`covers` is for overlaps", "say under `on` which kernels are the fused path");
        }
        for framework in &self.frameworks {
            if !FRAMEWORKS.contains(&framework.value.as_str()) {
                return Err(unknown(path, framework, "framework", FRAMEWORKS.into_iter()));
            }
        }
        let as_of = as_of(path, self.as_of.as_ref())?.or(file_as_of);
        if self.origin == Origin::InFlight && (self.pr.is_empty() || as_of.is_none() || self.check.is_none())
        {
            return refuse(
                "what is in flight needs its pull request, a day and what to check",
                "give `pr`, `as-of` (here or for the file) and `check`",
            );
        }
        Ok(Entry {
            line: self.id.referenced.line(),
            column: self.id.referenced.column(),
            compiled: false,
            opt_in: Vec::new(),
            file: path.to_owned(),
            on: list(&self.on)?,
            after: list(&self.after)?,
            between,
            unless: list(&self.unless)?,
            with: list(&self.with)?,
            covers: list(&self.covers)?,
            off_where: self
                .off_where
                .into_iter()
                .map(|case| {
                    Ok(OffWhere { without: list(&case.without)?, stages: case.stages, because: case.because })
                })
                .collect::<Result<Vec<_>, YamlError>>()?,
            split,
            id: self.id.value,
            name: self.name,
            kind: self.kind,
            frameworks: values(self.frameworks),
            origin: self.origin,
            pr: values(self.pr),
            as_of,
            check: self.check,
            summary: self.summary,
            same_as: self.same_as,
            successor_of: self.successor_of,
            flags: Flags { on: values(self.flags.on), off: values(self.flags.off) },
            source_paths: values(self.source_paths),
            symbols: values(self.symbols),
            gates: Gates {
                tp: self.gates.tp.map(|least| least.value),
                ep: self.gates.ep.map(|least| least.value),
                models: self.gates.models,
                not_models: self.gates.not_models,
                quantisation: self.gates.quantisation,
                gpu: self.gates.gpu,
                backend: self.gates.backend,
                stages: self.gates.stages,
                libraries: self.gates.libraries,
                serves: self.gates.serves,
            },
            examples: self.examples,
        })
    }
}

impl ToggleYaml {
    pub(super) fn compile(self, path: &Path) -> Result<Toggle, YamlError> {
        in_the_sources(path, &self.source_paths)?;
        Ok(Toggle {
            line: self.name.referenced.line(),
            column: self.name.referenced.column(),
            compiled: self.compiled,
            opt_in: self.opt_in,
            file: path.to_owned(),
            name: self.name.value,
            framework: self.framework,
            kind: self.kind,
            affects: self.affects,
            effect: self.effect,
            source_paths: values(self.source_paths),
        })
    }
}

fn values(list: Vec<Spanned<String>>) -> Vec<String> {
    list.into_iter().map(|one| one.value).collect()
}

fn unknown<'a>(
    path: &Path,
    name: &Spanned<String>,
    what: &str,
    known: impl Iterator<Item = &'a str>,
) -> YamlError {
    let help = match nearest(&name.value, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => match what {
            "part" => "define it under `parts`, or take one of catalogs/fusions-parts.yaml".to_owned(),
            "framework" => format!("give one of: {}", FRAMEWORKS.join(", ")),
            _ => "`profgate catalog list` shows what there is".to_owned(),
        },
    };
    YamlError::at(path, name, format!("there is no {what} `{}`", name.value)).with_help(help)
}
