//! A kernel name prepared for matching: its defining function, words and template arguments.

use super::name::{self, Arg, Path, Segment};
use super::vocabulary::Vocabulary;

/// Carriers inside carriers: real names nest four.
const MAX_CARRIERS: usize = 8;
/// Identifiers among template arguments that are read, in order; real names have below 300.
const MAX_IDENTS: usize = 512;
/// Longest identifier that is read.
const MAX_IDENT: usize = 4096;

/// A kernel name, taken apart.
#[derive(Debug)]
pub struct Subject {
    /// The name without parameters, addresses and lambda numbers.
    pub canonical: String,
    /// Carriers around the defining function, outermost first.
    pub via: Vec<String>,
    /// The defining function's identifier, as written.
    pub ident: String,
    /// The same without what a build changes.
    pub function: String,
    /// Its words.
    pub words: Vec<String>,
    /// Words of the identifier as written.
    pub ident_words: Vec<String>,
    /// Words of each path segment, the carriers' included.
    pub path_words: Vec<Vec<String>>,
    /// Words of each identifier among the template arguments.
    pub arg_words: Vec<Vec<String>>,
    /// Enum literals among the template arguments: type and value.
    pub casts: Vec<(String, String)>,
    /// The function's template arguments, by position.
    pub args: Vec<String>,
    /// The same for every template among them.
    pub nested: Vec<(String, Vec<String>)>,
    /// Element types, most telling first, each once.
    pub dtypes: Vec<String>,
}

impl Subject {
    /// Takes a raw name apart.
    pub fn new(raw: &str, vocabulary: &Vocabulary) -> Self {
        let outer = name::parse(raw);
        let mut canonical = String::new();
        outer.render(&mut canonical);
        let mut subject = Self {
            canonical: without_addresses(&canonical),
            via: Vec::new(),
            ident: String::new(),
            function: String::new(),
            words: Vec::new(),
            ident_words: Vec::new(),
            path_words: Vec::new(),
            arg_words: Vec::new(),
            casts: Vec::new(),
            args: Vec::new(),
            nested: Vec::new(),
            dtypes: Vec::new(),
        };
        let mut carriers = Vec::new();
        let mut definition = &outer;
        while let Some(segment) = definition.segments.get(definition.function_at()) {
            subject.add_path_words(definition, vocabulary);
            if carriers.len() >= MAX_CARRIERS || !vocabulary.carriers.contains(&segment.ident) {
                break;
            }
            let Some(inner) = vocabulary.carried(segment) else { break };
            subject.via.push(segment.ident.clone());
            carriers.push(segment);
            definition = inner;
        }
        subject.read(definition, &carriers, vocabulary);
        subject
    }

    /// The function's template argument at a position, as text.
    pub fn arg(&self, at: usize) -> Option<String> {
        self.args.get(at).cloned()
    }

    /// A template argument of the first template of a name among the arguments.
    pub fn nested_arg(&self, ident: &str, at: usize) -> Option<String> {
        self.nested.iter().find(|(known, _)| known == ident)?.1.get(at).cloned()
    }

    fn add_path_words(&mut self, path: &Path, vocabulary: &Vocabulary) {
        let namespaces = path.segments.iter().take(path.function_at());
        self.path_words.extend(namespaces.map(|segment| vocabulary.lexicon.words(&segment.ident)));
    }

    fn read(&mut self, definition: &Path, carriers: &[&Segment], vocabulary: &Vocabulary) {
        let at = definition.function_at();
        let Some(segment) = definition.segments.get(at) else { return };
        self.ident = segment.ident.chars().take(MAX_IDENT).collect();
        self.function = stable_ident(&self.ident);
        self.words = vocabulary.lexicon.words(&self.function);
        self.ident_words = vocabulary.lexicon.words(&self.ident);
        let owner = at.checked_sub(1).and_then(|at| definition.segments.get(at));
        if let Some(owner) = owner.filter(|_| self.words.iter().all(|word| vocabulary.noise.contains(word))) {
            self.function = format!("{}_{}", owner.ident, self.function);
            self.words = vocabulary.lexicon.words(&self.function);
        }
        self.args = arg_texts(segment, vocabulary);
        let mut budget = MAX_IDENTS;
        for segment in &definition.segments {
            self.read_args(segment, vocabulary, &mut budget);
        }
        for carrier in carriers {
            let carried = vocabulary.carried(carrier);
            for arg in &carrier.args {
                if let Arg::Path(path) = arg
                    && carried != Some(path)
                {
                    self.read_path(path, vocabulary, &mut budget);
                }
            }
        }
        let lambdas = definition.segments.iter().skip(at + 1).filter(|part| part.ident == "{lambda}");
        let mut sources: Vec<&Segment> = vec![segment];
        sources.extend(lambdas.rev());
        let carriers: Vec<&Segment> = carriers.iter().rev().copied().collect();
        // A functor computes in a wider type than the tensors have, which the carrier around it names.
        self.dtypes = [(&carriers, Depth::Shallow), (&sources, Depth::Shallow), (&sources, Depth::Deep)]
            .into_iter()
            .chain([(&sources, Depth::Integers), (&carriers, Depth::Integers)])
            .flat_map(|(segments, depth)| segments.iter().map(move |segment| (segment, depth)))
            .map(|(segment, depth)| element_types(segment, depth, vocabulary))
            .find(|found| !found.is_empty())
            .unwrap_or_default();
    }

