//! Stage 2, *what was recorded*: from the bytes of one file to typed events.
//!
//! Knows Kineto's JSON, and neither files nor the meaning of a kernel's name.

mod category;
mod decode;
mod health;
mod join;
mod lex;
mod loss;
mod model;
mod names;
mod ns;
mod plain;
mod reader;
mod resync;
mod skim;
mod sniff;
#[cfg(test)]
mod tests;
mod tracks;
mod wire;

pub use decode::{MAX_EVENTS, MAX_NAME_BYTES, MAX_NAMES, TraceError};
pub use health::{Health, HealthCode, LOSS_LIMIT, advice, forbids_judgement};
pub use join::Join;
pub use lex::MAX_DEPTH;
pub use loss::captures_by_thread;
pub use model::{
    Activity, ActivityKind, Annotation, CorrelationId, CpuOp, DeviceId, DeviceProperties, EventCounts,
    ExternalId, GraphNodeId, GroupId, Header, Launch, PythonFrame, SetupCall, SetupKind, StreamId, ThreadId,
    Trace,
};
pub use names::{NameId, Names};
pub use ns::{Ns, Span};
pub use plain::{PlainError, read_plainly};
pub use reader::{Reader, read};
pub use sniff::{Sniff, sniff};
