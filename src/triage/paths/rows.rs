//! From a stage's kernels to the rows of its fuse table.

use std::collections::{BTreeMap, HashMap, hash_map};

use super::catalog::{PathCatalog, group_of};
use super::entry::{Entry, Origin};
use super::gates::{Facts, Gate};
use super::ladder::Kind;
use super::lookup::Way;
use super::needs::ModelKind;
use super::off::{self, Shown};
use super::parts::{PartIx, membership};
use super::sequence::{Sequence, Starts};
use super::similar::{self, Scene};
use super::unlisted;
use crate::trace::{NameId, Ns};
use crate::triage::activity::{Placed, Timeline};
use crate::triage::attribution::CallSites;
use crate::triage::classify::Classifier;
use crate::triage::kernel_table::percent;
use crate::triage::model::{KernelRow, Kin, PathRow, PathState, Similarity, Unlisted};
use crate::triage::stage::Stage;

/// Instances a step that do not spoil a state: a model's first norm has no residual, its last may be another.
const STRAYS: u64 = 2;
/// And at most one in this many of the others.
const STRAY_PART: u64 = 20;
/// A ladder that stands once in a step is no pattern.
const LEAST_LADDERS: u64 = 2;

/// A stage's kernels, each with the parts that it is of.
struct Seen<'t> {
    kinds: Vec<Kind<'t>>,
    /// Each name's place among the kinds.
    number_of: HashMap<NameId, u32>,
}

impl<'t> Seen<'t> {
    fn of(timeline: &'t Timeline, stage: Stage, catalog: &PathCatalog, classifier: &Classifier) -> Self {
        let mut seen = Self { kinds: Vec::new(), number_of: HashMap::new() };
        let of_steps = timeline.placed.iter().filter(|one| one.stage == stage && one.step.is_some());
        for name in of_steps.map(|one| one.activity.name) {
            if let hash_map::Entry::Vacant(slot) = seen.number_of.entry(name)
                && let Some(class) = timeline.classes.get(name)
                && let Ok(number) = u32::try_from(seen.kinds.len())
            {
                slot.insert(number);
                let parts = membership(&catalog.parts, class, classifier);
                seen.kinds.push(Kind::new(class, parts));
            }
        }
        seen
    }

    /// Whether Python code of the layers launched most norms of the stage's steps itself, so that they are not compiled.
    /// Single compiled kernels, such as the mask of a shared embedding, run beside such layers too.
    fn is_by_layers(&self, timeline: &Timeline, stage: Stage, calls: &CallSites) -> bool {
        let is_norm = |one: &&Placed| {
            let number = self.number_of.get(&one.activity.name);
            number.and_then(|number| self.kinds.get(*number as usize)).is_some_and(|kind| kind.is_norm)
        };
        let of_steps = timeline.placed.iter().filter(|one| one.stage == stage && one.step.is_some());
        let (mut all, mut by_layers) = (0_u64, 0_u64);
        for one in of_steps.filter(is_norm) {
            all += 1;
            by_layers += u64::from(calls.own(one.index).is_some_and(|place| off::is_layer(&place.path)));
        }
        all > 0 && by_layers * 2 > all
    }
}

/// What stands between two rungs in the evidence of a ladder.
pub const LADDER: &str = " → ";

/// How often a path ran in one of its forms, and as what.
#[derive(Default)]
struct Tally {
    count: u64,
    time: Ns,
    /// Kernel ids in order, and the time that they took so.
    forms: BTreeMap<String, Ns>,
    /// Kernel ids of ladders, and how often each was a rung.
    rungs: BTreeMap<String, u64>,
    /// Places that launched the ladders, and their time.
    places: BTreeMap<String, Ns>,
    /// Whether Python code of a layer launched a rung.
    by_layers: bool,
}

impl Tally {
    fn add(&mut self, form: String, count: u64, time: Ns) {
        self.count += count;
        self.time += time;
        *self.forms.entry(form).or_default() += time;
    }

    fn per_step(&self, steps: u64) -> u64 {
        (self.count + steps / 2).checked_div(steps).unwrap_or(0)
    }
}

/// What the path catalog says of a stage.
pub struct Found {
    /// The fuse table, largest time first; paths of which nothing ran are left out.
    pub rows: Vec<PathRow>,
    /// What nearly is a path.
    pub similar: Vec<Similarity>,
    /// Small kernels in a row that no path fits.
    pub unlisted: Vec<Unlisted>,
    /// Overlaps that hide a kernel id, the best first.
    pub ways: BTreeMap<String, Vec<Way>>,
    /// How often in a step a kernel id is a rung of a path's ladders, by path and kernel.
    pub rungs: Rungs,
}

