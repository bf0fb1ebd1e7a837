//! From rows of raw JSON to a [`Trace`]: what each event means, whoever took it apart.
//!
//! Input: the fields of one event after the other, and those of the header. Output: a trace, and what was
//! wrong with it. A defect inside one event costs that event.

use std::borrow::Cow;

use super::category::{self, Category};
use super::health::HealthCode;
use super::loss;
use super::model::{
    Activity, ActivityKind, Annotation, CorrelationId, CpuOp, DeviceId, DeviceProperties, ExternalId,
    GraphNodeId, GroupId, Header, Launch, PythonFrame, SetupCall, SetupKind, StreamId, ThreadId, Trace,
};
use super::names::NameId;
use super::ns::{Ns, Span};
use super::tracks::Tracks;
use super::wire::{self, Args, Raw, Row};

/// Nothing on a GPU lasts a week; CUPTI's clock overflowed (quirk Q11).
const LONGEST: Ns = Ns(7 * 24 * 3600 * 1_000_000_000);

/// No trace of a serving process comes near this; beyond it memory would run out first.
pub const MAX_EVENTS: u64 = 200_000_000;

/// Longest name of a kernel, an op or a call. Real ones stay below ten thousand bytes.
pub const MAX_NAME_BYTES: usize = 1 << 20;

/// Most distinct names. Real traces have a few ten thousand.
pub const MAX_NAMES: usize = 8_000_000;

/// Most bytes of all distinct names together.
const MAX_NAMES_BYTES: usize = 1 << 30;

/// How much one trace may hold.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// Events.
    pub events: u64,
    /// Distinct names.
    pub names: usize,
    /// Bytes of all distinct names together.
    pub names_bytes: usize,
}

impl Default for Most {
    fn default() -> Self {
        Self { events: MAX_EVENTS, names: MAX_NAMES, names_bytes: MAX_NAMES_BYTES }
    }
}

/// Most bytes of a damaged value that a sentence repeats.
const MAX_TOLD_BYTES: usize = 40;

/// Why bytes are no trace at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// There is nothing in the file.
    #[error("the file is empty")]
    Empty,
    /// The content is something else.
    #[error("this is no profiler trace: {0}")]
    Foreign(String),
    /// More events than one run can hold.
    #[error("more than {0} events")]
    TooManyEvents(u64),
    /// More distinct names than one run can hold.
    #[error("more than {0} distinct names")]
    TooManyNames(usize),
    /// A name that is none.
    #[error("a name of more than {0} bytes")]
    NameTooLong(usize),
    /// Values inside values inside values.
    #[error("values that nest more than {0} levels deep")]
    TooDeep(usize),
}

/// What an event of a category becomes, as far as its arguments matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The arguments are read.
    Args,
    /// Nothing but the fields of the event itself.
    Fields,
}

/// Collects the events of one trace.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What was read so far.
    pub trace: Trace,
    /// Whether the list of events was reached.
    pub found_events: bool,
    /// Whether a key of Kineto's header was met.
    pub found_header: bool,
    /// Whether any event has a phase.
    pub found_phase: bool,
    /// Damaged events that may have been work of the GPU.
    pub lost: u64,
    /// Limits; beyond them is an error.
    pub most: Most,
    calls: Vec<Option<Call>>,
    tracks: Tracks,
}

/// What the name of a runtime call tells; worked out once per name.
#[derive(Debug, Clone, Copy)]
struct Call {
    setup: Option<SetupKind>,
    is_launch: bool,
}

impl Decoder {
    /// What is known of a category before the event's name is.
    pub fn need(cat: Option<Raw<'_>>) -> Need {
        match cat {
            Some(b"\"python_function\"" | b"\"ac2g\"") => Need::Fields,
            _ => Need::Args,
        }
    }

    /// The trace, with its losses counted.
    pub fn finish(mut self) -> Trace {
        loss::settle(&mut self.trace, self.lost);
        self.trace
    }

