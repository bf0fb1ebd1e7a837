//! Whether a kernel of which only the id is left, as a baseline keeps it, was a path's own kernel.

use std::sync::LazyLock;

use super::catalog::PathCatalog;
use super::parts::membership;
use crate::triage::classify::{Class, Classifier, Role};

/// Whether a kernel of this id and role is what the built-in catalog takes for the path running.
///
/// Words of namespaces are not in an id, so a path that only they tell is not recognised: `false` is no proof.
pub fn ran_as(path: &str, kernel: &str, role: Role) -> bool {
    static CLASSIFIER: LazyLock<Option<Classifier>> = LazyLock::new(|| Classifier::builtin().ok());
    let (Some(classifier), Ok(catalog)) = (CLASSIFIER.as_ref(), PathCatalog::builtin()) else { return false };
    let Some(entry) = catalog.entry(path) else { return false };
    let class = Class { id: kernel.to_owned(), canonical: kernel.to_owned(), role, family: None };
    let parts = membership(&catalog.parts, &class, classifier);
    entry.on.iter().any(|part| parts.get(part.0).copied().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_the_path_that_it_ran_as() {
        let path = "fused-residual-add-rmsnorm";
        assert!(ran_as(path, "flashinfer-fused-add-rms-norm-bf16", Role::Norm));
        assert!(!ran_as(path, "flashinfer-rms-norm-bf16", Role::Norm));
        assert!(!ran_as(path, "cublas-gemm-bf16-tn", Role::Gemm));
        assert!(!ran_as("no-such-path", "flashinfer-fused-add-rms-norm-bf16", Role::Norm));
    }
}