/// How often in a step a kernel id is a rung of a path's ladders, by path and kernel.
pub type Rungs = BTreeMap<(String, String), u64>;

/// What the path catalog says of a stage, whose kernel table and call sites are given.
pub fn find(
    timeline: &Timeline,
    stage: Stage,
    (kernels, calls): (&[KernelRow], &CallSites),
    catalog: &PathCatalog,
    classifier: &Classifier,
    facts: Facts<'_>,
) -> Found {
    let steps = timeline.step_stages.iter().filter(|of| **of == stage).count() as u64;
    let seen = Seen::of(timeline, stage, catalog, classifier);
    let sequences = Sequence::all(&seen.kinds, &seen.number_of, timeline, stage);
    let mut ran = vec![false; catalog.parts.len()];
    for kind in &seen.kinds {
        ran.iter_mut().zip(&kind.parts).for_each(|(ran, is)| *ran |= is);
    }
    let totals = totals(&sequences);
    let runs = |part: &PartIx| ran.get(part.0).copied().unwrap_or(false);
    let runs_named = |name: &str| {
        catalog.parts.iter().position(|part| part.name == name).is_some_and(|at| runs(&PartIx(at)))
    };
    // Kernels that only one maker's GPUs run tell the maker where the trace does not.
    let maker = runs_named("amd-only").then_some("AMD");
    // What has a prefill, a decode or a cache of keys and values makes tokens.
    let is_language = matches!(stage, Stage::Prefill | Stage::Decode) || runs_named("kv-write");
    let serves = is_language.then_some(ModelKind::Language);
    let compiled = runs_named("compiled");
    let facts = Facts {
        gpu: facts.gpu.or(maker),
        reduces: runs_named("all-reduce"),
        exchanges: runs_named("expert-exchange"),
        aiter: runs_named("of-aiter"),
        no_fp4: runs_named("fp8-product") && !runs_named("fp4"),
        serves: facts.serves.or(serves),
        stage: Some(stage),
        ..facts
    };
    let whole: Ns =
        timeline.placed.iter().filter(|one| one.stage == stage).map(|one| one.activity.span.length()).sum();

    let mut rows: Vec<(&Entry, PathRow)> = Vec::new();
    let mut rungs = Rungs::new();
    for entry in catalog.entries().iter().filter(|entry| entry.claims()) {
        let is_another_case =
            entry.unless.iter().any(runs) || !(entry.with.is_empty() || entry.with.iter().any(runs));
        let (fused, split) = count(&sequences, &seen.kinds, &totals, entry, is_another_case, calls);
        let per_step = |count: u64| (count + steps / 2).checked_div(steps).unwrap_or(0);
        let of_path: Rungs = split
            .rungs
            .iter()
            .map(|(kernel, count)| ((entry.id.clone(), kernel.clone()), per_step(*count)))
            .collect();
        let off = entry.off_where.iter().find(|case| {
            case.stages.contains(&stage) || !(case.without.is_empty() || case.without.iter().any(runs))
        });
        let shown = Shown { by_layers: split.by_layers, compiled };
        let is_merged = matches!(entry.origin, Origin::Mainline | Origin::Upstream);
        let off = (is_merged && is_own(entry, &facts))
            .then(|| off::because(entry, shown, &facts).or_else(|| off.map(|case| case.because.clone())));
        let off = off.flatten();
        // A kernel that ran fused shows that the switch is set.
        let opt_in = (is_merged && is_own(entry, &facts) && fused.per_step(steps) == 0)
            .then(|| off::unknown_opt_in(entry, &facts))
            .flatten();
        if let Some(row) = row(entry, fused, split, (steps, whole), (off, opt_in), &facts) {
            rungs.extend(of_path);
            rows.push((entry, row));
        }
    }
    let mut rows = one_of_each(rows, catalog, &facts);
    rows.sort_by(|a, b| b.related_ns.cmp(&a.related_ns).then_with(|| a.path.cmp(&b.path)));
    let scene = Scene {
        stage,
        steps,
        kinds: &seen.kinds,
        sequences: &sequences,
        ran: &ran,
        ops: kernels.iter().flat_map(|row| &row.cpu_ops).map(String::as_str).collect(),
        sites: kernels.iter().flat_map(|row| &row.sites).collect(),
        rows: &rows,
    };
    let similar = similar::find(&scene, catalog, &facts);
    let unlisted = unlisted::find(&scene, catalog, whole);
    let shown = Shown { by_layers: seen.is_by_layers(timeline, stage, calls), compiled };
    let ways_of = |kind: &Kind<'_>| (kind.id.to_owned(), catalog.covering(&kind.parts, shown, &facts));
    let ways = seen.kinds.iter().map(ways_of);
    let ways = ways.filter(|(_, ways)| !ways.is_empty()).collect();
    Found { rows, similar, unlisted, ways, rungs }
}

