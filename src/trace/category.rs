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

/// Categories of Kineto that are no GPU work though their rows may name a stream or what they wait for.
const NO_WORK: [&[u8]; 16] = [
    b"cuda_sync",
    b"overhead",
    b"Trace",
    b"ac2g",
    b"fwdbwd",
    b"async",
    b"async_cpu_op",
    b"async_gpu",
    b"External",
    b"external_correlation",
    b"cpu_instant_event",
    b"python",
    b"collective_comm",
    b"cuda_profiler_range",
    b"gpu_pm_counter",
    b"instant",
];

/// Whether a category is one that profgate knows and has no use for.
pub fn is_no_work(cat: &[u8]) -> bool {
    NO_WORK.contains(&cat)
}

impl Category {
    /// Reads `cat`; spellings since 2021 differ in case and in the prefix `gpu_`.
    ///
    /// A `ProfilerStep#` range is an annotation even where old writers filed it under operators.
    pub fn of(cat: &[u8], name: &[u8]) -> Self {
        match cat {
            b"kernel" | b"Kernel" => Self::Kernel,
            b"gpu_memcpy" | b"Memcpy" | b"memcpy" => Self::Copy,
            b"gpu_memset" | b"Memset" | b"memset" => Self::Set,
            b"cuda_runtime" | b"cuda_driver" | b"Runtime" | b"hip_runtime" | b"hip_driver" => Self::Launch,
            b"cpu_op" | b"Operator" | b"operator" if name.starts_with(b"ProfilerStep#") => Self::Annotation,
            b"cpu_op" | b"Operator" | b"operator" => Self::CpuOp,
            b"python_function" => Self::Python,
            b"user_annotation" => Self::Annotation,
            b"gpu_user_annotation" => Self::GpuAnnotation,
            // Kernels of an XPU are filed under `kernel` too; its runtime calls give it away.
            b"xpu_runtime" | b"xpu_driver" | b"hpu_op" | b"glow_runtime" => Self::OtherDevice,
            // A backend that PyTorch itself does not know, such as an NPU's.
            b"privateuse1_runtime" | b"privateuse1_driver" => Self::OtherDevice,
            other if other.starts_with(b"mtia_") => Self::OtherDevice,
            other if other.eq_ignore_ascii_case(b"kernel") => Self::Kernel,
            other if other.eq_ignore_ascii_case(b"gpu_memcpy") || other.eq_ignore_ascii_case(b"memcpy") => {
                Self::Copy
            }
            other if other.eq_ignore_ascii_case(b"gpu_memset") || other.eq_ignore_ascii_case(b"memset") => {
                Self::Set
            }
            _ => Self::Other,
        }
    }
}
