//! Reports built by hand, for the tests of every rendering.
#![allow(missing_docs, reason = "the names say it, and no one else sees them")]

use crate::triage::{
    Flags, FoundBy, HealthEntry, KernelRow, Mode, OverlapRow, PathRow, PathState, Role, SCHEMA, Site, Stage,
    StageEvidence, StageTriage, StepTotals, Tool, TraceEntry, Triage,
};
use crate::verdict::{
    BaselineRef, Case, CaseResult, CheckReport, Code, Finding, Level, Outcome, Policy, Price, ScenarioReport,
};

mod names;

pub use names::{HOSTILE, any_name};

pub const FILE: &str = "baselines/qwen3-30b-decode.b300.yaml";

pub fn kernel(name: &str, launches: u64, total_us: i64, share_pct: f64) -> KernelRow {
    KernelRow {
        kernel: name.to_owned(),
        role: Role::Other,
        launches: launches * 8,
        launches_min: 0,
        launches_max: 0,
        launches_per_step: launches as f64,
        total_ns: total_us * 8_000,
        added_ns: total_us * 8_000,
        share_pct,
        exclusive_ns: total_us * 6_000,
        hidden_ns: total_us * 2_000,
        hidden_by: Vec::new(),
        per_step_ns: total_us * 1_000,
        exclusive_per_step_ns: total_us * 750,
        median_ns: 10_000,
        mad_ns: 100,
        slow: Vec::new(),
        names: Vec::new(),
        sites: Vec::new(),
        cpu_ops: Vec::new(),
    }
}

pub fn stage(stage: Stage, kernels: Vec<KernelRow>) -> StageTriage {
    StageTriage {
        stage,
        stage_evidence: StageEvidence::Annotation,
        steps: StepTotals {
            count: 8,
            found_by: FoundBy::Annotation,
            activities: kernels.iter().map(|row| row.launches).sum(),
            total_ns: kernels.iter().map(|row| row.total_ns).sum(),
            busy_ns: 33_000_000,
            span_ns: 40_000_000,
            same_stream_overlap_ns: 0,
            activities_per_step: 735.0,
            busy_per_step_ns: 4_125_000,
            same_stream_overlap_per_step_ns: 0,
            stream_overlap_per_step_ns: 0,
            idle_ns: 7_000_000,
        },
        kernels,
        overlaps: Vec::new(),
        paths: Vec::new(),
        layers: None,
        attribution: crate::triage::Attribution::default(),
    }
}

