//! What a name says, worked out once per distinct name: a trace has few names and very many rows.

use crate::trace::{NameId, Names, Trace};

/// Answers about names that were asked so far.
pub struct ByName<'t, T> {
    names: &'t Names,
    known: Vec<Option<T>>,
}

impl<'t, T: Copy> ByName<'t, T> {
    /// Nothing is asked yet.
    pub fn new(trace: &'t Trace) -> Self {
        Self { names: &trace.names, known: vec![None; trace.names.len()] }
    }

    /// What `tell` says of a name.
    #[inline]
    pub fn get(&mut self, name: NameId, tell: impl FnOnce(&'t str) -> T) -> T {
        match self.known.get_mut(name.0 as usize) {
            Some(slot) => *slot.get_or_insert_with(|| tell(self.names.get(name))),
            None => tell(self.names.get(name)),
        }
    }
}
