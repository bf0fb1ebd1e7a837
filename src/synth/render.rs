//! Header, CPU rows, metadata and end of a file, as Kineto spells them.
//!
//! Every method appends text; the caller decides the order of the rows and where they go.

use std::fmt::Write as _;

use super::gpu::Platform;
use super::rows::{CpuRange, Frame};
use super::schedule::BEGIN;
use super::workload::{Flavour, Schema, Workload};

/// The first moment of an old trace: its clock counts microseconds since 1970.
const OLD_EPOCH: u64 = 1_606_910_596_288_053_000;

/// How much earlier than its first step a recording begins.
const LEAD: u64 = 510_000;

/// The main thread of old traces; they name threads by text.
const OLD_THREAD: u64 = 4_093_687_616;

/// Writes rows of one rank's file.
pub(super) struct Renderer<'w> {
    pub workload: &'w Workload,
    pub rank: u32,
    is_first: bool,
    event_index: u64,
}

impl<'w> Renderer<'w> {
    pub(super) fn new(workload: &'w Workload, rank: u32) -> Self {
        Self { workload, rank, is_first: true, event_index: 0 }
    }

    pub(super) fn is_old(&self) -> bool {
        self.workload.schema == Schema::Old2021
    }

    pub(super) fn is_hip(&self) -> bool {
        self.workload.gpu.platform == Platform::Hip
    }

    pub(super) fn pid(&self) -> u64 {
        u64::from(self.rank)
            + match self.workload.flavour {
                Flavour::Sglang => 267,
                Flavour::Vllm => 8013,
                Flavour::Script => 49_141,
            }
    }

    pub(super) fn device(&self) -> u32 {
        self.workload.first_device + self.rank
    }

    pub(super) fn tid(&self, thread: u32) -> String {
        if self.is_old() {
            format!("\"{}\"", OLD_THREAD + u64::from(thread))
        } else {
            (self.pid() + u64::from(thread)).to_string()
        }
    }

    /// A point in time in microseconds.
    pub(super) fn at(&self, ns: u64) -> String {
        if self.is_old() {
            ((OLD_EPOCH + ns.saturating_sub(BEGIN - LEAD)) / 1000).to_string()
        } else {
            micros(ns)
        }
    }

    /// A length of time in microseconds.
    pub(super) fn length(&self, ns: u64) -> String {
        if self.is_old() { (ns / 1000).to_string() } else { micros(ns) }
    }

    /// What stands between two rows.
    pub(super) fn next_row(&mut self, out: &mut String) {
        out.push_str(if self.is_first { "\n  {" } else { ",\n  {" });
        self.is_first = false;
    }

    /// The first lines of a complete event, up to its arguments.
    pub(super) fn complete(
        &mut self,
        out: &mut String,
        (cat, name): (&str, &str),
        track: (impl std::fmt::Display, impl std::fmt::Display),
        (start, ns): (u64, u64),
    ) {
        self.next_row(out);
        let (pid, tid) = track;
        let (name, at, length) = (text(name), self.at(start), self.length(ns));
        let head_break = if self.is_old() { "\n    " } else { "" };
        let _ = write!(
            out,
            "\n    \"ph\": \"X\", \"cat\": \"{cat}\", {head_break}\"name\": {name}, \"pid\": {pid}, \"tid\": {tid},\n    \"ts\": {at}, \"dur\": {length}"
        );
    }

