//! Type `Image`: a tag resolves to another image than before, as the tag of a base image does after a release.
//!
//! Names are compared as what they mean: `node` is `docker.io/library/node:latest`. One name that can never
//! change, or cannot be understood, is reported and leaves the others of the rule in force.
//!
//! Builds push images themselves, so rules of this type can form cycles. A Build is not started by its
//! own output, nor by an image that would be pushed again because it was started: see `cycles`.

mod cycles;
mod index;
mod settings;

#[cfg(test)]
mod tests;

use std::any::Any;

use jiff::Timestamp;
use trigger_api::shipwright::{Build, When};
use trigger_core::{Event, ImageChange, ImageRef};

use self::cycles::Consequences;
use self::index::ImageIndex;
pub use self::index::{is_waited_for, of, wait_for_the_same, waiting};
use self::settings::suspended;
pub use self::settings::{ImageRules, SHORTEST_INTERVAL};
use super::pipeline::BEFORE_THE_BUILD;
use crate::auth::Auth;
use crate::decision::{CheckTrace, Unmatched};
use crate::limits::{COST_OF_IMAGE, MOST_IMAGES};
use crate::reason::{Predicate, Reason};
use crate::rule_error::RuleError;
use crate::rule_set::{
    BuildContext, BuildTrigger, DecisionInput, Extent, IndexKey, KindIndex, Matcher, OwnerRules, Rule,
    RuleSet, TriggerKind,
};
use crate::text::quoted;
use crate::work::Work;

/// The value of `when[].type`.
const NAME: &str = "Image";

/// The reason of errors in an entry, in the words of the Build controller.
const INVALID: &str = "TriggerInvalidImage";
/// The reason of errors about Builds that would start themselves.
const LOOPS: &str = "TriggerImageLoop";

/// The image is one the rule names.
const IMAGE: Predicate = Predicate::new("image");
/// The rule is not suspended.
const SUSPENSION: Predicate = Predicate::new("suspension");

const IMAGE_NOT_LISTED: Reason =
    Reason::new("image-not-listed", "the image that changed is {found}, the rule is for {expected}");
const SUSPENDED: Reason = Reason::new("suspended", "an annotation of the Build suspends the rule");
const OWN_OUTPUT: Reason =
    Reason::new("own-output", "the Build pushes {found} itself, so it would start itself without end");
const CYCLE: Reason = Reason::new("cycle", "these Builds would start each other without end: {found}");

/// The kind of trigger.
pub(super) struct Image;

/// A rule of this kind.
struct ImageMatcher {
    /// The images the rule watches, in order, each once.
    names: Box<[ImageRef]>,
    /// The image the Build pushes.
    output: Option<ImageRef>,
    suspended: bool,
    /// When the Build was created. What happened before is over.
    since: Option<Timestamp>,
}

impl TriggerKind for Image {
    #[cfg(test)]
    fn folder(&self) -> &'static str {
        "image"
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn reasons(&self) -> &'static [Reason] {
        &[IMAGE_NOT_LISTED, SUSPENDED, OWN_OUTPUT, CYCLE]
    }

    fn lookup(&self, event: &Event) -> Vec<IndexKey> {
        let Event::Image(event) = event else { return Vec::new() };
        event.changes.iter().map(|change| key(&change.image)).collect()
    }

    fn applies_to(&self, event: &Event, rules: &OwnerRules) -> bool {
        matches!(event, Event::Image(event) if event.namespace == *rules.owner.namespace())
    }

    fn new_index(&self) -> Box<dyn KindIndex> {
        Box::new(ImageIndex::default())
    }

    /// The cycle that the rules of a Build close, if they do. A later change may close or open one as well: what counts
    /// is how the rules are when an image changes.
    fn check_among(&self, rules: &RuleSet, owner: &OwnerRules) -> Vec<RuleError> {
        let Some(images) = of(owner) else { return Vec::new() };
        let consequences = Consequences::of(rules, owner);
        let cycle = images.names.iter().find_map(|name| consequences.cycle(name));
        let error = cycle.map(|cycle| {
            let message = format!(
                "Builds that wait for each other's images would be started without end: {cycle}; none of these \
                 rules fires"
            );
            RuleError::new(LOOPS, message)
        });
        error.into_iter().collect()
    }

    fn for_builds(&self) -> Option<&dyn BuildTrigger> {
        Some(self)
    }
}

impl BuildTrigger for Image {
    fn compile(&self, when: &When, context: &mut BuildContext<'_>) -> Result<Box<dyn Matcher>, RuleError> {
        let image =
            when.image.as_ref().ok_or_else(|| RuleError::new(INVALID, "type Image is missing `.image`"))?;
        if image.names.is_empty() {
            return Err(RuleError::new(INVALID, "type Image is missing `.image.names`"));
        }
        let build = context.build;
        let output = build.output_image().and_then(|image| ImageRef::parse(image).ok());
        let (mut names, mut errors) = (Vec::new(), Vec::new());
        if image.names.len() > MOST_IMAGES {
            let (reason, subject) =
                ("TriggerTooManyImages", "images in `.image.names`, the first ones are followed");
            errors.push(RuleError::too_many(reason, subject, image.names.len(), MOST_IMAGES));
        }
        let first = &image.names[..image.names.len().min(MOST_IMAGES)];
        context.take_values(first.len())?;
        for name in first {
            match ImageRef::parse(name) {
                Ok(image) if Some(&image) == output.as_ref() => {
                    errors.push(own_output(name));
                    names.push(image);
                }
                Ok(image) => names.push(image),
                Err(problem) => {
                    let message = format!("the image {} cannot be waited for: {problem}", quoted(name));
                    errors.push(RuleError::new(INVALID, message));
                }
            }
        }
        names.sort();
        names.dedup();
        if names.is_empty()
            && let Some(first) = errors.pop()
        {
            return Err(first);
        }
        context.warnings.append(&mut errors);
        let since = build.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let suspended = suspended(build, context.rule);
        Ok(Box::new(ImageMatcher { names: names.into(), output, suspended, since }))
    }

