//! Which rank each file of a capture is of.
//!
//! In this order: the rank that the name spells out (`rank3`); the header's, where it speaks of more than one
//! process; the place that the name gives on the axes of parallelism (`TP-0-DP-1`); the header's all the
//! same; 0. Replicas each count their ranks from 0, so where that makes two places one rank, the places
//! decide for the whole capture.

use std::collections::{BTreeMap, BTreeSet};

use super::capture::ReadFile;
use crate::source::{Position, file_name, may_be_size};
use crate::trace::HealthCode;

/// Sets the rank of every file; what was decided against a name or a header is noted.
pub fn assign(files: &mut [ReadFile], notes: &mut Vec<String>) {
    let places: Vec<Position> = files.iter().map(|file| axes(file.position)).collect();
    let replicas = replicas(&places);
    for (file, replica) in files.iter_mut().zip(replicas) {
        file.replica = replica;
    }
    let mut numbers = numbered(&places);
    // One number in all names, behind its axis, is how many there are rather than which.
    if let [place] = numbers.keys().copied().collect::<Vec<_>>().as_slice()
        && files.iter().all(|file| {
            axes(file.position) != *place || may_be_size(&file_name(std::path::Path::new(&file.label)))
        })
        && place.tp.is_some_and(|tp| tp > 0)
    {
        let is_by_name = |file: &&ReadFile| axes(file.position) == *place && file.trace.header.rank.is_none();
        for file in files.iter().filter(is_by_name) {
            notes.push(format!("{}: TP is read as the size of the job, not as a rank", file.label));
        }
        numbers.clear();
    }
    for file in files.iter_mut() {
        let of_job =
            file.trace.header.rank.filter(|_| file.trace.header.world_size.is_some_and(|size| size > 1));
        let place = numbers.get(&axes(file.position)).copied();
        file.rank = file.position.rank.or(of_job).or(place).or(file.trace.header.rank).unwrap_or(0);
        if let Some(header) = of_job
            && let Some((what, named)) = disagreement(file, header)
        {
            let detail = format!("{}: the name says {what} {named}, the header rank {header}", file.label);
            notes.push(format!("{detail}; read as rank {}", file.rank));
            file.trace.health.count(HealthCode::RankDisagrees, || detail);
        }
    }
    count_twice(files);
    if let Some((first, second)) = collision(files) {
        notes.push(format!(
            "{first} and {second} count as one rank by their headers or names; ranks are numbered by DP, PP and TP instead"
        ));
        for file in files.iter_mut() {
            if let Some(number) = numbers.get(&axes(file.position)) {
                file.rank = *number;
            }
        }
    }
}

/// A number for the group of ranks that each place shares its collectives with.
///
/// Pipeline stages are groups of their own. Within one, replicas of the model are, whose TP and EP ranks each count from
/// 0. Where TP or EP counts on from one DP to the next, the group lies across them: attention is replicated, the experts
/// are not.
fn replicas(places: &[Position]) -> Vec<u32> {
    let mut groups: Vec<(Option<u32>, Option<u32>)> =
        places.iter().map(|place| group(place, places)).collect();
    let numbers = groups.clone();
    groups.sort_unstable();
    groups.dedup();
    let number =
        |of: &(Option<u32>, Option<u32>)| groups.binary_search(of).ok().and_then(|at| u32::try_from(at).ok());
    numbers.iter().map(|of| number(of).unwrap_or(0)).collect()
}

/// PP and, where replicas are apart, DP.
fn group(of: &Position, places: &[Position]) -> (Option<u32>, Option<u32>) {
    (of.pp, if counts_on(of.pp, places) { None } else { of.dp })
}

/// Whether TP alone or EP alone tells the places of one pipeline stage apart.
fn counts_on(pp: Option<u32>, places: &[Position]) -> bool {
    let mut here: Vec<Position> = places.iter().copied().filter(|place| place.pp == pp).collect();
    here.sort_unstable();
    here.dedup();
    let tells_apart = |axis: fn(&Position) -> Option<u32>| {
        let told: BTreeSet<u32> = here.iter().filter_map(axis).collect();
        told.len() == here.len()
    };
    tells_apart(|place| place.tp) || tells_apart(|place| place.ep)
}

