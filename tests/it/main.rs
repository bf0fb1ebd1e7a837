//! One integration binary: every test that needs more than one stage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "helpers of tests stop the test when the world is not as expected"
)]

mod architecture;
mod attribution;
mod bad_input;
mod baseline_diff;
mod baselines;
mod both_readers;
mod captures;
mod cases;
mod catalog;
mod catalog_facts;
mod comment;
mod corpus;
mod damage;
mod determinism;
mod docs;
mod edges;
mod exit_codes;
mod gate;
mod github;
mod init;
mod junit;
mod kinds;
mod known_facts;
mod laws;
mod live_capture;
mod live_cpu;
mod live_fake;
mod live_faults;
mod live_security;
mod live_versions;
mod lost_paths;
mod meaning;
mod mistakes;
mod moved_work;
mod overlap;
mod paths;
mod phases;
mod promises;
mod quick_start;
mod quirks;
mod ranks;
mod recipes;
mod refresh;
mod regressions;
mod reports;
mod schemas;
mod small_kernels;
mod structure;
mod support;
mod tables;
mod verdict_table;
mod verdicts;
mod waivers;