    /// Takes one element of the list of events that is an object.
    pub fn event(&mut self, row: &Row<'_>) -> Result<(), TraceError> {
        self.count_event()?;
        self.found_phase |= row.ph.is_some();
        let is_complete = row.is_complete();
        if (is_complete || row.is_metadata())
            && let Some(rank) = row.pid.and_then(merged_rank)
        {
            self.merged_from(rank);
        }
        if !is_complete {
            if !row.ph.is_some_and(wire::is_phase) {
                self.lose_unreadable(row, "phase", row.ph);
            }
            return Ok(());
        }
        let name = match row.name.map(|name| row.text(name)) {
            Some(Some(name)) => Some(name),
            Some(None) => None,
            None => Some(Cow::Borrowed(&b""[..])),
        };
        let name = name.as_deref().unwrap_or(b"unknown");
        if name.len() > MAX_NAME_BYTES {
            return Err(TraceError::NameTooLong(MAX_NAME_BYTES));
        }
        let cat = row.cat.and_then(|cat| row.text(cat)).unwrap_or_default();
        match Category::of(&cat, name) {
            Category::Kernel => self.activity(row, name, ActivityKind::Kernel),
            Category::Copy => self.activity(row, name, ActivityKind::Copy),
            Category::Set => self.activity(row, name, ActivityKind::Set),
            Category::Launch => self.launch(row, name),
            Category::CpuOp => self.cpu_op(row, name),
            Category::Python => self.python_frame(row, name),
            Category::Annotation => self.annotation(row, name, false),
            Category::GpuAnnotation => self.annotation(row, name, true),
            Category::OtherDevice => self.trace.health.count(HealthCode::DeviceUnsupported, || {
                format!(
                    "events of category `{}`; only CUDA and HIP can be judged",
                    String::from_utf8_lossy(&cat)
                )
            }),
            Category::Other if row.args.names_gpu_work() && !category::is_no_work(&cat) => {
                self.lose_unreadable(row, "category", row.cat);
            }
            Category::Other => {}
        }
        if self.trace.names.len() > self.most.names || self.trace.names.bytes() > self.most.names_bytes {
            return Err(TraceError::TooManyNames(self.trace.names.len().min(self.most.names)));
        }
        Ok(())
    }

    /// Counts an element of the list of events, whatever it is.
    pub fn count_event(&mut self) -> Result<(), TraceError> {
        if self.trace.events.read >= self.most.events {
            return Err(TraceError::TooManyEvents(self.most.events));
        }
        self.trace.events.read += 1;
        Ok(())
    }

    /// Counts an event that cannot be read, or is no object. What was certainly no work of the GPU is only
    /// skipped.
    pub fn lose_event(&mut self, bytes: &[u8], why: &str) -> Result<(), TraceError> {
        self.count_event()?;
        let number = self.trace.events.read;
        if is_cpu_work(bytes) {
            self.trace.health.count(HealthCode::EventSkipped, || {
                format!("element {number} of traceEvents cannot be read: {why}")
            });
        } else {
            self.lost += 1;
            self.trace.health.count(HealthCode::EventLost, || {
                format!("element {number} of traceEvents cannot be read: {why}")
            });
        }
        Ok(())
    }

    /// Counts an event of which nobody can say what it is.
    fn lose_unreadable(&mut self, row: &Row<'_>, what: &str, value: Option<Raw<'_>>) {
        let number = self.trace.events.read;
        let cat = row.cat.and_then(|cat| row.text(cat)).unwrap_or_default();
        let is_cpu = matches!(
            Category::of(&cat, b""),
            Category::CpuOp | Category::Python | Category::Annotation | Category::GpuAnnotation
        );
        let value = value.unwrap_or(b"none");
        // Damage may make a value of any length.
        let value = String::from_utf8_lossy(value.get(..MAX_TOLD_BYTES).unwrap_or(value)).into_owned();
        let detail = || format!("element {number} of traceEvents has no {what} that is known: {value}");
        if is_cpu || category::is_no_work(&cat) {
            self.trace.health.count(HealthCode::EventSkipped, detail);
        } else {
            self.lost += 1;
            self.trace.health.count(HealthCode::EventLost, detail);
        }
    }

    /// Counts what a strict reader of JSON would refuse.
    pub fn count_oddity(&mut self, oddity: &str) {
        self.trace.health.count(HealthCode::OddJson, || oddity.to_owned());
    }

    fn merged_from(&mut self, rank: &str) {
        if let Err(at) = self.trace.merged_from.binary_search_by(|known| known.as_str().cmp(rank)) {
            self.trace.merged_from.insert(at, rank.to_owned());
        }
    }

