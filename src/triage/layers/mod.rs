//! The repeating bodies inside a step, anchored on the attention kernel.
//!
//! Bodies may alternate (sliding and full attention, linear and full attention), dense layers may precede
//! expert layers, the first and the last may differ in a slot, and a layer may use several streams. Sequences
//! are per stream, in the order in which the stream ran them; streams are joined by the order of launches.
//! Where most of the time has no known role, a kernel stands in
//! for attention ([`stand_in`]). What it gives up: other models without attention kernels have no layers here.

mod anchor;
mod bodies;
mod cut;
mod sequence;
mod side;
mod slots;
mod stand_in;

pub use anchor::{Anchor, anchors, is_anchor};
pub use sequence::Sequence;
pub use slots::{HostCopy, KernelIx, Slot, host_copy, slots};

use std::collections::BTreeMap;

use super::activity::Timeline;
use super::classify::Role;
use super::model::{BodyStream, LayerBody, Layers};
use super::stage::Stage;
use super::turns;
use crate::trace::{Ns, StreamId, Trace};

/// More distinct bodies than this for each eight layers is no repetition.
const BODIES_PER_EIGHT_LAYERS: usize = 2;

/// Bodies of one model are of like size: an expert layer has twice the kernels of a dense one, not ten times.
/// Beyond this ratio, what repeats is a program around the attention, such as an image decoder.
const LARGEST_TO_SMALLEST: usize = 4;

/// The layers of one step, cut and grouped.
struct Found<'t> {
    ids: slots::KernelIds<'t>,
    stream: StreamId,
    main: Vec<Slot>,
    layers: Vec<cut::Layer>,
    grouped: bodies::Bodies,
    /// Whether a kernel without a known role stands in for attention.
    is_stand_in: bool,
    /// Attention kernels on the busiest of the other streams.
    aside: usize,
}

/// What layers are cut from, and the layers.
struct Cut {
    stream: StreamId,
    main: Vec<Slot>,
    layers: Vec<cut::Layer>,
    grouped: bodies::Bodies,
    /// Attention kernels on the busiest of the other streams.
    aside: usize,
}

fn of_step<'t>(trace: &Trace, timeline: &'t Timeline<'_>, step: usize) -> Option<Found<'t>> {
    let of_step = timeline.in_step(step);
    let of_step = of_step.map(|one| (one.index, *one.activity));
    let (mut slots, ids) = slots(trace, &timeline.classes, &timeline.launches, of_step);
    let is_stand_in = stand_in::stand_in(&mut slots);
    let Cut { stream, main, layers, grouped, aside } = cut_up(&slots, is_stand_in)?;
    Some(Found { ids, stream, main, layers, grouped, is_stand_in, aside })
}

/// Layers of the stream that runs the model, or of all streams with attention where that makes more layers of fewer
/// kinds: kernels of one model that lie over two streams look irregular on each of them, and those of two batches do
/// so when they are mixed.
fn cut_up(slots: &[Slot], is_stand_in: bool) -> Option<Cut> {
    let sequence = Sequence::of(slots)?;
    let has_aside = !is_stand_in && sequence.side.iter().any(|slot| is_anchor(slot.role));
    let alone = cut_sequence(sequence, is_stand_in);
    let joined =
        if has_aside { Sequence::joined(slots).and_then(|joined| cut_sequence(joined, false)) } else { None };
    match (alone, joined) {
        (Some(alone), Some(joined)) => {
            let is_simpler = joined.grouped.bodies.len() < alone.grouped.bodies.len()
                && joined.layers.len() > alone.layers.len();
            Some(if is_simpler { joined } else { alone })
        }
        (None, joined) => joined.filter(|joined| joined.grouped.bodies.len() <= BODIES_PER_EIGHT_LAYERS),
        (alone, None) => alone,
    }
}

fn cut_sequence(sequence: Sequence, is_stand_in: bool) -> Option<Cut> {
    let Sequence { stream, main, side } = sequence;
    let anchors = anchors(&main);
    if anchors.len() < 2 {
        return None;
    }
    let layers = cut::cut(&main, &anchors, !is_stand_in);
    let signatures = bodies::signatures(&main, &side, &layers);
    let mut grouped = bodies::group(&signatures);
    bodies::mark_outer(&mut grouped, &main, &layers);
    if grouped.bodies.len() > 1 + layers.len() * BODIES_PER_EIGHT_LAYERS / 8 {
        return None;
    }
    let sizes = || grouped.bodies.iter().map(|body| bodies::size(&body.signature));
    if sizes().max().unwrap_or(0) > sizes().min().unwrap_or(0) * LARGEST_TO_SMALLEST {
        return None;
    }
    let mut aside: BTreeMap<StreamId, usize> = BTreeMap::new();
    for slot in side.iter().filter(|slot| is_anchor(slot.role)) {
        *aside.entry(slot.stream).or_default() += 1;
    }
    let aside = aside.into_values().max().unwrap_or(0);
    Some(Cut { stream, main, layers, grouped, aside })
}

