//! What only several ranks together tell: who computes longer, and what a collective costs without waiting.
//!
//! A collective ends when the last rank has come. On the rank that comes last it takes what it costs; on the
//! others it includes waiting for that rank. So the smallest added time over ranks is the cost of an instance,
//! and everything above is waiting. Instances are matched by order: the n-th one of a kernel id in a step of a
//! stage, among the ranks that it runs over. These the row of a collective names, where its library writes them;
//! else they are the ranks of one replica or pipeline stage, by the names of their files; else all. Where ranks
//! disagree about how many there are, nothing is matched and the row says so.
//!
//! Facts of a rank are kept while the next one is read: sums by role, and single instances of communication
//! kernels only.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::activity::Timeline;
use super::classify::Role;
use super::kernel_table::median;
use super::model::{Collective, CollectiveRank, Ranks, RoleSpread, Straggler, StragglerRole};
use super::stage::Stage;
use crate::trace::Trace;

/// A rank that computes longer than the median rank by more than this, in percent, is a straggler.
const STRAGGLER_PCT: f64 = 5.0;

/// Roles that a straggler's evidence names.
const EVIDENCE_ROLES: usize = 3;

/// What a comparison needs of one rank.
#[derive(Debug, Clone, Default)]
pub struct RankFacts {
    rank: u32,
    /// The replica or pipeline stage; ranks of two of them share no collective that does not say so.
    replica: u32,
    stages: BTreeMap<Stage, StageFacts>,
}

#[derive(Debug, Clone, Default)]
struct StageFacts {
    steps: usize,
    /// Added nanoseconds inside steps.
    roles: BTreeMap<Role, i64>,
    /// Each instance of a communication kernel, by step and in order of start.
    collectives: BTreeMap<Key, Vec<Vec<Instance>>>,
}

/// One instance of a communication kernel on one rank, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Instance {
    added: i64,
    /// The part during which no other stream of the device worked.
    exclusive: i64,
}

/// Instances that belong together: of one kernel id, over one set of ranks where the trace names them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kernel: String,
    over: Option<String>,
}

/// What a rank has of one collective: its number, its facts of the stage, and its instances by step.
type Part<'f> = (u32, Option<&'f StageFacts>, &'f [Vec<Instance>]);

impl StageFacts {
    fn per_step(&self, ns: i64) -> i64 {
        let steps = i64::try_from(self.steps).unwrap_or(i64::MAX);
        ns.saturating_add(steps / 2).checked_div(steps).unwrap_or(0)
    }

    fn of_role(&self, role: Role) -> i64 {
        self.per_step(self.roles.get(&role).copied().unwrap_or(0))
    }

    fn compute(&self) -> i64 {
        self.per_step(self.roles.iter().filter(|(role, _)| is_compute(**role)).map(|(_, ns)| *ns).sum())
    }
}

/// Communication waits for other ranks, and copies depend on the host.
fn is_compute(role: Role) -> bool {
    !matches!(role, Role::Communication | Role::Memory)
}

impl RankFacts {
    /// Of a rank of which nothing is known yet.
    pub fn new(rank: u32) -> Self {
        Self { rank, replica: 0, stages: BTreeMap::new() }
    }

    /// Sets the rank, where it became known only after the files were read.
    pub fn set_rank(&mut self, rank: u32) {
        self.rank = rank;
    }

    /// Sets the replica or pipeline stage that the rank is part of.
    pub fn set_replica(&mut self, replica: u32) {
        self.replica = replica;
    }

