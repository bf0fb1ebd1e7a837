//! The words around a capture's tables, the same in text and in Markdown.

use super::unit::{percent, time};
use crate::common::link::DocsUrl;
use crate::common::text::{count, digits3, launches};
use crate::triage::{
    FoundBy, HealthEntry, KernelRow, Kin, Mode, OverlapRow, PathRow, Similarity, Site, StageEvidence,
    StageTriage, TraceEntry, Triage,
};
use crate::verdict::{Code, explained_at};

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
    lines.push(("Model", model(triage)));
    if let Some(args) = triage.server_args.as_ref().filter(|args| !args.is_empty()) {
        let args: Vec<String> = args.iter().map(|(key, value)| format!("{key}={value}")).collect();
        lines.push(("Server arguments", args.join(", ")));
    }
    for stage in &triage.stages {
        lines.push(("Steps", steps(stage)));
    }
    lines
}

fn model(triage: &Triage) -> String {
    match (&triage.model, &triage.model_code) {
        (Some(model), _) => model.clone(),
        (None, Some(code)) => format!("unknown by name; its code is in {code}.py"),
        (None, None) => "unknown".to_owned(),
    }
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

/// What the times of the kernel table are, and how they differ from those of the overlap table.
pub const TIMES: &str = "Total sums all durations. The column of a step is what they add to the busy time of their streams inside steps, so that overlap on one stream counts once. Exclusive is the part of the total during which no other stream of the device ran, hidden is the rest; alone in the overlap table is the exclusive time of a step, overlap on one stream counted once.";

/// Title of the column of places.
pub const LOCATION: &str = "Python location";
/// What stands there when no place is known.
const UNRESOLVED: &str = "unresolved";
/// Places shown of a row.
const PLACES: usize = 2;

/// How places and operators are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// File names alone.
    Short,
    /// Whole paths.
    Whole,
    /// Whole paths, set as code.
    Code,
}

/// Where a row comes from: its largest places, each with its part of the row when there are several.
pub fn location(row: &KernelRow, spelling: Spelling) -> String {
    let rest: f64 = row.sites.iter().skip(PLACES).map(|site| site.share_pct).sum();
    let is_alone = matches!(row.sites.as_slice(), [site] if site.share_pct >= 99.95);
    let mut parts: Vec<String> = row
        .sites
        .iter()
        .take(PLACES)
        .map(|site| {
            if is_alone {
                place(site, spelling)
            } else {
                format!("{} ({})", place(site, spelling), percent(site.share_pct))
            }
        })
        .collect();
    if rest > 0.0 {
        parts.push(format!("{} more ({})", row.sites.len() - PLACES, percent(rest)));
    }
    if parts.is_empty() {
        return UNRESOLVED.to_owned();
    }
    let known: f64 = row.sites.iter().map(|site| site.share_pct).sum();
    if known < 99.95 {
        parts.push(format!("{UNRESOLVED} ({})", percent(100.0 - known)));
    }
    parts.join(", ")
}

fn place(site: &Site, spelling: Spelling) -> String {
    let path = match spelling {
        Spelling::Short => site.path.rsplit('/').next().unwrap_or(&site.path),
        Spelling::Whole | Spelling::Code => &site.path,
    };
    let line = site.line.map_or(String::new(), |line| format!(":{line}"));
    let function = site.function.as_ref().map_or(String::new(), |function| format!(" {function}"));
    let mark = if site.exact { "" } else { "~" };
    format!("{mark}{}", set(&format!("{path}{line}{function}"), spelling))
}

fn set(text: &str, spelling: Spelling) -> String {
    match spelling {
        Spelling::Short | Spelling::Whole => text.to_owned(),
        Spelling::Code => format!("`{}`", text.replace('`', "'")),
    }
}

/// The CPU operators of a row, the two most frequent.
pub fn operators(row: &KernelRow, spelling: Spelling) -> String {
    let mut parts: Vec<String> = row.cpu_ops.iter().take(2).map(|op| set(op, spelling)).collect();
    if row.cpu_ops.len() > 2 {
        parts.push(format!("{} more", row.cpu_ops.len() - 2));
    }
    parts.join(", ")
}