/// Why the number of layers of a stage is uncertain; `None` where it is not.
///
/// Two batches that run beside one another have as much attention each. A stream with less of it, and more than
/// prepares something, runs layers that are not counted.
pub fn doubt(trace: &Trace, timeline: &Timeline, stage: Stage) -> Option<String> {
    let found = of_step(trace, timeline, turns::typical_step(timeline, stage)?)?;
    let own = found.main.iter().filter(|slot| is_anchor(slot.role)).count();
    let is_uncertain =
        !found.is_stand_in && found.aside != own && found.aside * 8 >= own && found.grouped.bodies.len() > 1;
    is_uncertain.then(|| {
        let (count, stage) = (found.layers.len(), stage.as_str());
        format!(
            "{stage}: {count} layers of {own} attention kernels; another stream runs {} more",
            found.aside
        )
    })
}

/// The instants at which the layers of a step begin, and the one at which the work after them does.
pub fn boundaries(trace: &Trace, timeline: &Timeline, step: usize) -> Option<Vec<Ns>> {
    let found = of_step(trace, timeline, step)?;
    let start_of = |index: usize| found.main.get(index).map(|slot| slot.start);
    let mut starts: Vec<Ns> = found.layers.iter().filter_map(|layer| start_of(layer.start)).collect();
    starts.push(found.layers.last().and_then(|layer| start_of(layer.end)).unwrap_or(Ns(i64::MAX)));
    Some(starts)
}

/// Finds the layers of a stage in the step that stands for it.
///
/// `None` when there is no attention, a single layer, or no repetition.
pub fn find(trace: &Trace, timeline: &Timeline, stage: Stage) -> Option<Layers> {
    let step = turns::typical_step(timeline, stage)?;
    let Found { ids, stream, main, layers, grouped, is_stand_in, .. } = of_step(trace, timeline, step)?;
    let names = |slots: &[Slot]| slots.iter().map(|slot| ids.get(slot.kernel).to_owned()).collect();
    let start = layers.first().map_or(0, |layer| layer.start);
    let end = layers.last().map_or(0, |layer| layer.end);
    let pattern = bodies::pattern(&grouped.of_layer);
    let has_attention = main.iter().any(|slot| slot.role == Role::Attention);
    let found_by = match (is_stand_in, has_attention) {
        (true, _) => Role::Other,
        (false, true) => Role::Attention,
        (false, false) => Role::LinearAttention,
    }
    .as_str();
    let streams = |body: &bodies::Body| {
        let mut streams: Vec<(bool, BodyStream)> = body
            .signature
            .iter()
            .map(|(of, kernels)| {
                let kernels = kernels.iter().map(|kernel| ids.get(KernelIx(*kernel)).to_owned());
                (*of != stream, BodyStream { stream: stream_text(trace, *of), kernels: kernels.collect() })
            })
            .collect();
        // The main stream, then the others by number: the order in which the file names them decides nothing.
        streams.sort_by(|(a_side, a), (b_side, b)| {
            (a_side, a.stream.len(), &a.stream).cmp(&(b_side, b.stream.len(), &b.stream))
        });
        streams.into_iter().map(|(_, stream)| stream).collect()
    };
    let to_body = |(number, body): (usize, &bodies::Body)| LayerBody {
        id: bodies::pattern(&[number]),
        repeats: body.repeats as u64,
        pattern: pattern.clone(),
        variants: body.variants.iter().map(|layer| *layer as u64).collect(),
        streams: streams(body),
    };
    Some(Layers {
        count: layers.len() as u64,
        found_by: found_by.to_owned(),
        prologue: names(main.get(..start).unwrap_or_default()),
        epilogue: names(main.get(end..).unwrap_or_default()),
        bodies: grouped.bodies.iter().enumerate().map(to_body).collect(),
    })
}

fn stream_text(trace: &Trace, stream: StreamId) -> String {
    trace.names.get(stream.stream).to_owned()
}
