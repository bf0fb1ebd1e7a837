//! Whether to write a comment, and over which: rules without a network.

use std::collections::BTreeSet;

use super::forge::Posted;
use super::marker::Marker;

/// When a comment is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// On every run.
    Always,
    /// When something changed, or when a comment stands there that should say that it is resolved.
    Changes,
    /// When the gate did not pass, or when a comment stands there that should say that it is resolved.
    Failures,
    /// Never.
    Off,
}

/// What a run has to say, as far as the decision needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// The gate passed.
    pub has_passed: bool,
    /// Nothing was found, better or worse.
    pub is_quiet: bool,
}

/// Why nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Comments are off.
    Off,
    /// There is nothing to say and nothing to correct.
    NothingToSay,
    /// The comment that stands there is of a newer commit or of a later run.
    Newer,
    /// The commit that was judged is no longer the newest of the change.
    OldCommit,
    /// The commit that was judged is the newest one of no open change.
    NoChange,
}

/// What to do with the comments of one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Leave everything.
    Silent(Silence),
    /// Write a new one.
    Create,
    /// Write over the comment with this id.
    Update(u64),
}

/// Of an author's comments, those that this run's takes the place of: of the same workflow and scenarios, and of the same
/// GPUs, the oldest first.
///
/// A capture that came to nothing may not say on which GPU it was made. Its comment is the one that stands there, whatever
/// GPU that names, unless there are several, which belong to gates on several GPUs.
pub fn of_same(mine: &Marker, posted: Vec<Posted>) -> Vec<Posted> {
    let mut of_gate: Vec<(Option<String>, Posted)> = posted
        .into_iter()
        .filter_map(|posted| {
            let found = Marker::find(&posted.body)?;
            (found.gate() == mine.gate()).then(|| (found.gpu().map(str::to_owned), posted))
        })
        .collect();
    let gpus: BTreeSet<&String> = of_gate.iter().filter_map(|(gpu, _)| gpu.as_ref()).collect();
    let is_one_gpu = gpus.len() <= 1;
    of_gate.retain(|(gpu, _)| match (gpu, mine.gpu()) {
        (None, _) => true,
        (Some(gpu), Some(mine)) => gpu == mine,
        (Some(_), None) => is_one_gpu,
    });
    let mut same: Vec<Posted> = of_gate.into_iter().map(|(_, posted)| posted).collect();
    same.sort_by_key(|posted| posted.id);
    same
}

/// Decides. `ours` are the comments of this id and author, the oldest first; `head` is the change's newest
/// commit, when it is known.
pub fn decide(when: When, news: News, mine: &Marker, ours: &[Posted], head: Option<&str>) -> Decision {
    if when == When::Off {
        return Decision::Silent(Silence::Off);
    }
    // A newer commit has its own run, which says more than this one; whether that has spoken already or not.
    if head.is_some_and(|head| !mine.sha.is_empty() && !is_same_commit(&mine.sha, head)) {
        return Decision::Silent(Silence::OldCommit);
    }
    let standing = ours.iter().filter_map(|posted| Marker::find(&posted.body));
    if standing.into_iter().any(|marker| is_newer(&marker, mine, head)) {
        return Decision::Silent(Silence::Newer);
    }
    match ours.first() {
        Some(oldest) => Decision::Update(oldest.id),
        None => {
            let is_wanted = match when {
                When::Always => true,
                When::Changes => !news.is_quiet,
                When::Failures => !news.has_passed,
                When::Off => false,
            };
            if is_wanted { Decision::Create } else { Decision::Silent(Silence::NothingToSay) }
        }
    }
}

/// Whether a standing comment speaks of something later than this run.
///
/// The change's newest commit wins over any other. Between two runs of equal standing the one that began later wins, so
/// that a slow run of an older commit never covers the result of a newer one. A host numbers its runs as they begin; a run
/// that is repeated keeps its number, so then the time of the repetition decides.
pub fn is_newer(standing: &Marker, mine: &Marker, head: Option<&str>) -> bool {
    if let Some(head) = head {
        match (is_same_commit(&standing.sha, head), is_same_commit(&mine.sha, head)) {
            (true, false) => return true,
            (false, true) => return false,
            (true, true) | (false, false) => {}
        }
    }
    let is_repeated = standing.run != mine.run && (standing.attempt > 1 || mine.attempt > 1);
    let are_timed = standing.at > 0 && mine.at > 0;
    let order = |marker: &Marker| {
        let at = if is_repeated && are_timed { marker.at } else { 0 };
        (at, marker.run, marker.attempt)
    };
    order(standing) > order(mine)
}

/// Fewest digits of a commit's name that are taken for the whole.
const SHORT: usize = 4;

