//! The distinct texts of a trace, each kept once, one behind the other.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Index of a distinct text in a trace's [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub u32);

/// The distinct texts of a trace, each kept once.
#[derive(Debug, Clone, Default)]
pub struct Names {
    arena: String,
    /// Where each text ends in the arena; it begins where the one before it ends.
    ends: Vec<u32>,
    ids: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Names {
    /// The id of a text, new or known.
    pub fn intern(&mut self, text: &str) -> NameId {
        let hash = self.hasher.hash_one(text.as_bytes());
        if let Some(id) = self.find(hash, text.as_bytes()) {
            return id;
        }
        let id = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.arena.push_str(text);
        self.ends.push(u32::try_from(self.arena.len()).unwrap_or(u32::MAX));
        let (arena, ends, hasher) = (self.arena.as_bytes(), self.ends.as_slice(), &self.hasher);
        self.ids.insert_unique(hash, id, |known| hasher.hash_one(bytes_of(arena, ends, *known)));
        NameId(id)
    }

    /// The id of a text that is known.
    pub(super) fn known(&self, text: &[u8]) -> Option<NameId> {
        self.find(self.hasher.hash_one(text), text)
    }

    fn find(&self, hash: u64, text: &[u8]) -> Option<NameId> {
        let (arena, ends) = (self.arena.as_bytes(), self.ends.as_slice());
        self.ids.find(hash, |known| bytes_of(arena, ends, *known) == text).map(|id| NameId(*id))
    }

    /// The text of an id of this trace.
    pub fn get(&self, id: NameId) -> &str {
        let (start, end) = bounds(&self.ends, id.0);
        self.arena.get(start..end).unwrap_or_default()
    }

    /// How many distinct texts there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no text was interned.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of all texts together.
    pub(super) fn bytes(&self) -> usize {
        self.arena.len()
    }
}

/// Two tables are equal when they number the same texts in the same way.
impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.arena == other.arena && self.ends == other.ends
    }
}

impl Eq for Names {}

fn bounds(ends: &[u32], id: u32) -> (usize, usize) {
    let index = id as usize;
    let start = index.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    (start as usize, ends.get(index).copied().unwrap_or(start) as usize)
}

fn bytes_of<'a>(arena: &'a [u8], ends: &[u32], id: u32) -> &'a [u8] {
    let (start, end) = bounds(ends, id);
    arena.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_kept_once_and_found_again() {
        let mut names = Names::default();
        let texts: Vec<String> = (0..3000).map(|n| format!("name {}", n % 1000)).collect();
        let ids: Vec<NameId> = texts.iter().map(|text| names.intern(text)).collect();
        assert_eq!(names.len(), 1000);
        for (text, id) in texts.iter().zip(ids) {
            assert_eq!(names.get(id), text);
            assert_eq!(names.known(text.as_bytes()), Some(id));
        }
        assert_eq!(names.known(b"other"), None);
    }

    #[test]
    fn the_empty_text_is_a_text_and_an_unknown_id_has_none() {
        let mut names = Names::default();
        names.intern("a");
        let empty = names.intern("");
        assert_eq!(names.intern(""), empty);
        assert_eq!((names.get(empty), names.len()), ("", 2));
        assert_eq!(names.get(NameId(7)), "");
    }
}
