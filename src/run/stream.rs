//! Many ranks: what the files of a rank hold is dropped as soon as the rank's tables are made.
//!
//! Input: the files of a capture whose names tell their places apart. Output: a triage for each rank. A thread
//! reads and triages one place after the other, so that no more traces are held than there are threads. What
//! else than one trace of each process a capture may hold, and names that contradict a header, are seen only
//! once all of it is read; then the answer is "not so", and the capture is read as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use serde_json::{Map, Value};

use super::capture::{Deferred, LoadOptions, ReadFile, as_input, read_one};
use super::{ranks, select};
use crate::source::{Candidate, Inflating, Position};
use crate::trace::{HealthCode, Trace};
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
        let Trace { header, health, .. } = std::mem::take(&mut file.trace);
        file.trace = Trace { header, health, ..Trace::default() };
    }
    Some(Place { heads, triage, facts })
}

/// Gives every place its rank; `None` where two places are one rank, or a name contradicts a header.
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
    if files.iter().any(|file| file.trace.health.get(HealthCode::RankDisagrees) > 0) {
        return None;
    }
    let mut rank_of: BTreeMap<usize, (u32, u32)> = BTreeMap::new();
    for (number, file) in places_of.into_iter().zip(&files) {
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
