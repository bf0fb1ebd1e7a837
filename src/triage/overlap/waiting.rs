//! What of a collective's bound is waiting for other ranks: no overlap wins that.
//!
//! One rank cannot tell. The ranks of a capture together do: what the rank that comes last needs for an instance is
//! what it costs, and the bound of a row is at most that.

use super::{Advice, OverlapRow, in_order};
use crate::triage::TriageError;
use crate::triage::model::{Ranks, Triage};
use crate::triage::stage::Stage;

/// Takes waiting out of what the overlap table of a rank says could be won, and puts its rows in order again.
///
/// A collective whose instances could not be matched keeps its bound: how much of it is waiting is not known.
///
/// # Errors
///
/// Where the advice that is compiled in cannot be read.
pub fn leave_out_waiting(triage: &mut Triage, ranks: &Ranks) -> Result<(), TriageError> {
    let advice = Advice::builtin().map_err(|error| TriageError::Catalog(error.to_string()))?;
    let rank = triage.rank();
    for stage in &mut triage.stages {
        for row in stage.overlaps.iter_mut().filter(|row| row.headroom_ns > 0) {
            if let Some(cost) = cost(ranks, stage.stage, &row.kernel, rank) {
                cap(row, cost, advice);
            }
        }
        in_order(&mut stage.overlaps, advice);
    }
    Ok(())
}

/// What a kernel's instances of a step need alone where no rank waits, over all groups of ranks that this one is in.
fn cost(ranks: &Ranks, stage: Stage, kernel: &str, rank: u32) -> Option<i64> {
    let runs = |part: &&crate::triage::model::CollectiveRank| part.rank == rank && part.instances > 0;
    let mut of_rank = ranks
        .collectives
        .iter()
        .filter(|one| one.stage == stage && one.kernel == kernel && one.ranks.iter().any(|part| runs(&part)))
        .peekable();
    of_rank.peek()?;
    of_rank.map(|one| one.exposed_ns).sum()
}

fn cap(row: &mut OverlapRow, cost: i64, advice: &Advice) {
    if cost >= row.headroom_ns {
        return;
    }
    row.headroom_ns = cost.max(0);
    if row.headroom_ns == 0 {
        "serial".clone_into(&mut row.verdict);
        row.recommendation.clone_from(&advice.waits_only);
        row.path = None;
    } else {
        row.recommendation = format!("{} {}", row.recommendation, advice.waits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::Role;
    use crate::triage::model::{Collective, CollectiveRank};
    use crate::triage::overlap::Neighbours;

    fn row(kernel: &str, headroom_ns: i64) -> OverlapRow {
        OverlapRow {
            kernel: kernel.to_owned(),
            role: Role::Communication,
            verdict: "headroom".to_owned(),
            dependency_risk: "unclear".to_owned(),
            neighbours: Neighbours::default(),
            recommendation: "Move it.".to_owned(),
            exposed_ns: 100,
            hidden_pct: 0.0,
            hidden_by: Vec::new(),
            path: Some("way".to_owned()),
            headroom_ns,
        }
    }

    fn collective(kernel: &str, over: &[u32], exposed_ns: Option<i64>) -> Collective {
        let part = |rank: &u32| CollectiveRank { rank: *rank, instances: 1, ns: 100, waiting_ns: None };
        Collective {
            stage: Stage::Decode,
            kernel: kernel.to_owned(),
            matched: exposed_ns.is_some(),
            true_ns: exposed_ns,
            exposed_ns,
            waiting_ns: None,
            ranks: over.iter().map(part).collect(),
        }
    }

    fn bounds(collectives: Vec<Collective>) -> Option<i64> {
        let ranks =
            Ranks { ranks: vec![0, 1, 2, 3], spread: Vec::new(), stragglers: Vec::new(), collectives };
        cost(&ranks, Stage::Decode, "reduce", 0)
    }

    #[test]
    fn a_bound_is_what_the_last_rank_needs_in_each_group_of_the_rank() {
        let pair = collective("reduce", &[0, 1], Some(30));
        let all = collective("reduce", &[0, 1, 2, 3], Some(5));
        let others = collective("reduce", &[2, 3], Some(900));
        let gather = collective("gather", &[0, 1], Some(7));
        assert_eq!(bounds(vec![pair.clone(), all, others.clone(), gather.clone()]), Some(35));
        assert_eq!(bounds(vec![others, gather]), None, "it is no collective of this rank");
        assert_eq!(bounds(vec![pair, collective("reduce", &[0, 2], None)]), None, "part of it is not known");
    }

    #[test]
    fn waiting_is_taken_out_of_a_bound_and_said() {
        let advice = Advice::builtin().unwrap();
        let capped = |cost: i64| {
            let mut row = row("reduce", 80);
            cap(&mut row, cost, advice);
            (row.headroom_ns, row.verdict, row.recommendation)
        };
        let says =
            |headroom_ns: i64, verdict: &str, text: &str| (headroom_ns, verdict.to_owned(), text.to_owned());
        assert_eq!(capped(90), says(80, "headroom", "Move it."));
        assert_eq!(capped(30), says(30, "headroom", &format!("Move it. {}", advice.waits)));
        assert_eq!(capped(0), says(0, "serial", &advice.waits_only));
    }
}
