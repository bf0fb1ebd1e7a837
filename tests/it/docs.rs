//! What the documentation promises is what the code does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use profgate::capture::Fault;
use profgate::trace::HealthCode;
use profgate::verdict::{Code, Outcome, Thresholds, exit_code};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page a reader may land on.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from).into();
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            pages.push(Path::new("docs").join(name));
        }
    }
    pages.sort();
    pages
}

/// The pages that are made from the catalog.
fn catalog_pages() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("docs/catalog")).unwrap();
    entries.map(|entry| Path::new("docs/catalog").join(entry.unwrap().file_name())).collect()
}

/// The lines of a page that are no code, with fences left out.
fn prose(text: &str) -> Vec<&str> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push(line);
        }
    }
    lines
}

fn headings(text: &str) -> Vec<String> {
    let heading = |line: &str| {
        let text = line.trim_start_matches('#');
        (text.len() < line.len() && text.starts_with(' ')).then(|| text.trim().to_owned())
    };
    prose(text).into_iter().filter_map(heading).collect()
}

/// The fragment that GitHub gives a heading.
fn fragment(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_')
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The cells of each row of the tables in a text, backticks removed; dividers left out.
fn rows(text: &str) -> Vec<Vec<String>> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix('|')?.strip_suffix('|'))
        .map(|row| row.split('|').map(|cell| cell.trim().replace('`', "")).collect::<Vec<String>>())
        .filter(|row| !row.iter().all(|cell| cell.chars().all(|c| c == '-' || c == ':')))
        .collect()
}

/// The part of a page below the heading of this name, up to the next heading of the same or a higher level.
fn section(text: &str, name: &str) -> String {
    let mut level = 0;
    let mut found = String::new();
    let mut is_code = false;
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        let depth = if is_code { 0 } else { line.len() - line.trim_start_matches('#').len() };
        if depth > 0 && level > 0 && depth <= level {
            break;
        }
        if level > 0 {
            found.push_str(line);
            found.push('\n');
        } else if depth > 0 && line.trim_start_matches('#').trim() == name {
            level = depth;
        }
    }
    assert!(!found.is_empty(), "no section `{name}`");
    found
}

/// Fenced blocks of one language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// Targets of Markdown links and images, code spans left out.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(text) {
        // Code spans alternate with text; what a span holds is no link.
        let words: String = line.split('`').step_by(2).collect::<Vec<_>>().join("` `");
        links.extend(words.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned));
        if let Some((label, target)) = line.split_once("]: ").filter(|(label, _)| label.starts_with('[')) {
            assert!(!label.is_empty());
            links.push(target.to_owned());
        }
    }
    links
}

#[test]
fn every_code_has_its_heading_in_order() {
    let text = read("docs/findings.md");
    let listed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed, codes);
}

#[test]
fn every_finding_has_its_five_paragraphs_and_its_default_level() {
    let text = read("docs/findings.md");
    for code in Code::ALL {
        let section = section(&text, code.as_str());
        let mut rest = section.as_str();
        for part in ["What it says", "Why it matters", "Example", "How to fix", "How to accept it"] {
            let title = format!("\n**{part}.**");
            let (_, after) = rest
                .split_once(title.as_str())
                .unwrap_or_else(|| panic!("{} lacks `{part}` or has it out of order", code.as_str()));
            rest = after;
        }
        let first = section.trim().lines().next().unwrap();
        let level = format!("`{}` by default", code.default_level().as_str());
        assert!(first.contains(&level), "{}: {first}", code.as_str());
    }
}

#[test]
fn the_two_commands_of_the_readme_are_those_that_ci_runs() {
    let readme = read("README.md");
    assert_eq!(
        blocks(&readme, "sh")[0],
        "cargo run --locked --release -- demo\ncargo test --locked\n",
        "the first block is all that a newcomer types"
    );
    let ci = read(".ci/run");
    assert!(ci.lines().any(|line| line == "cargo test --locked"));
    assert!(ci.lines().any(|line| line.starts_with("cargo run --locked --release -- demo")));
}

