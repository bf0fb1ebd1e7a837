//! The overlap table: for every kernel of a stage, whether others hide it, whether they could, and what to do.
//!
//! Input: a trace's activities, placed and measured, the kernel rows and the fuse table of a stage. Output: one
//! row for each kernel row that a step holds or that is hidden, what could be won first. Rows are made for all kernels and cut by share only where
//! they are shown, so that many small rows push no large one out. The advice is data (`catalogs/advice.yaml`).
//! What it gives up: the critical path is not known, so every number is a bound and no promise.

mod advice;
mod covering;
mod exposed;
mod neighbours;
mod row;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::BTreeMap;

pub use advice::Advice;
use covering::Covering;
use exposed::Exposed;
pub use row::{Neighbours, OverlapRow};
pub use waiting::leave_out_waiting;

use super::activity::Timeline;
use super::attribution::CallSites;
use super::kernel_table::percent;
use super::model::{KernelRow, Mode, PathRow};
use super::paths::{Rungs, Way};
use super::stage::Stage;
use crate::trace::Ns;

/// A kernel is hidden when other streams run beside at least this part of its time, in percent.
const HIDDEN_PCT: f64 = 65.0;
/// The risk is high from this part of the instances on, in percent.
const HIGH_PCT: u64 = 50;
/// It is low while at most this part is anything but free, in percent.
const LOW_PCT: u64 = 10;

/// What can be cut up is not worth it below this length: another launch and another handshake cost as much.
const SHORT: Ns = Ns(20_000);

/// What the table rests on, besides the activities.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Kernel rows of the stage.
    pub kernels: &'a [KernelRow],
    /// Its fuse table.
    pub paths: &'a [PathRow],
    /// The place that launched each activity.
    pub calls: &'a CallSites,
    /// Overlaps of the catalog that hide a kernel id, the best first.
    pub ways: &'a BTreeMap<String, Vec<Way>>,
    /// How often in a step a kernel id is a rung of a path's ladders.
    pub rungs: &'a Rungs,
    /// One trace, or a mapping/formal pair.
    pub mode: Mode,
}

/// What all streams of a trace did, whatever stage they work for.
pub struct Scene<'t> {
    timeline: &'t Timeline<'t>,
    exposed: Exposed,
    order: neighbours::Order,
}

impl<'t> Scene<'t> {
    /// Looks at all activities of a trace.
    pub fn of(timeline: &'t Timeline<'t>) -> Self {
        Self { timeline, exposed: Exposed::of(timeline), order: neighbours::Order::of(timeline) }
    }
}

/// The overlap table of a stage.
pub fn find(scene: &Scene<'_>, stage: Stage, ground: Ground<'_>, advice: &Advice) -> Vec<OverlapRow> {
    let timeline = scene.timeline;
    let steps = timeline.step_stages.iter().filter(|of| **of == stage).count() as i64;
    let exposed = exposed_by_kernel(scene, stage);
    let whole: Ns = exposed.iter().copied().sum();
    let sites_settle = ground.mode == Mode::MappingFormal;
    let counts = neighbours::count(timeline, &scene.order, stage, ground.calls, advice, sites_settle);
    let number_of: BTreeMap<&str, usize> = (0..timeline.classes.kernels())
        .filter_map(|number| Some((timeline.classes.kernel_id(number)?, number)))
        .collect();
    let per_step = |time: Ns| if steps == 0 { 0 } else { (time.0 + steps / 2) / steps };
    let mut rows: Vec<OverlapRow> = ground
        .kernels
        .iter()
        .filter_map(|kernel| {
            let number = number_of.get(kernel.kernel.as_str()).copied();
            let alone = number.and_then(|number| exposed.get(number)).copied().unwrap_or_default();
            let neighbours = number.and_then(|number| counts.get(number)).copied().unwrap_or_default();
            let risk = risk(neighbours);
            let is_hidden = percent(Ns(kernel.hidden_ns), Ns(kernel.total_ns)) >= HIDDEN_PCT;
            let bound = per_step(alone.min(whole - alone));
            let is_idle = !is_hidden && risk != "high" && bound == 0;
            let verdict = match (is_hidden, risk) {
                (true, _) => "hidden",
                (false, _) if is_idle && kernel.launches_per_step > 0.0 => "serial",
                // What no step holds costs no step anything.
                (false, _) if kernel.launches_per_step == 0.0 => return None,
                (false, "high") => "serial",
                (false, _) => "headroom",
            };
            let is_short =
                verdict == "serial" && !is_idle && advice.is_divisible(kernel.role) && mean(kernel) < SHORT;
            let may_win =
                verdict == "headroom" || verdict == "serial" && advice.is_divisible(kernel.role) && !is_short;
            let covering = if is_hidden || is_idle { None } else { covering::of(kernel, is_short, &ground) };
            let merged = covering::merged(kernel, &ground).filter(|_| !advice.carries(kernel.role));
            let serial = match merged {
                _ if is_idle => advice.alone.clone(),
                _ if is_short && merged.is_none() => advice.short.clone(),
                Some(path) => {
                    format!("It is the merged kernel of `{path}` already; its neighbours wait for it.")
                }
                None => advice.serial(kernel.role).to_owned(),
            };
            Some(OverlapRow {
                kernel: kernel.kernel.clone(),
                role: kernel.role,
                verdict: verdict.to_owned(),
                dependency_risk: risk.to_owned(),
                neighbours,
                recommendation: recommendation(kernel, (verdict, risk), &serial, covering.as_ref(), advice),
                exposed_ns: per_step(alone),
                hidden_pct: percent(Ns(kernel.hidden_ns), Ns(kernel.total_ns)),
                hidden_by: kernel.hidden_by.clone(),
                path: covering.map(|covering| covering.path),
                headroom_ns: if may_win { bound } else { 0 },
            })
        })
        .collect();
    in_order(&mut rows, advice);
    rows
}

