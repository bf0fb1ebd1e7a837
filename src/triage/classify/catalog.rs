//! The kernel catalog's files: their shape, and what is refused in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use super::matcher::{Condition, Matcher};
use super::role::Role;
use super::template::Template;
use super::vocabulary::Vocabulary;
use crate::common::yaml::{self, Spanned, YamlError};

/// A catalog file: where it came from, and its text.
#[derive(Debug, Clone, Copy)]
pub struct CatalogFile<'a> {
    /// The name that errors and listings show.
    pub path: &'a Path,
    /// The YAML document.
    pub text: &'a str,
}

/// One entry of the catalog: a family of kernels.
#[derive(Debug)]
pub struct Family {
    /// The entry's id.
    pub id: String,
    /// What it is, in words.
    pub name: String,
    /// The role of its kernels.
    pub role: Role,
    /// The file that holds it.
    pub file: PathBuf,
    /// 1-based line of the entry in that file.
    pub line: u64,
    /// Names that must and must not match.
    pub examples: Examples,
    pub(super) matcher: Matcher,
    pub(super) template: Option<Template>,
    pub(super) flags: Vec<(Condition, String)>,
}

/// The examples of an entry; each is a test.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Examples {
    /// Names that this entry must claim.
    pub r#match: Vec<Example>,
    /// Names that this entry must leave to others.
    pub reject: Vec<String>,
}

