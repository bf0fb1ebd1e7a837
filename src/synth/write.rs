//! Puts the rows of a workload into files, in Kineto's order and without ever holding a whole file.
//!
//! CPU rows of all steps precede GPU rows of all steps, so the schedule runs twice.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::render::Renderer;
use super::rng::Rng;
use super::rows::{Call, Run, StepRows};
use super::schedule::{BEGIN, Schedule};
use super::workload::{Flavour, Stage, Workload};

/// How far from its place in time a row may stand: activities reach Kineto in buffers.
const DISORDER: u64 = 40_000;

/// Writes the file of one rank, uncompressed.
pub fn write_rank(workload: &Workload, rank: u32, mut out: impl Write) -> io::Result<()> {
    let mut renderer = Renderer::new(workload, rank);
    let mut text = String::new();
    renderer.header(&mut text);
    for step in Schedule::new(workload, rank) {
        for range in &step.ranges {
            renderer.cpu_range(&mut text, range);
        }
        for frame in &step.frames {
            renderer.frame(&mut text, frame);
        }
        flush(&mut text, &mut out)?;
    }
    let mut end = BEGIN;
    let mut rng = Rng::of(&[workload.seed, 3, u64::from(rank)]);
    renderer.overhead(&mut text, BEGIN + 315_163);
    for step in Schedule::new(workload, rank) {
        end = step
            .runs
            .iter()
            .map(Run::end)
            .chain(step.calls.iter().map(|c| c.start + c.ns))
            .fold(end, u64::max);
        device_rows(&mut renderer, &mut text, &step, &mut rng);
        for range in &step.gpu_ranges {
            renderer.gpu_range(&mut text, range);
        }
        flush(&mut text, &mut out)?;
    }
    renderer.footer(&mut text, end);
    flush(&mut text, &mut out)?;
    out.flush()
}

fn flush(text: &mut String, out: &mut impl Write) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    text.clear();
    Ok(())
}

/// CUPTI's order is by completion, but only roughly; Roctracer's has the calls of a step first.
fn device_rows(renderer: &mut Renderer<'_>, text: &mut String, step: &StepRows<'_>, rng: &mut Rng) {
    enum Row<'s, 'a> {
        Call(&'s Call<'a>),
        Run(&'s Run<'a>),
    }
    let mut rows = Vec::with_capacity(step.calls.len() + step.runs.len());
    for call in &step.calls {
        let end = if renderer.is_hip() { 0 } else { call.start + call.ns + rng.below(DISORDER) };
        rows.push((end, Row::Call(call)));
    }
    for run in &step.runs {
        rows.push((run.end() + rng.below(DISORDER), Row::Run(run)));
    }
    rows.sort_by_key(|(key, _)| *key);
    for (_, row) in rows {
        match row {
            Row::Call(call) => {
                renderer.call(text, call);
                renderer.call_flow(text, call);
            }
            Row::Run(run) => {
                renderer.run(text, run);
                renderer.run_flow(text, run);
            }
        }
    }
}

/// Writes a gzip file for every rank into `dir`, which must exist; the paths, by rank.
pub fn write_capture(workload: &Workload, dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for rank in 0..workload.ranks {
        let path = dir.join(capture_file_name(workload, rank));
        let mut gz = GzEncoder::new(BufWriter::new(File::create(&path)?), Compression::fast());
        write_rank(workload, rank, &mut gz)?;
        gz.finish()?.flush()?;
        paths.push(path);
    }
    Ok(paths)
}

/// What the server would have named the file of a rank.
pub fn capture_file_name(workload: &Workload, rank: u32) -> String {
    let mut rng = Rng::of(&[workload.seed, 4]);
    let begin = 1_782_799_835_000_000_000 + rng.below(10_000_000_000);
    let nanos = begin + Rng::of(&[workload.seed, 5, u64::from(rank)]).below(90_000_000);
    match (workload.flavour, workload.shapes.first().map(|shape| shape.stage)) {
        (Flavour::Sglang, stage) => {
            let stage = match stage {
                Some(Stage::Decode { .. }) => "-DECODE",
                Some(Stage::Prefill { .. }) => "-EXTEND",
                None => "",
            };
            let (seconds, fraction) = (begin / 1_000_000_000, begin % 1_000_000_000 / 100);
            format!("{seconds}.{fraction:07}-TP-{rank}{stage}.trace.json.gz")
        }
        (Flavour::Vllm, _) => format!("rank{rank}.{nanos}.pt.trace.json.gz"),
        (Flavour::Script, _) => {
            format!("rank{rank}.node0_{}.{nanos}.pt.trace.json.gz", 49_141 + u64::from(rank))
        }
    }
}

impl Workload {
    /// Sets the number of steps so that rank 0's file has about `bytes`, at least one round of shapes.
    pub fn with_size(mut self, bytes: u64) -> io::Result<Self> {
        let round = u32::try_from(self.shapes.len().max(1)).unwrap_or(u32::MAX);
        self.steps = round;
        let one = written(&self)?;
        self.steps = round.saturating_mul(2);
        let each = written(&self)?.saturating_sub(one).max(1);
        let rounds = 1 + bytes.saturating_sub(one) / each;
        self.steps = round.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        Ok(self)
    }
}

fn written(workload: &Workload) -> io::Result<u64> {
    struct Count(u64);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    write_rank(workload, 0, &mut count)?;
    Ok(count.0)
}
