//! The catalog against the facts that it was made from: ids, code, switches and pull requests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::corpus;
use profgate::triage::Catalogs;

fn catalogs() -> Catalogs {
    Catalogs::builtin().unwrap()
}

/// The fact base that the catalog was made from, where it is at hand: beside the corpus, or named.
fn facts() -> Option<String> {
    let path = match std::env::var_os("PROFGATE_CATALOG_FACTS") {
        Some(path) => PathBuf::from(path),
        None => corpus("")?.join("../spec/catalog-facts.yaml"),
    };
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("not tested: {} is absent; PROFGATE_CATALOG_FACTS names the fact base", path.display());
    }
    text
}

/// The fact base, as far as the catalog must hold it.
#[derive(serde::Deserialize)]
struct Facts {
    patterns: Vec<Pattern>,
    toggles: Vec<FactToggle>,
}

#[derive(serde::Deserialize)]
struct Pattern {
    id: String,
    kind: String,
    origin: String,
    pr_state: Option<String>,
    in_registry: bool,
    frameworks: Vec<String>,
    links: Vec<String>,
    source_paths: Vec<String>,
    candidate_path_order: Vec<String>,
    enabled_by: Vec<String>,
    disabled_by: Vec<String>,
    summary: String,
    models: FactModels,
    model_hints: Vec<String>,
}

/// Parts of the names of models that a path is for, and of those that it is not for.
#[derive(serde::Deserialize, Debug, PartialEq, Eq)]
struct FactModels {
    include: Vec<String>,
    exclude: Vec<String>,
}

#[derive(serde::Deserialize)]
struct FactToggle {
    name: String,
    location: Vec<String>,
    affects: Vec<String>,
}

fn fact_base() -> Option<Facts> {
    Some(serde_yaml::from_str(&facts()?).unwrap())
}

/// One thing that is said of an entry: the entry, what kind of thing, the thing.
type Said = BTreeSet<(String, String, String)>;

fn said(id: &str, what: &str, value: &str) -> (String, String, String) {
    (id.to_owned(), what.to_owned(), value.to_owned())
}

/// What the fact base says, in the spelling of the catalog.
fn of_the_facts(facts: &Facts) -> Said {
    let mut all = Said::new();
    for one in &facts.patterns {
        let files = one.source_paths.iter().chain(&one.candidate_path_order);
        // A pull request is no file; it is among the links.
        for file in files.filter(|file| !file.starts_with("PR #")) {
            // vLLM's folders beside its package are sometimes written as if they lay inside.
            let inside = ["csrc/", "docs/", "tests/"]
                .iter()
                .any(|folder| file.strip_prefix("vllm/").is_some_and(|rest| rest.starts_with(folder)));
            let file = if inside { file.strip_prefix("vllm/").unwrap() } else { file };
            let (path, symbol) = file.split_once("::").map_or((file, None), |(path, it)| (path, Some(it)));
            all.insert(said(&one.id, "code", path));
            all.extend(symbol.map(|symbol| said(&one.id, "symbol", symbol)));
        }
        for (what, flags) in [("on", &one.enabled_by), ("off", &one.disabled_by)] {
            for flag in flags {
                // A library is switched by a variable; words behind a name say when.
                let flag = match flag.as_str() {
                    "AITER" => "VLLM_ROCM_USE_AITER",
                    other if other.starts_with("--") => other,
                    other => other.split(' ').next().unwrap(),
                };
                all.insert(said(&one.id, what, flag));
            }
        }
        all.extend(one.links.iter().map(|link| said(&one.id, "pr", link)));
    }
    for toggle in &facts.toggles {
        all.extend(toggle.location.iter().map(|path| said(&toggle.name, "code", path)));
        all.extend(toggle.affects.iter().map(|path| said(&toggle.name, "affects", path)));
    }
    all
}

/// The committed extract of it.
fn extracted() -> Said {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/catalog-facts.txt");
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let [id, what, value] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
            said(id, what, value)
        })
        .collect()
}

