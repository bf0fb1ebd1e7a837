//! Mixture-of-experts servers in decode.

use std::borrow::Cow;

use super::super::gpu::Gpu;
use super::super::workload::{
    Flavour, KernelSpec, LaunchMode, ModelShape, Order, PythonScopes, Stage, Workload,
};
use super::names::{deepseek, hip, moe};
use super::workload;

const MODEL_FILE: [&str; 3] = [
    "/sgl-workspace/sglang/python/sglang/srt/models/qwen3_moe.py(1034): forward",
    "/sgl-workspace/sglang/python/sglang/srt/models/qwen3_moe.py(741): forward",
    "/sgl-workspace/sglang/python/sglang/srt/models/qwen3_moe.py(602): forward",
];
const CALL: &str = "torch/nn/modules/module.py(1779): _call_impl";
const NORM: [&str; 3] = [
    "nn.Module: RMSNorm",
    CALL,
    "/sgl-workspace/sglang/python/sglang/srt/layers/layernorm.py(214): forward_cuda",
];
const ATTENTION: [&str; 3] = [
    "nn.Module: Qwen3MoeAttention",
    CALL,
    "/sgl-workspace/sglang/python/sglang/srt/models/qwen3_moe.py(518): forward",
];
const EXPERTS: [&str; 3] = [
    "nn.Module: Qwen3MoeSparseMoeBlock",
    CALL,
    "/sgl-workspace/sglang/python/sglang/srt/models/qwen3_moe.py(231): forward_normal",
];

fn early(name: &'static str, us: f64, grid: [u32; 3], threads: u32) -> KernelSpec {
    KernelSpec::kernel(name, us).on(13).grid(grid, threads).order(Order::Early)
}

fn small(name: &'static str, us: f64, ops: &'static str) -> KernelSpec {
    KernelSpec::kernel(name, us).on(13).ops(ops)
}

/// Work for the next batch, on a stream that nothing waits for.
fn aside(name: &'static str, us: f64, ops: &'static str) -> KernelSpec {
    small(name, us, ops).on(37).order(Order::Free)
}

fn qwen3_layer() -> Vec<KernelSpec> {
    vec![
        early(moe::QKV_GEMM, 6.4, [80, 1, 1], 256).ops("aten::linear>aten::mm").frames(&ATTENTION),
        early(moe::QK_NORM, 2.9, [144, 1, 1], 256).ops("sgl_kernel::fused_inplace_qknorm").frames(&ATTENTION),
        early(moe::ROPE_STORE, 2.3, [80, 1, 1], 256).ops("sgl_kernel::fused_rope_store").frames(&ATTENTION),
        early(moe::FMHA, 9.8, [2, 4, 16], 384)
            .ops("flashinfer::trtllm_batch_decode_with_kv_cache")
            .frames(&ATTENTION),
        early(moe::SPLITK_GEMM, 7.4, [128, 1, 1], 256).ops("aten::linear>aten::mm").frames(&ATTENTION),
        early(moe::SPLITK_REDUCE, 3.5, [64, 1, 1], 512).ops("aten::linear>aten::mm").frames(&ATTENTION),
        early(moe::FUSED_ADD_RMSNORM, 3.6, [4, 1, 1], 128).ops("flashinfer::fused_add_rmsnorm").frames(&NORM),
        early(moe::SPLITK_GEMM, 3.6, [8, 1, 1], 256).ops("aten::linear>aten::mm").frames(&EXPERTS),
        early(moe::SPLITK_REDUCE, 3.0, [4, 1, 1], 512).ops("aten::linear>aten::mm").frames(&EXPERTS),
        early(moe::ROUTING, 5.3, [1, 1, 1], 512).ops("flashinfer::trtllm_bf16_moe").frames(&EXPERTS),
        early(moe::MOE_GEMM_SWIGLU, 45.6, [12, 128, 1], 384)
            .ops("flashinfer::trtllm_bf16_moe")
            .frames(&EXPERTS),
        early(moe::MOE_GEMM, 25.4, [16, 128, 1], 384).ops("flashinfer::trtllm_bf16_moe").frames(&EXPERTS),
        early(moe::MOE_FINALIZE, 5.0, [8, 16, 1], 128).ops("flashinfer::trtllm_bf16_moe").frames(&EXPERTS),
        early(moe::FUSED_ADD_RMSNORM, 3.3, [4, 1, 1], 128).ops("flashinfer::fused_add_rmsnorm").frames(&NORM),
    ]
}

