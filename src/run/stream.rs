//! Many ranks: what the files of a rank hold is dropped as soon as the rank's tables are made.
//!
//! Input: the files of a capture whose names tell their places apart. Output: a triage for each rank. A thread
//! reads and triages one place after the other, so that no more traces are held than there are threads. What
//! else than one trace of each process a capture may hold, and two places that are one rank, are seen only once all
//! of it is read; then the answer is "not so", and the capture is read as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use serde_json::{Map, Value};

use super::capture::{Deferred, LoadOptions, ReadFile, as_input, read_one};
use super::{ranks, select};
use crate::source::{Candidate, Inflating, Position};
use crate::trace::Trace;
use crate::triage::{self, Input, RankFacts, Triage};

/// Fewer places are held at once without a loss.
const LEAST_PLACES: usize = 3;

/// What a capture's ranks did, in order of rank.
pub(super) struct Streamed {
    pub ranks: Vec<(Triage, RankFacts)>,
    pub notes: Vec<String>,
}

/// One place, read and triaged.
struct Place {
    /// The files with their numbers among the candidates, and nothing but their headers.
    heads: Vec<(usize, ReadFile)>,
    triage: Triage,
    facts: RankFacts,
}

/// Reads and triages the files place by place; `None` where only the capture as a whole can be read.
pub(super) fn read<'c>(
    candidates: &[Candidate],
    catalogs: &Deferred<'_, 'c>,
    server_args: Option<&Map<String, Value>>,
    options: &LoadOptions<'_>,
) -> Option<Streamed> {
    let places = places(candidates)?;
    let tp_files = tp_files(candidates.iter().map(|candidate| candidate.position));
    let next = AtomicUsize::new(0);
    let is_given_up = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel();
    let mut results: BTreeMap<usize, Place> = BTreeMap::new();
    std::thread::scope(|scope| {
        for _ in 0..options.threads.clamp(1, places.len()) {
            let (sender, next, places, is_given_up) = (sender.clone(), &next, &places, &is_given_up);
            scope.spawn(move || {
                while !is_given_up.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(files) = places.get(index) else { break };
                    let place = read_place(files, candidates, catalogs, server_args, tp_files, options);
                    if place.is_none_or(|place| sender.send((index, place)).is_err()) {
                        is_given_up.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
        drop(sender);
        let mut done = 0;
        for (index, place) in receiver {
            done += place.heads.len();
            results.insert(index, place);
            (options.progress)(done, candidates.len());
        }
    });
    if results.len() < places.len() {
        return None;
    }
    in_order_of_rank(results.into_values().collect())
}

/// The numbers of the files of each place, in the order in which places come up.
fn places(candidates: &[Candidate]) -> Option<Vec<Vec<usize>>> {
    let mut places: Vec<(Position, Vec<usize>)> = Vec::new();
    let mut known: BTreeMap<Position, usize> = BTreeMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        if candidate.position == Position::default() {
            return None;
        }
        let at = *known.entry(candidate.position).or_insert(places.len());
        match places.get_mut(at) {
            Some((_, files)) => files.push(index),
            None => places.push((candidate.position, vec![index])),
        }
    }
    (places.len() >= LEAST_PLACES).then(|| places.into_iter().map(|(_, files)| files).collect())
}

/// The tensor parallelism that names tell: `TP-3` is the fourth part of every layer.
pub(super) fn tp_files(positions: impl Iterator<Item = Position>) -> Option<u32> {
    positions.filter_map(|position| position.tp).max().map(|part| part.saturating_add(1))
}

fn read_place<'c>(
    files: &[usize],
    candidates: &[Candidate],
    catalogs: &Deferred<'_, 'c>,
    server_args: Option<&Map<String, Value>>,
    tp_files: Option<u32>,
    options: &LoadOptions<'_>,
) -> Option<Place> {
    let mut heads = Vec::new();
    for index in files {
        let file = read_one(candidates.get(*index)?, options.limits, Inflating::Here).ok()?;
        if !select::is_formal(&file) {
            return None;
        }
        heads.push((*index, file));
    }
    let inputs: Vec<Input<'_>> = heads.iter().map(|(_, file)| as_input(file)).collect();
    let (triage, facts) =
        triage::triage_of_rank(&inputs, &[], catalogs().ok()?, server_args.cloned(), tp_files).ok()?;
    for (_, file) in &mut heads {
        // What was wrong with it is in the triage.
        let Trace { header, .. } = std::mem::take(&mut file.trace);
        file.trace = Trace { header, ..Trace::default() };
    }
    Some(Place { heads, triage, facts })
}

/// Gives every place its rank; `None` where two places are one rank.
fn in_order_of_rank(places: Vec<Place>) -> Option<Streamed> {
    let (mut heads, mut triages) = (Vec::new(), Vec::new());
    for (number, place) in places.into_iter().enumerate() {
        heads.extend(place.heads.into_iter().map(|(index, file)| (index, number, file)));
        triages.push((place.triage, place.facts));
    }
    heads.sort_by_key(|(index, ..)| *index);
    let places_of: Vec<usize> = heads.iter().map(|(_, number, _)| *number).collect();
    let mut files: Vec<ReadFile> = heads.into_iter().map(|(.., file)| file).collect();
    let mut notes = Vec::new();
    ranks::assign(&mut files, &mut notes);
    let mut rank_of: BTreeMap<usize, (u32, u32)> = BTreeMap::new();
    for (number, file) in places_of.into_iter().zip(&files) {
        // A name that contradicts its header.
        if let Some((triage, _)) = triages.get_mut(number) {
            triage.add_health(&file.trace.health);
        }
        let rank = *rank_of.entry(number).or_insert((file.rank, file.replica));
        if rank != (file.rank, file.replica) {
            return None;
        }
    }
    let distinct: BTreeSet<u32> = rank_of.values().map(|(rank, _)| *rank).collect();
    if distinct.len() < rank_of.len() {
        return None;
    }
    for ((triage, facts), (rank, replica)) in triages.iter_mut().zip(rank_of.into_values()) {
        triage.set_rank(rank);
        facts.set_rank(rank);
        facts.set_replica(replica);
    }
    triages.sort_by_key(|(triage, _)| triage.rank());
    Some(Streamed { ranks: triages, notes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::capture::read_whole;
    use crate::source::{self, Limits};
    use crate::synth::{self, presets};
    use crate::triage::Catalogs;

    /// The triages, the comparison of the ranks and the notes, of both ways to read a capture.
    fn both_ways(names: &[&str]) -> [(Vec<Triage>, Option<triage::Ranks>, Vec<String>); 2] {
        let folder =
            std::env::temp_dir().join(format!("profgate-stream-{}-{}", std::process::id(), names.len()));
        let (made, capture) = (folder.join("made"), folder.join("capture"));
        std::fs::create_dir_all(&made).unwrap();
        std::fs::create_dir_all(&capture).unwrap();
        let traces = synth::write_capture(&presets::two_rank_tp(), &made).unwrap();
        for (name, trace) in names.iter().zip(traces.iter().cycle()) {
            std::fs::copy(trace, capture.join(name)).unwrap();
        }
        let catalogs = Catalogs::builtin().unwrap();
        let options = LoadOptions {
            threads: 2,
            rank: None,
            limits: Limits::default(),
            server_logs: &[],
            progress: &|_, _| {},
        };
        let inputs = [capture];
        let located = source::locate(&inputs).unwrap();
        let Streamed { ranks, notes } = read(&located.candidates, &|| Ok(&catalogs), None, &options).unwrap();
        let mut whole_notes = Vec::new();
        let whole =
            read_whole(&inputs, &[], located, &|| Ok(&catalogs), None, &options, &mut whole_notes).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        [(ranks, notes), (whole, whole_notes)].map(|(ranks, notes)| {
            let (triages, facts): (Vec<Triage>, Vec<RankFacts>) = ranks.into_iter().unzip();
            (triages, triage::compare(&facts), notes)
        })
    }

    #[test]
    fn place_by_place_says_what_the_whole_says() {
        for names in [
            &["a-TP-0.json.gz", "a-TP-1.json.gz", "a-TP-2.json.gz", "a-TP-3.json.gz"][..],
            &["a-TP-0-DP-0.json.gz", "a-TP-1-DP-0.json.gz", "a-TP-0-DP-1.json.gz"],
            &["rank4.json.gz", "rank2.json.gz", "rank7.json.gz", "rank0.json.gz", "rank9.json.gz"],
        ] {
            let [streamed, whole] = both_ways(names);
            assert_eq!(streamed, whole, "{names:?}");
            assert_eq!(streamed.0.len(), names.len());
        }
    }

    #[test]
    fn files_without_a_place_and_few_places_are_left_to_the_whole() {
        let candidate = |name: &str| Candidate {
            path: name.into(),
            stage: None,
            position: Position::of(name),
            is_named: false,
        };
        let of = |names: &[&str]| places(&names.iter().map(|name| candidate(name)).collect::<Vec<_>>());
        assert_eq!(of(&["rank0.json", "rank1.json"]), None);
        assert_eq!(of(&["rank0.json", "rank1.json", "rank2.json", "other.json"]), None);
        let both_stages = ["a-TP-0-EXTEND.json", "a-TP-1.json", "a-TP-0-DECODE.json", "a-TP-2.json"];
        assert_eq!(of(&both_stages), Some(vec![vec![0, 2], vec![1], vec![3]]));
    }
}
