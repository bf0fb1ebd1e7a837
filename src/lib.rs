//! profgate: fails the build when a fused or overlapped GPU path has switched itself off.
pub mod common;
pub mod trace;
pub mod triage;