/// What the catalog says of its entries.
fn of_the_catalog() -> Said {
    let paths = catalogs().paths;
    let mut all = Said::new();
    for entry in paths.entries() {
        for (what, values) in [
            ("code", &entry.source_paths),
            ("symbol", &entry.symbols),
            ("on", &entry.flags.on),
            ("off", &entry.flags.off),
            ("pr", &entry.pr),
        ] {
            all.extend(values.iter().map(|value| said(&entry.id, what, value)));
        }
    }
    for toggle in paths.toggles() {
        all.extend(toggle.source_paths.iter().map(|path| said(&toggle.name, "code", path)));
        all.extend(toggle.affects.iter().map(|path| said(&toggle.name, "affects", path)));
    }
    all
}

#[test]
fn code_switches_and_pull_requests_of_the_facts_are_in_the_catalog() {
    let (wanted, held) = (extracted(), of_the_catalog());
    assert!(wanted.len() > 500, "{}", wanted.len());
    assert_eq!(wanted.difference(&held).collect::<Vec<_>>(), Vec::<&(String, String, String)>::new());
}

#[test]
fn the_extract_is_that_of_the_fact_base() {
    let Some(facts) = fact_base() else { return };
    let (base, extract) = (of_the_facts(&facts), extracted());
    let none = Vec::<&(String, String, String)>::new();
    assert_eq!(base.difference(&extract).collect::<Vec<_>>(), none, "not extracted");
    assert_eq!(extract.difference(&base).collect::<Vec<_>>(), none, "no fact");
}

#[test]
fn every_fact_is_in_the_catalog_in_our_own_words() {
    let Some(facts) = fact_base() else { return };
    assert_eq!((facts.patterns.len(), facts.toggles.len()), (172, 44));
    let paths = catalogs().paths;
    for fact in &facts.patterns {
        let entry = paths.entry(&fact.id).unwrap_or_else(|| panic!("{} is missing", fact.id));
        assert_eq!(entry.kind.as_str(), fact.kind, "{}", fact.id);
        assert_eq!(entry.pr, fact.links, "{}", fact.id);
        assert_eq!(entry.frameworks, fact.frameworks, "{}", fact.id);
        let is_in_flight = fact.origin == "inflight" && fact.pr_state.as_deref() != Some("closed");
        assert_eq!(entry.origin.as_str() == "in-flight", is_in_flight, "{}", fact.id);
        assert_ne!(entry.summary, fact.summary, "{}", fact.id);
    }
    for fact in &facts.toggles {
        assert!(paths.toggles().iter().any(|toggle| toggle.name == fact.name), "{} is missing", fact.name);
    }
}

/// A gate of the facts is taken as it stands. Where they only hint at models, or say nothing, a gate may be our own.
#[test]
fn models_that_the_facts_name_are_the_gate() {
    let Some(facts) = fact_base() else { return };
    let paths = catalogs().paths;
    let mut own = Vec::new();
    let mut exact = 0;
    for fact in &facts.patterns {
        let gates = &paths.entry(&fact.id).unwrap().gates;
        let held = FactModels { include: gates.models.clone(), exclude: gates.not_models.clone() };
        if fact.models.include.len() + fact.models.exclude.len() > 0 {
            assert_eq!(held, fact.models, "{}", fact.id);
            exact += 1;
        } else if fact.model_hints.is_empty() && held.include.len() + held.exclude.len() > 0 {
            own.push(fact.id.as_str());
        }
    }
    assert!(exact > 0, "the facts have gates");
    // The kernel is built for shapes of these models.
    assert_eq!(own, ["vllm-dsv3-router-gemm"]);
}

/// What a registry of patterns claims, kernels must tell; of these two they cannot, and the entries say why.
#[test]
fn what_was_matched_before_is_told_by_kernels() {
    let Some(facts) = fact_base() else { return };
    let paths = catalogs().paths;
    let silent: Vec<String> = facts
        .patterns
        .into_iter()
        .filter(|fact| fact.in_registry && !paths.entry(&fact.id).unwrap().claims())
        .map(|fact| fact.id)
        .collect();
    assert_eq!(silent, ["tokenspeed-lm-head-gemm", "vllm-dsv32-indexer-projections"]);
}
