//! Which serving engine recorded a trace, and what that rests on.
//!
//! Kernel names are no evidence: engines borrow one another's kernels. What an engine alone writes is: its
//! own annotation, its own files on the Python stack, its own operators.

use std::collections::BTreeMap;

use super::by_name::ByName;
use super::paths::ModelKind;
use crate::trace::Trace;

/// The engine's id as the JSON contract spells it, and the evidence in words.
pub struct Framework {
    /// `sglang`, `vllm`, `trtllm`, `tokenspeed` or `unknown`.
    pub id: &'static str,
    /// Why.
    pub evidence: String,
}

/// A directory that only one engine's Python files lie in.
const FILES: [(&str, &[&str]); 4] = [
    ("sglang", &["sglang/srt/", "sglang/jit_kernel/", "sglang/multimodal_gen/"]),
    ("vllm", &["vllm/v1/", "vllm/model_executor/", "vllm/worker/", "vllm/engine/", "vllm/attention/"]),
    ("trtllm", &["tensorrt_llm/"]),
    ("tokenspeed", &["tokenspeed/"]),
];

/// An operator namespace that only one engine registers. TensorRT-LLM loads other engines' operators too.
const OPS: [(&str, &str); 3] = [("sglang", "sglang::"), ("trtllm", "trtllm::"), ("vllm", "vllm::")];

/// Decides which engine wrote a trace; `unknown` when nothing that only one engine writes is found.
pub fn detect(trace: &Trace) -> Framework {
    let mut frames = [0_u64; FILES.len()];
    let mut known = ByName::new(trace);
    for frame in &trace.python_frames {
        let engines = known.get(frame.name, engines_of);
        for (count, is_of) in frames.iter_mut().zip(engines) {
            *count += u64::from(is_of);
        }
    }
    let most = frames.iter().zip(FILES).max_by_key(|(count, _)| **count);
    if let Some((count, (id, directories))) = most
        && *count > 0
    {
        let place = directories.first().copied().unwrap_or_default();
        return Framework { id, evidence: format!("{count} Python calls in files such as {place}") };
    }
    let annotation = |prefix: &str| {
        trace.annotations.iter().map(|one| trace.names.get(one.name)).find(|name| name.starts_with(prefix))
    };
    // Several engines write `step[…]`; an operator of TensorRT-LLM's tells it apart.
    let has_op =
        |namespace: &str| trace.cpu_ops.iter().any(|op| trace.names.get(op.name).starts_with(namespace));
    let is_trtllm = has_op("trtllm::") && !has_op("sglang::");
    if let Some(name) = annotation("step[").filter(|_| !is_trtllm) {
        return Framework { id: "sglang", evidence: format!("the annotation {name}") };
    }
    for (id, namespace) in OPS {
        let op =
            trace.cpu_ops.iter().map(|op| trace.names.get(op.name)).find(|name| name.starts_with(namespace));
        if let Some(op) = op {
            return Framework { id, evidence: format!("the operator {op}") };
        }
    }
    if let Some(name) = annotation("execute_") {
        return Framework { id: "vllm", evidence: format!("the annotation {name}") };
    }
    Framework {
        id: "unknown",
        evidence: "no annotation, Python file or operator that only one engine has".to_owned(),
    }
}

/// Files beside the models that hold no model of their own.
const NO_MODEL: [&str; 8] =
    ["utils", "registry", "interfaces", "interfaces_base", "adapters", "transformers", "vision", "__init__"];

/// The file of an engine that holds the code of the model which ran, without its ending: `qwen3_moe`. The one that
/// most Python calls are in; the first by name of several.
pub fn model_code(trace: &Trace) -> Option<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut known = ByName::new(trace);
    for frame in &trace.python_frames {
        if let Some(code) = known.get(frame.name, code_of) {
            *counts.entry(code).or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(code, count)| (*count, std::cmp::Reverse(*code)))?;
    Some(most.0.to_owned())
}

/// Directories of Python files that only diffusion models run through.
const DIFFUSION: [&str; 2] = ["sglang/multimodal_gen/", "vllm_omni/diffusion/"];

/// What the model makes, by the Python files that ran; `None` where no engine's are on a stack.
pub fn serves(trace: &Trace) -> Option<ModelKind> {
    let mut known = ByName::new(trace);
    let mut of_frames = trace.python_frames.iter().map(|frame| {
        known.get(frame.name, |name| {
            let is_diffusion = DIFFUSION.iter().any(|directory| name.contains(directory));
            (is_diffusion, engines_of(name).contains(&true))
        })
    });
    let mut is_engine = false;
    let is_diffusion = of_frames.any(|(is_diffusion, engine)| {
        is_engine |= engine;
        is_diffusion
    });
    match (is_diffusion, is_engine) {
        (true, _) => Some(ModelKind::Diffusion),
        (false, true) => Some(ModelKind::Language),
        (false, false) => None,
    }
}

