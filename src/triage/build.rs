//! The traces of one rank, turned into one [`Triage`].

use std::sync::Arc;

use serde_json::{Map, Value};

use super::activity::Timeline;
use super::attribution::{self, Explained, Frames, Mapping};
use super::catalogs::Catalogs;
use super::classify::Role;
use super::framework;
use super::kernel_table::{self, percent};
use super::launches::Launches;
use super::layers;
use super::model::{
    Attribution, DeviceTime, HealthEntry, Mode, SCHEMA, Searched, Similarity, StageTriage, Tool, TraceEntry,
    Triage, Unlisted,
};
use super::overlap::{self, Advice, Ground};
use super::paths::{self, Entry, Facts, Origin, PathCatalog, PathKind};
use super::ranks::RankFacts;
use super::stage::Stage;
use crate::trace::{Health, HealthCode, Ns, Trace};

/// One trace file of the rank, read.
pub struct Input<'a> {
    /// What the events say.
    pub trace: &'a Trace,
    /// As the report shall name the file.
    pub path: &'a str,
    /// The stage that the file's own path names.
    pub path_stage: Option<Stage>,
    /// Position in the job.
    pub rank: u32,
    /// Of the file's bytes as stored.
    pub sha256: &'a str,
}

/// Why traces of one rank cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TriageError {
    /// Two files of one rank hold the same stage; adding them up would count work twice.
    #[error("{first} and {second} both hold stage `{stage}` of rank {rank}")]
    SameStageTwice {
        /// One file.
        first: String,
        /// The other.
        second: String,
        /// The stage that both hold.
        stage: &'static str,
        /// Their rank.
        rank: u32,
    },
    /// A catalog that is compiled in is wrong, which a test of its own rules out.
    #[error("a built-in catalog cannot be used: {0}")]
    Catalog(String),
}

