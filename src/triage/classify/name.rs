//! Reads a kernel's name as the C++ expression it is: path, function, template arguments.
//!
//! The input is any text that a profiler wrote; the output is a tree. One pass, no backtracking, bounded
//! depth. Parameter lists are skipped, because what a kernel is called with does not say what it does.

use super::mangled;

/// Template arguments nested deeper than this are skipped; real names stay below 30.
const MAX_DEPTH: usize = 64;

/// A qualified name: `at::native::AddFunctor<float>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    /// The parts between `::`, anonymous namespaces left out.
    pub segments: Vec<Segment>,
}

/// One part of a qualified name, with its template arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segment {
    /// The identifier; `{lambda}` for a lambda, whose parameter types are its arguments.
    pub ident: String,
    /// The template arguments.
    pub args: Vec<Arg>,
}

/// One template argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// A type or a function.
    Path(Path),
    /// A number, a truth value, or an enum's `(Type)2`.
    Value {
        /// The last identifier of the enum's type.
        cast: Option<String>,
        /// The literal, without a suffix such as `u`.
        text: String,
    },
}

/// Reads a kernel name, mangled or not. What cannot be read is one identifier: the whole text.
pub fn parse(raw: &str) -> Path {
    if let Some(path) = mangled::recover_unless_demangled(raw) {
        return match path {
            mangled::Recovered::Text(text) => parse_text(&text, raw),
            mangled::Recovered::Path(path) => path,
        };
    }
    parse_text(raw, raw)
}

fn parse_text(text: &str, raw: &str) -> Path {
    let chars: Vec<char> = text.chars().collect();
    let mut parser = Parser { chars: &chars, at: 0 };
    let words = parser.words(0);
    let whole = parser.peek().is_none();
    let mut path = match pick(words) {
        Some(path) if whole => path,
        _ => Path::of_ident(raw.trim()),
    };
    for segment in &mut path.segments {
        if let Some(ident) = segment.ident.strip_suffix(".kd") {
            segment.ident = ident.to_owned();
        }
    }
    path
}

/// Of `void foo<int>(int)`, the part that names something: what is called, else the last part.
fn pick(words: Vec<Word>) -> Option<Path> {
    let mut words: Vec<Word> =
        words.into_iter().filter(|word| !word.path.is_empty() && !word.path.is_qualifier()).collect();
    if let Some(called) = words.iter().position(|word| word.called) {
        return Some(words.swap_remove(called).path);
    }
    let returns_void = words.first().is_some_and(|word| word.path.ident() == "void");
    let last = words.pop()?;
    (words.is_empty() || (returns_void && words.len() == 1)).then_some(last.path)
}

struct Word {
    path: Path,
    called: bool,
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn ahead(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(offset, c)| self.chars.get(self.at + offset) == Some(&c))
    }

    /// The space-separated parts up to a `,`, `>` or `)` that closes this level.
    fn words(&mut self, depth: usize) -> Vec<Word> {
        let mut words = Vec::new();
        loop {
            while self.peek() == Some(' ') {
                self.at += 1;
            }
            match self.peek() {
                None | Some(',' | '>' | ')' | ']' | '}') => return words,
                Some(_) => words.push(self.word(depth)),
            }
        }
    }

    fn word(&mut self, depth: usize) -> Word {
        let mut path = Path::default();
        let mut segment = Segment::default();
        let mut called = false;
        while let Some(c) = self.peek() {
            match c {
                ',' | '>' | ')' | ']' | '}' => break,
                ' ' if called && self.ahead(" const::") => self.at += " const".len(),
                ' ' => break,
                ':' if self.ahead("::") => {
                    self.at += 2;
                    path.push(std::mem::take(&mut segment));
                    called = false;
                }
                '<' => segment.args = self.group(depth, '>'),
                '(' if self.ahead("(anonymous namespace)") => self.at += "(anonymous namespace)".len(),
                '(' if segment.ident == "{lambda}" => {
                    segment.args = self.group(depth, ')');
                    called = true;
                }
                '(' => {
                    self.skip_group();
                    called = true;
                }
                '{' if self.ahead("{lambda(") => {
                    self.at += "{lambda".len();
                    segment = Segment { ident: "{lambda}".to_owned(), args: self.group(depth, ')') };
                    self.skip_to('}');
                }
                '{' | '[' => self.skip_group(),
                '\'' if self.ahead("'lambda") => {
                    self.at += 1;
                    self.skip_to('\'');
                    segment.ident = "{lambda}".to_owned();
                }
                '*' | '&' | '\'' => self.at += 1,
                c => {
                    segment.ident.push(c);
                    self.at += 1;
                    if segment.ident == "operator" {
                        self.operator_symbol(&mut segment.ident);
                    }
                }
            }
        }
        path.push(segment);
        Word { path, called }
    }

    /// The symbol after `operator`, whose brackets open nothing.
    fn operator_symbol(&mut self, ident: &mut String) {
        if self.ahead("()") {
            ident.push_str("()");
            self.at += 2;
            return;
        }
        while let Some(c) = self.peek().filter(|c| "<>=!+-*/%&|^~[],".contains(*c)) {
            ident.push(c);
            self.at += 1;
        }
    }

    /// The comma-separated arguments of a bracket that opens here.
    fn group(&mut self, depth: usize, close: char) -> Vec<Arg> {
        if depth >= MAX_DEPTH {
            self.skip_group();
            return Vec::new();
        }
        self.at += 1;
        let mut args = Vec::new();
        loop {
            args.extend(self.arg(depth + 1));
            match self.peek() {
                None => return args,
                Some(c) => {
                    self.at += 1;
                    if c == close {
                        return args;
                    }
                }
            }
        }
    }

    fn arg(&mut self, depth: usize) -> Option<Arg> {
        while self.peek().is_some_and(|c| c == ' ' || c == '*') {
            self.at += 1;
        }
        let address = self.peek() == Some('&');
        if address {
            self.at += 1;
        }
        if self.peek() == Some('(') && !self.ahead("(anonymous namespace)") {
            return self.cast(depth, address);
        }
        let path = type_of(self.words(depth))?;
        Some(path.as_literal().map_or(Arg::Path(path), |text| Arg::Value { cast: None, text }))
    }

    /// `(Type)2`, `&(function<T>(T))`, or an expression that starts with a bracket.
    fn cast(&mut self, depth: usize, address: bool) -> Option<Arg> {
        if depth >= MAX_DEPTH {
            self.skip_group();
            return None;
        }
        self.at += 1;
        let mut inside = None;
        loop {
            let words = self.words(depth + 1);
            if inside.is_none() {
                inside = if address { pick(words) } else { type_of(words) };
            }
            match self.peek() {
                None => break,
                Some(c) => {
                    self.at += 1;
                    if c == ')' {
                        break;
                    }
                }
            }
        }
        let rest = type_of(self.words(depth));
        match (inside, rest) {
            (Some(path), None) => Some(
                path.as_literal()
                    .map_or_else(|| Arg::Path(path.clone()), |text| Arg::Value { cast: None, text }),
            ),
            (cast, Some(rest)) => {
                let text = rest.as_literal().unwrap_or_else(|| rest.ident().to_owned());
                Some(Arg::Value { cast: cast.map(|path| path.ident().to_owned()), text })
            }
            (None, None) => None,
        }
    }

    /// Skips a bracket that opens here and everything in it.
    fn skip_group(&mut self) {
        let angles = self.peek() == Some('<');
        let (mut round, mut sharp) = (0_usize, 0_usize);
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '(' | '{' | '[' => round += 1,
                ')' | '}' | ']' => round = round.saturating_sub(1),
                '<' if angles && round == 0 => sharp += 1,
                '>' if angles && round == 0 => sharp = sharp.saturating_sub(1),
                _ => {}
            }
            if round == 0 && sharp == 0 {
                return;
            }
        }
    }

    fn skip_to(&mut self, end: char) {
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == end {
                return;
            }
        }
    }
}

