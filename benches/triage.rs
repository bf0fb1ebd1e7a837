//! What `profgate triage` costs on a large trace, beside the floor of inflating the same file.
//!
//! One run, both numbers, interleaved: only their ratio means anything on another machine. See
//! `benches/README.md` for how to repeat it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops when it cannot measure, and prints"
)]

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::bufread::MultiGzDecoder;
use profgate::run::{LoadOptions, load};
use profgate::source::Limits;
use profgate::synth::{self, presets};
use profgate::triage::Catalogs;

/// Rounds of each measurement; the median counts.
const ROUNDS: usize = 5;

fn main() {
    let megabytes: u64 =
        std::env::var("PROFGATE_BENCH_MB").ok().and_then(|text| text.parse().ok()).unwrap_or(50);
    let folder = std::env::temp_dir().join(format!("profgate-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let workload = presets::eager_prefill().with_size(megabytes * 1_000_000).unwrap();
    let trace = synth::write_capture(&workload, &folder).unwrap().remove(0);

    let mut floors = Vec::new();
    let mut triages = Vec::new();
    let mut bytes = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        bytes = inflate(&trace);
        floors.push(start.elapsed());
        let start = Instant::now();
        triage(&trace);
        triages.push(start.elapsed());
    }
    let (floor, triage) = (median(floors), median(triages));
    println!("trace          {:.1} MB of JSON", bytes as f64 / 1e6);
    println!("inflate only   {:.3} s", floor.as_secs_f64());
    println!("triage         {:.3} s", triage.as_secs_f64());
    println!("ratio          {:.2}", triage.as_secs_f64() / floor.as_secs_f64());
    std::fs::remove_dir_all(&folder).unwrap();
}

fn inflate(path: &Path) -> u64 {
    let mut reader = MultiGzDecoder::new(BufReader::new(File::open(path).unwrap()));
    let mut buffer = vec![0; 1 << 20];
    let mut total = 0;
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => return total,
            read => total += read as u64,
        }
    }
}

fn triage(path: &Path) {
    let catalogs = Catalogs::builtin().unwrap();
    let options = LoadOptions {
        threads: 1,
        rank: None,
        limits: Limits::default(),
        server_logs: &[],
        progress: &|_, _| {},
    };
    let capture = load(&[path.to_owned()], &catalogs, &options).unwrap();
    assert!(!capture.ranks.is_empty());
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