/// A kernel name and what must come of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Example {
    /// The raw name.
    pub name: String,
    /// The kernel id, where the entry decides it.
    #[serde(default)]
    pub id: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileYaml {
    /// Version of the format.
    #[schemars(with = "u32", extend("const" = 1))]
    schema: Spanned<u32>,
    /// How identifiers become words.
    #[serde(default)]
    vocabulary: VocabularyYaml,
    /// Families of kernels; the first that fits decides.
    #[serde(default)]
    entries: Vec<EntryYaml>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct VocabularyYaml {
    /// Element types, each with the words that mean it.
    dtypes: BTreeMap<String, Vec<String>>,
    /// Element types, each with the short codes of names that code their parameters.
    codes: BTreeMap<String, Vec<String>>,
    /// Words that are several, each with these.
    compounds: BTreeMap<String, String>,
    /// Words in a row that are one.
    joins: Vec<String>,
    /// Functions that are looked through: the functor in their arguments defines the kernel.
    carriers: Vec<String>,
    /// Templates among the arguments that are looked through.
    transparent: Vec<String>,
    /// Words that say nothing about the work.
    noise: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct EntryYaml {
    /// Its id, unique, in kebab-case.
    #[schemars(with = "String")]
    id: Spanned<String>,
    /// Its name for people.
    name: String,
    /// What its kernels do.
    role: Role,
    /// What a name must have.
    r#match: MatchYaml,
    /// Template of the kernel id, such as `deepgemm-fp8-gemm-{0}x{1}`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    kernel: Option<Spanned<String>>,
    /// Words that the id gets when a condition holds.
    #[serde(default)]
    flags: Vec<FlagYaml>,
    /// Names that must and must not match; each is a test.
    #[serde(default)]
    examples: Examples,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct MatchYaml {
    /// A regular expression that fits the whole identifier.
    #[schemars(with = "Vec<String>")]
    pattern: Vec<Spanned<String>>,
    /// The words of the function, and no others.
    exactly: Vec<String>,
    /// Words in a row, one such sequence of which is in the function.
    function: Vec<String>,
    /// Words in a row, each such sequence of which is in the function.
    all: Vec<String>,
    /// Words of a namespace.
    path: Vec<String>,
    /// Carriers around the function, as written.
    via: Vec<String>,
    /// Words of one template argument, at any depth.
    args: Vec<String>,
    /// Conditions, all of which must hold.
    when: Vec<ConditionYaml>,
    /// Sequences, none of which may be there.
    not: NotYaml,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct NotYaml {
    /// In the function.
    function: Vec<String>,
    /// In a namespace.
    path: Vec<String>,
    /// In a template argument.
    args: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ConditionYaml {
    /// The template argument at this position, counted from 0.
    #[serde(default)]
    arg: Option<usize>,
    /// A template argument that is a number cast to this enumeration.
    #[serde(default)]
    cast: Option<String>,
    /// This word, in the function or its arguments.
    #[serde(default)]
    word: Option<String>,
    /// These words, in the template arguments at any depth.
    #[serde(default)]
    in_args: Option<String>,
    /// With `arg`: of this template among the arguments.
    #[serde(default)]
    of: Option<String>,
    /// The values, one of which it must have.
    #[serde(default)]
    is: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FlagYaml {
    /// The template argument at this position, counted from 0.
    #[serde(default)]
    arg: Option<usize>,
    /// A template argument that is a number cast to this enumeration.
    #[serde(default)]
    cast: Option<String>,
    /// This word, in the function or its arguments.
    #[serde(default)]
    word: Option<String>,
    /// These words, in the template arguments at any depth.
    #[serde(default)]
    in_args: Option<String>,
    /// With `arg`: of this template among the arguments.
    #[serde(default)]
    of: Option<String>,
    /// The values, one of which it must have.
    #[serde(default)]
    is: Vec<String>,
    /// The word that the id gets.
    add: String,
}

/// The JSON Schema of a catalog of kernel families.
pub fn schema() -> schemars::Schema {
    crate::common::schema::of_input::<FileYaml>("kernel-catalog", "profgate: a catalog of kernel families")
}

/// Reads all files: first every vocabulary, then every entry, in the order given. An entry of the first `user`
/// files takes the place of one that has its id in the rest.
///
/// The last of the results tells in words what the user's entries took the place of.
pub fn load(
    files: &[CatalogFile<'_>],
    user: usize,
) -> Result<(Vocabulary, Vec<Family>, Vec<String>), YamlError> {
    let mut vocabulary = Vocabulary::default();
    let mut read = Vec::with_capacity(files.len());
    for (index, file) in files.iter().enumerate() {
        let document: FileYaml = yaml::from_str(file.text, file.path)?;
        if document.schema.value != 1 {
            return Err(YamlError::at(file.path, &document.schema, "unknown catalog schema")
                .with_help("this version of profgate reads `schema: 1`"));
        }
        document.vocabulary.teach(&mut vocabulary);
        read.push((file.path, document.entries, index < user));
    }
    let (mut families, mut overridden): (Vec<Family>, Vec<String>) = (Vec::new(), Vec::new());
    let mut seen: BTreeMap<String, (String, bool)> = BTreeMap::new();
    for (path, entries, is_users) in read {
        for entry in entries {
            yaml::kebab_case(path, &entry.id)?;
            let column = entry.id.referenced.column();
            let family = entry.compile(path, &vocabulary)?;
            if let Some((first, by_user)) = seen.get(&family.id) {
                if *by_user && !is_users {
                    overridden.push(format!(
                        "kernel family `{}` of {}:{}",
                        family.id,
                        path.display(),
                        family.line
                    ));
                    continue;
                }
                return Err(YamlError {
                    path: path.to_owned(),
                    line: family.line,
                    column,
                    message: format!("id `{}` is taken by {first}", family.id),
                    help: Some("give one of them another id".to_owned()),
                });
            }
            seen.insert(family.id.clone(), (format!("{}:{}", path.display(), family.line), is_users));
            families.push(family);
        }
    }
    Ok((vocabulary, families, overridden))
}

impl VocabularyYaml {
    fn teach(self, vocabulary: &mut Vocabulary) {
        for (dtype, spellings) in self.dtypes {
            for spelling in spellings {
                vocabulary.add_dtype(&spelling, &dtype);
            }
        }
        for (dtype, spellings) in self.codes {
            for spelling in spellings {
                vocabulary.add_code(&spelling, &dtype);
            }
        }
        for (word, parts) in self.compounds {
            vocabulary.lexicon.add_compound(&word, &parts);
        }
        for parts in self.joins {
            vocabulary.lexicon.add_join(&parts);
        }
        vocabulary.carriers.extend(self.carriers);
        vocabulary.transparent.extend(self.transparent);
        vocabulary.noise.extend(self.noise);
    }
}

impl EntryYaml {
    fn compile(self, path: &Path, vocabulary: &Vocabulary) -> Result<Family, YamlError> {
        let line = self.id.referenced.line();
        let mut patterns = Vec::new();
        for pattern in &self.r#match.pattern {
            let anchored = format!("^(?:{})$", pattern.value);
            let regex = Regex::new(&anchored).map_err(|error| {
                let error = error.to_string().lines().last().unwrap_or_default().to_owned();
                YamlError::at(path, pattern, format!("cannot read the pattern: {error}"))
                    .with_help("write a regular expression of the regex crate, without look-around")
            })?;
            patterns.push(regex);
        }
        let template = match &self.kernel {
            Some(text) => Some(
                Template::parse(&text.value, &patterns)
                    .map_err(|problem| YamlError::at(path, text, problem))?,
            ),
            None => None,
        };
        let mut flags = Vec::with_capacity(self.flags.len());
        for flag in self.flags {
            let condition = ConditionYaml {
                arg: flag.arg,
                cast: flag.cast,
                word: flag.word,
                in_args: flag.in_args,
                of: flag.of,
                is: flag.is,
            };
            flags.push((condition.compile(path, &self.id, vocabulary)?, flag.add));
        }
        let matcher = self.r#match.compile(path, &self.id, patterns, vocabulary)?;
        Ok(Family {
            line,
            id: self.id.value,
            name: self.name,
            role: self.role,
            file: path.to_owned(),
            examples: self.examples,
            matcher,
            template,
            flags,
        })
    }
}

impl MatchYaml {
    fn compile(
        self,
        path: &Path,
        id: &Spanned<String>,
        patterns: Vec<Regex>,
        vocabulary: &Vocabulary,
    ) -> Result<Matcher, YamlError> {
        let words = |texts: &[String]| -> Vec<Vec<String>> {
            texts.iter().map(|text| vocabulary.lexicon.words(text)).collect()
        };
        let mut when = Vec::with_capacity(self.when.len());
        for condition in self.when {
            when.push(condition.compile(path, id, vocabulary)?);
        }
        let matcher = Matcher {
            exactly: words(&self.exactly),
            function: words(&self.function),
            all: words(&self.all),
            path: words(&self.path),
            args: words(&self.args),
            not_function: words(&self.not.function),
            not_path: words(&self.not.path),
            not_args: words(&self.not.args),
            via: self.via,
            patterns,
            when,
        };
        if matcher.is_empty() {
            return Err(YamlError::at(path, id, format!("entry `{}` matches nothing", id.value))
                .with_help("give `match` one of: pattern, exactly, function, all, path, via, args"));
        }
        if matcher.has_empty_sequence() {
            let message = format!("entry `{}` has a sequence without a word", id.value);
            return Err(YamlError::at(path, id, message).with_help("remove it, or write the words of a name"));
        }
        Ok(matcher)
    }
}

impl ConditionYaml {
    fn compile(
        self,
        path: &Path,
        id: &Spanned<String>,
        vocabulary: &Vocabulary,
    ) -> Result<Condition, YamlError> {
        match (self.arg, self.cast, self.word, self.in_args) {
            (Some(at), None, None, None) => Ok(Condition::Arg { of: self.of, at, is: self.is }),
            (None, Some(cast), None, None) => Ok(Condition::Cast { cast, is: self.is }),
            (None, None, Some(word), None) => Ok(Condition::Word(vocabulary.lexicon.words(&word))),
            (None, None, None, Some(word)) => Ok(Condition::ArgWord(vocabulary.lexicon.words(&word))),
            _ => Err(YamlError::at(path, id, format!("a condition of `{}` is unclear", id.value))
                .with_help("give exactly one of: arg, cast, word, in-args")),
        }
    }
}
