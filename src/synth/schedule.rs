//! When everything of a workload happens: CPU and GPU clocks, one step at a time.
//!
//! Invariants: the rows of a step depend on the workload, the rank and the steps before it alone; a run starts
//! after its launch ended; the CPU is at most two steps ahead of the GPU.

use std::collections::BTreeMap;

use super::gpu::Platform;
use super::python::{self, CallStack};
use super::rng::Rng;
use super::rows::{Call, CallKind, CpuRange, Frame, GpuRange, Run, StepRows};
use super::workload::{Annotations, KernelKind, KernelSpec, LaunchMode, ModelShape, Order, Stage, Workload};

/// When a rank's first step begins, in nanoseconds of the trace's clock.
pub(super) const BEGIN: u64 = 7_721_328_752_560_214;

/// The steps of one rank, in order.
pub(super) struct Schedule<'a> {
    workload: &'a Workload,
    rank: u32,
    rng: Rng,
    step: u32,
    now: u64,
    /// Start and end of the last run of each stream.
    streams: BTreeMap<u32, (u64, u64)>,
    /// When everything that something may wait for has ended.
    joined: u64,
    last_start: u64,
    /// `joined` after each of the two steps before.
    ends: [u64; 2],
    correlation: u64,
    external: u64,
    collectives: u64,
    stack: CallStack,
    rows: StepRows<'a>,
}

struct OpenRange {
    name: String,
    start: u64,
    external: u64,
    first_run: usize,
}

impl<'a> Schedule<'a> {
    pub(super) fn new(workload: &'a Workload, rank: u32) -> Self {
        let mut rng = Rng::of(&[workload.seed, 1, u64::from(rank)]);
        let now = BEGIN + rng.below(400_000);
        Self {
            workload,
            rank,
            step: 0,
            now,
            streams: BTreeMap::new(),
            joined: 0,
            last_start: 0,
            ends: [0; 2],
            correlation: 1_922_000 + rng.below(9000),
            external: 217_600 + rng.below(900),
            collectives: 0,
            stack: CallStack::new(),
            rows: StepRows::default(),
            rng,
        }
    }

    fn run_step(&mut self, shape: &'a ModelShape) {
        self.now = (self.now + 20_000 + self.rng.below(40_000)).max(self.ends[0]);
        self.enter_frames(&[], &[], None);
        let outer = self.outer_label(shape).map(|name| self.open_range(name));
        for spec in &shape.before {
            self.eager(spec, None, false);
        }
        let inner = self.inner_label(shape).map(|name| self.open_range(name));
        self.model(shape);
        self.close_range(inner);
        for spec in &shape.after {
            self.eager(spec, None, false);
        }
        self.call(CallKind::EventRecord, 0, 1500, None, None);
        self.close_range(outer);
        for spec in &shape.between {
            self.eager(spec, None, false);
        }
        if self.step + 1 == self.workload.steps {
            self.now += 20_000;
            let rest = self.joined.saturating_sub(self.now) + 6000;
            self.call(CallKind::Synchronize, 0, rest, None, None);
        }
        self.rows.frames = self.drain_frames();
        self.rows.ranges.sort_by_key(|range| range.external);
        self.ends = [self.ends[1], self.joined];
    }

    fn model(&mut self, shape: &'a ModelShape) {
        let mut graph: Vec<&'a KernelSpec> = Vec::new();
        for (layer, spec) in shape.model() {
            let is_eager = match self.workload.launch {
                LaunchMode::Graph => false,
                LaunchMode::Piecewise => spec.outside_graph,
                LaunchMode::Eager => true,
            };
            if is_eager {
                self.replay(&std::mem::take(&mut graph));
                self.eager(spec, layer, true);
            } else {
                graph.push(spec);
            }
        }
        self.replay(&graph);
    }

