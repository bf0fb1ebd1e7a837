//! Training loops: `ProfilerStep` ranges, and the schema of 2021.

use super::super::gpu::Gpu;
use super::super::workload::{Flavour, KernelSpec, LaunchMode, ModelShape, Order, Schema, Stage, Workload};
use super::names::{resnet, training};
use super::workload;

/// Training steps have no tokens that a label would name.
const NO_LABEL: Stage = Stage::Prefill { sequences: 1, tokens: 1 };

fn kernel(name: &'static str, us: f64, blocks: u32, ops: &'static str) -> KernelSpec {
    KernelSpec::kernel(name, us).grid([blocks, 1, 1], 384).ops(ops)
}

fn backward(name: &'static str, us: f64, blocks: u32, ops: &'static str) -> KernelSpec {
    kernel(name, us, blocks, ops).thread(1)
}

/// Two iterations in turn, of which only the second gathers and applies gradients. The backward pass is launched
/// from a second thread, and its reduce-scatter runs beside it.
pub fn training_steps() -> Workload {
    let layer = vec![
        kernel(training::FORWARD_GEMM, 200.0, 132, "aten::mm"),
        kernel(training::FLASH_FORWARD, 150.0, 132, "flash_attn_3::fwd"),
        kernel(training::FORWARD_GEMM, 60.0, 132, "aten::mm"),
        backward(training::BACKWARD_NORM, 80.0, 16_384, "CompiledFunctionBackward"),
        backward(training::BACKWARD_GEMM, 225.0, 132, "CompiledFunctionBackward>aten::mm"),
        backward(training::FLASH_BACKWARD, 260.0, 132, "FlashAttnFuncBackward>flash_attn_3::bwd"),
        backward(training::REDUCE_SCATTER, 90.0, 24, "nccl:_reduce_scatter_base").on(31).order(Order::Beside),
    ];
    let mut shape = ModelShape::of_layers(NO_LABEL, 12, layer);
    let accumulate = shape.clone();
    shape.epilogue = vec![
        kernel(training::ALL_GATHER, 120.0, 24, "nccl:_all_gather_base").on(31),
        kernel(training::FORWARD_GEMM, 95.0, 132, "Optimizer.step#NorMuon.step>aten::mm"),
    ];
    let mut workload = workload(Gpu::h100(), Flavour::Script, accumulate);
    workload.shapes.push(shape);
    workload.launch = LaunchMode::Eager;
    workload
}

/// What the profiler of 2021 wrote of a small network.
pub fn old_schema() -> Workload {
    let block = vec![
        kernel(resnet::CONV, 210.0, 392, "aten::conv2d>aten::cudnn_convolution"),
        kernel(resnet::BATCH_NORM, 45.0, 64, "aten::batch_norm>aten::cudnn_batch_norm"),
        kernel(resnet::RELU, 30.0, 6272, "aten::relu_>aten::threshold_"),
        kernel(resnet::ADD_FLOAT, 33.0, 6272, "aten::add_"),
        backward(
            resnet::CONV_BACKWARD,
            380.0,
            1024,
            "CudnnConvolutionBackward>aten::cudnn_convolution_backward",
        ),
    ];
    let mut shape = ModelShape::of_layers(NO_LABEL, 16, block);
    shape.prologue = vec![
        KernelSpec::copy("Memcpy HtoD (Pageable -> Device)", 2353.0, 19_267_584).ops("aten::to>aten::copy_"),
    ];
    let mut workload = workload(Gpu::v100(), Flavour::Script, shape);
    workload.schema = Schema::Old2021;
    workload.launch = LaunchMode::Eager;
    workload
}
