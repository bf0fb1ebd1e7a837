//! What the ranks of a capture say together, as cells that text and Markdown put down alike.

use super::unit::{TimeUnit, time};
use super::words;
use crate::common::text::{count, digits3};
use crate::triage::{Collective, CollectiveRank, Ranks, Stage, Straggler};
use crate::verdict::{CheckReport, ScenarioReport};

/// Title of the section.
pub const RANKS: &str = "Ranks";

/// The part of one stage.
pub struct StageRanks {
    /// Which phase.
    pub stage: Stage,
    /// Unit of every time in the cells.
    pub unit: TimeUnit,
    /// Communication kernels that reach the cut.
    pub collectives: Vec<CollectiveCells>,
    /// Role, least, median, most, rank that has least, rank that has most.
    pub roles: Vec<[String; 6]>,
    /// A sentence for each rank that computes longer than the others, or one that none does.
    pub sentences: Vec<String>,
}

/// One communication kernel.
pub struct CollectiveCells {
    /// Kernel id.
    pub kernel: String,
    /// Cost, least waiting, rank of it, most waiting, rank of it; dashes where instances were not matched.
    pub cells: [String; 5],
    /// Why instances were not matched.
    pub note: Option<String>,
}

/// Which ranks were compared.
pub fn intro(ranks: &Ranks) -> String {
    let numbers: Vec<String> = ranks.ranks.iter().map(u32::to_string).collect();
    format!(
        "{} compared: {}. Waiting is what a collective takes beyond its shortest time over ranks.",
        count(ranks.ranks.len() as u64, "rank"),
        numbers.join(", ")
    )
}

/// Each stage that several ranks have; rows below `min_share` percent of a step's work are left out.
pub fn stages(ranks: &Ranks, min_share: f64) -> Vec<StageRanks> {
    let mut stages: Vec<Stage> = ranks.spread.iter().map(|row| row.stage).collect();
    stages.sort_unstable();
    stages.dedup();
    stages.into_iter().map(|stage| of_stage(ranks, stage, min_share)).collect()
}

fn of_stage(ranks: &Ranks, stage: Stage, min_share: f64) -> StageRanks {
    let whole: i64 = ranks.spread.iter().filter(|row| row.stage == stage).map(|row| row.median_ns).sum();
    let reaches = |ns: i64| ns as f64 * 100.0 >= min_share * whole as f64;
    let roles: Vec<_> = ranks.spread.iter().filter(|row| row.stage == stage && reaches(row.max_ns)).collect();
    let longest = |row: &Collective| row.ranks.iter().map(|part| part.ns).max().unwrap_or(0);
    let collectives: Vec<_> =
        ranks.collectives.iter().filter(|row| row.stage == stage && reaches(longest(row))).collect();
    let unit = TimeUnit::of_column(
        roles.iter().map(|row| row.max_ns).chain(collectives.iter().map(|row| longest(row))),
    );
    let mut sentences: Vec<String> =
        ranks.stragglers.iter().filter(|one| one.stage == stage).map(straggler).collect();
    if sentences.is_empty() {
        sentences.push("No rank computes clearly longer than the others.".to_owned());
    }
    StageRanks {
        stage,
        unit,
        collectives: collectives.into_iter().map(|row| collective(row, ranks.ranks.len(), unit)).collect(),
        roles: roles
            .into_iter()
            .map(|row| {
                [
                    row.role.as_str().to_owned(),
                    unit.number(row.min_ns),
                    unit.number(row.median_ns),
                    unit.number(row.max_ns),
                    row.min_rank.to_string(),
                    row.max_rank.to_string(),
                ]
            })
            .collect(),
        sentences,
    }
}

fn collective(row: &Collective, all: usize, unit: TimeUnit) -> CollectiveCells {
    let waiting = || row.ranks.iter().filter_map(|part| Some((part.waiting_ns?, part.rank)));
    let cells = match (row.true_ns, waiting().min(), waiting().max_by_key(|(ns, _)| *ns)) {
        (Some(cost), Some((least, first)), Some((most, last))) => {
            [unit.number(cost), unit.number(least), first.to_string(), unit.number(most), last.to_string()]
        }
        _ => std::array::from_fn(|_| "-".to_owned()),
    };
    // Where several groups run one kernel, each has a row.
    let kernel = if row.ranks.len() == all {
        row.kernel.clone()
    } else {
        let ranks: Vec<String> = row.ranks.iter().map(|part| part.rank.to_string()).collect();
        format!("{} (ranks {})", row.kernel, ranks.join(", "))
    };
    CollectiveCells { kernel, cells, note: (!row.matched).then(|| not_matched(row)) }
}

