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

/// W-1 to W-20: names that a substring search files wrongly; each was found in another tool.
const MISFILED: [(&str, Role); 50] = [
    (
        "void cutlass::device_kernel<flash::enable_sm90_or_later<flash::FlashAttnFwdSm90<int>>>(int)",
        Role::Attention,
    ),
    ("void flash::flash_fwd_kernel<Traits<128, cutlass::bfloat16_t>, false>(int)", Role::Attention),
    ("_fwd_grouped_kernel_stage1", Role::Attention),
    ("_fwd_kernel", Role::Attention),
    ("kernel_mha", Role::Attention),
    ("void flash::FlashAttnFwdCombine<cute::tuple<cute::C<8> >, 5>(int)", Role::Attention),
    ("flash_fwd_splitkv_combine_kernel", Role::Attention),
    (
        "void cutlass::Kernel<cutlass::gemm::kernel::Gemm<cutlass::transform::PitchLinearWarpRakedThreadMap<int> > >(int)",
        Role::Gemm,
    ),
    ("tokenspeed_mla_prefill", Role::Attention),
    ("_mla_prefill_kernel", Role::Attention),
    ("void flashinfer::BatchPrefillWithPagedKVCacheKernel<flashinfer::Traits<int> >(int)", Role::Attention),
    ("_gemma_rmsnorm_residual_kernel", Role::Norm),
    ("gemma_fused_add_rmsnorm", Role::Norm),
    ("grammar_mask_kernel", Role::Sampling),
    ("void at::native::(anonymous namespace)::GammaBetaBackwardCUDAKernel<float>(int)", Role::Norm),
    ("lemma_kernel", Role::Other),
    ("triton_red_fused__to_copy_add_mean_mul_pow_rsqrt_0", Role::Norm),
    ("triton_poi_fused__to_copy_cat_clone_0", Role::Elementwise),
    ("nvjet_tst_64x8_64x16_4x1_v_bz_TNT", Role::Gemm),
    ("Cijk_Alik_Bljk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT128x256x32", Role::Gemm),
    ("void marlin::Marlin<__nv_bfloat16, 4, 256>(int4 const*)", Role::Gemm),
    ("void flashinfer::norm::RMSNormKernel<8u, __half>(int)", Role::Norm),
    ("void flashinfer::activation::act_and_mul_kernel<__half, &(silu(float const&))>(int)", Role::Activation),
    ("l2norm_fwd_kernel", Role::LinearAttention),
    ("recompute_w_u_fwd_kernel", Role::LinearAttention),
    ("chunk_fwd_kernel_o", Role::LinearAttention),
    ("merge_16x16_to_64x64_inverse_kernel", Role::LinearAttention),
    ("fused_sigmoid_gating_delta_rule_update_kernel", Role::LinearAttention),
    ("void deep_ep::intranode::barrier<8>(int**, int)", Role::Communication),
    ("void deep_ep::internode_ll::clean_low_latency_buffer<32>(int*)", Role::Communication),
    ("nvshmemi_barrier_all", Role::Communication),
    ("void tensorrt_llm::kernels::moeA2ACombineKernel<__nv_bfloat16>(int)", Role::Communication),
    (
        "void at::native::(anonymous namespace)::CatArrayBatchedCopy<float, unsigned int, 2, 64, 64>(int)",
        Role::Memory,
    ),
    ("void vllm::moe::topkGatingSoftmax<8, 128, 4, 16, 32, int, float>(float const*)", Role::MoeRouting),
    ("void moe_align_block_size_kernel<int>(int*)", Role::MoeRouting),
    ("fused_moe_kernel", Role::Moe),
    ("void deep_gemm::sm100_fp8_mqa_logits<64u, 128u>(unsigned int)", Role::Attention),
    ("sm100_fp8_mqa_logits", Role::Attention),
    ("_Z23compressMaskKernelPKi", Role::Elementwise),
    ("lambda_ssd_pass", Role::LinearAttention),
    ("void convert_vertical_slash_indexes(int const*)", Role::Attention),
    ("void foo<int>(ncclArgs)", Role::Other),
    ("draw_kernel", Role::Other),
    ("aggregate_kernel", Role::Other),
    ("accumulate_kernel", Role::Other),
    ("get_device_properties_kernel", Role::Other),
    ("_per_token_group_quant_fp8", Role::Quantize),
    ("_silu_and_mul_post_quant_kernel", Role::Activation),
    ("void cublasLt::splitKreduce_kernel<32, 16, int, float>(int)", Role::Gemm),
    ("void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16, __nv_bfloat16>(int)", Role::KvCache),
];

#[test]
fn w1_to_w20_words_decide_and_not_substrings() {
    let wrong: Vec<String> = MISFILED
        .iter()
        .map(|(name, role)| (name, role, classifier().classify(name, ActivityKind::Kernel)))
        .filter(|(_, role, class)| class.role != **role)
        .map(|(name, role, class)| format!("{name}: {role}, got {} by {:?}", class.role, class.family))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
    let reasons: Vec<(&str, String)> =
        explanation.because.iter().map(|reason| (reason.key, reason.values.join("; "))).collect();
    assert!(reasons.contains(&("path", "deep gemm".to_owned())), "{reasons:?}");
    assert!(reasons.iter().all(|(_, values)| !values.is_empty()), "{reasons:?}");
    assert!(explanation.near.iter().any(|near| near.family == "deepgemm-fp8-grouped-gemm"));
}

#[test]
fn a_users_catalog_comes_first_and_is_strict() {
    let path = std::path::Path::new("catalogs/own.yaml");
    let entry =
        "schema: 1\nentries:\n- { id: own, name: Own, role: gemm, match: { exactly: [_rotary_kernel] } }\n";
    let own = Classifier::with_catalogs(&[CatalogFile { path, text: entry }]).unwrap();
    assert_eq!(own.classify("_rotary_kernel", ActivityKind::Kernel).role, Role::Gemm);
    for (bad, message) in [
        (entry.replace("exactly", "exactl"), "unknown key `exactl`"),
        (entry.replace("exactly: [_rotary_kernel]", ""), "entry `own` matches nothing"),
        (entry.replace("exactly: [_rotary_kernel]", "pattern: ['(']"), "cannot read the pattern"),
        (
            entry.replace("match:", "kernel: '{x}', match:"),
            "`{x}` is neither a placeholder nor a captured name",
        ),
        (format!("{entry}{}", entry.replace("schema: 1\nentries:\n", "")), "id `own` is taken by"),
        (entry.replace("schema: 1", "schema: 2"), "unknown catalog schema"),
    ] {
        let error = Classifier::with_catalogs(&[CatalogFile { path, text: &bad }]).unwrap_err();
        assert!(error.message.contains(message), "{}", error.message);
    }
}

#[test]
fn a_users_entry_takes_the_place_of_the_built_in_one_of_its_id() {
    let path = std::path::Path::new("catalogs/own.yaml");
    let text =
        "schema: 1\nentries:\n- { id: rope, name: Own, role: gemm, match: { exactly: [_rotary_kernel] } }\n";
    let own = Classifier::with_catalogs(&[CatalogFile { path, text }]).unwrap();
    assert_eq!(own.classify("_rotary_kernel", ActivityKind::Kernel).role, Role::Gemm);
    assert_eq!(own.families().iter().filter(|family| family.id == "rope").count(), 1);
    let other = "void vllm::rotary_embedding_kernel<c10::BFloat16, true>(long const*)";
    assert_ne!(own.classify(other, ActivityKind::Kernel).family.as_deref(), Some("rope"));
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
