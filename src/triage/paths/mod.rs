//! The fuse table: which known fused paths are on in a stage, and which run as separate kernels.
//!
//! The knowledge is data (`catalogs/fusions-*.yaml`, `overlaps-*.yaml`, `toggles.yaml`); this code only counts. A path
//! is on where its own kernels run. It is split where the kernels of a ladder follow one another on one stream; a
//! word in common is no evidence. What it gives up: a ladder whose kernels run on several streams, or with other
//! work between.

mod by_id;
mod catalog;
mod entry;
mod file;
mod gates;
mod ladder;
mod lint;
mod lookup;
mod needs;
mod off;
mod parts;
mod refuse;
mod rows;
mod sequence;
mod similar;
mod similarity_note;
#[cfg(test)]
mod tests;
mod unlisted;

pub use by_id::{is_known, ran_as};
pub use catalog::PathCatalog;
pub use entry::{Entry, Origin, PathExamples, PathKind, Toggle, ToggleKind, Topic};
pub use file::{FRAMEWORKS, schema};
pub use gates::{Facts, Gates, Vendor};
pub use lint::{Problem, failed_family_examples};
pub use lookup::{Use, Way};
pub use needs::{Library, ModelKind};
pub use rows::{Found, LADDER, Rungs, find};
pub use similarity_note::similarity_note;
