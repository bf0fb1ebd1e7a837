//! From bytes to a [`Trace`], one event at a time, with `serde_json`.
//!
//! Input: the inflated bytes of one file. Output: a trace, and what was wrong with it. A defect inside one
//! event costs that event; a defect of the JSON itself ends the reading and keeps what came before, marked.
//! What it gives up: the whole file is in memory.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::category::Category;
use super::health::HealthCode;
use super::loss;
use super::model::{
    Activity, ActivityKind, Annotation, CorrelationId, CpuOp, DeviceId, DeviceProperties, ExternalId,
    GraphNodeId, Header, Launch, NameId, Names, PythonFrame, SetupCall, SetupKind, StreamId, ThreadId, Trace,
};
use super::ns::{Ns, Span};
use super::wire::{self, Args, Event, Key};

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
}

/// Keys of a header that tell a trace even where its events were not reached.
const KINETO_KEYS: [&str; 6] =
    ["schemaVersion", "deviceProperties", "distributedInfo", "displayTimeUnit", "traceName", "trace_id"];

/// Nothing on a GPU lasts a week; CUPTI's clock overflowed (quirk Q11).
const LONGEST: Ns = Ns(7 * 24 * 3600 * 1_000_000_000);

/// No trace of a serving process comes near this; beyond it memory would run out first.
const MAX_EVENTS: u64 = 200_000_000;

/// Reads one trace from the bytes of a JSON file: an object with `traceEvents`, or a bare list of events.
///
/// Truncated and damaged files are no error: the trace's health says so, and what came before is kept.
pub fn read(bytes: &[u8]) -> Result<Trace, TraceError> {
    let mut decoder = Decoder::default();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) => {
            let at = error.valid_up_to();
            decoder.trace.health.count(HealthCode::InvalidUtf8, || format!("first at byte {at}"));
            String::from_utf8_lossy(bytes)
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let start = text.trim_start();
    let mut json = serde_json::Deserializer::from_str(text);
    let outcome = match start.as_bytes().first() {
        None => return Err(TraceError::Empty),
        Some(b'[') => json.deserialize_seq(Events(&mut decoder)),
        Some(b'{') => json.deserialize_map(TopLevel(&mut decoder)),
        Some(_) => return Err(TraceError::Foreign("it does not begin as JSON".to_owned())),
    };
    decoder.found_events |= start.starts_with('[');
    match outcome {
        Ok(()) => {
            if json.end().is_err() {
                decoder
                    .trace
                    .health
                    .count(HealthCode::TrailingData, || "bytes follow the JSON document".to_owned());
            }
        }
        Err(error) if error.is_eof() => {
            let place = format!("the JSON ends at line {}, column {}", error.line(), error.column());
            decoder.trace.health.count(HealthCode::CutOff, || place);
        }
        Err(error) => decoder.trace.health.count(HealthCode::Damaged, || error.to_string()),
    }
    if decoder.too_many {
        return Err(TraceError::TooManyEvents(MAX_EVENTS));
    }
    let is_broken =
        [HealthCode::CutOff, HealthCode::Damaged].iter().any(|code| decoder.trace.health.get(*code) > 0);
    // What broke before its events may be a trace, unless it broke by not being JSON and names nothing known.
    let is_unfinished =
        is_broken && (decoder.found_header || decoder.trace.health.get(HealthCode::CutOff) > 0);
    if !decoder.found_events && !is_unfinished {
        return Err(TraceError::Foreign("it has no `traceEvents`".to_owned()));
    }
    // A bare list has no key to know it by: what has no phase is no event.
    if start.starts_with('[') && decoder.trace.events.read > 0 && !decoder.found_phase && !is_broken {
        return Err(TraceError::Foreign("it is a list of something else than events".to_owned()));
    }
    Ok(decoder.finish())
}

/// What the first bytes of a file tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sniff {
    /// Nothing speaks against a trace.
    Trace,
    /// Several ranks in one file, by the marks that merging leaves.
    Merged,
    /// Something else, and why.
    Foreign(String),
}

