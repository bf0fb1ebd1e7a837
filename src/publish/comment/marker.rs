//! The hidden last line of a comment: whose it is, and of which run.
//!
//! Everything in it is written with the characters of a URL's path alone, so that no branch, workflow or
//! scenario name can end the line early or forge another marker.

use std::fmt;

use crate::source::sha256;

/// What a marker begins with. The version changes when older programs could no longer read it.
const BEGIN: &str = "<!-- profgate:v1 ";

/// Bytes of an id without its GPUs; a longer one is cut and told apart by its hash.
const GATE_LIMIT: usize = 120;

/// Bytes of an id's GPUs, cut in the same way.
const GPU_LIMIT: usize = 60;

/// One run's mark on a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// What the comment is about: workflow, scenarios and GPU. One comment per id.
    pub id: String,
    /// When the run began, in seconds since 1970, or when its text was rendered; 0 when nobody noted it.
    pub at: u64,
    /// The commit that was judged.
    pub sha: String,
    /// The run of the CI system, which counts upwards; 0 when there is none.
    pub run: u64,
    /// The attempt of that run.
    pub attempt: u64,
}

impl Marker {
    /// The id of a report: its workflow, its scenarios and their GPUs. Nothing stands after the last `/` when the GPU
    /// of a scenario is not known: those of the others would be another id than all of them.
    pub fn id(workflow: &str, scenarios: &[&str], gpus: &[Option<&str>]) -> String {
        let join = |parts: &[&str]| {
            let mut parts: Vec<String> = parts.iter().map(|part| encoded(part)).collect();
            parts.sort();
            parts.dedup();
            parts.join("+")
        };
        let gate = [encoded(workflow), join(scenarios)].join("/");
        let gpus: Option<Vec<&str>> = gpus.iter().copied().collect();
        let gpus = gpus.map(|gpus| join(&gpus)).unwrap_or_default();
        format!("{}/{}", shortened(&gate, GATE_LIMIT), shortened(&gpus, GPU_LIMIT))
    }

    /// The workflow and the scenarios of the id.
    pub fn gate(&self) -> &str {
        self.id.rsplit_once('/').map_or(self.id.as_str(), |(gate, _)| gate)
    }

    /// The GPUs of the id; `None` when one of them was not known.
    pub fn gpu(&self) -> Option<&str> {
        self.id.rsplit_once('/').map(|(_, gpu)| gpu).filter(|gpu| !gpu.is_empty())
    }

    /// Reads the marker of a comment: the last line that is one, whatever a page added after it.
    pub fn find(body: &str) -> Option<Self> {
        body.lines().rev().find_map(|line| Self::parse(line.trim()))
    }

    fn parse(line: &str) -> Option<Self> {
        let inside = line.strip_prefix(BEGIN)?.strip_suffix(" -->")?;
        let mut marker = Self { id: String::new(), at: 0, sha: String::new(), run: 0, attempt: 0 };
        for word in inside.split(' ') {
            let (key, value) = word.split_once('=')?;
            match key {
                "id" => value.clone_into(&mut marker.id),
                "at" => marker.at = value.parse().ok()?,
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
        let Self { id, at, sha, run, attempt } = self;
        let sha = encoded(sha);
        write!(formatter, "{BEGIN}id={id} at={at} sha={sha} run={run} attempt={attempt} -->")
    }
}

/// Encoded text within a limit. It is ASCII, so every byte is a place to cut at.
fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let cut: String = text.chars().take(limit - 17).collect();
    let hash: String = sha256(text.as_bytes()).chars().take(16).collect();
    format!("{cut}~{hash}")
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
        let id = Marker::id(
            "Gate (nightly)",
            &["qwen3-30b", "llama"],
            &[Some("NVIDIA B300"), Some("NVIDIA B300")],
        );
        let marker = Marker { id, at: 1_800_000_000, sha: "1a2b".to_owned(), run: 77, attempt: 2 };
        insta::assert_snapshot!(
            marker,
            @"<!-- profgate:v1 id=Gate%20%28nightly%29/llama+qwen3-30b/NVIDIA%20B300 at=1800000000 sha=1a2b run=77 attempt=2 -->"
        );
    }

    #[test]
    fn a_gpu_that_is_not_known_leaves_all_of_them_away() {
        let marker = |gpus: &[Option<&str>]| {
            let id = Marker::id("gate", &["a", "b"], gpus);
            Marker { id, at: 0, sha: String::new(), run: 0, attempt: 0 }
        };
        assert_eq!(marker(&[Some("G"), None]).id, "gate/a+b/");
        assert_eq!((marker(&[None]).gpu(), marker(&[None]).gate()), (None, "gate/a+b"));
        assert_eq!(marker(&[Some("G/1"), Some("H")]).gpu(), Some("G%2F1+H"));
        assert_eq!(marker(&[Some("G/1"), Some("H")]).gate(), "gate/a+b");
    }

    #[test]
    fn what_is_no_marker_is_none() {
        for body in [
            "",
            "<!-- profgate:comment -->",
            "<!-- profgate:v1 -->",
            "<!-- profgate:v1 id= sha=1 run=1 attempt=1 -->",
            "<!-- profgate:v1 id=a at=noon sha=1 run=1 attempt=1 -->",
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
            workflow in "\\PC{0,40}|.{0,300}", scenario in "\\PC*", gpu in ".*", sha in "\\PC{0,20}", run: u64, at: u64
        ) {
            let id = Marker::id(&workflow, &[&scenario], &[Some(&gpu)]);
            prop_assert!(id.len() <= GATE_LIMIT + 1 + GPU_LIMIT);
            let marker = Marker { id, at, sha, run, attempt: 1 };
            let text = marker.to_string();
            prop_assert_eq!(text.lines().count(), 1);
            prop_assert_eq!(text.matches("-->").count(), 1);
            prop_assert_eq!(text.matches("<!--").count(), 1);
            let found = Marker::find(&text).unwrap();
            prop_assert_eq!((found.id, found.at, found.run), (marker.id, marker.at, marker.run));
        }
    }
}
