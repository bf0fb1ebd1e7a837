//! From bytes, in pieces of any size, to a [`Trace`]: one pass, one event at a time.
//!
//! Input: the inflated bytes of one file. Output: a trace, and what was wrong with it. Nothing but the piece at
//! hand and the event that its end cuts is kept. An event that cannot be read costs itself: reading goes on at
//! the next one. What it gives up: damage in values that nobody needs goes unseen.

use super::decode::{Decoder, Need, TraceError};
use super::health::HealthCode;
use super::lex::{Cursor, Lexed, MAX_DEPTH, Stop};
use super::model::Trace;
use super::resync::{self, Found};
use super::skim::Skim;
use super::wire::{self, Args, Row};

/// An event or a field of the header that does not end within this many bytes is damaged.
const MAX_VALUE_BYTES: usize = 16 << 20;

/// How far the event behind a damaged one may be, for the damaged one to be looked at as a whole.
const MAX_LOST_BYTES: usize = 64 << 10;

/// How many bytes of the next piece are put behind what the last one cut, at first.
const STITCH_BYTES: usize = 16 << 10;

/// Reads one trace from the bytes of a JSON file: an object with `traceEvents`, or a bare list of events.
///
/// Truncated and damaged files are no error: the trace's health says so, and what could be read is kept.
pub fn read(bytes: &[u8]) -> Result<Trace, TraceError> {
    let mut reader = Reader::default();
    reader.feed(bytes)?;
    reader.finish()
}

/// Where in the file the reader stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Before the first byte.
    #[default]
    Start,
    /// In the outermost object, outside its values.
    Header,
    /// Inside a value of the outermost object that nobody needs.
    Skim(Skim),
    /// In the list of events, behind a comma or at its beginning.
    Element,
    /// In the list of events, behind an event.
    Comma,
    /// In the list of events, behind damage.
    Lost,
    /// In the outermost object, behind damage.
    LostHeader,
    /// Behind the document.
    After,
    /// Behind the document and what follows it.
    Ignore,
}

/// Reads one trace from pieces of its file.
#[derive(Debug, Default)]
pub struct Reader {
    decoder: Decoder,
    state: State,
    /// What the last piece ended in the middle of.
    carry: Vec<u8>,
    /// How much must be carried before it is worth another try.
    enough: usize,
    /// Bytes that are done with.
    done: u64,
    is_list: bool,
    is_last: bool,
    is_cut: bool,
    /// Bytes taken.
    taken: u64,
    /// Where the first byte of zero stands, which no writer of JSON writes.
    first_zero: Option<u64>,
    /// Where the document ends, once it has.
    document_end: Option<u64>,
}

