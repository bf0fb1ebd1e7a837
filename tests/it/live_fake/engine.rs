//! A serving engine without a model: steps, a profiler that records them, and its files.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use profgate::synth::{self, Annotations, Flavour, ModelShape, Stage, Workload, presets};

use super::{Engine, Setup, Trick};

/// A step that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Prefill {
        tokens: u32,
    },
    Decode {
        batch: u32,
    },
    /// vLLM runs one without a request when the last has ended, and counts it.
    Empty,
}

/// A profile that was started.
#[derive(Debug, Clone)]
pub struct Active {
    pub num_steps: Option<usize>,
    pub by_stage: bool,
    pub dir: PathBuf,
    /// `p_` of vLLM, nothing elsewhere.
    pub prefix: String,
    pub marks: Vec<Mark>,
    /// By stage: whether the prefill file was written.
    pub wrote_prefill: bool,
    /// Whether the steps are over and only a stop is missing.
    pub is_over: bool,
}

impl Active {
    /// Takes a step in; whether the profile is over by itself.
    pub fn record(&mut self, setup: &Setup, number: u64, mark: Mark) -> bool {
        if self.is_over || setup.has(Trick::RecordsNothing) {
            return false;
        }
        let limit = self.num_steps.unwrap_or(usize::MAX);
        if !self.by_stage {
            self.marks.push(mark);
            return self.marks.len() >= limit;
        }
        let is_decode = matches!(mark, Mark::Decode { .. });
        // The prefill file is closed by a decode step, or by one prefill step more than wanted.
        if !self.wrote_prefill && !self.marks.is_empty() && (is_decode || self.marks.len() >= limit) {
            self.write(setup, number, "-EXTEND");
            self.wrote_prefill = true;
        }
        match (is_decode, self.wrote_prefill) {
            (false, false) => self.marks.push(mark),
            (true, true) if self.marks.len() < limit => self.marks.push(mark),
            (true, true) => {
                self.write(setup, number, "-DECODE");
                return true;
            }
            _ => {}
        }
        false
    }

    /// Writes what was recorded, a file a rank.
    pub fn write(&mut self, setup: &Setup, number: u64, suffix: &str) {
        let mut marks = std::mem::take(&mut self.marks);
        marks.retain(|mark| *mark != Mark::Empty);
        if marks.is_empty() || setup.has(Trick::RecordsNothing) {
            return;
        }
        if let Some(ms) = setup.tricks.iter().find_map(|trick| match trick {
            Trick::SlowFlush(ms) => Some(*ms),
            _ => None,
        }) {
            std::thread::sleep(Duration::from_millis(ms));
        }
        std::fs::create_dir_all(&self.dir).unwrap();
        let workload = workload(setup, &marks);
        for rank in 0..setup.ranks {
            if setup.has(Trick::MissingRank(rank)) {
                continue;
            }
            let mut text = Vec::new();
            synth::write_rank(&workload, rank, &mut text).unwrap();
            if setup.version == Some("0.11.2") {
                text = older_marks(&text);
            }
            let name = file_name(setup, &self.prefix, number, rank, suffix);
            let bytes = if name.ends_with(".gz") { gzip(&text) } else { text };
            put(setup, &self.dir.join(name), bytes);
        }
        if setup.engine == Engine::Vllm {
            let name = format!("{}vm_1.async_llm.{number}.pt.trace.json.gz", self.prefix);
            put(setup, &self.dir.join(name), gzip(b"{\"schemaVersion\": 1, \"traceEvents\": []}"));
        }
    }
}

