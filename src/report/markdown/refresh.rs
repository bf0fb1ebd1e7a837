//! The list of a refresh, for the pull request that brings the new baselines.
//!
//! What was not taken comes first and is called that: a refresh that changes no file is no proof that nothing moved.

mod news;

use std::fmt::Write;

pub use news::title;

use super::{BUDGET, MdCell, MdCode};
use crate::baseline::Looser;
use crate::common::text::{count, printable};
use crate::verdict::{Finding, Level};

/// What became of a baseline's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// It is as it was, to the byte.
    Kept,
    /// It has new numbers.
    Rewritten,
    /// It would have new numbers.
    WouldBeRewritten,
    /// It is as it was, because nothing could be held against it.
    Unheld,
}

/// One scenario of a refresh.
#[derive(Debug, Clone)]
pub struct Refresh<'a> {
    /// Its name.
    pub scenario: &'a str,
    /// The baseline's file.
    pub path: String,
    /// What became of it.
    pub file: File,
    /// The diff of the file, a line each.
    pub taken: Vec<String>,
    /// What the captures still show otherwise than the file, a line each, in the same form.
    pub open: Vec<String>,
    /// Findings that a person accepted.
    pub accepted: &'a [Finding],
    /// Findings that nobody accepted.
    pub held: &'a [Finding],
    /// What of the file accepts more than before.
    pub looser: Looser,
    /// Why nothing could be held against it, and what to do.
    pub failed: Option<String>,
}

/// Whether `check` fails because of a finding: it denies, and no waiver accepts it for now.
pub fn is_failing(finding: &Finding) -> bool {
    finding.level == Level::Deny && finding.waived_by.is_none()
}

/// How much is rendered.
#[derive(Debug, Clone, Copy)]
struct Form {
    taken: bool,
    open: bool,
    findings: usize,
}

/// From everything to little: a host takes no longer text of a pull request.
const FORMS: [Form; 4] = [
    Form { taken: true, open: true, findings: usize::MAX },
    Form { taken: true, open: false, findings: usize::MAX },
    Form { taken: false, open: false, findings: 10 },
    Form { taken: false, open: false, findings: 0 },
];

