//! Mistakes that tools of this kind have made with whole traces, each on a trace of a few kernels. W-n is the row of
//! docs/mistakes.md, which names the tests of all the others.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::{Scratch, arg, run};

const NORM: &str = "_rms_norm_fwd_fused";
const QUANT: &str = "_per_token_group_quant_fp8";
const GEMM: &str = "nvjet_qqtst_192x192_128x4_2x1_v_bz_coopB_TNN";
const ROPE: &str = "_rotary_kernel";
const LATENT: &str = "set_mla_kv_buffer_kernel";
const MLA: &str = "void flash_fwd_splitkv_mla_kernel<Flash_fwd_kernel_traits_mla<576, 64, 64, 8, cutlass::bfloat16_t, 512>, true, SharedStorage>(int)";
const REDUCE: &str = "void vllm::cross_device_reduce_1stage<__nv_bfloat16, 4>(vllm::RankData*)";

/// What ran: the engine by the folder of its code, the GPU, and one layer's kernels with their microseconds.
struct Served<'a> {
    engine: &'a str,
    gpu: &'a str,
    layer: &'a [(&'a str, u64)],
    server_args: Option<Value>,
}

impl Served<'_> {
    /// Four layers of one decode step, as a trace that a server might write.
    fn trace(&self) -> String {
        let mut events = format!(
            r#"{{"ph":"X","cat":"user_annotation","name":"step[DECODE bs=1 toks=1]","pid":1,"tid":1,"ts":0,"dur":90000}},
               {{"ph":"X","cat":"python_function","name":"{}/model.py(7): forward","pid":1,"tid":1,"ts":1,"dur":80000,"args":{{"Python id":1}}}}"#,
            self.engine
        );
        let (mut at, count) = (100_000, self.layer.len());
        for (ix, (name, length)) in self.layer.iter().cycle().take(count * 4).enumerate() {
            let (id, launched) = (ix + 1, 10 + ix * 10);
            write!(
                events,
                r#",{{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":1,"ts":{launched},"dur":1,"args":{{"correlation":{id}}}}}
                   ,{{"ph":"X","cat":"kernel","name":"{name}","pid":0,"tid":7,"ts":{at},"dur":{length},"args":{{"device":0,"stream":7,"correlation":{id}}}}}"#
            )
            .unwrap();
            at += length;
        }
        format!(r#"{{"deviceProperties":[{{"id":0,"name":"{}"}}],"traceEvents":[{events}]}}"#, self.gpu)
    }

    fn rows(&self, name: &str) -> Vec<Value> {
        let scratch = Scratch::new(name);
        let trace = scratch.file("capture/t-TP-0.trace.json", self.trace());
        if let Some(args) = &self.server_args {
            scratch.file("capture/server_args.json", args.to_string());
        }
        let ran = run(&["triage", arg(&trace), "--format", "json"]);
        let triage: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
        triage["stages"][0]["paths"].as_array().unwrap().clone()
    }
}

fn of<'v>(rows: &'v [Value], path: &str) -> Option<&'v Value> {
    rows.iter().find(|row| row["path"] == path)
}

/// W-50: that a path is another framework's is no reason to keep it secret, and none to call it an own one.
#[test]
fn a_path_of_another_framework_is_a_precedent() {
    const TURN: &str = "void vllm::rotary_embedding_kernel<c10::BFloat16, true>(long const*)";
    const WRITE: &str = "void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16, __nv_bfloat16, (vllm::Fp8KVCacheDataType)0>(int)";
    let layer = [(GEMM, 50), (TURN, 5), (WRITE, 5), ("_fwd_kernel", 30)];
    let vllm = Served { engine: "vllm/v1/worker", gpu: "NVIDIA H100", layer: &layer, server_args: None };
    let rows = vllm.rows("precedent-vllm");
    let row = of(&rows, "fused-rope-kv-store").unwrap();
    assert_eq!((&row["state"], &row["class"]), (&json!("split"), &json!("mainline-elsewhere")));
    let rows = Served { engine: "sglang/srt/models", ..vllm }.rows("precedent-sglang");
    assert_eq!(of(&rows, "fused-rope-kv-store").unwrap()["class"], "should-apply");
}

