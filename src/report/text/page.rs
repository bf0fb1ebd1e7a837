//! A page for the terminal: everything that is put on it is made harmless, wrapped and, if wanted, coloured.

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};

use crate::common::text::{printable, shorten_middle};

/// Longest text that is wrapped rather than shortened.
const PARAGRAPH: usize = 1_000;

/// Narrower than this is not worth fitting.
const NARROWEST: usize = 40;

/// Fewest characters of a table's first column before other columns make room.
const NAME: usize = 32;

/// Most characters of every other column.
const OTHERS: usize = 32;

/// How a word stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As the rest.
    Plain,
    /// A heading.
    Strong,
    /// Good news.
    Good,
    /// To be looked at.
    Warning,
    /// Bad news.
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Good => AnsiColor::Green.on_default().bold(),
            Self::Warning => AnsiColor::Yellow.on_default().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// A page under way.
#[derive(Debug)]
pub struct Page {
    out: String,
    width: usize,
    has_color: bool,
}

impl Page {
    /// An empty page.
    pub fn new(width: usize, has_color: bool) -> Self {
        Self { out: String::new(), width: width.max(NARROWEST), has_color }
    }

    /// The page as it is.
    pub fn into_text(self) -> String {
        self.out
    }

    /// An empty line.
    pub fn blank(&mut self) {
        self.out.push('\n');
    }

    /// A title on a line of its own.
    pub fn heading(&mut self, text: &str) {
        let text = no_command(&shorten_middle(&safe(text), self.width));
        self.paint(Tone::Strong, &text);
        self.out.push('\n');
    }

    /// A text that begins with `label` and is wrapped under `indent` spaces.
    pub fn item(&mut self, tone: Tone, label: &str, indent: usize, text: &str) {
        let text = shorten_middle(&safe(text), PARAGRAPH);
        let head = label.chars().count();
        let lines = wrap(&text, self.width.saturating_sub(head), self.width.saturating_sub(indent));
        self.paint(tone, label);
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                self.out.push('\n');
                self.out.push_str(&" ".repeat(indent));
            }
            self.out.push_str(&no_command(line));
        }
        trim_spaces(&mut self.out);
        self.out.push('\n');
    }

    /// A line whose spaces mean something, such as one of a diff; it is not wrapped.
    pub fn verbatim(&mut self, tone: Tone, text: &str) {
        let text = no_command(&shorten_middle(&safe(text), self.width));
        self.paint(tone, &text);
        trim_spaces(&mut self.out);
        self.out.push('\n');
    }

    /// A text without a label.
    pub fn paragraph(&mut self, text: &str) {
        self.item(Tone::Plain, "", 0, text);
    }

    /// A table; columns that do not fit are left out, the least important first.
    pub fn table(&mut self, table: &Table) {
        let columns = table.fitting(self.width);
        let widths: Vec<usize> = columns.iter().map(|(_, width)| *width).collect();
        let titles = columns.iter().map(|(index, _)| table.columns.get(*index).map_or("", |one| &one.title));
        let line = table.line(titles, &columns, &widths);
        self.paint(Tone::Strong, &line);
        self.out.push('\n');
        for row in &table.rows {
            let cells = columns.iter().map(|(index, _)| row.cells.get(*index).map_or("", String::as_str));
            let line = table.line(cells, &columns, &widths);
            self.out.push_str(&no_command(&line));
            self.out.push('\n');
            for note in &row.notes {
                self.item(Tone::Plain, "    ", 6, note);
            }
        }
    }

    fn paint(&mut self, tone: Tone, text: &str) {
        if self.has_color && tone != Tone::Plain && !text.is_empty() {
            let style = tone.style();
            self.out.push_str(&format!("{style}{text}{style:#}"));
        } else {
            self.out.push_str(text);
        }
    }
}

/// A table before its widths are known. The first column holds names and gives way.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Column {
    title: String,
    is_number: bool,
    /// The greater, the sooner it is left out; 0 stays.
    spare: u8,
}

