//! The words around a capture's tables, the same in text and in Markdown.

use super::unit::time;
use crate::common::text::{count, digits3, launches};
use crate::triage::{
    FoundBy, HealthEntry, Mode, OverlapRow, PathRow, StageEvidence, StageTriage, TraceEntry, Triage,
};

/// Title of the first table.
pub const KERNEL_TABLE: &str = "Kernel table";
/// Title of the second table.
pub const OVERLAP_TABLE: &str = "Overlap-opportunity table";
/// Title of the third table.
pub const FUSE_TABLE: &str = "Fuse-pattern table";
/// Title of the hints.
pub const SIMILARITY: &str = "AI similarity judgment";
/// Why every table is empty.
pub const NO_STAGE: &str = "No GPU activity was recorded.";

/// What was read, a name and a value each.
pub fn header(triage: &Triage) -> Vec<(&'static str, String)> {
    let mut lines: Vec<(&'static str, String)> =
        triage.traces.iter().map(|entry| ("Trace", trace(entry))).collect();
    lines.push(("GPU", triage.gpu().unwrap_or("unknown").to_owned()));
    let evidence = if triage.framework_evidence.is_empty() {
        String::new()
    } else {
        format!(" ({})", triage.framework_evidence)
    };
    lines.push(("Framework", format!("{}{evidence}", triage.framework)));
    lines.push(("Model", triage.model.clone().unwrap_or_else(|| "unknown".to_owned())));
    if let Some(args) = triage.server_args.as_ref().filter(|args| !args.is_empty()) {
        let args: Vec<String> = args.iter().map(|(key, value)| format!("{key}={value}")).collect();
        lines.push(("Server arguments", args.join(", ")));
    }
    for stage in &triage.stages {
        lines.push(("Steps", steps(stage)));
    }
    lines
}

fn trace(entry: &TraceEntry) -> String {
    let mapping = if entry.part == "mapping" { ", source lines only" } else { "" };
    format!("{} (rank {}, {}{mapping})", entry.path, entry.rank, count(entry.activities, "GPU activity"))
}

fn steps(stage: &StageTriage) -> String {
    let totals = &stage.steps;
    let found = match totals.found_by {
        FoundBy::Annotation => "found by annotations",
        FoundBy::GraphLaunch => "found by graph launches",
        FoundBy::Period => "found by the period of the kernels",
        FoundBy::None => "not told apart: the whole capture counts as one",
    };
    let named = match stage.stage_evidence {
        StageEvidence::Annotation => "stage named by the server",
        StageEvidence::Directory => "stage named by the path",
        StageEvidence::Inferred => "stage inferred from the kernels",
        StageEvidence::None => "stage unknown",
    };
    format!(
        "{}: {} ({found}; {named}), {} launches and {} busy per step",
        stage.stage.as_str(),
        count(totals.count, "step"),
        launches(totals.activities_per_step),
        time(totals.busy_per_step_ns),
    )
}

/// What the overlap table rests on.
pub fn overlap_evidence(mode: Mode) -> &'static str {
    match mode {
        Mode::SingleTrace => {
            "Overlap was read from a single trace, which is conservative; a mapping and formal pair tells more."
        }
        Mode::MappingFormal => "Overlap was read from a mapping and formal pair.",
    }
}

/// One defect of the capture.
pub fn health(entry: &HealthEntry) -> String {
    if entry.detail.is_empty() {
        format!("{}: {}", entry.code, entry.count)
    } else {
        format!("{}: {} ({})", entry.code, entry.count, entry.detail)
    }
}

/// Why the overlap table is empty.
pub fn no_overlap(min_share: f64) -> String {
    format!("No kernel at or above {} % of GPU time could be overlapped or is.", digits3(min_share))
}

/// Why the fuse table is empty.
pub fn no_path(below: u64, min_share: f64) -> String {
    if below == 0 {
        "No fused or overlapped path that profgate knows concerns this capture.".to_owned()
    } else {
        format!("No known path concerns {} % of GPU time or more; {below} concern less.", digits3(min_share))
    }
}

/// By whom a kernel is hidden.
pub fn hidden_by(row: &OverlapRow) -> String {
    let parts: Vec<String> =
        row.hidden_by.iter().map(|by| format!("{} {}", by.role.as_str(), time(by.ns))).collect();
    parts.join(", ")
}

/// Names in backticks, at most three.
pub fn quoted(names: &[String]) -> String {
    let mut parts: Vec<String> =
        names.iter().take(3).map(|name| format!("`{}`", name.replace('`', "'"))).collect();
    let more = names.len().saturating_sub(3);
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    parts.join(", ")
}

/// What switches a path, where its code is, and which pull requests carry it.
pub fn switches(row: &PathRow) -> String {
    let mut parts = Vec::new();
    for (what, names) in [
        ("on with", &row.flags.on),
        ("off with", &row.flags.off),
        ("code", &row.source_paths),
        ("pull request", &row.pr),
    ] {
        if !names.is_empty() {
            parts.push(format!("{what} {}", quoted(names)));
        }
    }
    parts.join("; ")
}