/// W-51: what the server did not tell is neither taken for true nor for false, and `tensor_parallel_size` is
/// tensor parallelism too.
#[test]
fn a_gate_is_open_closed_or_named_as_unknown() {
    let layer = [(GEMM, 50), (ROPE, 5), (LATENT, 5), (MLA, 30)];
    let served = |args: Option<Value>| Served {
        engine: "sglang/srt/models",
        gpu: "AMD Instinct MI300X",
        layer: &layer,
        server_args: args,
    };
    let path = "fused-qk-rope-concat-mla-cache-write";
    let rows = served(None).rows("gate-unknown");
    let row = of(&rows, path).unwrap();
    assert_eq!((&row["state"], &row["class"]), (&json!("gate-unknown"), &json!("unclear")));
    assert!(row["evidence"][0].as_str().unwrap().contains("the model's name"), "{row}");
    let rows = served(Some(json!({ "model_path": "deepseek-ai/DeepSeek-V3" }))).rows("gate-open");
    assert_eq!(of(&rows, path).unwrap()["state"], "split");
    let rows = served(Some(json!({ "model_path": "Qwen/Qwen3-8B" }))).rows("gate-closed");
    assert_eq!(of(&rows, path), None);

    let layer = [(GEMM, 50), (REDUCE, 9), (NORM, 5)];
    let tp = |args: Option<Value>| {
        let server =
            Served { engine: "vllm/v1/worker", gpu: "NVIDIA H100", layer: &layer, server_args: args };
        server.rows("gate-tp")
    };
    let state = |rows: &[Value]| of(rows, "vllm-allreduce-rmsnorm").map(|row| row["state"].clone());
    assert_eq!(state(&tp(None)), Some(json!("split")), "the collective itself shows that layers are shared");
    assert_eq!(state(&tp(Some(json!({ "tensor_parallel_size": 4 })))), Some(json!("split")));
    // Arguments that the collective contradicts decide nothing.
    assert_eq!(state(&tp(Some(json!({ "tensor_parallel_size": 1 })))), Some(json!("gate-unknown")));
}

/// W-55: the kernel that takes the time stands before those that run more often.
#[test]
fn evidence_is_ordered_by_time() {
    const SHORT: &str = "void vllm::rms_norm_kernel<c10::BFloat16, 8, 2>(c10::BFloat16*)";
    let layer =
        [(SHORT, 1), (QUANT, 1), (GEMM, 50), (SHORT, 1), (QUANT, 1), (GEMM, 50), (NORM, 40), (QUANT, 9)];
    let served = Served { engine: "vllm/v1/worker", gpu: "NVIDIA H100", layer: &layer, server_args: None };
    let rows = served.rows("evidence-order");
    let mut evidence = of(&rows, "vllm-rmsnorm-quant").unwrap()["evidence"].as_array().unwrap().clone();
    assert!(evidence.remove(0).as_str().unwrap().starts_with("off here: no compiled kernel ran"));
    assert_eq!(evidence.len(), 2, "{evidence:?}");
    assert!(evidence[0].as_str().unwrap().starts_with(NORM), "{evidence:?}");
}

/// W-56: whether the fused kernel ran and what is to be made of it are two columns, and the flags stand beside them.
#[test]
fn a_state_and_its_meaning_are_two_things() {
    const FUSED: &str = "void flashinfer::norm::FusedAddRMSNormKernel<8u, __nv_bfloat16>(int)";
    let layer = [(GEMM, 50), (FUSED, 5), (GEMM, 50), (REDUCE, 9), (FUSED, 5)];
    let on = json!({ "model_path": "m", "tp_size": 4 });
    let off = json!({ "model_path": "m", "tp_size": 4, "enable_flashinfer_allreduce_fusion": false });
    let told = |args: Value| {
        let engine = "sglang/srt/models";
        let served = Served { engine, gpu: "NVIDIA H100", layer: &layer, server_args: Some(args) };
        let rows = served.rows("state-and-class");
        let of = |path: &str| of(&rows, path).map(|row| (row["state"].clone(), row["class"].clone()));
        let flags = rows.iter().find(|row| row["path"] == "flashinfer-unified-allreduce-fusion");
        assert_eq!(flags.unwrap()["flags"]["on"], json!(["enable_flashinfer_allreduce_fusion"]));
        (of("fused-residual-add-rmsnorm").unwrap(), of("flashinfer-unified-allreduce-fusion").unwrap())
    };
    let both = |state: &str, class: &str| (json!(state), json!(class));
    assert_eq!(told(on), (both("active", "on"), both("split", "should-apply")));
    assert_eq!(told(off), (both("active", "on"), both("split", "off")));
}

