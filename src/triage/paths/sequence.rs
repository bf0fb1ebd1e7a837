//! What the streams of a stage ran, step by step: equal sequences once, with how often they ran.
//!
//! A server runs the same kernels in every step, so what is looked for is looked for once. Which kernels can begin
//! a ladder at all is worked out once per kind, so that a sequence is walked only where one may stand.

use std::collections::{BTreeMap, HashMap};

use super::ladder::{self, Kind, Shape};
use super::parts::PartIx;
use crate::trace::{NameId, Ns, StreamId};
use crate::triage::activity::Timeline;
use crate::triage::stage::Stage;

/// What one stream ran in one step: kinds, times and places in the trace, in order.
type Ran = (Vec<u32>, Vec<Ns>, Vec<usize>);

/// What streams ran in steps, all of them the same.
pub(super) struct Sequence<'k, 't> {
    /// The kernels in order.
    pub kinds: Vec<&'k Kind<'t>>,
    /// For each of them its place in the list of kinds.
    numbers: Vec<u32>,
    /// For each of them its time in all runs together.
    pub times: Vec<Ns>,
    /// For each of them its place in the trace, in one of the runs.
    pub places: Vec<usize>,
    /// How many streams of how many steps ran them.
    pub runs: u64,
}

/// Which kernels can begin a ladder, by their place in the list of kinds.
pub(super) struct Starts(Vec<bool>);

impl Starts {
    /// `None` where no ladder of the shape can stand: each lacks the kernel of some rung.
    pub fn of(kinds: &[Kind<'_>], shape: Shape<'_>) -> Option<Self> {
        let is_rung = |kind: &Kind<'_>, part: PartIx| kind.is(part) && !kind.is_any(shape.on);
        let is_possible =
            |ladder: &&Vec<PartIx>| ladder.iter().all(|part| kinds.iter().any(|kind| is_rung(kind, *part)));
        let firsts: Vec<PartIx> =
            shape.ladders.iter().filter(is_possible).filter_map(|ladder| ladder.first()).copied().collect();
        let is_start = |kind: &Kind<'_>| firsts.iter().any(|part| is_rung(kind, *part));
        (!firsts.is_empty()).then(|| Self(kinds.iter().map(is_start).collect()))
    }
}

impl<'k, 't> Sequence<'k, 't> {
    /// The sequences of a stage's steps. `number_of` tells each name's place among the kinds.
    pub fn all(
        kinds: &'k [Kind<'t>],
        number_of: &HashMap<NameId, u32>,
        timeline: &Timeline,
        stage: Stage,
    ) -> Vec<Self> {
        let mut of_stream: BTreeMap<(usize, StreamId), Ran> = BTreeMap::new();
        for one in timeline.placed.iter().filter(|one| one.stage == stage) {
            let Some(step) = one.step else { continue };
            let Some(number) = number_of.get(&one.activity.name) else { continue };
            let (numbers, times, places) = of_stream.entry((step, one.stream())).or_default();
            numbers.push(*number);
            times.push(one.activity.span.length());
            places.push(one.index);
        }
        let mut distinct: BTreeMap<Vec<u32>, (Vec<Ns>, Vec<usize>, u64)> = BTreeMap::new();
        for (numbers, times, places) in of_stream.into_values() {
            let (sums, _, runs) =
                distinct.entry(numbers).or_insert_with(|| (vec![Ns::ZERO; times.len()], places, 0));
            sums.iter_mut().zip(times).for_each(|(sum, time)| *sum += time);
            *runs += 1;
        }
        distinct
            .into_iter()
            .map(|(numbers, (times, places, runs))| Self { places, ..Self::new(kinds, numbers, times, runs) })
            .collect()
    }

    /// A sequence of kinds, by their places.
    pub fn new(kinds: &'k [Kind<'t>], numbers: Vec<u32>, times: Vec<Ns>, runs: u64) -> Self {
        let of_places = numbers.iter().filter_map(|number| kinds.get(*number as usize)).collect();
        Self { kinds: of_places, numbers, times, places: Vec::new(), runs }
    }

    /// The ladders in it, as ranges of positions, none inside another.
    pub fn ladders(&self, shape: Shape<'_>, starts: &Starts) -> Vec<std::ops::Range<usize>> {
        let may_start = |number: &u32| starts.0.get(*number as usize) == Some(&true);
        let candidates = self.numbers.iter().enumerate().filter(|(_, number)| may_start(number));
        ladder::climb_from(&self.kinds, candidates.map(|(at, _)| at), shape)
    }

    /// Each kernel, with its kind's place in the list of kinds and its time in all runs together.
    pub fn each(&self) -> impl Iterator<Item = (u32, &'k Kind<'t>, Ns)> {
        self.numbers
            .iter()
            .zip(&self.kinds)
            .zip(&self.times)
            .map(|((number, kind), time)| (*number, *kind, *time))
    }

    /// Time of the kernels of a range, in all runs together.
    pub fn time(&self, range: std::ops::Range<usize>) -> Ns {
        self.times.get(range).unwrap_or_default().iter().copied().sum()
    }
}