/// Why the instances of a kernel could not be matched.
fn not_matched(row: &Collective) -> String {
    if let [part] = row.ranks.as_slice() {
        return format!("not matched: of its ranks only {} is here", part.rank);
    }
    let instances = |part: &CollectiveRank| part.instances;
    let least = row.ranks.iter().min_by_key(|part| instances(part));
    let most = row.ranks.iter().max_by_key(|part| instances(part));
    match (least, most) {
        (Some(least), Some(most)) if least.instances < most.instances => format!(
            "not matched: {} on rank {}, {} on rank {}",
            count(least.instances, "instance"),
            least.rank,
            most.instances,
            most.rank
        ),
        _ => "not matched: the ranks differ in how many instances a step has".to_owned(),
    }
}

/// A sentence for each rank of a run that computes longer than the others, with its scenario's name; at most
/// [`STRAGGLERS`] of each.
pub fn stragglers(report: &CheckReport) -> Vec<(&str, String)> {
    let of_scenario = |scenario: &'_ ScenarioReport| -> Vec<String> {
        let ranks = scenario.triage.as_ref().and_then(|triage| triage.ranks.as_ref());
        ranks.iter().flat_map(|ranks| &ranks.stragglers).take(STRAGGLERS).map(straggler).collect()
    };
    let scenarios = report.scenarios.iter();
    scenarios
        .flat_map(|scenario| {
            of_scenario(scenario).into_iter().map(|sentence| (scenario.scenario.as_str(), sentence))
        })
        .collect()
}

/// Ranks of a scenario that a verdict names; the report has all.
const STRAGGLERS: usize = 3;

fn straggler(one: &Straggler) -> String {
    let roles: Vec<String> = one
        .evidence
        .iter()
        .map(|part| {
            let role = words::quoted(&[part.role.as_str().to_owned()]);
            format!("{role} {} against {}", time(part.ns), time(part.median_ns))
        })
        .collect();
    format!(
        "Rank {} computes {} % longer than the median rank, {} against {} a step: {}.",
        one.rank,
        digits3(one.excess_pct),
        time(one.compute_ns),
        time(one.median_ns),
        roles.join(", ")
    )
}

#[cfg(test)]
pub fn example() -> Ranks {
    use crate::triage::{Role, RoleSpread, StragglerRole};
    let part = |rank, instances, ns, waiting_ns| CollectiveRank { rank, instances, ns, waiting_ns };
    let spread = |role, min_ns, median_ns, max_ns| RoleSpread {
        stage: Stage::Decode,
        role,
        min_ns,
        median_ns,
        max_ns,
        min_rank: 1,
        max_rank: 0,
    };
    Ranks {
        ranks: vec![0, 1],
        spread: vec![
            spread(Role::Gemm, 2_000_000, 2_100_000, 2_200_000),
            spread(Role::Communication, 100_000, 400_000, 700_000),
            spread(Role::Sampling, 1_000, 1_000, 1_000),
        ],
        stragglers: vec![Straggler {
            stage: Stage::Decode,
            rank: 0,
            compute_ns: 2_201_000,
            median_ns: 2_101_000,
            excess_pct: 4.76,
            evidence: vec![StragglerRole { role: Role::Gemm, ns: 2_200_000, median_ns: 2_100_000 }],
        }],
        collectives: vec![
            Collective {
                stage: Stage::Decode,
                kernel: "nccl-allreduce".to_owned(),
                matched: true,
                true_ns: Some(95_000),
                exposed_ns: None,
                waiting_ns: Some(510_000),
                ranks: vec![part(0, 96, 100_000, Some(5_000)), part(1, 96, 600_000, Some(505_000))],
            },
            Collective {
                stage: Stage::Decode,
                kernel: "nccl-allgather".to_owned(),
                matched: false,
                true_ns: None,
                exposed_ns: None,
                waiting_ns: None,
                ranks: vec![part(0, 1, 50_000, None), part(1, 2, 100_000, None)],
            },
        ],
    }
}
