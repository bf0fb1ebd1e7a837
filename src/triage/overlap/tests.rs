//! What the overlap table may and may not say, on traces of a few kernels.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::triage::classify::Role;
use crate::triage::model::PathState;
use crate::triage::{Input, triage_of_rank};

const GEMM: &str = "nvjet_tst_64x8_64x16_4x1_v_bz_TNT";
const NORM: &str = "void flashinfer::norm::RMSNormKernel<8u, __half>(int)";
const REDUCE: &str = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)";
const COPY: &str = "Memcpy DtoD (Device -> Device)";

/// A trace of one step from rows of (kernel, stream, start, length) in microseconds.
#[derive(Default)]
struct Rows {
    events: Vec<String>,
    kernels: usize,
}

impl Rows {
    fn of(rows: &[(&str, u32, u64, u64)]) -> Self {
        let mut trace = Self::default();
        for (name, stream, at, length) in rows {
            trace.push(name, *stream, *at, *length, None);
        }
        trace
    }

    /// A call inside that of the next kernel, which launches it.
    fn frame(&mut self, name: &str) {
        let launched = (self.kernels + 1) * 10;
        self.events.push(format!(
            r#"{{"ph":"X","cat":"python_function","name":"{name}","pid":1,"tid":1,"ts":{},"dur":5,"args":{{"Python id":900}}}}"#,
            launched + 1
        ));
    }

    /// `call` is the function whose frame is open when the kernel is launched.
    fn push(&mut self, name: &str, stream: u32, at: u64, length: u64, call: Option<&str>) {
        let id = self.kernels + 1;
        self.kernels = id;
        let launched = id * 10;
        if let Some(function) = call {
            self.events.push(format!(
                r#"{{"ph":"X","cat":"python_function","name":"vllm/model.py({id}): {function}","pid":1,"tid":1,"ts":{launched},"dur":8,"args":{{"Python id":{id}}}}}"#
            ));
        }
        self.events.push(format!(
            r#"{{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":1,"ts":{},"dur":1,"args":{{"correlation":{id}}}}}"#,
            launched + 2
        ));
        self.events.push(format!(
            r#"{{"ph":"X","cat":"kernel","name":"{name}","pid":0,"tid":{stream},"ts":{},"dur":{length},"args":{{"device":0,"stream":{stream},"correlation":{id}}}}}"#,
            at + 100_000
        ));
    }