pub fn triage() -> Triage {
    let mut decode = stage(
        Stage::Decode,
        vec![
            kernel("nvjet-gemm-bf16", 192, 2_100, 50.5),
            kernel("fmha-trtllm-gen", 48, 1_250, 30.0),
            kernel("rmsnorm", 97, 480, 11.5),
            kernel("rotary-embedding", 48, 300, 7.25),
            kernel("argmax", 1, 21, 0.5),
            kernel("memcpy-dtod", 1, 10, 0.25),
        ],
    );
    let site = |path: &str, line, function: &str, share_pct, exact| Site {
        path: path.to_owned(),
        line: Some(line),
        function: Some(function.to_owned()),
        share_pct,
        exact,
    };
    let model = "python/sglang/srt/models/qwen3_moe.py";
    for (row, (sites, op)) in decode.kernels.iter_mut().zip([
        (
            vec![site(model, 518, "forward", 61.5, true), site(model, 231, "forward_normal", 38.5, true)],
            "aten::mm",
        ),
        (vec![site(model, 518, "forward", 100.0, false)], "flashinfer::decode"),
    ]) {
        row.sites = sites;
        row.cpu_ops = vec![op.to_owned()];
    }
    decode.attribution.exact_pct = 50.5;
    decode.attribution.inexact_pct = 30.0;
    decode.attribution.replayed_pct = 19.5;
    decode.overlaps.push(OverlapRow {
        kernel: "rmsnorm".to_owned(),
        role: Role::Norm,
        verdict: "headroom".to_owned(),
        dependency_risk: "low".to_owned(),
        neighbours: crate::triage::Neighbours { dependent: 1, unclear: 2, free: 90 },
        exposed_ns: 120_000,
        hidden_pct: 25.0,
        recommendation: "run it on a second stream beside the all-reduce".to_owned(),
        hidden_by: Vec::new(),
        path: None,
        headroom_ns: 120_000,
    });
    decode.paths.push(PathRow {
        path: "fused-qknorm-rope".to_owned(),
        name: "Fused QK norm and RoPE".to_owned(),
        kind: "fuse".to_owned(),
        state: PathState::Split,
        fused: 0,
        split: 48,
        related_ns: 6_240_000,
        share_pct: 18.75,
        class: "should-apply".to_owned(),
        evidence: vec!["rmsnorm".to_owned(), "rotary-embedding".to_owned()],
        locations: vec!["sglang/srt/models/qwen3_moe.py:214".to_owned()],
        source_paths: vec!["sgl-kernel/csrc/fused_qknorm_rope.cu".to_owned()],
        flags: Flags { on: vec!["--enable-fused-qk-norm-rope".to_owned()], off: Vec::new() },
        pr: Vec::new(),
        also: Vec::new(),
    });
    Triage {
        schema: SCHEMA,
        tool: Tool { name: "profgate".to_owned(), version: "0.1.0".to_owned() },
        mode: Mode::SingleTrace,
        framework: "sglang".to_owned(),
        framework_evidence: "python frames under sglang/srt".to_owned(),
        model: Some("Qwen/Qwen3-30B-A3B".to_owned()),
        model_code: None,
        server_args: None,
        overlap_evidence: Mode::SingleTrace,
        conclusion: "decode: nvjet-gemm-bf16 takes 50.5 % of GPU time (gemm in all 50.5 %).".to_owned(),
        traces: vec![TraceEntry {
            path: "captures/qwen3/TP-0-DECODE.trace.json.gz".to_owned(),
            part: "formal".to_owned(),
            rank: 0,
            stage: Some(Stage::Decode),
            gpu: Some("NVIDIA B300".to_owned()),
            events: 120_000,
            activities: 5_880,
            kernels: 5_872,
            world_size: Some(1),
            runtime: Some("cuda 13.0".to_owned()),
            driver: Some("cuda 13.0".to_owned()),
            nccl: None,
            engine: None,
            sha256: "0".repeat(64),
            devices: Vec::new(),
            recorded_unix_ns: Some(1_782_799_835_123_456_789),
        }],
        health: vec![HealthEntry {
            code: "duration-missing".to_owned(),
            count: 2,
            detail: "event 17".to_owned(),
        }],
        stages: vec![decode],
        similarity: Vec::new(),
        unlisted: Vec::new(),
        searched: crate::triage::Searched { fusions: 130, overlaps: 42, in_flight: 30 },
        notes: Vec::new(),
        ranks: None,
    }
}

fn scenario(name: &str, findings: Vec<Finding>) -> ScenarioReport {
    ScenarioReport {
        scenario: name.to_owned(),
        verdict: Outcome::of(&findings),
        baseline: BaselineRef {
            path: format!("baselines/{name}.b300.yaml"),
            sha256: Some("1".repeat(64)),
            gpu: None,
        },
        findings,
        improvements: Vec::new(),
        price: Vec::new(),
        layer_diff: Vec::new(),
        unknowns: Vec::new(),
        waivers: Vec::new(),
        notes: Vec::new(),
        cases: Vec::new(),
        triage: None,
        basis: None,
    }
}

fn case(table: &str, subject: &str, result: CaseResult, message: &str, line: Option<u64>) -> Case {
    Case {
        table: table.to_owned(),
        stage: (table != "capture").then_some(Stage::Decode),
        subject: subject.to_owned(),
        result,
        code: None,
        message: message.to_owned(),
        file: line.map(|_| FILE.to_owned()),
        line,
    }
}

/// The case of a row that a finding is about.
fn told(table: &str, result: CaseResult, finding: &Finding) -> Case {
    let message = finding.message_in_case();
    Case {
        code: Some(finding.code),
        file: finding.file.clone(),
        ..case(table, &finding.subject, result, &message, finding.line)
    }
}

