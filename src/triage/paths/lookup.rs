//! Questions about the catalog itself: what a path looks for, and what of it a kernel name is.

use super::catalog::PathCatalog;
use super::entry::{Entry, Origin};
use super::gates::{Facts, Gate};
use super::ladder::{self, Kind};
use super::off::{self, Shown};
use super::parts::{PartIx, membership};
use crate::trace::ActivityKind;
use crate::triage::classify::{Class, Classifier};

/// What a kernel is to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use<'c> {
    /// Path id.
    pub path: &'c str,
    /// Whether the kernel is the fused path itself.
    pub is_on: bool,
    /// Ladders of which it can be a rung, as text; empty for the fused kernel.
    pub rungs: Vec<String>,
}

/// An overlap of the catalog that hides kernels of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Catalog id.
    pub path: String,
    /// Frameworks that have it.
    pub frameworks: Vec<String>,
    /// Whether the capture's framework is one of them.
    pub is_own: bool,
    /// The pull requests that it waits in; empty when it is merged.
    pub pr: Vec<String>,
    /// What would settle whether it applies; `None` when nothing is in doubt.
    pub unsettled: Option<String>,
    /// Why it is off here, as a fragment, where that is known of one that the framework has.
    pub off: Option<String>,
}

impl PathCatalog {
    /// Names of the parts whose kind a kernel is of.
    pub fn parts_of(&self, name: &str, classifier: &Classifier) -> Vec<&str> {
        let class = classifier.classify(name, ActivityKind::Kernel);
        let member = membership(&self.parts, &class, classifier);
        self.parts.iter().zip(member).filter(|(_, is)| *is).map(|(part, _)| part.name.as_str()).collect()
    }

    /// What a kernel is to each path, paths that do not look for it left out.
    pub fn uses_of(&self, name: &str, classifier: &Classifier) -> Vec<Use<'_>> {
        let class = classifier.classify(name, ActivityKind::Kernel);
        let kind = kind(&class, self, classifier);
        self.entries()
            .iter()
            .filter_map(|entry| {
                let is_on = kind.is_any(&entry.on);
                let rungs: Vec<String> = entry
                    .split
                    .iter()
                    .filter(|ladder| !is_on && kind.is_any(ladder))
                    .map(|ladder| self.ladder_text(ladder))
                    .collect();
                (is_on || !rungs.is_empty()).then_some(Use { path: &entry.id, is_on, rungs })
            })
            .collect()
    }

    /// The parts that are a path's fused kernel.
    pub fn on_parts(&self, entry: &Entry) -> Vec<&str> {
        entry.on.iter().map(|part| self.part_name(*part)).collect()
    }

    /// The parts that must run before a path's ladder.
    pub fn after_parts(&self, entry: &Entry) -> Vec<&str> {
        entry.after.iter().map(|part| self.part_name(*part)).collect()
    }

    /// The parts that may stand between the rungs of a path's ladder, and stay when it is fused.
    pub fn between_parts(&self, entry: &Entry) -> Vec<&str> {
        entry.between.iter().map(|part| self.part_name(*part)).collect()
    }

    /// The parts that make another case of a stage, in which the ladder means nothing.
    pub fn unless_parts(&self, entry: &Entry) -> Vec<&str> {
        entry.unless.iter().map(|part| self.part_name(*part)).collect()
    }

    /// The parts of which one must run in a stage for a path's ladder to mean something.
    pub fn with_parts(&self, entry: &Entry) -> Vec<&str> {
        entry.with.iter().map(|part| self.part_name(*part)).collect()
    }

    /// The parts that an overlap hides.
    pub fn covered_parts(&self, entry: &Entry) -> Vec<&str> {
        entry.covers.iter().map(|part| self.part_name(*part)).collect()
    }

    /// Overlaps that hide a kernel of these parts, the best first: those of the framework, what is not off, what is merged, what is
    /// known to apply. Left out are those whose gates are closed, and changes to other frameworks that are not merged.
    pub(super) fn covering(&self, member: &[bool], shown: Shown, facts: &Facts<'_>) -> Vec<Way> {
        let hides = |part: &PartIx| member.get(part.0).copied().unwrap_or(false);
        let mut found: Vec<Way> = Vec::new();
        for entry in self.entries().iter().filter(|entry| entry.covers.iter().any(hides)) {
            let is_own = entry.is_of(facts.framework);
            let unsettled = match entry.gates.judge(facts) {
                Gate::Closed => continue,
                Gate::Unknown(settled_by) => Some(settled_by),
                Gate::Open => None,
            };
            let pr = match entry.origin {
                Origin::Mainline | Origin::Upstream => Vec::new(),
                Origin::InFlight if is_own => entry.pr.clone(),
                Origin::InFlight | Origin::Closed => continue,
            };
            let is_merged_here = pr.is_empty() && is_own && facts.framework != "unknown";
            let off = if is_merged_here { off::because(entry, shown, facts) } else { None };
            let (path, frameworks) = (entry.id.clone(), entry.frameworks.clone());
            found.push(Way { path, frameworks, is_own, pr, unsettled, off });
        }
        found
            .sort_by_key(|way| (!way.is_own, way.off.is_some(), !way.pr.is_empty(), way.unsettled.is_some()));
        found
    }

    /// A path's ladders, each as `part → part`.
    pub fn ladders(&self, entry: &Entry) -> Vec<String> {
        entry.split.iter().map(|ladder| self.ladder_text(ladder)).collect()
    }

    /// Whether a kernel is a path's fused kernel.
    pub fn is_on(&self, entry: &Entry, name: &str, classifier: &Classifier) -> bool {
        let class = classifier.classify(name, ActivityKind::Kernel);
        kind(&class, self, classifier).is_any(&entry.on)
    }

    /// How often a path's ladder stands in what a stream runs in a row.
    pub fn count_split(&self, entry: &Entry, names: &[&str], classifier: &Classifier) -> usize {
        let classes: Vec<Class> =
            names.iter().map(|name| classifier.classify(name, ActivityKind::Kernel)).collect();
        let kinds: Vec<Kind<'_>> = classes.iter().map(|class| kind(class, self, classifier)).collect();
        let runs = |parts: &[PartIx]| kinds.iter().any(|kind| kind.is_any(parts));
        if runs(&entry.unless) || !(entry.with.is_empty() || runs(&entry.with)) {
            return 0;
        }
        let sequence: Vec<&Kind<'_>> = kinds.iter().collect();
        ladder::climb(&sequence, entry.shape()).len()
    }

    fn ladder_text(&self, ladder: &[PartIx]) -> String {
        let names: Vec<&str> = ladder.iter().map(|part| self.part_name(*part)).collect();
        names.join(" → ")
    }
}

fn kind<'c>(class: &'c Class, catalog: &PathCatalog, classifier: &Classifier) -> Kind<'c> {
    Kind::new(class, membership(&catalog.parts, class, classifier))
}