/// Tells what a file is from its first bytes; `is_whole` says that nothing follows them.
///
/// In doubt it is a trace: reading it will tell.
pub fn sniff(bytes: &[u8], is_whole: bool) -> Sniff {
    match read(bytes) {
        Ok(trace) if !trace.merged_from.is_empty() => Sniff::Merged,
        Ok(_) => Sniff::Trace,
        Err(TraceError::Foreign(reason)) => Sniff::Foreign(reason),
        Err(TraceError::Empty) if is_whole => Sniff::Foreign(TraceError::Empty.to_string()),
        Err(TraceError::Empty | TraceError::TooManyEvents(_)) => Sniff::Trace,
    }
}

#[derive(Default)]
struct Decoder {
    trace: Trace,
    found_events: bool,
    found_header: bool,
    found_phase: bool,
    too_many: bool,
}

impl Decoder {
    fn finish(mut self) -> Trace {
        loss::settle(&mut self.trace);
        self.trace
    }

    fn event(&mut self, object: &str) {
        self.trace.events.read += 1;
        let Some(event) = Event::read(object) else {
            self.trace.health.count(HealthCode::EventLost, || {
                format!("element {} of traceEvents is no object", self.trace.events.read)
            });
            return;
        };
        self.found_phase |= event.ph.is_some();
        if let Some(rank) = event.pid.and_then(merged_rank)
            && let Err(at) = self.trace.merged_from.binary_search_by(|known| known.as_str().cmp(rank))
        {
            self.trace.merged_from.insert(at, rank.to_owned());
        }
        if event.ph != Some("\"X\"") {
            return;
        }
        let cat = event.cat.and_then(wire::text).unwrap_or_default();
        let name = match event.name.map(wire::text) {
            Some(Some(name)) => name,
            Some(None) => Cow::Borrowed("unknown"),
            None => Cow::Borrowed(""),
        };
        match Category::of(&cat, &name) {
            Category::Kernel => self.activity(&event, &name, ActivityKind::Kernel),
            Category::Copy => self.activity(&event, &name, ActivityKind::Copy),
            Category::Set => self.activity(&event, &name, ActivityKind::Set),
            Category::Launch => self.launch(&event, &name),
            Category::CpuOp => self.cpu_op(&event, &name),
            Category::Python => self.python_frame(&event, &name),
            Category::Annotation => self.annotation(&event, &name, false),
            Category::GpuAnnotation => self.annotation(&event, &name, true),
            Category::OtherDevice => self.trace.health.count(HealthCode::DeviceUnsupported, || {
                format!("events of category `{cat}`; only CUDA and HIP can be judged")
            }),
            Category::Other => {}
        }
    }

