//! The whole path catalog: nothing lost, nothing twice; a user's own catalogs; the commands that look at them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::{Scratch, arg, run, run_in};
use profgate::synth::presets;
use profgate::triage::Catalogs;

fn catalogs() -> Catalogs {
    Catalogs::builtin().unwrap()
}

/// What the catalog holds: kind and id of each path, and the name of each toggle.
fn held() -> BTreeSet<(String, String)> {
    let paths = catalogs().paths;
    let entries = paths.entries().iter().map(|entry| (entry.kind.as_str().to_owned(), entry.id.clone()));
    let toggles = paths.toggles().iter().map(|toggle| ("toggle".to_owned(), toggle.name.clone()));
    entries.chain(toggles).collect()
}

/// Kind and id of each entry that may not be lost.
fn listed() -> Vec<(String, String)> {
    let list =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/catalog-ids.txt")).unwrap();
    list.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('\t').map(|(kind, id)| (kind.to_owned(), id.to_owned())).unwrap())
        .collect()
}

/// How many paths and toggles there are, by the list.
fn counts() -> (usize, usize) {
    let listed = listed();
    let toggles = listed.iter().filter(|(kind, _)| kind == "toggle").count();
    (listed.len() - toggles, toggles)
}

#[test]
fn no_path_and_no_toggle_is_lost() {
    let all = listed();
    assert!(counts().0 >= 172 && counts().1 >= 44, "the fact base holds so many");
    let listed: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(listed.len(), all.len(), "none is listed twice");
    assert_eq!(listed.difference(&held()).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "lost");
    assert_eq!(held().difference(&listed).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not listed");
}

#[test]
fn the_pages_are_those_of_the_catalog() {
    let scratch = Scratch::new("catalog-pages");
    let made = run(&["catalog", "pages", "-o", arg(&scratch.path("pages"))]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let files = |folder: &Path| -> BTreeMap<String, String> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, std::fs::read_to_string(entry.path()).unwrap())
            })
            .collect()
    };
    let kept = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/catalog"));
    let made = files(&scratch.path("pages"));
    assert_eq!(kept.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>());
    for (name, text) in &made {
        assert!(kept[name] == *text, "docs/catalog/{name} is old: run `profgate catalog pages`");
    }
    for entry in catalogs().paths.entries() {
        assert!(made.values().any(|text| text.contains(&format!("\n## {}\n", entry.id))), "{}", entry.id);
    }
}

/// The walk-through of CONTRIBUTING.md, step for step.
#[test]
fn a_path_is_added_as_the_walk_through_says() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CONTRIBUTING.md")).unwrap();
    let part = page.split("## Add a path").nth(1).unwrap().split("\n## ").next().unwrap();
    let yaml = part.split("```yaml\n").nth(1).unwrap().split("   ```").next().unwrap();
    let yaml: String =
        yaml.lines().map(|line| format!("{}\n", line.strip_prefix("   ").unwrap_or(line))).collect();
    let scratch = Scratch::new("catalog-walk");
    scratch.file("mine/fusions-mine.yaml", yaml);
    let mine = scratch.path("mine");
    let known = run(&["catalog", "match", "my_norm_rope_kernel"]);
    assert!(known.code == 0 && !known.stdout.contains("my-norm-rope:"), "{}", known.stdout);
    let tested = run(&["catalog", "test", arg(&mine)]);
    assert_eq!(tested.code, 0, "{}{}", tested.stdout, tested.stderr);
    let matched = run(&["catalog", "match", "my_norm_rope_kernel", "--catalog", arg(&mine)]);
    assert!(matched.stdout.contains("my-norm-rope: its fused kernel"), "{}", matched.stdout);
    let capture = scratch.capture("capture", &presets::moe_one_step());
    assert_eq!(run(&["triage", arg(&capture), "--catalog", arg(&mine)]).code, 0);
}