/// How often each kernel id's kind ran in the steps, and how long.
fn totals<'s>(sequences: &'s [Sequence<'_, '_>]) -> Vec<(&'s Kind<'s>, u64, Ns)> {
    let mut totals: BTreeMap<u32, (&Kind<'_>, u64, Ns)> = BTreeMap::new();
    for sequence in sequences {
        for (number, kind, time) in sequence.each() {
            let (_, count, sum) = totals.entry(number).or_insert((kind, 0, Ns::ZERO));
            *count += sequence.runs;
            *sum += time;
        }
    }
    totals.into_values().collect()
}

fn count(
    sequences: &[Sequence<'_, '_>],
    kinds: &[Kind<'_>],
    totals: &[(&Kind<'_>, u64, Ns)],
    entry: &Entry,
    is_another_case: bool,
    calls: &CallSites,
) -> (Tally, Tally) {
    let (mut fused, mut split) = (Tally::default(), Tally::default());
    for (kind, count, time) in totals.iter().filter(|(kind, ..)| kind.is_any(&entry.on)) {
        fused.add(kind.id.to_owned(), *count, *time);
    }
    let shape = entry.shape();
    if is_another_case {
        return (fused, split);
    }
    let Some(starts) = Starts::of(kinds, shape) else { return (fused, split) };
    for sequence in sequences {
        for range in sequence.ladders(shape, &starts) {
            let rungs = sequence.kinds.get(range.clone()).unwrap_or_default();
            // What stays when the rungs become one is shown in brackets, and its time is not theirs.
            let stays = |kind: &Kind<'_>| kind.is_any(&entry.between);
            let shown = |kind: &&Kind<'_>| {
                if stays(kind) { format!("({})", kind.id) } else { kind.id.to_owned() }
            };
            let form: Vec<String> = rungs.iter().map(shown).collect();
            let mut time = Ns::ZERO;
            for (at, kind) in range.zip(rungs).filter(|(_, kind)| !stays(kind)) {
                *split.rungs.entry(kind.id.to_owned()).or_default() += sequence.runs;
                time += sequence.times.get(at).copied().unwrap_or_default();
                let place = sequence.places.get(at).and_then(|index| calls.get(*index));
                split.by_layers |= sequence
                    .places
                    .get(at)
                    .and_then(|index| calls.own(*index))
                    .is_some_and(|place| off::is_layer(&place.path));
                if let Some(place) = place {
                    let time = sequence.times.get(at).copied().unwrap_or_default();
                    *split.places.entry(place.at()).or_default() += time;
                }
            }
            split.add(form.join(LADDER), sequence.runs, time);
        }
    }
    (fused, split)
}

/// What a path does, by how often it ran in a step in either form.
pub(super) fn state_of(fused: u64, split: u64) -> PathState {
    let is_stray = |few: u64, many: u64| few <= STRAYS && few * STRAY_PART <= many;
    match (fused, split) {
        (0, 0) => PathState::Absent,
        (_, 0) => PathState::Active,
        (0, _) => PathState::Split,
        _ if is_stray(split, fused) => PathState::Active,
        _ if is_stray(fused, split) => PathState::Split,
        _ => PathState::Partial,
    }
}

fn row(
    entry: &Entry,
    fused: Tally,
    mut split: Tally,
    (steps, whole): (u64, Ns),
    (off, opt_in): (Option<String>, Option<&str>),
    facts: &Facts<'_>,
) -> Option<PathRow> {
    if split.per_step(steps) < LEAST_LADDERS {
        split = Tally::default();
    }
    let (fused_count, split_count) = (fused.per_step(steps), split.per_step(steps));
    let mut evidence = Vec::new();
    let state = match (state_of(fused_count, split_count), entry.gates.judge(facts)) {
        (PathState::Absent, _) => return None,
        // That a library's kernel runs is no news of another framework's path.
        (PathState::Active, _) if facts.framework != "unknown" && !entry.is_of(facts.framework) => {
            return None;
        }
        // What runs has passed its gates.
        (state @ (PathState::Active | PathState::Partial), _) => state,
        (_, Gate::Closed) => return None,
        // A pull request to one framework is no news for a program of another.
        _ if matches!(entry.origin, Origin::InFlight | Origin::Closed) && !entry.is_of(facts.framework) => {
            return None;
        }
        (_, Gate::Unknown(settled_by)) => {
            evidence.push(format!("not known: {settled_by}"));
            PathState::GateUnknown
        }
        (state, Gate::Open) => state,
    };
    let off = off.filter(|_| matches!(state, PathState::Split | PathState::Partial));
    evidence.extend(off.iter().map(|because| format!("off here: {because}")));
    let opt_in = opt_in.filter(|_| off.is_none() && state != PathState::Active);
    evidence.extend(opt_in.iter().map(|flag| format!("opt-in: not known whether `{flag}` is set")));
    let class = match (&off, opt_in, state) {
        (Some(_), ..) => "off",
        (None, Some(_), PathState::Split | PathState::Partial) => "opt-in",
        _ => class_of(entry, state, facts),
    };
    let mut places: Vec<(Ns, String)> = split.places.into_iter().map(|(place, time)| (time, place)).collect();
    places.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut forms: Vec<(Ns, String)> =
        fused.forms.into_iter().chain(split.forms).map(|(form, time)| (time, form)).collect();
    forms.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    evidence.extend(forms.into_iter().map(|(_, form)| form));
    let related = fused.time + split.time;
    Some(PathRow {
        path: entry.id.clone(),
        name: entry.name.clone(),
        kind: entry.kind.as_str().to_owned(),
        state,
        fused: fused_count,
        split: split_count,
        related_ns: related.0,
        share_pct: percent(related, whole),
        class: class.to_owned(),
        evidence,
        locations: places.into_iter().map(|(_, place)| place).collect(),
        // Of a path that is on, the code is that of the framework at hand or not known.
        source_paths: if state == PathState::Active && !entry.is_of(facts.framework) {
            Vec::new()
        } else {
            entry.source_paths.clone()
        },
        flags: entry.flags.clone(),
        pr: entry.pr.clone(),
        also: Vec::new(),
    })
}

/// Whether a path is one of the framework at hand, where that is known: another's cannot be off here.
fn is_own(entry: &Entry, facts: &Facts<'_>) -> bool {
    facts.framework != "unknown" && entry.is_of(facts.framework)
}

fn class_of(entry: &Entry, state: PathState, facts: &Facts<'_>) -> &'static str {
    match state {
        PathState::Active => return "on",
        PathState::GateUnknown => return "unclear",
        PathState::Partial | PathState::Split | PathState::Absent => {}
    }
    match entry.origin {
        Origin::InFlight => "in-flight",
        Origin::Closed => "closed",
        Origin::Mainline | Origin::Upstream if !entry.is_of(facts.framework) => "mainline-elsewhere",
        Origin::Mainline | Origin::Upstream => "should-apply",
    }
}

/// Of the entries of one optimisation, the framework's own speaks, then the one that runs, then what is merged, then
/// the first. The others are named with it. An unknown framework has none of its own, a library's neither.
fn one_of_each(rows: Vec<(&Entry, PathRow)>, catalog: &PathCatalog, facts: &Facts<'_>) -> Vec<PathRow> {
    let mut best: BTreeMap<&str, (&Entry, PathRow)> = BTreeMap::new();
    let merit = |entry: &Entry, row: &PathRow| {
        let is_merged = matches!(entry.origin, Origin::Mainline | Origin::Upstream);
        (is_own(entry, facts), row.fused > 0, is_merged, entry.same_as.is_none())
    };
    for (entry, row) in rows {
        match best.get(group_of(entry)) {
            Some((known, other)) if merit(known, other) >= merit(entry, &row) => {}
            Some(_) | None => {
                best.insert(group_of(entry), (entry, row));
            }
        }
    }
    best.into_values()
        .map(|(entry, mut row)| {
            // What another kind of model has is no help here.
            let kin_of = catalog.kin(entry).filter(|other| !other.gates.is_of_another_model_kind(facts));
            row.also = kin_of.map(|other| kin(other, facts)).collect();
            row
        })
        .collect()
}

fn kin(entry: &Entry, facts: &Facts<'_>) -> Kin {
    Kin {
        path: entry.id.clone(),
        frameworks: entry.frameworks.clone(),
        origin: entry.origin.as_str().to_owned(),
        pr: entry.pr.clone(),
        as_of: entry.as_of.map(|date| date.to_string()),
        is_for: entry.gates.is_for(facts).map(str::to_owned),
    }
}
