//! What a Build says about its image rules as a whole, by fields and annotations.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use trigger_api::annotations;
use trigger_api::shipwright::Build;
use trigger_core::{ImageRef, ObjectKey, is_dns_subdomain};

use super::ImageMatcher;
use crate::limits::{LONGEST_ANNOTATION, LONGEST_INTERVAL, MOST_IMAGE_SECRETS};
use crate::rule_error::RuleError;
use crate::rule_set::Rule;
use crate::text::quoted;

/// An annotation can ask for no shorter interval between two requests to a registry.
pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(30);

/// The image settings of a Build as a whole, beside its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRules {
    /// The images that rules in force wait for, in order, each once. Shared: each of them is followed together with all
    /// others.
    pub names: Arc<[ImageRef]>,
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
        let too_long =
            |key: &&str| build.annotation(key).is_some_and(|value| value.len() > LONGEST_ANNOTATION);
        errors.extend(
            [annotations::SUSPEND_IMAGES, annotations::IMAGE_SECRETS].iter().filter(|key| too_long(key)).map(
                |key| {
                    let (message, most) = (format!("annotation `{key}`"), LONGEST_ANNOTATION);
                    let value = build.annotation(key).unwrap_or_default();
                    RuleError::too_long("TriggerAnnotationTooLong", &message, value, most)
                },
            ),
        );
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
            secrets: secrets(build, errors),
            interval: interval(build, errors),
        }
    }

    /// Whether a rule in force waits for an image.
    pub fn waits_for(&self, image: &ImageRef) -> bool {
        self.names.binary_search(image).is_ok()
    }
}

/// Whether the rule of this name is suspended. A list that is too long to be read suspends all: a rule that rests is
/// noticed less dearly than one that was to rest.
pub(super) fn suspended(build: &Build, rule: &str) -> bool {
    let value = build.annotation(annotations::SUSPEND_IMAGES).unwrap_or_default();
    value.len() > LONGEST_ANNOTATION
        || listed(build, annotations::SUSPEND_IMAGES).any(|name| name == "*" || name == rule)
}

/// The parts of a comma-joined annotation; none of one that is too long.
fn listed<'a>(build: &'a Build, key: &str) -> impl Iterator<Item = &'a str> {
    let value = build.annotation(key).filter(|value| value.len() <= LONGEST_ANNOTATION);
    value.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// Those for pulling and pushing, and those that an annotation adds. One that cannot exist is left out.
fn secrets(build: &Build, errors: &mut Vec<RuleError>) -> Box<[ObjectKey]> {
    let namespace: Arc<str> = build.metadata.namespace.as_deref().unwrap_or_default().into();
    let named = [build.pull_secret(), build.push_secret()].into_iter().flatten();
    let mut all: Vec<_> = named.chain(listed(build, annotations::IMAGE_SECRETS)).collect();
    all.sort_unstable();
    all.dedup();
    let (mut possible, impossible): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|name| is_dns_subdomain(name));
    errors.extend(impossible.first().map(|name| RuleError::secret_name("a Secret for images", name)));
    if possible.len() > MOST_IMAGE_SECRETS {
        let message = format!(
            "{} Secrets for images, the first {MOST_IMAGE_SECRETS} are used, in the order of their names; merge them",
            possible.len()
        );
        errors.push(RuleError::new("TriggerTooManyImageSecrets", message));
        possible.truncate(MOST_IMAGE_SECRETS);
    }
    possible.into_iter().map(|name| ObjectKey::new(Arc::clone(&namespace), name)).collect()
}

fn interval(build: &Build, errors: &mut Vec<RuleError>) -> Option<Duration> {
    let value = build.annotation(annotations::IMAGE_INTERVAL)?;
    let parsed = value.trim();
    // The longest that means anything is far shorter; a parser should not see a megabyte.
    let parsed = Some(parsed).filter(|value| value.len() <= LONGEST_ANNOTATION);
    let parsed = parsed.and_then(|value| value.parse::<SignedDuration>().ok());
    let interval = parsed.and_then(|interval| Duration::try_from(interval).ok());
    if let Some(interval) =
        interval.filter(|interval| (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(interval))
    {
        return Some(interval);
    }
    let value = quoted(value);
    let message = format!(
        "the annotation `{}` is {value}, expected a duration from 30s to 168h, such as 10m; taken as the interval of \
         the program",
        annotations::IMAGE_INTERVAL
    );
    errors.push(RuleError::new("TriggerInvalidAnnotation", message));
    None
}
