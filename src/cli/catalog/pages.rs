//! `profgate catalog pages`: the paths as Markdown, one page a file of the catalog.

use std::fmt::Write;
use std::path::Path;

use super::show;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::common::text::printable;
use crate::publish::files::write_output;
use crate::triage::paths::{Entry, Origin, PathCatalog, PathKind};

/// Writes the pages into a folder.
pub fn write(paths: &PathCatalog, folder: &Path, context: &Context) -> Result<u8, CliError> {
    std::fs::create_dir_all(folder).map_err(|error| CliError::write(folder, &error))?;
    for (name, text) in render(paths) {
        write_output(&folder.join(&name), text.as_bytes())?;
        context.print(&format!("{}\n", folder.join(&name).display()))?;
    }
    Ok(0)
}

const MADE: &str = "<!-- Written by `profgate catalog pages`; change the files in catalogs/ instead. -->";

/// Every page: its file name and its text.
fn render(paths: &PathCatalog) -> Vec<(String, String)> {
    let mut pages = vec![("README.md".to_owned(), index(paths))];
    for topic in paths.topics() {
        let entries: Vec<&Entry> = paths.entries().iter().filter(|entry| entry.file == topic.file).collect();
        if !entries.is_empty() {
            pages.push((page_name(&topic.file), page(paths, &topic.title, &topic.about, &entries)));
        }
    }
    pages.push(("toggles.md".to_owned(), toggles(paths)));
    pages
}

fn page_name(file: &Path) -> String {
    let stem = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    format!("{stem}.md")
}

/// Foreign text as text: it begins no tag, link or line of its own. What stands in backticks stays code.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(&text.replace('\n', " ")).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '[' | ']' | '\\' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// The same for a table that is made: no cell may end the row.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn code(values: &[String]) -> String {
    let quoted = |value: &String| format!("`{}`", printable(value).replace('`', "'"));
    values.iter().map(quoted).collect::<Vec<_>>().join(", ")
}

fn index(paths: &PathCatalog) -> String {
    let entries = paths.entries();
    let number = |of: &dyn Fn(&Entry) -> bool| entries.iter().filter(|entry| of(entry)).count();
    let mut out = format!(
        "{MADE}\n\n# Known paths\n\nThe {} paths that profgate knows, and the {} things that switch them. Kernels tell the \
         state of {}; the others inform. {} are in pull requests that were not merged.\n\n\
         | Page | Paths | Told by kernels | In flight | What it is about |\n|:--|--:|--:|--:|:--|\n",
        entries.len(),
        paths.toggles().len(),
        number(&Entry::claims),
        number(&|entry| entry.origin == Origin::InFlight),
    );
    for topic in paths.topics() {
        let of = |entry: &Entry| entry.file == topic.file;
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "| [{}]({}) | {} | {} | {} | {} |",
            cell(&plain(&topic.title)),
            page_name(&topic.file),
            number(&of),
            number(&|entry| of(entry) && entry.claims()),
            number(&|entry| of(entry) && entry.origin == Origin::InFlight),
            cell(&plain(&topic.about)),
        );
    }
    out.push_str(
        "\n[Toggles](toggles.md) lists what switches them.\n\n## Every path\n\n| Path | What it is | Frameworks | Origin |\n|:--|:--|:--|:--|\n",
    );
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    for entry in sorted {
        let _ = writeln!(
            out,
            "| [`{}`]({}#{}) | {} | {} | {} |",
            entry.id,
            page_name(&entry.file),
            entry.id,
            cell(&plain(&entry.name)),
            entry.frameworks.join(", "),
            entry.origin.as_str(),
        );
    }
    out
}