fn axes(position: Position) -> Position {
    Position { rank: None, ..position }
}

/// Counts each file that is another one's copy, or of the same rank by its header, and is read as another rank.
///
/// Replicas that their names place apart count their ranks from 0 each; nothing else may have one rank twice.
fn count_twice(files: &mut [ReadFile]) {
    let of_job = |file: &ReadFile| {
        file.trace.header.rank.filter(|_| file.trace.header.world_size.is_some_and(|size| size > 1))
    };
    let mut told: Vec<(usize, String)> = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let twin = files.iter().take(at).filter(|other| other.rank != file.rank).find_map(|other| {
            if !file.sha256.is_empty() && file.sha256 == other.sha256 {
                return Some((other, "hold the same bytes".to_owned()));
            }
            let header = of_job(file).filter(|header| of_job(other) == Some(*header))?;
            let is_placed = axes(file.position) != axes(other.position);
            (!is_placed).then(|| (other, format!("are both of rank {header} by their headers")))
        });
        if let Some((other, why)) = twin {
            told.push((at, format!("{} and {} {why}", other.label, file.label)));
        }
    }
    for (at, detail) in told {
        if let Some(file) = files.get_mut(at) {
            file.trace.health.count(HealthCode::RankTwice, || detail);
        }
    }
}

/// What the name says, when it contradicts the header's rank.
fn disagreement(file: &ReadFile, header: u32) -> Option<(&'static str, u32)> {
    let Position { rank, dp, pp, ep, tp } = file.position;
    if let Some(rank) = rank {
        return (rank != header).then_some(("rank", rank));
    }
    // Alone on its axis a place is the rank; a number past the job's size is a size itself, as in `tp4`.
    let tp = tp.filter(|_| [dp, pp, ep].iter().all(Option::is_none))?;
    let is_place = file.trace.header.world_size.is_some_and(|size| tp < size);
    (is_place && tp != header).then_some(("TP", tp))
}

/// Two files of one rank that their names place differently.
fn collision(files: &[ReadFile]) -> Option<(String, String)> {
    files.iter().enumerate().find_map(|(index, one)| {
        let other = files.iter().skip(index + 1).find(|other| {
            let (here, there) = (axes(one.position), axes(other.position));
            one.rank == other.rank && here != there && here.has_axis() && there.has_axis()
        })?;
        Some((one.label.clone(), other.label.clone()))
    })
}

/// A number for each place: over DP, then PP, then TP. Where TP alone tells the places of a pipeline stage apart, it
/// counts over DP already.
fn numbered(places: &[Position]) -> BTreeMap<Position, u32> {
    let mut distinct: Vec<Position> = places.iter().copied().filter(Position::has_axis).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let is_told_by_tp = distinct.iter().all(|place| {
        place.tp.is_some()
            && distinct.iter().filter(|other| (other.pp, other.tp) == (place.pp, place.tp)).count() == 1
    });
    let size = |axis: fn(&Position) -> Option<u32>| {
        distinct.iter().filter_map(axis).max().map_or(1, |most| most.saturating_add(1))
    };
    let (tps, pps, dps) = (size(|place| place.tp), size(|place| place.pp), size(|place| place.dp));
    distinct
        .iter()
        .map(|place| {
            let at = |axis: Option<u32>| axis.unwrap_or(0);
            let dp = if is_told_by_tp { 0 } else { at(place.dp) };
            let number = [(ep_beside(place, &distinct), dps), (dp, pps), (at(place.pp), tps)]
                .into_iter()
                .fold(0_u32, |number, (digit, next)| number.saturating_add(digit).saturating_mul(next))
                .saturating_add(at(place.tp));
            (*place, number)
        })
        .collect()
}

