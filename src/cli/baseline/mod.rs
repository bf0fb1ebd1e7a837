//! `profgate baseline`: writing, comparing and examining what is expected.

pub mod args;
pub mod diff;
pub mod lint;
pub mod record;
pub mod refresh;
