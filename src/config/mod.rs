//! `profgate.yaml`: the scenarios that a repository gates, and the team's policy.

mod file;

pub use file::{Config, ConfigScenario, Inputs, parse};