    fn activity(&mut self, event: &Event<'_>, name: &str, kind: ActivityKind) {
        let (Some(start), Some(length)) = (time(event.ts), time(event.dur)) else {
            self.trace
                .health
                .count(HealthCode::ActivityWithoutTime, || format!("`{name}` has no usable time"));
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
                HealthCode::EventTooLong => format!("`{name}` lasts longer than a week"),
                _ => name.to_owned(),
            });
            return;
        }
        let args = Args::read(event.args);
        let names = &mut self.trace.names;
        let stream = stream(names, event, &args);
        let activity = Activity {
            name: names.intern(name),
            kind,
            stream,
            span: Span::new(start, length),
            correlation: args.correlation.and_then(wire::id).map(CorrelationId),
            external: args.external.and_then(wire::id).map(ExternalId),
            grid: args.grid.map_or([0; 3], wire::triple),
            graph_node: args.graph_node.and_then(wire::id).map(GraphNodeId),
            group: group(names, &args),
        };
        self.trace.activities.push(activity);
    }

    fn launch(&mut self, event: &Event<'_>, name: &str) {
        let args = Args::read(event.args);
        let setup = setup_kind(name);
        // Calls such as `cudaStreamSynchronize` carry a correlation and queue nothing; `finish` drops them.
        let correlation = args.correlation.and_then(wire::id).map(CorrelationId);
        if setup.is_none() && correlation.is_none() {
            return;
        }
        let span = match (time(event.ts), time(event.dur)) {
            (Some(_), Some(length)) if length > LONGEST => {
                self.trace
                    .health
                    .count(HealthCode::EventTooLong, || format!("`{name}` lasts longer than a week"));
                return;
            }
            (Some(start), Some(length)) => Span::new(start, length),
            // What queues nothing is no loss.
            _ if loss::is_launch_call(name) => {
                self.trace.health.count(HealthCode::LaunchWithoutTime, || name.to_owned());
                return;
            }
            _ => {
                self.skip("a runtime call lacks its time");
                return;
            }
        };
        let thread = self.thread(event);
        let external = args.external.and_then(wire::id).map(ExternalId);
        let kernel = args.kernel.and_then(wire::text).map(|kernel| self.trace.names.intern(&kernel));
        let name = self.trace.names.intern(name);
        match (setup, correlation) {
            (Some(kind), _) => self.trace.setups.push(SetupCall { kind, name, thread, span }),
            (None, Some(correlation)) => {
                self.trace.launches.push(Launch { name, thread, span, correlation, external, kernel });
            }
            (None, None) => {}
        }
    }

    fn cpu_op(&mut self, event: &Event<'_>, name: &str) {
        let Some(span) = self.span(event) else { return };
        let thread = self.thread(event);
        let external = Args::read(event.args).external.and_then(wire::id).map(ExternalId);
        let name = self.trace.names.intern(name);
        self.trace.cpu_ops.push(CpuOp { name, thread, span, external });
    }

    fn python_frame(&mut self, event: &Event<'_>, name: &str) {
        let Some(span) = self.span(event) else { return };
        let thread = self.thread(event);
        let name = self.trace.names.intern(name);
        self.trace.python_frames.push(PythonFrame { name, thread, span });
    }

    fn annotation(&mut self, event: &Event<'_>, name: &str, on_gpu: bool) {
        let Some(span) = self.span(event) else { return };
        let args = Args::read(event.args);
        let names = &mut self.trace.names;
        let stream = on_gpu.then(|| stream(names, event, &args));
        let name = names.intern(name);
        let external = args.external.and_then(wire::id).map(ExternalId);
        self.trace.annotations.push(Annotation { name, span, on_gpu, stream, external });
    }

    fn span(&mut self, event: &Event<'_>) -> Option<Span> {
        match (time(event.ts), time(event.dur)) {
            (Some(start), Some(length)) if length <= LONGEST => Some(Span::new(start, length)),
            _ => {
                self.skip("an op, a call or a range lacks its time");
                None
            }
        }
    }

    fn thread(&mut self, event: &Event<'_>) -> ThreadId {
        let names = &mut self.trace.names;
        ThreadId { pid: track(names, event.pid), tid: track(names, event.tid) }
    }

    fn skip(&mut self, detail: &str) {
        self.trace.health.count(HealthCode::EventSkipped, || detail.to_owned());
    }

    fn header(&mut self, key: &str, value: &str) {
        self.found_header |= KINETO_KEYS.contains(&key);
        let header = &mut self.trace.header;
        match key {
            "deviceProperties" => header.devices = device_properties(value),
            "distributedInfo" => {
                wire::for_each_member(value, &mut |key, value| match key {
                    "rank" => header.rank = wire::small(value),
                    "world_size" => header.world_size = wire::small(value),
                    _ => {}
                });
            }
            "cuda_runtime_version" | "hip_runtime_version" => {
                header.runtime_version = wire::text(value).map(Cow::into_owned);
                set_platform(header, key);
            }
            "cuda_driver_version" | "hip_driver_version" => {
                header.driver_version = wire::text(value).map(Cow::into_owned);
                set_platform(header, key);
            }
            "roctracer_version" => header.platform = "hip".to_owned(),
            "cupti_version" => header.platform = "cuda".to_owned(),
            _ => {}
        }
    }
}

fn set_platform(header: &mut Header, key: &str) {
    key.split('_').next().unwrap_or_default().clone_into(&mut header.platform);
}