    fn read_args(&mut self, segment: &Segment, vocabulary: &Vocabulary, budget: &mut usize) {
        for arg in &segment.args {
            match arg {
                Arg::Value { cast: Some(cast), text } => self.casts.push((cast.clone(), text.clone())),
                Arg::Value { cast: None, .. } => {}
                Arg::Path(path) => self.read_path(path, vocabulary, budget),
            }
        }
    }

    fn read_path(&mut self, path: &Path, vocabulary: &Vocabulary, budget: &mut usize) {
        for part in &path.segments {
            let Some(left) = budget.checked_sub(1) else { return };
            *budget = left;
            self.arg_words.push(vocabulary.lexicon.words(&part.ident));
            if part.args.len() > 1 {
                self.nested.push((part.ident.clone(), arg_texts(part, vocabulary)));
            }
            self.read_args(part, vocabulary, budget);
        }
    }
}

/// The template arguments as an id or a condition sees them: literals, element types, identifiers.
fn arg_texts(segment: &Segment, vocabulary: &Vocabulary) -> Vec<String> {
    let text = |arg: &Arg| match arg {
        Arg::Value { text, .. } => text.clone(),
        Arg::Path(path) => vocabulary.dtype_of(path).map_or_else(
            || path.segments.get(path.function_at()).map(|part| part.ident.clone()).unwrap_or_default(),
            str::to_owned,
        ),
    };
    segment.args.iter().map(text).collect()
}

/// Where element types are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Floating types among the arguments.
    Shallow,
    /// Floating types anywhere inside the arguments.
    Deep,
    /// The first integer type among the arguments.
    Integers,
}

/// The element types of a template's arguments, accumulators left out.
fn element_types(segment: &Segment, depth: Depth, vocabulary: &Vocabulary) -> Vec<String> {
    let mut found = Vec::new();
    let mut budget = MAX_IDENTS;
    collect_types(segment, depth == Depth::Deep, vocabulary, &mut found, &mut budget);
    if depth == Depth::Integers {
        found.truncate(1);
        return found;
    }
    found.retain(|dtype| !is_integer(dtype));
    let narrow = |dtype: &String| dtype != "fp32" && dtype != "fp64";
    if found.iter().any(narrow) {
        found.retain(narrow);
    }
    found.truncate(3);
    found
}

fn collect_types(
    segment: &Segment,
    deep: bool,
    vocabulary: &Vocabulary,
    found: &mut Vec<String>,
    budget: &mut usize,
) {
    for arg in &segment.args {
        let Arg::Path(path) = arg else { continue };
        let Some(left) = budget.checked_sub(1) else { return };
        *budget = left;
        if let Some(dtype) = vocabulary.dtype_of(path) {
            if !found.iter().any(|known| known == dtype) {
                found.push(dtype.to_owned());
            }
        } else if deep {
            for part in &path.segments {
                collect_types(part, deep, vocabulary, found, budget);
            }
        }
    }
}

fn is_integer(dtype: &str) -> bool {
    dtype.starts_with("int") && dtype != "int8" || dtype.starts_with("uint") || dtype == "bool"
}

/// An identifier without what compilers add to it.
fn stable_ident(ident: &str) -> String {
    let ident = ident.split_once("_object_at_").map_or(ident, |(before, _)| before);
    let ident = match ident.strip_prefix("kernel_cutlass_") {
        // CuTe DSL glues module, function and class without a mark; the class begins with a capital.
        Some(glued) => {
            glued.find(|c: char| c.is_ascii_uppercase()).and_then(|at| glued.get(at..)).unwrap_or(glued)
        }
        None => ident,
    };
    without_signature(ident).to_owned()
}

/// Triton 2 appended its argument specialisation: `_0d1d2de`.
fn without_signature(ident: &str) -> &str {
    match ident.rsplit_once('_') {
        Some((before, tail))
            if tail.starts_with("0d")
                && tail.chars().all(|c| c.is_ascii_digit() || matches!(c, 'd' | 'e' | 'c')) =>
        {
            before.trim_end_matches('_')
        }
        _ => ident,
    }
}

/// Replaces `0x7f…` by `0x`: an address is another one in the next run.
fn without_addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("0x") {
        out.push_str(before);
        out.push_str("0x");
        let stands_alone = !before.ends_with(|c: char| c.is_ascii_alphanumeric());
        rest = if stands_alone { after.trim_start_matches(|c: char| c.is_ascii_hexdigit()) } else { after };
    }
    out.push_str(rest);
    out
}