/// SGLang decoding Qwen3-30B-A3B on a B300, batch 16: one graph a step, 48 layers, nearly every kernel started
/// early, the next batch prepared on stream 37 meanwhile.
pub fn moe_decode() -> Workload {
    let mut shape = ModelShape::of_layers(Stage::Decode { batch: 16, cached: 8193 }, 48, qwen3_layer());
    shape.before = vec![
        small(moe::RESOLVE_TOKENS, 2.4, "sgl_kernel::resolve_future_token_ids"),
        small(moe::CLAMP_POSITION, 1.9, "sgl_kernel::clamp_position"),
        small(moe::FOREACH_COPY, 1.5, "aten::_foreach_copy_"),
        KernelSpec::copy("Memcpy DtoD (Device -> Device)", 1.5, 64).on(13).ops("aten::copy_"),
        small(moe::COPY_LONG, 1.4, "aten::to>aten::_to_copy>aten::copy_"),
        small(moe::COPY_LONG, 1.6, "aten::to>aten::_to_copy>aten::copy_"),
    ];
    shape.prologue = vec![
        KernelSpec::kernel(moe::EMBEDDING, 12.4).on(13).grid([16, 1, 1], 128).ops("aten::embedding"),
        early(moe::RMSNORM, 2.8, [4, 1, 1], 128).ops("flashinfer::rmsnorm").frames(&NORM),
    ];
    shape.epilogue = vec![
        early(moe::LM_HEAD, 102.4, [396, 1, 1], 384).ops("aten::linear>aten::mm"),
        early(moe::CAST_FLOAT, 8.6, [4748, 1, 1], 128).ops("aten::to>aten::_to_copy>aten::copy_"),
    ];
    shape.after = vec![
        KernelSpec::set(0.7, 64).on(13).ops("aten::argmax"),
        small(moe::ARGMAX, 10.2, "aten::argmax").grid([16, 19, 1], 512),
        KernelSpec::copy("Memcpy DtoD (Device -> Device)", 1.2, 128).on(13).ops("aten::copy_"),
        KernelSpec::copy("Memcpy DtoH (Device -> Pinned)", 2.3, 128)
            .on(13)
            .ops("aten::to>aten::_to_copy>aten::copy_"),
    ];
    shape.between = vec![aside(moe::ARANGE, 1.0, "aten::arange")];
    shape.between.extend(vec![aside(moe::CAST_LONG, 4.5, "aten::to>aten::_to_copy>aten::copy_"); 15]);
    shape.between.extend(vec![aside(moe::ADD_LONG, 2.4, "aten::add"); 9]);
    let mut workload = workload(Gpu::b300(), Flavour::Sglang, shape);
    workload.host_gpus = 1;
    workload
}

/// [`moe_decode`] after the fused residual add and RMSNorm switched itself off: two kernels in its place,
/// neither started early.
pub fn moe_decode_unfused() -> Workload {
    let mut workload = moe_decode();
    workload.replace(
        moe::FUSED_ADD_RMSNORM,
        &[
            KernelSpec::kernel(moe::ADD_BF16, 1.9).on(13).grid([32, 1, 1], 128).ops("aten::add_"),
            KernelSpec::kernel(moe::RMSNORM, 2.5).on(13).grid([4, 1, 1], 128).ops("flashinfer::rmsnorm"),
        ],
    );
    workload
}

/// [`moe_decode`] without graphs and with Python frames: the capture that names the source.
pub fn moe_mapping() -> Workload {
    let mut workload = Workload { launch: LaunchMode::Eager, steps: 1, ..moe_decode() };
    workload.python = Some(PythonScopes {
        model: [
            &["nn.Module: Qwen3MoeForCausalLM", CALL, MODEL_FILE[0]][..],
            &["nn.Module: Qwen3MoeModel", CALL],
        ]
        .concat()
        .into_iter()
        .chain([MODEL_FILE[1]])
        .map(Cow::Borrowed)
        .collect(),
        layer: ["nn.Module: Qwen3MoeDecoderLayer", CALL, MODEL_FILE[2]].map(Cow::Borrowed).to_vec(),
    });
    workload
}

