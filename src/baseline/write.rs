//! A baseline as text: sorted, three significant digits, one row a line, no clock, host or path.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::fingerprint::{Fingerprint, UNKNOWN};
use super::observation::{Band, BodyObservation, Observation, StageObservation};
use crate::common::level::Level;
use crate::common::text::{digits3, launches};
use crate::common::yaml::scalar;
use crate::triage::{PathState, Role, Stage};

/// What a person added to a baseline and a refresh keeps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    /// The server's commit.
    pub commit: Option<String>,
    /// The lines of `expect:`, as they stand.
    pub expect: String,
    /// The lines of `waivers:`, as they stand.
    pub waivers: String,
    /// Levels of rows: by stage, and kernel, path or role.
    pub levels: BTreeMap<(Stage, String), Level>,
    /// Limits of overlap rows, in microseconds.
    pub at_most: BTreeMap<(Stage, Role), f64>,
}

impl Kept {
    fn level(&self, stage: Stage, subject: &str) -> Option<String> {
        let level = self.levels.get(&(stage, subject.to_owned()))?;
        Some(pair("level", level.as_str()))
    }
}

/// Writes an observation as a baseline file. Same observation, same bytes.
pub fn to_yaml(observation: &Observation, commit: Option<&str>) -> String {
    write(observation, &Kept { commit: commit.map(str::to_owned), ..Kept::default() })
}

/// Writes an observation as a baseline file, with what a person added to it.
pub fn write(observation: &Observation, kept: &Kept) -> String {
    let mut out = String::new();
    out.push_str(
        "# Written by `profgate baseline record`. Review it like code; times are microseconds of one step.\n",
    );
    out.push_str("schema: 1\n");
    line(&mut out, 0, "comparable", &comparable(&observation.fingerprint));
    let mut recorded = vec![
        pair("profgate", &scalar(env!("CARGO_PKG_VERSION"))),
        pair("captures", &observation.captures.to_string()),
    ];
    for (key, value) in observation.versions.parts() {
        recorded.extend(value.map(|value| pair(key, &scalar(&value))));
    }
    if let Some(commit) = &kept.commit {
        recorded.push(pair("commit", &scalar(commit)));
    }
    if !observation.server_args.is_empty() {
        let args: Vec<String> =
            observation.server_args.iter().map(|(key, value)| pair(&scalar(key), &scalar(value))).collect();
        recorded.push(format!("server-args: {{ {} }}", args.join(", ")));
    }
    line(&mut out, 0, "recorded", &recorded);
    out.push_str(&kept.expect);
    if !observation.stages.is_empty() {
        out.push_str("stages:\n");
    }
    for (stage, observed) in &observation.stages {
        out.push_str("  ");
        out.push_str(stage.as_str());
        out.push_str(":\n");
        write_stage(&mut out, *stage, observed, observation.captures, kept);
    }
    out.push_str(&kept.waivers);
    out
}

/// Ranks stand behind the sizes; of what most captures do not tell, only what this one tells is written.
fn comparable(fingerprint: &Fingerprint) -> Vec<String> {
    let mut parts = Vec::new();
    for (key, value) in fingerprint.parts() {
        match (key, value) {
            ("gpu" | "framework" | "model", None) => parts.push(pair(key, UNKNOWN)),
            ("gpus" | "tp" | "pp" | "dp" | "ep", Some(number)) => parts.push(pair(key, &number)),
            (_, Some(text)) => parts.push(pair(key, &scalar(&text))),
            (_, None) => {}
        }
        if key == "gpus" {
            parts.push(pair("ranks", &fingerprint.ranks.to_string()));
        }
    }
    parts
}

/// How far a number moved, where there were repeats; `n` where not every capture has it.
fn band_parts(band: Band, captures: u32) -> Vec<String> {
    let mut parts = Vec::new();
    if captures > 1 || band.captures > 1 {
        parts.push(pair("mad-us", &digits3(band.mad_ns / 1e3)));
        if band.captures != captures {
            parts.push(pair("n", &band.captures.to_string()));
        }
    }
    parts
}

