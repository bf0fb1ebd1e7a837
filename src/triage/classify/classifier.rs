//! The classifier: the catalog's entries in order, the first that fits decides.

use std::path::Path;

use super::catalog::{self, CatalogFile, Family};
use super::matcher::{Check, Reason};
use super::role::Role;
use super::subject::Subject;
use super::template::{generic_id, kernel_id};
use super::vocabulary::Vocabulary;
use crate::common::yaml::YamlError;
use crate::trace::ActivityKind;

/// The files compiled in, in order of precedence.
const BUILTIN: [(&str, &str); 9] = [
    ("catalogs/kernels.yaml", include_str!("../../../catalogs/kernels.yaml")),
    ("catalogs/kernels-inductor.yaml", include_str!("../../../catalogs/kernels-inductor.yaml")),
    ("catalogs/kernels-communication.yaml", include_str!("../../../catalogs/kernels-communication.yaml")),
    ("catalogs/kernels-gemm.yaml", include_str!("../../../catalogs/kernels-gemm.yaml")),
    ("catalogs/kernels-moe.yaml", include_str!("../../../catalogs/kernels-moe.yaml")),
    ("catalogs/kernels-attention.yaml", include_str!("../../../catalogs/kernels-attention.yaml")),
    ("catalogs/kernels-layer.yaml", include_str!("../../../catalogs/kernels-layer.yaml")),
    ("catalogs/kernels-torch.yaml", include_str!("../../../catalogs/kernels-torch.yaml")),
    ("catalogs/kernels-words.yaml", include_str!("../../../catalogs/kernels-words.yaml")),
];

/// Near misses shown for a name.
const MAX_NEAR: usize = 5;

/// What a kernel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// The kernel id: what table and baseline rows are keyed by.
    pub id: String,
    /// The name without parameters, addresses and lambda numbers.
    pub canonical: String,
    /// What the kernel is for.
    pub role: Role,
    /// The catalog entry that decided, if one did.
    pub family: Option<String>,
}

/// Why a name has its class: for `profgate catalog match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The outcome.
    pub class: Class,
    /// Wrapper templates that were looked through, outermost first.
    pub carriers: Vec<String>,
    /// The function that defines the kernel.
    pub function: String,
    /// Words of the function.
    pub words: Vec<String>,
    /// Words of the namespaces around it.
    pub path: Vec<Vec<String>>,
    /// Words of its template arguments.
    pub args: Vec<Vec<String>>,
    /// Element types found.
    pub dtypes: Vec<String>,
    /// Keys of the deciding entry, all of which hold, and what fits them.
    pub because: Vec<Reason>,
    /// Entries of which a part holds.
    pub near: Vec<NearMiss>,
}

/// An entry that nearly fitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// The entry.
    pub family: String,
    /// Its keys and whether they hold.
    pub checks: Vec<Check>,
    /// Whether all hold, and an earlier entry took the name.
    pub shadowed: bool,
}

/// Turns kernel names into ids and roles.
#[derive(Debug)]
pub struct Classifier {
    vocabulary: Vocabulary,
    families: Vec<Family>,
    overridden: Vec<String>,
}

impl Classifier {
    /// The catalog that is compiled in.
    pub fn builtin() -> Result<Self, YamlError> {
        Self::with_catalogs(&[])
    }