/// Puts the traces of one rank together.
///
/// `server_args` are the allow-listed arguments of the server, when the capture has them.
pub fn triage(
    inputs: &[Input<'_>],
    catalogs: &Catalogs,
    server_args: Option<Map<String, Value>>,
) -> Result<Triage, TriageError> {
    triage_of_rank(inputs, &[], catalogs, server_args, None).map(|(triage, _)| triage)
}

/// The same, and what a comparison with other ranks needs besides. `mapping` are traces that only name the
/// source of what the inputs measured; there may be none. `tp_files` is the tensor parallelism that file names tell.
pub fn triage_of_rank(
    inputs: &[Input<'_>],
    mapping: &[Input<'_>],
    catalogs: &Catalogs,
    server_args: Option<Map<String, Value>>,
    tp_files: Option<u32>,
) -> Result<(Triage, RankFacts), TriageError> {
    let mut facts = RankFacts::new(inputs.first().map_or(0, |input| input.rank));
    let mut health = Health::default();
    let mut stages: Vec<(StageTriage, &str)> = Vec::new();
    let mut traces = Vec::new();
    let (mut similarity, mut unlisted) = (Vec::new(), Vec::new());
    let Catalogs { classifier, paths: catalog } = catalogs;
    let frames = Frames::builtin().map_err(|error| TriageError::Catalog(error.to_string()))?;
    let advice = Advice::builtin().map_err(|error| TriageError::Catalog(error.to_string()))?;
    let mode = if mapping.is_empty() { Mode::SingleTrace } else { Mode::MappingFormal };
    let maps = Mapping::of(mapping, classifier, frames, &mut health);
    let (mut found, mut model_code) = (None, None);
    for input in inputs {
        let engine = framework::detect(input.trace);
        if found.as_ref().is_none_or(|known: &framework::Framework| known.id == "unknown") {
            found = Some(engine);
        }
    }
    let argument = |keys: &[&str]| server_args.as_ref().and_then(|args| first_text(args, keys));
    let alias = argument(&["served_model_name"]);
    let path = argument(&["model_path", "model"]);
    let model = path.clone().or_else(|| alias.clone());
    let launches: Vec<Arc<Launches<'_>>> =
        inputs.iter().map(|input| Arc::new(Launches::of(input.trace))).collect();
    let mut timelines = Vec::new();
    let mut explained = Vec::new();
    for (input, launches) in inputs.iter().zip(&launches) {
        let timeline = || {
            let mut health = Health::default();
            let launches = Arc::clone(launches);
            let timeline = Timeline::with(input.trace, launches, classifier, input.path_stage, &mut health);
            (timeline, health)
        };
        let origins = || Explained::of(input.trace, launches, frames, &maps);
        let ((timeline, of_timeline), of_input) = both(timeline, origins);
        health.merge(&of_timeline);
        timelines.push(timeline);
        explained.push(of_input);
    }
    settle(inputs, &mut timelines);
    for ((input, timeline), explained) in inputs.iter().zip(timelines).zip(explained) {
        let trace = input.trace;
        health.merge(&trace.health);
        facts.add(trace, &timeline);
        let of_input = stages_of(&timeline);
        for stage in &of_input {
            if let Some((_, first)) = stages.iter().find(|(one, _)| one.stage == *stage) {
                return Err(TriageError::SameStageTwice {
                    first: (*first).to_owned(),
                    second: input.path.to_owned(),
                    stage: stage.as_str(),
                    rank: input.rank,
                });
            }
        }
        let gpu = trace.gpu();
        let code = framework::model_code(trace);
        if model_code.is_none() {
            model_code.clone_from(&code);
        }
        let facts = Facts {
            framework: found.as_ref().map_or("unknown", |engine| engine.id),
            model: path.as_deref(),
            alias: alias.as_deref(),
            model_code: code.as_deref(),
            server_args: server_args.as_ref(),
            gpu: gpu.as_deref(),
            world_size: trace.header.world_size,
            serves: framework::serves(trace),
            tp_files,
            ..Facts::default()
        };
        let scene = overlap::Scene::of(&timeline);
        let tables = |stage: Stage| {
            let mut one = stage_triage(trace, &timeline, stage);
            let (known, calls) =
                attribution::fill(&mut one.kernels, trace, &timeline, stage, &explained, &maps);
            one.attribution = known;
            // A mapping capture that names nothing of the stage settles nothing.
            let mode = if one.attribution.mapped { mode } else { Mode::SingleTrace };
            let found = paths::find(&timeline, stage, (&one.kernels, &calls), catalog, classifier, facts);
            one.paths = found.rows;
            attribution::locate(&mut one.paths, &one.kernels);
            let ground = Ground {
                kernels: &one.kernels,
                paths: &one.paths,
                calls: &calls,
                mode,
                ways: &found.ways,
                rungs: &found.rungs,
            };
            one.overlaps = overlap::find(&scene, stage, ground, advice);
            (one, found.similar, found.unlisted, layers::doubt(trace, &timeline, stage))
        };
        for (one, of_similar, of_unlisted, doubt) in each(&of_input, tables) {
            if let Some(doubt) = doubt {
                health.count(HealthCode::LayersUncertain, || doubt);
            }
            similarity.extend(of_similar);
            unlisted.extend(of_unlisted);
            stages.push((one, input.path));
        }
        traces.push(entry(input, "formal", kernel_table::devices(trace, &timeline)));
    }
    traces.extend(mapping.iter().map(|input| entry(input, "mapping", Vec::new())));
    stages.sort_by_key(|(stage, _)| stage.stage);
    similarity.sort_by_key(|hint: &Similarity| hint.stage);
    unlisted.sort_by_key(|row: &Unlisted| row.stage);
    let stages: Vec<StageTriage> = stages.into_iter().map(|(stage, _)| stage).collect();
    let triage = Triage {
        schema: SCHEMA,
        tool: Tool::default(),
        mode,
        framework: found.as_ref().map_or("unknown", |engine| engine.id).to_owned(),
        framework_evidence: found.map_or_else(|| "no trace".to_owned(), |engine| engine.evidence),
        model,
        model_code,
        server_args,
        overlap_evidence: if stages.iter().any(|stage| stage.attribution.mapped) {
            mode
        } else {
            Mode::SingleTrace
        },
        conclusion: conclusion(&stages, health.get(HealthCode::IdleGap) == 0),
        traces,
        health: health.iter().map(|(code, count, detail)| HealthEntry::new(code, count, detail)).collect(),
        stages,
        similarity,
        unlisted,
        searched: searched(catalog),
        notes: Vec::new(),
        ranks: None,
    };
    Ok((triage, facts))
}

/// The results of two pieces of work that know nothing of one another, done at once.
fn both<A, B: Send>(here: impl FnOnce() -> A, beside: impl FnOnce() -> B + Send) -> (A, B) {
    std::thread::scope(|scope| {
        let beside = scope.spawn(beside);
        let here = here();
        (here, joined(beside))
    })
}

/// The results of the same work for each stage, done at once and given in order.
fn each<T: Send>(stages: &[Stage], work: impl Fn(Stage) -> T + Sync) -> Vec<T> {
    let Some((first, others)) = stages.split_first() else { return Vec::new() };
    let work = &work;
    std::thread::scope(|scope| {
        let others: Vec<_> = others.iter().map(|stage| scope.spawn(|| work(*stage))).collect();
        std::iter::once(work(*first)).chain(others.into_iter().map(joined)).collect()
    })
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Leaves a stage to the file that is named for it.
///
/// A server that profiles by stage cuts its files at steps, and one that belongs to the other file may slip in.
/// Such a step is work outside every step of the file's own stage.
fn settle(inputs: &[Input<'_>], timelines: &mut [Timeline<'_>]) {
    let named: Vec<Stage> = inputs
        .iter()
        .zip(timelines.iter())
        .filter_map(|(input, timeline)| input.path_stage.filter(|stage| timeline.step_stages.contains(stage)))
        .collect();
    for (input, timeline) in inputs.iter().zip(timelines) {
        let Some(own) = input.path_stage.filter(|own| timeline.step_stages.contains(own)) else { continue };
        // Two files of one rank may hold a step each that is neither's.
        let others = named.iter().chain(Some(&Stage::All).filter(|_| named.len() > 1));
        for stage in others.filter(|stage| **stage != own) {
            timeline.leave(*stage, own);
        }
    }
}

fn searched(catalog: &PathCatalog) -> Searched {
    let number = |of: &dyn Fn(&&Entry) -> bool| catalog.entries().iter().filter(of).count() as u64;
    Searched {
        fusions: number(&|entry| entry.kind == PathKind::Fuse),
        overlaps: number(&|entry| entry.kind == PathKind::Overlap),
        in_flight: number(&|entry| entry.origin == Origin::InFlight),
    }
}

fn entry(input: &Input<'_>, part: &str, devices: Vec<DeviceTime>) -> TraceEntry {
    let trace = input.trace;
    TraceEntry {
        path: input.path.to_owned(),
        part: part.to_owned(),
        rank: input.rank,
        stage: input.path_stage,
        gpu: trace.gpu(),
        events: trace.events.read,
        activities: trace.activities.len() as u64,
        kernels: trace.kernel_count() as u64,
        world_size: trace.header.world_size,
        runtime: trace.header.runtime(),
        driver: trace.header.driver(),
        nccl: trace.header.nccl_version.clone(),
        engine: trace.header.engine_version.clone(),
        sha256: input.sha256.to_owned(),
        devices,
        recorded_unix_ns: recorded(trace),
    }
}

/// When the first activity ran, if that is a time at which a trace can have been recorded.
fn recorded(trace: &Trace) -> Option<i64> {
    const YEAR_2015: i64 = 1_420_070_400_000_000_000;
    const YEAR_2100: i64 = 4_102_444_800_000_000_000;
    let first = trace.activities.iter().map(|activity| activity.span.start.0).min()?;
    trace.header.base_ns.checked_add(first).filter(|ns| (YEAR_2015..YEAR_2100).contains(ns))
}

fn stages_of(timeline: &Timeline) -> Vec<Stage> {
    let mut stages: Vec<Stage> = timeline.placed.iter().map(|one| one.stage).collect();
    stages.sort_unstable();
    stages.dedup();
    stages
}

fn stage_triage(trace: &Trace, timeline: &Timeline, stage: Stage) -> StageTriage {
    StageTriage {
        stage,
        stage_evidence: timeline.evidence_of(stage),
        steps: kernel_table::totals(timeline, stage),
        kernels: kernel_table::rows(trace, timeline, stage),
        overlaps: Vec::new(),
        paths: Vec::new(),
        layers: layers::find(trace, timeline, stage),
        attribution: Attribution::default(),
    }
}

fn first_text(args: &Map<String, Value>, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| args.get(*key).and_then(Value::as_str)).map(str::to_owned)
}

/// From this part of a step's busy time on, exposed communication is part of the conclusion.
const WORTH_SAYING_PCT: f64 = 1.0;
/// From this part of the steps on, so is an idle GPU: it then decides more than most kernels.
const IDLE_PCT: f64 = 10.0;

/// `idle_counts` says that no step has a gap which is likely a cut in the trace and no idle time.
fn conclusion(stages: &[StageTriage], idle_counts: bool) -> String {
    let parts: Vec<String> = stages
        .iter()
        .filter_map(|stage| {
            let top = stage.kernels.first()?;
            let of_role: f64 =
                stage.kernels.iter().filter(|row| row.role == top.role).map(|row| row.share_pct).sum();
            let mut said = format!(
                "{}: {} takes {:.1} % of GPU time ({} in all {:.1} %)",
                stage.stage.as_str(),
                top.kernel,
                top.share_pct,
                top.role.as_str(),
                of_role
            );
            let totals = &stage.steps;
            let busy = Ns(totals.busy_per_step_ns);
            let exposed: Ns = stage
                .overlaps
                .iter()
                .filter(|row| row.role == Role::Communication)
                .map(|row| Ns(row.exposed_ns))
                .sum();
            let exposed = percent(exposed, busy);
            if exposed >= WORTH_SAYING_PCT {
                said.push_str(&format!(
                    ", communication runs alone for {exposed:.1} % of the busy time of a step"
                ));
            }
            let in_steps = Ns(busy.0.saturating_mul(totals.count as i64));
            let idle = percent(Ns(totals.idle_ns), Ns(totals.idle_ns) + in_steps);
            if idle_counts && idle >= IDLE_PCT {
                said.push_str(&format!(", and the GPU idles for {idle:.1} % of the steps"));
            }
            Some(said)
        })
        .collect();
    if parts.is_empty() {
        "No GPU activity was recorded.".to_owned()
    } else {
        format!("{}.", parts.join("; "))
    }
}
