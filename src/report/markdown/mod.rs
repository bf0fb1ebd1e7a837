//! Markdown: the pull-request comment, and one capture's tables.

mod comment;
mod details;
mod escape;
mod findings;
pub mod refresh;
mod triage;

pub use comment::{BUDGET, MARKER, comment};
pub use escape::{MdCell, MdCode, MdPre};
pub use triage::triage;

use crate::report::select;
use crate::report::unit::{TimeUnit, percent};
use crate::report::words::{self, Spelling};
use crate::triage::StageTriage;

/// The rows of a stage that reach the cut as a table, and what lies below it; a sentence when none does.
fn kernel_table(stage: &StageTriage, framework: &str, min_share: f64) -> String {
    let cut = select::kernels(stage, min_share);
    let mut out = String::new();
    if !cut.rows.is_empty() {
        let per_step = TimeUnit::of_column(cut.rows.iter().map(|row| row.per_step_ns));
        let total = TimeUnit::of_column(cut.rows.iter().map(|row| row.total_ns));
        out.push_str(&format!(
            "| Kernel | Role | Launches/step | {0}/step | Total {1} | Share | Exclusive {1} | Hidden {1} | {2} | CPU op |\n\
             |:--|:--|--:|--:|--:|--:|--:|--:|:--|:--|\n",
            per_step.symbol(),
            total.symbol(),
            words::LOCATION,
        ));
        for row in &cut.rows {
            out.push_str(&format!(
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
                MdCode::new(&row.kernel),
                row.role.as_str(),
                crate::common::text::launches(row.launches_per_step),
                per_step.number(row.per_step_ns),
                total.number(row.total_ns),
                percent(row.share_pct),
                total.number(row.exclusive_ns),
                total.number(row.hidden_ns),
                MdCell::new(&words::location(row, Spelling::Code)),
                MdCell::new(&words::operators(row, Spelling::Code)),
            ));
        }
        out.push('\n');
    }
    out.push_str(&select::below(&cut, min_share));
    out.push('\n');
    if !cut.rows.is_empty() {
        out.push_str(&format!("\n{}\n", words::TIMES));
    }
    for line in words::attribution(stage, framework) {
        out.push_str(&format!("\n{}\n", MdCell::new(&line)));
    }
    out
}
