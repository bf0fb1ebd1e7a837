//! The fuse table: which known fused paths are on in a stage, and which run as separate kernels.
//!
//! The knowledge is data (`catalogs/fusions.yaml`); this code only counts. A path is on where its own kernels
//! run. It is split where the kernels of a ladder follow one another on one stream; a word in common is no
//! evidence. What it gives up: a ladder whose kernels run on several streams, or with other work between.

mod catalog;
mod gates;
mod ladder;
mod lookup;
mod parts;
mod rows;
#[cfg(test)]
mod tests;

pub use catalog::{Entry, Origin, PathCatalog, PathExamples, PathKind, schema};
pub use gates::{Facts, Gates, Vendor};
pub use lookup::Use;
pub use rows::find;
