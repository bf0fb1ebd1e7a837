//! A command line that cannot be understood, in the three lines of every other error.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::error::CliError;
use crate::common::text::{shell_word, shorten_middle};

/// Longest part of the typed command that is shown.
const TYPED: usize = 200;

/// What the parser found wrong; `None` where it was asked for help or for the version, and has them to print.
pub fn explain(error: &clap::Error, typed: &[String]) -> Option<CliError> {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => None,
        _ => Some(CliError::usage(what(error), place(typed), help(error, typed))),
    }
}

/// The parser's first paragraph in one line, without the values that stand in the help.
fn what(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines: Vec<&str> = text
        .trim_start_matches("error: ")
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .filter(|line| !line.starts_with("[possible values"))
        .collect();
    lines.join(" ")
}

fn place(typed: &[String]) -> String {
    let words: Vec<String> = typed.iter().map(|word| shell_word(word)).collect();
    shorten_middle(&format!("profgate {}", words.join(" ")), TYPED)
}

/// What was meant if that is near, else what is possible, else how the command is used.
fn help(error: &clap::Error, typed: &[String]) -> String {
    let near = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| error.get(kind).and_then(|value| nearest(value, typed)));
    if let Some(near) = near {
        return format!("did you mean `{near}`?");
    }
    if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue)
        && !values.is_empty()
    {
        return format!("possible values: {}", values.join(", "));
    }
    match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => {
            let usage = usage.to_string();
            let line = usage.split_whitespace().collect::<Vec<_>>().join(" ");
            line.replacen("Usage: ", "usage: ", 1)
        }
        _ => "`profgate --help` lists the commands, `profgate COMMAND --help` their options".to_owned(),
    }
}

/// The suggestion that is nearest to a word that was typed; the parser does not put it first.
fn nearest(value: &ContextValue, typed: &[String]) -> Option<String> {
    let far = |one: &String| {
        typed.iter().map(|word| strsim::damerau_levenshtein(word, one)).min().unwrap_or(usize::MAX)
    };
    match value {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.iter().min_by_key(|one| far(one)).cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(typed: &[&str]) -> String {
        let words = std::iter::once("profgate").chain(typed.iter().copied());
        let error = super::super::command().try_get_matches_from(words).unwrap_err();
        let typed: Vec<String> = typed.iter().map(|word| (*word).to_owned()).collect();
        explain(&error, &typed).map_or_else(|| "help".to_owned(), |error| error.to_string())
    }

    #[test]
    fn a_mistake_is_named_with_what_was_typed_and_what_was_meant() {
        let mistakes: [&[&str]; 8] = [
            &["triage", "t.json", "--formt", "json"],
            &["triage", "t.json", "--format", "jsn"],
            &["triage", "t.json", "--format", "xyzzy"],
            &["triage"],
            &["chek"],
            &["triage", "a b", "--rank", "x"],
            &["check", "--config", "a", "--baseline", "b"],
            &["check", "--min-share"],
        ];
        insta::assert_snapshot!("mistakes", mistakes.map(said).join("\n\n"));
    }

    #[test]
    fn help_and_version_are_no_mistakes() {
        assert_eq!(said(&["--help"]), "help");
        assert_eq!(said(&["--version"]), "help");
        assert_eq!(said(&[]), "help");
    }

    #[test]
    fn an_argument_cannot_act_on_a_terminal() {
        let text = said(&["\u{1b}[31m\n::error::x"]);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