#[derive(Debug)]
struct Row {
    cells: Vec<String>,
    notes: Vec<String>,
}

impl Table {
    /// Adds a column of words.
    pub fn words(mut self, title: &str, spare: u8) -> Self {
        self.columns.push(Column { title: title.to_owned(), is_number: false, spare });
        self
    }

    /// Adds a column of numbers, set to the right.
    pub fn numbers(mut self, title: &str, spare: u8) -> Self {
        self.columns.push(Column { title: title.to_owned(), is_number: true, spare });
        self
    }

    /// Adds a row, with notes that are set below it.
    pub fn push(&mut self, cells: Vec<String>, notes: Vec<String>) {
        let cells = cells.iter().map(|cell| safe(cell)).collect();
        self.rows.push(Row { cells, notes });
    }

    /// The columns that fit, each with its width.
    fn fitting(&self, width: usize) -> Vec<(usize, usize)> {
        let mut kept: Vec<(usize, usize)> =
            self.columns.iter().enumerate().map(|(index, _)| (index, self.natural(index))).collect();
        loop {
            let others: usize = kept.iter().skip(1).map(|(_, width)| width + 2).sum();
            let room = width.saturating_sub(others);
            let wanted = kept.first().map_or(0, |(_, natural)| *natural);
            let spare = |index: usize| self.columns.get(index).map_or(0, |column| column.spare);
            let last = kept.iter().map(|(index, _)| *index).max_by_key(|index| spare(*index));
            match last {
                Some(index) if spare(index) > 0 && (room < wanted.min(NAME) || self.confuses(room)) => {
                    kept.retain(|(kept, _)| *kept != index);
                }
                Some(_) | None => {
                    if let Some((_, first)) = kept.first_mut() {
                        *first = wanted.min(room.max(1));
                    }
                    return kept;
                }
            }
        }
    }

    /// Whether two names that differ would look alike when shortened to this width.
    fn confuses(&self, width: usize) -> bool {
        let names = || self.rows.iter().filter_map(|row| row.cells.first()).collect::<BTreeSet<_>>();
        names().len() > names().iter().map(|name| shorten_middle(name, width)).collect::<BTreeSet<_>>().len()
    }

    fn natural(&self, index: usize) -> usize {
        let title = self.columns.get(index).map_or(0, |column| column.title.chars().count());
        let cells = self.rows.iter().filter_map(|row| row.cells.get(index)).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(title).min(if index == 0 { usize::MAX } else { OTHERS })
    }

    fn line<'a>(
        &self,
        cells: impl Iterator<Item = &'a str>,
        columns: &[(usize, usize)],
        widths: &[usize],
    ) -> String {
        let mut out = String::new();
        for ((cell, (index, _)), width) in cells.zip(columns).zip(widths) {
            let cell = shorten_middle(cell, *width);
            if !out.is_empty() {
                out.push_str("  ");
            }
            if self.columns.get(*index).is_some_and(|column| column.is_number) {
                out.push_str(&format!("{cell:>width$}"));
            } else {
                out.push_str(&format!("{cell:<width$}"));
            }
        }
        trim_spaces(&mut out);
        out
    }
}

/// What a terminal shows as it is: no escapes, and no `##[`, which build logs take for a command anywhere.
pub fn safe(text: &str) -> String {
    printable(text).replace("##", "#\u{fffd}")
}

/// Build logs also take `::` for a command, at the start of a line only.
fn no_command(line: &str) -> String {
    match line.trim_start().strip_prefix("::") {
        Some(rest) => format!("\u{fffd}:{rest}"),
        None => line.to_owned(),
    }
}

fn trim_spaces(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
}