    /// Adds one of the rank's files.
    pub fn add(&mut self, trace: &Trace, timeline: &Timeline) {
        // Steps are numbered over a file; here each stage counts its own.
        let mut number = Vec::with_capacity(timeline.step_stages.len());
        for stage in &timeline.step_stages {
            let facts = self.stages.entry(*stage).or_default();
            number.push(facts.steps);
            facts.steps += 1;
        }
        for one in &timeline.placed {
            let Some(step) = one.step.and_then(|step| number.get(step).copied()) else { continue };
            let Some(class) = timeline.classes.get(one.activity.name) else { continue };
            let facts = self.stages.entry(one.stage).or_default();
            *facts.roles.entry(class.role).or_default() += one.measured.added.0;
            if class.role == Role::Communication {
                let over = one.activity.group.map(|group| trace.names.get(group.name()).to_owned());
                let key = Key { kernel: class.id.clone(), over };
                let steps = facts.collectives.entry(key).or_default();
                if steps.len() <= step {
                    steps.resize(step + 1, Vec::new());
                }
                if let Some(instances) = steps.get_mut(step) {
                    instances
                        .push(Instance { added: one.measured.added.0, exclusive: one.measured.exclusive.0 });
                }
            }
        }
    }
}

/// Compares the ranks of a capture, given in their order; `None` for a single one.
pub fn compare(ranks: &[RankFacts]) -> Option<Ranks> {
    if ranks.len() < 2 {
        return None;
    }
    let mut stages: Vec<Stage> = ranks.iter().flat_map(|rank| rank.stages.keys().copied()).collect();
    stages.sort_unstable();
    stages.dedup();
    let mut result = Ranks {
        ranks: ranks.iter().map(|rank| rank.rank).collect(),
        spread: Vec::new(),
        stragglers: Vec::new(),
        collectives: Vec::new(),
    };
    for stage in stages {
        let of_stage: Vec<(u32, &StageFacts)> =
            ranks.iter().filter_map(|rank| Some((rank.rank, rank.stages.get(&stage)?))).collect();
        if of_stage.len() < 2 {
            continue;
        }
        result.spread.extend(spread(stage, &of_stage));
        result.stragglers.extend(stragglers(stage, &of_stage));
        result.collectives.extend(collectives(stage, ranks));
    }
    Some(result)
}

fn spread(stage: Stage, ranks: &[(u32, &StageFacts)]) -> Vec<RoleSpread> {
    let mut rows: Vec<RoleSpread> = Role::ALL
        .iter()
        .filter(|role| ranks.iter().any(|(_, facts)| facts.roles.contains_key(*role)))
        .filter_map(|role| {
            let times = || ranks.iter().map(|(rank, facts)| (facts.of_role(*role), *rank));
            let (min_ns, min_rank) = times().min()?;
            let (max_ns, max_rank) = times().min_by_key(|(ns, rank)| (Reverse(*ns), *rank))?;
            let median_ns = median(&mut times().map(|(ns, _)| ns).collect::<Vec<i64>>());
            Some(RoleSpread { stage, role: *role, min_ns, median_ns, max_ns, min_rank, max_rank })
        })
        .collect();
    rows.sort_by_key(|row| (Reverse(row.median_ns), row.role));
    rows
}

fn stragglers(stage: Stage, ranks: &[(u32, &StageFacts)]) -> Vec<Straggler> {
    let median_ns = median(&mut ranks.iter().map(|(_, facts)| facts.compute()).collect::<Vec<i64>>());
    ranks
        .iter()
        .filter_map(|(rank, facts)| {
            let compute_ns = facts.compute();
            let excess_pct = (compute_ns - median_ns) as f64 * 100.0 / median_ns as f64;
            (median_ns > 0 && excess_pct > STRAGGLER_PCT).then(|| Straggler {
                stage,
                rank: *rank,
                compute_ns,
                median_ns,
                excess_pct,
                evidence: evidence(facts, ranks),
            })
        })
        .collect()
}

fn evidence(of: &StageFacts, ranks: &[(u32, &StageFacts)]) -> Vec<StragglerRole> {
    let mut roles: Vec<StragglerRole> = Role::ALL
        .iter()
        .filter(|role| is_compute(**role))
        .map(|role| StragglerRole {
            role: *role,
            ns: of.of_role(*role),
            median_ns: median(&mut ranks.iter().map(|(_, facts)| facts.of_role(*role)).collect::<Vec<i64>>()),
        })
        .filter(|row| row.ns > row.median_ns)
        .collect();
    roles.sort_by_key(|row| (Reverse(row.ns - row.median_ns), row.role));
    roles.truncate(EVIDENCE_ROLES);
    roles
}