fn page(paths: &PathCatalog, title: &str, about: &str, entries: &[&Entry]) -> String {
    let mut out = format!(
        "{MADE}\n\n# {}\n\n{}\n\n| Path | What it does | Frameworks | Origin | Told by | Switched by |\n|:--|:--|:--|:--|:--|:--|\n",
        plain(title),
        plain(about),
    );
    for entry in entries {
        let switches: Vec<String> = entry.flags.on.iter().chain(&entry.flags.off).cloned().collect();
        let _ = writeln!(
            out,
            "| [`{}`](#{}) | {} | {} | {} | {} | {} |",
            entry.id,
            entry.id,
            cell(&plain(&format!("{}. {}", entry.name, entry.summary))),
            entry.frameworks.join(", "),
            entry.origin.as_str(),
            told_by(entry),
            cell(&code(&switches)),
        );
    }
    for entry in entries {
        let _ =
            write!(out, "\n## {}\n\n{}\n\n", entry.id, plain(&format!("{}. {}", entry.name, entry.summary)));
        for (what, value) in details(paths, entry) {
            if !value.is_empty() {
                let _ = writeln!(out, "- {what}: {value}");
            }
        }
    }
    out
}

fn told_by(entry: &Entry) -> &'static str {
    match (entry.claims(), entry.kind) {
        (true, _) => "kernels",
        (false, PathKind::Overlap) => "lookup, by what it hides",
        (false, PathKind::Fuse) => "lookup",
    }
}

fn details(paths: &PathCatalog, entry: &Entry) -> Vec<(&'static str, String)> {
    let owned = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect::<Vec<String>>();
    let kin: Vec<String> = paths
        .kin(entry)
        .map(|kin| {
            format!("[`{}`]({}#{}) ({})", kin.id, page_name(&kin.file), kin.id, kin.frameworks.join(", "))
        })
        .collect();
    let succeeds: Vec<String> = entry
        .successor_of
        .iter()
        .filter_map(|id| paths.entry(id))
        .map(|other| format!("[`{}`]({}#{})", other.id, page_name(&other.file), other.id))
        .collect();
    let toggles: Vec<String> = paths
        .toggles_of(&entry.id)
        .map(|toggle| format!("{}: {}", code(std::slice::from_ref(&toggle.name)), plain(&toggle.says())))
        .collect();
    vec![
        ("On when these run", code(&owned(paths.on_parts(entry)))),
        ("Split when these run in a row", code(&paths.ladders(entry))),
        ("Only behind", code(&owned(paths.after_parts(entry)))),
        ("May stand between", code(&owned(paths.between_parts(entry)))),
        ("Only where these run", code(&owned(paths.with_parts(entry)))),
        ("Not where these run", code(&owned(paths.unless_parts(entry)))),
        ("Hides", code(&owned(paths.covered_parts(entry)))),
        ("Needs", show::gates(entry).join("; ")),
        ("On with", code(&entry.flags.on)),
        ("Off with", code(&entry.flags.off)),
        ("Toggles", toggles.join(" ")),
        ("The same elsewhere", kin.join(", ")),
        ("Takes over from", succeeds.join(", ")),
        ("Pull request", code(&entry.pr)),
        ("As of", entry.as_of.map_or_else(String::new, |date| date.to_string())),
        ("To check", plain(entry.check.as_deref().unwrap_or_default())),
        ("Code", code(&entry.source_paths)),
        ("Symbols", code(&entry.symbols)),
    ]
}

fn toggles(paths: &PathCatalog) -> String {
    let mut out = format!(
        "{MADE}\n\n# Toggles\n\nWhat switches paths, or changes what they look like.\n\n\
         | Toggle | Framework | How it is set | What it does | Paths | Read in |\n|:--|:--|:--|:--|:--|:--|\n"
    );
    for toggle in paths.toggles() {
        let links: Vec<String> = toggle
            .affects
            .iter()
            .filter_map(|id| paths.entry(id))
            .map(|entry| format!("[`{}`]({}#{})", entry.id, page_name(&entry.file), entry.id))
            .collect();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            cell(&code(std::slice::from_ref(&toggle.name))),
            cell(&plain(&toggle.framework)),
            toggle.kind.as_str(),
            cell(&plain(&toggle.says())),
            links.join(", "),
            cell(&code(&toggle.source_paths)),
        );
    }
    out
}