/// A path that is off, and what that costs; one warning, one improvement.
pub fn failing() -> ScenarioReport {
    let missing = Finding::new(
        Code::PathMissing,
        "fused-qknorm-rope",
        "Fused QK norm and RoPE is expected 48 times a step; it ran fused 0 times and split into separate kernels 48 times",
    )
    .in_stage(Stage::Decode)
    .with_numbers(48.0, 0.0, "fused/step")
    .at(FILE, 31)
    .costing(310_000.0)
    .with_evidence(vec!["its code: sgl-kernel/csrc/fused_qknorm_rope.cu".to_owned()])
    .with_help("check the server's flags: `--enable-fused-qk-norm-rope` switches it on");
    let mut costlier = Finding::new(
        Code::StructureCostlier,
        "fused-qknorm-rope-bf16",
        "`fused-qknorm-rope-bf16` (48 a step, 230 µs) is gone, `rotary-embedding` (48 a step, 300 µs) came in its place, and 1 kernel more changed: +310 µs a step, +8.1 % of GPU time",
    )
    .in_stage(Stage::Decode)
    .with_numbers(470.0, 780.0, "us/step")
    .costing(310_000.0)
    .with_kernels(["fused-qknorm-rope-bf16", "rotary-embedding", "rmsnorm"].map(str::to_owned).to_vec())
    .at(FILE, 14)
    .with_evidence(vec![
        "gone: `fused-qknorm-rope-bf16` (rope), 48 → 0 a step, 230 µs → 0 µs".to_owned(),
        "came: `rotary-embedding` (rope), 0 → 48 a step, 0 µs → 300 µs".to_owned(),
        "count: `rmsnorm` (norm), 49 → 97 a step, 240 µs → 480 µs".to_owned(),
    ])
    .with_help(
        "find the flag, version or shape that switched the kernel; if the change is wanted, record the baseline anew",
    );
    costlier.layer = Some("layer A ×48, kernel 6 of 15".to_owned());
    let mut slower = Finding::new(
        Code::KernelSlower,
        "fmha-trtllm-gen",
        "`fmha-trtllm-gen` (48 a step, as before) takes 26 µs instead of 20 µs each (+30.0 %): +288 µs a step, +7.5 % of GPU time",
    )
    .in_stage(Stage::Decode)
    .with_numbers(20.0, 26.0, "us/launch")
    .costing(288_000.0)
    .at(FILE, 16)
    .with_evidence(vec!["too few instances, too much noise or drift to fail on it".to_owned()])
    .with_help("look for another tile, clock or input shape behind the same name");
    slower.level = Level::Warn;
    let mut report = scenario("qwen3-30b-decode", vec![missing, costlier, slower]);
    report.improvements = vec![
        Finding::new(
            Code::KernelFaster,
            "nvjet-gemm-bf16",
            "`nvjet-gemm-bf16` (192 a step, as before) takes 10.9 µs instead of 14 µs each (−22.1 %): −595 µs a step, −14.4 % of GPU time",
        )
        .in_stage(Stage::Decode)
        .with_numbers(14.0, 10.9, "us/launch")
        .costing(-595_000.0)
        .at(FILE, 13),
    ];
    report.price = vec![Price {
        stage: Stage::Decode,
        structural_ns: 310_000,
        structural_pct: 8.1,
        same_rows_pct: -7.4,
        busy_pct: 0.4,
    }];
    report.unknowns = vec!["model".to_owned(), "tp".to_owned()];
    report.notes = vec!["rank 0 of 4 was read".to_owned()];
    report.cases = vec![
        case("capture", "comparable", CaseResult::Held, "", None),
        case("kernels", "nvjet-gemm-bf16", CaseResult::Held, "", Some(13)),
        told("kernels", CaseResult::Violated, &report.findings[1]),
        told("kernels", CaseResult::Held, &report.findings[2]),
        case(
            "kernels",
            "rmsnorm",
            CaseResult::Held,
            "judged together with `fused-qknorm-rope-bf16` (structure-costlier)",
            Some(17),
        ),
        told("paths", CaseResult::Violated, &report.findings[0]),
    ];
    report.triage = Some(triage());
    report
}

