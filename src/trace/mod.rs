//! Stage 2, *what was recorded*: from the bytes of one file to typed events.
//!
//! Knows Kineto's JSON, and neither files nor the meaning of a kernel's name.

mod category;
mod decode;
mod health;
mod model;
mod ns;
mod wire;

pub use decode::{TraceError, read};
pub use health::{Health, HealthCode, forbids_judgement};
pub use model::{
    Activity, ActivityKind, Annotation, CorrelationId, CpuOp, DeviceId, DeviceProperties, EventCounts,
    ExternalId, GraphCapture, Header, Launch, NameId, Names, PythonFrame, StreamId, ThreadId, Trace,
};
pub use ns::{Ns, Span};
