//! The catalog's own examples, and mistakes that tools of this kind have made.

use std::path::Path;
use std::sync::LazyLock;

use super::catalog::BUILTIN;
use super::ladder::Kind;
use super::off::Shown;
use super::parts::{PartIx, membership};
use super::rows::state_of;
use super::sequence::Sequence;
use super::*;
use crate::trace::Ns;
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

fn told(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|one| format!("{}:{}: {}: {}\n", one.file.display(), one.line, one.id, one.message))
        .collect()
}

#[test]
fn every_example_of_the_catalog_holds() {
    let failed = catalog().failed_examples(classifier());
    assert!(failed.is_empty(), "{}", told(&failed));
}

#[test]
fn every_entry_is_complete() {
    let problems = catalog().problems();
    assert!(problems.is_empty(), "{}", told(&problems));
}

#[test]
fn every_file_of_the_catalog_is_compiled_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogs");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| ["fusions", "overlaps", "toggles"].iter().any(|start| name.starts_with(start)))
        .map(|name| format!("catalogs/{name}"))
        .collect();
    files.sort();
    let mut builtin = BUILTIN.map(|(path, _)| path.to_owned()).to_vec();
    builtin.sort();
    assert_eq!(files, builtin);
}

/// Parts that nothing uses say nothing; those that the code asks for are used by it.
#[test]
fn every_part_is_used() {
    let catalog = catalog();
    let mut used: std::collections::BTreeSet<PartIx> = catalog
        .entries()
        .iter()
        .flat_map(|entry| {
            let lists = [&entry.on, &entry.after, &entry.between, &entry.unless, &entry.with, &entry.covers];
            let ladders = entry.split.iter().chain(entry.off_where.iter().map(|case| &case.without));
            lists.into_iter().flatten().chain(ladders.flatten()).copied().collect::<Vec<_>>()
        })
        .collect();
    for name in [
        "all-reduce",
        "expert-exchange",
        "amd-only",
        "of-aiter",
        "compiled",
        "kv-write",
        "fp8-product",
        "fp4",
    ] {
        used.insert(PartIx(catalog.parts.iter().position(|part| part.name == name).unwrap()));
    }
    let idle: Vec<&str> = (0..catalog.parts.len())
        .map(PartIx)
        .filter(|part| !used.contains(part))
        .map(|part| catalog.part_name(part))
        .collect();
    assert_eq!(idle, Vec::<&str>::new());
}

/// What is for FP4 alone, by its name, says on what it runs: on a model in FP8 it is no help.
#[test]
fn what_is_for_fp4_alone_has_a_gate() {
    let open: Vec<&str> = catalog()
        .entries()
        .iter()
        .filter(|entry| entry.name.contains("FP4"))
        .filter(|entry| entry.gates.quantisation.is_empty() && entry.gates.gpu.is_empty())
        .map(|entry| entry.id.as_str())
        .collect();
    assert_eq!(open, Vec::<&str>::new());
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
        // Directly behind attention, a quantisation is the ladder of exactly one path.
        let expected = usize::from(entry.id == "vllm-attention-output-quant");
        let count = catalog().count_split(entry, &[QUANT, attention, QUANT], classifier());
        assert_eq!(count, expected, "{}", entry.id);
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
    assert!(on(name).contains(&"fused-activation-and-mul"));
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
        |text: &str| PathCatalog::from_yaml(&[CatalogFile { path: Path::new("f.yaml"), text }], classifier());
    assert_eq!(read(text).unwrap().entries().len(), 1);
    for (from, to, message) in [
        ("kind: fuse", "kid: fuse", "unknown key `kid`"),
        ("on: [a]", "on: [c]", "there is no part `c`"),
        ("[[a, b]]", "[[a]]", "a ladder has fewer than two rungs"),
        ("{ role: [norm] }", "{ not: [quant] }", "a matcher of part `a` takes every kernel"),
        ("{ role: [norm] }", "{ family: [nrm] }", "there is no kernel family `nrm`"),
        (
            "origin: mainline",
            "origin: in-flight",
            "what is in flight needs its pull request, a day and what to check",
        ),
        ("on: [a]", "same-as: q\n  on: [a]", "`p` is the same as `q`, which is no entry of its own"),
        ("on: [a]", "same-as: p\n  on: [a]", "`p` is said to be the same as itself"),
        ("{ role: [norm] }", "", "part `a` has no matcher, so no kernel is one"),
        ("on: [a]", "gates: { tp: 0 }\n  on: [a]", "`tp: 0` holds on every server"),
        ("on: [a]", "gates: { ep: 1 }\n  on: [a]", "`ep: 1` holds on every server"),
        ("on: [a]", "gates: { tp: -1 }\n  on: [a]", "this is no whole number from 0 on"),
        ("on: [a]", "pr: [12]\n  on: [a]", "`12` names no pull request"),
        ("on: [a]", "pr: [\"sglang#12\"]\n  on: [a]", "`sglang#12` names no pull request"),
        ("[x]", "[/etc/x.py]", "`/etc/x.py` is no path inside a repository"),
        ("[x]", "[a/../../x.py]", "`a/../../x.py` is no path inside a repository"),
        ("[x]", "['C:\\x.py']", "`C:\\x.py` is no path inside a repository"),
        ("on: [a]", "successor-of: [q]\n  on: [a]", "`p` succeeds `q`, which is no entry"),
        ("on: [a]", "as-of: 2026-02-30\n  on: [a]", "`2026-02-30` is no day"),
        ("on: [a]", "covers: [a]\n  on: [a]", "`covers` is for overlaps"),
        ("kind: fuse", "kind: overlap", "kernels cannot tell whether an overlap is on"),
        ("frameworks: [any]", "frameworks: [vlm]", "there is no framework `vlm`"),
        (
            "{ role: [norm] }",
            "{ words: [v] }",
            "part `a` looks for the one word `v`, which many kernels have",
        ),
        ("schema: 1", "schema: 2", "unknown catalog schema"),
    ] {
        let error = read(&text.replace(from, to)).unwrap_err();
        assert!(error.message.contains(message), "{}", error.message);
    }
    let twice = format!("{text}{}", text.split("entries:\n").nth(1).unwrap());
    assert!(read(&twice).unwrap_err().message.contains("id `p` is taken"));
}

