//! Captures written down as a baseline.

use super::capture::Capture;
use crate::baseline::{observe, to_yaml};
use crate::verdict::{Finding, doubts_about_capture};

/// The text of a baseline for a capture, or why the capture must not become one.
pub fn record(capture: &Capture, commit: Option<&str>) -> Result<String, Vec<Finding>> {
    let doubts = doubts_about_capture(&capture.ranks);
    if doubts.is_empty() { Ok(to_yaml(&observe(&capture.ranks), commit)) } else { Err(doubts) }
}
