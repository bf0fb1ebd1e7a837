//! The command line: what was typed, what is meant, what is printed, how the process ends.

mod args;
mod baseline;
mod capture;
mod catalog;
mod check;
mod check_server;
mod comment;
mod comment_job;
mod completions;
mod context;
mod demo;
mod diff;
mod error;
mod explain;
mod github;
mod init;
mod live;
mod live_args;
mod report;
mod scenarios;
mod schema;
mod triage;
mod usage;
mod user_catalogs;

pub use args::command;
pub use context::main;
pub use demo::BASELINE as DEMO_BASELINE;