/// What the places of a stage rest on, and how to get those that are missing; a sentence each.
pub fn attribution(stage: &StageTriage, framework: &str) -> Vec<String> {
    let known = &stage.attribution;
    let mut lines: Vec<String> = known.notes.iter().map(|note| format!("Places: {note}.")).collect();
    if known.inexact_pct > 0.0 {
        lines.push(format!(
            "~ marks places that rest on no one-to-one match: {} of GPU time.",
            percent(known.inexact_pct)
        ));
    }
    if known.replayed_pct >= 0.05 {
        lines.push(format!(
            "{} of GPU time ran in graph replays, which name no source line. A run with {}, or the trace of the graph's recording, names them when given by `--mapping`.",
            percent(known.replayed_pct),
            graph_off(framework)
        ));
    }
    lines
}

/// What the overlap table rests on, and how to get a firmer answer.
pub fn overlap_evidence(triage: &Triage) -> String {
    match triage.overlap_evidence {
        Mode::SingleTrace if triage.mode == Mode::MappingFormal => {
            format!("The mapping capture names nothing that ran. {SINGLE} {}", firmer(triage))
        }
        Mode::SingleTrace => format!("{SINGLE} {}", firmer(triage)),
        Mode::MappingFormal => {
            let exact: Vec<String> = triage
                .stages
                .iter()
                .map(|stage| {
                    if !stage.attribution.mapped {
                        return format!("nothing in {} by the mapping capture", stage.stage.as_str());
                    }
                    format!(
                        "{} of GPU time in {} exactly, {} inexactly",
                        percent(stage.attribution.exact_pct),
                        stage.stage.as_str(),
                        percent(stage.attribution.inexact_pct)
                    )
                })
                .collect();
            format!(
                "Overlap was read from a mapping and formal pair: times, streams and neighbours from the formal capture, places in the source from both ({}). Where the mapping capture names places, neighbours from different ones count as independent if no usual data flow joins them.",
                exact.join("; ")
            )
        }
    }
}

/// What a single trace can tell.
const SINGLE: &str = "Overlap was read from a single trace, which is conservative: neighbours are never taken for independent because they come from different places in the source.";

/// How to get a firmer answer than a single trace gives.
fn firmer(triage: &Triage) -> String {
    let is_replayed = triage.stages.iter().any(|stage| stage.attribution.replayed_pct >= 0.05);
    let has_places = triage.stages.iter().any(|stage| stage.attribution.exact_pct >= 0.05);
    if is_replayed {
        format!(
            "For a firmer answer record the same load once more with {}, and name that capture by `--mapping`. It serves to tell kernel, CPU op and Python scope; its times are not used.",
            graph_off(&triage.framework)
        )
    } else if has_places {
        "No graph was replayed, so its places are exact and its times are not those of a run with graphs. For a firmer answer record the same load as it is served, and name this capture by `--mapping` there.".to_owned()
    } else {
        "It has no Python stacks: record the same load once more with them for places in the source."
            .to_owned()
    }
}

/// How a run without graphs is had.
fn graph_off(framework: &str) -> &'static str {
    match framework {
        "vllm" => "`--enforce-eager` (SGLang: `--disable-cuda-graph --disable-piecewise-cuda-graph`)",
        "sglang" => "`--disable-cuda-graph --disable-piecewise-cuda-graph`",
        _ => {
            "graphs off (SGLang: `--disable-cuda-graph --disable-piecewise-cuda-graph`; vLLM: `--enforce-eager`)"
        }
    }
}

/// Whose hint it is, where it is not profgate's own.
pub fn written_in(hint: &Similarity) -> String {
    hint.by.as_ref().map_or_else(String::new, |file| format!(" (not by profgate: written in {file})"))
}