    fn activity(&mut self, row: &Row<'_>, name: &[u8], kind: ActivityKind) {
        let told = || String::from_utf8_lossy(name).into_owned();
        let (Some(start), Some(length)) = (wire::time(row.ts), wire::time(row.dur)) else {
            self.trace
                .health
                .count(HealthCode::ActivityWithoutTime, || format!("`{}` has no usable time", told()));
            return;
        };
        let defect = match (start, length) {
            _ if length < Ns::ZERO => Some(HealthCode::NegativeDuration),
            _ if length > LONGEST => Some(HealthCode::EventTooLong),
            (Ns::ZERO, Ns::ZERO) => Some(HealthCode::ActivityAtZero),
            _ => None,
        };
        if let Some(code) = defect {
            self.trace.health.count(code, || match code {
                HealthCode::EventTooLong => format!("`{}` lasts longer than a week", told()),
                _ => told(),
            });
            return;
        }
        let is_named = row.name.and_then(|name| row.text(name)).is_some();
        if !is_named {
            self.trace.health.count(HealthCode::NameMissing, || format!("{kind:?} at {} ms", start.as_ms()));
        }
        let name = self.name(row, if is_named { name } else { b"unknown" });
        let args = row.args;
        let stream = self.stream(row);
        let group = self.group(&args);
        let activity = Activity {
            name,
            kind,
            stream,
            span: Span::new(start, length),
            correlation: args.correlation.and_then(correlation),
            external: args.external.and_then(external),
            grid: args.grid.map_or(0, wire::first_axis),
            graph_node: args.graph_node.and_then(wire::id).map(GraphNodeId),
            group: group.and_then(GroupId::new),
        };
        self.trace.activities.push(activity);
    }

    fn launch(&mut self, row: &Row<'_>, text: &[u8]) {
        let name = self.name(row, text);
        let call = self.call(name);
        let told = || String::from_utf8_lossy(text).into_owned();
        // Calls such as `cudaStreamSynchronize` carry a correlation and queue nothing; `finish` drops them.
        let correlation = row.args.correlation.and_then(correlation);
        if call.setup.is_none() && correlation.is_none() {
            return;
        }
        let span = match (wire::time(row.ts), wire::time(row.dur)) {
            (Some(_), Some(length)) if length > LONGEST => {
                self.trace
                    .health
                    .count(HealthCode::EventTooLong, || format!("`{}` lasts longer than a week", told()));
                return;
            }
            (Some(start), Some(length)) => Span::new(start, length),
            // What queues nothing is no loss.
            _ if call.is_launch => {
                self.trace.health.count(HealthCode::LaunchWithoutTime, told);
                return;
            }
            _ => {
                self.skip("a runtime call lacks its time");
                return;
            }
        };
        let thread = self.thread(row);
        let external = row.args.external.and_then(external);
        let kernel = row.args.kernel.and_then(wire::text).map(|kernel| self.intern(&kernel));
        match (call.setup, correlation) {
            (Some(kind), _) => self.trace.setups.push(SetupCall { kind, name, thread, span }),
            (None, Some(correlation)) => {
                self.trace.launches.push(Launch { name, thread, span, correlation, external, kernel });
            }
            (None, None) => {}
        }
    }

    fn call(&mut self, name: NameId) -> Call {
        let index = name.0 as usize;
        if let Some(Some(call)) = self.calls.get(index) {
            return *call;
        }
        let text = self.trace.names.get(name);
        let call = Call { setup: setup_kind(text), is_launch: loss::is_launch_call(text) };
        if self.calls.len() <= index {
            self.calls.resize(index + 1, None);
        }
        if let Some(slot) = self.calls.get_mut(index) {
            *slot = Some(call);
        }
        call
    }

    fn cpu_op(&mut self, row: &Row<'_>, name: &[u8]) {
        let Some(span) = self.span(row) else { return };
        let thread = self.thread(row);
        let external = row.args.external.and_then(external);
        let name = self.name(row, name);
        self.trace.cpu_ops.push(CpuOp { name, thread, span, external });
    }

    fn python_frame(&mut self, row: &Row<'_>, name: &[u8]) {
        // A third of all events, each with an address in its name; what none of them tells is not kept.
        if is_built_in(name) && !self.trace.python_frames.is_empty() {
            return;
        }
        let Some(span) = self.span(row) else { return };
        let thread = self.thread(row);
        let name = self.name(row, name);
        self.trace.python_frames.push(PythonFrame { name, thread, span });
    }

    fn annotation(&mut self, row: &Row<'_>, name: &[u8], on_gpu: bool) {
        let Some(span) = self.span(row) else { return };
        let name = self.name(row, name);
        let stream = on_gpu.then(|| self.stream(row));
        let external = row.args.external.and_then(external);
        self.trace.annotations.push(Annotation { name, span, on_gpu, stream, external });
    }

    /// The stream that a row of the GPU stands on.
    fn stream(&mut self, row: &Row<'_>) -> StreamId {
        let names = &mut self.trace.names;
        let device = DeviceId(self.tracks.device.id(names, row.args.device.or(row.pid)));
        StreamId { device, stream: self.tracks.stream.id(names, row.args.stream.or(row.tid)) }
    }

