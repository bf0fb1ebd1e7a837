//! Processes, threads, devices and streams as texts: numbers and texts mix inside one file.

use super::names::{NameId, Names};
use super::wire::{self, Raw};

/// The last of each kind. One event mostly has the tracks of the one before it.
#[derive(Debug, Default)]
pub struct Tracks {
    /// GPU ordinals.
    pub device: Track,
    /// Streams.
    pub stream: Track,
    /// Processes.
    pub pid: Track,
    /// Threads.
    pub tid: Track,
}

/// The last raw value of one kind, and the id of its text.
#[derive(Debug, Default)]
pub struct Track {
    last: Option<(Vec<u8>, NameId)>,
}

impl Track {
    /// The id of a track's text; that of the empty text where there is none.
    pub fn id(&mut self, names: &mut Names, value: Option<Raw<'_>>) -> NameId {
        let value = value.unwrap_or_default();
        if let Some((raw, id)) = &self.last
            && raw == value
        {
            return *id;
        }
        let text = wire::text(value).unwrap_or_default();
        let id = match names.known(&text) {
            Some(id) => id,
            None => names.intern(&String::from_utf8_lossy(&text)),
        };
        let (raw, last) = self.last.get_or_insert_with(|| (Vec::new(), id));
        raw.clear();
        raw.extend_from_slice(value);
        *last = id;
        id
    }
}
