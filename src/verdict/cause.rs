//! What changed around a finding and may explain it. What did not change is no cause, so a finding whose
//! surroundings are as they were has none.

use super::code::{Code, Kind};
use super::finding::Finding;
use crate::triage::paths::PathCatalog;
use crate::triage::{StageTriage, Triage};

/// One thing that differs between the recorded captures and this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Such as `runtime`, or a server argument as the server spells it.
    pub what: String,
    /// Before; `None` when it was not set.
    pub before: Option<String>,
    /// Now; `None` when it is not set.
    pub after: Option<String>,
}

impl Difference {
    fn in_words(&self) -> String {
        let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
        format!("{}: {} → {}", self.what, side(&self.before), side(&self.after))
    }
}

/// Everything that is known to have changed besides the kernels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Around {
    /// Arguments of the server.
    pub server_args: Vec<Difference>,
    /// Versions of runtime, driver and engine.
    pub versions: Vec<Difference>,
    /// Files that the change under test touches, as the user names them.
    pub changed_files: Vec<String>,
}

/// Lines of one kind that a finding shows; the rest is in the report's list of differences.
const MOST_LINES: usize = 5;

/// Adds to each finding what changed around it.
pub fn attach(findings: &mut [Finding], around: &Around, rank: Option<&Triage>) {
    for finding in findings.iter_mut().filter(|finding| finding.code.kind() != Kind::Doubt) {
        let stage = finding.stage.and_then(|stage| rank?.stage(stage));
        finding.cause = causes(finding, around, stage);
    }
}

fn causes(finding: &Finding, around: &Around, stage: Option<&StageTriage>) -> Vec<String> {
    let mut lines = Vec::new();
    let paths = paths_of(finding, stage);
    let mut rest = Vec::new();
    for argument in &around.server_args {
        match paths.iter().find(|path| path.has_flag(&argument.what)) {
            Some(path) => {
                lines.push(format!("server argument {}, which switches `{}`", argument.in_words(), path.id))
            }
            None => rest.push(format!("server argument {}", argument.in_words())),
        }
    }
    // A flag that switches this very path explains it; the other arguments only may.
    rest.truncate(MOST_LINES);
    lines.extend(rest);
    let touched = touched(finding, &paths, stage, &around.changed_files);
    lines.extend(touched.into_iter().take(MOST_LINES));
    // The common movement of all kernels is of the machine, not of the engine's files.
    lines.extend(
        around.versions.iter().take(MOST_LINES).map(|version| format!("version of {}", version.in_words())),
    );
    lines
}

/// A catalog path that a finding is about.
struct ConcernedPath {
    id: String,
    flags: Vec<String>,
    sources: Vec<String>,
}

impl ConcernedPath {
    /// Whether a server argument is one of the path's flags, however each spells it.
    fn has_flag(&self, argument: &str) -> bool {
        self.flags.iter().any(|flag| {
            let flag = flag_key(flag);
            let argument = flag_key(argument);
            flag == argument
                || opposite(&flag) == Some(argument.as_str())
                || opposite(&argument) == Some(flag.as_str())
        })
    }
}

/// `--enable-x=1` and `PassConfig.enable_x` as `enable_x`.
fn flag_key(flag: &str) -> String {
    let word = flag.split_whitespace().next().unwrap_or_default();
    let word = word.trim_start_matches('-').split('=').next().unwrap_or_default();
    word.rsplit('.').next().unwrap_or_default().replace('-', "_").to_lowercase()
}

/// `enable_x` of `disable_enable_x`, and the like: a flag that says no.
fn opposite(flag: &str) -> Option<&str> {
    flag.strip_prefix("no_").or_else(|| flag.strip_prefix("disable_"))
}

/// The path of the finding's subject, and those whose kernels it names.
fn paths_of(finding: &Finding, stage: Option<&StageTriage>) -> Vec<ConcernedPath> {
    let rows = stage.map(|stage| stage.paths.as_slice()).unwrap_or_default();
    let is_concerned = |kernels: &[String]| {
        kernels.iter().any(|kernel| *kernel == finding.subject || finding.kernels.contains(kernel))
    };
    let mut paths: Vec<ConcernedPath> = rows
        .iter()
        .filter(|row| row.path == finding.subject || is_concerned(&row.evidence))
        .map(|row| ConcernedPath {
            id: row.path.clone(),
            flags: row.flags.on.iter().chain(&row.flags.off).cloned().collect(),
            sources: row.source_paths.clone(),
        })
        .collect();
    // A path that left no trace has no row; the catalog knows it all the same.
    if paths.iter().all(|path| path.id != finding.subject)
        && let Some(entry) = PathCatalog::builtin().ok().and_then(|catalog| catalog.entry(&finding.subject))
    {
        paths.push(ConcernedPath {
            id: finding.subject.clone(),
            flags: entry.flags.on.iter().chain(&entry.flags.off).cloned().collect(),
            sources: entry.source_paths.clone(),
        });
    }
    paths
}