    /// One graph launch and the runs of its nodes.
    fn replay(&mut self, nodes: &[&'a KernelSpec]) {
        if nodes.is_empty() {
            return;
        }
        let flavour = self.workload.flavour;
        self.enter_frames(python::replay(flavour), &[], None);
        self.now += 3000 + self.rng.below(9000);
        let op = self.workload.graph_external_ids.then(|| self.next_external());
        self.call(CallKind::IsCapturing, 0, 400, op, None);
        let cost = 8000 + 900 * nodes.len() as u64;
        let (correlation, ready) = self.call(CallKind::Graph, 0, cost, op, None);
        for spec in nodes {
            self.run(spec, ready, correlation, op, true);
        }
    }

    /// One kernel, launched by itself under its ops and frames.
    fn eager(&mut self, spec: &'a KernelSpec, layer: Option<usize>, in_model: bool) {
        self.now += 1500 + self.rng.below(4000);
        let has_frames = self.workload.python.is_some() && spec.thread == 0;
        if has_frames {
            self.enter_frames(&[], &spec.frames, in_model.then_some(layer));
        }
        if has_frames && let Some(op) = spec.ops.first() {
            let leaf = python::built_in(op, &mut self.rng);
            self.stack.push(leaf, &mut self.now, &mut self.rng);
        }
        let mut open = Vec::new();
        for op in &spec.ops {
            self.now += 300 + self.rng.below(1700);
            open.push((op, self.now, self.next_external()));
        }
        let external = open.last().map(|(.., external)| *external);
        self.now += 400 + self.rng.below(1200);
        let kind = call_kind(spec);
        let cost = 4200 + self.rng.below(4000);
        let (correlation, ready) = self.call(kind, spec.thread, cost, external, Some(spec));
        self.run(spec, ready, correlation, external, false);
        while let Some((op, start, external)) = open.pop() {
            self.now += 150 + self.rng.below(700);
            self.rows.ranges.push(CpuRange {
                name: op.as_ref().into(),
                is_annotation: false,
                thread: spec.thread,
                start,
                ns: self.now - start,
                external,
            });
        }
        if has_frames && !spec.ops.is_empty() {
            self.stack.pop(&mut self.now, &mut self.rng);
        }
    }

    /// Records a call of about `cost`; its correlation and the earliest start of what it queued.
    fn call(
        &mut self,
        kind: CallKind,
        thread: u32,
        cost: u64,
        external: Option<u64>,
        spec: Option<&'a KernelSpec>,
    ) -> (u64, u64) {
        self.correlation += 1 + self.rng.below(12);
        let ns = self.rng.around(cost, 50).max(1);
        let (start, correlation) = (self.now, self.correlation);
        self.rows.calls.push(Call { kind, thread, start, ns, correlation, external, spec });
        self.now += ns + 100;
        (correlation, start + ns + 700 + self.rng.below(400))
    }

    /// Records a run: when the GPU gets to it, and for how long.
    fn run(
        &mut self,
        spec: &'a KernelSpec,
        ready: u64,
        correlation: u64,
        external: Option<u64>,
        is_replay: bool,
    ) {
        let mut ns = self.rng.around(spec.ns, self.workload.noise_permille).max(1);
        let gap = match self.workload.gpu.platform {
            Platform::Hip => 1 + self.rng.below(60),
            Platform::Cuda if is_replay => 200 + self.rng.below(700),
            Platform::Cuda => 600 + self.rng.below(900),
        };
        let (last_start, last_end) = self.streams.get(&spec.stream).copied().unwrap_or_default();
        let mut start = match spec.order {
            Order::After => ready.max(self.joined + gap),
            Order::Early => {
                let lead = (600 + self.rng.below(1300)).min((last_end - last_start) / 2).min(ns / 2);
                ready.max(last_end - lead)
            }
            Order::Beside => ready.max(last_end + gap).max(self.last_start + gap),
            Order::Free => ready.max(last_end + gap),
        };
        if spec.collective {
            let (own, latest) = self.arrivals();
            start += own;
            ns += latest - own;
        }
        self.streams.insert(spec.stream, (start, start + ns));
        if spec.order != Order::Free {
            self.joined = self.joined.max(start + ns);
            self.last_start = start;
        }
        self.rows.runs.push(Run { spec, start, ns, correlation, external, is_replay });
    }

    /// How late this rank and the latest rank reach the next collective.
    fn arrivals(&mut self) -> (u64, u64) {
        self.collectives += 1;
        let Workload { seed, noise_permille, late, ranks, .. } = self.workload;
        let lateness = |rank: u32| {
            let mut rng = Rng::of(&[*seed, 2, self.collectives, u64::from(rank)]);
            let delay = late.filter(|late| late.rank == rank).map_or(0, |late| late.ns);
            delay + rng.below(40 * u64::from(*noise_permille))
        };
        let latest = (0..*ranks).map(lateness).max().unwrap_or(0);
        (lateness(self.rank).min(latest), latest)
    }

    fn next_external(&mut self) -> u64 {
        self.external += 1;
        self.external
    }

    fn open_range(&mut self, name: String) -> OpenRange {
        self.now += 2000 + self.rng.below(3000);
        let external = self.next_external();
        OpenRange { name, start: self.now, external, first_run: self.rows.runs.len() }
    }

    /// Ends a range and draws it on every stream that ran something launched inside it.
    fn close_range(&mut self, range: Option<OpenRange>) {
        let Some(OpenRange { name, start, external, first_run }) = range else { return };
        self.now += 1000 + self.rng.below(3000);
        let mut drawn: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for run in self.rows.runs.iter().skip(first_run) {
            let span = drawn.entry(run.spec.stream).or_insert((run.start, run.end()));
            *span = (span.0.min(run.start), span.1.max(run.end()));
        }
        self.rows.gpu_ranges.extend(drawn.into_iter().map(|(stream, (first, last))| GpuRange {
            // Kineto widens it so that it surrounds its kernels strictly.
            name: name.clone(),
            stream,
            start: first - 1,
            ns: last - first + 2,
            external,
        }));
        self.rows.ranges.push(CpuRange {
            name: name.into(),
            is_annotation: true,
            thread: 0,
            start,
            ns: self.now - start,
            external,
        });
    }

    /// Opens the frames around the next launch; `model` is its layer where it is part of the model.
    fn enter_frames(
        &mut self,
        server: &[&str],
        own: &[std::borrow::Cow<'static, str>],
        model: Option<Option<usize>>,
    ) {
        let Some(scopes) = &self.workload.python else { return };
        let roots = python::roots(self.workload.flavour);
        let mut path: Vec<String> = roots.iter().chain(server).map(|frame| (*frame).to_owned()).collect();
        if let Some(layer) = model {
            path.extend(python::numbered(&scopes.model, 0));
            if let Some(layer) = layer {
                path.extend(python::numbered(&scopes.layer, layer));
            }
            path.extend(python::numbered(own, layer.unwrap_or(0)));
        } else {
            path.extend(python::numbered(own, 0));
        }
        self.stack.enter(&path, &mut self.now, &mut self.rng);
    }

    fn drain_frames(&mut self) -> Vec<Frame> {
        self.stack.drain(&mut self.now, &mut self.rng)
    }

    fn outer_label(&self, shape: &ModelShape) -> Option<String> {
        match self.workload.annotations {
            Annotations::None => None,
            Annotations::Sglang | Annotations::Vllm => Some(execute_label(shape.stage)),
            Annotations::ProfilerStep => Some(format!("ProfilerStep#{}", self.step + 2)),
        }
    }

    fn inner_label(&self, shape: &ModelShape) -> Option<String> {
        match (self.workload.annotations, shape.stage) {
            (Annotations::None | Annotations::Vllm | Annotations::ProfilerStep, _) => None,
            (Annotations::Sglang, Stage::Decode { batch, .. }) => Some(format!("step[DECODE bs={batch}]")),
            (Annotations::Sglang, Stage::Prefill { sequences, tokens }) => {
                Some(format!("step[EXTEND bs={sequences} toks={tokens}]"))
            }
        }
    }
}

impl<'a> Iterator for Schedule<'a> {
    type Item = StepRows<'a>;

    fn next(&mut self) -> Option<StepRows<'a>> {
        if self.step >= self.workload.steps {
            return None;
        }
        let index = self.step as usize % self.workload.shapes.len().max(1);
        let shape = self.workload.shapes.get(index)?;
        self.run_step(shape);
        self.step += 1;
        Some(std::mem::take(&mut self.rows))
    }
}

fn execute_label(stage: Stage) -> String {
    match stage {
        Stage::Decode { batch, cached } => format!(
            "execute_{batch}_context_0(sq0sk0sqsq0sqsk0)_generation_{batch}(sq{batch}sk{cached}sqsq{batch}sqsk{cached})"
        ),
        Stage::Prefill { sequences, tokens } => {
            let squared = u64::from(tokens) * u64::from(tokens) / u64::from(sequences.max(1));
            format!(
                "execute_{tokens}_context_{sequences}(sq{tokens}sk{tokens}sqsq{squared}sqsk{squared})_generation_0(sq0sk0sqsq0sqsk0)"
            )
        }
    }
}

fn call_kind(spec: &KernelSpec) -> CallKind {
    const THROUGH_DRIVER: [&str; 5] = ["nvjet", "triton_", "fmhaSm", "bmm_", "Cijk_"];
    match spec.kind {
        KernelKind::Copy { .. } => CallKind::Copy,
        KernelKind::Set { .. } => CallKind::Set,
        KernelKind::Kernel { .. } => {
            if THROUGH_DRIVER.iter().any(|prefix| spec.name.starts_with(prefix)) {
                CallKind::DriverLaunch
            } else if spec.order == Order::Early {
                CallKind::LaunchWithAttributes
            } else {
                CallKind::Launch
            }
        }
    }
}
