//! Type `Image`: a tag stands for another image than before, as an image that others are built on does when
//! it is released anew.
//!
//! Interner are compared as what they mean: `node` is `docker.io/library/node:latest`. One name that can never
//! change, or cannot be understood, is reported and leaves the others of the rule in force.
//!
//! Builds push images themselves, so rules of this type can go round in circles. A Build is not started by its
//! own output, nor by an image that would be pushed again because it was started: see `cycles`.

mod cycles;
mod settings;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use trigger_api::Target;
use trigger_api::shipwright::{Condition, TriggerError};
use trigger_core::{Event, ImageChange, ImageRef};

pub(crate) use self::cycles::cycle;
pub(crate) use self::settings::image_rules;
use self::settings::suspended;
pub use self::settings::{ImageRules, SHORTEST_INTERVAL};
use crate::RuleSet;
use crate::decision::{CheckTrace, Predicate, Reason};
use crate::kind::{Context, IndexKey, Matcher, TriggerKind, TrustBasis};
use crate::rule_error::RuleErrorKind;
use crate::rule_set::TargetRules;

/// The kind of trigger.
pub(crate) struct Image;

/// The value of `when[].type`.
pub(crate) const NAME: &str = "Image";

/// A rule of this kind.
struct ImageMatcher {
    /// What the rule waits for, in order, each once.
    names: Box<[ImageRef]>,
    /// What the Build pushes itself.
    output: Option<ImageRef>,
    suspended: bool,
    /// When the Build was created. What happened before is over.
    since: Option<Timestamp>,
}

impl TriggerKind for Image {
    fn name(&self) -> &'static str {
        NAME
    }

    fn authority(&self) -> TrustBasis {
        TrustBasis::Observation
    }

    fn compile(
        &self,
        condition: Condition,
        context: &mut Context<'_>,
    ) -> Result<Box<dyn Matcher>, RuleErrorKind> {
        let Condition::Image(written) = condition else { return Err(TriggerError::MissingImage.into()) };
        let build = context.build;
        let output = build.output_image().and_then(|image| ImageRef::parse(image).ok());
        let (mut names, mut faults) = (Vec::new(), Vec::new());
        for name in written {
            match ImageRef::parse(&name) {
                Ok(image) if Some(&image) == output.as_ref() => {
                    faults.push(RuleErrorKind::OwnOutput(name));
                    names.push(image);
                }
                Ok(image) => names.push(image),
                Err(problem) => faults.push(RuleErrorKind::Image { name, problem }),
            }
        }
        names.sort();
        names.dedup();
        if names.is_empty()
            && let Some(first) = faults.pop()
        {
            return Err(first);
        }
        context.warnings.append(&mut faults);
        let since = build.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let suspended = suspended(build, context.rule);
        Ok(Box::new(ImageMatcher { names: names.into(), output, suspended, since }))
    }

    fn key_of_broken(&self, _context: &Context<'_>) -> Option<IndexKey> {
        None
    }

    fn lookup(&self, event: &Event) -> Vec<IndexKey> {
        let Event::Image(event) = event else { return Vec::new() };
        event.changes.iter().map(|change| key(&change.image)).collect()
    }

    fn concerns(&self, event: &Event, rules: &TargetRules) -> bool {
        matches!(event, Event::Image(event) if event.namespace == rules.target.key.namespace)
    }
}

/// Rules are found by the image alone, since what one namespace pushes another may wait for.
pub(crate) fn key(image: &ImageRef) -> IndexKey {
    IndexKey::new("image", image.as_str())
}

impl Matcher for ImageMatcher {
    fn keys(&self) -> Vec<IndexKey> {
        self.names.iter().map(key).collect()
    }

    fn check(
        &self,
        event: &Event,
        target: &Target,
        rules: &RuleSet,
        trace: &mut CheckTrace,
    ) -> Result<(), Reason> {
        let Event::Image(event) = event else { return Err(Reason::EventNotListed) };
        let named: Vec<_> =
            event.changes.iter().filter(|change| self.names.contains(&change.image)).collect();
        let found = if named.is_empty() { event.changes.iter().collect() } else { named.clone() };
        trace.require(
            Predicate::Image,
            !named.is_empty(),
            list(self.names.iter()),
            list(found.iter().map(|change| &change.image)),
            Reason::ImageNotListed,
        )?;
        trace.require(
            Predicate::Suspension,
            !self.suspended,
            "a rule in force",
            if self.suspended { "suspended" } else { "in force" },
            Reason::Suspended,
        )?;
        let others: Vec<_> = named.into_iter().filter(|change| !self.is_own(change)).collect();
        let own = || self.output.as_ref().map_or("", ImageRef::as_str);
        trace.require(
            Predicate::Loop,
            !others.is_empty(),
            "no output of itself",
            if others.is_empty() { own() } else { "no output of itself" },
            Reason::OwnOutput,
        )?;
        let newest = others.iter().map(|change| change.since).max().unwrap_or_default();
        let recent: Vec<_> = others.into_iter().filter(|change| self.is_recent(change)).collect();
        if let Some(exists) = self.since {
            let (expected, found) = (exists.to_string(), newest.to_string());
            trace.require(Predicate::Time, !recent.is_empty(), expected, found, Reason::BeforeTheBuild)?;
        }
        let cycles: Vec<_> = recent.iter().map(|change| cycle(rules, &target.key, &change.image)).collect();
        let free = cycles.iter().any(Option::is_none);
        let shown = cycles.into_iter().flatten().next().filter(|_| !free);
        let found = shown.unwrap_or_else(|| "no circle".to_owned());
        trace.require(Predicate::Loop, free, "no circle", found, Reason::Cycle)
    }

    fn details(&self, _event: &Event, _target: &Target) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn images(&self, event: &Event, target: &Target, rules: &RuleSet) -> Vec<ImageRef> {
        let Event::Image(event) = event else { return Vec::new() };
        let counts = |change: &&ImageChange| {
            self.names.contains(&change.image)
                && !self.is_own(change)
                && self.is_recent(change)
                && cycle(rules, &target.key, &change.image).is_none()
        };
        event.changes.iter().filter(counts).map(|change| change.image.clone()).collect()
    }

    fn waits_for(&self) -> Vec<ImageRef> {
        if self.suspended {
            return Vec::new();
        }
        self.names.iter().filter(|name| Some(*name) != self.output.as_ref()).cloned().collect()
    }
}

impl ImageMatcher {
    fn is_own(&self, change: &ImageChange) -> bool {
        Some(&change.image) == self.output.as_ref()
    }

    fn is_recent(&self, change: &ImageChange) -> bool {
        self.since.is_none_or(|exists| change.since >= exists)
    }
}

fn list<'a>(images: impl Iterator<Item = &'a ImageRef>) -> String {
    images.map(ImageRef::as_str).collect::<Vec<_>>().join(", ")
}