fn kernel(name: &str) -> crate::triage::classify::Class {
    classifier().classify(name, crate::trace::ActivityKind::Kernel)
}

/// What a stage of one stream says beside its table, the sequence run once in each of four layers of a step.
fn said(
    names: &[&str],
    ops: &[&str],
    sites: &[(&str, &str)],
    facts: Facts<'_>,
) -> (Vec<crate::triage::model::Similarity>, Vec<crate::triage::model::Unlisted>) {
    let classes: Vec<_> = names.iter().map(|name| kernel(name)).collect();
    let kinds: Vec<Kind<'_>> = classes
        .iter()
        .map(|class| Kind::new(class, membership(&catalog().parts, class, classifier())))
        .collect();
    let order: Vec<u32> = (0..u32::try_from(kinds.len()).unwrap()).collect();
    let sequence = Sequence::new(&kinds, order.repeat(4), vec![Ns(1_000); kinds.len() * 4], 1);
    let ran: Vec<bool> =
        (0..catalog().parts.len()).map(|at| kinds.iter().any(|kind| kind.is(PartIx(at)))).collect();
    let sites: Vec<crate::triage::model::Site> = sites
        .iter()
        .map(|(path, function)| crate::triage::model::Site {
            path: (*path).to_owned(),
            line: Some(1),
            function: Some((*function).to_owned()),
            share_pct: 100.0,
            exact: true,
        })
        .collect();
    let whole = Ns(1_000 * i64::try_from(sequence.kinds.len()).unwrap());
    let scene = similar::Scene {
        stage: crate::triage::stage::Stage::Decode,
        steps: 1,
        kinds: &kinds,
        sequences: &[sequence],
        ran: &ran,
        ops: ops.to_vec(),
        sites: sites.iter().collect(),
        rows: &[],
    };
    (similar::find(&scene, catalog(), &facts), unlisted::find(&scene, catalog(), whole))
}

const SUM: &str = "void moe_sum_reduce_kernel<c10::BFloat16, 8>(int)";
const ADD: &str = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<c10::BFloat16>, at::detail::Array<char*, 3> >(int)";
const GEMM: &str = "nvjet_tst_64x64_64x16_2x1_2cta_v_bz_TNT";

fn on_sglang() -> Facts<'static> {
    Facts { framework: "sglang", gpu: Some("NVIDIA H100"), reduces: true, ..Facts::default() }
}

#[test]
fn a_ladder_with_a_kernel_between_is_similar_when_a_second_signal_speaks_for_it() {
    let (hints, _) = said(&[SUM, ADD, REDUCE, GEMM], &[], &[], on_sglang());
    let hint = hints.iter().find(|hint| hint.path == "fused-moe-sum-all-reduce").unwrap();
    assert_eq!(hint.level, "low");
    assert_eq!(hint.signals.len(), 2, "{:?}", hint.signals);
    assert!(
        hint.signals[0].starts_with("producer-consumer order: moe-sum → all-reduce"),
        "{:?}",
        hint.signals
    );
    assert!(hint.signals[1].starts_with("TP context"), "{:?}", hint.signals);
}

