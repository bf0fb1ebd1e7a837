//! Changes to a described workload, as a code change or a lost optimisation would make them.
//!
//! Each finds kernels by a part of their raw name, in every layer and shape, and returns how many places of
//! the *description* it changed: 0 means that nothing has that name.

use super::workload::{KernelSpec, ModelShape, Order, Workload};

impl ModelShape {
    fn lists(&mut self) -> impl Iterator<Item = &mut Vec<KernelSpec>> {
        [&mut self.before, &mut self.prologue].into_iter().chain(&mut self.bodies).chain([
            &mut self.epilogue,
            &mut self.after,
            &mut self.between,
        ])
    }
}

impl Workload {
    /// Puts other kernels where one was; they take over its CPU ops and Python frames where they have none.
    pub fn replace(&mut self, name: &str, with: &[KernelSpec]) -> usize {
        let mut changed = 0;
        for list in self.shapes.iter_mut().flat_map(ModelShape::lists) {
            let old = std::mem::take(list);
            for kernel in old {
                if !kernel.name.contains(name) {
                    list.push(kernel);
                    continue;
                }
                changed += 1;
                list.extend(with.iter().cloned().map(|mut new| {
                    if new.ops.is_empty() {
                        new.ops.clone_from(&kernel.ops);
                    }
                    if new.frames.is_empty() {
                        new.frames.clone_from(&kernel.frames);
                    }
                    new
                }));
            }
        }
        changed
    }

    /// Takes a kernel out.
    pub fn remove(&mut self, name: &str) -> usize {
        self.replace(name, &[])
    }

    /// Makes a kernel take `percent` of its time: 125 is a quarter slower.
    pub fn scale(&mut self, name: &str, percent: u64) -> usize {
        self.edit(name, |kernel| kernel.ns = kernel.ns.saturating_mul(percent) / 100)
    }

    /// Runs a kernel on another stream, or at another time on the same.
    pub fn move_to(&mut self, name: &str, stream: u32, order: Order) -> usize {
        self.edit(name, |kernel| {
            kernel.stream = stream;
            kernel.order = order;
        })
    }

    /// Changes every kernel whose raw name contains `name`.
    pub fn edit(&mut self, name: &str, mut change: impl FnMut(&mut KernelSpec)) -> usize {
        let mut changed = 0;
        let kernels = self.shapes.iter_mut().flat_map(ModelShape::lists).flatten();
        for kernel in kernels.filter(|kernel| kernel.name.contains(name)) {
            change(kernel);
            changed += 1;
        }
        changed
    }
}