    /// The ranks of a collective. Long lists are cut short with dots; the group's name tells those apart.
    fn group(&mut self, args: &Args<'_>) -> Option<NameId> {
        let ranks = String::from_utf8_lossy(args.group_ranks?);
        let ranks = ranks.trim_matches('"');
        if ranks.contains("...") {
            let name = args.group_name.and_then(wire::text).unwrap_or_default();
            return Some(
                self.intern(format!("{ranks} of group {}", String::from_utf8_lossy(&name)).as_bytes()),
            );
        }
        ranks.contains(|c: char| c.is_ascii_digit()).then(|| self.intern(ranks.as_bytes()))
    }

    fn span(&mut self, row: &Row<'_>) -> Option<Span> {
        match (wire::time(row.ts), wire::time(row.dur)) {
            (Some(start), Some(length)) if length <= LONGEST => Some(Span::new(start, length)),
            _ => {
                self.skip("an op, a call or a range lacks its time");
                None
            }
        }
    }

    fn thread(&mut self, row: &Row<'_>) -> ThreadId {
        let names = &mut self.trace.names;
        ThreadId { pid: self.tracks.pid.id(names, row.pid), tid: self.tracks.tid.id(names, row.tid) }
    }

    /// The id of an event's name. What a new one holds that no name should is counted, once per name.
    fn name(&mut self, row: &Row<'_>, text: &[u8]) -> NameId {
        if let Some(id) = self.trace.names.known(text) {
            return id;
        }
        if row.name.is_some_and(wire::is_odd_text) {
            self.count_oddity("a name holds a control character or an escape that is none");
        }
        self.intern(text)
    }

    fn intern(&mut self, text: &[u8]) -> NameId {
        if let Some(id) = self.trace.names.known(text) {
            return id;
        }
        match std::str::from_utf8(text) {
            Ok(text) => self.trace.names.intern(text),
            Err(_) => {
                let text = String::from_utf8_lossy(text);
                self.trace.health.count(HealthCode::InvalidUtf8, || format!("first in `{text}`"));
                self.trace.names.intern(&text)
            }
        }
    }

    fn skip(&mut self, detail: &str) {
        self.trace.health.count(HealthCode::EventSkipped, || detail.to_owned());
    }

    /// Takes a field of the header.
    pub fn header(&mut self, key: &[u8], value: Raw<'_>) {
        let header = &mut self.trace.header;
        let text = || wire::text(value).map(|text| String::from_utf8_lossy(&text).into_owned());
        match key {
            b"deviceProperties" => header.devices = device_properties(value),
            b"distributedInfo" => {
                wire::for_each_member(value, &mut |key, value| match key {
                    b"rank" => header.rank = wire::small(value),
                    b"world_size" => header.world_size = wire::small(value),
                    b"nccl_version" => header.nccl_version = version(value),
                    _ => {}
                });
            }
            b"cuda_runtime_version" | b"hip_runtime_version" => {
                header.runtime_version = text();
                set_platform(header, key);
            }
            b"cuda_driver_version" | b"hip_driver_version" => {
                header.driver_version = text();
                set_platform(header, key);
            }
            b"vllm_version" | b"sglang_version" => header.engine_version = version(value),
            b"baseTimeNanoseconds" => {
                header.base_ns = text().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            }
            b"roctracer_version" => header.platform = "hip".to_owned(),
            b"cupti_version" => header.platform = "cuda".to_owned(),
            _ => {}
        }
    }
}

