//! Findings that a person accepts for a while: by a row in a file, or by a trailer of a commit.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::{Code, Kind};
use super::finding::Finding;
use super::report::Price;
use crate::baseline::WaiverRow;
use crate::common::date::Date;
use crate::common::text::{nearest, signed_percent};
use crate::common::yaml::{Spanned, YamlError};
use crate::triage::Stage;

/// A waiver that is in order, and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Waiver {
    /// Kind of the finding.
    pub code: Code,
    /// Its subject, exactly.
    pub subject: String,
    /// Its stage; any when `None`.
    pub stage: Option<Stage>,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day on which it counts; `None` for a trailer, which is gone with its pull request.
    pub until: Option<Date>,
    /// Largest change that it accepts, in percent; any when `None`.
    pub max_delta_pct: Option<f64>,
    /// The file, or what the trailers were read from.
    pub file: String,
    /// Its line there.
    pub line: u64,
}

/// What became of a waiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaiverState {
    /// It accepted a finding.
    Used,
    /// Its finding is there and is larger than it accepts.
    Exceeded,
    /// There is no such finding.
    Unused,
    /// Its last day is over.
    Expired,
    /// The capture could not be judged.
    Unjudged,
}

/// A waiver with what became of it, for reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaiverReport {
    /// Kind of the finding.
    pub finding: Code,
    /// Its subject.
    pub subject: String,
    /// Its stage; `null` for any.
    pub stage: Option<Stage>,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day, such as `2027-01-31`; `null` for a trailer.
    pub until: Option<String>,
    /// Largest change accepted, in percent; `null` for any.
    pub max_delta_pct: Option<f64>,
    /// Where it stands.
    pub file: String,
    /// Its line there.
    pub line: u64,
    /// What became of it.
    pub state: WaiverState,
}

impl Waiver {
    /// The waivers of a file, or the first one that is not in order.
    pub fn of_rows(rows: &[Spanned<WaiverRow>], path: &Path) -> Result<Vec<Self>, YamlError> {
        let mut waivers: Vec<Self> = Vec::new();
        for row in rows {
            let waiver = Self::of_row(row, path)?;
            let twin = waivers.iter().find(|other| {
                other.code == waiver.code && other.subject == waiver.subject && other.stage == waiver.stage
            });
            if let Some(twin) = twin {
                let message = format!(
                    "`{}` of `{}` is waived twice, first in line {}",
                    waiver.code.as_str(),
                    waiver.subject,
                    twin.line
                );
                return Err(YamlError::at(path, row, message).with_help("keep one of them"));
            }
            waivers.push(waiver);
        }
        Ok(waivers)
    }

    fn of_row(row: &Spanned<WaiverRow>, path: &Path) -> Result<Self, YamlError> {
        let value = &row.value;
        let code = code_of(&value.finding.value)
            .map_err(|(message, help)| YamlError::at(path, &value.finding, message).with_help(help))?;
        if value.subject.trim().is_empty() {
            return Err(YamlError::at(path, row, "the waiver names no subject")
                .with_help("copy the subject of the finding from the report"));
        }
        let filled_in = [
            (&value.reason, "reason", "say why it is accepted"),
            (&value.owner, "owner", "say who answers for it"),
            (&value.until, "last day", "write the last day on which it counts, such as `until: 2027-01-31`"),
        ];
        for (text, what, help) in filled_in {
            if text.value.trim().is_empty() {
                return Err(YamlError::at(path, text, format!("the waiver has no {what}")).with_help(help));
            }
        }
        let until = value.until.value.parse::<Date>().map_err(|error| {
            YamlError::at(path, &value.until, error.to_string())
                .with_help("write the last day on which it counts")
        })?;
        let max_delta_pct = match &value.max_delta {
            None => None,
            Some(text) => Some(percent_of(&text.value).ok_or_else(|| {
                YamlError::at(path, text, format!("`{}` is no percentage", text.value))
                    .with_help("write it such as `8%`")
            })?),
        };
        Ok(Self {
            code,
            subject: value.subject.clone(),
            stage: value.stage,
            reason: value.reason.value.clone(),
            owner: value.owner.value.clone(),
            until: Some(until),
            max_delta_pct,
            file: path.display().to_string(),
            line: row.referenced.line(),
        })
    }

    /// As the finding that it accepts shows it.
    pub fn text(&self) -> String {
        let until = self.until.map(|day| format!(" until {day}")).unwrap_or_default();
        format!("{}{until}: {} ({}:{})", self.owner, self.reason, self.file, self.line)
    }

    fn is_expired(&self, today: Date) -> bool {
        self.until.is_some_and(|until| until < today)
    }

    fn means(&self, finding: &Finding) -> bool {
        self.code == finding.code
            && self.subject == finding.subject
            && (self.stage.is_none() || self.stage == finding.stage)
    }

    fn report(&self, state: WaiverState) -> WaiverReport {
        WaiverReport {
            finding: self.code,
            subject: self.subject.clone(),
            stage: self.stage,
            reason: self.reason.clone(),
            owner: self.owner.clone(),
            until: self.until.map(|day| day.to_string()),
            max_delta_pct: self.max_delta_pct,
            file: self.file.clone(),
            line: self.line,
            state,
        }
    }
}

