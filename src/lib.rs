//! profgate: fails the build when a fused or overlapped GPU path has switched itself off.
pub mod baseline;
pub mod common;
pub mod publish;
pub mod report;
pub mod source;
pub mod trace;
pub mod triage;
pub mod verdict;