fn collectives(stage: Stage, ranks: &[RankFacts]) -> Vec<Collective> {
    let mut keys: Vec<(Option<u32>, &Key)> = ranks
        .iter()
        .filter_map(|rank| Some((rank.replica, rank.stages.get(&stage)?)))
        .flat_map(|(replica, facts)| facts.collectives.keys().map(move |key| (replica, key)))
        .map(|(replica, key)| ((!is_numbered_by_job(key, stage, ranks)).then_some(replica), key))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let mut rows: Vec<Collective> = keys
        .into_iter()
        .map(|(replica, key)| {
            let parts: Vec<Part<'_>> = ranks
                .iter()
                .filter(|rank| replica.is_none_or(|replica| rank.replica == replica))
                .map(|rank| {
                    let facts = rank.stages.get(&stage);
                    let instances = facts.and_then(|facts| facts.collectives.get(key));
                    (rank.rank, facts, instances.map_or(&[][..], Vec::as_slice))
                })
                // A rank that the collective does not run over has no part in it.
                .filter(|(rank, _, instances)| {
                    key.over.as_ref().is_none_or(|over| !instances.is_empty() || names(over, *rank))
                })
                .collect();
            collective(stage, key, &parts)
        })
        .collect();
    let longest = |row: &Collective| row.ranks.iter().map(|part| part.ns).max().unwrap_or(0);
    rows.sort_by(|a, b| {
        let first = |row: &Collective| row.ranks.first().map(|part| part.rank);
        (longest(b).cmp(&longest(a))).then_with(|| (&a.kernel, first(a)).cmp(&(&b.kernel, first(b))))
    });
    rows
}

/// Whether the ranks that a collective names are those of this capture: every rank that runs it is among them. Else each
/// replica counts its own ranks from 0, and one set of numbers is a set of ranks in each of them.
fn is_numbered_by_job(key: &Key, stage: Stage, ranks: &[RankFacts]) -> bool {
    let Some(over) = &key.over else { return false };
    ranks
        .iter()
        .filter(|rank| rank.stages.get(&stage).is_some_and(|facts| facts.collectives.contains_key(key)))
        .all(|rank| names(over, rank.rank))
}

/// Whether a set of ranks, written `[0, 1]`, holds a rank.
fn names(over: &str, rank: u32) -> bool {
    over.split(|c: char| !c.is_ascii_digit()).any(|number| number.parse() == Ok(rank))
}

