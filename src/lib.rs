//! profgate: fails the build when a fused or overlapped GPU path has switched itself off.
pub mod common;
pub mod synth;
pub mod trace;