/// SGLang decoding the same model on an MI300X, through HIP graphs.
pub fn hip_decode() -> Workload {
    let kernel = |name: &'static str, us: f64| KernelSpec::kernel(name, us).on(3);
    let layer = vec![
        kernel(hip::GEMM_A, 9.8),
        kernel(hip::COPY_BF16, 4.5),
        kernel(hip::NORM_HEAD, 4.2),
        kernel(hip::COPY_BF16, 4.4),
        kernel(hip::NORM_HEAD, 4.8),
        kernel(hip::ROPE_CACHE, 5.1),
        kernel(hip::PAGED, 20.0),
        kernel(hip::PAGED_REDUCE, 4.4),
        kernel(hip::GEMM_A, 11.6),
        kernel(hip::ADD_NORM_ROW, 4.6),
        kernel(hip::GEMM_B, 8.4),
        kernel(hip::TOPK_SOFTMAX, 4.5),
        kernel(hip::MOE_SORT, 7.9),
        kernel(hip::MOE_UP, 126.0),
        kernel(hip::MOE_DOWN, 65.5),
        kernel(hip::ADD_NORM_ROW, 4.6),
    ];
    let mut shape = ModelShape::of_layers(Stage::Decode { batch: 16, cached: 8193 }, 48, layer);
    shape.prologue = vec![kernel(moe::EMBEDDING, 12.0), kernel(hip::ADD_NORM_ROW, 4.6)];
    shape.epilogue = vec![kernel(hip::GEMM_A, 180.0)];
    shape.after = vec![
        kernel(moe::ARGMAX, 14.0).ops("aten::argmax"),
        KernelSpec::copy("Memcpy DtoH (Device -> Pinned)", 3.5, 128).on(3).ops("aten::copy_"),
    ];
    shape.between = vec![kernel(moe::ADD_LONG, 3.0).on(2).order(Order::Free).ops("aten::sub"); 8];
    let mut workload = workload(Gpu::mi300x(), Flavour::Sglang, shape);
    workload.first_device = 5;
    workload
}

/// A latent-attention MoE model on H200: three dense layers, then 58 with experts. The first exchange runs on
/// stream 7 and the rest on 310, and the shared expert runs on stream 24 beside the routed ones.
pub fn two_stream_moe() -> Workload {
    let kernel =
        |name: &'static str, us: f64, blocks: u32| KernelSpec::kernel(name, us).grid([blocks, 1, 1], 128);
    let attention = [
        kernel(moe::ADD_BF16, 2.6, 1792),
        kernel(deepseek::NORM, 3.2, 128),
        kernel(deepseek::QUANT, 2.9, 448),
        kernel(deepseek::QKV_A, 10.0, 124),
        kernel(deepseek::NORM, 2.8, 128),
        kernel(deepseek::QUANT, 1.8, 96),
        kernel(deepseek::Q_B, 19.0, 128),
        kernel(deepseek::ROTARY, 25.4, 32),
        kernel(deepseek::KV_WRITE, 2.0, 128),
        KernelSpec::set(1.1, 4096),
        kernel(deepseek::MLA, 22.4, 132),
        kernel(deepseek::QUANT, 4.2, 1024),
        kernel(deepseek::O_PROJ, 38.2, 128),
        kernel(moe::ADD_BF16, 2.6, 1792),
        kernel(deepseek::NORM, 3.2, 128),
        kernel(deepseek::QUANT, 2.8, 448),
    ];
    let dense = [
        kernel(deepseek::SHARED_UP, 40.1, 128),
        kernel(deepseek::SILU, 6.3, 16),
        kernel(deepseek::QUANT, 2.0, 128),
        kernel(deepseek::SHARED_DOWN, 22.0, 128),
    ];
    let experts = |exchange: u32| {
        let beside = |name, us| kernel(name, us, 128).on(24).order(Order::Beside);
        vec![
            kernel(deepseek::TOPK, 19.8, 128),
            kernel(deepseek::DISPATCH, 80.0, 86).on(exchange).collective(),
            kernel(deepseek::EXPERT_UP, 198.0, 124),
            beside(deepseek::SHARED_UP, 14.0),
            beside(deepseek::SILU, 6.3),
            beside(deepseek::QUANT, 2.0),
            beside(deepseek::SHARED_DOWN, 8.3),
            kernel(deepseek::SILU_QUANT, 11.8, 16),
            kernel(deepseek::EXPERT_DOWN, 99.0, 131),
            kernel(deepseek::COMBINE, 120.0, 86).on(exchange).collective(),
            kernel(moe::ADD_BF16, 2.5, 1792),
        ]
    };
    let with_attention = |rest: &[KernelSpec]| [&attention[..], rest].concat();
    let mut shape = ModelShape::of_layers(Stage::Decode { batch: 128, cached: 262_144 }, 61, Vec::new());
    shape.prologue = vec![kernel(deepseek::EMBEDDING_LARGE, 5.0, 128).grid([2048, 1, 1], 128)];
    shape.bodies = vec![with_attention(&dense), with_attention(&experts(7)), with_attention(&experts(310))];
    shape.pattern = [vec![0; 3], vec![1], vec![2; 57]].concat();
    shape.epilogue = vec![kernel(deepseek::NORM, 3.2, 128), kernel(deepseek::O_PROJ, 180.0, 128)];
    let mut workload = workload(Gpu::h200(), Flavour::Vllm, shape);
    workload.graph_external_ids = true;
    workload.steps = 2;
    workload.ranks = 2;
    workload
}