impl Reader {
    /// Takes the next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), TraceError> {
        if self.first_zero.is_none() {
            self.first_zero = memchr::memchr(0, bytes).map(|at| self.taken + at as u64);
        }
        self.taken += bytes.len() as u64;
        let mut rest = bytes;
        while !self.carry.is_empty() {
            let old = self.carry.len();
            let (stitch, after) = rest.split_at(rest.len().min(old.max(STITCH_BYTES)));
            self.carry.extend_from_slice(stitch);
            if self.carry.len() < self.enough && after.is_empty() {
                return Ok(());
            }
            let mut window = std::mem::take(&mut self.carry);
            let used = self.run(&window, old)?;
            if used >= old {
                rest = rest.get(used - old..).unwrap_or_default();
                // Its memory is worth keeping.
                window.clear();
                self.carry = window;
                self.enough = 0;
                break;
            }
            window.drain(..used);
            self.enough = if used == 0 { window.len().saturating_mul(2) } else { 0 };
            self.carry = window;
            rest = after;
            if rest.is_empty() {
                return Ok(());
            }
        }
        let used = self.run(rest, usize::MAX)?;
        self.carry.extend_from_slice(rest.get(used..).unwrap_or_default());
        Ok(())
    }

    /// The trace, once all bytes were taken.
    pub fn finish(mut self) -> Result<Trace, TraceError> {
        self.is_last = true;
        let window = std::mem::take(&mut self.carry);
        let used = self.run(&window, usize::MAX)?;
        let end = self.done + (window.len() - used) as u64;
        match self.state {
            State::Start => return Err(TraceError::Empty),
            State::After | State::Ignore | State::LostHeader => {}
            _ => self.is_cut = true,
        }
        if let Some(zero) = self.first_zero.filter(|zero| self.document_end.is_none_or(|end| *zero < end)) {
            self.decoder.trace.health.count(HealthCode::Damaged, || {
                format!("byte {zero} is zero, as where a part of the file was never written")
            });
        }
        if self.is_cut {
            let place = || format!("the JSON ends early, at byte {end}");
            self.decoder.trace.health.count(HealthCode::CutOff, place);
        }
        let is_damaged = self.decoder.trace.health.get(HealthCode::HeaderDamaged) > 0;
        // What broke before its events may be a trace, unless it broke by not being JSON and names nothing known.
        let is_unfinished = self.is_cut || (is_damaged && self.decoder.found_header);
        if !self.decoder.found_events && !is_unfinished {
            return Err(TraceError::Foreign("it has no `traceEvents`".to_owned()));
        }
        // A bare list has no key to know it by: what has no phase is no event.
        let is_empty = self.decoder.trace.events.read == 0;
        if self.is_list && !is_empty && !self.decoder.found_phase && !self.is_cut {
            return Err(TraceError::Foreign("it is a list of something else than events".to_owned()));
        }
        Ok(self.decoder.finish())
    }

    /// Reads on in a window until it needs more, or has passed `until`. Returns how much of it is done with.
    fn run(&mut self, window: &[u8], until: usize) -> Result<usize, TraceError> {
        let mut cursor = Cursor::new(window, 0);
        let mut at = 0;
        while at < until {
            // Blanks between the parts of the document are done with, however many.
            if matches!(
                self.state,
                State::Start | State::Header | State::Element | State::Comma | State::After
            ) {
                let _ = cursor.significant();
                at = cursor.at();
            }
            let outcome = match self.state {
                State::Element | State::Comma => self.element(&mut cursor, window)?,
                State::Start => self.start(&mut cursor, window)?,
                State::Header => self.header(&mut cursor, window),
                State::Skim(skim) => self.skim(skim, &mut cursor, window),
                State::Lost => self.resume(&mut cursor, window),
                State::LostHeader => self.resume_header(&mut cursor, window),
                State::After => self.after(&mut cursor),
                State::Ignore => self.ignore(&mut cursor, window),
            };
            match outcome {
                Ok(()) => at = cursor.at(),
                Err(Stop::NeedMore) => break,
                Err(Stop::TooDeep) => return Err(TraceError::TooDeep(MAX_DEPTH)),
                Err(Stop::Damaged(why)) => {
                    self.lose_header(why);
                    at = cursor.at();
                }
            }
        }
        self.done += at as u64;
        Ok(at)
    }

    fn start(&mut self, cursor: &mut Cursor<'_>, window: &[u8]) -> Result<Lexed<()>, TraceError> {
        const BOM: &[u8] = b"\xef\xbb\xbf";
        if window.starts_with(BOM) {
            cursor.jump(BOM.len());
        } else if BOM.starts_with(window) && !self.is_last {
            return Ok(Err(Stop::NeedMore));
        }
        match cursor.significant() {
            Ok(b'[') => {
                self.is_list = true;
                self.decoder.found_events = true;
                self.state = State::Element;
            }
            Ok(b'{') => self.state = State::Header,
            Ok(_) => return Err(TraceError::Foreign(resync::what_begins(window).to_owned())),
            Err(stop) => return Ok(Err(stop)),
        }
        cursor.skip(1);
        Ok(Ok(()))
    }

    /// A key of the outermost object, with its value where that is needed, or what stands between.
    fn header(&mut self, cursor: &mut Cursor<'_>, window: &[u8]) -> Lexed<()> {
        match cursor.significant()? {
            b'"' => {}
            byte @ (b',' | b'}') => {
                cursor.skip(1);
                if byte == b'}' {
                    self.end_document(cursor);
                }
                return Ok(());
            }
            b'{' if self.decoder.found_events => {
                let byte = self.done + cursor.at() as u64;
                self.decoder.trace.health.count(HealthCode::Damaged, || {
                    format!("the list of events ends early, before byte {byte}; what follows was read too")
                });
                self.state = State::Element;
                return Ok(());
            }
            _ => return Err(Stop::Damaged("a key is missing")),
        }
        let start = cursor.at();
        let outcome = self.field(cursor);
        match outcome {
            Err(Stop::NeedMore) if window.len() - start > MAX_VALUE_BYTES => {
                Err(Stop::Damaged("a value does not end"))
            }
            outcome => outcome,
        }
    }

    fn field(&mut self, cursor: &mut Cursor<'_>) -> Lexed<()> {
        let key = cursor.string()?;
        let key = wire::plain(key.get(1..key.len() - 1).unwrap_or_default());
        if cursor.significant()? != b':' {
            return Err(Stop::Damaged("a colon is missing"));
        }
        cursor.skip(1);
        let first = cursor.significant()?;
        let is_needed = wire::is_header_key(&key);
        if *key == *wire::EVENTS && first == b'[' {
            cursor.skip(1);
            if self.decoder.found_events {
                let told = || "`traceEvents` stands twice".to_owned();
                self.decoder.trace.health.count(HealthCode::SecondDocument, told);
            }
            self.decoder.found_events = true;
            self.state = State::Element;
        } else if *key == *wire::EVENTS {
            return Err(Stop::Damaged("`traceEvents` is no list"));
        } else if is_needed {
            cursor.oddity = None;
            let value = cursor.value()?;
            self.decoder.header(&key, value);
        } else {
            self.state = State::Skim(Skim::default());
        }
        self.decoder.found_header |= wire::is_kineto_key(&key);
        Ok(())
    }

    fn skim(&mut self, skim: Skim, cursor: &mut Cursor<'_>, window: &[u8]) -> Lexed<()> {
        let rest = window.get(cursor.at()..).unwrap_or_default();
        if rest.is_empty() {
            return Err(Stop::NeedMore);
        }
        let (used, skim) = skim.through(rest);
        cursor.skip(used);
        self.state = skim?.map_or(State::Header, State::Skim);
        Ok(())
    }

    fn lose_header(&mut self, why: &str) {
        self.decoder.trace.health.count(HealthCode::HeaderDamaged, || why.to_owned());
        self.state = if self.decoder.found_events { State::Ignore } else { State::LostHeader };
    }

    fn resume_header(&mut self, cursor: &mut Cursor<'_>, window: &[u8]) -> Lexed<()> {
        match resync::find_events(window, cursor.at()) {
            Ok(key) => {
                cursor.jump(key);
                self.state = State::Header;
                Ok(())
            }
            Err(seen) if seen > cursor.at() => {
                cursor.jump(seen);
                Ok(())
            }
            Err(_) => Err(Stop::NeedMore),
        }
    }

    /// One element of the list of events, the comma before it, or the list's end.
    #[inline]
    fn element(&mut self, cursor: &mut Cursor<'_>, window: &[u8]) -> Result<Lexed<()>, TraceError> {
        let first = match cursor.significant() {
            Ok(first) => first,
            Err(stop) => return Ok(Err(stop)),
        };
        let start = cursor.at();
        let is_first = self.decoder.trace.events.read == 0;
        match first {
            b'{' => {
                cursor.oddity = None;
                cursor.escaped = false;
                let row = match event(cursor) {
                    Ok(row) => row,
                    Err(stop) => return self.broken(stop, start, cursor, window),
                };
                if let Some(oddity) = cursor.oddity {
                    self.decoder.count_oddity(oddity);
                }
                if self.state == State::Comma {
                    self.decoder.count_oddity("a comma is missing");
                }
                self.decoder.event(&row)?;
                self.state = State::Comma;
            }
            b',' => {
                if self.state == State::Element {
                    self.decoder.count_oddity("a comma too many");
                }
                cursor.skip(1);
                self.state = State::Element;
            }
            b']' => {
                if self.state == State::Element && !is_first {
                    self.decoder.count_oddity("a comma too many");
                }
                cursor.skip(1);
                if self.is_list {
                    self.end_document(cursor);
                } else {
                    self.state = State::Header;
                }
            }
            _ => match cursor.value() {
                Ok(value) => {
                    self.decoder.lose_event(value, "it is no object")?;
                    self.state = State::Comma;
                }
                Err(stop) => return self.broken(stop, start, cursor, window),
            },
        }
        Ok(Ok(()))
    }

    /// An element that cannot be read: the next one is looked for, and what lies before it is lost.
    #[cold]
    fn broken(
        &mut self,
        stop: Stop,
        start: usize,
        cursor: &mut Cursor<'_>,
        window: &[u8],
    ) -> Result<Lexed<()>, TraceError> {
        let seen = window.len() - start;
        let why = match stop {
            Stop::TooDeep => return Ok(Err(stop)),
            Stop::NeedMore if !self.is_last && seen <= MAX_VALUE_BYTES => return Ok(Err(stop)),
            Stop::NeedMore => "it does not end",
            Stop::Damaged(why) => why,
        };
        let lost = |end: usize| window.get(start..end).unwrap_or_default();
        let (end, state) = match resync::find(window, start + 1, self.is_last) {
            Found::Event(at) => (at, State::Element),
            Found::End(at) => (at, State::Comma),
            Found::Nothing(_) if self.is_last && stop == Stop::NeedMore => {
                self.is_cut = true;
                return Ok(Err(stop));
            }
            Found::Nothing(_) if !self.is_last && seen <= MAX_LOST_BYTES => return Ok(Err(Stop::NeedMore)),
            Found::Nothing(at) => (at, State::Lost),
        };
        if resync::is_several_events(lost(end)) {
            let byte = self.done + start as u64;
            self.decoder.trace.health.count(HealthCode::Damaged, || {
                format!(
                    "from byte {byte} on, parts of several events stand in one: what was between them is lost"
                )
            });
        }
        self.decoder.lose_event(lost(end), why)?;
        self.state = state;
        cursor.jump(end);
        Ok(Ok(()))
    }

    fn end_document(&mut self, cursor: &Cursor<'_>) {
        self.document_end = Some(self.done + cursor.at() as u64);
        self.state = State::After;
    }

    fn resume(&mut self, cursor: &mut Cursor<'_>, window: &[u8]) -> Lexed<()> {
        let (at, state) = match resync::find(window, cursor.at(), self.is_last) {
            Found::Event(at) => (at, State::Element),
            Found::End(at) => (at, State::Comma),
            Found::Nothing(at) if at > cursor.at() => (at, State::Lost),
            Found::Nothing(_) => return Err(Stop::NeedMore),
        };
        self.state = state;
        cursor.jump(at);
        Ok(())
    }

    /// What follows the document: padding, something else, or more JSON, which somebody recorded.
    fn after(&mut self, cursor: &mut Cursor<'_>) -> Lexed<()> {
        let code = match cursor.significant()? {
            b'{' | b'[' | b'"' | b',' | b'}' | b']' => HealthCode::SecondDocument,
            _ => HealthCode::TrailingData,
        };
        let end = self.document_end.unwrap_or(self.done);
        self.decoder.trace.health.count(code, || format!("the document ends before byte {end}"));
        self.state = State::Ignore;
        Ok(())
    }

    /// What nobody reads, except for another document's list of events.
    fn ignore(&mut self, cursor: &mut Cursor<'_>, window: &[u8]) -> Lexed<()> {
        let is_known = self.decoder.trace.health.get(HealthCode::SecondDocument) > 0;
        let seen = match resync::find_events(window, cursor.at()) {
            _ if is_known => window.len(),
            Ok(key) => {
                let byte = self.done + key as u64;
                self.decoder.trace.health.count(HealthCode::SecondDocument, || {
                    format!("another `traceEvents` stands at byte {byte}, behind what ends the first")
                });
                window.len()
            }
            Err(seen) => seen,
        };
        if seen == cursor.at() {
            return Err(Stop::NeedMore);
        }
        cursor.jump(seen);
        Ok(())
    }
}

/// The event at the cursor. Fields come in any order; the last of equal ones counts.
#[inline]
fn event<'a>(cursor: &mut Cursor<'a>) -> Lexed<Row<'a>> {
    let mut row = Row::default();
    // Arguments that the category, as far as it was known, has no use for.
    let mut passed: Option<&'a [u8]> = None;
    cursor.members(|cursor, key| {
        if key == wire::ARGS {
            if row.cat.is_some() && Decoder::need(row.cat) == Need::Fields {
                row.args = Args::default();
                passed = Some(cursor.value()?);
            } else {
                passed = None;
                row.args = Args::read(cursor)?;
            }
        } else {
            let value = cursor.value()?;
            if cursor.escaped {
                row.set(&wire::plain(key), value);
            } else {
                row.set(key, value);
            }
        }
        Ok(())
    })?;
    row.is_plain = !cursor.escaped;
    if let Some(args) = passed
        && Decoder::need(row.cat) == Need::Args
    {
        row.args = Args::read(&mut Cursor::new(args, 0))?;
    }
    Ok(row)
}