    fn auth(&self, _context: &BuildContext<'_>) -> Auth {
        Auth::Observed
    }

    fn summarize(
        &self,
        build: &Build,
        rules: &[&Rule],
        errors: &mut Vec<RuleError>,
    ) -> Option<Box<dyn Any + Send + Sync>> {
        Some(Box::new(ImageRules::of(build, rules, errors)))
    }
}

fn own_output(name: &str) -> RuleError {
    let name = quoted(name);
    let message =
        format!("the Build pushes the image {name} itself, so it would start itself without end; left out");
    RuleError::new(LOOPS, message)
}

/// Rules are found by the image alone, since what one namespace pushes another may wait for.
fn key(image: &ImageRef) -> IndexKey {
    IndexKey::new("image", image.as_str())
}

impl Matcher for ImageMatcher {
    fn keys(&self) -> Vec<IndexKey> {
        self.names.iter().map(key).collect()
    }

    fn check(
        &self,
        input: DecisionInput<'_>,
        owner: &OwnerRules,
        _work: &mut Work,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched> {
        let Event::Image(event) = input.event else { return Err(IMAGE_NOT_LISTED.into()) };
        let named: Vec<_> = event.changes.iter().filter(|change| self.is_named(change)).collect();
        let found = if named.is_empty() { event.changes.iter().collect() } else { named.clone() };
        trace.require(
            IMAGE,
            !named.is_empty(),
            list(self.names.iter()),
            list(found.iter().map(|change| &change.image)),
            IMAGE_NOT_LISTED,
        )?;
        trace.require(
            SUSPENSION,
            !self.suspended,
            "a rule in force",
            if self.suspended { "suspended" } else { "in force" },
            SUSPENDED,
        )?;
        let others: Vec<_> = named.into_iter().filter(|change| !self.is_own(change)).collect();
        let own = || self.output.as_ref().map_or("", ImageRef::as_str);
        trace.require(
            Predicate::LOOP,
            !others.is_empty(),
            "no output of itself",
            if others.is_empty() { own() } else { "no output of itself" },
            OWN_OUTPUT,
        )?;
        let newest = others.iter().map(|change| change.since).max().unwrap_or_default();
        let recent: Vec<_> = others.into_iter().filter(|change| self.is_recent(change)).collect();
        if let Some(exists) = self.since {
            let (expected, found) = (exists.to_string(), newest.to_string());
            trace.require(Predicate::TIME, !recent.is_empty(), expected, found, BEFORE_THE_BUILD)?;
        }
        let consequences = Consequences::of(input.rules, owner);
        let cycles: Vec<_> = recent.iter().map(|change| consequences.cycle(&change.image)).collect();
        let free = cycles.iter().any(Option::is_none);
        let shown = cycles.into_iter().flatten().next().filter(|_| !free);
        let found = shown.unwrap_or_else(|| "no cycle".to_owned());
        trace.require(Predicate::LOOP, free, "no cycle", found, CYCLE)
    }

    fn parts(&self, input: DecisionInput<'_>, owner: &OwnerRules) -> Vec<Box<str>> {
        let Event::Image(event) = input.event else { return Vec::new() };
        let consequences = Consequences::of(input.rules, owner);
        let counts = |change: &&ImageChange| {
            self.is_named(change)
                && !self.is_own(change)
                && self.is_recent(change)
                && consequences.cycle(&change.image).is_none()
        };
        event.changes.iter().filter(counts).map(|change| change.image.as_str().into()).collect()
    }

    fn extent(&self) -> Extent {
        let bytes = self.names.iter().map(|name| COST_OF_IMAGE + 3 * name.as_str().len()).sum();
        Extent { values: self.names.len(), bytes }
    }
}

impl ImageMatcher {
    /// The images that the rule waits for.
    fn waits_for(&self) -> Vec<ImageRef> {
        if self.suspended {
            return Vec::new();
        }
        self.names.iter().filter(|name| Some(*name) != self.output.as_ref()).cloned().collect()
    }

    fn is_named(&self, change: &ImageChange) -> bool {
        self.names.binary_search(&change.image).is_ok()
    }

    fn is_own(&self, change: &ImageChange) -> bool {
        Some(&change.image) == self.output.as_ref()
    }

    fn is_recent(&self, change: &ImageChange) -> bool {
        self.since.is_none_or(|exists| change.since >= exists)
    }
}

fn list<'a>(images: impl Iterator<Item = &'a ImageRef>) -> String {
    crate::text::list(images.map(ImageRef::as_str))
}
