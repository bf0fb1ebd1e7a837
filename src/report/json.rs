//! Machine reports: the documents of `docs/report-json.md`, pretty, with a trailing newline.

use serde::Serialize;

use crate::common::text::is_unsafe;
use crate::triage::Triage;
use crate::verdict::CheckReport;

/// A run of `check` as `report.json`.
pub fn check(report: &CheckReport) -> String {
    document(report)
}

/// One capture's tables.
pub fn triage(triage: &Triage) -> String {
    document(triage)
}

/// The triages of several ranks, as a list.
pub fn ranks(ranks: &[Triage]) -> String {
    document(&ranks)
}

/// A JSON Schema.
pub fn schema(schema: &schemars::Schema) -> String {
    document(schema)
}

fn document(value: &impl Serialize) -> String {
    // Our types are structs of text, numbers and lists, and no key of a map is anything but text: nothing
    // here can fail. If a later type can, readers get a document that says so, and its test fails.
    let mut text = serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }).to_string());
    text.push('\n');
    escape(text)
}

/// The same document with characters written as escapes that a terminal or a viewer would act on.
///
/// `serde_json` does so below U+0020. All of them stand inside strings, for which alone other characters are allowed.
fn escape(text: String) -> String {
    let acts = |c: char| c != '\n' && is_unsafe(c);
    if !text.contains(acts) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_report_reads_back_as_it_was() {
        let report = fixture::mixed();
        let text = check(&report);
        assert_eq!(serde_json::from_str::<CheckReport>(&text).unwrap(), report);
        assert!(text.ends_with("}\n") && !text.ends_with("\n\n"));
        assert_eq!(text, check(&report));
    }

    #[test]
    fn a_triage_reads_back_as_it_was() {
        let one = fixture::triage();
        assert_eq!(serde_json::from_str::<Triage>(&triage(&one)).unwrap(), one);
    }

    #[test]
    fn a_number_that_is_none_breaks_no_document() {
        let mut report = fixture::mixed();
        report.scenarios[0].price[0].busy_pct = f64::NAN;
        let read: serde_json::Value = serde_json::from_str(&check(&report)).unwrap();
        assert!(read["scenarios"][0]["price"][0]["busy_pct"].is_null());
    }

    fn assert_inert(name: &str) {
        let report = fixture::hostile(name);
        let text = check(&report);
        assert!(!text.contains(|c: char| c != '\n' && is_unsafe(c)), "{text}");
        assert_eq!(serde_json::from_str::<CheckReport>(&text).unwrap(), report);
    }

    #[test]
    fn a_hostile_name_is_kept_and_acts_on_no_terminal() {
        for name in fixture::HOSTILE {
            assert_inert(name);
        }
        assert_eq!(document(&"\u{202e}a\u{1b}\u{7f}"), "\"\\u202ea\\u001b\\u007f\"\n");
        assert_eq!(document(&"\u{e0041}"), "\"\\udb40\\udc41\"\n");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]
        #[test]
        fn any_name_at_all_is_kept(name in fixture::any_name()) {
            assert_inert(&name);
        }
    }
}