/// A version, which must not be empty to say something.
fn version(value: Raw<'_>) -> Option<String> {
    let text = wire::text(value)?;
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn correlation(value: Raw<'_>) -> Option<CorrelationId> {
    wire::id(value).map(CorrelationId)
}

fn external(value: Raw<'_>) -> Option<ExternalId> {
    wire::id(value).map(ExternalId)
}

/// Whether a frame is that of a built-in function: it has no place in the source.
fn is_built_in(name: &[u8]) -> bool {
    let is_usual = |byte: &u8| (0x20..0x7f).contains(byte) && *byte != b'\\';
    name.starts_with(b"<built-in ") && name.iter().fold(true, |is, byte| is & is_usual(byte))
}

/// Whether a damaged event still shows that it was no work of the GPU and no launch.
fn is_cpu_work(bytes: &[u8]) -> bool {
    let has = |part: &[u8]| memchr::memmem::find(bytes, part).is_some();
    let is_gpu = [&b"ernel\""[..], b"emcpy\"", b"emset\"", b"_runtime\"", b"_driver\"", b"untime\""]
        .into_iter()
        .any(has);
    let is_cpu = [&b"\"python_function\""[..], b"\"cpu_op\"", b"\"user_annotation\"", b"\"ac2g\"", b"\"M\""]
        .into_iter()
        .any(has);
    is_cpu && !is_gpu
}

fn set_platform(header: &mut Header, key: &[u8]) {
    header.platform = if key.starts_with(b"hip") { "hip" } else { "cuda" }.to_owned();
}

/// Words that a mark of a merged file begins with, before the number.
const RANK_WORDS: [&str; 10] = ["tp", "dp", "pp", "ep", "cp", "sp", "rank", "worker", "local", "global"];

/// The mark before the process id of a merged file: `"[TP00] 6610"`, `"[TP01-DP00] 6611"`, `"[TP-0] 6610"`,
/// `"[rank0] 1234"`, `"[rank 0] 1234"`, `"[DP0_TP00] 1234"`, `"[0] 1234"`.
fn merged_rank(pid: Raw<'_>) -> Option<&str> {
    let pid = std::str::from_utf8(pid).ok()?.strip_prefix('"')?.trim_start();
    let (mark, rest) = pid.strip_prefix('[')?.split_once(']')?;
    let is_separator = |c: char| matches!(c, '-' | '_' | ' ' | ':' | '=' | '#');
    let text = mark.trim().to_ascii_lowercase();
    let mut words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let starts_with_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let is_rank = match words.next() {
        Some(word) => {
            let number = text.strip_prefix(word).map(|rest| rest.trim_start_matches(is_separator));
            // `local rank 0` has the number behind its second word.
            RANK_WORDS.contains(&word)
                && (number.is_some_and(starts_with_digit) || words.next() == Some("rank"))
        }
        None => {
            let process = rest.trim_end_matches('"').trim();
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_digit())
                && !process.is_empty()
                && process.chars().all(|c| c.is_ascii_digit())
        }
    };
    is_rank.then_some(mark)
}

/// `cudaStreamBeginCapture`, `hipGraphInstantiateWithFlags`, `cuModuleLoadData`, `cuLibraryLoadData` and
/// their like.
fn setup_kind(name: &str) -> Option<SetupKind> {
    [
        ("StreamBeginCapture", SetupKind::CaptureBegin),
        ("StreamEndCapture", SetupKind::CaptureEnd),
        ("GraphInstantiate", SetupKind::GraphInstantiate),
        ("ModuleLoad", SetupKind::CodeLoad),
        ("LibraryLoad", SetupKind::CodeLoad),
        ("nvrtcCompile", SetupKind::CodeLoad),
        ("hiprtcCompile", SetupKind::CodeLoad),
    ]
    .into_iter()
    .find_map(|(part, kind)| name.contains(part).then_some(kind))
}

fn device_properties(value: Raw<'_>) -> Vec<DeviceProperties> {
    let mut devices = Vec::new();
    let text = |value: Raw<'_>| {
        wire::text(value).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    };
    wire::for_each_value(value, &mut |device| {
        let mut properties = DeviceProperties { id: String::new(), name: String::new() };
        wire::for_each_member(device, &mut |key, value| match key {
            b"id" => properties.id = text(value),
            b"name" => properties.name = text(value),
            _ => {}
        });
        devices.push(properties);
    });
    devices
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads so many ops, each with a name of its own of eight bytes.
    fn ops(count: u32, most: Most) -> Result<(), TraceError> {
        let mut decoder = Decoder { most, ..Decoder::default() };
        (0..count).try_for_each(|number| {
            let name = format!("\"name{number:04}\"");
            decoder.event(&Row {
                ph: Some(b"\"X\""),
                cat: Some(b"\"cpu_op\""),
                name: Some(name.as_bytes()),
                ts: Some(b"1"),
                dur: Some(b"1"),
                ..Row::default()
            })
        })
    }

    #[test]
    fn more_events_or_names_than_one_run_can_hold_are_errors_with_the_limit() {
        let most = Most { events: 30, names: 20, names_bytes: 10_000 };
        // The empty name of process and thread is one too.
        assert_eq!(ops(19, most), Ok(()));
        assert_eq!(ops(20, most), Err(TraceError::TooManyNames(20)));
        assert_eq!(ops(31, Most { names: 100, ..most }), Err(TraceError::TooManyEvents(30)));
        assert_eq!(ops(20, Most { names: 100, names_bytes: 150, ..most }), Err(TraceError::TooManyNames(20)));
    }
}
