//! The requests that make a server work while it is profiled.
//!
//! Prompts are token numbers, not text: their length is exact whatever the tokenizer. No two prompts begin
//! alike, so that no prefix cache answers for the model, and they are the same in every run, so that two
//! captures compare.

use std::fmt;

use serde_json::{Value, json};

use super::framework::Framework;

/// What is profiled of serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Prompts are read.
    Prefill,
    /// Tokens are generated.
    Decode,
}

impl Phase {
    /// The name of its folder.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prefill => "prefill",
            Self::Decode => "decode",
        }
    }
}

/// Lengths of a request, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Of the prompt.
    pub input: u32,
    /// Of the answer.
    pub output: u32,
}

impl Shape {
    /// Longer than any context; keeps a typing error from being sent.
    pub const LONGEST: u32 = 1 << 21;

    /// Reads `4090:1`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "write the tokens of prompt and answer, such as 4090:1".to_owned();
        let (input, output) = text.split_once(':').ok_or_else(wrong)?;
        let number = |text: &str| match text.trim().parse() {
            Ok(0) => Err("a prompt and an answer have at least one token".to_owned()),
            Ok(number) if number <= Self::LONGEST => Ok(number),
            Ok(_) => Err(format!("more than {} tokens", Self::LONGEST)),
            Err(_) => Err(wrong()),
        };
        Ok(Self { input: number(input)?, output: number(output)? })
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.input, self.output)
    }
}

/// The requests of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    /// A prefill request.
    pub prefill: Shape,
    /// A decode request.
    pub decode: Shape,
    /// Prefill requests at once.
    pub prefill_concurrency: u32,
    /// Decode requests at once, which is the batch.
    pub decode_batch: u32,
    /// Prefill requests, and decode steps, before the profiler is armed.
    pub warmup: u32,
}

impl Workload {
    /// The lengths that docs/live-servers.md names.
    pub const DEFAULT: Self = Self {
        prefill: Shape { input: 4090, output: 1 },
        decode: Shape { input: 1, output: 2048 },
        prefill_concurrency: 1,
        decode_batch: 16,
        warmup: 10,
    };

    /// More at once is a load test and no profile.
    pub const MOST_AT_ONCE: u32 = 512;
}

/// Ordinary tokens of every vocabulary: above the special ones, below the end of the smallest.
const TOKENS: std::ops::Range<u64> = 16..256;

/// The prompt of the k-th request.
pub fn prompt(k: u64, length: u32) -> Vec<u64> {
    let alphabet = TOKENS.end - TOKENS.start;
    // k in the alphabet's digits, lowest first, marks the prompt; the rest is drawn from k.
    let mut digits = k;
    let mut state = k.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    (0..length)
        .map(|at| {
            let draw = if at < 4 {
                let digit = digits % alphabet;
                digits /= alphabet;
                digit
            } else {
                // Xorshift: enough to keep experts and caches from seeing the same token again and again.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state % alphabet
            };
            TOKENS.start + draw
        })
        .collect()
}

/// Where requests go.
pub fn path(framework: Framework) -> &'static str {
    match framework {
        Framework::Sglang | Framework::TokenSpeed => "/generate",
        Framework::Vllm | Framework::TensorRtLlm => "/v1/completions",
    }
}

/// The body of the k-th request.
pub fn body(framework: Framework, model: Option<&str>, k: u64, shape: Shape, is_stream: bool) -> Value {
    match framework {
        Framework::Sglang | Framework::TokenSpeed => json!({
            "input_ids": prompt(k, shape.input),
            "sampling_params": {"temperature": 0.0, "max_new_tokens": shape.output, "ignore_eos": true},
            "stream": is_stream,
        }),
        Framework::Vllm | Framework::TensorRtLlm => {
            let mut body = json!({
                "model": model.unwrap_or_default(),
                "prompt": prompt(k, shape.input),
                "temperature": 0.0,
                "max_tokens": shape.output,
                "ignore_eos": true,
                "stream": is_stream,
            });
            if is_stream && let Some(map) = body.as_object_mut() {
                map.insert(
                    "stream_options".to_owned(),
                    json!({"include_usage": true, "continuous_usage_stats": true}),
                );
            }
            body
        }
    }
}

