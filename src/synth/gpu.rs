//! The GPUs that a trace's header may list.

/// Whose runtime queues the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// NVIDIA: `cudaLaunchKernel`, occupancy arguments, stream numbers from 7.
    Cuda,
    /// AMD: `hipLaunchKernel`, no occupancy, the kernel's name on its launch.
    Hip,
}

/// One model of GPU, as `deviceProperties` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Marketing name; some ROCm builds leave it empty.
    pub name: String,
    /// Whose runtime.
    pub platform: Platform,
    /// Bytes of memory.
    pub memory: u64,
    /// Compute capability, major and minor.
    pub compute: (u32, u32),
    /// Multiprocessors or compute units.
    pub processors: u32,
}

impl Gpu {
    fn cuda(name: &str, memory: u64, compute: (u32, u32), processors: u32) -> Self {
        Self { name: name.to_owned(), platform: Platform::Cuda, memory, compute, processors }
    }

    /// NVIDIA B300.
    pub fn b300() -> Self {
        Self::cuda("NVIDIA B300 SXM6 AC", 287_416_123_392, (10, 3), 148)
    }

    /// NVIDIA H200.
    pub fn h200() -> Self {
        Self::cuda("NVIDIA H200", 150_021_734_400, (9, 0), 132)
    }

    /// NVIDIA H100.
    pub fn h100() -> Self {
        Self::cuda("NVIDIA H100 80GB HBM3", 85_018_279_936, (9, 0), 132)
    }

    /// NVIDIA V100, for traces of 2021.
    pub fn v100() -> Self {
        Self::cuda("Tesla V100-SXM2-32GB", 34_089_730_048, (7, 0), 80)
    }

    /// AMD MI300X.
    pub fn mi300x() -> Self {
        Self {
            name: "AMD Instinct MI300X".to_owned(),
            platform: Platform::Hip,
            memory: 206_141_652_992,
            compute: (9, 4),
            processors: 304,
        }
    }

    /// Threads that run in lockstep.
    pub(super) fn warp(&self) -> u64 {
        match self.platform {
            Platform::Cuda => 32,
            Platform::Hip => 64,
        }
    }
}
