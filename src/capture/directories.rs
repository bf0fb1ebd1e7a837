//! Where a server writes and where this machine reads it: two names of one directory.

use std::fs;
use std::path::{Path, PathBuf};

use super::address::Address;
use super::fault::Failure;
use super::framework::Framework;
use super::options::CaptureOptions;

/// One directory under its two names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// What the server is told; `None` when the engine takes no directory.
    pub server: Option<String>,
    /// What this machine looks at.
    pub local: PathBuf,
    /// A warning for the user.
    pub warning: Option<String>,
}

/// Decides and prepares the directories of one profile. `folder` is where the traces shall be in the end.
pub fn prepare(
    options: &CaptureOptions,
    framework: Framework,
    profiler: &Address,
    unique: &str,
    folder: &Path,
) -> Result<Directories, Failure> {
    if !framework.takes_output_dir() {
        let where_to = format!(
            "{framework} was told at its own start, by --profiler-config.torch_profiler_dir, and does not say"
        );
        let local = fixed(options, &where_to)?;
        return Ok(Directories { server: options.server_dir.clone(), local, warning: None });
    }
    let (server, local) = match (&options.server_dir, &options.local_dir) {
        (Some(server), local) => (server.clone(), local.clone().unwrap_or_else(|| PathBuf::from(server))),
        (None, Some(local)) => (absolute(local)?, local.clone()),
        (None, None) if profiler.is_loopback() => {
            // A folder of its own: a profile whose client was killed may still be written, and must not get in here.
            let local = create(&folder.join(unique.replace('/', "-")))?;
            return Ok(Directories {
                server: Some(absolute(&local)?),
                local,
                warning: warning(framework, folder),
            });
        }
        (None, None) => {
            return Err(Failure::usage(
                "where shall the server write?",
                format!("{profiler} is another machine, and no directory is shared with it"),
                "name a directory that both see: --server-dir as the server sees it, --local-dir as this machine does",
            ));
        }
    };
    present(&local, "create it where both see it, and name it by --server-dir and --local-dir")?;
    let local = create(&local.join(unique))?;
    let server = format!("{}/{unique}", server.trim_end_matches('/'));
    let warning = warning(framework, Path::new(&server));
    Ok(Directories { server: Some(server), local, warning })
}

/// The directory of a server that no request can tell where to write; `where_to` says what it goes by.
pub fn fixed(options: &CaptureOptions, where_to: &str) -> Result<PathBuf, Failure> {
    let dir = options.local_dir.clone().or_else(|| options.server_dir.as_ref().map(PathBuf::from));
    let help = "name that directory, as this machine sees it, with --local-dir";
    let Some(local) = dir else {
        return Err(Failure::usage("where does the server write?", where_to, help));
    };
    present(&local, help)?;
    Ok(local)
}

/// A directory that another machine or container shares is there before a capture: made here, it would be another one.
fn present(dir: &Path, help: &str) -> Result<(), Failure> {
    if dir.is_dir() {
        return Ok(());
    }
    Err(Failure::usage(
        "the server's directory is not here",
        format!("{}: no such directory", dir.display()),
        help,
    ))
}

/// A directory that cannot be looked into.
pub fn unlisted(dir: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        "cannot look into the directory of the traces",
        format!("{}: {error}", dir.display()),
        "check the path and its permissions",
    )
}

/// SGLang ends when it cannot write, and nothing tells before.
fn warning(framework: Framework, dir: &Path) -> Option<String> {
    let ends = match framework {
        Framework::Sglang | Framework::TokenSpeed => true,
        Framework::Vllm | Framework::TensorRtLlm => false,
    };
    ends.then(|| {
        format!(
            "{framework} is told to write to {}; a server that does not see this path, or may not write there, ends: for one in a container name --server-dir and --local-dir",
            dir.display()
        )
    })
}

/// Creates a directory and makes sure that files can be written to it.
fn create(dir: &Path) -> Result<PathBuf, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(
            "cannot prepare the directory for the traces",
            format!("{}: {error}", dir.display()),
            "check the path and its permissions",
        )
    };
    fs::create_dir_all(dir).map_err(failed)?;
    let probe = dir.join(".profgate-probe");
    fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).map_err(failed)?;
    Ok(dir.to_owned())
}

/// A path from the root on, as text.
fn absolute(dir: &Path) -> Result<String, Failure> {
    let odd = |why: String| {
        Failure::usage(
            "cannot tell the server this path",
            format!("{}: {why}", dir.display()),
            "choose another directory",
        )
    };
    let path = std::path::absolute(dir).map_err(|error| odd(error.to_string()))?;
    let path = fs::canonicalize(&path).unwrap_or(path);
    path.to_str().map(str::to_owned).ok_or_else(|| odd("it is not UTF-8".to_owned()))
}