fn write_stage(out: &mut String, name: Stage, stage: &StageObservation, captures: u32, kept: &Kept) {
    let mut steps = vec![
        pair("found-by", stage.found_by.as_str()),
        pair("activities", &launches(stage.activities)),
        pair("busy-us", &digits3(stage.busy_ns / 1e3)),
    ];
    steps.extend(band_parts(stage.busy_band, captures));
    let overlapped =
        [("same-stream-us", stage.overlapped.same_stream_ns), ("beside-us", stage.overlapped.streams_ns)];
    steps
        .extend(overlapped.iter().filter(|(_, ns)| *ns > 0.0).map(|(key, ns)| pair(key, &digits3(ns / 1e3))));
    line(out, 4, "steps", &steps);
    let mut rows: Vec<_> = stage.rows.iter().collect();
    // By the rounded time first: two captures whose rows differ by noise shall give the same order.
    rows.sort_by(|(a_id, a), (b_id, b)| {
        let key = |ns: f64| crate::common::text::round3(ns / 1e3);
        key(b.measure.ns).total_cmp(&key(a.measure.ns)).then_with(|| a_id.cmp(b_id))
    });
    out.push_str("    kernels:\n");
    for (kernel, row) in rows {
        let mut parts = vec![
            pair("kernel", &scalar(kernel)),
            pair("role", row.role.as_str()),
            pair("launches", &launches(row.measure.launches)),
        ];
        if row.measure.spread > 0.0 {
            parts.push(pair("spread", &launches(row.measure.spread)));
        }
        parts.push(pair("us", &digits3(row.measure.ns / 1e3)));
        parts.extend(band_parts(row.band, captures));
        parts.extend([
            pair("each-us", &digits3(row.measure.each_ns / 1e3)),
            pair("each-mad-us", &digits3(row.measure.each_mad_ns / 1e3)),
            pair("share", &digits3(row.share_pct)),
        ]);
        parts.extend(kept.level(name, kernel));
        item(out, 6, &parts);
    }
    // A path that the gates leave open is no promise, and neither is one that does nothing here.
    let promised = |state: PathState| match state {
        PathState::Active | PathState::Partial | PathState::Split => true,
        PathState::Absent | PathState::GateUnknown => false,
    };
    let paths: Vec<_> = stage.paths.iter().filter(|(_, path)| promised(path.state)).collect();
    if !paths.is_empty() {
        out.push_str("    paths:\n");
        for (id, path) in paths {
            let mut parts = vec![
                pair("path", &scalar(id)),
                pair("expect", path.state.as_str()),
                pair("fused", &path.fused.to_string()),
                pair("split", &path.split.to_string()),
            ];
            // Only a promise can be broken, and only then it matters what else changed with it.
            if path.state == PathState::Active && !path.kernels.is_empty() {
                parts.push(pair("kernels", &list(&path.kernels)));
            }
            parts.extend(kept.level(name, id));
            item(out, 6, &parts);
        }
    }
    write_overlaps(out, name, stage, captures, kept);
    write_layers(out, stage);
}

fn write_overlaps(out: &mut String, name: Stage, stage: &StageObservation, captures: u32, kept: &Kept) {
    let mut overlaps = stage.overlaps.iter().filter(|(_, overlap)| overlap.is_overlap).peekable();
    if overlaps.peek().is_none() {
        return;
    }
    out.push_str("    overlaps:\n");
    for (role, overlap) in overlaps {
        let mut parts = vec![pair("role", role.as_str())];
        parts.extend(overlap.hidden_by.map(|role| pair("hidden-by", role.as_str())));
        parts.push(pair("exposed-us", &digits3(overlap.exposed_ns / 1e3)));
        parts.extend(band_parts(overlap.band, captures));
        parts.extend(kept.at_most.get(&(name, *role)).map(|limit| pair("at-most", &digits3(*limit))));
        parts.extend(kept.level(name, role.as_str()));
        item(out, 6, &parts);
    }
}

fn write_layers(out: &mut String, stage: &StageObservation) {
    let Some(layers) = &stage.layers else { return };
    out.push_str("    layers:\n");
    let _ = writeln!(out, "      count: {}", layers.count);
    if let Some(kernels) = &layers.prologue {
        let _ = writeln!(out, "      prologue: {}", list(kernels));
    }
    out.push_str("      bodies:\n");
    for BodyObservation { id, repeats, streams } in &layers.bodies {
        let mut lists = streams.iter().map(|kernels| list(kernels));
        let mut parts = vec![pair("id", &scalar(id)), pair("repeats", &repeats.to_string())];
        parts.push(pair("kernels", &lists.next().unwrap_or_else(|| "[]".to_owned())));
        let beside: Vec<String> = lists.collect();
        if !beside.is_empty() {
            parts.push(pair("beside", &format!("[{}]", beside.join(", "))));
        }
        item(out, 8, &parts);
    }
    if let Some(kernels) = &layers.epilogue {
        let _ = writeln!(out, "      epilogue: {}", list(kernels));
    }
}

fn pair(key: &str, value: &str) -> String {
    format!("{key}: {value}")
}

fn list(kernels: &[String]) -> String {
    format!("[{}]", kernels.iter().map(|kernel| scalar(kernel)).collect::<Vec<_>>().join(", "))
}

fn line(out: &mut String, indent: usize, key: &str, parts: &[String]) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{:indent$}{key}: {{ {} }}", "", parts.join(", "));
}

fn item(out: &mut String, indent: usize, parts: &[String]) {
    let _ = writeln!(out, "{:indent$}- {{ {} }}", "", parts.join(", "));
}