#[test]
fn the_pages_list_exactly_the_exit_codes() {
    // 2 is the command line's own: it ends before there is an outcome.
    let mut codes = BTreeSet::from([2]);
    for outcome in [Outcome::Pass, Outcome::Warn, Outcome::NoBaseline, Outcome::Inconclusive, Outcome::Fail] {
        codes.extend([exit_code(outcome, false), exit_code(outcome, true)]);
    }
    assert_eq!(codes, (0..=5).collect());
    for (page, name) in [("README.md", "Exit codes"), ("docs/exit-codes.md", "Exit codes")] {
        let text = read(page);
        let part = section(&text, name);
        let listed: Vec<u8> = rows(&part).iter().filter_map(|row| row[0].parse().ok()).collect();
        assert_eq!(listed, codes.iter().copied().collect::<Vec<_>>(), "{page}");
    }
}

#[test]
fn every_relative_link_and_fragment_resolves() {
    let mut wrong = Vec::new();
    for page in pages().into_iter().chain(catalog_pages()) {
        let text = read(page.to_str().unwrap());
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').map_or((link.as_str(), None), |(p, a)| (p, Some(a)));
            let target = if path.is_empty() {
                root().join(&page)
            } else {
                root().join(page.parent().unwrap()).join(path)
            };
            if !target.exists() {
                wrong.push(format!("{}: {link} does not exist", page.display()));
            } else if let Some(anchor) = anchor {
                let there = std::fs::read_to_string(&target).unwrap();
                if !headings(&there).iter().any(|heading| fragment(heading) == anchor) {
                    wrong.push(format!("{}: {link} has no such heading", page.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_index_lists_every_page_of_the_folder() {
    let listed = links(&read("docs/README.md"));
    for page in pages().iter().filter_map(|page| page.strip_prefix("docs").ok()) {
        let name = page.to_str().unwrap();
        assert!(name == "README.md" || listed.iter().any(|link| link == name), "{name} is not in the index");
    }
}

#[test]
fn the_dependency_table_has_a_row_for_every_module() {
    let lib = read("src/lib.rs");
    let modules: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let table = rows(&section(&read("ARCHITECTURE.md"), "Who may use whom"));
    let listed: BTreeSet<&str> = table.iter().skip(1).map(|row| row[0].as_str()).collect();
    assert_eq!(listed, modules);
    // The test that enforces the order has the same rows.
    let enforced = read("tests/it/architecture.rs");
    let flat: String = enforced.split_whitespace().collect();
    for row in table.iter().skip(1) {
        let allowed: Vec<String> =
            row[1].split(", ").filter(|name| *name != "nothing").map(|name| format!("\"{name}\"")).collect();
        let want = format!("(\"{}\",&[{}", row[0], allowed.join(","));
        assert!(flat.contains(&want), "architecture.rs and ARCHITECTURE.md differ about `{}`", row[0]);
    }
}

#[test]
fn the_thresholds_in_the_method_are_those_in_force() {
    let text = read("docs/method.md");
    let table = rows(&section(&text, "Thresholds"));
    let listed: Vec<(String, f64)> =
        table.iter().skip(1).map(|row| (row[0].clone(), row[1].parse().unwrap())).collect();
    let value = serde_json::to_value(Thresholds::default()).unwrap();
    let in_force = value.as_object().unwrap();
    assert_eq!(listed.len(), in_force.len());
    for (name, number) in listed {
        assert_eq!(in_force[&name].as_f64(), Some(number), "{name}");
    }
}

#[test]
fn every_configuration_shown_is_one_that_the_program_accepts() {
    let mut seen = 0;
    for page in ["README.md", "docs/configuration.md"] {
        let text = read(page);
        for block in blocks(&text, "yaml") {
            let path = Path::new(page);
            if block.contains("scenarios:") {
                profgate::config::parse(block, path).unwrap_or_else(|error| panic!("{page}: {error}"));
                seen += 1;
            } else if block.contains("stages:") {
                profgate::baseline::parse(block, path).unwrap_or_else(|error| panic!("{page}: {error}"));
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 4, "README has one configuration, docs/configuration.md another and a baseline");
}

#[test]
fn every_health_code_is_explained_and_says_whether_it_may_be_judged() {
    let table = rows(&section(&read("docs/report-json.md"), "Health codes"));
    let listed: Vec<(&str, bool)> =
        table.iter().skip(1).map(|row| (row[0].as_str(), row[2].as_str() == "no")).collect();
    let codes: Vec<(&str, bool)> =
        HealthCode::ALL.iter().map(|code| (code.as_str(), code.forbids_judgement())).collect();
    assert_eq!(listed, codes);
}

#[test]
fn the_glossary_is_sorted_and_says_each_word_once() {
    let table = rows(&read("docs/glossary.md"));
    let words: Vec<String> = table.iter().skip(1).map(|row| row[0].to_lowercase()).collect();
    assert!(words.len() > 20);
    for pair in words.windows(2) {
        assert!(pair[0] < pair[1], "`{}` stands before `{}`", pair[0], pair[1]);
    }
}

#[test]
fn the_readme_lists_the_inputs_and_outputs_of_the_action() {
    let action = read("action.yml");
    let keys = |name: &str| -> Vec<String> {
        let start = action.find(&format!("\n{name}:\n")).unwrap();
        action
            .get(start + 1..)
            .unwrap()
            .lines()
            .skip(1)
            .take_while(|line| line.is_empty() || line.starts_with(' '))
            .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
            .filter(|key| !key.starts_with(' '))
            .map(str::to_owned)
            .collect()
    };
    let readme = read("README.md");
    let part = section(&readme, "Use it as a GitHub Action");
    let listed: Vec<String> = rows(&part).into_iter().skip(1).map(|row| row[0].clone()).collect();
    assert_eq!(listed, keys("inputs"));
    for output in keys("outputs") {
        assert!(part.contains(&format!("`{output}`")), "{output} is not in the README");
    }
}

/// The long options of a command, as they are typed.
fn options_of(command: &clap::Command) -> BTreeSet<String> {
    command.get_arguments().filter_map(|arg| arg.get_long()).map(|long| format!("--{long}")).collect()
}

#[test]
fn every_command_shown_has_only_options_that_exist() {
    let program = profgate::cli::command();
    let global = options_of(&program);
    for page in pages() {
        let text = read(page.to_str().unwrap());
        for line in blocks(&text, "sh").into_iter().flat_map(str::lines) {
            let Some(rest) = line.strip_prefix("profgate ") else { continue };
            let mut command = &program;
            let mut words = rest.split_whitespace().peekable();
            while let Some(next) = words.peek().and_then(|word| command.find_subcommand(word)) {
                command = next;
                words.next();
            }
            assert_ne!(command.get_name(), program.get_name(), "{}: {line}", page.display());
            let known = options_of(command);
            for option in words.filter(|word| word.starts_with("--")) {
                let name = option.split('=').next().unwrap_or(option);
                assert!(known.contains(name) || global.contains(name), "{}: {line}", page.display());
            }
        }
    }
}

/// Every `.rs` file below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_known_mistake_names_tests_that_exist() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("tests"), &mut files);
    let code: String = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let page = read("docs/mistakes.md");
    let known = rows(&page);
    let known: Vec<&Vec<String>> = known.iter().filter(|row| row[0].starts_with("W-")).collect();
    assert!(known.len() >= 61, "{} rows", known.len());
    for row in known {
        let tests: Vec<&str> = row[2].split(", ").collect();
        for test in tests {
            assert!(code.contains(&format!("fn {test}()")), "{}: there is no test {test}", row[0]);
        }
    }
}

#[test]
fn every_answer_of_a_server_is_explained_as_the_program_explains_it() {
    let text = read("docs/live-servers.md");
    let table = rows(&section(&text, "What a server may answer"));
    let listed: Vec<(&str, &str)> =
        table.iter().skip(1).map(|row| (row[0].as_str(), row[1].as_str())).collect();
    let told: Vec<(&str, &str)> = Fault::ALL.iter().map(|fault| (fault.text(), fault.advice())).collect();
    assert_eq!(listed, told);
}

#[test]
fn every_key_of_a_server_is_in_the_table() {
    let text = read("docs/configuration.md");
    let listed: BTreeSet<String> = rows(&section(&text, "server"))
        .iter()
        .skip(1)
        .flat_map(|row| row[0].split(", ").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let schema: serde_json::Value = serde_json::from_str(&read("schemas/config.json")).unwrap();
    let keys = |name: &str| {
        let properties = &schema["$defs"][name]["properties"];
        properties.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let workload = keys("ConfigWorkload").into_iter().map(|key| format!("workload.{key}"));
    let known: BTreeSet<String> =
        keys("ConfigServer").into_iter().filter(|key| key != "workload").chain(workload).collect();
    assert_eq!(listed, known);
}
