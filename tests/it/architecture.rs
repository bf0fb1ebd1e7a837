//! The folders under `src/` keep their order: a stage uses only what stands before it.

use std::path::{Path, PathBuf};

/// The modules, each with those that it may use.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("common", &[]),
    ("source", &["common"]),
    ("trace", &["common", "source"]),
    ("triage", &["common", "source", "trace"]),
    ("baseline", &["common", "source", "trace", "triage"]),
    ("verdict", &["common", "source", "trace", "triage", "baseline"]),
    ("report", &["common", "source", "trace", "triage", "baseline", "verdict"]),
    ("publish", &["common", "source", "trace", "triage", "baseline", "verdict", "report"]),
    ("capture", &["common", "source", "trace", "triage"]),
    ("config", &["common", "verdict"]),
    ("synth", &["common"]),
    ("run", &["common", "source", "trace", "triage", "baseline", "verdict", "report", "publish", "synth"]),
    (
        "cli",
        &[
            "common", "source", "trace", "triage", "baseline", "verdict", "report", "publish", "capture",
            "config", "run", "synth",
        ],
    ),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Modules of this crate that a line of code names by `crate::…`, comments left out.
fn used_modules(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or_default();
    code.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default().split(',').map(str::to_owned).collect(),
            None => vec![rest.to_owned()],
        })
        .map(|path| path.trim().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect())
        .filter(|module: &String| !module.is_empty())
        .collect()
}

#[test]
fn no_stage_uses_a_later_one() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (module, allowed) in MAY_USE {
        for path in sources(&src.join(module)) {
            let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
            let text = std::fs::read_to_string(&path).unwrap();
            // What a module's own tests use is no part of the flow.
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            for (number, line) in code.lines().enumerate().filter(|_| !is_test) {
                for used in used_modules(line) {
                    if used != module && !allowed.contains(&used.as_str()) {
                        wrong.push(format!("{}:{}: {module} uses {used}", path.display(), number + 1));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_place() {
    let lib = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for line in lib.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        let module = line.trim_end_matches(';');
        assert!(MAY_USE.iter().any(|(name, _)| *name == module), "{module} has no row in MAY_USE");
    }
}

#[test]
fn the_scan_sees_what_it_must() {
    assert_eq!(used_modules("use crate::verdict::Finding;"), ["verdict"]);
    assert_eq!(used_modules("let x = crate::report::json::check(&crate::run::y);"), ["report", "run"]);
    assert_eq!(used_modules("use crate::{trace, triage::Stage};"), ["trace", "triage"]);
    assert!(used_modules("// crate::verdict").is_empty());
}
