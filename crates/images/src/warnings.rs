use std::collections::HashMap;
use std::sync::Arc;

use trigger_core::ImageRef;
use trigger_registries::{ResolveError, ResolveErrorKind};
use trigger_rules::{OwnerRules, RuleSet};

use crate::status::WatchedImages;
use crate::watchers::watchers;

/// Warns on Builds about the images that they watch.
pub trait ImageWarnings: Send + Sync + 'static {
    /// The registry does not resolve an image, for this reason.
    fn image_unknown(&self, build: &OwnerRules, image: &ImageRef, reason: &str);

    /// The registry resolves the image again.
    fn image_known(&self, build: &OwnerRules, image: &ImageRef);
}

/// A transient error is reported when it has occurred this often in a row.
const TRANSIENT_FAILURES: u32 = 3;
/// At most this many Builds of a namespace are warned about one image: the others have the same error, and
/// each warning is a write to the API server.
const WARNED_BUILDS: usize = 20;

/// The errors that last, so that each is reported once.
#[derive(Default)]
pub(crate) struct WarningWindows(HashMap<(Arc<str>, ImageRef), WarningWindow>);

#[derive(Default)]
struct WarningWindow {
    failures: u32,
    reported: Option<ResolveErrorKind>,
}

impl WarningWindows {
    /// Drops the images that no Build watches any more.
    pub(crate) fn retain(&mut self, watched: &WatchedImages) {
        let is_watched = |(namespace, image): &(Arc<str>, ImageRef)| {
            watched.get(image).is_some_and(|namespaces| namespaces.contains(namespace))
        };
        self.0.retain(|key, _| is_watched(key));
    }

    /// Records the outcome of a poll (`error` is `None` for a digest), and warns if the error is new or over.
    pub(crate) fn record(
        &mut self,
        warnings: &dyn ImageWarnings,
        rules: &RuleSet,
        namespace: &Arc<str>,
        image: &ImageRef,
        error: Option<&ResolveError>,
    ) {
        let key = (Arc::clone(namespace), image.clone());
        let Some(error) = error else {
            if self.0.remove(&key).is_some_and(|window| window.reported.is_some()) {
                for build in builds(rules, namespace, image) {
                    warnings.image_known(build, image);
                }
            }
            return;
        };
        let window = self.0.entry(key).or_default();
        window.failures = window.failures.saturating_add(1);
        let is_new = window.reported != Some(error.kind);
        if is_new && (error.kind.is_lasting() || window.failures >= TRANSIENT_FAILURES) {
            window.reported = Some(error.kind);
            for build in builds(rules, namespace, image) {
                warnings.image_unknown(build, image, error.message());
            }
        }
    }
}

fn builds<'a>(rules: &'a RuleSet, namespace: &str, image: &ImageRef) -> impl Iterator<Item = &'a OwnerRules> {
    watchers(rules)
        .filter(move |watcher| watcher.namespace().as_ref() == namespace)
        .filter(move |watcher| watcher.images.names.contains(image))
        .map(|watcher| watcher.owner)
        .take(WARNED_BUILDS)
}
