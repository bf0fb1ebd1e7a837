//! `profgate explain`: what a finding says, why it matters, how to fix it and how to accept it.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use crate::common::text::nearest;
use crate::verdict::Code;

/// The page that the documentation has of findings.
const PAGE: &str = include_str!("../../docs/findings.md");

/// `profgate explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The finding; all are listed when not given
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

/// Prints one finding's section, or the list of all.
pub fn run(args: &ExplainArgs, context: &Context) -> Result<u8, CliError> {
    let Some(code) = &args.code else {
        context.print(&list())?;
        return Ok(0);
    };
    let known = || Code::ALL.iter().map(|code| code.as_str());
    let section = Code::parse(code).and_then(|code| section(code.as_str())).ok_or_else(|| {
        let help = match nearest(code, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`profgate explain` lists them".to_owned(),
        };
        CliError::usage("there is no such finding", code.clone(), help)
    })?;
    context.print(&section)?;
    Ok(0)
}

fn list() -> String {
    Code::ALL
        .iter()
        .map(|code| {
            let level = code.default_level().as_str();
            format!("{:<22}{level:<7}{}\n", code.as_str(), code.description())
        })
        .collect()
}

fn section(code: &str) -> Option<String> {
    let heading = format!("## {code}\n");
    let (_, rest) = PAGE.split_once(&format!("\n{heading}"))?;
    let body = rest.split("\n## ").next().unwrap_or(rest);
    Some(format!("{heading}{}\n", body.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_is_explained() {
        for code in Code::ALL {
            let text = section(code.as_str()).unwrap_or_else(|| panic!("{}", code.as_str()));
            assert!(text.starts_with(&format!("## {}\n\n", code.as_str())), "{text}");
            assert_eq!(text.matches("\n## ").count(), 0, "{text}");
            assert!(text.contains("**How to accept it.**"), "{text}");
        }
        assert_eq!(section("kernel"), None);
        assert_eq!(list().lines().count(), Code::ALL.len());
    }
}
