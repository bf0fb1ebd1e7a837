//! `profgate.yaml`: the scenarios that a repository gates, and the team's policy.

mod file;
mod server;

pub use file::{Config, ConfigScenario, Inputs, parse};
pub use server::{ConfigServer, ConfigWorkload};