    pub(super) fn header(&self, out: &mut String) {
        if self.is_old() {
            out.push_str("[\n");
            return;
        }
        let workload = self.workload;
        out.push_str("\n  {\n    \"schemaVersion\": 1,\n    \"deviceProperties\": [");
        for id in 0..workload.host_gpus {
            out.push_str(if id == 0 { "\n    {" } else { "},\n    {" });
            let gpu = &workload.gpu;
            let _ = write!(
                out,
                "\n      \"id\": {id}, \"name\": {}, \"totalGlobalMem\": {},\n      \"computeMajor\": {}, \"computeMinor\": {},\n      \"maxThreadsPerBlock\": 1024, \"maxThreadsPerMultiprocessor\": 2048,\n      \"regsPerBlock\": 65536, \"warpSize\": {},\n      \"sharedMemPerBlock\": {}, \"numSms\": {}\n    ",
                text(&gpu.name),
                gpu.memory,
                gpu.compute.0,
                gpu.compute.1,
                gpu.warp(),
                if self.is_hip() { 65536 } else { 49152 },
                gpu.processors,
            );
            out.push_str(if self.is_hip() {
                ", \"maxSharedMemoryPerMultiProcessor\": 65536\n    "
            } else {
                ", \"regsPerMultiprocessor\": 65536, \"sharedMemPerBlockOptin\": 232448, \"sharedMemPerMultiprocessor\": 233472\n    "
            });
        }
        out.push_str(if workload.host_gpus == 0 { "],\n" } else { "}\n    ],\n" });
        if workload.python.is_some() {
            out.push_str("      \"with_stack\": 1,\n");
        }
        let ranks: Vec<String> = (0..workload.ranks).map(|rank| rank.to_string()).collect();
        let _ = writeln!(
            out,
            "      \"distributedInfo\": {{\"backend\": \"nccl\", \"rank\": {}, \"world_size\": {}, \"pg_count\": 1, \"pg_config\": [{{\"pg_name\": \"0\", \"pg_desc\": \"default_pg\", \"backend_config\": \"cuda:nccl\", \"pg_size\": {}, \"ranks\": [{}]}}], \"nccl_version\": \"2.28.9\"}},",
            self.rank,
            workload.ranks,
            workload.ranks,
            ranks.join(", "),
        );
        out.push_str(if self.is_hip() {
            "      \"roctracer_version\": 4.1,\n      \"hip_runtime_version\": 70253211,\n      \"hip_driver_version\": 70253211,\n"
        } else {
            "      \"cuda_driver_version\": 13030,\n      \"cuda_runtime_version\": 13000,\n      \"cupti_version\": 130001,\n"
        });
        out.push_str(
            "  \"displayTimeUnit\": \"ms\",\n  \"baseTimeNanoseconds\": 1775078550000000000,\n  \"traceEvents\": [",
        );
    }

    pub(super) fn cpu_range(&mut self, out: &mut String, row: &CpuRange<'_>) {
        let index = self.event_index;
        self.event_index += 1;
        let cat = match (self.is_old(), row.is_annotation) {
            (true, _) => "Operator",
            (false, true) => "user_annotation",
            (false, false) => "cpu_op",
        };
        let tid = self.tid(row.thread);
        self.complete(out, (cat, &row.name), (self.pid(), tid), (row.start, row.ns));
        let external = row.external;
        let _ = if self.is_old() {
            write!(
                out,
                ",\n    \"args\": {{\n       \"Input dims\": [], \"Input type\": [], \"Input names\": [],\n       \"Output dims\": [], \"Output type\": [], \"Output names\": [],\n       \"Device\": 0, \"External id\": {external}, \"Extra arguments\": [],\n       \"Trace name\": \"PyTorch Profiler\", \"Trace iteration\": 0\n    }}\n  }}"
            )
        } else {
            write!(
                out,
                ",\n    \"args\": {{\n      \"External id\": {external},\"Record function id\": 0, \"Ev Idx\": {index}\n    }}\n  }}"
            )
        };
    }

    pub(super) fn frame(&mut self, out: &mut String, row: &Frame) {
        let index = self.event_index;
        self.event_index += 1;
        self.complete(out, ("python_function", &row.name), (self.pid(), self.tid(0)), (row.start, row.ns));
        let parent = row.parent.map_or_else(|| "null".to_owned(), |parent| parent.to_string());
        let module =
            row.module.map_or_else(String::new, |module| format!("\"Python module id\": {module}, "));
        let id = row.id;
        let _ = write!(
            out,
            ",\n    \"args\": {{\n      \"Python parent id\": {parent}, \"Python id\": {id}, {module}\"Ev Idx\": {index}\n    }}\n  }}"
        );
    }