    fn triage(&self, mode: Mode) -> crate::triage::Triage {
        let json = format!(
            r#"{{"traceEvents":[{{"ph":"X","cat":"user_annotation","name":"ProfilerStep#1","pid":1,"tid":1,"ts":0,"dur":90000}},{}]}}"#,
            self.events.join(",")
        );
        let trace = crate::trace::read(json.as_bytes()).unwrap();
        let input = Input { trace: &trace, path: "t", path_stage: None, rank: 0, sha256: "" };
        let mapping = Input { path: "m", ..input };
        let catalogs = crate::triage::Catalogs::builtin().unwrap();
        let maps: &[Input<'_>] = if mode == Mode::MappingFormal { &[mapping] } else { &[] };
        triage_of_rank(&[input], maps, &catalogs, None, None).unwrap().0
    }

    fn overlaps(&self, mode: Mode) -> Vec<OverlapRow> {
        self.triage(mode).stages.remove(0).overlaps
    }

    fn row(&self, role: Role) -> OverlapRow {
        self.overlaps(Mode::SingleTrace).into_iter().find(|row| row.role == role).unwrap()
    }
}

/// What PyTorch does for itself is no neighbour's work: the function that launches it has advice of its own.
#[test]
fn what_a_replay_writes_for_itself_has_its_own_place_and_advice() {
    const FILL: &str = "void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<long>, std::array<char*, 1ul> >(int)";
    let mut trace = Rows::default();
    trace.push(GEMM, 7, 0, 50, None);
    trace.frame("torch/cuda/graphs.py(86): replay");
    trace.push(FILL, 7, 50, 2, Some("forward"));
    trace.push(GEMM, 7, 52, 50, None);
    let stage = trace.triage(Mode::SingleTrace).stages.remove(0);
    let row = stage.kernels.iter().find(|row| row.kernel.contains("fill")).unwrap();
    assert_eq!((row.sites[0].path.as_str(), row.sites[0].line), ("torch/cuda/graphs.py", Some(86)));
    let row = stage.overlaps.iter().find(|row| row.kernel.contains("fill")).unwrap();
    assert!(row.recommendation.contains("random numbers before each replay"), "{}", row.recommendation);
    assert!(!row.recommendation.contains("neighbours"), "{}", row.recommendation);
}

#[test]
fn time_alone_is_counted_once_and_bounds_what_can_be_won() {
    // The all-reduce runs alone from 0 to 60; the GEMM on the other stream from 100 to 130.
    let trace = Rows::of(&[(REDUCE, 20, 0, 100), (GEMM, 7, 60, 70)]);
    let reduce = trace.row(Role::Communication);
    assert_eq!(
        (reduce.exposed_ns, reduce.headroom_ns),
        (60_000, 30_000),
        "30 is all that could be put beside"
    );
    assert_eq!(reduce.hidden_pct, 40.0);
    assert_eq!(trace.row(Role::Gemm).exposed_ns, 30_000);
}

/// Where a step holds nothing else, there is no room, however free a kernel is.
#[test]
fn what_could_win_nothing_is_no_headroom() {
    let row = Rows::of(&[(REDUCE, 20, 0, 100)]).row(Role::Communication);
    assert_eq!((row.verdict.as_str(), row.headroom_ns, row.exposed_ns), ("serial", 0, 100_000));
    assert!(row.recommendation.contains("nothing to win"), "{}", row.recommendation);
    assert_eq!(row.dependency_risk, "low", "what the neighbours say stays");
}

/// W-32: kernels of one stream that overlap share their time; it is not counted twice.
#[test]
fn w32_time_alone_never_exceeds_the_time_in_which_one_stream_works() {
    let trace = Rows::of(&[(GEMM, 7, 0, 100), (NORM, 7, 40, 100), (REDUCE, 20, 120, 40)]);
    let rows = trace.overlaps(Mode::SingleTrace);
    let alone = |role| rows.iter().find(|row: &&OverlapRow| row.role == role).unwrap().exposed_ns;
    assert_eq!((alone(Role::Gemm), alone(Role::Norm), alone(Role::Communication)), (100_000, 20_000, 20_000));
}

/// W-31: small rows push no large one out, because nothing is cut before the share is looked at.
#[test]
fn w31_many_small_collectives_hide_no_large_kernel() {
    let mut rows = Vec::new();
    let small: Vec<String> = (0..6).map(|n| format!("void my{n}_all_reduce_kernel<float>(int)")).collect();
    for (at, name) in (0..).zip(&small) {
        rows.push((name.as_str(), 20, at * 100, 6));
    }
    let large: Vec<String> = (0..6).map(|n| format!("void my{n}_gemm_kernel<float>(int)")).collect();
    for (at, name) in (0..).zip(&large) {
        rows.push((name.as_str(), 7, 10_000 + at * 2_000, 1_000));
    }
    let found = Rows::of(&rows).overlaps(Mode::SingleTrace);
    assert_eq!(found.iter().filter(|row| row.role == Role::Gemm).count(), 6);
    assert_eq!(found.len(), 12);
}

/// W-33: what carries the arithmetic is never told to be fused, however it stands.
#[test]
fn w33_no_gemm_is_told_to_try_fusion() {
    let advice = Advice::builtin().unwrap();
    for role in Role::ALL.iter().copied().filter(|role| advice.carries(*role)) {
        for text in [advice.headroom(role), advice.serial(role), &advice.hidden, &advice.unclear] {
            let lower = text.to_lowercase();
            assert!(!lower.contains("fus") && !lower.contains("merg"), "{role}: {text}");
        }
    }
    for role in [Role::Gemm, Role::Moe, Role::Attention, Role::LinearAttention, Role::Conv] {
        assert!(advice.carries(role), "{role}");
    }
    let alone = Rows::of(&[(GEMM, 7, 0, 500), (REDUCE, 20, 1_000, 500)]).row(Role::Gemm);
    assert_eq!((alone.verdict.as_str(), alone.dependency_risk.as_str()), ("headroom", "low"));
    assert_eq!(alone.recommendation, advice.headroom(Role::Gemm));
}

/// W-34: the longest instance does not speak for the others.
#[test]
fn w34_all_instances_vote_on_the_risk() {
    // One long all-reduce far from everything, and three short ones between a GEMM and a norm.
    let mut rows = vec![(REDUCE, 7, 50_000, 5_000)];
    for at in [0, 1_000, 2_000] {
        rows.extend([(GEMM, 7, at, 100), (REDUCE, 7, at + 101, 10), (NORM, 7, at + 112, 10)]);
    }
    // Keeps the device busy around the long one, so that the pause is no idle time.
    rows.push((COPY, 9, 10_000, 80_000));
    let reduce = Rows::of(&rows).row(Role::Communication);
    assert_eq!(reduce.neighbours, Neighbours { dependent: 3, unclear: 0, free: 1 });
    assert_eq!((reduce.verdict.as_str(), reduce.dependency_risk.as_str()), ("hidden", "high"));
}

/// W-37: every verdict and every risk can come out.
#[test]
fn w37_every_verdict_and_risk_is_reachable() {
    let risks = [
        // Between producer and consumer on one stream.
        (vec![(GEMM, 7, 0, 100), (REDUCE, 7, 100, 50), (NORM, 7, 150, 10)], "serial", "high"),
        // Alone on its stream, while others pause and begin much later.
        (vec![(GEMM, 7, 0, 100), (REDUCE, 20, 200, 50), (NORM, 7, 400, 10)], "headroom", "low"),
        // Alone on its stream, but the other stream ends just before and goes on just after.
        (vec![(GEMM, 7, 0, 100), (REDUCE, 20, 101, 50), (NORM, 7, 152, 10)], "headroom", "unclear"),
        // Beside a GEMM.
        (vec![(GEMM, 7, 0, 100), (REDUCE, 20, 20, 50), (NORM, 7, 400, 10)], "hidden", "low"),
    ];
    for (rows, verdict, risk) in risks {
        let row = Rows::of(&rows).row(Role::Communication);
        assert_eq!((row.verdict.as_str(), row.dependency_risk.as_str()), (verdict, risk), "{rows:?}");
        assert_eq!(row.verdict == "hidden", row.headroom_ns == 0, "{rows:?}");
    }
}

#[test]
fn an_idle_device_between_two_kernels_proves_no_independence() {
    let slow_host = Rows::of(&[(GEMM, 7, 0, 100), (NORM, 7, 5_000, 10)]);
    assert_eq!(slow_host.row(Role::Norm).dependency_risk, "high");
    let others_work = Rows::of(&[(GEMM, 7, 0, 100), (COPY, 9, 150, 4_800), (NORM, 7, 5_000, 10)]);
    assert_eq!(others_work.row(Role::Norm).dependency_risk, "low");
}

#[test]
fn one_function_is_a_dependency_and_two_settle_it_only_with_a_mapping() {
    let frobnicate = "frobnicate_kernel";
    let trace = |second: &str| {
        let mut rows = Rows::default();
        rows.push(NORM, 7, 0, 100, Some("forward"));
        rows.push(frobnicate, 7, 100, 100, Some(second));
        rows
    };
    let risk = |rows: &Rows, mode| {
        let rows = rows.overlaps(mode);
        rows.into_iter().find(|row| row.role == Role::Other).unwrap().dependency_risk
    };
    assert_eq!(risk(&trace("forward"), Mode::SingleTrace), "high");
    assert_eq!(risk(&trace("other"), Mode::SingleTrace), "unclear", "one trace stays careful");
    assert_eq!(risk(&trace("other"), Mode::MappingFormal), "low");
}

#[test]
fn what_no_step_holds_has_a_row_only_when_it_is_hidden() {
    let mut trace = Rows::of(&[(GEMM, 7, 0, 1_000), (NORM, 7, 1_000, 100)]);
    let outside = |stream: u32, at: u64| {
        format!(
            r#"{{"ph":"X","cat":"kernel","name":"ncclKernel_AllGather","pid":0,"tid":{stream},"ts":{at},"dur":50,"args":{{"device":0,"stream":{stream}}}}}"#
        )
    };
    trace.events.push(outside(20, 200_000));
    assert!(trace.overlaps(Mode::SingleTrace).iter().all(|row| row.role != Role::Communication));
    trace.events.pop();
    trace.events.push(outside(20, 100_100));
    assert_eq!(trace.row(Role::Communication).verdict, "hidden");
}

/// What covers the norm of a small trace, when one path stands in the fuse table and these ways are known.
fn covering_of_norm(path: Option<PathRow>, ways: Vec<Way>) -> Option<(String, String)> {
    let trace = Rows::of(&[(GEMM, 7, 0, 100), (NORM, 7, 100, 10)]).triage(Mode::SingleTrace);
    let norm = trace.stages[0].kernels.iter().find(|row| row.role == Role::Norm).unwrap();
    let ground = Ground {
        kernels: &trace.stages[0].kernels,
        paths: &Vec::from_iter(path),
        ways: &BTreeMap::from([(norm.kernel.clone(), ways)]),
        rungs: &Rungs::new(),
        calls: &CallSites::default(),
        mode: Mode::SingleTrace,
    };
    covering::of(norm, false, &ground).map(|covering| (covering.path, covering.says))
}

fn path(state: PathState, evidence: &str) -> PathRow {
    let mut path = crate::report::fixture::triage().stages.remove(0).paths.remove(0);
    path.state = state;
    path.evidence = vec![evidence.to_owned()];
    path
}

fn way(path: &str, is_own: bool) -> Way {
    Way {
        path: path.to_owned(),
        frameworks: vec!["vllm".to_owned()],
        is_own,
        pr: Vec::new(),
        unsettled: None,
        off: None,
    }
}

#[test]
fn a_path_that_is_split_covers_its_kernels_and_one_that_is_on_does_not() {
    let id = Rows::of(&[(NORM, 7, 0, 10)]).row(Role::Norm).kernel;
    let form = format!("{id} → rope");
    let found = |state, form: &str| covering_of_norm(Some(path(state, form)), Vec::new());
    let (_, says) = found(PathState::Split, &form).unwrap();
    assert_eq!(says, "`fused-qknorm-rope` covers it and is split here.");
    assert_eq!(found(PathState::Active, &form), None);
    assert_eq!(found(PathState::Split, "an-other-norm → rope"), None);
}

#[test]
fn a_way_is_said_to_be_the_frameworks_own_a_precedent_in_flight_or_not_settled() {
    let says = |way: Way| covering_of_norm(None, vec![way]).unwrap().1;
    assert_eq!(says(way("async", true)), "`async` is the way that vllm has to hide it.");
    assert_eq!(says(way("async", false)), "`async` of vllm shows how.");
    let waits = Way { pr: vec!["a/b#1".to_owned()], ..way("async", true) };
    assert_eq!(says(waits), "`async` is in flight for it (a/b#1).");
    let unsettled = Way { unsettled: Some("the model's name".to_owned()), ..way("async", true) };
    assert_eq!(
        says(unsettled),
        "`async` is the way that vllm has to hide it; not known whether it applies: the model's name."
    );
    let off = Way { off: Some("nothing is compiled".to_owned()), ..way("async", true) };
    assert_eq!(
        says(off),
        "`async` is the way that vllm has to hide it, and is off here: nothing is compiled."
    );
    // A ladder here is evidence; an own way stands beside it, a precedent does not.
    let id = Rows::of(&[(NORM, 7, 0, 10)]).row(Role::Norm).kernel;
    let both = |is_own| {
        let ladder = path(PathState::Split, &format!("{id} → rope"));
        covering_of_norm(Some(ladder), vec![way("async", is_own)]).unwrap()
    };
    assert_eq!(both(false).1, "`fused-qknorm-rope` covers it and is split here.");
    let (named, says) = both(true);
    assert_eq!(named, "fused-qknorm-rope");
    assert!(says.ends_with("is split here. `async` is the way that vllm has to hide it."), "{says}");
}

#[test]
fn an_exchange_of_a_trace_gets_its_way_from_the_path_catalog() {
    const COMBINE: &str = "void deep_ep::internode_ll::combine<3, 10, 7168, 9>(void*, void*, int*)";
    let row = Rows::of(&[(GEMM, 7, 0, 100), (COMBINE, 8, 100, 10)]).row(Role::Communication);
    assert_eq!(row.path.as_deref(), Some("single-batch-overlap"));
    assert!(
        row.recommendation.ends_with("`single-batch-overlap` of sglang shows how."),
        "{}",
        row.recommendation
    );
    let row = Rows::of(&[(GEMM, 7, 0, 100), (COPY, 8, 100, 10)]).row(Role::Memory);
    assert_eq!(row.path, None, "no overlap is for every copy");
}

#[test]
fn advice_is_complete_and_mistakes_in_it_are_named() {
    let advice = Advice::builtin().unwrap();
    for role in Role::ALL.iter().copied() {
        for text in [advice.headroom(role), advice.serial(role)] {
            assert!(text.ends_with('.') && !text.contains('!'), "{role}: {text}");
        }
    }
    let text = include_str!("../../../catalogs/advice.yaml");
    for (from, to, message) in [
        ("schema: 1", "schema: 2", "unknown catalog schema"),
        ("- role: rope\n", "- role: norm\n", "role `norm` stands twice"),
        ("hidden: ", "hiden: ", "unknown key `hiden`"),
    ] {
        let error = Advice::from_yaml(&text.replacen(from, to, 1), Path::new("a.yaml"));
        let error = error.unwrap_err();
        assert!(error.message.contains(message), "{}", error.message);
    }
}

#[test]
fn every_instance_of_many_streams_is_counted_once() {
    let mut trace = Rows::default();
    for at in 0..40_000_u64 {
        let name = if at % 3 == 0 { REDUCE } else { GEMM };
        trace.push(name, (at % 64) as u32, at * 3, 150, None);
    }
    let rows = trace.overlaps(Mode::SingleTrace);
    assert_eq!(rows.len(), 2);
    let counts: BTreeMap<&str, u64> = rows
        .iter()
        .map(|row| {
            (row.role.as_str(), row.neighbours.dependent + row.neighbours.unclear + row.neighbours.free)
        })
        .collect();
    assert_eq!(counts.values().sum::<u64>(), 40_000);
}

#[test]
fn a_ladder_says_how_many_launches_it_covers_and_a_merged_kernel_has_nothing_to_merge() {
    let trace =
        Rows::of(&[(GEMM, 7, 0, 100), (NORM, 7, 100, 10), (NORM, 7, 110, 10)]).triage(Mode::SingleTrace);
    let norm = trace.stages[0].kernels.iter().find(|row| row.role == Role::Norm).unwrap();
    let split = path(PathState::Split, &format!("{} → rope", norm.kernel));
    let on = path(PathState::Active, &norm.kernel);
    let rungs = Rungs::from([((split.path.clone(), norm.kernel.clone()), 1)]);
    let paths = [split];
    let ground = Ground {
        kernels: &trace.stages[0].kernels,
        paths: &paths,
        ways: &BTreeMap::new(),
        rungs: &rungs,
        calls: &CallSites::default(),
        mode: Mode::SingleTrace,
    };
    let says = covering::of(norm, false, &ground).unwrap().says;
    assert_eq!(says, "`fused-qknorm-rope` covers 1 of its 2 launches a step and is split here.");
    assert_eq!(covering::merged(norm, &ground), None);
    let paths = [on];
    assert_eq!(covering::merged(norm, &Ground { paths: &paths, ..ground }), Some("fused-qknorm-rope"));
}

#[test]
fn a_short_exchange_is_not_told_to_be_cut_up() {
    const REDUCE: &str = "void vllm::cross_device_reduce_1stage<__nv_bfloat16, 4>(vllm::RankData*)";
    let advice = Advice::builtin().unwrap();
    let row = |length| {
        Rows::of(&[(GEMM, 7, 0, 100), (REDUCE, 7, 100, length), (NORM, 7, 100 + length, 10)])
            .row(Role::Communication)
    };
    assert!(row(5).recommendation.starts_with(&advice.short), "{}", row(5).recommendation);
    assert_eq!(row(5).headroom_ns, 0);
    assert!(row(50).recommendation.starts_with(advice.serial(Role::Communication)));
}