fn code_of(frame: &str) -> Option<&str> {
    let (before, file) = frame.split_once("/models/")?;
    let is_engine = ["sglang/srt", "vllm/model_executor", "tensorrt_llm/_torch", "tokenspeed"]
        .iter()
        .any(|engine| before.contains(engine));
    let (name, _) = file.split_once(".py(")?;
    (is_engine && !name.contains('/') && !NO_MODEL.contains(&name)).then_some(name)
}

/// For each engine, whether a frame lies in one of its directories.
fn engines_of(frame: &str) -> [bool; FILES.len()] {
    // What is built in lies in no directory at all.
    if !frame.contains('/') {
        return [false; FILES.len()];
    }
    FILES.map(|(_, directories)| directories.iter().any(|directory| frame.contains(directory)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framework(event: &str) -> &'static str {
        let trace = crate::trace::read(format!(r#"{{"traceEvents":[{event}]}}"#).as_bytes()).unwrap();
        detect(&trace).id
    }

    #[test]
    fn the_file_of_the_model_is_told_by_the_stacks() {
        let frame = |path: &str| {
            format!(
                r#"{{"ph":"X","cat":"python_function","name":"{path}(1): f","pid":1,"tid":1,"ts":1,"dur":1}}"#
            )
        };
        let code = |paths: &[&str]| {
            let frames: Vec<String> = paths.iter().map(|path| frame(path)).collect();
            let text = format!(r#"{{"traceEvents":[{}]}}"#, frames.join(","));
            model_code(&crate::trace::read(text.as_bytes()).unwrap())
        };
        let qwen = "/usr/lib/sglang/srt/models/qwen3.py";
        assert_eq!(
            code(&["sglang/srt/models/utils.py", qwen, "sglang/srt/models/a.py", qwen]).as_deref(),
            Some("qwen3")
        );
        assert_eq!(code(&["vllm/model_executor/models/gpt_oss.py"]).as_deref(), Some("gpt_oss"));
        assert_eq!(code(&["/home/me/models/net.py", "vllm/model_executor/layers/linear.py"]), None);
    }

    #[test]
    fn what_a_model_makes_is_told_by_the_files_that_ran() {
        let serves_of = |paths: &[&str]| {
            let frames: Vec<String> = paths
                .iter()
                .map(|path| {
                    format!(
                        r#"{{"ph":"X","cat":"python_function","name":"{path}(1): f","pid":1,"tid":1,"ts":1,"dur":1}}"#
                    )
                })
                .collect();
            let text = format!(r#"{{"traceEvents":[{}]}}"#, frames.join(","));
            serves(&crate::trace::read(text.as_bytes()).unwrap())
        };
        let layer = "/usr/lib/sglang/srt/layers/linear.py";
        let denoising = "/usr/lib/sglang/multimodal_gen/runtime/pipelines_core/stages/denoising.py";
        assert_eq!(serves_of(&[layer]), Some(ModelKind::Language));
        assert_eq!(serves_of(&[layer, denoising]), Some(ModelKind::Diffusion), "it borrows layers");
        assert_eq!(serves_of(&["/home/me/net.py"]), None);
    }

    /// W-40: a word in a path, an argument or a kernel's name is no engine.
    #[test]
    fn only_what_one_engine_writes_tells_the_engine() {
        let frame = |path: &str| {
            format!(
                r#"{{"ph":"X","cat":"python_function","name":"{path}(1): f","pid":1,"tid":1,"ts":1,"dur":1}}"#
            )
        };
        assert_eq!(framework(&frame("/data/sglang_vs_vllm/sglang/srt/models/qwen3.py")), "sglang");
        assert_eq!(framework(&frame("/srv/vllm/.venv/site-packages/sglang/srt/layers/linear.py")), "sglang");
        assert_eq!(framework(&frame("/home/ts/vllm/v1/worker/gpu_worker.py")), "vllm");
        assert_eq!(framework(&frame("/data/ts/my/model.py")), "unknown");
        let kernel = r#"{"ph":"X","cat":"kernel","name":"void tensorrt_llm::kernels::f<int>(int)","pid":0,"tid":7,"ts":1,"dur":1,"args":{"device":0,"stream":7}}"#;
        assert_eq!(framework(kernel), "unknown", "engines borrow one another's kernels");
    }
}
