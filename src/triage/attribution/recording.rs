//! Graph replays, matched with the recording of the same graph.
//!
//! While a graph is recorded, its launches stand in the trace with their stacks and queue nothing. A replay
//! runs the same kernels in the same order. Input: recordings and the nodes of a replay. Output: an origin for
//! each node. The match is exact when count, kinds and all names that launches give agree one to one; else
//! nodes and launches of one name are paired in order, which is inexact.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::origin::{Origin, Origins};
use crate::trace::{ActivityKind, Launch, Span, StreamId, ThreadId, Trace, captures_by_thread};
use crate::triage::launches::Launches;

/// What a recorded launch would run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Recorded {
    kind: ActivityKind,
    name: Option<Arc<str>>,
    origin: Origin,
}

/// The launches of one graph, in order.
#[derive(Debug, Clone)]
pub struct Recording {
    path: String,
    launches: Vec<Recorded>,
}

/// One node of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node<'t> {
    /// Kernel, copy or fill.
    pub kind: ActivityKind,
    /// The raw name.
    pub name: &'t str,
    /// The stream that ran it; `None` where the order of the nodes does not depend on it.
    pub stream: Option<StreamId>,
}

/// What became of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// For each node its origin, and whether it is exact.
    pub nodes: Vec<Option<(Origin, bool)>>,
    /// In a sentence; empty when every node matched and was verified by name.
    pub note: String,
}

/// Fewer nodes than this share of a graph's in common is another graph.
const LEAST_IN_COMMON_PCT: usize = 50;

/// The recordings that a trace holds: launches that queued nothing, cut at the calls that begin and end a
/// recording where those are there. Where they are not, most launches must have queued nothing: a few of many are
/// those of a run whose last kernels were not recorded.
pub fn recordings(trace: &Trace, joined: &Launches<'_>, origins: &Origins, path: &str) -> Vec<Recording> {
    let mut launches: Vec<(&Launch, Origin, ActivityKind)> = trace
        .launches
        .iter()
        .enumerate()
        .filter(|(index, _)| !joined.has_activity(*index) && !joined.is_replay(*index))
        .filter_map(|(index, launch)| {
            Some((launch, origins.of_launch(index), kind(trace.names.get(launch.name))?))
        })
        .collect();
    launches.sort_by_key(|(launch, ..)| launch.span.start);
    launches.dedup_by_key(|(launch, ..)| launch.correlation);
    let recorded = |(launch, origin, kind): &(&Launch, Origin, ActivityKind)| Recorded {
        kind: *kind,
        name: launch.kernel.map(|name| Arc::from(trace.names.get(name))),
        origin: origin.clone(),
    };
    let of = |launches: Vec<Recorded>| Recording { path: path.to_owned(), launches };
    let captures = captures_by_thread(trace);
    let mut captures: Vec<(Span, ThreadId)> = captures
        .into_iter()
        .flat_map(|(thread, spans)| spans.into_iter().map(move |span| (span, thread)))
        .collect();
    captures.sort_unstable_by_key(|(span, thread)| (span.start, *thread));
    let queued = (0..trace.launches.len()).filter(|index| joined.has_activity(*index)).count();
    let mut found: Vec<Recording> = if captures.is_empty() && launches.len() <= queued {
        Vec::new()
    } else if captures.is_empty() {
        vec![of(launches.iter().map(recorded).collect())]
    } else {
        let inside = |(span, thread): (Span, ThreadId)| {
            let own = launches
                .iter()
                .filter(|(launch, ..)| launch.thread == thread && span.contains(launch.span.start));
            of(own.map(recorded).collect())
        };
        captures.into_iter().map(inside).collect()
    };
    found.retain(|recording| !recording.launches.is_empty());
    found
}

/// What a call would run; `None` for calls that a graph holds no GPU work of.
fn kind(call: &str) -> Option<ActivityKind> {
    if call.contains("HostFunc") {
        None
    } else if call.contains("Memcpy") {
        Some(ActivityKind::Copy)
    } else if call.contains("Memset") {
        Some(ActivityKind::Set)
    } else {
        Some(ActivityKind::Kernel)
    }
}

