//! What a Python frame's name says: the place in the source, and how much that place tells.
//!
//! Input: a frame's raw name, `path(line): function`. Output: a [`Place`] with one spelling of its path
//! wherever the package is installed, and a [`Kind`]. The knowledge is data (`catalogs/frames.yaml`).

use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::common::yaml::{self, Spanned, YamlError};

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Path, from the package's root on.
    pub path: String,
    /// The line that the profiler gives: where the function begins.
    pub line: Option<u32>,
    /// The function.
    pub function: Option<String>,
}

impl Place {
    /// Path and line: `model.py:12`.
    pub fn at(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.path),
            None => self.path.clone(),
        }
    }
}

/// How much a frame tells of a kernel's origin; the greatest on the stack wins, the innermost of its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Nothing: built-ins, the interpreter's own library.
    Noise,
    /// A module's name without a place.
    Module,
    /// Something that only passes the call on.
    Wrapper,
    /// Torch or Triton themselves.
    Torch,
    /// The loop around the model.
    Runner,
    /// A file that a compiler wrote.
    Generated,
    /// Other people's code, the user's own included.
    Library,
    /// The serving engine's code.
    Engine,
    /// What works for itself beside passing calls on: its callers say nothing of that work.
    Own,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RootKind {
    Engine,
    Library,
    Torch,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Root {
    root: String,
    kind: RootKind,
    #[serde(default)]
    shown: Option<String>,
}

/// A function of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Function {
    file: String,
    function: String,
}

/// Which frames tell something.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Frames {
    schema: Spanned<u32>,
    roots: Vec<Root>,
    generated: Vec<String>,
    runners: Vec<String>,
    wrappers: Vec<String>,
    own_work: Vec<Function>,
    wrapper_functions: Vec<String>,
    noise: Vec<String>,
}

const BUILTIN: &str = include_str!("../../../catalogs/frames.yaml");

/// Directories below which a package's own path begins, wherever they are installed.
const PACKAGES: [&str; 2] = ["site-packages", "dist-packages"];

impl Frames {
    /// The catalog that is compiled in.
    pub fn builtin() -> Result<&'static Self, &'static YamlError> {
        static BUILT: LazyLock<Result<Frames, YamlError>> =
            LazyLock::new(|| Frames::from_yaml(BUILTIN, Path::new("catalogs/frames.yaml")));
        BUILT.as_ref()
    }

    /// Exactly this text; `path` labels errors.
    pub fn from_yaml(text: &str, path: &Path) -> Result<Self, YamlError> {
        let frames: Self = yaml::from_str(text, path)?;
        if frames.schema.value != 1 {
            return Err(YamlError::at(path, &frames.schema, "unknown catalog schema")
                .with_help("this version of profgate reads `schema: 1`"));
        }
        Ok(frames)
    }

    /// Reads a frame's name; `None` when it can never say where a kernel comes from.
    pub fn read(&self, name: &str) -> Option<(Place, Kind)> {
        if let Some(module) = name.strip_prefix("nn.Module: ") {
            let path = format!("nn.Module: {}", without_number(module));
            return Some((Place { path, line: None, function: None }, Kind::Module));
        }
        let (raw, line, function) = split(name)?;
        let (path, root) = self.normalise(raw);
        let kind = self.kind(&path, function, root);
        let place = Place { path, line: Some(line), function: Some(function.to_owned()) };
        (kind != Kind::Noise).then_some((place, kind))
    }

    fn kind(&self, path: &str, function: &str, root: Option<RootKind>) -> Kind {
        let is_in = |list: &[String]| list.iter().any(|one| begins(path, one));
        if path.starts_with('<') || !path.ends_with(".py") || is_in(&self.noise) {
            return Kind::Noise;
        }
        if self.generated.iter().any(|mark| path.contains(mark.as_str())) {
            return Kind::Generated;
        }
        if self.own_work.iter().any(|one| one.file == path && one.function == function) {
            return Kind::Own;
        }
        if is_in(&self.wrappers) || self.wrapper_functions.iter().any(|one| one == function) {
            return Kind::Wrapper;
        }
        if is_in(&self.runners) {
            return Kind::Runner;
        }
        match root {
            Some(RootKind::Engine) => Kind::Engine,
            Some(RootKind::Torch) => Kind::Torch,
            Some(RootKind::Library) | None => Kind::Library,
        }
    }

    /// A path from its package's root on, and what that root is.
    ///
    /// The search goes from the right: `/srv/vllm/.venv/lib/python3.12/site-packages/torch/nn/…` is torch. What
    /// lies below `site-packages` begins with its package; elsewhere the last directory that is a root decides.
    fn normalise(&self, raw: &str) -> (String, Option<RootKind>) {
        let slashes = raw.replace('\\', "/");
        let parts: Vec<&str> = slashes.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let installed = parts.iter().rposition(|part| PACKAGES.contains(part)).or_else(|| {
            let library = parts
                .windows(2)
                .rposition(|pair| matches!(pair, ["lib" | "lib64", python] if is_python(python)))?;
            Some(library + 1)
        });
        let parts = parts.get(installed.map_or(0, |at| at + 1)..).unwrap_or_default();
        let directories = parts.get(..parts.len().saturating_sub(1)).unwrap_or_default();
        let root_named = |name: &str| self.roots.iter().find(|root| root.root == name);
        let found = match installed {
            Some(_) => directories.first().and_then(|first| Some((0, root_named(first)?))),
            None => directories.iter().enumerate().rev().find_map(|(at, name)| Some((at, root_named(name)?))),
        };
        match found {
            Some((at, root)) => {
                let below = parts.get(at + 1..).unwrap_or_default().join("/");
                (format!("{}/{below}", root.shown.as_ref().unwrap_or(&root.root)), Some(root.kind))
            }
            None => (parts.join("/"), None),
        }
    }
}