/// Renders a refresh in at most [`BUDGET`] bytes, if there are not thousands of scenarios.
pub fn refresh(all: &[Refresh<'_>]) -> String {
    let mut text = String::new();
    for form in FORMS {
        text = render(all, form);
        if text.len() <= BUDGET {
            break;
        }
    }
    text
}

fn render(all: &[Refresh<'_>], form: Form) -> String {
    let mut out = news::first_line(all);
    for one in all {
        section(&mut out, one, form);
    }
    out
}

fn section(out: &mut String, one: &Refresh<'_>, form: Form) {
    let path = MdCode::new(&one.path);
    let _ = writeln!(out, "## {}\n", MdCell::new(one.scenario));
    let _ = match (one.file, one.held.is_empty()) {
        (File::Kept, true) => writeln!(out, "{path}: nothing moved beyond noise; the file stays as it is.\n"),
        (File::Kept, false) => writeln!(out, "{path}: what moved was not taken; the file stays as it is.\n"),
        (File::Rewritten, _) => writeln!(out, "{path}: rewritten. {KEPT}\n"),
        (File::WouldBeRewritten, _) => writeln!(out, "{path}: would be rewritten. {KEPT}\n"),
        (File::Unheld, _) => writeln!(out, "{path}: not refreshed; the file stays as it is.\n"),
    };
    if let Some(reason) = &one.failed {
        let _ = writeln!(out, "{}\n", MdCell::new(reason));
    }
    let (failing, others): (Vec<&Finding>, Vec<&Finding>) = one.held.iter().partition(|one| is_failing(one));
    findings(out, "Not taken, because `check` fails it", "- [ ]", &failing, form);
    findings(out, "Not taken, because a person has to accept it", "- [ ]", &others, form);
    findings(out, "Accepted", "- [x]", &one.accepted.iter().collect::<Vec<_>>(), form);
    if matches!(one.file, File::Rewritten | File::WouldBeRewritten) {
        if form.taken {
            diff(out, &one.taken);
        } else {
            let _ = writeln!(out, "The diff of the file is too long to stand here.\n");
        }
    }
    if form.open && !one.held.is_empty() && !one.open.is_empty() {
        let _ = writeln!(out, "<details><summary>What the captures show and the file does not</summary>\n");
        diff(out, &one.open);
        let _ = writeln!(out, "</details>\n");
    }
}

/// What stays.
const KEPT: &str = "Numbers that did not move beyond noise are the old ones.";

fn diff(out: &mut String, lines: &[String]) {
    let _ = writeln!(out, "```diff");
    for line in lines {
        let _ = writeln!(out, "{}", printable(line).replace("```", "\u{2032}\u{2032}\u{2032}"));
    }
    let _ = writeln!(out, "```\n");
}

fn findings(out: &mut String, title: &str, mark: &str, findings: &[&Finding], form: Form) {
    if findings.is_empty() {
        return;
    }
    let _ = writeln!(out, "{title}:\n");
    for finding in findings.iter().take(form.findings) {
        let accept = format!("--accept {}:{}", finding.code.as_str(), finding.subject);
        let message = MdCell::new(&finding.message_in_case());
        let _ = writeln!(out, "{mark} {message} ({})", MdCode::whole(&accept));
    }
    let more = findings.len().saturating_sub(form.findings) as u64;
    if more > 0 {
        let _ = writeln!(out, "- {}, listed by `profgate baseline refresh`", count(more, "more finding"));
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::Loosest;
    use crate::common::text::signed_percent;
    use crate::verdict::Code;

    fn held(code: Code, subject: &str) -> Finding {
        Finding::new(code, subject, format!("`{subject}` is not what it was"))
    }

    fn one(file: File, held: &[Finding]) -> Refresh<'_> {
        Refresh {
            scenario: "decode",
            path: "b.yaml".to_owned(),
            file,
            taken: vec!["!   busy: 5.4 ms → 5.0 ms a step".to_owned()],
            open: vec!["-   fused (norm), 96 a step, 400 µs".to_owned()],
            accepted: &[],
            held,
            looser: Looser::default(),
            failed: None,
        }
    }

    #[test]
    fn a_regression_is_no_quiet_night() {
        let held = [held(Code::PathMissing, "p"), held(Code::EnvironmentDrift, "decode")];
        insta::assert_snapshot!(refresh(&[one(File::Kept, &held)]), @"
        **Regressed**: the captures of 1 of 1 baseline fail `check`. It was not taken, and no promise was loosened. No baseline changes.

        ## decode

        `b.yaml`: what moved was not taken; the file stays as it is.

        Not taken, because `check` fails it:

        - [ ] `p` is not what it was (`--accept path-missing:p`)

        Not taken, because a person has to accept it:

        - [ ] `decode` is not what it was (`--accept environment-drift:decode`)

        <details><summary>What the captures show and the file does not</summary>

        ```diff
        -   fused (norm), 96 a step, 400 µs
        ```

        </details>
        ");
        let drift = refresh(&[one(File::Rewritten, &held[1..]), one(File::Kept, &[])]);
        assert!(drift.starts_with("**For review**: something moved against 1 of 2 baselines. "), "{drift}");
        assert!(drift.contains("1 of 2 baselines with new numbers."), "{drift}");
        let quiet = refresh(&[one(File::Kept, &[])]);
        assert!(quiet.starts_with("Nothing moved beyond noise.\n"), "{quiet}");
    }

    #[test]
    fn looser_numbers_and_baselines_without_captures_are_told_in_the_first_line_and_the_title() {
        let mut loose = one(File::Rewritten, &[]);
        let most =
            Loosest { stage: crate::triage::Stage::Decode, subject: "k`@me".to_owned(), pct: Some(6.2) };
        loose.looser = Looser { numbers: 3, most: Some(most) };
        let mut bare = one(File::Unheld, &[]);
        bare.failed = Some("there are no traces: nowhere; name them".to_owned());
        let all = [loose, bare, one(File::Kept, &[])];
        let text = refresh(&all);
        assert!(
            text.starts_with(
                "**Not refreshed**: nothing could be held against 1 of 3 baselines. **Looser**: 3 numbers of 1 baseline accept more than before, most of all "
            ),
            "{text}"
        );
        assert!(
            text.contains(&format!(
                " in decode ({}). 1 of 3 baselines with new numbers.\n",
                signed_percent(6.2)
            )),
            "{text}"
        );
        assert!(
            text.contains(
                "`b.yaml`: not refreshed; the file stays as it is.\n\nthere are no traces: nowhere"
            )
        );
        assert_eq!(title(&all), "profgate: 1 baseline with new numbers, 1 looser, 1 not refreshed");
        assert_eq!(title(&[one(File::Rewritten, &[])]), "profgate: 1 baseline with new numbers");
    }

    #[test]
    fn what_a_waiver_accepts_for_now_is_not_taken_and_fails_nothing() {
        let mut waived = held(Code::PathMissing, "p");
        waived.waived_by = Some("@me until 2027-01-31".to_owned());
        assert!(!is_failing(&waived));
        let text = refresh(&[one(File::Kept, &[waived])]);
        assert!(text.contains("has to accept it:\n\n- [ ] waived by "), "{text}");
    }

    #[test]
    fn a_list_that_is_too_long_is_shorter_and_not_cut() {
        let long = "x".repeat(100);
        let held: Vec<Finding> = (0..40).map(|at| held(Code::PathMissing, &format!("{long}{at}"))).collect();
        let mut all: Vec<Refresh<'_>> = (0..20).map(|_| one(File::Rewritten, &held)).collect();
        all[0].taken = vec![long; 1_000];
        let text = refresh(&all);
        assert!(text.len() <= BUDGET, "{}", text.len());
        assert!(
            text.contains("- 30 more findings, listed by") && text.contains("too long to stand here"),
            "{text}"
        );
        assert!(text.starts_with("**Regressed**"));
    }

    #[test]
    fn a_hostile_name_ends_no_block_and_mentions_nobody() {
        for name in crate::report::fixture::HOSTILE {
            let held = [held(Code::PathMissing, name)];
            let mut one = one(File::Rewritten, &held);
            one.taken = vec![format!("+   {name}")];
            let text = refresh(&[one]);
            assert_eq!(text.matches("```").count(), 4, "{text}");
            let prose: String = text.split("```").step_by(2).collect();
            assert!(!prose.contains("@everyone") && !prose.contains("<script"), "{prose}");
        }
    }
}
