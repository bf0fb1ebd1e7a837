//! What a baseline looks as if it guarded and does not.

use super::finding::Level;
use super::promise::PlacedPromise;
use super::report::ScenarioReport;
use super::time::is_host_copy;
use super::waiver::{Waiver, WaiverState};
use crate::baseline::{Baseline, ExpectedRow, ExpectedStage, Observation, PromisedState, promise_matches};
use crate::common::date::Date;
use crate::common::text::digits3;
use crate::triage::{PathState, Role, Stage};

/// One row that guards nothing, or less than it seems to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// `unset`, `dead`, `duplicate`, `unguarded`, `expired` or `unused`.
    pub rule: &'static str,
    /// `deny` makes the command fail, `allow` is for information.
    pub level: Level,
    /// The file.
    pub file: String,
    /// Its line, 0 for the file as a whole.
    pub line: u64,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

/// A baseline, what stands beside it, and what is known of today.
#[derive(Clone, Copy)]
pub struct LintInput<'a> {
    /// The baseline; `None` where a configuration has promises and waivers alone.
    pub baseline: Option<&'a Baseline>,
    /// The baseline's file as the user names it.
    pub file: &'a str,
    /// Promises of the baseline and of the configuration.
    pub promises: &'a [PlacedPromise],
    /// Waivers of both.
    pub waivers: &'a [Waiver],
    /// Ids of the catalog's paths.
    pub is_path: &'a dyn Fn(&str) -> bool,
    /// The day against which waivers are held.
    pub today: Date,
    /// Captures from which there is a noise band.
    pub band_captures: u32,
    /// A capture of today, and what the gate says of it.
    pub capture: Option<(&'a Observation, &'a ScenarioReport)>,
}

/// Rows of this share of a stage, in percent, shall be guarded by something.
const HEAVY_PCT: f64 = 2.0;

/// A waiver that is over in fewer days is told ahead.
const SOON_DAYS: i64 = 14;

/// Everything that is wrong, in the order of the file.
pub fn lint(input: &LintInput<'_>) -> Vec<Lint> {
    let mut lints = Vec::new();
    if let Some(baseline) = input.baseline {
        let at = |rule, level, line, message: String, help| Lint {
            rule,
            level,
            file: input.file.to_owned(),
            line,
            message,
            help,
        };
        whole(baseline, input, &at, &mut lints);
        for (stage, expected) in &baseline.stages {
            rows(*stage, expected, input, &at, &mut lints);
        }
    }
    promises(input, &mut lints);
    waivers(input, &mut lints);
    lints.sort_by(|a, b| {
        a.file.cmp(&b.file).then_with(|| a.line.cmp(&b.line)).then_with(|| a.message.cmp(&b.message))
    });
    lints.dedup();
    lints
}

type At<'a> = dyn Fn(&'static str, Level, u64, String, &'static str) -> Lint + 'a;

fn whole(baseline: &Baseline, input: &LintInput<'_>, at: &At<'_>, lints: &mut Vec<Lint>) {
    let unknown: Vec<&str> = baseline
        .comparable
        .fingerprint()
        .parts()
        .into_iter()
        .filter(|(what, value)| value.is_none() && matches!(*what, "gpu" | "framework" | "model"))
        .map(|(what, _)| what)
        .collect();
    if !unknown.is_empty() && !baseline.stages.is_empty() {
        let message =
            format!("`comparable` does not tell {}, so no other one is refused", unknown.join(", "));
        lints.push(at(
            "unset",
            Level::Warn,
            0,
            message,
            "write it in, or put the server's `server_args.json` beside the traces",
        ));
    }
    let captures = baseline.recorded.captures.unwrap_or(1);
    if captures < input.band_captures && !baseline.stages.is_empty() {
        let message = format!(
            "{captures} of the {} captures that make a noise band; a kernel's time fails only by the strict rule",
            input.band_captures
        );
        lints.push(at("unset", Level::Allow, 0, message, "record it with `--repeat` of five captures"));
    }
}

