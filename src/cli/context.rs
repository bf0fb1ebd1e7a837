//! The process around a command: its streams, its width and colours, its progress, its end.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::Parser;

use super::args::{Cli, ColorWhen, Command, Global};
use super::baseline::args::BaselineCommand;
use super::error::CliError;
use super::{
    baseline, capture, catalog, check, comment, completions, demo, diff, explain, init, report, schema,
    triage, usage, user_catalogs,
};
use crate::common::link::DocsUrl;
use crate::common::text::printable;
use crate::run::{Capture, LoadOptions, load_deferred};
use crate::source::Limits;
use crate::triage::{Catalogs, TraceEntry, TriageError};

/// Parses the command line, runs the command and says how the process ends.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let typed = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
            match usage::explain(&error, &typed.collect::<Vec<_>>()) {
                Some(mistake) => complain(&mistake),
                // Help or version. A reader that went away is no reason to complain about it.
                None => drop(error.print()),
            }
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let context = Context::new(&cli.global);
    match dispatch(&cli.command, &context) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit)
        }
    }
}

fn dispatch(command: &Command, context: &Context) -> Result<u8, CliError> {
    match command {
        Command::Triage(args) => triage::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Diff(args) => diff::run(args, context),
        Command::Comment(args) => comment::run(args, context),
        Command::Capture(args) => capture::run(args, context),
        Command::Catalog(args) => catalog::run(args, context),
        Command::Report(args) => report::run(args, context),
        Command::Explain(args) => explain::run(args, context),
        Command::Schema(args) => schema::run(args, context),
        Command::Init(args) => init::run(args, context),
        Command::Completions(args) => completions::completions(args, context),
        Command::Man(args) => completions::man(args, context),
        Command::Demo(args) => demo::run(args, context),
        Command::Baseline(args) => match &args.command {
            BaselineCommand::Record(args) => baseline::record::run(args, context),
            BaselineCommand::Refresh(args) => baseline::refresh::run(args, context),
            BaselineCommand::Diff(args) => baseline::diff::run(args, context),
            BaselineCommand::Lint(args) => baseline::lint::run(args, context),
        },
    }
}

fn complain(error: &CliError) {
    // Nothing can be done about a standard error that is gone.
    let _ = writeln!(io::stderr().lock(), "{error}");
}

/// Where the page is that explains findings: where the environment says, else where this version was published.
fn docs_url() -> Option<DocsUrl> {
    match std::env::var("PROFGATE_DOCS_URL") {
        Ok(address) => DocsUrl::new(&address),
        Err(_) => {
            let (repository, version) = (env!("CARGO_PKG_REPOSITORY"), env!("CARGO_PKG_VERSION"));
            DocsUrl::new(&format!("{repository}/blob/v{version}/docs/findings.md"))
        }
    }
}

/// What commands need to know of the process.
pub struct Context {
    /// Whether standard output takes colour.
    pub color: bool,
    /// Columns of the terminal, or what fits everywhere.
    pub width: usize,
    /// Only the verdict and errors.
    pub quiet: bool,
    verbose: bool,
    /// Files read at once.
    pub threads: usize,
    /// Limits on what is read.
    pub limits: Limits,
    shows_progress: bool,
    catalog: Option<PathBuf>,
    /// Where findings are explained, when such a page is known.
    pub docs: Option<DocsUrl>,
}

impl Context {
    fn new(global: &Global) -> Self {
        let color = match global.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
        };
        let width = terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            color,
            width: width.clamp(40, 200),
            quiet: global.quiet,
            verbose: global.verbose,
            threads: global.threads.map_or(cores, usize::from),
            limits: Limits { inflated: global.max_inflated, ..Limits::default() },
            docs: docs_url(),
            shows_progress: io::stderr().is_terminal() && !global.quiet,
            catalog: global.catalog.clone(),
        }
    }

    /// Prints text for the user on standard output; a closed pipe is no error.
    pub fn print(&self, text: &str) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(CliError::write(Path::new("standard output"), &error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Tells the user something beside the result.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            // Nothing can be done about a standard error that is gone.
            let _ = writeln!(io::stderr().lock(), "note: {}", printable(text));
        }
    }

    /// Tells what happens meanwhile.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr().lock(), "{}", printable(text));
        }
    }

    /// Tells the user why a part of the work was not done; the rest goes on.
    pub fn error(&self, error: &CliError) {
        complain(error);
    }

    /// Tells the user something that matters even to those who want to hear little.
    pub fn warn(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "warning: {}", printable(text));
    }

    /// Tells a CI's runner something, in the form that it reads.
    pub fn command(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Tells those who asked for it what was read from a file.
    pub fn read(&self, entry: &TraceEntry) {
        if self.verbose {
            self.note(&format!(
                "read {}: {} events, {} GPU activities",
                entry.path, entry.events, entry.activities
            ));
        }
    }

    /// Shows how far reading is, on a terminal only.
    pub fn progress(&self, done: usize, all: usize) {
        if self.shows_progress && all > 1 {
            let mut err = io::stderr().lock();
            let _ = if done == all {
                write!(err, "\r\u{1b}[K")
            } else {
                write!(err, "\r\u{1b}[Kreading traces {done}/{all}")
            };
            let _ = err.flush();
        }
    }

    /// The options for reading a capture.
    pub fn load_options<'a>(
        &self,
        rank: Option<u32>,
        server_logs: &'a [PathBuf],
        progress: &'a (dyn Fn(usize, usize) + Sync),
    ) -> LoadOptions<'a> {
        LoadOptions { threads: self.threads, rank, limits: self.limits, server_logs, progress }
    }

    /// Reads and triages a capture. The catalogs that are compiled in are made ready while the first file is read.
    pub fn load(
        &self,
        inputs: &[PathBuf],
        mapping: &[PathBuf],
        options: &LoadOptions<'_>,
    ) -> Result<Capture, CliError> {
        let user = self.catalog.as_ref().map(|_| self.catalogs()).transpose()?;
        let ready = LazyLock::new(|| user.map_or_else(Catalogs::builtin, Ok));
        let catalogs = || ready.as_ref().map_err(|error| TriageError::Catalog(error.to_string()));
        let capture = std::thread::scope(|scope| {
            scope.spawn(|| LazyLock::force(&ready).is_ok());
            load_deferred(inputs, mapping, &catalogs, options)
        })?;
        Ok(capture)
    }

    /// The directory of the user's own catalogs.
    pub fn own_catalog(&self) -> Option<&Path> {
        self.catalog.as_deref()
    }

    /// The catalogs: what is compiled in, and what the user adds.
    pub fn catalogs(&self) -> Result<Catalogs, CliError> {
        self.catalogs_or(None)
    }

    /// The same, with those of this directory where the command line names none.
    pub fn catalogs_or(&self, folder: Option<&Path>) -> Result<Catalogs, CliError> {
        user_catalogs::load(self.catalog.as_deref().or(folder))
    }
}
