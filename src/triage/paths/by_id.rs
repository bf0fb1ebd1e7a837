//! Whether a kernel of which only the id is left, as a baseline keeps it, was a path's own kernel.

use std::sync::LazyLock;

use super::catalog::PathCatalog;
use super::parts::membership;
use crate::trace::ActivityKind;
use crate::triage::classify::{Class, Classifier, Role};

static CLASSIFIER: LazyLock<Option<Classifier>> = LazyLock::new(|| Classifier::builtin().ok());

/// Whether a kernel of this id and role is what the built-in catalog takes for the path running.
///
/// Words of namespaces are not in an id, so a path that only they tell is not recognised: `false` is no proof.
pub fn ran_as(path: &str, kernel: &str, role: Role) -> bool {
    let (Some(classifier), Ok(catalog)) = (CLASSIFIER.as_ref(), PathCatalog::builtin()) else { return false };
    let Some(entry) = catalog.entry(path) else { return false };
    let class = Class { id: kernel.to_owned(), canonical: kernel.to_owned(), role, family: None };
    let parts = membership(&catalog.parts, &class, classifier);
    entry.on.iter().any(|part| parts.get(part.0).copied().unwrap_or(false))
}

/// Whether the built-in catalog knows a kernel of this raw name as more than the words in it: a kernel that it
/// knows and takes for no part of a path is not that path under another name.
pub fn is_known(name: &str) -> bool {
    let family = CLASSIFIER.as_ref().and_then(|known| known.classify(name, ActivityKind::Kernel).family);
    family.is_some_and(|family| !family.starts_with("words-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_alone_make_no_kernel_known() {
        assert!(is_known(
            "void at::native::vectorized_elementwise_kernel<4, at::native::silu_kernel(int)>(int)"
        ));
        assert!(!is_known("mystery_norm_of_tomorrow"));
    }

    #[test]
    fn an_id_tells_the_path_that_it_ran_as() {
        let path = "fused-residual-add-rmsnorm";
        assert!(ran_as(path, "flashinfer-fused-add-rms-norm-bf16", Role::Norm));
        assert!(!ran_as(path, "flashinfer-rms-norm-bf16", Role::Norm));
        assert!(!ran_as(path, "cublas-gemm-bf16-tn", Role::Gemm));
        assert!(!ran_as("no-such-path", "flashinfer-fused-add-rms-norm-bf16", Role::Norm));
    }
}
