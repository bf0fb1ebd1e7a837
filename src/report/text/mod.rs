//! Text for a terminal or a build log: fits the width, coloured only when asked.

mod check;
mod page;
mod triage;

pub use check::{check, check_line};
pub use triage::triage;
