//! What `profgate triage` costs on large traces, beside the floor of inflating the same file and beside `gzip`.
//!
//! Whatever is compared is measured in one run and in turns: only ratios mean anything on another machine. See
//! `benches/README.md` for how to repeat it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops when it cannot measure, and prints"
)]

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flate2::bufread::MultiGzDecoder;
use profgate::synth::{self, presets};

/// Rounds of each measurement; the median counts.
const ROUNDS: usize = 5;

/// Ranks of the capture that many threads read.
const RANKS: usize = 8;

fn main() {
    if let Some(folder) = std::env::var_os("PROFGATE_BENCH_WRITE") {
        traces(Path::new(&folder));
        return;
    }
    let folder = std::env::temp_dir().join(format!("profgate-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    println!(
        "| trace | JSON MB | inflate s | gzip -dc s | triage s | x inflate | x gzip | CPU s | peak MB | limit MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let traces = traces(&folder);
    for trace in &traces {
        row(trace);
    }
    if let Some(first) = traces.first() {
        many_ranks(first, &folder);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// `PROFGATE_BENCH_TRACES` names gzip files; else traces of the sizes of `PROFGATE_BENCH_MB` are generated.
fn traces(folder: &Path) -> Vec<PathBuf> {
    if let Ok(paths) = std::env::var("PROFGATE_BENCH_TRACES") {
        return paths.split_whitespace().map(PathBuf::from).collect();
    }
    let sizes = std::env::var("PROFGATE_BENCH_MB").unwrap_or_else(|_| "50".to_owned());
    let of_size = |megabytes: &str| {
        let bytes = megabytes.parse::<u64>().unwrap() * 1_000_000;
        let folder = folder.join(megabytes);
        std::fs::create_dir_all(&folder).unwrap();
        let workload = presets::eager_prefill().with_size(bytes).unwrap();
        synth::write_capture(&workload, &folder).unwrap().remove(0)
    };
    sizes.split_whitespace().map(of_size).collect()
}

fn row(trace: &Path) {
    let (mut floors, mut gzips, mut walls) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        bytes = inflate(trace);
        floors.push(start.elapsed());
        let start = Instant::now();
        let gzip = Command::new("gzip").arg("-dc").arg(trace).stdout(Stdio::null()).status();
        if gzip.is_ok_and(|status| status.success()) {
            gzips.push(start.elapsed());
        }
        walls.push(timed(&[trace.to_owned()]));
    }
    let (floor, gzip) = (median(&mut floors), median(&mut gzips));
    let wall = median(&mut walls);
    let Run { cpu, peak, .. } = watched(&[trace.to_owned()]);
    println!(
        "| {} | {:.0} | {:.3} | {:.3} | {:.3} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} |",
        trace.file_name().unwrap_or_default().to_string_lossy(),
        bytes as f64 / 1e6,
        floor.as_secs_f64(),
        gzip.as_secs_f64(),
        wall.as_secs_f64(),
        wall.as_secs_f64() / floor.as_secs_f64(),
        wall.as_secs_f64() / gzip.as_secs_f64().max(1e-9),
        cpu.as_secs_f64(),
        peak as f64 / 1e6,
        20.0 + 0.15 * bytes as f64 / 1e6,
    );
}

/// One trace as the file of each of several ranks: memory must not grow with their number.
fn many_ranks(trace: &Path, folder: &Path) {
    let copies = |count: usize| -> Vec<PathBuf> {
        let name = |rank: usize| folder.join(format!("many-{count}-rank{rank}.trace.json.gz"));
        let paths: Vec<PathBuf> = (0..count).map(name).collect();
        for path in &paths {
            std::fs::copy(trace, path).unwrap();
        }
        paths
    };
    println!();
    println!("| ranks | wall s | CPU s | cores busy | peak MB |");
    println!("|---|---|---|---|---|");
    for count in [2, RANKS] {
        let run = watched(&copies(count));
        println!(
            "| {count} | {:.3} | {:.2} | {:.2} | {:.0} |",
            run.wall.as_secs_f64(),
            run.cpu.as_secs_f64(),
            run.cpu.as_secs_f64() / run.wall.as_secs_f64(),
            run.peak as f64 / 1e6
        );
    }
}

fn inflate(path: &Path) -> u64 {
    let mut reader = MultiGzDecoder::new(BufReader::with_capacity(256 << 10, File::open(path).unwrap()));
    let mut buffer = vec![0; 512 << 10];
    let mut total = 0;
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => return total,
            read => total += read as u64,
        }
    }
}

struct Run {
    wall: Duration,
    cpu: Duration,
    /// Largest resident memory, in bytes; 0 where `/proc` does not tell.
    peak: u64,
}

/// The program as users run it.
fn command(traces: &[PathBuf]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_profgate"));
    command.arg("triage").args(traces).arg("--quiet").stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Its wall time, undisturbed.
fn timed(traces: &[PathBuf]) -> Duration {
    let start = Instant::now();
    let status = command(traces).status().unwrap();
    assert!(status.code().is_some_and(|code| code == 0 || code == 3), "{status}");
    start.elapsed()
}

/// Its CPU time and memory, looked at all along.
fn watched(traces: &[PathBuf]) -> Run {
    let start = Instant::now();
    let mut child = command(traces).spawn().unwrap();
    let folder = PathBuf::from(format!("/proc/{}", child.id()));
    let (mut cpu, mut peak) = (Duration::ZERO, 0);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        cpu = cpu_of(&folder).unwrap_or(cpu);
        peak = peak_of(&folder).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(status.code().is_some_and(|code| code == 0 || code == 3), "{status}");
    Run { wall: start.elapsed(), cpu, peak }
}

fn peak_of(folder: &Path) -> Option<u64> {
    let status = std::fs::read_to_string(folder.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// User and system time, in the kernel's hundredths of a second.
fn cpu_of(folder: &Path) -> Option<Duration> {
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 10))
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
