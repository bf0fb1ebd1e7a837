//! The text that accepts a finding for a while, for the baseline file it was found against.

use std::collections::BTreeSet;

use super::select::{Mark, Shown};
use crate::common::yaml::scalar;
use crate::verdict::{Code, Finding, Kind, ScenarioReport};

/// For each scenario with failing findings among those shown, the YAML that would accept them.
///
/// Reason, owner and last day are for a person to fill in: nothing that is pasted as it stands accepts anything.
/// Where the baseline has waivers already, the rows alone are told: the key may not stand twice.
pub fn texts<'a>(shown: &[Shown<'a>]) -> Vec<(&'a ScenarioReport, String)> {
    let mut texts: Vec<(&ScenarioReport, String)> = Vec::new();
    let mut seen = BTreeSet::new();
    for row in shown.iter().filter(|row| is_acceptable(row)) {
        let line = line(row.finding);
        if !seen.insert((row.scenario.scenario.as_str(), line.clone())) {
            continue;
        }
        match texts.iter_mut().find(|(scenario, _)| std::ptr::eq(*scenario, row.scenario)) {
            Some((_, text)) => text.push_str(&line),
            None if has_waivers(row.scenario) => texts.push((row.scenario, line)),
            None => texts.push((row.scenario, format!("waivers:\n{line}"))),
        }
    }
    texts
}

/// Whether the baseline of a scenario has waivers.
pub fn has_waivers(scenario: &ScenarioReport) -> bool {
    scenario.waivers.iter().any(|waiver| waiver.file == scenario.baseline.path)
}

/// A doubt cannot be waived: nothing was judged. Nor can a waiver.
fn is_acceptable(row: &Shown<'_>) -> bool {
    let code = row.finding.code;
    let is_about_waiver = matches!(code, Code::WaiverExpired | Code::WaiverUnused);
    row.mark == Mark::Fail && code.kind() != Kind::Doubt && !is_about_waiver
}

fn line(finding: &Finding) -> String {
    let stage = finding.stage.map_or(String::new(), |stage| format!(", stage: {}", stage.as_str()));
    format!(
        "  - {{ finding: {}, subject: {}{stage}, reason: , owner: , until:  }}\n",
        finding.code.as_str(),
        scalar(&finding.subject)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{fixture, select};

    #[test]
    fn what_fails_can_be_accepted_and_what_was_not_judged_cannot() {
        let report = fixture::mixed();
        let texts: Vec<String> =
            texts(&select::findings(&report)).into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            texts,
            ["waivers:\n\
              \x20 - { finding: path-missing, subject: fused-qknorm-rope, stage: decode, reason: , owner: , until:  }\n\
              \x20 - { finding: structure-costlier, subject: fused-qknorm-rope-bf16, stage: decode, reason: , owner: , until:  }\n"]
        );
    }

    #[test]
    fn it_is_yaml_whatever_the_subject_is_called() {
        for name in fixture::HOSTILE {
            let report = fixture::hostile(name);
            for (_, text) in texts(&select::findings(&report)) {
                let read: serde_json::Value = serde_yaml::from_str(&text).unwrap();
                assert_eq!(read["waivers"][0]["subject"], *name, "{text}");
            }
        }
    }
}
