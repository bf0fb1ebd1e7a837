//! The hidden last line of a comment: whose it is, and of which run.
//!
//! Everything in it is written with the characters of a URL's path alone, so that no branch, workflow or
//! scenario name can end the line early or forge another marker.

use std::fmt;

use crate::source::sha256;

/// What a marker begins with. The version changes when older programs could no longer read it.
const BEGIN: &str = "<!-- profgate:v1 ";

/// Bytes of an id; a longer one is cut and told apart by its hash.
const ID_LIMIT: usize = 160;

/// One run's mark on a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// What the comment is about: workflow, scenarios and GPU. One comment per id.
    pub id: String,
    /// The commit that was judged.
    pub sha: String,
    /// The run of the CI system, which counts upwards; 0 when there is none.
    pub run: u64,
    /// The attempt of that run.
    pub attempt: u64,
}

impl Marker {
    /// The id of a report: its workflow, its scenarios, its GPUs.
    pub fn id(workflow: &str, scenarios: &[&str], gpus: &[&str]) -> String {
        let join = |parts: &[&str]| {
            let mut parts: Vec<String> = parts.iter().map(|part| encoded(part)).collect();
            parts.sort();
            parts.dedup();
            parts.join("+")
        };
        let whole = [encoded(workflow), join(scenarios), join(gpus)].join("/");
        if whole.len() <= ID_LIMIT {
            return whole;
        }
        let hash = sha256(whole.as_bytes());
        // Encoded text is ASCII, so every byte is a place to cut at.
        let cut: String = whole.chars().take(ID_LIMIT - 17).collect();
        format!("{cut}~{}", hash.chars().take(16).collect::<String>())
    }

    /// Reads the marker of a comment: the last line that is one, whatever a page added after it.
    pub fn find(body: &str) -> Option<Self> {
        body.lines().rev().find_map(|line| Self::parse(line.trim()))
    }

    fn parse(line: &str) -> Option<Self> {
        let inside = line.strip_prefix(BEGIN)?.strip_suffix(" -->")?;
        let mut marker = Self { id: String::new(), sha: String::new(), run: 0, attempt: 0 };
        for word in inside.split(' ') {
            let (key, value) = word.split_once('=')?;
            match key {
                "id" => value.clone_into(&mut marker.id),
                "sha" => value.clone_into(&mut marker.sha),
                "run" => marker.run = value.parse().ok()?,
                "attempt" => marker.attempt = value.parse().ok()?,
                // A later version may say more.
                _ => {}
            }
        }
        (!marker.id.is_empty()).then_some(marker)
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sha = encoded(&self.sha);
        write!(formatter, "{BEGIN}id={} sha={sha} run={} attempt={} -->", self.id, self.run, self.attempt)
    }
}

/// Text in letters, digits, `.`, `_` and single hyphens; anything else as `%` and its hexadecimal number.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            // Two hyphens in a row could end an HTML comment.
            b'-' if !out.ends_with('-') => out.push('-'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_marker_reads_as_one_line_that_people_can_read_too() {
        let id = Marker::id("Gate (nightly)", &["qwen3-30b", "llama"], &["NVIDIA B300"]);
        let marker = Marker { id, sha: "1a2b".to_owned(), run: 77, attempt: 2 };
        insta::assert_snapshot!(
            marker,
            @"<!-- profgate:v1 id=Gate%20%28nightly%29/llama+qwen3-30b/NVIDIA%20B300 sha=1a2b run=77 attempt=2 -->"
        );
    }

    #[test]
    fn what_is_no_marker_is_none() {
        for body in [
            "",
            "<!-- profgate:comment -->",
            "<!-- profgate:v1 -->",
            "<!-- profgate:v1 id= sha=1 run=1 attempt=1 -->",
            "<!-- profgate:v1 id=a sha=1 run=many attempt=1 -->",
            "text <!-- profgate:v1 id=a sha=1 run=1 attempt=1 -->",
        ] {
            assert_eq!(Marker::find(body), None, "{body}");
        }
    }

    #[test]
    fn the_last_marker_counts_and_what_a_page_adds_after_it_does_not() {
        let body = "<!-- profgate:v1 id=a sha=1 run=1 attempt=1 -->\r\n\
                    <!-- profgate:v1 id=b sha=2 run=2 attempt=1 later=x -->\r\n\nSent from a mail client";
        assert_eq!(Marker::find(body).unwrap().id, "b");
    }

    proptest! {
        #[test]
        fn any_names_make_one_marker_that_is_read_back(
            workflow in "\\PC{0,40}|.{0,300}", scenario in "\\PC*", gpu in ".*", sha in "\\PC{0,20}", run: u64
        ) {
            let id = Marker::id(&workflow, &[&scenario], &[&gpu]);
            prop_assert!(id.len() <= ID_LIMIT);
            let marker = Marker { id, sha, run, attempt: 1 };
            let text = marker.to_string();
            prop_assert_eq!(text.lines().count(), 1);
            prop_assert_eq!(text.matches("-->").count(), 1);
            prop_assert_eq!(text.matches("<!--").count(), 1);
            let found = Marker::find(&text).unwrap();
            prop_assert_eq!((found.id, found.run), (marker.id, marker.run));
        }
    }
}