/// The mark before the process id of a merged file: `"[TP00] 6610"`, `"[TP01-DP00] 6611"`, `"[TP-0] 6610"`.
fn merged_rank(pid: &str) -> Option<&str> {
    let (mark, _) = pid.strip_prefix("\"[")?.split_once(']')?;
    let is_rank = ["TP", "DP", "PP", "EP"].iter().any(|axis| {
        let number = mark.strip_prefix(axis).map(|rest| rest.trim_start_matches(['-', '_', ' ']));
        number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
    });
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

fn time(value: Option<&str>) -> Option<Ns> {
    wire::text(value?).and_then(|text| Ns::from_decimal_us(&text))
}

/// A process, thread, device or stream as text: numbers and texts mix inside one file.
fn track(names: &mut Names, value: Option<&str>) -> NameId {
    names.intern(&value.and_then(wire::text).unwrap_or_default())
}

/// The stream that a row of the GPU stands on.
fn stream(names: &mut Names, event: &Event<'_>, args: &Args<'_>) -> StreamId {
    let device = DeviceId(track(names, args.device.or(event.pid)));
    StreamId { device, stream: track(names, args.stream.or(event.tid)) }
}

/// The ranks of a collective. Long lists are cut short with dots; the group's name tells those apart.
fn group(names: &mut Names, args: &Args<'_>) -> Option<NameId> {
    let ranks = args.group_ranks?.trim_matches('"');
    if ranks.contains("...") {
        let name = args.group_name.and_then(wire::text).unwrap_or_default();
        return Some(names.intern(&format!("{ranks} of group {name}")));
    }
    ranks.contains(|c: char| c.is_ascii_digit()).then(|| names.intern(ranks))
}

fn device_properties(value: &str) -> Vec<DeviceProperties> {
    let devices: Vec<&RawValue> = serde_json::from_str(value).unwrap_or_default();
    devices
        .into_iter()
        .map(|device| {
            let mut properties = DeviceProperties { id: String::new(), name: String::new() };
            wire::for_each_member(device.get(), &mut |key, value| match key {
                "id" => properties.id = wire::text(value).map(Cow::into_owned).unwrap_or_default(),
                "name" => properties.name = wire::text(value).map(Cow::into_owned).unwrap_or_default(),
                _ => {}
            });
            properties
        })
        .collect()
}

struct TopLevel<'d>(&'d mut Decoder);

impl<'de> Visitor<'de> for TopLevel<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a trace")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            if key == "traceEvents" {
                self.0.found_events = true;
                map.next_value_seed(Events(self.0))?;
            } else {
                let value: &RawValue = map.next_value()?;
                self.0.header(&key, value.get());
            }
        }
        Ok(())
    }
}

struct Events<'d>(&'d mut Decoder);