/// A capture without a kernel.
pub fn unjudged() -> ScenarioReport {
    let empty =
        Finding::new(Code::CaptureEmpty, "captures/mistral/rank0.json", "no GPU activity was recorded")
            .with_help("profile with GPU activities on while requests run");
    let mut report = scenario("mistral-prefill", vec![empty]);
    let doubt = case("capture", "comparable", CaseResult::Unjudged, "no GPU activity was recorded", None);
    report.cases = vec![Case { code: Some(Code::CaptureEmpty), ..doubt }];
    report
}

/// A scenario without a baseline.
pub fn missing_baseline() -> ScenarioReport {
    let finding = Finding::new(
        Code::BaselineMissing,
        "baselines/llama-mixed.b300.yaml",
        "there is no baseline `baselines/llama-mixed.b300.yaml`",
    )
    .with_help("record one with `profgate baseline record`");
    let missing = told("capture", CaseResult::Skipped, &finding);
    let mut report = scenario("llama-mixed", vec![finding]);
    report.baseline.sha256 = None;
    report.cases = vec![Case { stage: None, ..missing }];
    report
}

/// A scenario that passes because its one finding is waived.
pub fn waived() -> ScenarioReport {
    let mut finding = Finding::new(Code::PathPartial, "fused-moe", "Fused MoE ran fused 40 times of 48")
        .in_stage(Stage::Decode)
        .with_numbers(48.0, 40.0, "fused/step")
        .at("baselines/deepseek.b300.yaml", 22);
    finding.waived_by = Some("fused-moe-until-june".to_owned());
    let accepted = told("paths", CaseResult::Skipped, &finding);
    let mut report = scenario("deepseek", vec![finding]);
    report.cases = vec![case("capture", "comparable", CaseResult::Held, "", None), accepted];
    report
}

pub fn run(scenarios: Vec<ScenarioReport>) -> CheckReport {
    let verdict = scenarios.iter().map(|scenario| scenario.verdict).max().unwrap_or(Outcome::Pass);
    CheckReport {
        schema: SCHEMA,
        tool: Tool { name: "profgate".to_owned(), version: "0.1.0".to_owned() },
        verdict,
        exit_code: crate::verdict::exit_code(verdict, false),
        policy: Policy::default(),
        scenarios,
        docs: None,
    }
}

/// The page that explains findings, in tests.
pub fn docs() -> Option<crate::common::link::DocsUrl> {
    crate::common::link::DocsUrl::new("https://example.com/profgate/findings.md")
}

/// One scenario that fails.
pub fn one_failure() -> CheckReport {
    run(vec![failing()])
}

/// One scenario of every verdict.
pub fn mixed() -> CheckReport {
    run(vec![failing(), unjudged(), missing_baseline(), waived()])
}

/// Two scenarios in which nothing changed.
pub fn green() -> CheckReport {
    let mut one = scenario("qwen3-30b-decode", Vec::new());
    one.cases = vec![
        case("capture", "comparable", CaseResult::Held, "", None),
        case("kernels", "nvjet-gemm-bf16", CaseResult::Held, "", Some(13)),
        case("paths", "fused-qknorm-rope", CaseResult::Held, "", Some(31)),
    ];
    one.triage = Some(triage());
    let mut two = scenario("qwen3-30b-prefill", Vec::new());
    two.cases = vec![case("capture", "comparable", CaseResult::Held, "", None)];
    run(vec![one, two])
}

/// A failing run in which every text that comes from outside is `name`.
pub fn hostile(name: &str) -> CheckReport {
    let mut report = mixed();
    for scenario in &mut report.scenarios {
        scenario.scenario = name.to_owned();
        scenario.baseline.path = name.to_owned();
        scenario.unknowns = vec![name.to_owned()];
        scenario.notes = vec![name.to_owned()];
        scenario.layer_diff = vec![crate::verdict::LayerDiff {
            stage: Stage::Decode,
            body: name.to_owned(),
            text: format!(" a\n-{}\n+`b`", name.replace('\n', " ")),
        }];
        for finding in scenario.findings.iter_mut().chain(&mut scenario.improvements) {
            name.clone_into(&mut finding.subject);
            finding.message = format!("`{name}` is gone and `x` came: {name}");
            finding.evidence = vec![name.to_owned(); 3];
            finding.cause = vec![name.to_owned()];
            name.clone_into(&mut finding.help);
            finding.file = Some(name.to_owned());
            finding.waived_by = finding.waived_by.take().map(|_| name.to_owned());
        }
        for case in &mut scenario.cases {
            name.clone_into(&mut case.subject);
            let told = scenario.findings.iter().find(|finding| Some(finding.code) == case.code);
            case.message = told.map_or_else(|| name.to_owned(), Finding::message_in_case);
            case.file = Some(name.to_owned());
        }
        if let Some(triage) = &mut scenario.triage {
            *triage = hostile_triage(name);
        }
    }
    report
}

