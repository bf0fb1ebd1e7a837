//! The catalog path that covers a kernel of the overlap table: a ladder that it is a rung of here, or an overlap that
//! hides kernels of its kind. Both come from the path catalog; this file only chooses and words it.

use super::Ground;
use crate::triage::model::{KernelRow, PathRow, PathState};
use crate::triage::paths::{LADDER, Way};

/// The class of a path that another framework has.
const ELSEWHERE: &str = "mainline-elsewhere";

/// The class of a path of which a reason is known why it is off.
const OFF: &str = "off";

/// The class of a path that nobody has by default, and of which nothing tells whether it is switched on.
const OPT_IN: &str = "opt-in";

/// A path, and what of it can be said here.
pub(super) struct Covering {
    /// Catalog id.
    pub(super) path: String,
    /// A sentence, or one for each path that covers it.
    pub(super) says: String,
}

/// What ran comes first: a ladder that this kernel is part of is evidence, an overlap of its kind is a way.
pub(super) fn of(kernel: &KernelRow, is_short: bool, ground: &Ground<'_>) -> Option<Covering> {
    let open = ground.paths.iter().filter(|path| is_open(path) && has_rung(path, &kernel.kernel));
    // The largest that could be on here, then one that nobody has by default, then one that is off for a reason, then one
    // of another framework.
    let ladder = open.min_by_key(|path| (path.class == ELSEWHERE, path.class == OFF, path.class == OPT_IN));
    let ways = ground.ways.get(&kernel.kernel).map(Vec::as_slice).unwrap_or_default();
    // The first is the best; a precedent of another framework says nothing that a ladder here does not say better.
    let way =
        ways.first().filter(|way| way.is_own || ladder.is_none() && !trains(ground)).filter(|_| !is_short);
    let path = ladder.map(|path| &path.path).or(way.map(|way| &way.path))?.clone();
    let says: Vec<String> = ladder
        .map(|path| says_of_ladder(path, kernel, ground))
        .into_iter()
        .chain(way.map(says_of_way))
        .collect();
    Some(Covering { path, says: says.join(" ") })
}

/// The path of which a kernel is the fused form here.
pub(super) fn merged<'g>(kernel: &KernelRow, ground: &Ground<'g>) -> Option<&'g str> {
    let is_on = |path: &&PathRow| path.state == PathState::Active && path.evidence.contains(&kernel.kernel);
    ground.paths.iter().find(is_on).map(|path| path.path.as_str())
}

/// Whether gradients are computed: what servers do says nothing of training.
fn trains(ground: &Ground<'_>) -> bool {
    let is_gradient =
        |id: &str| ["bwd", "backward", "adam", "wgrad", "dgrad"].iter().any(|word| id.contains(word));
    ground.kernels.iter().any(|row| is_gradient(&row.kernel))
}

/// A fused kernel is covered already, and what is not known is no help.
fn is_open(path: &PathRow) -> bool {
    path.state != PathState::Active && path.class != "unclear"
}

fn has_rung(path: &PathRow, kernel: &str) -> bool {
    path.evidence.iter().flat_map(|form| form.split(LADDER)).any(|one| one == kernel)
}

fn says_of_ladder(path: &PathRow, kernel: &KernelRow, ground: &Ground<'_>) -> String {
    let whose = if path.class == ELSEWHERE { ", of another framework," } else { "" };
    let key = (path.path.clone(), kernel.kernel.clone());
    let all = kernel.launches_per_step.round() as u64;
    let what = match ground.rungs.get(&key) {
        Some(part) if *part < all => format!("covers {part} of its {all} launches a step"),
        Some(_) | None => "covers it".to_owned(),
    };
    if path.class == OFF {
        return format!("`{}` {what}, and is off here; the fuse table says why.", path.path);
    }
    if path.class == OPT_IN {
        return format!(
            "`{}` {what}, and is opt-in: the kernels are {} here, and nothing tells whether it is switched on.",
            path.path,
            path.state.as_str()
        );
    }
    format!("`{}`{whose} {what} and is {} here.", path.path, path.state.as_str())
}

fn says_of_way(way: &Way) -> String {
    let whose = way.frameworks.join(", ");
    let Some(own) = way.is_own.then_some(&way.unsettled) else {
        return format!("`{}` of {whose} shows how.", way.path);
    };
    let is_what = if way.pr.is_empty() {
        format!("is the way that {whose} has to hide it")
    } else {
        format!("is in flight for it ({})", way.pr.join(", "))
    };
    if let Some(because) = &way.off {
        return format!("`{}` {is_what}, and is off here: {because}.", way.path);
    }
    match own {
        Some(unsettled) => format!("`{}` {is_what}; not known whether it applies: {unsettled}.", way.path),
        None => format!("`{}` {is_what}.", way.path),
    }
}
