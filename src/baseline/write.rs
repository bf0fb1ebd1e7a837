//! A baseline as text: sorted, three significant digits, one row a line, no clock, host or path.

use std::fmt::Write;

use super::fingerprint::{Fingerprint, UNKNOWN};
use super::observe::{Observation, StageObservation};
use crate::common::text::{digits3, launches};
use crate::common::yaml::scalar;
use crate::triage::PathState;

/// Writes an observation as a baseline file. Same observation, same bytes.
pub fn to_yaml(observation: &Observation, captures: u32, commit: Option<&str>) -> String {
    let mut out = String::new();
    out.push_str(
        "# Written by `profgate baseline record`. Review it like code; times are microseconds of one step.\n",
    );
    out.push_str("schema: 1\n");
    line(&mut out, 0, "comparable", &comparable(&observation.fingerprint));
    let mut recorded =
        vec![pair("profgate", &scalar(env!("CARGO_PKG_VERSION"))), pair("captures", &captures.to_string())];
    if let Some(runtime) = &observation.runtime {
        recorded.push(pair("runtime", &scalar(runtime)));
    }
    if let Some(commit) = commit {
        recorded.push(pair("commit", &scalar(commit)));
    }
    line(&mut out, 0, "recorded", &recorded);
    out.push_str("stages:\n");
    for (stage, observed) in &observation.stages {
        out.push_str("  ");
        out.push_str(stage.as_str());
        out.push_str(":\n");
        write_stage(&mut out, observed);
    }
    out
}

fn comparable(fingerprint: &Fingerprint) -> Vec<String> {
    let text = |value: &Option<String>| scalar(value.as_deref().unwrap_or(UNKNOWN));
    let mut parts = vec![pair("gpu", &text(&fingerprint.gpu))];
    if let Some(gpus) = fingerprint.gpus {
        parts.push(pair("gpus", &gpus.to_string()));
    }
    parts.push(pair("ranks", &fingerprint.ranks.to_string()));
    parts.push(pair("framework", &text(&fingerprint.framework)));
    parts.push(pair("model", &text(&fingerprint.model)));
    if let Some(tp) = fingerprint.tp {
        parts.push(pair("tp", &tp.to_string()));
    }
    parts
}

fn write_stage(out: &mut String, stage: &StageObservation) {
    let steps = [
        pair("found-by", stage.found_by.as_str()),
        pair("activities", &launches(stage.activities)),
        pair("busy-us", &digits3(stage.busy_ns / 1e3)),
    ];
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
        parts.extend([
            pair("us", &digits3(row.measure.ns / 1e3)),
            pair("each-us", &digits3(row.measure.each_ns / 1e3)),
            pair("each-mad-us", &digits3(row.measure.each_mad_ns / 1e3)),
            pair("share", &digits3(row.share_pct)),
        ]);
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
            let parts = [
                pair("path", &scalar(id)),
                pair("expect", path.state.as_str()),
                pair("fused", &path.fused.to_string()),
                pair("split", &path.split.to_string()),
            ];
            item(out, 6, &parts);
        }
    }
}

fn pair(key: &str, value: &str) -> String {
    format!("{key}: {value}")
}

fn line(out: &mut String, indent: usize, key: &str, parts: &[String]) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{:indent$}{key}: {{ {} }}", "", parts.join(", "));
}

fn item(out: &mut String, indent: usize, parts: &[String]) {
    let _ = writeln!(out, "{:indent$}- {{ {} }}", "", parts.join(", "));
}