#[test]
fn one_signal_is_no_similarity() {
    let is_silent = |names: &[&str], ops: &[&str], sites: &[(&str, &str)], facts: Facts<'_>| {
        let (hints, _) = said(names, ops, sites, facts);
        assert!(hints.is_empty(), "{hints:?}");
    };
    // The order alone, where nothing says that the layers are shared.
    is_silent(&[SUM, ADD, REDUCE, GEMM], &[], &[], Facts { reduces: false, ..on_sglang() });
    // A matrix product in between made something else of it.
    is_silent(&[SUM, GEMM, REDUCE, ADD], &[], &[], on_sglang());
    // The other way round.
    is_silent(&[REDUCE, ADD, SUM, GEMM], &[], &[], on_sglang());
    // A model's name, or an operator, or a place alone.
    is_silent(&[GEMM], &[], &[], Facts { model: Some("deepseek-v3"), ..on_sglang() });
    is_silent(
        &[GEMM],
        &["sgl_kernel::fused_qk_rope_cat_and_cache_mla"],
        &[],
        Facts { gpu: None, ..on_sglang() },
    );
    is_silent(&[GEMM], &[], &[("python/sglang/srt/models/grok.py", "moe_with_rmoe")], on_sglang());
    // A file that an entry names, and a function that it does not.
    is_silent(&[GEMM], &[], &[("python/sglang/srt/models/grok.py", "forward")], on_sglang());
    // Another framework's pull requests and paths.
    let foreign = ["vllm::fused_rope_and_unified_kv_cache_update"];
    is_silent(&[GEMM], &foreign, &[("vllm/_custom_ops.py", "fused_qk_norm_rope")], on_sglang());
}

#[test]
fn an_operator_and_a_model_are_two_signals_and_a_place_makes_three() {
    let facts = Facts {
        framework: "sglang",
        gpu: Some("AMD Instinct MI300X"),
        model: Some("deepseek-ai/DeepSeek-V3"),
        ..Facts::default()
    };
    let ops = ["sgl_kernel::fused_qk_rope_cat_and_cache_mla"];
    let (hints, _) = said(&[GEMM], &ops, &[], facts);
    let hint = hints.iter().find(|hint| hint.path == "fused-qk-rope-concat-mla-cache-write").unwrap();
    assert_eq!((hint.level.as_str(), hint.signals.len()), ("low", 2), "{:?}", hint.signals);
    let place = [(
        "python/sglang/srt/models/deepseek_common/attention_forward_methods/forward_mla.py",
        "set_mla_kv_buffer",
    )];
    let (hints, _) = said(&[GEMM], &ops, &place, facts);
    let hint = hints.iter().find(|hint| hint.path == "fused-qk-rope-concat-mla-cache-write").unwrap();
    assert_eq!((hint.level.as_str(), hint.signals.len()), ("medium", 3), "{:?}", hint.signals);
}

#[test]
fn only_what_no_entry_fits_is_new() {
    let fill = "void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<c10::BFloat16>, std::array<char*, 1ul> >(int)";
    let (_, news) = said(&[GEMM, fill, QUANT, GEMM], &[], &[], on_sglang());
    assert_eq!(news.len(), 1, "{news:?}");
    assert_eq!(news[0].kernels, ["torch-fill-bf16", QUANT]);
    assert_eq!((news[0].per_step, news[0].share_pct), (4, 50.0));
    // A ladder of any framework, on any GPU, in flight or not, is known.
    let silent = |names: &[&str]| assert_eq!(said(names, &[], &[], on_sglang()).1, []);
    silent(&[GEMM, ADD, "_rms_norm_fwd_fused", GEMM]);
    silent(&[GEMM, "_rms_norm_fwd_fused", QUANT, GEMM]);
    silent(&["_rms_norm_fwd_fused", "_rms_norm_fwd_fused", "_rotary_kernel", "_fwd_kernel"]);
    // One kernel is no row, and copies alone are none either.
    silent(&[GEMM, QUANT, GEMM]);
    silent(&[GEMM, fill, fill, GEMM]);
}

