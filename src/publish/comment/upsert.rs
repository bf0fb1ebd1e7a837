//! One comment, kept: found, written or written over, read again, and its doubles folded.

use super::decide::{Decision, News, Silence, When, decide, is_newer, of_same};
use super::forge::{Forge, Posted};
use super::http::HttpError;
use super::marker::Marker;

/// Times that a run writes its text anew because an older one wrote over it.
const ROUNDS: u32 = 4;

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
///
/// No host writes a comment only if it is still as it was read. So it is read anew right before it is written, and again
/// afterwards: an older run that wrote over it in between is written over in turn. What is left is an older run that
/// stands still between its reading and its writing for as long as a newer one takes for both; the workflows of `init`
/// therefore let one job at a time comment.
pub fn upsert(forge: &dyn Forge, comment: &Comment<'_>) -> Result<Outcome, HttpError> {
    if comment.when == When::Off {
        return Ok(Outcome::Silent(Silence::Off));
    }
    let author = match comment.author {
        Some(author) => Some(author.to_owned()),
        None => forge.author()?,
    };
    let mut run = Run { forge, comment, author, created: None, written: None, was_red: false };
    for _ in 0..ROUNDS {
        if let Some(outcome) = run.round()? {
            return Ok(outcome);
        }
    }
    Ok(run.outcome(Silence::Newer))
}

/// What the login of every app ends with; that of a person cannot hold it.
const APP: &str = "[bot]";

/// What a comment says that was red, now that nothing is found any more.
const RESOLVED: &str = "\nWhat this comment told of before is resolved.\n";

/// Whether a comment, by its first line, says anything else than that the gate passed.
fn is_red(body: &str) -> bool {
    !body.trim_start().starts_with("**Pass")
}

/// A run on its way to one comment.
struct Run<'a> {
    forge: &'a dyn Forge,
    comment: &'a Comment<'a>,
    /// Whose comments are its own; any app's as long as it is not known which app it is.
    author: Option<String>,
    /// The comment that it made.
    created: Option<u64>,
    /// What it wrote last.
    written: Option<Posted>,
    /// Whether it wrote over a comment that was red.
    was_red: bool,
}

impl Run<'_> {
    /// Reads what stands there, and writes if that is not what this run says. `None` means: look again.
    fn round(&mut self) -> Result<Option<Outcome>, HttpError> {
        let Comment { when, news, marker, .. } = *self.comment;
        let head = self.forge.head()?;
        let ours = self.ours()?;
        let decision = decide(when, news, marker, &ours, head.as_deref());
        match (decision, &self.written) {
            (Decision::Silent(Silence::Newer), _) => {
                self.withdraw(&ours, head.as_deref())?;
                Ok(Some(Outcome::Silent(Silence::Newer)))
            }
            (Decision::Silent(why), _) => Ok(Some(self.outcome(why))),
            // It stood there a moment ago, and whoever removed it wanted that.
            (Decision::Create, Some(_)) => Ok(Some(self.outcome(Silence::Newer))),
            (Decision::Create, None) => {
                let created = self.create(&self.text())?;
                self.created = Some(created.id);
                // Now it is known who it is, whatever it thought before.
                if self.comment.author.is_none() && !created.author.is_empty() {
                    self.author = Some(created.author.clone());
                }
                self.written = Some(created);
                Ok(None)
            }
            (Decision::Update(id), written) => {
                let standing = ours.iter().find(|posted| posted.id == id);
                let stands = written.is_some()
                    && standing.is_some_and(|posted| Marker::find(&posted.body).as_ref() == Some(marker));
                if stands {
                    for double in ours.iter().filter(|posted| posted.id != id) {
                        self.forge.delete(double.id)?;
                    }
                    return Ok(Some(self.outcome(Silence::Newer)));
                }
                self.was_red |= standing.is_some_and(|posted| is_red(&posted.body));
                match self.forge.update(id, &self.text()) {
                    // Somebody removed it since it was listed.
                    Err(error) if error.status() == Some(404) => Ok(None),
                    Err(error) => Err(error),
                    Ok(posted) => {
                        self.written = Some(posted);
                        Ok(None)
                    }
                }
            }
        }
    }

    fn text(&self) -> String {
        // What is waived or only warned of is still there.
        let resolved = if self.was_red && self.comment.news.is_quiet { RESOLVED } else { "" };
        format!("{}\n{resolved}{}\n", self.comment.body.trim_end(), self.comment.marker)
    }

    /// Takes back the comment that this run made, when a newer run has one that is older than it.
    fn withdraw(&self, ours: &[Posted], head: Option<&str>) -> Result<(), HttpError> {
        let Some(created) = self.created else { return Ok(()) };
        let is_of_newer = |posted: &Posted| {
            Marker::find(&posted.body).is_some_and(|found| is_newer(&found, self.comment.marker, head))
        };
        if ours.iter().any(|posted| posted.id < created && is_of_newer(posted)) {
            self.forge.delete(created)?;
        }
        Ok(())
    }

    /// What came of this run; `why` when it has nothing standing there.
    fn outcome(&self, why: Silence) -> Outcome {
        match &self.written {
            None => Outcome::Silent(why),
            Some(posted) if self.created == Some(posted.id) => Outcome::Created(posted.clone()),
            Some(posted) => Outcome::Updated(posted.clone()),
        }
    }

    /// The comments of this gate and author, the oldest first.
    fn ours(&self) -> Result<Vec<Posted>, HttpError> {
        let mut posted = self.forge.list()?;
        posted.retain(|posted| self.is_ours(&posted.author));
        Ok(of_same(self.comment.marker, posted))
    }

    fn is_ours(&self, author: &str) -> bool {
        match &self.author {
            Some(login) => author.eq_ignore_ascii_case(login),
            None => author.ends_with(APP),
        }
    }

    /// Creates, and looks before it creates again: a request whose answer was lost may have been carried out.
    fn create(&self, text: &str) -> Result<Posted, HttpError> {
        match self.forge.create(text) {
            Err(error) if error.may_have_worked() => {
                let is_mine =
                    |posted: &Posted| Marker::find(&posted.body).as_ref() == Some(self.comment.marker);
                match self.ours()?.into_iter().find(is_mine) {
                    Some(posted) => Ok(posted),
                    None => self.forge.create(text),
                }
            }
            other => other,
        }
    }
}
