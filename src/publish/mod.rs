//! Stage 7, *where is it put*: files, and what GitHub reads of a step.
//!
//! What is written was rendered before; nothing here looks into a report beyond its verdict.

pub mod comment;
pub mod files;
pub mod github;
