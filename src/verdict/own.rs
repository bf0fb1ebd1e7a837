//! One change is told once: where a path is lost, the kernels that changed with it are its price.
//!
//! A path that stopped running fused shows twice, as the path and as kernels that are gone and came. Where both
//! would fail, the path's finding holds the kernels and what they cost, and the price of structure speaks of the
//! rest. A waiver of the path accepts both. A path that is only warned of or allowed takes nothing away: what it
//! costs is judged with everything else.

use std::collections::{BTreeMap, BTreeSet};

use super::align::is_unknown;
use super::code::Code;
use super::finding::{Finding, Level};
use super::policy::Thresholds;
use super::sets::{Set, has_count_of, more};
use super::structure::row_evidence;
use crate::baseline::{Change, RowDelta, StageDelta, StageObservation};
use crate::common::text::{signed_percent, signed_time};
use crate::triage::paths::{is_known, ran_as};
use crate::triage::{Role, Stage};

/// Paths whose findings hold what changed with them.
pub type Holders = BTreeSet<(Stage, String)>;

/// For each changed set, the findings that it belongs to: positions in the list of findings.
type Owners = Vec<BTreeSet<usize>>;

/// Whether a finding says that a path is lost or lost in part.
pub fn is_path(code: Code) -> bool {
    matches!(code, Code::PathMissing | Code::PathPartial)
}

/// The kernels that a path ran as before and runs as now: as the baseline lists them and the capture shows them,
/// and what the catalog takes for the path among what is lost, where a baseline lists none.
///
/// This is the one place that says which kernels belong to a path.
pub fn kernels_of<'a>(
    path: &str,
    delta: &'a StageDelta,
    observed: &'a StageObservation,
) -> BTreeSet<&'a str> {
    let before = delta.paths.iter().filter(|one| one.path == path).flat_map(|one| &one.kernels_before);
    let after = observed.paths.get(path).into_iter().flat_map(|one| &one.kernels);
    let lost = delta.rows.iter().filter(|row| more(row) < 0.0);
    let known = lost.filter(|row| ran_as(path, &row.kernel, row.role)).map(|row| &row.kernel);
    before.chain(after).chain(known).map(String::as_str).collect()
}

/// Whether a set is the change of a path: all that it lost was the path's, whatever took its place; or all that
/// came is the path's, whatever it took the place of. Copies belong to what stands around them.
fn is_of(set: &Set<'_>, kernels: &BTreeSet<&str>) -> bool {
    let is_own = |kernel: &str| kernels.contains(kernel);
    let are_own = |rows: Vec<&RowDelta>| {
        rows.iter().any(|row| is_own(&row.kernel))
            && rows.iter().all(|row| is_own(&row.kernel) || row.role == Role::Memory)
    };
    are_own(set.lost()) || are_own(set.gained())
}

fn owners(
    findings: &[Finding],
    stage: Stage,
    delta: &StageDelta,
    observed: &StageObservation,
    sets: &[Set<'_>],
) -> Owners {
    let mut owners = vec![BTreeSet::new(); sets.len()];
    let of_stage = |finding: &Finding| finding.stage == Some(stage) && is_path(finding.code);
    for (at, finding) in findings.iter().enumerate().filter(|(_, finding)| of_stage(finding)) {
        let kernels = kernels_of(&finding.subject, delta, observed);
        for (own, _) in owners.iter_mut().zip(sets).filter(|(_, set)| is_of(set, &kernels)) {
            own.insert(at);
        }
    }
    owners
}

/// Tells the findings about lost paths what changed with them, and gives back the sets that are left for the
/// price of structure: those of no path in `holders`.
///
/// A set that several paths lay claim to is priced with each of them, and told with the first.
pub fn share<'d>(
    findings: &mut [Finding],
    holders: &Holders,
    stage: Stage,
    delta: &'d StageDelta,
    observed: &StageObservation,
    sets: &[Set<'d>],
    thresholds: &Thresholds,
) -> Vec<Set<'d>> {
    let owners = owners(findings, stage, delta, observed, sets);
    let is_holder = |at: &usize| {
        findings.get(*at).is_some_and(|finding| holders.contains(&(stage, finding.subject.clone())))
    };
    // One path that does not fail is enough to leave the set where everything is judged.
    let is_held: Vec<bool> = owners.iter().map(|own| !own.is_empty() && own.iter().all(is_holder)).collect();
    let mut of_finding: BTreeMap<usize, Vec<&Set<'d>>> = BTreeMap::new();
    for (own, set) in owners.iter().zip(sets) {
        for at in own {
            of_finding.entry(*at).or_default().push(set);
        }
    }
    for (at, sets) in of_finding {
        if let Some(finding) = findings.get_mut(at) {
            tell(finding, &sets, delta, thresholds);
        }
    }
    sets.iter().zip(is_held).filter(|(_, is_held)| !is_held).map(|(set, _)| set.clone()).collect()
}

