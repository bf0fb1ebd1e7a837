//! Waivers of one pull request: trailers of its commits, so that they are gone when it is merged.

use super::waiver::{Waiver, code_of, percent_of};
use crate::triage::Stage;

/// How a trailer begins. Nothing else on the line is one.
pub const TRAILER: &str = "Profgate-Waive:";

/// A trailer that begins as one and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TrailerError {
    /// 1-based line of the text.
    pub line: u64,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// The waivers in the messages of commits. `file` is what the text was read from.
///
/// A trailer is `Profgate-Waive: CODE:SUBJECT KEY=VALUE … reason=TEXT`; the reason reaches to the end of the line.
pub fn waivers_of_trailers(text: &str, file: &str) -> Result<Vec<Waiver>, TrailerError> {
    let lines = (1..).zip(text.lines());
    lines
        .filter_map(|(line, text)| Some((line, text.strip_prefix(TRAILER)?)))
        .map(|(line, rest)| {
            one(rest.trim(), line, file).map_err(|(message, help)| TrailerError { line, message, help })
        })
        .collect()
}

fn one(text: &str, line: u64, file: &str) -> Result<Waiver, (String, String)> {
    let help = "write `Profgate-Waive: CODE:SUBJECT owner=@NAME reason=TEXT`, with stage= and max-delta= before the reason where needed";
    let wrong = |message: String| (message, help.to_owned());
    let (before, reason) =
        text.split_once(" reason=").ok_or_else(|| wrong("the trailer has no reason".to_owned()))?;
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(wrong("the trailer has no reason".to_owned()));
    }
    let mut words = before.split_whitespace();
    let (code, subject) = words
        .next()
        .and_then(|word| word.split_once(':'))
        .filter(|(_, subject)| !subject.is_empty())
        .ok_or_else(|| wrong("the trailer does not begin with CODE:SUBJECT".to_owned()))?;
    let mut waiver = Waiver {
        code: code_of(code)?,
        subject: subject.to_owned(),
        stage: None,
        reason: reason.to_owned(),
        owner: String::new(),
        until: None,
        max_delta_pct: None,
        file: file.to_owned(),
        line,
    };
    for word in words {
        match word.split_once('=') {
            Some(("owner", owner)) if !owner.is_empty() => owner.clone_into(&mut waiver.owner),
            Some(("stage", stage)) => {
                let known = [Stage::Prefill, Stage::Decode, Stage::Mixed, Stage::All];
                let found = known.into_iter().find(|known| known.as_str() == stage);
                waiver.stage = Some(found.ok_or_else(|| wrong(format!("unknown stage `{stage}`")))?);
            }
            Some(("max-delta", delta)) => {
                let found = percent_of(delta);
                waiver.max_delta_pct =
                    Some(found.ok_or_else(|| wrong(format!("`{delta}` is no percentage")))?);
            }
            Some(("until", day)) => {
                waiver.until = Some(day.parse().map_err(|error| wrong(format!("{error}")))?);
            }
            _ => return Err(wrong(format!("`{word}` is nothing that a trailer says"))),
        }
    }
    if waiver.owner.is_empty() {
        return Err(wrong("the trailer has no owner".to_owned()));
    }
    Ok(waiver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Code;

    #[test]
    fn only_an_exact_trailer_is_one() {
        let text = "Fix it\n\nWe could say Profgate-Waive: kernel-slower:k here.\n profgate-waive: x\n\n\
                    Profgate-Waive: kernel-slower:fmha stage=decode max-delta=8% owner=@infra reason=waits for 0.7.3\n";
        let waivers = waivers_of_trailers(text, "commits").unwrap();
        assert_eq!(waivers.len(), 1);
        let waiver = &waivers[0];
        assert_eq!((waiver.code, waiver.subject.as_str(), waiver.line), (Code::KernelSlower, "fmha", 6));
        assert_eq!((waiver.stage, waiver.max_delta_pct), (Some(Stage::Decode), Some(8.0)));
        assert_eq!((waiver.owner.as_str(), waiver.reason.as_str()), ("@infra", "waits for 0.7.3"));
    }

    #[test]
    fn a_trailer_that_cannot_be_read_is_an_error_and_never_ignored() {
        for (trailer, said) in [
            ("kernel-slower:k owner=@a", "no reason"),
            ("kernel-slower:k reason=r", "no owner"),
            ("kernel-slower owner=@a reason=r", "CODE:SUBJECT"),
            ("kernel-slowr:k owner=@a reason=r", "unknown finding"),
            ("capture-empty:k owner=@a reason=r", "cannot be waived"),
            ("kernel-slower:k owner=@a max-delta=8 reason=r", "no percentage"),
            ("kernel-slower:k owner=@a stage=x reason=r", "unknown stage"),
            ("kernel-slower:k owner=@a quickly reason=r", "`quickly`"),
        ] {
            let error = waivers_of_trailers(&format!("m\n\nProfgate-Waive: {trailer}\n"), "c").unwrap_err();
            assert!(error.message.contains(said), "{trailer}: {}", error.message);
            assert_eq!(error.line, 3);
        }
    }
}
