//! Dense and sliding-window servers under vLLM.

use std::borrow::Cow;

use super::super::gpu::Gpu;
use super::super::workload::{
    Annotations, Flavour, KernelSpec, LateRank, LaunchMode, ModelShape, PythonScopes, Stage, Workload,
};
use super::names::{dense, gpt_oss, moe};
use super::workload;

const CALL: &str = "torch/nn/modules/module.py(1779): _call_impl";
const ATTENTION: [&str; 3] =
    ["nn.Module: OAIAttention", CALL, "vllm/model_executor/models/gpt_oss.py(121): forward"];
const NORM: [&str; 3] =
    ["nn.Module: RMSNorm", CALL, "vllm/model_executor/layers/layernorm.py(231): forward_cuda"];
const MLP: [&str; 3] = ["nn.Module: MLPBlock", CALL, "vllm/model_executor/models/gpt_oss.py(186): forward"];

fn kernel(name: &'static str, us: f64, blocks: u32) -> KernelSpec {
    KernelSpec::kernel(name, us).grid([blocks, 1, 1], 256)
}

fn llama_layer(all_reduce: &KernelSpec) -> Vec<KernelSpec> {
    vec![
        kernel(dense::ADD_NORM, 5.0, 1),
        kernel(dense::QKV, 18.3, 120),
        kernel(dense::REDUCE, 1.9, 80),
        kernel(dense::ROPE_Q, 2.0, 2),
        kernel(dense::ROPE_K, 1.8, 1),
        kernel(dense::CACHE, 2.3, 1)
            .ops("vllm::unified_attention_with_output>_C_cache_ops::reshape_and_cache_flash")
            .outside_graph(),
        kernel(dense::FLASH, 9.9, 132)
            .ops("vllm::unified_attention_with_output>_vllm_fa3_C::fwd")
            .outside_graph(),
        kernel(dense::FLASH_COMBINE, 3.1, 2)
            .ops("vllm::unified_attention_with_output>_vllm_fa3_C::fwd")
            .outside_graph(),
        kernel(dense::FILL_LONG, 1.4, 1).ops("aten::zero_>aten::fill_").outside_graph(),
        kernel(dense::OUT, 16.9, 128),
        all_reduce.clone(),
        kernel(dense::ADD_NORM_MLP, 3.6, 1),
        kernel(dense::MLP_GEMM, 81.3, 112),
        kernel(dense::SILU_MUL, 1.4, 7),
        kernel(dense::MLP_GEMM, 42.9, 64),
        all_reduce.clone(),
    ]
}

fn llama(layers: usize, all_reduce: &KernelSpec) -> ModelShape {
    let mut shape =
        ModelShape::of_layers(Stage::Decode { batch: 8, cached: 8200 }, layers, llama_layer(all_reduce));
    shape.prologue = vec![kernel(moe::EMBEDDING, 3.1, 8), all_reduce.clone()];
    shape.epilogue = vec![kernel(dense::ADD_NORM, 5.0, 1), kernel(dense::MLP_GEMM, 120.0, 250)];
    shape.after = vec![
        kernel(moe::ARGMAX, 9.5, 8).ops("aten::argmax"),
        KernelSpec::copy("Memcpy DtoH (Device -> Pinned)", 1.9, 64)
            .ops("aten::to>aten::_to_copy>aten::copy_"),
    ];
    shape
}

/// vLLM, a dense model on two H100s with NCCL all-reduces, which rank 1 reaches first: it waits in each.
pub fn two_rank_tp() -> Workload {
    let all_reduce = kernel(dense::NCCL_ALL_REDUCE, 11.5, 24).collective();
    let mut workload = workload(Gpu::h100(), Flavour::Vllm, llama(16, &all_reduce));
    workload.ranks = 2;
    workload.late = Some(LateRank { rank: 0, ns: 20_000 });
    workload
}

/// vLLM, a 70B model on H100, without annotations: 81 graphs a step, attention launched between them.
pub fn piecewise_graphs() -> Workload {
    let all_reduce = kernel(dense::CUSTOM_REDUCE, 4.1, 2);
    let mut workload = workload(Gpu::h100(), Flavour::Vllm, llama(80, &all_reduce));
    workload.launch = LaunchMode::Piecewise;
    workload.annotations = Annotations::None;
    workload
}