/// A triage in which every text that comes from outside is `name`.
pub fn hostile_triage(name: &str) -> Triage {
    let mut triage = triage();
    for text in [&mut triage.framework, &mut triage.framework_evidence, &mut triage.conclusion] {
        name.clone_into(text);
    }
    triage.model = Some(name.to_owned());
    for trace in &mut triage.traces {
        name.clone_into(&mut trace.path);
        trace.gpu = Some(name.to_owned());
        trace.runtime = Some(name.to_owned());
    }
    for entry in &mut triage.health {
        name.clone_into(&mut entry.detail);
    }
    for stage in &mut triage.stages {
        stage.attribution.notes = vec![name.to_owned()];
        for row in &mut stage.kernels {
            name.clone_into(&mut row.kernel);
            row.sites = vec![
                Site {
                    path: name.to_owned(),
                    line: Some(1),
                    function: Some(name.to_owned()),
                    share_pct: 60.0,
                    exact: false,
                };
                3
            ];
            row.cpu_ops = vec![name.to_owned(); 3];
        }
        for row in &mut stage.overlaps {
            name.clone_into(&mut row.kernel);
            name.clone_into(&mut row.recommendation);
            row.path = Some(name.to_owned());
        }
        for row in &mut stage.paths {
            for text in [&mut row.path, &mut row.name, &mut row.class] {
                name.clone_into(text);
            }
            let lists = [
                &mut row.evidence,
                &mut row.locations,
                &mut row.source_paths,
                &mut row.pr,
                &mut row.flags.on,
                &mut row.flags.off,
            ];
            for list in lists {
                *list = vec![name.to_owned()];
            }
        }
    }
    let mut ranks = super::ranks::example();
    for row in &mut ranks.collectives {
        name.clone_into(&mut row.kernel);
    }
    triage.ranks = Some(ranks);
    triage.similarity = vec![crate::triage::Similarity {
        stage: Stage::Decode,
        path: name.to_owned(),
        level: "low".to_owned(),
        signals: vec![name.to_owned()],
        by: None,
    }];
    triage
}

/// A failing run over a capture that has been read: 300 kernels, of which half cannot be told by share.
pub fn real_size() -> CheckReport {
    let mut events = vec![r#"{"ph":"X","cat":"user_annotation","name":"step[DECODE bs=8]","pid":1,"tid":1,"ts":0,"dur":100000}"#.to_owned()];
    let mut at = 10;
    for index in 0..300_u32 {
        let length = 1 + 300 / (index + 1);
        events.push(format!(
            r#"{{"ph":"X","cat":"kernel","name":"void at::native::kernel_{index}<float, {index}>(int, float*)","pid":0,"tid":7,"ts":{at},"dur":{length},"args":{{"device":0,"stream":7,"correlation":{index}}}}}"#
        ));
        at += length + 1;
    }
    let bytes = format!(r#"{{"schemaVersion":1,"traceEvents":[{}]}}"#, events.join(","));
    let trace = crate::trace::read(bytes.as_bytes()).unwrap();
    let catalogs = crate::triage::Catalogs::builtin().unwrap();
    let input = crate::triage::Input {
        trace: &trace,
        path: "captures/large/TP-0.trace.json.gz",
        path_stage: Some(Stage::Decode),
        rank: 0,
        sha256: "2",
    };
    let triage = crate::triage::triage(&[input], &catalogs, None).unwrap();
    assert!(triage.stages[0].kernels.len() > 20);
    let mut scenario = failing();
    scenario.findings = (0..300)
        .map(|index| {
            let mut finding = scenario.findings[1].clone();
            finding.subject = format!("kernel-{index}");
            finding
        })
        .collect();
    scenario.triage = Some(triage);
    run(vec![scenario])
}