/// The type that the words of an argument spell: `unsigned int`, `float const*`, `ns::T<2> const&`.
fn type_of(words: Vec<Word>) -> Option<Path> {
    let mut paths: Vec<Path> = words
        .into_iter()
        .map(|word| word.path)
        .filter(|path| !path.is_empty() && !path.is_qualifier())
        .collect();
    if paths.len() > 1 && paths.iter().all(Path::is_builtin) {
        let words: Vec<&str> = paths.iter().map(Path::ident).collect();
        return Some(Path::of_ident(&words.join(" ")));
    }
    if paths.is_empty() { None } else { Some(paths.swap_remove(0)) }
}

impl Path {
    /// A path of one identifier.
    pub fn of_ident(ident: &str) -> Self {
        Self { segments: vec![Segment { ident: ident.to_owned(), args: Vec::new() }] }
    }

    /// The last identifier, empty when there is none.
    pub fn ident(&self) -> &str {
        self.segments.last().map_or("", |segment| segment.ident.as_str())
    }

    /// Position of the function: the last part that is neither a lambda nor an operator.
    pub fn function_at(&self) -> usize {
        let named = |segment: &Segment| {
            !segment.ident.starts_with('{')
                && !segment.ident.starts_with("operator")
                && !segment.ident.is_empty()
        };
        self.segments.iter().rposition(named).unwrap_or(0)
    }

    fn push(&mut self, segment: Segment) {
        if !segment.ident.is_empty() || !segment.args.is_empty() {
            self.segments.push(segment);
        }
    }

    fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    fn is_qualifier(&self) -> bool {
        self.segments.len() == 1 && matches!(self.ident(), "const" | "volatile" | "restrict" | "static")
    }

    fn is_builtin(&self) -> bool {
        matches!(
            self.ident(),
            "unsigned" | "signed" | "char" | "short" | "int" | "long" | "float" | "double" | "bool"
        )
    }

    /// The literal that this is, without its type suffix.
    fn as_literal(&self) -> Option<String> {
        let ident = self.ident();
        let number = ident.strip_prefix('-').unwrap_or(ident).starts_with(|c: char| c.is_ascii_digit());
        if self.segments.len() != 1 || !(number || ident == "true" || ident == "false") {
            return None;
        }
        Some(if number { ident.trim_end_matches(['u', 'l', 'U', 'L']).to_owned() } else { ident.to_owned() })
    }

    /// The name again, without parameter lists and lambda numbers.
    pub fn render(&self, out: &mut String) {
        for (index, segment) in self.segments.iter().enumerate() {
            if index > 0 {
                out.push_str("::");
            }
            segment.render(out);
        }
    }
}

impl Segment {
    /// The part again, with its arguments.
    pub fn render(&self, out: &mut String) {
        out.push_str(&self.ident);
        if self.args.is_empty() {
            return;
        }
        out.push('<');
        for (index, arg) in self.args.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            match arg {
                Arg::Path(path) => path.render(out),
                Arg::Value { cast: Some(cast), text } => {
                    out.push('(');
                    out.push_str(cast);
                    out.push(')');
                    out.push_str(text);
                }
                Arg::Value { cast: None, text } => out.push_str(text),
            }
        }
        out.push('>');
    }
}
