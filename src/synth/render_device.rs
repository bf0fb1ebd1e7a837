//! Runtime calls, GPU activities, the arrows between them and the ranges on GPU tracks.

use std::fmt::Write as _;

use super::gpu::Platform;
use super::render::{Renderer, text};
use super::rng::hash;
use super::rows::{Call, CallKind, GpuRange, Run};
use super::workload::KernelKind;

impl Renderer<'_> {
    pub(super) fn call(&mut self, out: &mut String, call: &Call<'_>) {
        let (cat, name, number) = call_name(call.kind, self.workload.gpu.platform);
        let cat = if self.is_old() { "Runtime" } else { cat };
        self.complete(out, (cat, name), (self.pid(), self.tid(call.thread)), (call.start, call.ns));
        out.push_str(",\n    \"args\": {\n      ");
        let correlation = call.correlation;
        if self.is_old() {
            let external = call.external.unwrap_or(0);
            let at = self.at(call.start.saturating_sub(20_000));
            let _ = write!(
                out,
                "\"cbid\": {number}, \"correlation\": {correlation},\n      \"external id\": {external}, \"external ts\": {at}"
            );
        } else {
            self.external(out, call.external);
            if self.is_hip() {
                self.hip_call_args(out, call, number);
            } else {
                let _ = write!(out, "\"cbid\": {number}, \"correlation\": {correlation}");
            }
        }
        out.push_str("\n    }\n  }");
    }

    fn hip_call_args(&self, out: &mut String, call: &Call<'_>, number: u32) {
        let correlation = call.correlation;
        if let Some(spec) = call.spec.filter(|spec| matches!(spec.kind, KernelKind::Kernel { .. })) {
            let _ = write!(out, "\"kernel\": {}, ", text(&spec.name));
        }
        let _ = write!(out, "\"cid\": {number}, \"correlation\": {correlation}");
        let _ = match call.spec.map(|spec| spec.kind) {
            Some(KernelKind::Kernel { grid, block }) => {
                write!(out, ", \"grid\": {grid:?}, \"block\": {block:?}, \"shared memory\": 0")
            }
            Some(KernelKind::Copy { bytes }) => write!(
                out,
                ", \"src\": \"0x7f1818900000\", \"dst\": \"0x7f14db1a4000\", \"bytes\": \"{bytes}\", \"kind\": \"1\""
            ),
            Some(KernelKind::Set { .. }) | None => Ok(()),
        };
    }

    /// The arrow of a call: it begins one where the call queued work, and ends one on itself elsewhere.
    pub(super) fn call_flow(&mut self, out: &mut String, call: &Call<'_>) {
        let is_start = match call.kind {
            CallKind::Launch
            | CallKind::LaunchWithAttributes
            | CallKind::DriverLaunch
            | CallKind::Graph
            | CallKind::Copy
            | CallKind::Set => true,
            CallKind::IsCapturing | CallKind::EventRecord | CallKind::Synchronize => false,
        };
        // Old writers named the thread by text in rows and by number in arrows.
        let tid = self.tid(call.thread).replace('"', "");
        self.flow(out, is_start, call.correlation, (self.pid(), tid), call.start);
    }

    pub(super) fn run_flow(&mut self, out: &mut String, run: &Run<'_>) {
        let tid = self.stream_tid(run.spec.stream);
        self.flow(out, false, run.correlation, (u64::from(self.device()), tid), run.start);
    }

    fn flow(&mut self, out: &mut String, is_start: bool, id: u64, (pid, tid): (u64, String), start: u64) {
        self.next_row(out);
        let (cat, name) = if self.is_old() { ("async", "launch") } else { ("ac2g", "ac2g") };
        let (phase, end) = if is_start { ("s", "") } else { ("f", ", \"bp\": \"e\"") };
        let at = self.at(start);
        let _ = write!(
            out,
            "\n    \"ph\": \"{phase}\", \"id\": {id}, \"pid\": {pid}, \"tid\": {tid}, \"ts\": {at},\n    \"cat\": \"{cat}\", \"name\": \"{name}\"{end}\n  }}"
        );
    }

    pub(super) fn run(&mut self, out: &mut String, run: &Run<'_>) {
        let cat = match (run.spec.kind, self.is_old()) {
            (KernelKind::Kernel { .. }, false) => "kernel",
            (KernelKind::Kernel { .. }, true) => "Kernel",
            (KernelKind::Copy { .. }, false) => "gpu_memcpy",
            (KernelKind::Copy { .. }, true) => "Memcpy",
            (KernelKind::Set { .. }, false) => "gpu_memset",
            (KernelKind::Set { .. }, true) => "Memset",
        };
        let (device, stream) = (self.device(), run.spec.stream);
        let tid = self.stream_tid(stream);
        self.complete(out, (cat, &run.spec.name), (device, tid), (run.start, run.ns));
        out.push_str(",\n    \"args\": {\n      ");
        match run.spec.kind {
            KernelKind::Kernel { grid, block } => self.kernel_args(out, run, grid, block),
            KernelKind::Copy { bytes } | KernelKind::Set { bytes } => self.copy_args(out, run, bytes),
        }
        out.push_str("\n    }\n  }");
    }

    fn kernel_args(&self, out: &mut String, run: &Run<'_>, grid: [u32; 3], block: [u32; 3]) {
        let (device, stream, correlation) = (self.device(), run.spec.stream, run.correlation);
        let external = run.external;
        let identity = hash(&run.spec.name);
        let registers = 16 + identity % 15 * 16;
        let shared = identity % 7 * 8192;
        let product = |axes: [u32; 3]| axes.iter().map(|axis| f64::from(*axis)).product::<f64>();
        let blocks = product(grid) / f64::from(self.workload.gpu.processors.max(1));
        let warps = blocks * (product(block) / 32.0).ceil();
        if self.is_old() {
            let external = external.unwrap_or(0);
            let _ = write!(
                out,
                "\"queued\": 0, \"device\": {device}, \"context\": 1,\n      \"stream\": {stream}, \"correlation\": {correlation}, \"external id\": {external},\n      \"registers per thread\": {registers},\n      \"shared memory\": {shared},\n      \"warps per SM\": {},\n      \"grid\": {grid:?},\n      \"block\": {block:?}",
                rounded(warps)
            );
            return;
        }
        self.external(out, external);
        if self.is_hip() {
            let _ =
                write!(out, "\"device\": {device}, \"stream\": {stream}, \"correlation\": {correlation}, ");
            let _ = if run.is_replay {
                write!(out, "\"kind\": \"Dispatch Task\"")
            } else {
                write!(out, "\"kind\": \"Dispatch Kernel\", \"grid\": {grid:?}, \"block\": {block:?}")
            };
            return;
        }
        let (blocks, warps, occupancy) =
            (rounded(blocks), rounded(warps), rounded((warps * 100.0 / 64.0).min(100.0).floor()));
        let _ = write!(
            out,
            "\"queued\": 0, \"device\": {device}, \"context\": 1,      \"stream\": {stream}, \"correlation\": {correlation},      \"registers per thread\": {registers},      \"shared memory\": {shared},      \"blocks per SM\": {blocks},      \"warps per SM\": {warps},      \"grid\": {grid:?},      \"block\": {block:?},      \"est. achieved occupancy %\": {occupancy}"
        );
        if run.spec.collective && run.spec.name.starts_with("nccl") {
            let _ = write!(
                out,
                ",      \"Collective name\": \"allreduce\",      \"Group size\": {},      \"dtype\": \"BFloat16\",      \"Process Group Name\": \"0\",      \"Process Group Description\": \"default_pg\"",
                self.workload.ranks
            );
        }
    }

    fn copy_args(&self, out: &mut String, run: &Run<'_>, bytes: u64) {
        let (device, stream, correlation) = (self.device(), run.spec.stream, run.correlation);
        #[expect(clippy::cast_precision_loss, reason = "a bandwidth for show")]
        let bandwidth = bytes as f64 / run.ns.max(1) as f64;
        if self.is_old() {
            let external = run.external.unwrap_or(0);
            let _ = write!(
                out,
                "\"device\": {device}, \"context\": 1,\n      \"stream\": {stream}, \"correlation\": {correlation}, \"external id\": {external},\n      \"bytes\": {bytes}, \"memory bandwidth (GB/s)\": {bandwidth}"
            );
            return;
        }
        self.external(out, run.external);
        let middle = if self.is_hip() { "" } else { "\"context\": 1, " };
        let kind = if self.is_hip() { "\"kind\": \"DtoD\", " } else { "" };
        let _ = write!(
            out,
            "\"device\": {device}, {middle}\"stream\": {stream}, \"correlation\": {correlation}, {kind}\"bytes\": {bytes}, \"memory bandwidth (GB/s)\": {bandwidth}"
        );
    }

    pub(super) fn gpu_range(&mut self, out: &mut String, range: &GpuRange) {
        if self.is_old() {
            return;
        }
        let track = (self.device(), range.stream);
        self.complete(out, ("gpu_user_annotation", &range.name), track, (range.start, range.ns));
        let _ = write!(out, ",\n    \"args\": {{\n      \"External id\": {}\n    }}\n  }}", range.external);
    }

    /// Kineto's own cost, on a process that does not exist.
    pub(super) fn overhead(&mut self, out: &mut String, start: u64) {
        self.complete(out, ("overhead", "Activity Buffer Request"), (-1, 0), (start, 582_686));
        out.push_str("\n  }");
    }

    pub(super) fn stream_tid(&self, stream: u32) -> String {
        if self.is_old() { format!("\"stream {stream}\"") } else { stream.to_string() }
    }

    fn external(&self, out: &mut String, external: Option<u64>) {
        // Kineto leaves a gap where the argument would stand.
        let _ = match external {
            Some(external) => write!(out, "\"External id\": {external},      "),
            None => write!(out, "      "),
        };
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Category, name and callback number of a call.
fn call_name(kind: CallKind, platform: Platform) -> (&'static str, &'static str, u32) {
    let (cuda, hip) = match kind {
        CallKind::Launch => (("cuda_runtime", "cudaLaunchKernel", 211), ("hipLaunchKernel", 107)),
        CallKind::LaunchWithAttributes => {
            (("cuda_runtime", "cudaLaunchKernelExC", 430), ("hipLaunchKernel", 107))
        }
        CallKind::DriverLaunch => {
            (("cuda_driver", "cuLaunchKernelEx", 652), ("hipExtModuleLaunchKernel", 65))
        }
        CallKind::Graph => (("cuda_runtime", "cudaGraphLaunch", 311), ("hipGraphLaunch", 215)),
        CallKind::Copy => (("cuda_runtime", "cudaMemcpyAsync", 41), ("hipMemcpyAsync", 134)),
        CallKind::Set => (("cuda_runtime", "cudaMemsetAsync", 51), ("hipMemsetAsync", 142)),
        CallKind::IsCapturing => {
            (("cuda_runtime", "cudaStreamIsCapturing", 317), ("hipStreamIsCapturing", 290))
        }
        CallKind::EventRecord => (("cuda_runtime", "cudaEventRecordWithFlags", 370), ("hipEventRecord", 58)),
        CallKind::Synchronize => {
            (("cuda_runtime", "cudaDeviceSynchronize", 165), ("hipDeviceSynchronize", 41))
        }
    };
    match platform {
        Platform::Cuda => cuda,
        Platform::Hip => ("cuda_runtime", hip.0, hip.1),
    }
}
