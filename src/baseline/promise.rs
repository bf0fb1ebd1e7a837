//! What a person promises of a scenario, in a baseline or in the configuration. It needs no recorded number.

use schemars::JsonSchema;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::common::text::launches;
use crate::common::yaml::{Spanned, YamlError};
use crate::triage::{Role, Stage};

/// One row of `expect:`. It is about a path, a kernel or a role, and about nothing else.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Promise {
    /// Catalog id of a path.
    pub path: Option<String>,
    /// Kernel id; `*` stands for any characters.
    pub kernel: Option<String>,
    /// What the kernels do.
    pub role: Option<Role>,
    /// The stage; every stage of the capture when not given.
    pub stage: Option<Stage>,
    /// `active`, `partial` or `absent` of a path, `required` or `forbidden` of a kernel.
    pub state: Option<PromisedState>,
    /// Fewest instances of a path or launches of a kernel.
    pub at_least: Option<f64>,
    /// What `at-least` counts in; a step when not given.
    pub per: Option<Per>,
    /// Launches of a kernel in a step.
    pub launches: Option<LaunchRange>,
    /// Most exposed microseconds of a role in a step.
    pub exposed_us: Option<f64>,
    /// Why it is promised; shown with the finding.
    pub reason: Option<String>,
}

/// What is promised of a path or a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PromisedState {
    /// The path runs fused everywhere.
    Active,
    /// The path runs fused somewhere.
    Partial,
    /// The path does not run fused.
    Absent,
    /// The kernel runs.
    Required,
    /// The kernel does not run.
    Forbidden,
}

/// What instances are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// One forward pass.
    Step,
    /// One layer of it.
    Layer,
}

/// Launches of a step: one number, or `[fewest, most]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaunchRange {
    /// Fewest.
    pub least: f64,
    /// Most.
    pub most: f64,
}

impl LaunchRange {
    /// Whether a mean over steps lies inside.
    pub fn holds(self, launches: f64) -> bool {
        /// Means of launches are written with three decimals.
        const OPEN: f64 = 0.0005;
        launches >= self.least - OPEN && launches <= self.most + OPEN
    }

    /// As a person says it.
    pub fn text(self) -> String {
        if self.least == self.most {
            launches(self.least)
        } else {
            format!("{} to {}", launches(self.least), launches(self.most))
        }
    }
}

impl Serialize for LaunchRange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.least, self.most].serialize(serializer)
    }
}

impl JsonSchema for LaunchRange {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LaunchRange".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let number = || schemars::json_schema!({ "type": "number", "minimum": 0 });
        schemars::json_schema!({
            "description": "Launches of a step: one number, or fewest and most.",
            "anyOf": [number(), { "type": "array", "items": number(), "minItems": 2, "maxItems": 2 }],
        })
    }
}

impl<'de> Deserialize<'de> for LaunchRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrTwo;
        impl<'de> Visitor<'de> for OneOrTwo {
            type Value = LaunchRange;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a number of launches or a list of two, fewest and most")
            }
            fn visit_u64<E>(self, value: u64) -> Result<LaunchRange, E> {
                Ok(LaunchRange { least: value as f64, most: value as f64 })
            }
            fn visit_i64<E>(self, value: i64) -> Result<LaunchRange, E> {
                Ok(LaunchRange { least: value as f64, most: value as f64 })
            }
            fn visit_f64<E>(self, value: f64) -> Result<LaunchRange, E> {
                Ok(LaunchRange { least: value, most: value })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<LaunchRange, A::Error> {
                let mut next = |n| {
                    seq.next_element::<f64>()?
                        .ok_or_else(|| <A::Error as serde::de::Error>::invalid_length(n, &"two numbers"))
                };
                let range = LaunchRange { least: next(0)?, most: next(1)? };
                match seq.next_element::<f64>()? {
                    None => Ok(range),
                    Some(_) => Err(serde::de::Error::invalid_length(3, &"two numbers")),
                }
            }
        }
        deserializer.deserialize_any(OneOrTwo)
    }
}

/// What a promise is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'p> {
    /// A catalog path.
    Path(&'p str),
    /// Kernels whose id matches a pattern.
    Kernel(&'p str),
    /// Kernels of a role.
    Role(Role),
}

impl Subject<'_> {
    /// The text by which findings and waivers name it.
    pub fn text(self) -> String {
        match self {
            Self::Path(text) | Self::Kernel(text) => text.to_owned(),
            Self::Role(role) => role.as_str().to_owned(),
        }
    }
}

impl Promise {
    /// What it is about; `None` only for a promise that [`check`] refuses.
    pub fn subject(&self) -> Option<Subject<'_>> {
        match (&self.path, &self.kernel, self.role) {
            (Some(path), None, None) => Some(Subject::Path(path)),
            (None, Some(kernel), None) => Some(Subject::Kernel(kernel)),
            (None, None, Some(role)) => Some(Subject::Role(role)),
            _ => None,
        }
    }
}

/// Whether a kernel id is one that a pattern means; `*` stands for any characters.
pub fn matches(pattern: &str, kernel: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| kernel.strip_prefix(first)) else { return false };
    let Some((last, middle)) = parts.collect::<Vec<_>>().split_last().map(|(l, m)| (*l, m.to_vec())) else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Refuses promises that say nothing or contradict themselves.
pub fn check(promises: &[Spanned<Promise>], path: &std::path::Path) -> Result<(), YamlError> {
    for place in promises {
        if let Err((message, help)) = check_one(&place.value) {
            return Err(YamlError::at(path, place, message).with_help(help));
        }
    }
    Ok(())
}

