//! From bytes to a [`Trace`], one event at a time, with `serde_json`.
//!
//! Input: the inflated bytes of one file. Output: a trace, and what was wrong with it. A defect inside one
//! event costs that event; a defect of the JSON itself ends the reading and keeps what came before, marked.
//! What it gives up: the whole file is in memory.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::category::Category;
use super::health::HealthCode;
use super::model::{
    Activity, ActivityKind, Annotation, CorrelationId, CpuOp, DeviceId, DeviceProperties, ExternalId,
    GraphCapture, Header, Launch, NameId, Names, PythonFrame, StreamId, ThreadId, Trace,
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
    let is_broken = decoder.trace.health.iter().any(|(code, ..)| code.forbids_judgement());
    if !decoder.found_events && !is_broken {
        return Err(TraceError::Foreign("it has no `traceEvents`".to_owned()));
    }
    Ok(decoder.finish())
}

#[derive(Default)]
struct Decoder {
    trace: Trace,
    found_events: bool,
    too_many: bool,
}

impl Decoder {
    fn finish(mut self) -> Trace {
        // A runtime call that queued nothing is no launch. GPU rows may stand before or after the calls in
        // the file, so this is known only at the end.
        let queued: HashMap<CorrelationId, ()> = self
            .trace
            .activities
            .iter()
            .filter_map(|activity| activity.correlation)
            .map(|correlation| (correlation, ()))
            .collect();
        self.trace.graph_captures = graph_captures(&self.trace);
        self.trace.launches.retain(|launch| {
            queued.contains_key(&launch.correlation) || is_launch_call(self.trace.names.get(launch.name))
        });
        self.trace
    }

    fn event(&mut self, object: &str) {
        self.trace.events.read += 1;
        let Some(event) = Event::read(object) else {
            self.skip("an element of traceEvents is no object");
            return;
        };
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
            Category::Other => {}
        }
    }

    fn activity(&mut self, event: &Event<'_>, name: &str, kind: ActivityKind) {
        let (Some(start), Some(length)) = (time(event.ts), time(event.dur)) else {
            self.trace.health.count(HealthCode::ActivityWithoutTime, || name.to_owned());
            return;
        };
        if length < Ns::ZERO {
            self.trace.health.count(HealthCode::NegativeDuration, || name.to_owned());
            return;
        }
        let args = Args::read(event.args);
        let names = &mut self.trace.names;
        let device = DeviceId(track(names, args.device.or(event.pid)));
        let stream = StreamId { device, stream: track(names, args.stream.or(event.tid)) };
        let activity = Activity {
            name: names.intern(name),
            kind,
            stream,
            span: Span::new(start, length),
            correlation: args.correlation.and_then(wire::id).map(CorrelationId),
            external: args.external.and_then(wire::id).map(ExternalId),
            grid: args.grid.map_or([0; 3], wire::triple),
        };
        self.trace.activities.push(activity);
    }

    fn launch(&mut self, event: &Event<'_>, name: &str) {
        let args = Args::read(event.args);
        // Calls such as `cudaStreamSynchronize` carry a correlation and queue nothing; `finish` drops them.
        let Some(correlation) = args.correlation.and_then(wire::id).map(CorrelationId) else { return };
        let Some(span) = self.span(event) else { return };
        let thread = self.thread(event);
        let external = args.external.and_then(wire::id).map(ExternalId);
        let kernel = args.kernel.and_then(wire::text).map(|kernel| self.trace.names.intern(&kernel));
        let name = self.trace.names.intern(name);
        self.trace.launches.push(Launch { name, thread, span, correlation, external, kernel });
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
        let name = self.trace.names.intern(name);
        self.trace.annotations.push(Annotation { name, span, on_gpu });
    }

    fn span(&mut self, event: &Event<'_>) -> Option<Span> {
        match (time(event.ts), time(event.dur)) {
            (Some(start), Some(length)) => Some(Span::new(start, length)),
            _ => {
                self.skip("an event lacks its time");
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

/// Calls that queue GPU work even where the activity itself was not recorded, as while a graph is captured.
fn is_launch_call(name: &str) -> bool {
    name.contains("Launch") || name.contains("Memcpy") || name.contains("Memset")
}

/// The stretches between the calls that begin and end the recording of a graph, per thread. A recording
/// whose end is missing lasts to the end of the trace.
fn graph_captures(trace: &Trace) -> Vec<GraphCapture> {
    let mut marks: Vec<(ThreadId, Span, bool)> = Vec::new();
    for launch in &trace.launches {
        let name = trace.names.get(launch.name);
        if name.contains("StreamBeginCapture") {
            marks.push((launch.thread, launch.span, true));
        } else if name.contains("StreamEndCapture") {
            marks.push((launch.thread, launch.span, false));
        }
    }
    marks.sort_unstable_by_key(|(thread, span, begins)| (*thread, span.start, *begins));
    let mut captures = Vec::new();
    let mut rest = marks.as_slice();
    while let [(thread, begin, begins), tail @ ..] = rest {
        rest = tail;
        if *begins {
            let end = match tail.first() {
                Some((other, end, false)) if other == thread => end.end,
                Some(_) | None => Ns(i64::MAX),
            };
            captures.push(GraphCapture { thread: *thread, span: Span { start: begin.start, end } });
        }
    }
    captures.sort_unstable_by_key(|capture| (capture.span.start, capture.thread));
    captures
}

fn time(value: Option<&str>) -> Option<Ns> {
    wire::text(value?).and_then(|text| Ns::from_decimal_us(&text))
}

/// A process, thread, device or stream as text: numbers and texts mix inside one file.
fn track(names: &mut Names, value: Option<&str>) -> NameId {
    names.intern(&value.and_then(wire::text).unwrap_or_default())
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
    }

    #[test]
    fn a_recorded_graph_keeps_its_launches_and_the_kernels_that_they_name() {
        let call = |name: &str, ts: u32, more: &str| {
            format!(
                r#"{{"ph":"X","cat":"cuda_runtime","name":"{name}","pid":1,"tid":2,"ts":{ts},"dur":1,"args":{{"correlation":{ts}{more}}}}}"#
            )
        };
        let text = [
            call("hipStreamBeginCapture", 10, ""),
            call("hipLaunchKernel", 12, r#","kernel":"k""#),
            call("hipStreamEndCapture", 20, ""),
            call("hipStreamBeginCapture", 30, ""),
        ]
        .join(",");
        let trace = read(format!("[{text}]").as_bytes()).unwrap();
        assert_eq!(trace.launches.len(), 1);
        assert_eq!(trace.launches[0].kernel.map(|name| trace.names.get(name)), Some("k"));
        let spans: Vec<Span> = trace.graph_captures.iter().map(|capture| capture.span).collect();
        let open = Span { start: Ns(30_000), end: Ns(i64::MAX) };
        assert_eq!(spans, [Span { start: Ns(10_000), end: Ns(21_000) }, open]);
    }

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
