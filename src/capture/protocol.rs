//! What each engine wants to be sent, and how its profile ends.
//!
//! Requests that end a real server are not expressible here: a directory is absolute, steps by stage always
//! come with their number, and nothing of the user's gets into a file's name.

use serde_json::{Map, Value, json};

use super::framework::Framework;

/// What a start request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Steps to record, as the engine counts them; at least one.
    pub num_steps: u32,
    /// Whether the server shall write a file for each stage.
    pub by_stage: bool,
    /// Where the server shall write, by its own path.
    pub output_dir: Option<String>,
    /// The beginning of the files' names, where the engine takes one.
    pub prefix: String,
    /// Whether the server has a GPU.
    pub has_gpu: bool,
}

/// The body of a start request. Engines differ in what they ignore and what they refuse, so each gets only
/// fields of its own.
pub fn start_body(framework: Framework, start: &Start) -> Value {
    let activities = if start.has_gpu { json!(["CPU", "GPU"]) } else { json!(["CPU"]) };
    let mut body = Map::new();
    match framework {
        Framework::Vllm => {
            body.insert("profile_prefix".to_owned(), json!(start.prefix));
            body.insert("max_iterations".to_owned(), json!(start.num_steps));
        }
        Framework::Sglang | Framework::TensorRtLlm | Framework::TokenSpeed => {
            body.insert("output_dir".to_owned(), json!(start.output_dir));
            body.insert("num_steps".to_owned(), json!(start.num_steps));
            body.insert("activities".to_owned(), activities);
            if start.by_stage && framework.has_by_stage() {
                body.insert("profile_by_stage".to_owned(), json!(true));
            }
        }
    }
    Value::Object(body)
}

/// How a profile ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A stop request always, and the files are there when it is answered.
    Stop,
    /// The server ends it after the last step; a stop request only where that did not happen.
    ByItself,
}

impl End {
    /// How an engine's profile ends.
    pub fn of(framework: Framework) -> Self {
        match framework {
            // Without a stop request, every later start is refused with 409.
            Framework::Vllm => Self::Stop,
            Framework::Sglang | Framework::TensorRtLlm | Framework::TokenSpeed => Self::ByItself,
        }
    }
}

/// How many steps an engine must count to record so many of a stage.
///
/// vLLM counts the empty step that follows a request whose only token came with its prompt.
pub fn counted_steps(framework: Framework, num_steps: u32, is_prefill: bool) -> u32 {
    match framework {
        Framework::Vllm if is_prefill => num_steps.saturating_mul(2),
        Framework::Vllm | Framework::Sglang | Framework::TensorRtLlm | Framework::TokenSpeed => num_steps,
    }
}

/// Whether a start is answered only when the steps have run: SGLang before 0.5.2, and any that does not tell.
pub fn answers_at_the_end(framework: Framework, version: Option<&str>) -> bool {
    framework == Framework::Sglang && version.is_none_or(|version| numbers(version) < (0, 5, 2))
}

/// Whether a version ignores that files by stage are asked for: SGLang before 0.5.2.
pub fn ignores_by_stage(framework: Framework, version: Option<&str>) -> bool {
    framework == Framework::Sglang && version.is_some_and(|version| numbers(version) < (0, 5, 2))
}

/// The first three numbers of a version.
fn numbers(version: &str) -> (u32, u32, u32) {
    let mut numbers = version.split('.').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().unwrap_or(0)
    });
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

/// The first reason why a start was not accepted although its status is 200, in the server's words.
pub fn refusal(body: &Value) -> Option<String> {
    let is_refused = body.get("success") == Some(&Value::Bool(false))
        || body.get("ok") == Some(&Value::Bool(false))
        || count_of(body, "successful") == Some(0)
        || count_of(body, "failed").is_some_and(|failed| failed > 0);
    is_refused.then(|| {
        body.get("message").and_then(Value::as_str).unwrap_or("the server reports no success").to_owned()
    })
}

/// Whether a router's answer says that some of its workers did it, and others not.
pub fn has_begun_in_part(body: &Value) -> bool {
    count_of(body, "successful").is_some_and(|count| count > 0) && refusal(body).is_some()
}

/// How many workers a router means, whether it counts them or lists them.
fn count_of(body: &Value, key: &str) -> Option<u64> {
    let value = body.get(key)?;
    value.as_u64().or_else(|| Some(value.as_array()?.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(by_stage: bool) -> Start {
        Start {
            num_steps: 5,
            by_stage,
            output_dir: Some("/t/a".to_owned()),
            prefix: "p".to_owned(),
            has_gpu: true,
        }
    }

    #[test]
    fn each_engine_gets_only_its_own_fields() {
        let keys = |framework, by_stage| {
            let body = start_body(framework, &start(by_stage));
            body.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(keys(Framework::Vllm, false), "max_iterations profile_prefix");
        assert_eq!(keys(Framework::TensorRtLlm, false), "activities num_steps output_dir");
        assert_eq!(keys(Framework::Sglang, false), "activities num_steps output_dir");
        assert_eq!(keys(Framework::Sglang, true), "activities num_steps output_dir profile_by_stage");
        assert_eq!(keys(Framework::TokenSpeed, true), "activities num_steps output_dir profile_by_stage");
    }

    #[test]
    fn only_old_sglang_answers_at_the_end() {
        for (framework, version, wanted) in [
            (Framework::Sglang, Some("0.4.6.post5"), true),
            (Framework::Sglang, Some("0.5.1"), true),
            (Framework::Sglang, Some("0.5.2"), false),
            (Framework::Sglang, Some("0.5.23"), false),
            (Framework::Sglang, Some("1.0"), false),
            (Framework::Sglang, None, true),
            (Framework::Vllm, Some("0.1"), false),
            (Framework::TokenSpeed, None, false),
        ] {
            assert_eq!(answers_at_the_end(framework, version), wanted, "{framework} {version:?}");
        }
    }

    #[test]
    fn a_refusal_inside_of_a_200_is_seen() {
        let words = "Profiling is already in progress";
        assert_eq!(refusal(&json!({"success": false, "message": words})).as_deref(), Some(words));
        assert!(refusal(&json!({"successful": 1, "failed": 1, "total_workers": 2})).is_some());
        assert!(refusal(&json!({"successful": ["a"], "failed": [{"worker": "b"}]})).is_some());
        assert_eq!(refusal(&json!({"successful": 2, "failed": 0})), None);
        for (successful, failed, wanted) in [(1, 1, true), (0, 2, false), (2, 0, false)] {
            let body = json!({"successful": successful, "failed": failed});
            assert_eq!(has_begun_in_part(&body), wanted, "{body}");
        }
        assert_eq!(refusal(&json!({"message": "Profiling started"})), None);
        assert_eq!(refusal(&json!("Start profiling.")), None);
    }
}