/// Whether two names are of one commit, one of them shortened as git does.
fn is_same_commit(one: &str, two: &str) -> bool {
    let (short, long) = if one.len() < two.len() { (one, two) } else { (two, one) };
    one == two || (short.len() >= SHORT && long.starts_with(short))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: News = News { has_passed: false, is_quiet: false };
    const WARNED: News = News { has_passed: true, is_quiet: false };
    const GREEN: News = News { has_passed: true, is_quiet: true };

    fn marker(sha: &str, run: u64) -> Marker {
        Marker { id: "a".to_owned(), at: 0, sha: sha.to_owned(), run, attempt: 1 }
    }

    fn of(id: u64, about: &str) -> Posted {
        let body = Marker { id: about.to_owned(), ..marker("x", 1) }.to_string();
        Posted { id, author: "me".to_owned(), body, url: None }
    }

    fn posted(id: u64, sha: &str, run: u64) -> Posted {
        Posted { id, author: "me".to_owned(), body: marker(sha, run).to_string(), url: None }
    }

    #[test]
    fn each_mode_speaks_when_it_should() {
        for (when, news, want) in [
            (When::Always, GREEN, true),
            (When::Changes, GREEN, false),
            (When::Changes, WARNED, true),
            (When::Failures, WARNED, false),
            (When::Failures, FAILED, true),
            (When::Off, FAILED, false),
        ] {
            let decision = decide(when, news, &marker("x", 1), &[], None);
            assert_eq!(decision == Decision::Create, want, "{when:?} {news:?} gives {decision:?}");
        }
    }

    #[test]
    fn a_comment_that_stands_is_updated_when_all_is_green_again() {
        for when in [When::Always, When::Changes, When::Failures] {
            let ours = [posted(5, "old", 1), posted(9, "old", 1)];
            assert_eq!(decide(when, GREEN, &marker("new", 2), &ours, Some("new")), Decision::Update(5));
        }
        assert_eq!(
            decide(When::Off, GREEN, &marker("new", 2), &[posted(5, "old", 1)], None),
            Decision::Silent(Silence::Off)
        );
    }

    #[test]
    fn an_older_commit_neither_covers_a_newer_one_nor_speaks_first() {
        let silent = Decision::Silent(Silence::OldCommit);
        let ours = [posted(5, "new", 1)];
        // A late run of the old commit, even with a higher number.
        assert_eq!(decide(When::Always, FAILED, &marker("old", 9), &ours, Some("new")), silent);
        assert_eq!(decide(When::Always, FAILED, &marker("old", 9), &[], Some("new")), silent);
        // Without knowing the newest commit, the later run is believed.
        assert_eq!(decide(When::Always, FAILED, &marker("old", 9), &ours, None), Decision::Update(5));
        let silent = Decision::Silent(Silence::Newer);
        let late = [posted(5, "new", 10)];
        assert_eq!(decide(When::Always, FAILED, &marker("old", 9), &late, None), silent);
        // A run that does not know what it judged covers nothing of the newest commit.
        assert_eq!(decide(When::Always, FAILED, &marker("", 99), &late, Some("new")), silent);
        // The newest commit replaces any other, whatever its run's number.
        assert_eq!(decide(When::Always, FAILED, &marker("new", 3), &late, Some("new")), silent);
        let stale = [posted(5, "old", 10)];
        assert_eq!(decide(When::Always, FAILED, &marker("new", 3), &stale, Some("new")), Decision::Update(5));
    }

    #[test]
    fn a_comment_whose_gpu_is_not_known_is_that_of_the_only_gpu() {
        let same = |about: &str, posted: &[Posted]| -> Vec<u64> {
            let mine = Marker { id: about.to_owned(), ..marker("x", 1) };
            of_same(&mine, posted.to_vec()).into_iter().map(|posted| posted.id).collect()
        };
        let one = [of(3, "g/s/A"), of(2, "g/other/A"), of(1, "g/s/A")];
        assert_eq!(same("g/s/", &one), [1, 3]);
        assert_eq!(same("g/s/A", &one), [1, 3]);
        assert_eq!(same("g/s/B", &one), [] as [u64; 0], "a matrix has a comment for each GPU");
        // Of several it is nobody's, and what says nothing of its GPU is written over by the first that does.
        let two = [of(1, "g/s/A"), of(2, "g/s/B"), of(3, "g/s/")];
        assert_eq!(same("g/s/", &two), [3]);
        assert_eq!(same("g/s/B", &two), [2, 3]);
        assert_eq!(same("g/s/A", &[of(1, "g/s/")]), [1]);
    }

    #[test]
    fn a_repeated_run_is_newer_than_one_that_began_between_its_attempts() {
        let of = |run: u64, attempt: u64, at: u64| Marker { run, attempt, at, ..marker("c", run) };
        let head = Some("c");
        let (first, between, repeated) = (of(5, 1, 100), of(8, 1, 200), of(5, 2, 300));
        assert!(is_newer(&repeated, &between, head) && !is_newer(&between, &repeated, head));
        assert!(is_newer(&between, &first, head));
        // What was begun again before the other one, and ends after it.
        assert!(is_newer(&between, &of(5, 2, 150), head));
        // A run's own attempts need no time, nor do two first attempts: the later text may be the older run's.
        assert!(is_newer(&of(5, 3, 0), &repeated, head));
        assert!(is_newer(&of(6, 1, 100), &of(5, 1, 900), head));
        // Older programs noted none.
        assert!(is_newer(&of(8, 1, 0), &repeated, head));
    }

    #[test]
    fn a_shortened_commit_is_the_commit() {
        let head = Some("1a2b3c4d5e");
        assert_eq!(decide(When::Always, FAILED, &marker("1a2b", 1), &[], head), Decision::Create);
        assert_eq!(
            decide(When::Always, FAILED, &marker("1a3b", 1), &[], head),
            Decision::Silent(Silence::OldCommit)
        );
        assert!(!is_same_commit("1a", "1a2b"));
    }
}