fn rows(stage: Stage, expected: &ExpectedStage, input: &LintInput<'_>, at: &At<'_>, lints: &mut Vec<Lint>) {
    let seen = input.capture.and_then(|(observed, _)| observed.stages.get(&stage));
    for row in &expected.kernels {
        let (value, line) = (&row.value, row.referenced.line());
        let unset: Vec<&str> = [("launches", value.launches), ("us", value.us), ("each-us", value.each_us)]
            .into_iter()
            .filter(|(_, number)| *number == 0.0)
            .map(|(key, _)| key)
            .collect();
        if !unset.is_empty() {
            let message = format!(
                "`{}` of `{}` is 0 or missing, and nothing is held against 0",
                unset.join("` and `"),
                value.kernel
            );
            lints.push(at(
                "unset",
                Level::Deny,
                line,
                message,
                "record the baseline anew, or remove the row",
            ));
        }
        if value.level == Some(Level::Allow) && value.share >= HEAVY_PCT {
            let message = format!(
                "`{}` has {} % of the stage and `level: allow`, so nothing about it counts",
                value.kernel,
                digits3(value.share)
            );
            lints.push(at(
                "unguarded",
                Level::Warn,
                line,
                message,
                "use a waiver: it has an owner and a last day",
            ));
        }
        let captures = value.n.unwrap_or(1);
        if input.baseline.and_then(|baseline| baseline.recorded.captures).is_some_and(|all| {
            all >= input.band_captures && captures < input.band_captures && value.share >= HEAVY_PCT
        }) {
            let message = format!(
                "`{}` has {} % of the stage and is of {captures} of the {} captures that make a noise band; its time fails only by the strict rule",
                value.kernel,
                digits3(value.share),
                input.band_captures
            );
            lints.push(at(
                "unset",
                Level::Allow,
                line,
                message,
                "refresh the baseline with five captures of today",
            ));
        }
        if let Some(why) = untimed(value, input).filter(|_| value.share >= HEAVY_PCT) {
            let message = format!(
                "`{}` has {} % of the stage, and nothing fails when it takes longer: {why}",
                value.kernel,
                digits3(value.share)
            );
            let help =
                "structure and exposed time guard it; `at-most` of its role in `overlaps` guards its time";
            lints.push(at("unguarded", Level::Allow, line, message, help));
        }
        if seen.is_some_and(|seen| !seen.rows.contains_key(&value.kernel)) {
            let message = format!("`{}` did not run in the capture", value.kernel);
            lints.push(at(
                "dead",
                Level::Warn,
                line,
                message,
                "refresh the baseline, or find out what became of the kernel",
            ));
        }
    }
    for row in &expected.paths {
        let (value, line) = (&row.value, row.referenced.line());
        if !(input.is_path)(&value.path) {
            let message = format!("no catalog has a path `{}`, so it can only be absent", value.path);
            lints.push(at("dead", Level::Deny, line, message, "`profgate catalog list --paths` lists them"));
        }
        if value.expect == PathState::Active && value.level == Some(Level::Allow) {
            let message =
                format!("path `{}` is promised with `level: allow`, so its loss does not count", value.path);
            lints.push(at(
                "unguarded",
                Level::Warn,
                line,
                message,
                "use a waiver: it has an owner and a last day",
            ));
        }
        if value.expect == PathState::Active && value.fused == 0 {
            let message = format!(
                "path `{}` is promised with `fused: 0`, so its instances are not counted",
                value.path
            );
            lints.push(at(
                "unset",
                Level::Deny,
                line,
                message,
                "write how often it runs, or record the baseline anew",
            ));
        }
    }
    for row in &expected.overlaps {
        let (value, line) = (&row.value, row.referenced.line());
        if value.at_most.is_none() && value.level == Some(Level::Allow) {
            let message = format!("role `{}` has no `at-most` and `level: allow`", value.role.as_str());
            lints.push(at("unguarded", Level::Warn, line, message, "promise `at-most`, or remove the level"));
        }
    }
    for body in expected.layers.iter().flat_map(|layers| &layers.value.bodies) {
        let kernels = body.value.kernels.iter().chain(body.value.beside.iter().flatten());
        for kernel in kernels {
            if !expected.kernels.iter().any(|row| &row.value.kernel == kernel) {
                let message =
                    format!("layer {} names `{kernel}`, which has no row in `kernels`", body.value.id);
                lints.push(at(
                    "dead",
                    Level::Deny,
                    body.referenced.line(),
                    message,
                    "record the baseline anew",
                ));
            }
        }
    }
}