impl<'de> DeserializeSeed<'de> for Events<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Events<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(event) = seq.next_element::<&'de RawValue>()? {
            if self.0.trace.events.read >= MAX_EVENTS {
                self.0.too_many = true;
                return Err(serde::de::Error::custom("too many events"));
            }
            self.0.event(event.get());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: &str = r#"{"ph":"X","cat":"kernel","name":"k","pid":0,"tid":7,"ts":1.5,"dur":2,"args":{"stream":7,"device":0,"correlation":3}}"#;

    #[test]
    fn a_kernel_is_read_with_its_stream_and_time() {
        let trace = read(format!(r#"{{"traceEvents":[{KERNEL}]}}"#).as_bytes()).unwrap();
        let kernel = trace.activities[0];
        assert_eq!(trace.names.get(kernel.name), "k");
        assert_eq!(trace.names.get(kernel.stream.stream), "7");
        assert_eq!(kernel.span, Span { start: Ns(1500), end: Ns(3500) });
        assert_eq!(kernel.correlation, Some(CorrelationId(3)));
    }

    /// W-35: old shapes are read in every mode.
    #[test]
    fn a_bare_list_and_old_spellings_are_read() {
        let text = r#"[{"ph":"X","cat":"Kernel","name":"k","pid":0,"tid":"stream 7","ts":1,"dur":2,"args":{"stream":7,"external id":4}}]"#;
        let trace = read(text.as_bytes()).unwrap();
        assert_eq!(trace.activities[0].external, Some(ExternalId(4)));
        assert_eq!(trace.names.get(trace.activities[0].stream.stream), "7");
    }

    #[test]
    fn a_cut_off_file_keeps_what_came_before_and_says_so() {
        let text = format!(r#"{{"traceEvents":[{KERNEL},{{"ph":"X","cat":"kern"#);
        let trace = read(text.as_bytes()).unwrap();
        assert_eq!(trace.activities.len(), 1);
        assert_eq!(trace.health.get(HealthCode::CutOff), 1);
    }

    #[test]
    fn broken_json_keeps_what_came_before_and_says_so() {
        let trace = read(format!(r#"{{"traceEvents":[{KERNEL},{{"ph":N/A}}]}}"#).as_bytes()).unwrap();
        assert_eq!(trace.activities.len(), 1);
        assert_eq!(trace.health.get(HealthCode::Damaged), 1);
    }

    #[test]
    fn a_kernel_without_time_and_a_negative_one_are_counted_not_guessed() {
        let text = r#"[{"ph":"X","cat":"kernel","name":"a","ts":1},{"ph":"X","cat":"kernel","name":"b","ts":1,"dur":-5}]"#;
        let trace = read(text.as_bytes()).unwrap();
        assert_eq!(trace.activities.len(), 0);
        assert_eq!(trace.health.get(HealthCode::ActivityWithoutTime), 1);
        assert_eq!(trace.health.get(HealthCode::NegativeDuration), 1);
    }

    #[test]
    fn foreign_and_empty_files_are_refused_with_the_reason() {
        assert_eq!(read(b"").unwrap_err(), TraceError::Empty);
        assert_eq!(read(b"  \n").unwrap_err(), TraceError::Empty);
        assert!(matches!(read(b"\x89PNG").unwrap_err(), TraceError::Foreign(_)));
        assert!(matches!(read(br#"{"a":1}"#).unwrap_err(), TraceError::Foreign(_)));
        assert!(matches!(read(b"[1, {\"a\": 2}]").unwrap_err(), TraceError::Foreign(_)));
    }

    #[test]
    fn first_bytes_tell_traces_merged_files_and_others() {
        let header = r#"{"schemaVersion":1,"deviceProperties":[],"distributedInfo":{"rank":0,"#;
        let merged = r#"{"traceEvents":[{"ph":"M","name":"process_name","pid":"[TP01] 6610","tid":0},{"ph"#;
        let foreign = |text: &str| matches!(sniff(text.as_bytes(), true), Sniff::Foreign(_));
        assert_eq!(sniff(header.as_bytes(), false), Sniff::Trace);
        assert_eq!(sniff(merged.as_bytes(), false), Sniff::Merged);
        assert_eq!(sniff(br#"{"schemaVersion":1,"x":N/A,"traceEvents":[]}"#, true), Sniff::Trace);
        assert!(foreign("") && foreign("plain text") && foreign("{}") && foreign(r#"{"loss": NaN}"#));
        let bracket = r#"{"traceEvents":[{"ph":"X","pid":"[rank] 1"},{"ph":"X","pid":"[TPU] 1"}]}"#;
        assert_eq!(sniff(bracket.as_bytes(), true), Sniff::Trace);
    }

    #[test]
    fn a_launch_keeps_the_kernel_that_its_row_names() {
        let text = r#"[{"ph":"X","cat":"cuda_runtime","name":"hipLaunchKernel","pid":1,"tid":2,"ts":3,"dur":1,"args":{"correlation":4,"kernel":"k"}}]"#;
        let trace = read(text.as_bytes()).unwrap();
        assert_eq!(trace.launches[0].kernel.map(|name| trace.names.get(name)), Some("k"));
    }

    /// W-30: a row that only waits is no GPU time in any table.
    #[test]
    fn sync_rows_and_gpu_annotations_are_no_activity() {
        let text = r#"[{"ph":"X","cat":"cuda_sync","name":"Stream Sync","ts":1,"dur":2,"tid":1000007},
            {"ph":"X","cat":"gpu_user_annotation","name":"step[DECODE bs=1]","ts":1,"dur":2}]"#;
        let trace = read(text.as_bytes()).unwrap();
        assert!(trace.activities.is_empty());
        assert!(trace.annotations[0].on_gpu);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_cut_of_a_real_shape_panics(cut in 0usize..170) {
            let text = format!(r#"{{"schemaVersion":1,"deviceProperties":[{{"id":0,"name":"G"}}],"traceEvents":[{KERNEL}]}}"#);
            let _ = read(&text.as_bytes()[..cut.min(text.len())]);
        }
    }
}