/// Matches a replay's nodes, in the order in which they ran, with the recording of their graph.
pub fn match_nodes(nodes: &[Node<'_>], recordings: &[Recording]) -> Option<Matched> {
    let same: Vec<&Recording> = recordings.iter().filter(|recording| agrees(nodes, recording)).collect();
    if let Some(first) = same.first() {
        let ordered = in_order(nodes);
        let is_one_stream = nodes.windows(2).all(|pair| matches!(pair, [a, b] if a.stream == b.stream));
        let nodes = first.launches.iter().zip(ordered).enumerate().map(|(at, (recorded, is_ordered))| {
            let is_one = same.iter().all(|other| {
                other.launches.get(at).is_some_and(|other| other.origin.place == recorded.origin.place)
            });
            let is_certain = is_one_stream || (is_ordered && recorded.name.is_some());
            Some((recorded.origin.clone(), is_one && is_certain))
        });
        let unnamed =
            first.launches.iter().filter(|one| one.name.is_none() && one.kind == ActivityKind::Kernel);
        let note = match unnamed.count() {
            0 => String::new(),
            count if !is_one_stream => format!(
                "{count} of {} launches of the recording in {} do not name their kernel, and the replay's nodes have no number: what several streams ran was matched by start, inexact",
                first.launches.len(),
                first.path
            ),
            count => format!(
                "{count} of {} launches of the recording in {} do not name their kernel: matched by order alone",
                first.launches.len(),
                first.path
            ),
        };
        return Some(Matched { nodes: nodes.collect(), note });
    }
    let (common, nearest) = recordings
        .iter()
        .map(|recording| (pair(nodes, recording), recording))
        .map(|(pairs, recording)| (pairs.iter().flatten().count(), recording))
        .max_by_key(|(common, recording)| (*common, std::cmp::Reverse(recording.launches.len())))?;
    if common == 0 || common * 100 < nodes.len() * LEAST_IN_COMMON_PCT {
        return None;
    }
    let origins = pair(nodes, nearest).into_iter().map(|launch| {
        let recorded = nearest.launches.get(launch?)?;
        Some((recorded.origin.clone(), false))
    });
    let note = format!(
        "a graph of {} nodes does not match the recording in {}, which has {} launches: {common} were paired by name, inexact",
        nodes.len(),
        nearest.path,
        nearest.launches.len(),
    );
    Some(Matched { nodes: origins.collect(), note })
}

/// For each node whether the order of starts is the order of the recording, as far as its like goes: nodes of one
/// name that one stream runs keep their order; streams do not keep it among one another.
fn in_order(nodes: &[Node<'_>]) -> Vec<bool> {
    let mut streams: BTreeMap<&str, Option<Option<StreamId>>> = BTreeMap::new();
    for node in nodes {
        let known = streams.entry(node.name).or_insert(Some(node.stream));
        if *known != Some(node.stream) {
            *known = None;
        }
    }
    nodes.iter().map(|node| streams.get(node.name).is_some_and(Option::is_some)).collect()
}

fn agrees(nodes: &[Node<'_>], recording: &Recording) -> bool {
    nodes.len() == recording.launches.len()
        && nodes.iter().zip(&recording.launches).all(|(node, recorded)| match &recorded.name {
            Some(name) => node.name == &**name,
            None => node.kind == recorded.kind,
        })
}

/// For each node the launch of the same name that stands at the same place among those of that name.
fn pair(nodes: &[Node<'_>], recording: &Recording) -> Vec<Option<usize>> {
    let mut of_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, recorded) in recording.launches.iter().enumerate().rev() {
        if let Some(name) = &recorded.name {
            of_name.entry(name).or_default().push(index);
        }
    }
    nodes.iter().map(|node| of_name.get_mut(node.name)?.pop()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::attribution::frame::Place;

    fn recording(launches: &[(&str, &str)]) -> Recording {
        let launches = launches
            .iter()
            .map(|(name, path)| Recorded {
                kind: ActivityKind::Kernel,
                name: (!name.is_empty()).then(|| Arc::from(*name)),
                origin: Origin {
                    place: Some(Arc::new(Place { path: (*path).to_owned(), line: None, function: None })),
                    op: None,
                },
            })
            .collect();
        Recording { path: "c.json".to_owned(), launches }
    }

    fn matched(nodes: &[&str], recordings: &[Recording]) -> Option<(Vec<String>, String)> {
        let nodes: Vec<Node<'_>> =
            nodes.iter().map(|name| Node { kind: ActivityKind::Kernel, name, stream: None }).collect();
        let matched = match_nodes(&nodes, recordings)?;
        let words = matched.nodes.iter().map(|node| match node {
            Some((origin, is_exact)) => {
                format!("{}{}", if *is_exact { "" } else { "~" }, origin.place.as_ref().unwrap().path)
            }
            None => "-".to_owned(),
        });
        Some((words.collect(), matched.note))
    }

    #[test]
    fn nodes_and_launches_that_agree_one_to_one_are_exact() {
        let graphs = [recording(&[("k", "x")]), recording(&[("k", "a"), ("g", "b"), ("k", "c")])];
        let (places, note) = matched(&["k", "g", "k"], &graphs).unwrap();
        assert_eq!((places, note.as_str()), (["a", "b", "c"].map(str::to_owned).to_vec(), ""));
    }

    #[test]
    fn launches_without_names_match_by_order_and_say_so() {
        let (places, note) = matched(&["k", "g"], &[recording(&[("", "a"), ("g", "b")])]).unwrap();
        assert_eq!(places, ["a", "b"]);
        assert!(
            note.starts_with("1 of 2 launches of the recording in c.json do not name their kernel"),
            "{note}"
        );
        assert_eq!(matched(&["k"], &[recording(&[("", "a"), ("", "b")])]), None);
    }

    #[test]
    fn another_count_is_inexact_and_says_so() {
        let (places, note) = matched(&["k", "g", "k"], &[recording(&[("k", "a"), ("g", "b")])]).unwrap();
        assert_eq!(places, ["~a", "~b", "-"]);
        assert!(
            note.contains("a graph of 3 nodes") && note.contains("2 launches") && note.contains("inexact"),
            "{note}"
        );
    }

    #[test]
    fn another_order_is_inexact() {
        assert_eq!(matched(&["g", "k"], &[recording(&[("k", "a"), ("g", "b")])]).unwrap().0, ["~b", "~a"]);
    }

    #[test]
    fn another_graph_names_nothing() {
        assert_eq!(matched(&["k", "x", "y"], &[recording(&[("k", "a"), ("g", "b"), ("h", "c")])]), None);
        assert_eq!(matched(&["k"], &[]), None);
    }

    #[test]
    fn a_name_that_only_begins_alike_is_another_name() {
        assert_eq!(matched(&["_fwd_kernel"], &[recording(&[("_fwd_kernel_stage2", "a")])]), None);
    }

    #[test]
    fn recordings_that_disagree_on_a_place_make_it_inexact() {
        let graphs = [recording(&[("k", "a"), ("g", "b")]), recording(&[("k", "a"), ("g", "c")])];
        assert_eq!(matched(&["k", "g"], &graphs).unwrap().0, ["a", "~b"]);
    }
}
