//! What the tests share: the built program, scratch folders, the corpus of real traces, generated captures.

pub mod fake_forge;
pub mod gate;
pub mod openapi;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use profgate::synth::{self, Workload, presets};

/// A scratch folder that is removed when the test ends.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A fresh folder for the test of this name.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("profgate-test-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A path inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file inside and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Writes a generated capture inside and returns its folder.
    pub fn capture(&self, name: &str, workload: &Workload) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap();
        synth::write_capture(workload, &path).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the program printed and how it ended.
pub struct Run {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs the built program in a folder.
pub fn run_in(folder: &Path, args: &[&str]) -> Run {
    run_with(folder, args, &[])
}

/// Where the program under test remembers what it must not forget, instead of the home of who runs the tests.
pub const STATE: &str = env!("CARGO_TARGET_TMPDIR");

/// Runs the built program in a folder as a CI job with these variables, and none of this machine's.
pub fn run_with(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_profgate"));
    let of_ci = |name: &str| {
        ["GITHUB_", "CI_", "GITLAB_", "GH_"].iter().any(|prefix| name.starts_with(prefix))
            || name == "PROFGATE_TOKEN"
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(of_ci) {
            command.env_remove(name);
        }
    }
    command.env("XDG_STATE_HOME", STATE);
    let output: Output =
        command.args(args).current_dir(folder).envs(variables.iter().copied()).output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the built program here.
pub fn run(args: &[&str]) -> Run {
    run_in(Path::new(env!("CARGO_MANIFEST_DIR")), args)
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The folder of real traces, or `None` with a word about it: they are not part of the repository.
///
/// `docs/corpus.md` lists where each was published.
pub fn corpus(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PROFGATE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("not tested: {} is absent; PROFGATE_CORPUS names the folder of real traces", path.display());
    None
}

/// The one-step capture that most tests break in some way.
pub fn one_step() -> Workload {
    presets::moe_one_step()
}