fn collective(stage: Stage, key: &Key, parts: &[Part<'_>]) -> Collective {
    let first = parts.iter().find_map(|(_, facts, _)| *facts);
    let steps = first.map_or(0, |facts| facts.steps);
    let instances: Vec<&[Vec<Instance>]> = parts.iter().map(|(.., instances)| *instances).collect();
    let is_matched = parts.len() > 1
        && parts.iter().all(|(_, facts, _)| facts.is_some_and(|facts| facts.steps == steps))
        && instances.iter().all(|one| counts(one) == counts(instances.first().copied().unwrap_or_default()));
    let true_total = is_matched.then(|| true_cost(&instances, |one| one.added));
    let exposed_total = is_matched.then(|| true_cost(&instances, |one| one.exclusive));
    let of_a_step = |total: Option<i64>| total.and_then(|ns| Some(first?.per_step(ns)));
    let ranks: Vec<CollectiveRank> = parts
        .iter()
        .map(|(rank, facts, steps)| {
            let total: i64 = steps.iter().flatten().map(|one| one.added).sum();
            let per_step = |ns: i64| facts.map_or(0, |facts| facts.per_step(ns));
            CollectiveRank {
                rank: *rank,
                instances: steps.iter().map(Vec::len).sum::<usize>() as u64,
                ns: per_step(total),
                waiting_ns: true_total.map(|cost| per_step(total - cost)),
            }
        })
        .collect();
    Collective {
        stage,
        kernel: key.kernel.clone(),
        matched: is_matched,
        true_ns: of_a_step(true_total),
        exposed_ns: of_a_step(exposed_total),
        waiting_ns: ranks.iter().map(|part| part.waiting_ns).sum(),
        ranks,
    }
}

/// Instances of each step; steps at the end that have none do not count.
fn counts(steps: &[Vec<Instance>]) -> Vec<usize> {
    steps.iter().map(Vec::len).collect()
}

/// The smallest over ranks of each instance, added up. All ranks have the same counts.
fn true_cost(ranks: &[&[Vec<Instance>]], time: fn(&Instance) -> i64) -> i64 {
    let mut instances: Vec<std::iter::Flatten<std::slice::Iter<'_, Vec<Instance>>>> =
        ranks.iter().map(|steps| steps.iter().flatten()).collect();
    let mut total = 0;
    while let Some(least) = instances.iter_mut().filter_map(Iterator::next).map(time).min() {
        total += least;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half of each instance is hidden.
    fn instances(added: &[i64]) -> Vec<Instance> {
        added.iter().map(|added| Instance { added: *added, exclusive: added / 2 }).collect()
    }

    /// A rank of one stage: for each step the instances of its all-reduce; and what it computes in all.
    fn rank(rank: u32, steps: &[&[i64]], compute: &[(Role, i64)]) -> RankFacts {
        let facts = StageFacts {
            steps: steps.len(),
            roles: compute.iter().copied().collect(),
            collectives: [(key(None), steps.iter().map(|step| instances(step)).collect())].into(),
        };
        RankFacts { rank, replica: 0, stages: [(Stage::Decode, facts)].into() }
    }

    fn key(over: Option<&str>) -> Key {
        Key { kernel: "all-reduce".to_owned(), over: over.map(str::to_owned) }
    }

    /// The rows as `(true cost, ranks)`.
    fn rows(ranks: &[RankFacts]) -> Vec<(Option<i64>, Vec<u32>)> {
        let rows = compare(ranks).unwrap().collectives.into_iter();
        rows.map(|row| (row.true_ns, row.ranks.iter().map(|part| part.rank).collect())).collect()
    }

    #[test]
    fn replicas_share_no_collective() {
        let mut ranks =
            [rank(0, &[&[10]], &[]), rank(1, &[&[12]], &[]), rank(2, &[&[40]], &[]), rank(3, &[&[36]], &[])];
        ranks[2].set_replica(1);
        ranks[3].set_replica(1);
        assert_eq!(rows(&ranks), [(Some(36), vec![2, 3]), (Some(10), vec![0, 1])]);
    }

    #[test]
    fn a_collective_runs_over_the_ranks_that_it_names() {
        let over = |number: u32, over: &str, ns: i64| {
            let mut one = rank(number, &[], &[]);
            let facts = one.stages.get_mut(&Stage::Decode).unwrap();
            facts.steps = 1;
            facts.collectives = [(key(Some(over)), vec![instances(&[ns])])].into();
            one
        };
        let ranks =
            [over(0, "[0, 1]", 10), over(1, "[0, 1]", 30), over(2, "[2, 3]", 50), over(3, "[2, 3]", 70)];
        assert_eq!(rows(&ranks), [(Some(50), vec![2, 3]), (Some(10), vec![0, 1])]);
        // One of those named ran none of it, and another is not in the capture.
        let few = [over(0, "[0, 1]", 10), rank(1, &[&[]], &[]), over(2, "[2, 3]", 50)];
        assert!(rows(&few).iter().all(|(cost, _)| cost.is_none()), "{:?}", rows(&few));
    }

    #[test]
    fn a_rank_alone_in_its_replica_is_matched_with_nobody() {
        let mut ranks = [rank(0, &[&[10]], &[]), rank(1, &[&[12]], &[])];
        ranks[1].set_replica(1);
        assert_eq!(rows(&ranks), [(None, vec![1]), (None, vec![0])]);
    }

    #[test]
    fn the_shortest_instance_is_the_cost_and_the_rest_is_waiting() {
        let ranks = [rank(0, &[&[10, 90], &[10]], &[]), rank(1, &[&[70, 12], &[11]], &[])];
        let got = compare(&ranks).unwrap().collectives;
        assert_eq!(got.len(), 1);
        assert!(got[0].matched);
        // 10 + 12 + 10 over two steps; rank 0 took 110, rank 1 took 93.
        assert_eq!((got[0].true_ns, got[0].exposed_ns), (Some(16), Some(8)));
        assert_eq!(got[0].ranks.iter().map(|part| part.ns).collect::<Vec<_>>(), [55, 47]);
        assert_eq!(got[0].ranks.iter().map(|part| part.waiting_ns).collect::<Vec<_>>(), [Some(39), Some(31)]);
        assert_eq!(got[0].waiting_ns, Some(70));
    }

    #[test]
    fn other_counts_are_not_matched_and_say_so() {
        let few: &[&[i64]] = &[&[10], &[10]];
        let unmatched: [&[&[i64]]; 3] = [&[&[10, 20], &[10]], &[&[10, 20]], &[&[], &[10, 10]]];
        for other in unmatched {
            let got = compare(&[rank(0, few, &[]), rank(1, other, &[])]).unwrap().collectives;
            assert!(!got[0].matched);
            assert_eq!((got[0].true_ns, got[0].waiting_ns, got[0].ranks[1].waiting_ns), (None, None, None));
            assert_eq!(got[0].ranks[0].instances, 2);
        }
    }

    #[test]
    fn a_rank_without_the_stage_leaves_nothing_to_match() {
        let ranks = [rank(0, &[&[10]], &[]), rank(1, &[&[10]], &[]), RankFacts::new(2)];
        let got = compare(&ranks).unwrap();
        assert_eq!(got.ranks, [0, 1, 2]);
        assert!(!got.collectives[0].matched);
    }

    #[test]
    fn a_rank_that_computes_longer_is_named_with_the_roles_that_make_it_longer() {
        let usual = [(Role::Gemm, 100), (Role::Attention, 50), (Role::Communication, 500)];
        let slow = [(Role::Gemm, 100), (Role::Attention, 62), (Role::Communication, 40)];
        let ranks = [rank(0, &[&[]], &usual), rank(1, &[&[]], &usual), rank(2, &[&[]], &slow)];
        let got = compare(&ranks).unwrap();
        assert_eq!(got.stragglers.len(), 1);
        let one = &got.stragglers[0];
        assert_eq!((one.rank, one.compute_ns, one.median_ns, one.excess_pct), (2, 162, 150, 8.0));
        assert_eq!(one.evidence, [StragglerRole { role: Role::Attention, ns: 62, median_ns: 50 }]);
        let attention = got.spread.iter().find(|row| row.role == Role::Attention).unwrap();
        assert_eq!((attention.min_ns, attention.median_ns, attention.max_ns), (50, 50, 62));
        assert_eq!((attention.min_rank, attention.max_rank), (0, 2));
    }

    #[test]
    fn waiting_is_no_work_and_a_few_percent_are_no_straggler() {
        let usual = [(Role::Gemm, 1000), (Role::Communication, 10)];
        let waits = [(Role::Gemm, 1050), (Role::Communication, 9000), (Role::Memory, 700)];
        let ranks = [rank(0, &[&[]], &usual), rank(1, &[&[]], &usual), rank(2, &[&[]], &waits)];
        assert_eq!(compare(&ranks).unwrap().stragglers, []);
    }

    #[test]
    fn one_rank_is_nothing_to_compare() {
        assert_eq!(compare(&[rank(0, &[&[1]], &[])]), None);
        assert_eq!(compare(&[]), None);
    }
}