/// The code of a finding that may be waived.
pub(super) fn code_of(text: &str) -> Result<Code, (String, String)> {
    let Some(code) = Code::parse(text) else {
        let help = match nearest(text, Code::ALL.iter().map(|code| code.as_str())) {
            Some(code) => format!("did you mean `{code}`?"),
            None => "the codes are in docs/findings.md".to_owned(),
        };
        return Err((format!("unknown finding `{text}`"), help));
    };
    let refused = |why: &str, help: &str| Err((format!("`{text}` {why}"), help.to_owned()));
    match (code.kind(), code) {
        (Kind::Doubt, _) => refused(
            "cannot be waived: it says that nothing could be judged",
            "use --on-inconclusive or --on-missing-baseline",
        ),
        (Kind::Improvement, _) => refused("never fails, so there is nothing to waive", "remove the waiver"),
        (Kind::Regression, Code::WaiverExpired | Code::WaiverUnused) => {
            refused("is about waivers themselves", "remove the waiver that it is about")
        }
        (Kind::Regression, _) => Ok(code),
    }
}

/// `8%` or `8 %` as 8.
pub(super) fn percent_of(text: &str) -> Option<f64> {
    let number: f64 = text.strip_suffix('%')?.trim_end().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

/// What the size of a finding is held against.
pub struct Sizes<'a> {
    /// What structure costs, per stage.
    pub price: &'a [Price],
    /// Busy nanoseconds of a step of a stage in the baseline.
    pub busy_ns: &'a dyn Fn(Stage) -> Option<f64>,
}

/// Marks what is waived, and says of each waiver what became of it.
///
/// Adds a finding for each waiver that expired or accepts nothing. An expired one accepts nothing any more.
pub fn apply(
    findings: &mut Vec<Finding>,
    waivers: &[Waiver],
    sizes: &Sizes<'_>,
    today: Date,
    is_judged: bool,
) -> Vec<WaiverReport> {
    let mut reports = Vec::new();
    let mut about = Vec::new();
    for waiver in waivers {
        let state = if waiver.is_expired(today) {
            about.push(expired(waiver));
            WaiverState::Expired
        } else if is_judged {
            accept(findings, waiver, sizes)
        } else {
            WaiverState::Unjudged
        };
        if state == WaiverState::Unused {
            about.push(unused(waiver));
        }
        reports.push(waiver.report(state));
    }
    findings.append(&mut about);
    reports
}

fn accept(findings: &mut [Finding], waiver: &Waiver, sizes: &Sizes<'_>) -> WaiverState {
    let mut state = WaiverState::Unused;
    for finding in findings.iter_mut().filter(|finding| waiver.means(finding)) {
        let delta = delta_pct(finding, sizes);
        match waiver.max_delta_pct {
            Some(limit) if delta.is_none_or(|delta| delta.abs() > limit) => {
                let change = delta.map_or_else(|| "not known in percent".to_owned(), signed_percent);
                finding.evidence.push(format!(
                    "the waiver in {}:{} accepts {limit} % at most; the change is {change}",
                    waiver.file, waiver.line
                ));
                if state == WaiverState::Unused {
                    state = WaiverState::Exceeded;
                }
            }
            _ => {
                if finding.waived_by.is_none() {
                    finding.waived_by = Some(waiver.text());
                }
                state = WaiverState::Used;
            }
        }
    }
    state
}

/// How large a finding is, in percent: of structure and of a lost path its price in the stage's time, else the
/// change of its number. A lost path without a price costs nothing that is known.
fn delta_pct(finding: &Finding, sizes: &Sizes<'_>) -> Option<f64> {
    match finding.code {
        Code::StructureCostlier | Code::KernelReplaced => {
            let of_stage = sizes.price.iter().find(|price| Some(price.stage) == finding.stage)?;
            Some(of_stage.structural_pct)
        }
        Code::PathMissing | Code::PathPartial => match finding.price_ns {
            None => Some(0.0),
            Some(ns) => (sizes.busy_ns)(finding.stage?).map(|busy| ns as f64 * 100.0 / busy),
        },
        _ => {
            let (before, after) = (finding.before?, finding.after?);
            (before > 0.0).then(|| (after - before) * 100.0 / before)
        }
    }
}

fn expired(waiver: &Waiver) -> Finding {
    let day = waiver.until.map(|day| day.to_string()).unwrap_or_default();
    let message = format!(
        "the waiver of `{}` for `{}` expired after {day}; {} answers for it: {}",
        waiver.code.as_str(),
        waiver.subject,
        waiver.owner,
        waiver.reason
    );
    about(
        Code::WaiverExpired,
        waiver,
        message,
        "remove it if the cause is gone, or have a later day reviewed",
    )
}

fn unused(waiver: &Waiver) -> Finding {
    let message = format!(
        "the waiver of `{}` for `{}` accepts nothing: there is no such finding",
        waiver.code.as_str(),
        waiver.subject
    );
    about(Code::WaiverUnused, waiver, message, "remove it")
}

fn about(code: Code, waiver: &Waiver, message: String, help: &str) -> Finding {
    let mut finding =
        Finding::new(code, &waiver.subject, message).at(&waiver.file, waiver.line).with_help(help);
    finding.stage = waiver.stage;
    finding
}