/// Says what changed with a lost path, and what that costs, which is never less than nothing: a loss that is called
/// a gain explains itself to nobody, and the gain is in the price of structure.
fn tell(finding: &mut Finding, sets: &[&Set<'_>], delta: &StageDelta, thresholds: &Thresholds) {
    let ns: f64 = sets.iter().map(|set| set.price_ns()).sum();
    let pct = if delta.busy_before_ns > 0.0 { ns * 100.0 / delta.busy_before_ns } else { 0.0 };
    let renamed = renamed(sets);
    let is_free = pct < thresholds.structure_pct;
    let is_renamed = is_free && renamed.as_ref().is_some_and(|renamed| !renamed.is_known);
    let what = match &renamed {
        Some(Renamed { names, is_known: false }) if is_free => format!(
            "{names} and costs no more than noise: the path may run on under a name that no catalog knows"
        ),
        Some(Renamed { names, is_known: true }) if is_free => {
            format!("{names} and costs no more than noise, though no catalog takes it for this path")
        }
        _ if ns <= 0.0 => "the kernels that changed with it cost nothing more".to_owned(),
        _ => format!(
            "the kernels that changed with it: {} a step, {} of GPU time",
            signed_time(ns),
            signed_percent(pct)
        ),
    };
    finding.message = format!("{}; {what}", finding.message);
    if renamed.is_some() {
        finding.help = format!(
            "if it does the same work, teach a catalog of yours its name, or record the baseline anew; else {}",
            finding.help
        );
    }
    if !is_renamed {
        finding.price_ns = Some(ns.max(0.0).round() as i64);
    }
    let mut rows: Vec<_> = sets.iter().flat_map(|set| set.rows.iter().copied()).collect();
    rows.sort_by(|a, b| {
        (more(a) > 0.0)
            .cmp(&(more(b) > 0.0))
            .then_with(|| b.price_ns().abs().total_cmp(&a.price_ns().abs()))
            .then_with(|| a.kernel.cmp(&b.kernel))
    });
    finding.kernels = rows.iter().map(|row| row.kernel.clone()).collect();
    finding.evidence.splice(0..0, rows.iter().map(|row| row_evidence(row)));
    if let Some(renamed) = renamed.filter(|_| !is_free) {
        finding.evidence.insert(0, renamed.names);
    }
}

/// What took the place of a path's kernels, one for one.
struct Renamed {
    names: String,
    /// Whether the catalog knows one of the new kernels, by more than a word in its name.
    is_known: bool,
}

/// Which kernels took the place of which, where each is one of the same role and number of launches.
fn renamed(sets: &[&Set<'_>]) -> Option<Renamed> {
    let mut names = Vec::new();
    let (mut known, mut is_told) = (false, true);
    for set in sets {
        let (lost, gained) = (set.lost(), set.gained());
        let ([lost], [gained]) = (lost.as_slice(), gained.as_slice()) else { return None };
        let is_one = lost.change == Change::Gone && gained.change == Change::Came;
        let is_role = lost.role == gained.role || (set.is_by_slot && is_unknown(lost.role, gained.role));
        if !is_one || !is_role || !has_count_of(lost, gained) {
            return None;
        }
        is_told &= lost.role == gained.role;
        // One that the catalog knows took this place only where the layer shows it.
        if is_known(&gained.name) {
            if !set.is_by_slot {
                return None;
            }
            known = true;
        }
        let place = if set.is_by_slot { ", in the same slot of the layer" } else { "" };
        names.push(format!("`{}` runs as often as `{}` did{place}", gained.kernel, lost.kernel));
    }
    names.truncate(2);
    let what = if is_told { "same role" } else { "same slot" };
    let said = format!("{what}, new implementation: {}", names.join(", "));
    (!names.is_empty()).then_some(Renamed { names: said, is_known: known })
}

/// The paths that may hold what changed with them, once levels and waivers are known: those that fail or whose
/// loss is waived, in stages whose structure fails too.
///
/// Whoever accepts the loss of a path accepts the kernels that run in its place, as far as the waiver reaches.
pub fn holders(findings: &[Finding]) -> Holders {
    let denies = |finding: &&Finding| finding.level == Level::Deny;
    let fails = |finding: &&Finding| denies(finding) && finding.waived_by.is_none();
    let costlier = findings.iter().filter(|finding| finding.code == Code::StructureCostlier).filter(fails);
    let stages: BTreeSet<Stage> = costlier.filter_map(|finding| finding.stage).collect();
    let paths = findings.iter().filter(|finding| is_path(finding.code) && finding.price_ns.is_some());
    let of_stage = paths.filter_map(|finding| Some((finding, finding.stage?)));
    let of_stage = of_stage.filter(|(finding, stage)| stages.contains(stage) && denies(finding));
    let mut holders: Holders = of_stage.map(|(finding, stage)| (stage, finding.subject.clone())).collect();
    for finding in findings.iter().filter(|finding| is_path(finding.code) && !denies(finding)) {
        // A path may be told twice, by its row and by a promise; one of them that passes is enough.
        holders.retain(|(stage, path)| finding.stage != Some(*stage) || finding.subject != *path);
    }
    holders
}
