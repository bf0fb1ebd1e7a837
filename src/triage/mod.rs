//! Stage 3, *what it means*: from typed events to the three tables.

pub mod classify;
