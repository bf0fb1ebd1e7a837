//! What a kernel is: from its raw name to a stable id and one role.
//!
//! The only place that reads meaning from a kernel's name; every table asks here, so they cannot disagree.
//! The knowledge is data (`catalogs/kernels*.yaml`); this code only parses names and applies it. What it
//! gives up: a kernel whose name says nothing stays `other`.

mod catalog;
mod classifier;
mod mangled;
mod matcher;
mod name;
mod role;
mod subject;
mod template;
#[cfg(test)]
mod tests;
mod tokens;
mod vocabulary;

pub use catalog::{CatalogFile, Example, Examples, Family, schema};
pub use classifier::{Class, Classifier, Explanation, NearMiss};
pub use matcher::{Check, Reason};
pub use role::Role;
pub use tokens::contains as contains_words;
