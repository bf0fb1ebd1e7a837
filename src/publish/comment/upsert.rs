//! One comment, kept: found, written or written over, and its doubles folded.

use super::decide::{Decision, News, Silence, When, decide, is_newer};
use super::forge::{Forge, Posted};
use super::http::HttpError;
use super::marker::Marker;

/// What became of the comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new one stands there.
    Created(Posted),
    /// The one that stood there says it now.
    Updated(Posted),
    /// Nothing was written.
    Silent(Silence),
}

/// A comment to keep.
#[derive(Debug, Clone)]
pub struct Comment<'a> {
    /// The text without its marker.
    pub body: &'a str,
    /// Its marker.
    pub marker: &'a Marker,
    /// When it is wanted.
    pub when: When,
    /// What the run has to say.
    pub news: News,
    /// Whose comments are ours; asked from the host when `None`.
    pub author: Option<&'a str>,
}

/// Brings the host to where one comment of this id says what this run says.
pub fn upsert(forge: &dyn Forge, comment: &Comment<'_>) -> Result<Outcome, HttpError> {
    if comment.when == When::Off {
        return Ok(Outcome::Silent(Silence::Off));
    }
    let author = match comment.author {
        Some(author) => author.to_owned(),
        None => forge.author()?,
    };
    let head = forge.head()?;
    let ours = ours(forge, comment.marker, &author)?;
    let text = format!("{}\n{}\n", comment.body.trim_end(), comment.marker);
    let new = || {
        let created = create(forge, &text, comment.marker, &author)?;
        settle(forge, comment.marker, &author, &head, &text, created)
    };
    match decide(comment.when, comment.news, comment.marker, &ours, Some(&head)) {
        Decision::Silent(why) => Ok(Outcome::Silent(why)),
        Decision::Update(id) => {
            let was_red = ours.iter().any(|posted| posted.id == id && is_red(&posted.body));
            // What is waived or only warned of is still there.
            let resolved = if was_red && comment.news.is_quiet { RESOLVED } else { "" };
            let text = format!("{}\n{resolved}{}\n", comment.body.trim_end(), comment.marker);
            match forge.update(id, &text) {
                // Somebody removed it since it was listed.
                Err(error) if error.status() == Some(404) => new(),
                Err(error) => Err(error),
                Ok(posted) => {
                    fold(forge, &ours, id)?;
                    Ok(Outcome::Updated(posted))
                }
            }
        }
        Decision::Create => new(),
    }
}

/// What a comment says that was red, now that nothing is found any more.
const RESOLVED: &str = "\nWhat this comment told of before is resolved.\n";

/// Whether a comment, by its first line, says anything else than that the gate passed.
fn is_red(body: &str) -> bool {
    !body.trim_start().starts_with("**Pass")
}

fn ours(forge: &dyn Forge, marker: &Marker, author: &str) -> Result<Vec<Posted>, HttpError> {
    let is_ours = |posted: &Posted| {
        posted.author.eq_ignore_ascii_case(author)
            && Marker::find(&posted.body).is_some_and(|found| found.id == marker.id)
    };
    let mut ours: Vec<Posted> = forge.list()?.into_iter().filter(is_ours).collect();
    ours.sort_by_key(|posted| posted.id);
    Ok(ours)
}

/// Creates, and looks before it creates again: a request whose answer was lost may have been carried out.
fn create(forge: &dyn Forge, text: &str, marker: &Marker, author: &str) -> Result<Posted, HttpError> {
    match forge.create(text) {
        Err(error) if error.may_have_worked() => {
            let made = ours(forge, marker, author)?
                .into_iter()
                .find(|posted| Marker::find(&posted.body).as_ref() == Some(marker));
            match made {
                Some(posted) => Ok(posted),
                None => forge.create(text),
            }
        }
        other => other,
    }
}

/// Another run may have created one at the same moment: the oldest stays, the newest run's text is in it.
fn settle(
    forge: &dyn Forge,
    marker: &Marker,
    author: &str,
    head: &str,
    text: &str,
    created: Posted,
) -> Result<Outcome, HttpError> {
    let all = ours(forge, marker, author)?;
    let Some(oldest) = all.first() else { return Ok(Outcome::Created(created)) };
    if oldest.id == created.id {
        // The others see this one too and fold theirs into it.
        return Ok(Outcome::Created(created));
    }
    let is_late = Marker::find(&oldest.body).is_some_and(|standing| is_newer(&standing, marker, Some(head)));
    let outcome = if is_late {
        Outcome::Silent(Silence::Newer)
    } else {
        Outcome::Updated(forge.update(oldest.id, text)?)
    };
    forge.delete(created.id)?;
    Ok(outcome)
}

fn fold(forge: &dyn Forge, ours: &[Posted], keep: u64) -> Result<(), HttpError> {
    for double in ours.iter().filter(|posted| posted.id != keep) {
        forge.delete(double.id)?;
    }
    Ok(())
}
