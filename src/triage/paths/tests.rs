//! The catalog's own examples, and mistakes that tools of this kind have made.

use std::path::Path;
use std::sync::LazyLock;

use super::rows::state_of;
use super::*;
use crate::triage::classify::{CatalogFile, Classifier};
use crate::triage::model::PathState;

fn classifier() -> &'static Classifier {
    static BUILTIN: LazyLock<Classifier> = LazyLock::new(|| Classifier::builtin().unwrap());
    &BUILTIN
}

fn catalog() -> &'static PathCatalog {
    PathCatalog::builtin().unwrap()
}

fn entry(id: &str) -> &'static Entry {
    catalog().entry(id).unwrap()
}

fn split(id: &str, names: &[&str]) -> usize {
    catalog().count_split(entry(id), names, classifier())
}

/// Ids of the paths of which a kernel is the fused form.
fn on(name: &str) -> Vec<&'static str> {
    catalog().uses_of(name, classifier()).iter().filter(|one| one.is_on).map(|one| one.path).collect()
}

#[test]
fn every_example_of_the_catalog_holds() {
    let mut failures = Vec::new();
    for entry in catalog().entries() {
        for (names, expected) in [(&entry.examples.on, true), (&entry.examples.not_on, false)] {
            for name in names {
                if catalog().is_on(entry, name, classifier()) != expected {
                    let parts = catalog().parts_of(name, classifier());
                    let class = classifier().classify(name, crate::trace::ActivityKind::Kernel);
                    failures.push(format!(
                        "{}: on should be {expected}: {name}: {class:?} is {parts:?}",
                        entry.id
                    ));
                }
            }
        }
        for (sequences, expected) in [(&entry.examples.split, 1), (&entry.examples.not_split, 0)] {
            for names in sequences {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let count = catalog().count_split(entry, &names, classifier());
                if count != expected {
                    let parts: Vec<_> =
                        names.iter().map(|name| catalog().parts_of(name, classifier())).collect();
                    failures.push(format!("{}: {count} ladders, {expected} expected: {parts:?}", entry.id));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_path_shows_what_it_matches_and_what_it_leaves() {
    for entry in catalog().entries() {
        let examples = &entry.examples;
        assert!(!examples.on.is_empty() && !examples.not_on.is_empty(), "{}", entry.id);
        assert!(!entry.source_paths.is_empty() && entry.summary.ends_with('.'), "{}", entry.id);
        let has_ladder = !examples.split.is_empty() || entry.variant_of.is_some();
        assert!(has_ladder, "{} shows no ladder", entry.id);
    }
}

const REDUCE: &str = "void vllm::cross_device_reduce_1stage<__nv_bfloat16, 4>(vllm::RankData*)";
const FUSED_NORM: &str = "void flashinfer::norm::FusedAddRMSNormKernel<8u, __nv_bfloat16>(int)";
const QUANT: &str = "_per_token_group_quant_fp8";

/// W-43: the residual norm of a library is no proof of the same library's fused all-reduce.
#[test]
fn a_plain_residual_norm_beside_an_all_reduce_is_the_split_form() {
    assert!(!on(FUSED_NORM).contains(&"flashinfer-unified-allreduce-fusion"));
    assert_eq!(split("flashinfer-unified-allreduce-fusion", &[REDUCE, FUSED_NORM]), 1);
}

/// W-44, W-45: letters and pieces of words are no words.
#[test]
fn pieces_of_words_match_no_path() {
    for name in [
        "void foo(int)",
        "draw_kernel",
        "index_kernel",
        "aggregate_kernel",
        "accumulate_kernel",
        "scatter_metadata_kernel",
        "get_device_properties_kernel",
        "add_mul_gate_kernel",
    ] {
        assert_eq!(catalog().uses_of(name, classifier()), [], "{name}");
    }
}

/// W-46: a quantisation anywhere and a cache anywhere are no ladder.
#[test]
fn quantisation_without_its_neighbour_is_no_ladder() {
    let attention = "void flashinfer::BatchPrefillWithPagedKVCacheKernel<flashinfer::Traits<int> >(int)";
    for entry in catalog().entries() {
        assert_eq!(catalog().count_split(entry, &[QUANT, attention, QUANT], classifier()), 0, "{}", entry.id);
    }
}

/// W-47: a BF16 GEMM of cuBLAS and a fill say nothing of FP8.
#[test]
fn a_bf16_gemm_behind_a_fill_is_no_fp8_path() {
    let gemm = "nvjet_tst_64x64_64x16_2x1_2cta_v_bz_TNT";
    assert_eq!(
        split("pr-22392-cutlass-fp8-vs-nvjet", &["Memset (Device)", gemm, "Memset (Device)", gemm]),
        0
    );
    assert_eq!(on(gemm), Vec::<&str>::new());
}

/// W-48, W-49: different kernels, one after the other.
#[test]
fn kernels_of_another_layer_are_no_ladder() {
    let gemm = "nvjet_tst_64x64_64x16_2x1_2cta_v_bz_TNT";
    assert_eq!(split("vllm-rmsnorm-quant", &["_rms_norm_fwd_fused", gemm, QUANT]), 0);
    assert_eq!(split("vllm-rmsnorm-quant", &[QUANT, "_rms_norm_fwd_fused"]), 0);
    assert_eq!(split("vllm-rmsnorm-quant", &["_rms_norm_fwd_fused", QUANT, "_rms_norm_fwd_fused", QUANT]), 2);
}

/// W-52: one kernel may serve several paths.
#[test]
fn a_kernel_of_two_ladders_counts_in_both() {
    let add = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<c10::BFloat16>, at::detail::Array<char*, 3> >(int)";
    let layer = [add, "_rms_norm_fwd_fused", QUANT];
    assert_eq!(split("fused-residual-add-rmsnorm", &layer), 1);
    assert_eq!(split("vllm-rmsnorm-quant", &layer), 1);
}

/// W-53: names of variables and of predicates are no kernels.
#[test]
fn a_name_that_only_speaks_of_a_path_does_not_switch_it_on() {
    for name in ["cu_seqlens_k", "cache_seqlens_int32", "enable_fused_set_kv_buffer", "can_use_fused_add_rms"]
    {
        assert_eq!(on(name), Vec::<&str>::new(), "{name}");
    }
}

/// W-54: an activation is told by its template argument, not by its call site.
#[test]
fn an_activation_is_known_without_its_python_frame() {
    let name = "void flashinfer::activation::act_and_mul_kernel<__half, &(silu(float const&))>(__half*)";
    assert_eq!(on(name), ["fused-activation-and-mul"]);
}

#[test]
fn one_or_two_strays_a_step_spoil_no_state_and_three_do() {
    for (fused, split, state) in [
        (0, 0, PathState::Absent),
        (96, 0, PathState::Active),
        (0, 96, PathState::Split),
        (96, 2, PathState::Active),
        (2, 96, PathState::Split),
        (96, 3, PathState::Partial),
        (24, 2, PathState::Partial),
        (48, 48, PathState::Partial),
    ] {
        assert_eq!(state_of(fused, split), state, "{fused} fused, {split} split");
    }
}

#[test]
fn a_mistake_in_the_file_is_named() {
    let text = "schema: 1\nparts: { a: [{ role: [norm] }], b: [{ role: [rope] }] }\nentries:\n- id: p\n  name: P\n  kind: fuse\n  frameworks: [any]\n  origin: mainline\n  summary: S.\n  on: [a]\n  split: [[a, b]]\n  source-paths: [x]\n";
    let read =
        |text: &str| PathCatalog::from_yaml(CatalogFile { path: Path::new("f.yaml"), text }, classifier());
    assert_eq!(read(text).unwrap().entries().len(), 1);
    for (from, to, message) in [
        ("kind: fuse", "kid: fuse", "unknown key `kid`"),
        ("on: [a]", "on: [c]", "there is no part `c`"),
        ("[[a, b]]", "[[a]]", "a ladder has fewer than two rungs"),
        ("{ role: [norm] }", "{ not: [quant] }", "a matcher of part `a` takes every kernel"),
        ("{ role: [norm] }", "{ family: [nrm] }", "there is no kernel family `nrm`"),
        ("origin: mainline", "origin: in-flight", "what is in flight needs its pull request"),
        ("on: [a]", "variant-of: q\n  on: [a]", "`p` is a variant of `q`, which is no entry of its own"),
        ("schema: 1", "schema: 2", "unknown catalog schema"),
    ] {
        let error = read(&text.replace(from, to)).unwrap_err();
        assert!(error.message.contains(message), "{}", error.message);
    }
    let twice = format!("{text}{}", text.split("entries:\n").nth(1).unwrap());
    assert!(read(&twice).unwrap_err().message.contains("id `p` is taken"));
}
