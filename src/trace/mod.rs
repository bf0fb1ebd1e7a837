//! Stage 2, *what was recorded*: from the bytes of one file to typed events.
//!
//! Knows Kineto's JSON, and neither files nor the meaning of a kernel's name.

mod category;
mod decode;
mod health;
mod loss;
mod model;
mod ns;
mod wire;

pub use decode::{Sniff, TraceError, read, sniff};
pub use health::{Health, HealthCode, LOSS_LIMIT, advice, forbids_judgement};
pub use loss::captures_by_thread;
pub use model::{
    Activity, ActivityKind, Annotation, CorrelationId, CpuOp, DeviceId, DeviceProperties, EventCounts,
    ExternalId, GraphNodeId, Header, Launch, NameId, Names, PythonFrame, SetupCall, SetupKind, StreamId,
    ThreadId, Trace,
};
pub use ns::{Ns, Span};
