//! `profgate completions` and `profgate man`: what a package installs beside the program.

use clap::Args;
use clap_complete::Shell;

use super::args::command;
use super::context::Context;
use super::error::CliError;

/// `profgate completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate completions bash > ~/.local/share/bash-completion/completions/profgate
  profgate completions zsh > ~/.zfunc/_profgate
  profgate completions fish > ~/.config/fish/completions/profgate.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `profgate man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  profgate man > profgate.1
  profgate man check | man -l -
  profgate man baseline record > profgate-baseline-record.1")]
pub struct ManArgs {
    /// The command, with its subcommand if it has one; the program itself when not given
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Prints the completions of a shell.
pub fn completions(args: &CompletionsArgs, context: &Context) -> Result<u8, CliError> {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "profgate", &mut bytes);
    context.print(&String::from_utf8_lossy(&bytes))?;
    Ok(0)
}

/// Prints a manual page in roff.
pub fn man(args: &ManArgs, context: &Context) -> Result<u8, CliError> {
    let mut page = command();
    page.build();
    for name in &args.command {
        let Some(found) = page.find_subcommand(name) else {
            return Err(CliError::usage(
                "there is no such command",
                format!("`{name}` is no command of `{}`", page.get_bin_name().unwrap_or("profgate")),
                "`profgate help` lists the commands",
            ));
        };
        page = found.clone();
    }
    // A manual page is named with hyphens: profgate-baseline-record.
    let name = page.get_bin_name().unwrap_or("profgate").replace(' ', "-");
    let mut bytes = Vec::new();
    clap_mangen::Man::new(page.display_name(&name)).render(&mut bytes).map_err(|error| CliError {
        what: "cannot write the manual page".to_owned(),
        place: error.to_string(),
        help: "report this as a bug".to_owned(),
        exit: 5,
    })?;
    context.print(&String::from_utf8_lossy(&bytes))?;
    Ok(0)
}