/// Changed files that hold the code of a path or a kernel concerned.
fn touched(
    finding: &Finding,
    paths: &[ConcernedPath],
    stage: Option<&StageTriage>,
    changed: &[String],
) -> Vec<String> {
    // Time that the machine took says nothing about files.
    if changed.is_empty() || finding.code == Code::EnvironmentDrift {
        return Vec::new();
    }
    let rows = stage.map(|stage| stage.kernels.as_slice()).unwrap_or_default();
    let concerned =
        rows.iter().filter(|row| row.kernel == finding.subject || finding.kernels.contains(&row.kernel));
    let mut sources: Vec<(String, String)> = paths
        .iter()
        .flat_map(|path| {
            path.sources.iter().map(|source| (source.clone(), format!("the code of `{}`", path.id)))
        })
        .collect();
    sources.extend(concerned.flat_map(|row| {
        row.sites.iter().map(|site| (site.path.clone(), format!("what launches `{}`", row.kernel)))
    }));
    let mut lines = Vec::new();
    for file in changed {
        if let Some((_, what)) = sources.iter().find(|(source, _)| is_same_file(source, file)) {
            lines.push(format!("this change touches {file}, {what}"));
        }
    }
    lines
}

/// Whether two paths name one file or the folder around it, wherever their roots are.
fn is_same_file(source: &str, changed: &str) -> bool {
    let parts = |path: &str| -> Vec<String> {
        path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
    };
    let (source, changed) = (parts(source), parts(changed));
    let (short, long) = if source.len() <= changed.len() { (&source, &changed) } else { (&changed, &source) };
    if short.is_empty() {
        return false;
    }
    // A bare name such as `utils.py` is in every folder.
    let is_enough = short.len() >= 2 || short.len() == long.len();
    let is_folder = short == &source && !short.last().is_some_and(|name| name.contains('.'));
    is_enough
        && (long.ends_with(short)
            || (is_folder && long.windows(short.len()).any(|part| part == short.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> Around {
        let difference = |what: &str, before: Option<&str>, after: Option<&str>| Difference {
            what: what.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        Around {
            server_args: vec![
                difference("max_running_requests", Some("64"), Some("128")),
                difference("enable_flashinfer_allreduce_fusion", Some("true"), None),
            ],
            versions: vec![difference("runtime", Some("cuda 12.8"), Some("cuda 13.0"))],
            changed_files: vec![
                "docs/readme.md".to_owned(),
                "python/sglang/srt/layers/layernorm.py".to_owned(),
            ],
        }
    }

    #[test]
    fn nothing_changed_around_it_is_no_cause() {
        let mut findings = [Finding::new(Code::PathMissing, "fused-residual-add-rmsnorm", "m")];
        attach(&mut findings, &Around::default(), None);
        assert_eq!(findings[0].cause, Vec::<String>::new());
    }

    #[test]
    fn the_flag_that_switches_the_path_stands_first() {
        let mut findings = [
            Finding::new(Code::PathMissing, "flashinfer-unified-allreduce-fusion", "m"),
            Finding::new(Code::CaptureEmpty, "f", "m"),
        ];
        attach(&mut findings, &around(), None);
        let cause = &findings[0].cause;
        assert_eq!(
            cause[0],
            "server argument enable_flashinfer_allreduce_fusion: true → not set, which switches `flashinfer-unified-allreduce-fusion`"
        );
        assert!(cause.contains(&"server argument max_running_requests: 64 → 128".to_owned()));
        assert!(cause.contains(&"version of runtime: cuda 12.8 → cuda 13.0".to_owned()));
        assert!(findings[1].cause.is_empty(), "a doubt about a file has no cause in the server");
    }

    #[test]
    fn a_change_that_touches_the_code_of_a_path_is_marked() {
        let mut findings = [Finding::new(Code::PathMissing, "fused-residual-add-rmsnorm", "m")];
        attach(&mut findings, &around(), None);
        let marked: Vec<&String> = findings[0].cause.iter().filter(|line| line.contains("touches")).collect();
        assert_eq!(
            marked,
            [
                "this change touches python/sglang/srt/layers/layernorm.py, the code of `fused-residual-add-rmsnorm`"
            ]
        );
    }

    #[test]
    fn files_are_the_same_wherever_their_roots_are() {
        assert!(is_same_file("sglang/srt/layers/layernorm.py", "python/sglang/srt/layers/layernorm.py"));
        assert!(is_same_file("python/sglang/srt/a.py", "sglang/srt/a.py"));
        assert!(is_same_file("vllm/compilation/passes", "vllm/compilation/passes/pass_manager.py"));
        assert!(!is_same_file("vllm/layers/utils.py", "sglang/srt/utils.py"));
        assert!(!is_same_file("utils.py", "sglang/srt/utils.py"));
        assert!(!is_same_file("", "a.py") && !is_same_file("a.py", ""));
    }

    #[test]
    fn flags_are_the_same_however_they_are_spelt() {
        assert_eq!(flag_key("--enable-fused-moe=1"), flag_key("enable_fused_moe"));
        assert_eq!(flag_key("PassConfig.fuse_act_quant"), "fuse_act_quant");
        assert_eq!(opposite("disable_cuda_graph"), Some("cuda_graph"));
    }
}