#[test]
fn an_overlap_is_found_by_what_it_hides() {
    let of = |name: &str, facts: Facts<'_>| -> Vec<Way> {
        let member = membership(&catalog().parts, &kernel(name), classifier());
        let compiled = Shown { by_layers: false, compiled: true };
        catalog().covering(&member, compiled, &facts)
    };
    let ids = |name: &str, facts: Facts<'_>| -> Vec<String> {
        of(name, facts).into_iter().map(|way| way.path).collect()
    };
    let combine = "void deep_ep::internode_ll::combine<3, 10, 7168, 9>(void*, void*, int*)";
    let dispatch = "void deep_ep::internode_ll::dispatch<true, false, 7168>(void*)";
    let sglang = Facts { exchanges: true, ..on_sglang() };
    // The model is not known, so the way of DeepSeek comes behind; what waits in a pull request comes last.
    assert_eq!(
        ids(combine, sglang),
        ["single-batch-overlap", "deepseek-shared-routed-overlap", "pr-21877-fused-combine-supersedes-sbo"]
    );
    let found = of(dispatch, sglang);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].is_own && found[0].unsettled.as_ref().is_some_and(|by| by.contains("model")));
    let other = Facts { model: Some("Qwen/Qwen3-235B-A22B"), ..sglang };
    assert_eq!(ids(dispatch, other), Vec::<String>::new(), "it is DeepSeek's");
    // Another framework's pull request is no way at all.
    let vllm = Facts { framework: "vllm", exchanges: true, reduces: true, ..on_sglang() };
    assert_eq!(ids(combine, vllm), ["single-batch-overlap", "deepseek-shared-routed-overlap"]);
    assert_eq!(ids(REDUCE, vllm)[0], "vllm-async-tp");
    // A compile pass is off where nothing is compiled, and then comes behind what is not off.
    let member = membership(&catalog().parts, &kernel(REDUCE), classifier());
    let eager = Shown { by_layers: true, compiled: true };
    let off: Vec<(String, bool)> = catalog()
        .covering(&member, eager, &vllm)
        .into_iter()
        .map(|way| (way.path, way.off.is_some()))
        .collect();
    assert!(off.contains(&("vllm-async-tp".to_owned(), true)), "{off:?}");
    assert!(off.contains(&("vllm-sequence-parallel".to_owned(), true)), "{off:?}");
    assert!(off.is_sorted_by_key(|(path, off)| (!path.starts_with("vllm"), *off)), "{off:?}");
    // These run in every model; no overlap is for all of them.
    for name in ["_silu_and_mul_kernel", "_rms_norm_fwd_fused", GEMM, "Memset (Device)"] {
        assert_eq!(ids(name, sglang), Vec::<String>::new(), "{name}");
    }
}

/// The kernels of a step that is known to be split, with the class that the path gets.
fn class_in(
    stage: crate::triage::stage::Stage,
    gpu: &'static str,
    norm: &str,
) -> Option<(String, Vec<String>)> {
    let rows: Vec<(&str, u64)> =
        [REDUCE, norm, GEMM, REDUCE, norm, GEMM].into_iter().zip((0..).map(|at| at * 10)).collect();
    let events: Vec<String> = rows
        .iter()
        .map(|(name, at)| {
            format!(
                r#"{{"ph":"X","cat":"kernel","name":"{name}","pid":0,"tid":7,"ts":{},"dur":9,"args":{{"device":0,"stream":7}}}}"#,
                at + 100
            )
        })
        .collect();
    let text = format!(
        r#"{{"deviceProperties":[{{"id":0,"name":"{gpu}"}}],"traceEvents":[{{"ph":"X","cat":"cpu_op","name":"vllm::f","pid":1,"tid":1,"ts":1,"dur":1}},{}]}}"#,
        events.join(",")
    );
    let trace = crate::trace::read(text.as_bytes()).unwrap();
    let input =
        crate::triage::Input { trace: &trace, path: "t", path_stage: Some(stage), rank: 0, sha256: "" };
    let catalogs = crate::triage::Catalogs::builtin().unwrap();
    let triage = crate::triage::triage(&[input], &catalogs, None).unwrap();
    let path = triage.stages[0].paths.iter().find(|row| row.path == "vllm-allreduce-rmsnorm")?;
    Some((path.class.clone(), path.evidence.clone()))
}

/// A pass for compiled code on Hopper and Blackwell, and for small messages.
#[test]
fn a_pass_applies_only_where_its_compiler_its_gpu_and_its_messages_are() {
    use crate::triage::stage::Stage;
    let compiled = "triton_red_fused__to_copy_add_mean_mul_pow_rsqrt_0";
    let plain = "void vllm::rms_norm_kernel<c10::BFloat16, 8, 2>(c10::BFloat16*)";
    let class = |stage, gpu, norm| class_in(stage, gpu, norm).map(|(class, _)| class);
    assert_eq!(class(Stage::Decode, "NVIDIA H100 80GB HBM3", compiled).as_deref(), Some("should-apply"));
    assert_eq!(class(Stage::Prefill, "NVIDIA H100 80GB HBM3", compiled).as_deref(), Some("off"));
    let (class_of_plain, evidence) = class_in(Stage::Decode, "NVIDIA B200", plain).unwrap();
    assert_eq!(class_of_plain, "off");
    assert!(evidence[0].starts_with("off here: no compiled kernel ran"), "{evidence:?}");
    assert_eq!(class(Stage::Decode, "NVIDIA A100-SXM4-80GB", compiled), None);
    assert_eq!(class(Stage::Decode, "AMD Instinct MI300X", compiled), None);
}