fn file_name(setup: &Setup, prefix: &str, number: u64, rank: u32, suffix: &str) -> String {
    // SGLang up to 0.5.2 spelled its enumeration as the Python of the day did.
    let suffix = match (setup.version, suffix) {
        (Some("0.5.2"), "-EXTEND") if setup.has(Trick::Python310) => "-ForwardMode.EXTEND",
        (Some("0.5.2"), "-DECODE") if setup.has(Trick::Python310) => "-ForwardMode.DECODE",
        (Some("0.5.2"), "-EXTEND") => "-1",
        (Some("0.5.2"), "-DECODE") => "-2",
        (_, suffix) => suffix,
    };
    match setup.engine {
        Engine::VllmOld if setup.version == Some("0.14.1") => {
            format!("3f2a-rank-{rank}.{number}.pt.trace.json.gz")
        }
        Engine::VllmOld if setup.version == Some("0.11.2") => {
            format!("3f2a-rank-{rank}.{number}.pt.trace.json")
        }
        Engine::Sglang | Engine::SglangOld => {
            format!("1795485900.{number:07}-TP-{rank}{suffix}.trace.json.gz")
        }
        Engine::Vllm | Engine::VllmOld => format!("{prefix}rank{rank}.{number}.pt.trace.json.gz"),
        Engine::TensorRtLlm => format!("trtllm-trace-1795485900-{number:08x}-rank-{rank}.json"),
        Engine::SglangDiffusion => format!("r{number}-{suffix}-global-rank{rank}.trace.json.gz"),
        Engine::TokenSpeed => format!("20261124-0102{number:02}-TP{rank}{suffix}.trace.json.gz"),
    }
}

/// A trace with the marks of vLLM 0.11: `execute_new_<n>_cached_<m>` in the place of today's.
fn older_marks(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let mut parts = text.split("\"execute_");
    let mut older = parts.next().unwrap().to_owned();
    for part in parts {
        let (mark, rest) = part.split_once('"').unwrap();
        let number = |key: &str| {
            let after = mark.split_once(key).unwrap().1;
            after.split(|c: char| !c.is_ascii_digit()).next().unwrap()
        };
        let (new, cached) = (number("context_"), number("generation_"));
        older.push_str(&format!("\"execute_new_{new}_cached_{cached}\"{rest}"));
    }
    older.into_bytes()
}

/// A request of a diffusion server that asks for its own profile.
pub fn diffuse(setup: &Setup, number: u64, timesteps: u64, is_all_stages: bool) {
    let mut profile = Active {
        num_steps: None,
        by_stage: false,
        dir: setup.dir.clone(),
        prefix: String::new(),
        marks: vec![Mark::Decode { batch: 1 }; timesteps as usize],
        wrote_prefill: false,
        is_over: false,
    };
    // Of single steps only rank 0 writes, although its file tells of all ranks.
    let tricks = if is_all_stages { 0..0 } else { 1..setup.ranks };
    let mut setup = setup.clone();
    setup.tricks.extend(tricks.map(Trick::MissingRank));
    let suffix = if is_all_stages { "full_stages".to_owned() } else { format!("{timesteps}_steps") };
    profile.write(&setup, number, &suffix);
}

/// A small model that ran these steps.
fn workload(setup: &Setup, marks: &[Mark]) -> Workload {
    let model = presets::two_rank_tp();
    let layer = model.shapes[0].bodies[0].clone();
    let shape = |mark: &Mark| {
        let stage = match *mark {
            Mark::Prefill { tokens } => Stage::Prefill { sequences: 1, tokens },
            Mark::Decode { batch } => Stage::Decode { batch, cached: 64 },
            Mark::Empty => return None,
        };
        Some(ModelShape::of_layers(stage, 2, layer.clone()))
    };
    let (flavour, annotations) = match setup.engine {
        Engine::Vllm | Engine::VllmOld => (Flavour::Vllm, Annotations::Vllm),
        Engine::Sglang | Engine::SglangOld | Engine::TensorRtLlm => (Flavour::Sglang, Annotations::Sglang),
        Engine::TokenSpeed | Engine::SglangDiffusion => (Flavour::Sglang, Annotations::None),
    };
    Workload {
        steps: marks.len() as u32,
        ranks: setup.ranks,
        flavour,
        annotations,
        late: None,
        shapes: marks.iter().filter_map(shape).collect(),
        ..model
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Puts a file into place as this server does it.
fn put(setup: &Setup, path: &Path, bytes: Vec<u8>) {
    let half = bytes.len() / 2;
    if setup.has(Trick::CutOff) {
        std::fs::write(path, &bytes[..half]).unwrap();
    } else if setup.has(Trick::GrowingFiles) {
        std::fs::write(path, b"").unwrap();
        let path = path.to_owned();
        std::thread::spawn(move || {
            for part in 1..=6 {
                std::thread::sleep(Duration::from_millis(120));
                std::fs::write(&path, &bytes[..bytes.len() * part / 6]).unwrap();
            }
        });
    } else {
        std::fs::write(path, bytes).unwrap();
    }
}