/// What a server counted of one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input: Option<u64>,
    /// Tokens of the answer so far.
    pub output: Option<u64>,
    /// Tokens of the prompt that a cache answered.
    pub cached: Option<u64>,
}

impl Usage {
    /// Reads an answer, or one event of a stream.
    pub fn of(answer: &Value) -> Self {
        let number = |place: &str, key: &str| answer.get(place).and_then(|usage| usage.get(key)?.as_u64());
        let details = answer.get("usage").and_then(|usage| usage.get("prompt_tokens_details"));
        Self {
            input: number("meta_info", "prompt_tokens").or_else(|| number("usage", "prompt_tokens")),
            output: number("meta_info", "completion_tokens").or_else(|| number("usage", "completion_tokens")),
            cached: number("meta_info", "cached_tokens")
                .or_else(|| details.and_then(|details| details.get("cached_tokens")?.as_u64())),
        }
    }

    /// What is known after a further event.
    pub fn update(&mut self, later: Self) {
        self.input = later.input.or(self.input);
        self.output = later.output.or(self.output);
        self.cached = later.cached.or(self.cached);
    }

    /// What the server counted differently from what was asked; `is_whole` says that the request ended.
    pub fn fault(&self, shape: Shape, is_whole: bool) -> Option<String> {
        // Some engines put a token or two in front of every prompt.
        const MOST_ADDED: u64 = 2;
        let (input, output) = (u64::from(shape.input), u64::from(shape.output));
        match *self {
            Self { input: Some(counted), .. } if counted < input || counted > input + MOST_ADDED => {
                Some(format!("a prompt of {input} tokens was counted as {counted}"))
            }
            Self { output: Some(counted), .. } if is_whole && counted != output => {
                Some(format!("an answer of {output} tokens was counted as {counted}"))
            }
            Self { cached: Some(cached), .. } if cached * 2 > input && input > 1 => {
                Some(format!("{cached} of {input} prompt tokens came from a cache"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_prompts_begin_alike_and_all_are_of_their_length() {
        let starts: BTreeSet<Vec<u64>> = (0..60_000).map(|k| prompt(k, 4)).collect();
        assert_eq!(starts.len(), 60_000);
        for length in [1, 4, 5, 4090] {
            let tokens = prompt(7, length);
            assert_eq!(tokens.len(), length as usize);
            assert!(tokens.iter().all(|token| TOKENS.contains(token)));
        }
        let long = prompt(3, 4090);
        assert!(long.iter().collect::<BTreeSet<_>>().len() > 200, "the rest of a prompt is not one token");
        assert_eq!(long, prompt(3, 4090));
    }

    #[test]
    fn shapes_are_two_lengths() {
        assert_eq!(Shape::parse("4090:1"), Ok(Shape { input: 4090, output: 1 }));
        for wrong in ["", "4090", "0:1", "1:0", "a:b", "1:99999999", "-1:2", "1:2:3"] {
            assert!(Shape::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_are_read_where_each_engine_puts_them() {
        let sglang = json!({"text": "", "meta_info": {"prompt_tokens": 4, "completion_tokens": 2, "cached_tokens": 0}});
        let vllm = json!({"usage": {"prompt_tokens": 4, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 0}}});
        for answer in [sglang, vllm] {
            assert_eq!(Usage::of(&answer), Usage { input: Some(4), output: Some(2), cached: Some(0) });
        }
        assert_eq!(Usage::of(&json!([1])), Usage::default());
    }

    #[test]
    fn a_wrong_count_is_told_and_an_unknown_one_is_not() {
        let shape = Shape { input: 100, output: 8 };
        let usage =
            |input, output, cached| Usage { input: Some(input), output: Some(output), cached: Some(cached) };
        assert_eq!(usage(100, 8, 0).fault(shape, true), None);
        assert_eq!(usage(101, 8, 1).fault(shape, true), None);
        assert_eq!(usage(100, 3, 0).fault(shape, false), None);
        assert_eq!(Usage::default().fault(shape, true), None);
        for (wrong, word) in
            [(usage(99, 8, 0), "prompt"), (usage(100, 7, 0), "answer"), (usage(100, 8, 99), "cache")]
        {
            assert!(wrong.fault(shape, true).unwrap().contains(word));
        }
    }
}