    /// Metadata rows, the recording's own span and the end of the document.
    pub(super) fn footer(&mut self, out: &mut String, end: u64) {
        let begin = BEGIN - LEAD;
        let (pid, device) = (self.pid(), self.device());
        let process = match self.workload.flavour {
            Flavour::Sglang => "sglang::scheduler",
            Flavour::Vllm => "VLLM::Worker",
            Flavour::Script => "python3",
        };
        let gpus = (0..self.workload.host_gpus.max(device + 1)).map(u64::from);
        for (id, label) in
            std::iter::once((pid, "CPU".to_owned())).chain(gpus.map(|id| (id, format!("GPU {id}"))))
        {
            let order = if id == pid { pid } else { 5_000_000 + id };
            self.metadata(out, "process_name", id, "0", &format!("\"name\": \"{process}\""));
            self.metadata(out, "process_labels", id, "0", &format!("\"labels\": \"{label}\""));
            self.metadata(out, "process_sort_index", id, "0", &format!("\"sort_index\": {order}"));
        }
        let kernels = || self.workload.shapes.iter().flat_map(super::ModelShape::kernels);
        let streams: std::collections::BTreeSet<u32> = kernels().map(|kernel| kernel.stream).collect();
        let threads: std::collections::BTreeSet<u32> = kernels().map(|kernel| kernel.thread).collect();
        for stream in streams {
            let tid = self.stream_tid(stream);
            self.metadata(
                out,
                "thread_name",
                u64::from(device),
                &tid,
                &format!("\"name\": \"stream {stream} \""),
            );
            let order = format!("\"sort_index\": {stream}");
            self.metadata(out, "thread_sort_index", u64::from(device), &tid, &order);
        }
        for thread in threads {
            let tid = self.tid(thread);
            let number = pid + u64::from(thread);
            // The system keeps fifteen bytes of a thread's name.
            let process: String = process.chars().take(15).collect();
            // Kineto writes the rows of a thread once for each profiler that saw it.
            for _ in 0..2 {
                self.metadata(
                    out,
                    "thread_name",
                    pid,
                    &tid,
                    &format!("\"name\": \"thread {number} ({process})\""),
                );
                self.metadata(out, "thread_sort_index", pid, &tid, &format!("\"sort_index\": {number}"));
            }
        }
        let spans = if self.is_old() { "Traces" } else { "Spans" };
        self.next_row(out);
        let (at, length, last) = (self.at(begin), self.length(end - begin), self.at(end + 2_000_000));
        let _ = write!(
            out,
            "\n    \"ph\": \"X\", \"cat\": \"Trace\", \"ts\": {at}, \"dur\": {length},\n    \"pid\": \"{spans}\", \"tid\": \"PyTorch Profiler\",\n    \"name\": \"PyTorch Profiler (0)\",\n    \"args\": {{\n      \"Op count\": 0\n    }}\n  }}"
        );
        if !self.is_old() {
            self.metadata(out, "process_sort_index", "\"Spans\"", "0", "\"sort_index\": 536870912");
        }
        self.next_row(out);
        let _ = write!(
            out,
            "\n    \"name\": \"Iteration Start: PyTorch Profiler\", \"ph\": \"i\", \"s\": \"g\",\n    \"pid\": \"Traces\", \"tid\": \"Trace PyTorch Profiler\", \"ts\": {at}\n  }}"
        );
        if self.is_old() {
            out.push_str("\n]");
            return;
        }
        self.next_row(out);
        let _ = write!(
            out,
            "\n    \"name\": \"Record Window End\", \"ph\": \"i\", \"s\": \"g\",\n    \"pid\": \"\", \"tid\": \"\", \"ts\": {last}\n  }}\n  ],\n  \"traceName\": \"/tmp/trace_rank{}.json\"\n}}",
            self.rank
        );
    }

    fn metadata(&mut self, out: &mut String, name: &str, pid: impl std::fmt::Display, tid: &str, args: &str) {
        self.next_row(out);
        let at = self.at(BEGIN - LEAD + 146_006);
        let _ = write!(
            out,
            "\n    \"name\": \"{name}\", \"ph\": \"M\", \"ts\": {at}, \"pid\": {pid}, \"tid\": {tid},\n    \"args\": {{\n      {args}\n    }}\n  }}"
        );
    }
}

/// Microseconds with the three decimals of a nanosecond.
fn micros(ns: u64) -> String {
    format!("{}.{:03}", ns / 1000, ns % 1000)
}

/// A text as JSON. Like Kineto, a backslash becomes a slash and a line break nothing.
pub(super) fn text(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for c in name.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push('/'),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