/// W-35: lists without an object around them, durations that are `null`, old spellings and HIP's launches.
#[test]
fn a_trace_of_any_spelling_keeps_its_kernels() {
    let scratch = Scratch::new("spellings");
    let event = |rest: &str| format!(r#"{{"ph":"X","pid":1,"tid":1,{rest}}}"#);
    let list = [
        event(r#""cat":"cpu_op","name":"aten::mm","ts":1,"dur":9,"args":{"external id":4}"#),
        event(
            r#""cat":"hip_runtime","name":"hipLaunchKernel","ts":2,"dur":1,"args":{"correlation":3,"external id":4}"#,
        ),
        event(
            r#""cat":"kernel","name":"_rotary_kernel","ts":20,"dur":5,"args":{"device":0,"stream":7,"correlation":3,"external id":4}"#,
        ),
        event(r#""cat":"cpu_op","name":"aten::add","ts":40,"dur":null"#),
    ];
    let path = scratch.file("t.trace.json", format!("[{}]", list.join(",")));
    let ran = run(&["triage", arg(&path), "--format", "json"]);
    let triage: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    let kernel = &triage["stages"][0]["kernels"][0];
    assert_eq!((&kernel["kernel"], &kernel["launches"]), (&json!("_rotary_kernel"), &json!(1)));
    assert_eq!(kernel["cpu_ops"], json!(["aten::mm"]));
}

/// A path that nobody has by default is not missing where it is split: what nobody saved tells neither way.
#[test]
fn a_path_that_is_off_by_default_is_opt_in_until_its_flag_is_known() {
    const NORM: &str = "void (anonymous namespace)::fused_qknorm_warp<128l, true, __nv_bfloat16>(int)";
    const TURN: &str = "void (anonymous namespace)::fused_rope_store_kernel<true, 128l, true, __nv_bfloat16, long, 16u>(int)";
    let layer = [(GEMM, 50), (NORM, 5), (TURN, 5), ("_fwd_kernel", 30)];
    let told = |args: Option<Value>| {
        let engine = "sglang/srt/models";
        let served = Served { engine, gpu: "NVIDIA B300", layer: &layer, server_args: args };
        let rows = served.rows("opt-in");
        let row = of(&rows, "fused-qk-rmsnorm-rope").unwrap();
        assert_eq!(row["state"], "split");
        (row["class"].clone(), row["evidence"][0].as_str().unwrap().to_owned())
    };
    for nothing_known in [None, Some(json!({ "tp_size": 1 }))] {
        let (class, evidence) = told(nothing_known);
        assert_eq!(class, "opt-in");
        assert_eq!(evidence, "opt-in: not known whether `enable_fused_qk_norm_rope` is set");
    }
    assert_eq!(told(Some(json!({ "enable_fused_qk_norm_rope": true }))).0, "should-apply");
    assert_eq!(told(Some(json!({ "enable_fused_qk_norm_rope": false }))).0, "off");
}

/// Arguments that what ran contradicts hide no path: the contradiction is said.
#[test]
fn all_reduces_beside_a_tensor_parallelism_of_one_are_said() {
    const NORM: &str = "void flashinfer::norm::FusedAddRMSNormKernel<8u, __nv_bfloat16>(int)";
    let layer = [(GEMM, 50), (REDUCE, 9), (NORM, 5)];
    let args = Some(json!({ "tp_size": 1, "enable_flashinfer_allreduce_fusion": true }));
    let served = Served { engine: "sglang/srt/models", gpu: "NVIDIA H100", layer: &layer, server_args: args };
    let rows = served.rows("contradiction");
    let row = of(&rows, "flashinfer-unified-allreduce-fusion").unwrap();
    assert_eq!((&row["state"], &row["class"]), (&json!("gate-unknown"), &json!("unclear")));
    assert!(row["evidence"][0].as_str().unwrap().contains("all-reduces ran"), "{row}");
}

/// Where the catalog knows the pull request that brought a path in, the report says since when it is there.
#[test]
fn a_path_is_there_since_the_pull_request_that_is_known() {
    let layer =
        [(GEMM, 50), ("void vllm::norm_router_gemm_kernel<__nv_bfloat16, 7168>(float*)", 9), (GEMM, 50)];
    let served = Served { engine: "vllm/v1/worker", gpu: "NVIDIA B200", layer: &layer, server_args: None };
    let scratch = Scratch::new("since");
    let trace = scratch.file("capture/t-TP-0.trace.json", served.trace());
    let page = run(&["triage", arg(&trace), "--format", "markdown"]).stdout;
    assert!(page.contains("vLLM has it since vllm-project/vllm"), "{page}");
}