/// What has headroom, then what is serial, then what is hidden; inside these, what carries the arithmetic last, the
/// largest bound first.
fn in_order(rows: &mut [OverlapRow], advice: &Advice) {
    let rank = |verdict: &str| ["headroom", "serial", "hidden"].iter().position(|one| *one == verdict);
    rows.sort_by(|a, b| {
        let key = |row: &OverlapRow| {
            (
                rank(&row.verdict),
                advice.carries(row.role),
                std::cmp::Reverse((row.headroom_ns, row.exposed_ns)),
            )
        };
        key(a).cmp(&key(b)).then_with(|| a.kernel.cmp(&b.kernel))
    });
}

/// Time in steps of a stage during which a kernel id works and no other stream of its device does, by the number
/// of the id.
fn exposed_by_kernel(scene: &Scene<'_>, stage: Stage) -> Vec<Ns> {
    let Scene { timeline, exposed, .. } = scene;
    let mut sums = vec![Ns::ZERO; timeline.classes.kernels()];
    for one in timeline.placed.iter().filter(|one| one.stage == stage && one.step.is_some()) {
        let number = timeline.classes.kernel(one.activity.name);
        if let Some(sum) = number.and_then(|number| sums.get_mut(number)) {
            *sum += exposed.of_activity(one);
        }
    }
    sums
}

fn risk(of: Neighbours) -> &'static str {
    let all = of.dependent + of.unclear + of.free;
    if of.dependent * 100 >= all * HIGH_PCT && of.dependent > 0 {
        "high"
    } else if (all - of.free) * 100 <= all * LOW_PCT && all > 0 {
        "low"
    } else {
        "unclear"
    }
}

/// Mean time of a launch.
fn mean(kernel: &KernelRow) -> Ns {
    Ns((kernel.per_step_ns as f64 / kernel.launches_per_step.max(f64::MIN_POSITIVE)) as i64)
}

fn recommendation(
    kernel: &KernelRow,
    (verdict, risk): (&str, &str),
    serial: &str,
    covering: Option<&Covering>,
    advice: &Advice,
) -> String {
    let mut parts: Vec<&str> = Vec::new();
    match verdict {
        "hidden" => parts.push(&advice.hidden),
        _ if advice.of_place(kernel).is_some() => parts.extend(advice.of_place(kernel)),
        "serial" => parts.push(serial),
        _ => {
            if risk != "low" {
                parts.push(&advice.unclear);
            }
            parts.push(advice.headroom(kernel.role));
        }
    }
    parts.extend(covering.map(|covering| covering.says.as_str()));
    parts.join(" ")
}