fn check_one(promise: &Promise) -> Result<(), (String, &'static str)> {
    let wrong = |message: &str, help| Err((message.to_owned(), help));
    let numbers = [promise.at_least, promise.exposed_us]
        .into_iter()
        .flatten()
        .chain(promise.launches.iter().flat_map(|range| [range.least, range.most]));
    if numbers.into_iter().any(|number| !number.is_finite() || number < 0.0) {
        return wrong("a number of the promise is negative or not finite", "give a number from 0 on");
    }
    if promise.launches.is_some_and(|range| range.least > range.most) {
        return wrong("`launches` begins above its end", "write the fewest launches first");
    }
    if promise.per.is_some() && promise.at_least.is_none() {
        return wrong("`per` says what `at-least` counts in, and `at-least` is missing", "add `at-least`");
    }
    let Some(subject) = promise.subject() else {
        return wrong(
            "a promise is about one `path`, one `kernel` or one `role`",
            "name exactly one of them in each row",
        );
    };
    match subject {
        Subject::Path(_) => check_path(promise),
        Subject::Kernel(_) => check_kernel(promise),
        Subject::Role(_) => {
            if promise.exposed_us.is_none() {
                return wrong("the promise about a role has no limit", "add `exposed-us`");
            }
            if promise.state.is_some() || promise.at_least.is_some() || promise.launches.is_some() {
                return wrong("a role has `exposed-us` and nothing else", "name a kernel or a path");
            }
            Ok(())
        }
    }
}

fn check_path(promise: &Promise) -> Result<(), (String, &'static str)> {
    let wrong = |message: &str, help| Err((message.to_owned(), help));
    if promise.exposed_us.is_some() || promise.launches.is_some() {
        return wrong("a path has neither `exposed-us` nor `launches`", "use `at-least`, or name a kernel");
    }
    match promise.state {
        None | Some(PromisedState::Active | PromisedState::Partial) => Ok(()),
        Some(PromisedState::Absent) if promise.at_least.is_none() => Ok(()),
        Some(PromisedState::Absent) => wrong("what is absent has no `at-least`", "remove one of both"),
        Some(PromisedState::Required | PromisedState::Forbidden) => {
            wrong("this is a state of a kernel", "a path is `active`, `partial` or `absent`")
        }
    }
}

fn check_kernel(promise: &Promise) -> Result<(), (String, &'static str)> {
    let wrong = |message: &str, help| Err((message.to_owned(), help));
    if promise.exposed_us.is_some() {
        return wrong("a kernel has no `exposed-us`", "name a role");
    }
    match promise.state {
        Some(PromisedState::Active | PromisedState::Partial | PromisedState::Absent) => {
            wrong("this is a state of a path", "a kernel is `required` or `forbidden`")
        }
        Some(PromisedState::Forbidden) if promise.at_least.is_some() || promise.launches.is_some() => {
            wrong("what is forbidden has no number of launches", "remove one of both")
        }
        None if promise.at_least.is_none() && promise.launches.is_none() => {
            wrong("the promise about a kernel promises nothing", "add `state`, `at-least` or `launches`")
        }
        _ if promise.at_least.is_some() && promise.launches.is_some() => {
            wrong("`launches` is a range, and `at-least` is another", "keep one of them")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::common::yaml;

    fn read(row: &str) -> Result<(), YamlError> {
        let path = Path::new("b.yaml");
        let promises: Vec<Spanned<Promise>> = yaml::from_str(row, path)?;
        check(&promises, path)
    }

    #[test]
    fn whole_promises_are_accepted() {
        for row in [
            "- { path: p }",
            "- { path: p, stage: decode, state: active, at-least: 2, per: layer }",
            "- { path: p, state: absent, reason: not on this GPU }",
            "- { kernel: k, launches: 48 }",
            "- { kernel: k, launches: [47, 49] }",
            "- { kernel: \"triton-*\", state: forbidden }",
            "- { kernel: k, state: required, at-least: 1 }",
            "- { role: communication, stage: decode, exposed-us: 50 }",
        ] {
            assert!(read(row).is_ok(), "{row}: {:?}", read(row));
        }
    }

    #[test]
    fn what_says_nothing_or_contradicts_itself_is_refused_with_its_place() {
        for (row, said) in [
            ("- { stage: decode }", "one `path`, one `kernel` or one `role`"),
            ("- { path: p, kernel: k }", "one `path`, one `kernel` or one `role`"),
            ("- { kernel: k }", "promises nothing"),
            ("- { kernel: k, state: active }", "state of a path"),
            ("- { path: p, state: forbidden }", "state of a kernel"),
            ("- { path: p, state: absent, at-least: 1 }", "no `at-least`"),
            ("- { kernel: k, state: forbidden, launches: 1 }", "no number of launches"),
            ("- { kernel: k, launches: [3, 1] }", "begins above its end"),
            ("- { kernel: k, at-least: -1 }", "negative"),
            ("- { role: communication }", "no limit"),
            ("- { path: p, per: layer }", "`at-least` is missing"),
            ("- { path: p, state: split }", "unknown value `split`"),
            ("- { path: p, atleast: 2 }", "unknown key `atleast`"),
        ] {
            let error = read(row).unwrap_err();
            assert!(error.message.contains(said), "{row}: {}", error.message);
            assert_eq!(error.line, 1, "{row}");
            assert!(error.help.is_some(), "{row}");
        }
    }

    #[test]
    fn patterns_match_whole_ids() {
        for (pattern, kernel, is) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("*", "", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("ab*ba", "aba", false),
            ("triton-*", "my-triton-x", false),
        ] {
            assert_eq!(matches(pattern, kernel), is, "{pattern} {kernel}");
        }
    }
}
