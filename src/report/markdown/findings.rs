//! The part of a comment that is read: findings with their numbers, what each costs, what to do about it.

use std::fmt::Write;

use super::comment::Form;
use super::{MdCell, MdCode, MdPre};
use crate::common::text::count;
use crate::report::select::{self, Shown};
use crate::report::unit::{changed_kernels, pair, price, signed_percent};
use crate::report::waiver;
use crate::report::words;
use crate::verdict::{CheckReport, Code};

/// The code of a finding, as a link to what explains it where such a page is known.
pub fn linked(report: &CheckReport, code: Code) -> String {
    match &report.docs {
        Some(docs) => format!("[{}]({})", code.as_str(), docs.of(code.as_str())),
        None => code.as_str().to_owned(),
    }
}

/// Whether a finding has something to set side by side.
fn has_numbers(row: &Shown<'_>) -> bool {
    row.finding.before.is_some()
}

/// The worst findings side by side, where one of them has numbers.
pub fn table(out: &mut String, report: &CheckReport, shown: &[Shown<'_>]) {
    if !shown.iter().any(has_numbers) {
        return;
    }
    let has_many = report.scenarios.len() > 1;
    out.push('\n');
    out.push_str(if has_many { "| | Scenario " } else { "| " });
    out.push_str("| Finding | Price/step | Before\u{a0}→\u{a0}after | Stage | Baseline |\n");
    out.push_str(if has_many { "|:--|:--" } else { "|:--" });
    out.push_str("|:--|--:|--:|:--|:--|\n");
    for row in shown {
        let finding = row.finding;
        let scenario =
            if has_many { format!("| {} ", MdCode::new(&row.scenario.scenario)) } else { String::new() };
        let _ = writeln!(
            out,
            "| **{}** {scenario}| {} {} | {} | {} | {} | {} |",
            row.mark.as_str(),
            MdCode::new(&finding.subject),
            linked(report, finding.code),
            MdCell::new(&unbroken(&price(finding).unwrap_or_default())),
            MdCell::new(&unbroken(&pair(finding).unwrap_or_default())),
            finding.stage.map_or("", |stage| stage.as_str()),
            select::place(finding).map_or_else(String::new, |place| MdCode::new(&place).to_string()),
        );
    }
}

/// A number and its unit are one word, also on a narrow screen.
fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// What the changed kernels of each stage cost.
pub fn prices(out: &mut String, report: &CheckReport, form: Form) {
    let all = select::prices(report);
    if all.is_empty() || report.scenarios.iter().all(|scenario| scenario.findings.is_empty()) {
        return;
    }
    out.push('\n');
    for (scenario, price) in all.iter().take(form.prices) {
        let of = if report.scenarios.len() > 1 {
            format!("{}, {}", MdCode::new(&scenario.scenario), price.stage.as_str())
        } else {
            price.stage.as_str().to_owned()
        };
        let changed = match changed_kernels(price) {
            Some(cost) => {
                format!("changed kernels **{cost}** ({} of the step)", signed_percent(price.structural_pct))
            }
            None => "changes of kernels cost nothing".to_owned(),
        };
        let _ = writeln!(
            out,
            "- Cost of a step ({of}): {changed}, unchanged kernels {} of their own time, GPU busy time {}",
            signed_percent(price.same_rows_pct),
            signed_percent(price.busy_pct),
        );
    }
    let more = all.len().saturating_sub(form.prices) as u64;
    if more > 0 {
        let _ = writeln!(out, "- The cost of {} is in `report.json`", count(more, "more stage"));
    }
}

/// Each finding as a sentence, with what to do and what it rests on.
pub fn blocks(out: &mut String, report: &CheckReport, shown: &[Shown<'_>], form: Form) {
    if shown.is_empty() {
        return;
    }
    out.push('\n');
    let is_in_table = shown.iter().any(has_numbers);
    for (index, row) in shown.iter().enumerate() {
        let finding = row.finding;
        let of = if report.scenarios.len() > 1 {
            format!(" in {}", MdCode::new(&row.scenario.scenario))
        } else {
            String::new()
        };
        let subject = if select::says_its_subject(finding) {
            String::new()
        } else {
            format!(" {}", MdCode::new(&finding.subject))
        };
        let _ = writeln!(
            out,
            "{}. **{}**{subject}{of}: {}",
            index + 1,
            row.mark.as_str(),
            MdCell::new(&finding.message)
        );
        if let Some(waiver) = &finding.waived_by {
            let _ = writeln!(out, "   - Waived by {}", MdCode::new(waiver));
        }
        if !finding.help.is_empty() {
            let _ = writeln!(out, "   - **To do:** {}", MdCell::new(&finding.help));
        }
        if let Some(place) = select::place(finding).filter(|_| !is_in_table) {
            let _ = writeln!(out, "   - Baseline: {}", MdCode::new(&place));
        }
        if let Some(layer) = &finding.layer {
            let _ = writeln!(out, "   - Where: {}", MdCell::new(layer));
        }
        for cause in finding.cause.iter().take(form.evidence) {
            let _ = writeln!(out, "   - Likely cause: {}", MdCell::new(cause));
        }
        let more = finding.cause.len().saturating_sub(form.evidence) as u64;
        if more > 0 {
            let _ = writeln!(out, "   - {} in `report.json`", count(more, "more likely cause"));
        }
        for line in finding.evidence.iter().take(form.evidence) {
            let _ = writeln!(out, "   - {}", MdCell::new(line));
        }
        let more = finding.evidence.len().saturating_sub(form.evidence) as u64;
        if more > 0 {
            let _ = writeln!(out, "   - {} in `report.json`", count(more, "more line"));
        }
    }
}

/// Where everything that is shown is explained, where no page makes links of the codes themselves.
pub fn explained(out: &mut String, report: &CheckReport, shown: &[Shown<'_>]) {
    let better = select::improvements(report).into_iter().map(|(_, finding)| finding);
    let codes = select::codes(shown.iter().map(|row| row.finding).chain(better));
    if report.docs.is_none() && !codes.is_empty() {
        let _ = writeln!(out, "\n{}", MdCell::new(&words::explained(&codes)));
    }
}

/// The waivers that would accept what fails, ready to be pasted into the baselines.
pub fn waivers(out: &mut String, report: &CheckReport, shown: &[Shown<'_>]) {
    for (scenario, text) in waiver::texts(shown) {
        let of = if report.scenarios.len() > 1 {
            format!(" in {}", MdCell::new(&scenario.scenario))
        } else {
            String::new()
        };
        let what = if waiver::has_waivers(scenario) { "these rows to the `waivers:`" } else { "this" };
        let to = if waiver::has_waivers(scenario) { "of" } else { "to" };
        let _ = writeln!(
            out,
            "\n<details><summary>To accept what fails{of} for a while</summary>\n\n\
             Add {what} {to} {} with a reason, an owner and the last day on which it holds.\n\n{}\n\n</details>",
            MdCode::new(&scenario.baseline.path),
            MdPre::yaml(&text),
        );
    }
}