    /// A user's files, which take precedence, before the catalog that is compiled in.
    pub fn with_catalogs(user: &[CatalogFile<'_>]) -> Result<Self, YamlError> {
        let builtin = BUILTIN.iter().map(|(path, text)| CatalogFile { path: Path::new(path), text });
        let files: Vec<CatalogFile<'_>> = user.iter().copied().chain(builtin).collect();
        let (vocabulary, families, overridden) = catalog::load(&files, user.len())?;
        Ok(Self { vocabulary, families, overridden })
    }

    /// Exactly these files.
    pub fn from_yaml(files: &[CatalogFile<'_>]) -> Result<Self, YamlError> {
        let (vocabulary, families, overridden) = catalog::load(files, 0)?;
        Ok(Self { vocabulary, families, overridden })
    }

    /// The class of one activity's name. The cost is linear in the name; callers keep one result per name.
    pub fn classify(&self, name: &str, kind: ActivityKind) -> Class {
        match kind {
            ActivityKind::Copy => return copy_class(name),
            ActivityKind::Set => return memory_class("memset", name),
            ActivityKind::Kernel if name.starts_with("Memcpy ") => return copy_class(name),
            ActivityKind::Kernel if name.starts_with("Memset ") => return memory_class("memset", name),
            ActivityKind::Kernel => {}
        }
        let subject = Subject::new(name, &self.vocabulary);
        self.class_of(&subject)
    }

    /// Why a kernel's name has its class.
    pub fn explain(&self, name: &str) -> Explanation {
        let subject = Subject::new(name, &self.vocabulary);
        let class = self.classify(name, ActivityKind::Kernel);
        let because = self
            .families
            .iter()
            .find(|family| class.family.as_ref() == Some(&family.id))
            .map(|family| family.matcher.reasons(&subject))
            .unwrap_or_default();
        let near = self
            .families
            .iter()
            .filter(|family| class.family.as_ref() != Some(&family.id))
            .map(|family| {
                let checks: Vec<Check> = family.matcher.checks(&subject).collect();
                let shadowed = checks.iter().all(|check| check.holds);
                NearMiss { family: family.id.clone(), checks, shadowed }
            })
            .filter(|near| near.checks.iter().any(|check| check.holds && check.key != "not"))
            .take(MAX_NEAR)
            .collect();
        Explanation {
            class,
            carriers: subject.via,
            function: subject.function,
            words: subject.words,
            path: subject.path_words,
            args: subject.arg_words,
            dtypes: subject.dtypes,
            because,
            near,
        }
    }

    /// The words of an identifier or of a kernel id, as matching sees them.
    pub fn words(&self, text: &str) -> Vec<String> {
        self.vocabulary.lexicon.words(text)
    }

    /// The words of the function that a kernel's name is about, and of each namespace around it.
    pub fn name_words(&self, name: &str) -> (Vec<String>, Vec<Vec<String>>) {
        let subject = Subject::new(name, &self.vocabulary);
        (subject.ident_words, subject.path_words)
    }

    /// Every entry, in order of precedence.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// Built-in entries that a user's took the place of, each in words.
    pub fn overridden(&self) -> &[String] {
        &self.overridden
    }

    fn class_of(&self, subject: &Subject) -> Class {
        let family = self.families.iter().find(|family| family.matcher.fits(subject));
        Class {
            id: family
                .map_or_else(|| generic_id(subject), |family| kernel_id(family, subject, &self.vocabulary)),
            canonical: subject.canonical.clone(),
            role: family.map_or(Role::Other, |family| family.role),
            family: family.map(|family| family.id.clone()),
        }
    }
}

/// CUPTI writes `Memcpy HtoD (Pinned -> Device)`, roctracer `CopyHostToDevice`.
fn copy_class(name: &str) -> Class {
    let lower = name.to_ascii_lowercase();
    let kinds = [
        ("htod", ["htod", "hosttodevice"]),
        ("dtoh", ["dtoh", "devicetohost"]),
        ("dtod", ["dtod", "devicetodevice"]),
        ("ptop", ["ptop", "peertopeer"]),
        ("htoh", ["htoh", "hosttohost"]),
        ("htoa", ["htoa", "hosttoarray"]),
    ];
    let kind = kinds.iter().find(|(_, spellings)| spellings.iter().any(|spelling| lower.contains(spelling)));
    memory_class(&kind.map_or_else(|| "memcpy".to_owned(), |(kind, _)| format!("memcpy-{kind}")), name)
}

fn memory_class(id: &str, name: &str) -> Class {
    Class { id: id.to_owned(), canonical: name.to_owned(), role: Role::Memory, family: None }
}