/// Whether a path is the file or lies in the directory that an entry names.
fn begins(path: &str, entry: &str) -> bool {
    if entry.ends_with('/') { path.starts_with(entry) } else { path == entry }
}

fn is_python(directory: &str) -> bool {
    directory.strip_prefix("python").is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

/// Takes `path(line): function` apart.
fn split(name: &str) -> Option<(&str, u32, &str)> {
    let (before, function) = name.rsplit_once("): ")?;
    let (path, line) = before.rsplit_once('(')?;
    Some((path, line.parse().ok()?, function))
}

/// Two instances of a class are one place.
fn without_number(module: &str) -> &str {
    match module.rsplit_once('_') {
        Some((class, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => class,
        Some(_) | None => module,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Option<(String, Kind)> {
        Frames::builtin().unwrap().read(name).map(|(place, kind)| (place.path, kind))
    }

    fn known(path: &str, kind: Kind) -> Option<(String, Kind)> {
        Some((path.to_owned(), kind))
    }

    #[test]
    fn a_package_has_one_spelling_wherever_it_is_installed() {
        for root in [
            "/sgl-workspace/sglang/python/",
            "python/",
            "",
            "/usr/lib/python3/dist-packages/",
            "/srv/x/vllm/.venv/lib/python3.12/site-packages/",
            "C:\\src\\",
        ] {
            assert_eq!(
                read(&format!("{root}sglang/srt/models/qwen3.py(41): forward")),
                known("python/sglang/srt/models/qwen3.py", Kind::Engine),
                "{root}"
            );
        }
        let (place, _) = Frames::builtin().unwrap().read("vllm/v1/sample/sampler.py(7): forward").unwrap();
        assert_eq!((place.line, place.function.as_deref()), (Some(7), Some("forward")));
    }

    /// W-27: the package is what lies below `site-packages`, whatever stands before.
    #[test]
    fn a_virtual_environment_inside_an_engine_is_not_the_engine() {
        let venv = "/srv/vllm/.venv/lib/python3.12/";
        assert_eq!(
            read(&format!("{venv}site-packages/torch/nn/modules/linear.py(114): forward")),
            known("torch/nn/modules/linear.py", Kind::Torch)
        );
        assert_eq!(
            read(&format!("{venv}site-packages/mylib/vllm/x.py(1): f")),
            known("mylib/vllm/x.py", Kind::Library)
        );
        assert_eq!(
            read("/srv/vllm/vllm/model_executor/models/llama.py(1): forward"),
            known("vllm/model_executor/models/llama.py", Kind::Engine)
        );
    }

    #[test]
    fn the_interpreters_own_files_are_noise_under_any_path() {
        for name in [
            "threading.py(973): run",
            "/usr/lib/python3.12/threading.py(973): run",
            "/srv/vllm/.venv/lib/python3.12/threading.py(973): run",
            "contextlib.py(81): inner",
            "torch/utils/_contextlib.py(124): decorate_context",
            "/opt/venv/lib/python3.12/site-packages/torch/utils/_contextlib.py(124): decorate_context",
            "<string>(1): launcher",
            "<eval_with_key>.26(4): forward",
            "<frozen importlib._bootstrap>(1): _find",
            "<built-in method mm of type object at 0x7f>",
            "/usr/local/bin/vllm(8): <module>",
            "",
        ] {
            assert_eq!(read(name), None, "{name}");
        }
    }

    #[test]
    fn what_passes_a_call_on_is_worth_less_than_what_makes_it() {
        for name in [
            "torch/nn/modules/module.py(1779): _call_impl",
            "torch/_ops.py(1244): __call__",
            "triton/runtime/jit.py(574): run",
            "/sgl-workspace/triton-custom/python/triton/runtime/jit.py(574): run",
            "vllm/model_executor/parameter.py(122): __torch_function__",
            "vllm/_custom_ops.py(334): fused_add_rms_norm",
            "/w/sglang/python/sglang/srt/model_executor/cuda_graph_runner.py(842): replay",
        ] {
            assert_eq!(read(name).unwrap().1, Kind::Wrapper, "{name}");
        }
        assert_eq!(
            read("/opt/venv/lib/python3.12/site-packages/torch/cuda/graphs.py(86): replay").unwrap().1,
            Kind::Own
        );
        assert_eq!(read("torch/cuda/graphs.py(160): __exit__").unwrap().1, Kind::Wrapper);
        assert_eq!(read("/tmp/torchinductor_root/ys/c.py(232): call").unwrap().1, Kind::Generated);
        assert_eq!(read("vllm/v1/worker/gpu_model_runner.py(1): execute_model").unwrap().1, Kind::Runner);
        assert_eq!(read("train.py(48): train_step"), known("train.py", Kind::Library));
    }

    #[test]
    fn instances_of_a_module_are_one_place() {
        assert_eq!(read("nn.Module: RMSNorm_36"), known("nn.Module: RMSNorm", Kind::Module));
        assert_eq!(read("nn.Module: Block_v2"), known("nn.Module: Block_v2", Kind::Module));
    }

    #[test]
    fn a_typo_in_the_catalog_is_refused() {
        let text = BUILTIN.replace("wrappers:", "wrapers:");
        assert!(Frames::from_yaml(&text, Path::new("frames.yaml")).is_err());
        let text = BUILTIN.replace("schema: 1", "schema: 2");
        assert!(Frames::from_yaml(&text, Path::new("frames.yaml")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_name_panics(name in "[a-z/(): .\\\\<>_0-9]{0,40}|\\PC{0,30}") {
            let _ = Frames::builtin().unwrap().read(&name);
        }
    }
}
