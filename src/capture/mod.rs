//! *Where captures come from*: a running server, profiled while it works, becomes a capture folder.
//!
//! Input: an address and what to do. Output: a folder with the traces of every rank and stage, the server's
//! arguments and a manifest. Two rules hold whatever happens: a start is sent once, and after it every way
//! out stops the profile. What it gives up: it starts no server, and it profiles one at a time.

mod address;
mod claim;
mod detect;
mod diffusion;
mod directories;
mod drive;
mod fault;
mod framework;
mod generator;
mod http;
mod interrupt;
mod keep;
mod load;
mod log_watch;
mod make;
mod manifest;
mod options;
mod profiler;
mod protocol;
mod secret;
mod session;
mod trace_file;
mod watch;
mod workload;

pub use address::{Address, AddressError};
pub use diffusion::{Diffusion, Medium};
pub use fault::{Failure, Fault, how_to_switch_on};
pub use framework::Framework;
pub use interrupt::Interrupt;
pub use make::{Made, capture};
pub use manifest::{FILE_NAME as MANIFEST, Manifest, captures_of};
pub use options::{CaptureOptions, Timings};
pub use secret::{Keys, Secret};
pub use workload::{Phase, Shape, Workload};
