//! `docs/quick-start.md`, done as a reader would: each line in a shell, with the exit code that the page names.

use std::path::Path;
use std::process::Command;

use crate::support::Scratch;

/// The lines of every `sh` block of a page; a text in quotes may span several.
fn shell_lines(page: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut is_shell = false;
    for line in page.lines() {
        match line {
            "```sh" => is_shell = true,
            "```" => is_shell = false,
            _ if is_shell => match lines.last_mut() {
                Some(open) if open.matches('"').count() % 2 == 1 => *open = format!("{open}\n{line}"),
                _ => lines.push(line.to_owned()),
            },
            _ => {}
        }
    }
    lines
}

#[test]
fn each_line_of_the_quick_start_does_what_the_page_says() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/quick-start.md")).unwrap();
    let lines = shell_lines(&page);
    assert!(lines.len() > 15, "the page has {} lines of shell", lines.len());

    // One shell, as the reader has one: each line leaves its exit code behind.
    let mut script = String::from("set -u\n");
    for line in &lines {
        script.push_str(line);
        script.push_str("\necho \"exit code $?\" >>\"$CODES\"\n");
    }
    let scratch = Scratch::new("quick-start");
    let codes = scratch.path("codes");
    let program = Path::new(env!("CARGO_BIN_EXE_profgate")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(scratch.path(""))
        .env("PATH", path)
        .env("CODES", &codes)
        .env("HOME", scratch.path(""))
        .env_remove("GITHUB_ACTIONS")
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);

    let codes = std::fs::read_to_string(codes).unwrap();
    let codes: Vec<&str> = codes.lines().collect();
    assert_eq!(codes.len(), lines.len(), "{said}");
    for (line, code) in lines.iter().zip(codes) {
        let wanted =
            line.find("# exit code ").and_then(|at| line.get(at + 2..at + 13)).unwrap_or("exit code 0");
        assert_eq!(code, wanted, "`{line}` in:\n{said}");
    }
    let comment = said.rsplit("structure-costlier").next().unwrap_or_default();
    assert!(said.contains("path-missing") && said.contains("<!-- profgate:v1"), "{comment}");
}
