//! What a Build says about its image rules as a whole, by fields and annotations.

use std::any::Any;
use std::time::Duration;

use jiff::SignedDuration;
use trigger_api::annotations;
use trigger_api::shipwright::Build;
use trigger_core::{ImageRef, ObjectKey};

use super::ImageMatcher;
use crate::rule_error::RuleError;
use crate::rule_set::Rule;

/// An annotation can ask for no shorter interval between two requests to a registry.
pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(30);

/// The image settings of a Build as a whole, beside its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRules {
    /// The images that rules in force wait for, each once.
    pub names: Box<[ImageRef]>,
    /// The image that the Build pushes.
    pub output: Option<ImageRef>,
    /// The Secrets for requests to registries on its behalf.
    pub secrets: Box<[ObjectKey]>,
    /// The interval between requests that its annotation sets.
    pub interval: Option<Duration>,
}

impl ImageRules {
    /// The settings in a Build's annotations for its rules of this kind, of which there is at least one.
    pub(super) fn of(build: &Build, rules: &[&Rule], errors: &mut Vec<RuleError>) -> Self {
        if let Some(stranger) = listed(build, annotations::SUSPEND_IMAGES)
            .find(|name| *name != "*" && !rules.iter().any(|rule| rule.name.as_ref() == *name))
        {
            let (expected, assumed) = ("the names of rules of type Image, or *", "nothing");
            errors.push(RuleError::annotation(annotations::SUSPEND_IMAGES, stranger, expected, assumed));
        }
        let matchers = rules.iter().filter_map(|rule| rule.matcher.as_deref().ok());
        let matchers = matchers.filter_map(|matcher| (matcher as &dyn Any).downcast_ref::<ImageMatcher>());
        let mut names: Vec<_> = matchers.flat_map(ImageMatcher::waits_for).collect();
        names.sort();
        names.dedup();
        Self {
            names: names.into(),
            output: build.output_image().and_then(|image| ImageRef::parse(image).ok()),
            secrets: secrets(build),
            interval: interval(build, errors),
        }
    }
}

/// Whether the rule of this name is suspended.
pub(super) fn suspended(build: &Build, rule: &str) -> bool {
    listed(build, annotations::SUSPEND_IMAGES).any(|name| name == "*" || name == rule)
}

/// The parts of a comma-joined annotation.
fn listed<'a>(build: &'a Build, key: &str) -> impl Iterator<Item = &'a str> {
    let parts = build.annotation(key).unwrap_or_default().split(',');
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// Those for pulling and pushing, and those that an annotation adds.
fn secrets(build: &Build) -> Box<[ObjectKey]> {
    let namespace = build.metadata.namespace.as_deref().unwrap_or_default();
    let named = [build.pull_secret(), build.push_secret()].into_iter().flatten();
    let mut all: Vec<_> = named.chain(listed(build, annotations::IMAGE_SECRETS)).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(|name| ObjectKey::new(namespace, name)).collect()
}

fn interval(build: &Build, errors: &mut Vec<RuleError>) -> Option<Duration> {
    let value = build.annotation(annotations::IMAGE_INTERVAL)?;
    let parsed = value.trim().parse::<SignedDuration>().ok();
    let interval = parsed.and_then(|interval| Duration::try_from(interval).ok());
    if let Some(interval) = interval.filter(|interval| *interval >= SHORTEST_INTERVAL) {
        return Some(interval);
    }
    let expected = "a duration of 30s or more, such as 10m";
    let assumed = "the interval of the program";
    errors.push(RuleError::annotation(annotations::IMAGE_INTERVAL, value, expected, assumed));
    None
}
