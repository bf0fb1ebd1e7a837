//! What a refresh has to say first: in the first line of its list, and in the title of the pull request.

use std::fmt::Write;

use super::{File, MdCode, Refresh, is_failing};
use crate::baseline::Loosest;
use crate::common::text::{count, signed_percent};

/// How many baselines are what.
struct Counts {
    all: u64,
    failed: u64,
    failing: u64,
    held: u64,
    rewritten: u64,
    looser: u64,
}

impl Counts {
    fn of(all: &[Refresh<'_>]) -> Self {
        let of = |is: &dyn Fn(&&Refresh<'_>) -> bool| all.iter().filter(is).count() as u64;
        Self {
            all: all.len() as u64,
            failed: of(&|one| one.failed.is_some()),
            failing: of(&|one| one.held.iter().any(is_failing)),
            held: of(&|one| !one.held.is_empty()),
            rewritten: of(&|one| matches!(one.file, File::Rewritten | File::WouldBeRewritten)),
            looser: of(&|one| one.looser.numbers > 0),
        }
    }
}

/// A refresh as the title of a pull request: numbers alone, so that no name gets into it.
pub fn title(all: &[Refresh<'_>]) -> String {
    let counts = Counts::of(all);
    let mut title = format!("profgate: {} with new numbers", count(counts.rewritten, "baseline"));
    for (number, what) in
        [(counts.looser, "looser"), (counts.failing, "regressed"), (counts.failed, "not refreshed")]
    {
        if number > 0 {
            let _ = write!(title, ", {number} {what}");
        }
    }
    title
}

/// The news in a sentence. Writing to a String cannot fail.
pub(super) fn first_line(all: &[Refresh<'_>]) -> String {
    let counts = Counts::of(all);
    let Counts { failing, held, failed, .. } = counts;
    let baselines = count(counts.all, "baseline");
    let mut out = if failing > 0 {
        format!("**Regressed**: the captures of {failing} of {baselines} fail `check`. ")
    } else if held > 0 {
        format!("**For review**: something moved against {held} of {baselines}. ")
    } else {
        String::new()
    };
    if held > 0 {
        out.push_str("It was not taken, and no promise was loosened. ");
    }
    if failed > 0 {
        let _ = write!(out, "**Not refreshed**: nothing could be held against {failed} of {baselines}. ");
    }
    if counts.looser > 0 {
        out.push_str(&looser_line(all, counts.looser));
    }
    let _ = match counts.rewritten {
        0 if held == 0 && failed == 0 => writeln!(out, "Nothing moved beyond noise.\n"),
        0 => writeln!(out, "No baseline changes.\n"),
        rewritten => writeln!(out, "{rewritten} of {baselines} with new numbers.\n"),
    };
    out
}

/// Whoever merges slower numbers shall have read that they are.
fn looser_line(all: &[Refresh<'_>], baselines: u64) -> String {
    let numbers: u64 = all.iter().map(|one| one.looser.numbers).sum();
    let size = |most: &Loosest| most.pct.unwrap_or(f64::INFINITY);
    let most = all
        .iter()
        .filter_map(|one| one.looser.most.as_ref())
        .reduce(|most, next| if size(next) > size(most) { next } else { most });
    let accept = if numbers == 1 { "accepts" } else { "accept" };
    let mut text = format!(
        "**Looser**: {} of {} {accept} more than before",
        count(numbers, "number"),
        count(baselines, "baseline")
    );
    if let Some(most) = most {
        let by = most.pct.map_or_else(|| "from nothing".to_owned(), signed_percent);
        let _ =
            write!(text, ", most of all {} in {} ({by})", MdCode::new(&most.subject), most.stage.as_str());
    }
    text.push_str(". ");
    text
}