/// Of which rank the tables of several speak, and how findings differ from them; empty of a capture of one.
pub fn of_one_rank(triage: &Triage) -> String {
    match triage.ranks.as_ref().map_or(0, |compared| compared.ranks.len()) {
        0 | 1 => String::new(),
        all => format!(
            "Times of rank {} of {all}, waiting included. Findings speak for the median over ranks, and of a collective without waiting.\n\n",
            triage.rank()
        ),
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
    format!("No kernel that a step holds reaches {} % of GPU time.", digits3(min_share))
}

/// Why the fuse table is empty.
pub fn no_path(below: u64, min_share: f64) -> String {
    if below == 0 {
        "No fused or overlapped path was recognised in this capture.".to_owned()
    } else {
        format!("No known path concerns {} % of GPU time or more; {below} concern less.", digits3(min_share))
    }
}

/// Where else the optimisation of a row is to be had, one sentence; empty when nowhere.
pub fn also(row: &PathRow) -> String {
    let is_merged = |kin: &&Kin| kin.origin == "mainline" || kin.origin == "upstream";
    let mut owners: Vec<String> = Vec::new();
    for kin in row.also.iter().filter(is_merged) {
        if !owners.contains(&owner(kin)) {
            owners.push(owner(kin));
        }
    }
    let mut parts: Vec<String> = Vec::new();
    for whose in &owners {
        let of = || row.also.iter().filter(is_merged).filter(|kin| owner(kin) == *whose);
        let paths: Vec<String> = of()
            .map(|kin| match &kin.is_for {
                Some(other) => format!("{} for {other}", kin.path),
                None => kin.path.clone(),
            })
            .collect();
        // The catalog knows no releases; what brought a path in is its pull request.
        let since = of().map(|kin| kin.pr.join(", ")).find(|pr| !pr.is_empty());
        let since = since.map_or_else(String::new, |pr| format!(" since {pr}"));
        parts.push(format!("{whose} has it{since} ({})", paths.join(", ")));
    }
    for kin in row.also.iter().filter(|kin| kin.origin == "in-flight") {
        let other = kin.is_for.as_ref().map_or_else(String::new, |other| format!(" for {other}"));
        parts.push(format!("in flight for {} ({}{other})", owner(kin), kin.pr.join(", ")));
    }
    let told = row.also.iter().filter(|kin| is_merged(kin) || kin.origin == "in-flight");
    if let Some(oldest) = told.filter_map(|kin| kin.as_of.as_ref()).min() {
        parts.push(format!("as of {oldest}"));
    }
    parts.join("; ")
}

fn owner(kin: &Kin) -> String {
    let name = |framework: &String| match framework.as_str() {
        "sglang" => "SGLang",
        "vllm" => "vLLM",
        "trtllm" => "TensorRT-LLM",
        "tokenspeed" => "TokenSpeed",
        _ => "a library",
    };
    kin.frameworks.iter().map(name).collect::<Vec<_>>().join(" and ")
}

/// What was searched before anything is called new, and what is; a sentence each.
pub fn news(triage: &Triage) -> Vec<String> {
    let searched = triage.searched;
    let all = format!(
        "{} of the fusion catalog and {} of the overlap catalog, {} in flight among them",
        count(searched.fusions, "path"),
        searched.overlaps,
        searched.in_flight
    );
    if triage.unlisted.is_empty() {
        return vec![format!("Nothing is called new; {all}, were searched.")];
    }
    let mut lines: Vec<String> = triage
        .unlisted
        .iter()
        .map(|row| {
            format!(
                "New in {}: {} in a row, {} a step, {} of GPU time. No catalog entry fits.",
                row.stage.as_str(),
                row.kernels.join(" → "),
                row.per_step,
                percent(row.share_pct)
            )
        })
        .collect();
    lines.push(format!("Before that, {all}, were searched."));
    lines
}

/// How likely a kernel's neighbours depend on it, and how many of its instances say so.
pub fn risk(row: &OverlapRow) -> String {
    let of = row.neighbours;
    let all = of.dependent + of.unclear + of.free;
    format!("{} ({} of {all} dependent, {} unclear)", row.dependency_risk, of.dependent, of.unclear)
}

/// Where a code is explained: at an address, or where no address is known by the program and in its own pages.
pub fn explanation(code: Code, docs: Option<&DocsUrl>) -> String {
    match docs {
        Some(docs) => docs.of(code.as_str()),
        None => format!("profgate explain {}, or {} of profgate", code.as_str(), explained_at(code)),
    }
}

/// The same for all codes that are shown, a sentence.
pub fn explained(codes: &[Code]) -> String {
    let headings: Vec<String> = codes.iter().map(|code| format!("`{}`", explained_at(*code))).collect();
    let code = codes.first().map_or("CODE", |code| code.as_str());
    format!("Explained: `profgate explain {code}`, or in profgate's pages: {}.", headings.join(", "))
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