/// Why the time of a row is never judged; `None` where it is.
fn untimed(row: &ExpectedRow, input: &LintInput<'_>) -> Option<&'static str> {
    let has_band = row.n.is_some_and(|captures| captures >= input.band_captures);
    let job = input.baseline.map(|baseline| baseline.comparable.fingerprint());
    let is_alone = job.is_some_and(|job| job.ranks <= 1 && job.gpus != Some(1));
    match row.role {
        Role::Memory if is_host_copy(&row.kernel) => {
            Some("copies between host and device depend on the host")
        }
        Role::Memory if !has_band => Some("without a noise band, copies are only told"),
        Role::Communication if is_alone => Some("one rank alone cannot tell waiting for others from cost"),
        Role::Communication if !has_band => Some("without a noise band, a launch may include waiting"),
        _ => None,
    }
}

fn promises(input: &LintInput<'_>, lints: &mut Vec<Lint>) {
    for (number, placed) in input.promises.iter().enumerate() {
        let promise = &placed.promise;
        let at = |rule, level, message: String, help| Lint {
            rule,
            level,
            file: placed.file.clone(),
            line: placed.line,
            message,
            help,
        };
        let key = |other: &PlacedPromise| {
            let promise = &other.promise;
            (promise.path.clone(), promise.kernel.clone(), promise.role, promise.stage, promise.state)
        };
        let twin = input.promises.iter().take(number).find(|other| key(other) == key(placed));
        if let Some(twin) = twin {
            let message = format!("the same is promised in {}:{}", twin.file, twin.line);
            lints.push(at("duplicate", Level::Warn, message, "keep the stricter one"));
        }
        if let Some(path) = promise.path.as_deref().filter(|path| !(input.is_path)(path)) {
            let message = format!("no catalog has a path `{path}`");
            lints.push(at("dead", Level::Deny, message, "`profgate catalog list --paths` lists them"));
        }
        let Some(baseline) = input.baseline.filter(|baseline| !baseline.stages.is_empty()) else { continue };
        if let Some(stage) = promise.stage.filter(|stage| !baseline.stages.contains_key(stage)) {
            let message = format!("it is about stage `{}`, which was not recorded", stage.as_str());
            lints.push(at("dead", Level::Warn, message, "record that stage too, or remove the promise"));
        }
        if let (Some(kernel), false) = (&promise.kernel, promise.state == Some(PromisedState::Forbidden)) {
            let mut rows = baseline.stages.values().flat_map(|stage| &stage.kernels);
            if !rows.any(|row| promise_matches(kernel, &row.value.kernel)) {
                let message = format!("no recorded kernel is `{kernel}`");
                lints.push(at(
                    "dead",
                    Level::Warn,
                    message,
                    "kernels are named by the ids of the baseline; `*` stands for any characters",
                ));
            }
        }
    }
}

fn waivers(input: &LintInput<'_>, lints: &mut Vec<Lint>) {
    let states = input.capture.map(|(_, report)| &report.waivers);
    for waiver in input.waivers {
        let at = |rule, level, message: String, help| Lint {
            rule,
            level,
            file: waiver.file.clone(),
            line: waiver.line,
            message,
            help,
        };
        let about = format!("the waiver of `{}` for `{}`", waiver.code.as_str(), waiver.subject);
        if let Some(until) = waiver.until {
            let left = input.today.days_until(until);
            if left < 0 {
                let message = format!("{about} expired after {until}");
                lints.push(at("expired", Level::Deny, message, "remove it, or have a later day reviewed"));
            } else if left < SOON_DAYS {
                let message = format!("{about} expires after {until}, and {} answers for it", waiver.owner);
                lints.push(at("expired", Level::Warn, message, "see whether its cause is gone"));
            }
        }
        let is_unused = states.is_some_and(|states| {
            states.iter().any(|one| {
                (&one.file, one.line, one.state) == (&waiver.file, waiver.line, WaiverState::Unused)
            })
        });
        if is_unused {
            let message = format!("{about} accepts nothing in the capture");
            lints.push(at("unused", Level::Warn, message, "remove it"));
        }
        if let Some(stage) = waiver.stage
            && let Some(baseline) = input.baseline.filter(|baseline| !baseline.stages.is_empty())
            && !baseline.stages.contains_key(&stage)
        {
            let message = format!("{about} is of stage `{}`, which was not recorded", stage.as_str());
            lints.push(at("unused", Level::Warn, message, "remove it, or record that stage too"));
        }
    }
}