fn gpt_oss_layer(attention: &'static str, us: f64, tokens: u32) -> Vec<KernelSpec> {
    vec![
        kernel(gpt_oss::QKV_BIAS, 7.9, 140).ops("aten::addmm").frames(&ATTENTION),
        kernel(gpt_oss::ROPE, 3.7, tokens).ops("_C::rotary_embedding").frames(&ATTENTION),
        kernel(gpt_oss::STORE, 4.6, tokens).ops("_C_cache_ops::reshape_and_cache_flash").frames(&ATTENTION),
        kernel(attention, us, 32).ops("vllm::unified_attention_with_output").frames(&ATTENTION),
        kernel(gpt_oss::OUT_BIAS, 6.3, 140).ops("aten::addmm").frames(&ATTENTION),
        kernel(gpt_oss::FUSED_ADD_RMS, 6.1, tokens).ops("_C::fused_add_rms_norm").frames(&NORM),
        kernel(gpt_oss::ROUTER, 6.5, 112).ops("aten::addmm").frames(&MLP),
        kernel(gpt_oss::HISTOGRAM, 2.7, 1024).ops("flashinfer::trtllm_fp4_block_scale_moe").frames(&MLP),
        kernel(gpt_oss::EXPERTS_UP, 87.0, 2736).ops("flashinfer::trtllm_fp4_block_scale_moe").frames(&MLP),
        kernel(gpt_oss::EXPERTS_DOWN, 56.2, 8208).ops("flashinfer::trtllm_fp4_block_scale_moe").frames(&MLP),
        kernel(gpt_oss::FINALIZE, 7.1, tokens).ops("flashinfer::trtllm_fp4_block_scale_moe").frames(&MLP),
        kernel(gpt_oss::FUSED_ADD_RMS, 6.1, tokens).ops("_C::fused_add_rms_norm").frames(&NORM),
    ]
}

fn gpt_oss(stage: Stage, tokens: u32) -> ModelShape {
    let mut shape = ModelShape::of_layers(stage, 36, Vec::new());
    shape.bodies =
        vec![gpt_oss_layer(gpt_oss::SLIDING, 11.7, tokens), gpt_oss_layer(gpt_oss::FULL, 15.3, tokens)];
    shape.pattern = [0, 1].repeat(18);
    shape.prologue = vec![
        kernel(moe::EMBEDDING, 4.2, tokens).ops("aten::embedding"),
        kernel(gpt_oss::FUSED_ADD_RMS, 4.0, tokens).ops("_C::rms_norm").frames(&NORM),
    ];
    shape.epilogue = vec![kernel(gpt_oss::OUT_BIAS, 140.0, 1570).ops("aten::linear>aten::mm")];
    shape
}

/// 36 layers whose attention is sliding and full in turn.
pub fn alternating_layers() -> Workload {
    let shape = gpt_oss(Stage::Decode { batch: 32, cached: 32_768 }, 32);
    workload(Gpu { name: "NVIDIA B200".to_owned(), ..Gpu::b300() }, Flavour::Vllm, shape)
}

/// The same model's prefill of 888 tokens: launched kernel by kernel, with Python frames.
pub fn eager_prefill() -> Workload {
    let shape = gpt_oss(Stage::Prefill { sequences: 1, tokens: 888 }, 888);
    let gpu = Gpu { name: "NVIDIA B200".to_owned(), ..Gpu::b300() };
    let mut workload = workload(gpu, Flavour::Vllm, shape);
    workload.launch = LaunchMode::Eager;
    workload.steps = 2;
    workload.python = Some(PythonScopes {
        model: [
            "nn.Module: GptOssForCausalLM",
            CALL,
            "vllm/model_executor/models/gpt_oss.py(668): forward",
            "nn.Module: GptOssModel",
            CALL,
            "vllm/model_executor/models/gpt_oss.py(274): forward",
        ]
        .map(Cow::Borrowed)
        .to_vec(),
        layer: ["nn.Module: TransformerBlock", CALL, "vllm/model_executor/models/gpt_oss.py(229): forward"]
            .map(Cow::Borrowed)
            .to_vec(),
    });
    workload
}