#[test]
fn filters_of_the_list_narrow_it() {
    let ids = |args: &[&str]| -> Vec<String> {
        let all = [&["catalog", "list", "--format", "json"], args].concat();
        let list: Value = serde_json::from_str(&run(&all).stdout).unwrap();
        let paths = list["paths"].as_array().unwrap();
        paths.iter().map(|path| path["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["--paths"]).len(), counts().0);
    let flying = ids(&["--origin", "in-flight"]);
    assert!(!flying.is_empty() && flying.iter().all(|id| id.starts_with("pr-")), "{flying:?}");
    assert_eq!(ids(&["--origin", "closed"]), ["pr-35968-dsv32-indexer-multistream"]);
    let told = ids(&["--paths", "--told-by", "kernels"]).len();
    assert_eq!(told + ids(&["--paths", "--told-by", "lookup"]).len(), counts().0);
    assert!(ids(&["--kind", "overlap", "--told-by", "kernels"]).is_empty());
    assert!(ids(&["--framework", "vllm"]).contains(&"flashinfer-fused-moe".to_owned()), "what any may take");
    assert!(!ids(&["--framework", "vllm"]).contains(&"single-batch-overlap".to_owned()));
    assert_eq!(ids(&["--search", "38621"]), ["pr-38621-qknorm-rope-cache-quant"]);
    let toggles: Value =
        serde_json::from_str(&run(&["catalog", "list", "--toggles", "--format", "json"]).stdout).unwrap();
    assert_eq!(toggles["toggles"].as_array().unwrap().len(), counts().1);
    assert!(run(&["catalog", "list", "--search", "no such word"]).stdout.starts_with("No entry"));
}

#[test]
fn a_framework_is_found_in_any_case_or_refused() {
    let list = |args: &[&str]| run(&[&["catalog", "list"], args].concat());
    let lower = list(&["--framework", "vllm"]);
    assert_eq!(list(&["--framework", "vLLM"]).stdout, lower.stdout);
    assert!(lower.stdout.contains("vllm-allreduce-rmsnorm"), "{}", lower.stdout);
    let typo = list(&["--framework", "vlm"]);
    assert_eq!((typo.code, typo.stdout.as_str()), (2, ""));
    assert!(typo.stderr.contains("did you mean `vllm`?"), "{}", typo.stderr);
    let other = list(&["--framework", "llama.cpp"]);
    assert!(other.code == 2 && other.stderr.contains("sglang, tokenspeed, trtllm, vllm"), "{}", other.stderr);
    let toggles = list(&["--toggles", "--framework", "SGLang"]);
    assert!(toggles.stdout.contains("enable_deterministic_inference"), "{}", toggles.stdout);
    assert!(!toggles.stdout.contains("PassConfig"), "{}", toggles.stdout);
    assert!(list(&["--toggles", "--framework", "flashinfer"]).stdout.contains("use_async_memset"));
    assert_eq!(list(&["--toggles", "--kind", "fuse"]).code, 2, "a toggle has no kind of path");
    assert_eq!(list(&["--kernels", "--framework", "vllm"]).code, 2);
}

#[test]
fn an_entry_shows_what_switches_it_and_who_else_has_it() {
    let show = run(&["catalog", "show", "vllm-allreduce-rmsnorm"]).stdout;
    for part in [
        "flashinfer-unified-allreduce-fusion (sglang, mainline)",
        "pr-37646-aiter-allreduce-rmsnorm (vllm, in-flight, vllm-project/vllm#37646)",
        "PassConfig.fuse_allreduce_rms (vllm config): ",
        "tensor parallelism of 2 or more",
        "all-reduce → any-norm",
        "catalogs/fusions-all-reduce.yaml:",
    ] {
        assert!(show.contains(part), "{part}\n{show}");
    }
    let lookup = run(&["catalog", "show", "vllm-dsv32-indexer-projections"]).stdout;
    assert!(lookup.contains("nothing in a trace"), "{lookup}");
    let flying = run(&["catalog", "show", "pr-20667-qwen35-qknorm-rope-kv"]).stdout;
    assert!(flying.contains("sgl-project/sglang#20667 was open. Look whether it is merged"), "{flying}");
    assert!(run(&["catalog", "show", "launch_with_pdl"]).stdout.contains("flashinfer-pdl-launch-overlap"));
}

#[test]
fn what_is_in_flight_grows_old() {
    let on = |day: &str| run(&["catalog", "stale", "--older-than", "12w", "--on", day]);
    let old = on("2026-11-24");
    assert_eq!(old.code, 0, "{}", old.stderr);
    assert!(
        old.stdout.contains("pr-20667-qwen35-qknorm-rope-kv") && old.stdout.contains("150 days"),
        "{}",
        old.stdout
    );
    let line = |id: &str| old.stdout.lines().find(|line| line.starts_with(id)).unwrap();
    assert!(line("pr-20667-qwen35-qknorm-rope-kv").contains("  in flight  150 days"), "{}", old.stdout);
    assert!(line("pr-35968-dsv32-indexer-multistream").contains("  closed     150 days"), "{}", old.stdout);
    assert!(line("pr-41263-dsv4-norm-router").contains("  merged     150 days"), "{}", old.stdout);
    assert!(on("2026-07-01").stdout.starts_with("No pull request was last looked at more than 84 days ago"));
    assert_eq!(run(&["catalog", "stale", "--on", "2026-02-30"]).code, 2);
    let json = run(&["catalog", "stale", "--on", "2026-11-24", "--format", "json"]).stdout;
    let rows: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(rows[0]["days"], 150);
    assert_eq!(rows[0]["state"], "in flight");
    assert!(rows.as_array().unwrap().iter().all(|row| !row["check"].as_str().unwrap().is_empty()));
}

#[test]
fn the_built_in_catalog_is_complete() {
    let lint = run(&["catalog", "lint"]);
    assert_eq!((lint.code, lint.stderr.as_str()), (0, ""), "{}", lint.stdout);
    let (paths, toggles) = counts();
    assert_eq!(lint.stdout, format!("{paths} paths and {toggles} toggles: every entry is complete.\n"));
}

const MINE: &str = "schema: 1
parts:
  my-finalize: [{ kernel: [\"trtllm-moe-finalize-*\"] }]
entries:
- id: my-finalize
  name: Finalisation of mine
  kind: fuse
  frameworks: [sglang]
  origin: mainline
  summary: One kernel weighs and adds the experts.
  on: [my-finalize]
  source-paths: [mine/finalize.cu]
  examples:
    from: [my own server]
    on: [\"void moe::dev::finalize::finalizeKernel<moe::dev::finalize::KernelParams<cutlass::bfloat16_t, cutlass::bfloat16_t, 4, true> >(int)\"]
    not-on: [_silu_and_mul_kernel]
- id: fused-residual-add-rmsnorm
  name: The residual norm as we call it
  kind: fuse
  frameworks: [sglang]
  origin: mainline
  summary: One kernel adds the residual and normalises.
  on: [residual-norm]
  split: [[residual-add, plain-norm]]
  source-paths: [mine/norm.cu]
  examples:
    from: [my own server]
    on: [_gemma_rmsnorm_residual_kernel]
    not-on: [_rms_norm_fwd_fused]
    split: [[\"void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<c10::BFloat16>, at::detail::Array<char*, 3> >(int)\", _rms_norm_fwd_fused]]
    not-split: [[_rms_norm_fwd_fused, _rms_norm_fwd_fused]]
";

const MY_KERNELS: &str = "schema: 1
entries:
- id: my-kernel
  name: A kernel of mine
  role: norm
  match: { exactly: [draw_kernel] }
  examples: { match: [{ name: draw_kernel }], reject: [my_draw] }
";

#[test]
fn a_users_catalog_adds_and_overrides() {
    let scratch = Scratch::new("catalog-user");
    scratch.file("mine/fusions-mine.yaml", MINE);
    scratch.file("mine/kernels-mine.yaml", MY_KERNELS);
    let folder = scratch.path("mine");
    let tested = run(&["catalog", "test", arg(&folder)]);
    assert_eq!(tested.code, 0, "{}{}", tested.stdout, tested.stderr);
    assert!(tested.stdout.starts_with("2 paths and 1 kernel family of"), "{}", tested.stdout);
    let overrides: Vec<&str> = tested.stdout.lines().filter(|line| line.starts_with("overrides")).collect();
    assert_eq!(overrides.len(), 1, "{}", tested.stdout);
    assert!(
        overrides[0].starts_with(
            "overrides built-in path `fused-residual-add-rmsnorm` of catalogs/fusions-norm.yaml:"
        ),
        "{}",
        tested.stdout
    );

    let capture = scratch.capture("capture", &presets::moe_one_step());
    let triage = run(&["triage", arg(&capture), "--catalog", arg(&folder), "--format", "json"]);
    let triage: Value = serde_json::from_str(&triage.stdout).unwrap();
    let rows = triage["stages"][0]["paths"].as_array().unwrap();
    let row = |id: &str| rows.iter().find(|row| row["path"] == id).unwrap();
    assert_eq!(row("my-finalize")["state"], "active");
    assert_eq!(row("fused-residual-add-rmsnorm")["name"], "The residual norm as we call it");
    assert_eq!(row("fused-residual-add-rmsnorm")["source_paths"][0], "mine/norm.cu");

    let shown = run(&["catalog", "match", "draw_kernel", "--catalog", arg(&folder)]).stdout;
    assert!(shown.contains("my-kernel ("), "{shown}");

    // The gate holds what the user's catalog promised.
    let baseline = scratch.path("b.yaml");
    let recorded =
        run(&["baseline", "record", arg(&capture), "--catalog", arg(&folder), "-o", arg(&baseline)]);
    assert_eq!(recorded.code, 0, "{}", recorded.stderr);
    assert!(std::fs::read_to_string(&baseline).unwrap().contains("path: my-finalize"));
    let check = |more: &[&str]| {
        let fixed = ["check", "--baseline", arg(&baseline), arg(&capture)];
        run_in(&scratch.path(""), &[&fixed, more].concat())
    };
    assert_eq!(check(&["--catalog", arg(&folder)]).code, 0);
    let config = "schema: 1\nscenarios:\n  a: { input: capture, baseline: b.yaml }\ncatalog: mine\n";
    scratch.file("profgate.yaml", config);
    let configured = run(&["check", "--config", arg(&scratch.path("profgate.yaml"))]);
    assert_eq!(configured.code, 0, "{}", configured.stderr);
    let other =
        run(&["check", "--config", arg(&scratch.path("profgate.yaml")), "--catalog", "no-such-folder"]);
    assert_eq!(other.code, 5, "the command line outranks it: {}", other.stdout);
    let without = check(&[]);
    assert_eq!(without.code, 1, "a path that nobody knows any more is missing");
    assert!(without.stdout.contains("my-finalize"), "{}", without.stdout);
}

/// Three lines: what, where with line and column, what to do.
fn assert_names_place_and_remedy(said: &str) {
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    let place = lines[1].split(".yaml:").nth(1).unwrap_or_default();
    let mut numbers = place.split(':');
    let mut number = || numbers.next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
    assert!(number() > 0 && number() > 0, "{said}");
    assert!(lines[2].starts_with("  help: ") && lines[2] != "  help: correct the file", "{said}");
}

#[test]
fn a_users_catalog_is_as_strict_as_ours() {
    let scratch = Scratch::new("catalog-strict");
    let tried = |name: &str, text: &str| {
        let folder = scratch.path("tried");
        let _ = std::fs::remove_dir_all(&folder);
        scratch.file(&format!("tried/{name}"), text);
        run(&["catalog", "test", arg(&folder)])
    };
    for (from, to, code, message) in [
        ("origin: mainline", "orgin: mainline", 2, "did you mean `origin`?"),
        ("on: [my-finalize]", "on: [my-finalise]", 2, "did you mean `my-finalize`?"),
        ("kind: fuse", "kind: overlap", 2, "kernels cannot tell whether an overlap is on"),
        ("id: my-finalize", "id: My Finalize", 2, "write it as `my-finalize`"),
        ("id: my-finalize", "id: my--finalize", 2, "id `my--finalize` is not in kebab-case"),
        (
            "source-paths: [mine/finalize.cu]",
            "source-paths: [a.cu, a.cu]",
            2,
            "source path `a.cu` is there twice",
        ),
        (
            "on: [my-finalize]",
            "on: [my-finalize]\n  flags: { on: [enable_x, enable_x] }",
            2,
            "flag `enable_x` is there twice",
        ),
        (
            "on: [my-finalize]",
            "on: [my-finalize]\n  flags: { on: [enable_x] }",
            1,
            "no toggle tells what `enable_x` does",
        ),
        ("  name: Finalisation of mine\n", "", 2, "add `name:`"),
        ("[{ kernel: [\"trtllm-moe-finalize-*\"] }]", "[{ words: [gate] }]", 2, "the one word `gate`"),
        ("[sglang]", "[lmdeploy]", 2, "give one of: any, sglang, vllm, trtllm, tokenspeed"),
        (
            "on: [my-finalize]",
            "same-as: nothing-like-it\n  on: [my-finalize]",
            2,
            "`profgate catalog list --paths`",
        ),
        (
            "on: [_gemma_rmsnorm_residual_kernel]",
            "on: [_silu_and_mul_kernel]",
            1,
            "_silu_and_mul_kernel is no fused kernel",
        ),
        (
            "not-on: [_silu_and_mul_kernel]",
            "not-on: []",
            1,
            "it needs a name that is its fused kernel and one that is not",
        ),
        ("origin: mainline", "origin: mainline\n  as-of: 2999-01-01", 1, "its day, 2999-01-01, has not come"),
        ("origin: mainline", "origin: mainline\n  pr: [12]", 2, "`12` names no pull request"),
        ("[mine/finalize.cu]", "[/mine/finalize.cu]", 2, "is no path inside a repository"),
        ("on: [my-finalize]", "on: my-finalize", 2, "a list belongs here"),
        ("    from: [my own server]\n", "", 1, "its examples do not say where the names come from"),
        (
            "_rms_norm_fwd_fused]]\n    not-split",
            "_silu_and_mul_kernel]]\n    not-split",
            1,
            "is 0 ladders of it, not 1",
        ),
    ] {
        let wrong = tried("fusions-mine.yaml", &MINE.replacen(from, to, 1));
        assert_eq!(wrong.code, code, "{to}\n{}{}", wrong.stdout, wrong.stderr);
        let said = format!("{}{}", wrong.stdout, wrong.stderr);
        assert!(said.contains(message) && said.contains("fusions-mine.yaml"), "{said}");
        if code == 2 {
            assert_names_place_and_remedy(&said);
        }
    }
    for (from, to, message) in [
        ("id: my-kernel", "id: My Kernel", "write it as `my-kernel`"),
        ("exactly: [draw_kernel]", "pattern: ['(']", "cannot read the pattern"),
    ] {
        let wrong = tried("kernels-mine.yaml", &MY_KERNELS.replacen(from, to, 1));
        assert!(wrong.code == 2 && wrong.stderr.contains(message), "{}", wrong.stderr);
        assert_names_place_and_remedy(&wrong.stderr);
    }
    let kernels =
        tried("kernels-mine.yaml", &MY_KERNELS.replace("reject: [my_draw]", "reject: [draw_kernel]"));
    assert_eq!(kernels.code, 1);
    assert!(kernels.stdout.contains("draw_kernel is claimed by it"), "{}", kernels.stdout);
    let twice = tried("fusions-mine.yaml", &format!("{MINE}{}", MINE.split("entries:\n").nth(1).unwrap()));
    assert!(twice.code == 2 && twice.stderr.contains("id `my-finalize` is taken by"), "{}", twice.stderr);
    assert_names_place_and_remedy(&twice.stderr);
    let unnamed = tried("mine.yaml", MINE);
    assert!(unnamed.code == 2 && unnamed.stderr.contains("its name does not say"), "{}", unnamed.stderr);
    assert_eq!(tried("notes.txt", "no catalog").code, 2);
    assert_eq!(run(&["catalog", "test", arg(&scratch.path("absent"))]).code, 5);
    assert_eq!(run(&["catalog", "list", "--catalog", arg(&scratch.path("absent"))]).code, 5);
}

#[test]
fn a_catalog_in_another_encoding_is_a_mistake_with_its_remedy() {
    let scratch = Scratch::new("catalog-encoding");
    let folder = scratch.path("mine");
    std::fs::create_dir_all(&folder).unwrap();
    let latin1: Vec<u8> = MINE.replace("Finalisation", "Gew\u{e4}hr").chars().map(|c| c as u8).collect();
    let utf16: Vec<u8> = MINE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = [&[0xff, 0xfe][..], &utf16[..]].concat();
    for bytes in [latin1, utf16] {
        std::fs::write(folder.join("fusions-mine.yaml"), bytes).unwrap();
        let tested = run(&["catalog", "test", arg(&folder)]);
        assert_eq!(tested.code, 2, "{}", tested.stderr);
        assert!(
            tested.stderr.contains("it is not UTF-8 text\n  help: save it as UTF-8"),
            "{}",
            tested.stderr
        );
    }
}

#[test]
fn lint_of_a_users_catalog_says_what_runs_the_examples() {
    let scratch = Scratch::new("catalog-lint-user");
    scratch.file("mine/fusions-mine.yaml", MINE);
    let folder = scratch.path("mine");
    let lint = run(&["catalog", "lint", "--catalog", arg(&folder)]);
    assert_eq!(lint.code, 0, "{}", lint.stdout);
    let hint = format!("Examples are run by `profgate catalog test {}`.\n", arg(&folder));
    assert!(lint.stdout.ends_with(&hint), "{}", lint.stdout);
}

#[test]
fn a_name_that_is_empty_is_no_kernel() {
    for name in ["", "  "] {
        let matched = run(&["catalog", "match", name]);
        assert_eq!((matched.code, matched.stdout.as_str()), (2, ""), "{}", matched.stderr);
        assert!(matched.stderr.starts_with("error: there is no name to match\n"), "{}", matched.stderr);
    }
}

#[test]
fn foreign_text_begins_nothing_on_a_page() {
    let scratch = Scratch::new("catalog-pages-foreign");
    let text = MINE
        .replace("name: Finalisation of mine", "name: \"<img src=x> [a](http://b) | c\\n# d\"")
        .replace("source-paths: [mine/finalize.cu]", "source-paths: [\"mine/`<b>`.cu\"]");
    scratch.file("mine/fusions-mine.yaml", &text);
    let (folder, pages) = (scratch.path("mine"), scratch.path("pages"));
    let made = run(&["catalog", "pages", "-o", arg(&pages), "--catalog", arg(&folder)]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let page = std::fs::read_to_string(pages.join("fusions-mine.md")).unwrap();
    assert!(page.contains("&lt;img src=x> \\[a\\](http://b) \\| c # d"), "{page}");
    for wrong in ["<img", "[a](http", "\n# d", "`mine/`"] {
        assert!(!page.contains(wrong), "{wrong}: {page}");
    }
}
