//! What the path catalog knows of one path, and of what switches it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::gates::Gates;
use super::ladder::Shape;
use super::parts::PartIx;
use crate::common::date::Date;
use crate::triage::model::Flags;
use crate::triage::stage::Stage;

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
    /// In a pull request that was closed without being merged.
    Closed,
}

impl Origin {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mainline => "mainline",
            Self::Upstream => "upstream",
            Self::InFlight => "in-flight",
            Self::Closed => "closed",
        }
    }
}

/// What kind of optimisation a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PathKind {
    /// Several kernels became one.
    Fuse,
    /// Kernels run beside one another.
    Overlap,
}

impl PathKind {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fuse => "fuse",
            Self::Overlap => "overlap",
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
    /// Pull requests that carry it or carried it.
    pub pr: Vec<String>,
    /// The day on which what the entry says was looked up.
    pub as_of: Option<Date>,
    /// What to look at when the entry has grown old.
    pub check: Option<String>,
    /// What it does, in a sentence.
    pub summary: String,
    /// The entry whose optimisation it is too, for another framework or GPU.
    pub same_as: Option<String>,
    /// Entries that it takes the place of.
    pub successor_of: Vec<String>,
    /// What switches it.
    pub flags: Flags,
    /// Where the fused code lives.
    pub source_paths: Vec<String>,
    /// Names of functions and operators in that code.
    pub symbols: Vec<String>,
    /// What it needs.
    pub gates: Gates,
    /// Names that must and must not match.
    pub examples: PathExamples,
    /// The file that holds it.
    pub file: PathBuf,
    /// 1-based line of the entry in its file.
    pub line: u64,
    /// 1-based column of its id.
    pub column: u64,
    /// Whether one of its switches is that of a compile pass, which does nothing to code that is not compiled.
    pub compiled: bool,
    /// Of `flags.on`, those that are off unless a person sets them.
    pub opt_in: Vec<String>,
    pub(super) on: Vec<PartIx>,
    pub(super) split: Vec<Vec<PartIx>>,
    pub(super) after: Vec<PartIx>,
    pub(super) between: Vec<PartIx>,
    pub(super) unless: Vec<PartIx>,
    pub(super) with: Vec<PartIx>,
    pub(super) covers: Vec<PartIx>,
    pub(super) off_where: Vec<OffWhere>,
}

/// A case in which a path is off although its gates hold.
#[derive(Debug)]
pub struct OffWhere {
    pub(super) stages: Vec<Stage>,
    /// It is off where none of these runs.
    pub(super) without: Vec<PartIx>,
    pub(super) because: String,
}

impl Entry {
    /// Whether kernels can tell its state. An entry of which they cannot informs and never claims.
    pub fn claims(&self) -> bool {
        !self.on.is_empty() || !self.split.is_empty()
    }

    /// What makes a stretch of a stream its split form.
    pub(super) fn shape(&self) -> Shape<'_> {
        Shape { ladders: &self.split, after: &self.after, on: &self.on, between: &self.between }
    }

    /// Whether it is a path of this framework.
    pub fn is_of(&self, framework: &str) -> bool {
        self.frameworks.iter().any(|one| one == framework || one == "any")
    }
}

/// What a file of the catalog is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The file.
    pub file: PathBuf,
    /// Its subject.
    pub title: String,
    /// The same in a sentence.
    pub about: String,
}

/// The examples of a path; each is a test.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PathExamples {
    /// Where the names come from: a trace, or a source file and its symbol.
    pub from: Vec<String>,
    /// Names of the fused kernel.
    pub on: Vec<String>,
    /// Names of kernels that are not it.
    pub not_on: Vec<String>,
    /// What a stream runs in a row where the path is split, once.
    pub split: Vec<Vec<String>>,
    /// What it runs in a row where it is not.
    pub not_split: Vec<Vec<String>>,
}

/// How a person sets a toggle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ToggleKind {
    /// An argument of the server.
    Argument,
    /// A variable of its environment.
    Environment,
    /// A key of a configuration, such as vLLM's `PassConfig`.
    Config,
    /// A value that only the framework's code sets.
    Code,
    /// A change of the code itself.
    PullRequest,
}

impl ToggleKind {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::Environment => "environment",
            Self::Config => "config",
            Self::Code => "code",
            Self::PullRequest => "pull-request",
        }
    }
}

/// Something that switches paths, or changes what they look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toggle {
    /// As a person would write it.
    pub name: String,
    /// The framework or library that reads it.
    pub framework: String,
    /// How it is set.
    pub kind: ToggleKind,
    /// Paths that it touches.
    pub affects: Vec<String>,
    /// What it does to them, in a sentence.
    pub effect: String,
    /// Where it is read.
    pub source_paths: Vec<String>,
    /// Whether it switches a compile pass, which does nothing to code that is not compiled.
    pub compiled: bool,
    /// Whether it is off unless a person sets it: whatever it switches on is no default.
    pub opt_in: bool,
    /// The file that holds it.
    pub file: PathBuf,
    /// 1-based line in that file.
    pub line: u64,
    /// 1-based column of its name.
    pub column: u64,
}

impl Toggle {
    /// What it does, and whether nobody has it by default, in sentences.
    pub fn says(&self) -> String {
        if self.opt_in { format!("{} Off by default.", self.effect) } else { self.effect.clone() }
    }

    /// Whether it is the switch that a flag of an entry means: `x` is that of `x` and of `x=value`.
    pub fn is_of(&self, flag: &str) -> bool {
        let key = flag.split_once('=').map_or(flag, |(key, _)| key);
        self.name.split(" / ").any(|name| name == flag || name == key)
    }
}
