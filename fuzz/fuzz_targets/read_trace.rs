//! A trace is untrusted: no bytes may make the reader panic or hang, and how they are cut into pieces decides
//! nothing. What a strict reader of JSON accepts, both readers must read as the same trace.
#![no_main]

use libfuzzer_sys::fuzz_target;
use profgate::trace::{self, Reader, Trace, TraceError};

fuzz_target!(|bytes: &[u8]| {
    let whole = trace::read(bytes);
    let piece = 1 + bytes.first().map_or(0, |byte| usize::from(*byte) % 61);
    let cut = in_pieces(bytes, piece);
    assert_eq!(without_details(&whole), without_details(&cut), "by {piece} bytes");
    if let Err(error) = &whole {
        assert!(!error.to_string().is_empty(), "an error without words");
    }
    if let (Ok(whole), Ok(plain)) = (whole, trace::read_plainly(bytes)) {
        assert_eq!(whole, plain);
    }
});

fn in_pieces(bytes: &[u8], piece: usize) -> Result<Trace, TraceError> {
    let mut reader = Reader::default();
    for piece in bytes.chunks(piece) {
        reader.feed(piece)?;
    }
    reader.finish()
}

/// The trace, and of its health the counts: a detail names the place of damage, which a cut may shift.
fn without_details(read: &Result<Trace, TraceError>) -> Result<(Trace, Vec<(&str, u64)>), TraceError> {
    let trace = read.clone()?;
    let health =
        read.as_ref().map(|trace| trace.health.iter().map(|(code, n, _)| (code.as_str(), n)).collect());
    Ok((Trace { health: Default::default(), ..trace }, health.unwrap_or_default()))
}