/// Breaks a text at spaces; a word that is longer than a line loses its middle.
fn wrap(text: &str, first: usize, others: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut room = first;
    for word in words(text) {
        let used = line.chars().count();
        let needed = word.chars().count() + usize::from(used > 0);
        if used > 0 && used + needed > room {
            lines.push(std::mem::take(&mut line));
            room = others;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        if is_command(&word) {
            line.push_str(&word);
        } else {
            line.push_str(&shorten_middle(&word, room.max(1)));
        }
    }
    lines.push(line);
    lines
}

/// How a command of ours begins in a sentence. It is copied, so that it stands on one line whatever the width.
const COMMAND: &str = "`profgate ";

fn is_command(word: &str) -> bool {
    word.starts_with(COMMAND)
}

/// The words of a text. A unit stays with its number, a command with its arguments.
fn words(text: &str) -> Vec<String> {
    let Some((before, rest)) = text.split_once(COMMAND) else { return plain_words(text) };
    let Some((arguments, after)) = rest.split_once('`') else { return plain_words(text) };
    let mut all = plain_words(before);
    let glued = after.find(' ').unwrap_or(after.len());
    let (mark, after) = after.split_at_checked(glued).unwrap_or((after, ""));
    all.push(format!("{COMMAND}{arguments}`{mark}"));
    all.extend(words(after));
    all
}

fn plain_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let is_unit = ["%", "µs", "ms", "s"].contains(&word.trim_end_matches([',', ';', '.', ':', ')']));
        match words.last_mut() {
            Some(last) if is_unit && last.ends_with(|c: char| c.is_ascii_digit()) => {
                last.push(' ');
                last.push_str(word);
            }
            Some(_) | None => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_wraps_at_spaces_under_its_indent() {
        let mut page = Page::new(40, false);
        page.item(Tone::Bad, "fail  ", 4, "one two three four five six seven eight nine ten");
        assert_eq!(page.into_text(), "fail  one two three four five six seven\n    eight nine ten\n");
    }

    #[test]
    fn a_unit_stays_with_its_number() {
        assert_eq!(wrap("it moved by 12.5 %, or 3 µs", 17, 17), ["it moved by", "12.5 %, or 3 µs"]);
    }

    #[test]
    fn a_command_is_never_broken() {
        let text = "record one with `profgate baseline record a/b c/d -o e/f.yaml`, then commit it";
        assert_eq!(
            wrap(text, 20, 20),
            ["record one with", "`profgate baseline record a/b c/d -o e/f.yaml`,", "then commit it"]
        );
        assert_eq!(wrap("`profgate is open", 10, 10), ["`profgate", "is open"]);
    }

    #[test]
    fn only_a_page_with_colour_has_escapes() {
        for has_color in [false, true] {
            let mut page = Page::new(40, has_color);
            page.heading("title");
            page.item(Tone::Bad, "fail", 2, " \u{1b}[31mx");
            assert_eq!(page.out.contains("\u{1b}[1m"), has_color);
            assert!(!page.out.contains("\u{1b}[31mx"));
        }
    }

    #[test]
    fn a_table_gives_up_columns_before_two_names_look_alike() {
        let mut table = Table::default().words("kernel", 0).numbers("time", 0).numbers("extra", 1);
        for middle in ["slides", "causes"] {
            let name = format!("attention-with-a-very-long-name-{middle}-in-its-middle-that-ends-in-context");
            table.push(vec![name, "1234567890".into(), "12345678901".into()], vec![]);
        }
        let mut page = Page::new(66, false);
        page.table(&table);
        let text = page.into_text();
        assert!(!text.contains("extra"), "{text}");
        let first: BTreeSet<&str> = text.lines().skip(1).filter_map(|line| line.split("  ").next()).collect();
        assert_eq!(first.len(), 2, "{text}");
    }

    #[test]
    fn a_table_gives_up_columns_before_names_become_unreadable() {
        let mut table = Table::default().words("kernel", 0).numbers("time", 0).numbers("extra", 1);
        table.push(
            vec!["a-kernel-with-a-long-name".into(), "1234567890".into(), "12345678901".into()],
            vec![],
        );
        let mut wide = Page::new(70, false);
        wide.table(&table);
        assert!(wide.into_text().contains("extra"));
        let mut narrow = Page::new(40, false);
        narrow.table(&table);
        let text = narrow.into_text();
        assert!(!text.contains("extra") && text.contains("1234567890"), "{text}");
    }
}
