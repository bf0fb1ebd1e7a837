//! Kineto's category strings, old and new.

/// What an event's `cat` says it is; only what profgate uses is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// A GPU kernel.
    Kernel,
    /// A GPU copy.
    Copy,
    /// A GPU fill.
    Set,
    /// A runtime or driver call.
    Launch,
    /// A dispatcher operator.
    CpuOp,
    /// A Python call.
    Python,
    /// A named range on a CPU thread.
    Annotation,
    /// The profiler's drawing of a named range on a GPU track.
    GpuAnnotation,
    /// Work of an accelerator that is neither CUDA nor HIP, or a call to its runtime.
    OtherDevice,
    /// Everything else, `cuda_sync` rows among it: no GPU work.
    Other,
}

impl Category {
    /// Reads `cat`; spellings since 2021 differ in case and in the prefix `gpu_`.
    ///
    /// A `ProfilerStep#` range is an annotation even where old writers filed it under operators.
    pub fn of(cat: &str, name: &str) -> Self {
        match cat {
            "kernel" | "Kernel" => Self::Kernel,
            "gpu_memcpy" | "Memcpy" | "memcpy" => Self::Copy,
            "gpu_memset" | "Memset" | "memset" => Self::Set,
            "cuda_runtime" | "cuda_driver" | "Runtime" | "hip_runtime" | "hip_driver" => Self::Launch,
            "cpu_op" | "Operator" | "operator" if name.starts_with("ProfilerStep#") => Self::Annotation,
            "cpu_op" | "Operator" | "operator" => Self::CpuOp,
            "python_function" => Self::Python,
            "user_annotation" => Self::Annotation,
            "gpu_user_annotation" => Self::GpuAnnotation,
            // Kernels of an XPU are filed under `kernel` too; its runtime calls give it away.
            "xpu_runtime" | "xpu_driver" | "hpu_op" | "glow_runtime" => Self::OtherDevice,
            // A backend that PyTorch itself does not know, such as an NPU's.
            "privateuse1_runtime" | "privateuse1_driver" => Self::OtherDevice,
            other if other.starts_with("mtia_") => Self::OtherDevice,
            other if other.eq_ignore_ascii_case("kernel") => Self::Kernel,
            other if other.eq_ignore_ascii_case("gpu_memcpy") || other.eq_ignore_ascii_case("memcpy") => {
                Self::Copy
            }
            other if other.eq_ignore_ascii_case("gpu_memset") || other.eq_ignore_ascii_case("memset") => {
                Self::Set
            }
            _ => Self::Other,
        }
    }
}
