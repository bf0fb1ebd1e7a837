//! Names as they were recorded, and what must come of them.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::trace::ActivityKind;

fn classifier() -> &'static Classifier {
    static BUILTIN: LazyLock<Classifier> = LazyLock::new(|| Classifier::builtin().unwrap());
    &BUILTIN
}

#[test]
fn every_example_of_the_catalog_holds() {
    let classifier = classifier();
    let mut failures = Vec::new();
    for family in classifier.families() {
        for example in &family.examples.r#match {
            let class = classifier.classify(&example.name, ActivityKind::Kernel);
            if class.family.as_deref() != Some(family.id.as_str()) {
                failures.push(format!("{}: taken by {:?}: {}", family.id, class.family, example.name));
            } else if example.id.as_ref().is_some_and(|id| *id != class.id) {
                failures.push(format!("{}: {:?} became `{}`", family.id, example.id, class.id));
            }
        }
        for name in &family.examples.reject {
            let class = classifier.classify(name, ActivityKind::Kernel);
            if class.family.as_deref() == Some(family.id.as_str()) {
                failures.push(format!("{}: must not take {name}", family.id));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn copies_and_fills_are_told_by_their_kind() {
    for (name, kind, id) in [
        ("Memcpy HtoD (Pinned -> Device)", ActivityKind::Copy, "memcpy-htod"),
        ("Memcpy DtoD (Device -> Device)", ActivityKind::Copy, "memcpy-dtod"),
        ("CopyDeviceToHost", ActivityKind::Copy, "memcpy-dtoh"),
        ("Memset (Device)", ActivityKind::Set, "memset"),
        ("Memcpy PtoP (Device -> Device)", ActivityKind::Kernel, "memcpy-ptop"),
        ("nvjet", ActivityKind::Copy, "memcpy"),
    ] {
        let class = classifier().classify(name, kind);
        assert_eq!((class.id.as_str(), class.role), (id, Role::Memory), "{name}");
    }
}

#[test]
fn an_unknown_kernel_keeps_its_name_and_loses_what_a_build_adds() {
    for (name, id) in [
        ("_my_own_thing", "_my_own_thing"),
        ("void ns::frobnicate<c10::BFloat16, 128, 4>(float*)", "frobnicate-bf16"),
        ("frobnicate_128x64x32_1f0e9a7bc3", "frobnicate"),
        ("frobnicate_0d1d2de3", "frobnicate"),
        ("_frobnicate_BLOCK_SIZE_M_32_BLOCK_SIZE_N_64_num_warps_4", "_frobnicate"),
        ("void gizmo::kernel<__half>(int)", "gizmo_kernel-fp16"),
        ("a|b`c\nd", "a-b-c-d"),
    ] {
        assert_eq!(classifier().classify(name, ActivityKind::Kernel).id, id, "{name}");
    }
}

#[test]
fn an_explanation_names_the_entry_and_what_nearly_fitted() {
    let explanation =
        classifier().explain("void deep_gemm::fp8_gemm_kernel<576u, 7168u, (deep_gemm::GemmType)0>(int)");
    assert_eq!(explanation.class.family.as_deref(), Some("deepgemm-fp8-gemm"));
    assert!(explanation.because.iter().all(|check| check.holds), "{:?}", explanation.because);
    assert!(explanation.near.iter().any(|near| near.family == "deepgemm-fp8-grouped-gemm"));
}

#[test]
fn hostile_names_are_only_slow_to_read_by_their_length() {
    for name in [
        "<".repeat(100_000),
        "a<".repeat(50_000),
        "(".repeat(100_000),
        "a<(".repeat(30_000),
        format!("_Z{}", "N".repeat(100_000)),
        format!("_Z1f{}", "I1fI".repeat(4_000)),
        format!("_ZN{}", "1a".repeat(8_000)),
        "_Z99999999999999999999999f".to_owned(),
        "operator<<<<<<".to_owned(),
        String::new(),
    ] {
        let class = classifier().classify(&name, ActivityKind::Kernel);
        assert!(!class.id.is_empty() && class.id.len() <= 100);
    }
}

proptest! {
    #[test]
    fn any_text_gets_a_safe_id(name in "\\PC{0,60}|[_a-zA-Z0-9:<>(), {}#*&]{0,120}|_Z[NISTEXLJPF0-9a-f_]{0,80}") {
        let class = classifier().classify(&name, ActivityKind::Kernel);
        prop_assert!(class.id.len() <= 100 && !class.id.is_empty());
        let _ = classifier().explain(&name);
        prop_assert!(class.id.chars().all(|c| c.is_ascii_alphanumeric() || "_-.+".contains(c)), "{}", class.id);
    }

    #[test]
    fn parameters_never_decide(parameters in "[a-zA-Z0-9_:, *&]{0,60}") {
        for example in ["void ns::frobnicate<float, 4>", "void vllm::rms_norm_kernel<c10::BFloat16, 8, 2>"] {
            let with = classifier().classify(&format!("{example}({parameters})"), ActivityKind::Kernel);
            let without = classifier().classify(&format!("{example}()"), ActivityKind::Kernel);
            prop_assert_eq!(with, without);
        }
    }
}