/// Expert groups lie across the other axes; they count only where nothing else tells two places apart.
fn ep_beside(place: &Position, all: &[Position]) -> u32 {
    let without = |one: &Position| Position { ep: None, ..*one };
    let alike = all.iter().filter(|other| without(other) == without(place));
    u32::try_from(alike.filter(|other| other.ep < place.ep).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Health, Trace};

    fn file(name: &str, header: Option<(u32, u32)>) -> ReadFile {
        let mut trace = Trace::default();
        trace.header.rank = header.map(|(rank, _)| rank);
        trace.header.world_size = header.map(|(_, size)| size);
        ReadFile {
            trace,
            label: name.to_owned(),
            sha256: String::new(),
            path_stage: None,
            position: Position::of(name),
            rank: 0,
            replica: 0,
        }
    }

    fn assigned(names: &[(&str, Option<(u32, u32)>)]) -> (Vec<u32>, Vec<String>, Health) {
        let mut files: Vec<ReadFile> = names.iter().map(|(name, header)| file(name, *header)).collect();
        let mut notes = Vec::new();
        assign(&mut files, &mut notes);
        let mut health = Health::default();
        for file in &files {
            health.merge(&file.trace.health);
        }
        (files.iter().map(|file| file.rank).collect(), notes, health)
    }

    #[test]
    fn the_spelled_out_rank_comes_first_then_the_header_then_the_place() {
        for (name, header, rank) in [
            ("rank3.json", None, 3),
            ("rank3.json", Some((0, 1)), 3),
            ("dp0_pp0_tp1_dcp0_ep0_rank3.json", Some((3, 4)), 3),
            ("a-TP-2.json", Some((2, 4)), 2),
            ("a-TP-2.json", Some((0, 1)), 2),
            ("a-TP-2.json", None, 2),
            ("a.json", Some((5, 8)), 5),
            ("llama-tp4.json", Some((1, 4)), 1),
            ("a.json", None, 0),
        ] {
            let (ranks, notes, health) = assigned(&[(name, header)]);
            assert_eq!((ranks, notes.len()), (vec![rank], 0), "{name} {header:?}");
            assert_eq!(health.get(HealthCode::RankDisagrees), 0, "{name} {header:?}");
        }
    }

    #[test]
    fn the_size_of_a_job_is_no_rank() {
        let (ranks, notes, _) = assigned(&[("model-tp4-h100.json", None)]);
        assert_eq!((ranks, notes.len()), (vec![0], 1));
        assert_eq!(assigned(&[("tp0.json", None), ("tp1.json", None)]).0, [0, 1]);
    }

    #[test]
    fn each_replica_and_pipeline_stage_has_tensor_parallel_ranks_of_its_own() {
        let replicas =
            |names: &[&str]| replicas(&names.iter().map(|name| axes(Position::of(name))).collect::<Vec<_>>());
        let data = ["a-TP-0-DP-0.json", "a-TP-1-DP-0.json", "a-TP-0-DP-1.json", "a-TP-1-DP-1.json"];
        assert_eq!(replicas(&data), [0, 0, 1, 1]);
        let pipeline = ["dp0_pp0_tp0_rank0.json", "dp0_pp0_tp1_rank1.json", "dp0_pp1_tp0_rank2.json"];
        assert_eq!(replicas(&pipeline), [0, 0, 1]);
        let attention = ["a-TP-0-DP-0-EP-0.json", "a-TP-1-DP-0-EP-1.json", "a-TP-2-DP-1-EP-2.json"];
        assert_eq!(replicas(&attention), [0, 0, 0]);
        assert_eq!(replicas(&["rank0.json", "rank1.json"]), [0, 0]);
        // vLLM counts EP on over DP where the experts are shared, and from 0 in each replica where they are not.
        let wide = ["dp0_pp0_tp0_dcp0_ep0_rank0.json", "dp1_pp0_tp0_dcp0_ep1_rank1.json"];
        assert_eq!(replicas(&wide), [0, 0]);
        let dense = ["dp0_pp0_tp0_dcp0_ep0_rank0.json", "dp1_pp0_tp0_dcp0_ep0_rank1.json"];
        assert_eq!(replicas(&dense), [0, 1]);
        let staged = [
            "a-TP-0-DP-0-PP-0.json",
            "a-TP-1-DP-1-PP-0.json",
            "a-TP-0-DP-0-PP-1.json",
            "a-TP-1-DP-1-PP-1.json",
        ];
        assert_eq!(replicas(&staged), [0, 0, 1, 1]);
    }

    #[test]
    fn a_name_and_a_header_that_disagree_are_told() {
        for (name, header, rank, said) in [
            ("rank3.json", (1, 4), 3, "the name says rank 3, the header rank 1; read as rank 3"),
            ("a-TP-2.json", (1, 4), 1, "the name says TP 2, the header rank 1; read as rank 1"),
        ] {
            let (ranks, notes, health) = assigned(&[(name, Some(header))]);
            assert_eq!(ranks, [rank]);
            assert!(notes[0].contains(said), "{notes:?}");
            assert_eq!(health.get(HealthCode::RankDisagrees), 1);
        }
    }

    #[test]
    fn one_rank_in_two_files_is_counted_and_replicas_are_not() {
        let twice = |names: &[(&str, Option<(u32, u32)>)]| assigned(names).2.get(HealthCode::RankTwice);
        assert_eq!(twice(&[("rank0.json", Some((0, 8))), ("rank5.json", Some((0, 8)))]), 1);
        assert_eq!(twice(&[("rank0.json", Some((0, 8))), ("rank5.json", Some((5, 8)))]), 0);
        assert_eq!(twice(&[("rank0.json", Some((0, 1))), ("rank5.json", Some((0, 1)))]), 0);
        assert_eq!(twice(&[("a-TP-0-DP-0.json", Some((0, 2))), ("a-TP-0-DP-1.json", Some((0, 2)))]), 0);
        assert_eq!(twice(&[("a-TP-0-EXTEND.json", Some((0, 2))), ("a-TP-0-DECODE.json", Some((0, 2)))]), 0);
        let mut copies = [file("rank0.json", None), file("rank1.json", None)];
        for copy in &mut copies {
            copy.sha256 = "ab".to_owned();
        }
        assign(&mut copies, &mut Vec::new());
        assert_eq!(copies[1].trace.health.get(HealthCode::RankTwice), 1);
    }

    #[test]
    fn replicas_that_each_count_from_zero_do_not_collide() {
        let job = |names: [&'static str; 4], headers: [u32; 4]| {
            let files: Vec<_> = names.into_iter().zip(headers.map(|rank| Some((rank, 2)))).collect();
            assigned(&files)
        };
        let names = ["a-TP-0-DP-0.json", "a-TP-1-DP-0.json", "a-TP-0-DP-1.json", "a-TP-1-DP-1.json"];
        let (ranks, notes, _) = job(names, [0, 1, 0, 1]);
        assert_eq!((ranks, notes.len()), (vec![0, 1, 2, 3], 1));
        let ranked = ["dp0_tp0_rank0.json", "dp0_tp1_rank1.json", "dp1_tp0_rank0.json", "dp1_tp1_rank1.json"];
        assert_eq!(job(ranked, [0, 1, 0, 1]).0, [0, 1, 2, 3]);
        let pipeline = ["a-TP-0-PP-0.json", "a-TP-1-PP-0.json", "a-TP-0-PP-1.json", "a-TP-1-PP-1.json"];
        let (ranks, notes, _) = assigned(&pipeline.map(|name| (name, None)));
        assert_eq!((ranks, notes.len()), (vec![0, 1, 2, 3], 0));
    }

    #[test]
    fn attention_replicas_inside_one_job_keep_the_jobs_ranks() {
        let names = ["a-TP-0-DP-0-EP-0.json", "a-TP-1-DP-0-EP-1.json", "a-TP-2-DP-1-EP-2.json"];
        assert_eq!(assigned(&names.map(|name| (name, None))).0, [0, 1, 2]);
        let staged = [
            "a-TP-0-DP-0-PP-0.json",
            "a-TP-1-DP-1-PP-0.json",
            "a-TP-0-DP-0-PP-1.json",
            "a-TP-1-DP-1-PP-1.json",
        ];
        assert_eq!(assigned(&staged.map(|name| (name, None))).0, [0, 1, 2, 3]);
        let only_experts = ["a-TP-0-EP-0.json", "a-TP-0-EP-1.json"];
        assert_eq!(assigned(&only_experts.map(|name| (name, None))).0, [0, 1]);
    }

    #[test]
    fn both_stages_of_a_place_are_one_rank() {
        let names = ["a-TP-1-DP-1-EXTEND.json", "a-TP-1-DP-1-DECODE.json", "a-TP-1-DP-0-DECODE.json"];
        let (ranks, ..) = assigned(&names.map(|name| (name, None)));
        assert_eq!(ranks[0], ranks[1]);
        assert_ne!(ranks[0], ranks[2]);
    }
}
