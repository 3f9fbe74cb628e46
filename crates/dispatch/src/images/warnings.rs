use std::collections::HashMap;
use std::sync::Arc;

use trigger_api::Target;
use trigger_core::ImageRef;
use trigger_registries::{ResolveError, ResolveErrorKind};
use trigger_rules::RuleSet;

use super::status::Wanted;

/// Tells people on their Builds what is wrong with the images these wait for.
pub trait ImageWarnings: Send + Sync + 'static {
    /// It is not known what an image stands for, and why.
    fn image_unknown(&self, build: &Target, image: &ImageRef, why: &str);

    /// It is known again.
    fn image_known(&self, build: &Target, image: &ImageRef);
}

/// A fault that may pass is told of when it has been there so often in a row.
const PATIENCE: u32 = 3;
/// So many Builds of a namespace are told of one image; the others have the same fault.
const TOLD_AT_MOST: usize = 20;

/// Which faults last, so that each is told of once.
#[derive(Default)]
pub(super) struct WarningWindows(HashMap<(Arc<str>, ImageRef), Episode>);

#[derive(Default)]
struct Episode {
    failures: u32,
    told: Option<ResolveErrorKind>,
}

impl WarningWindows {
    /// Forgets what nobody waits for any more.
    pub(super) fn retain(&mut self, wanted: &Wanted) {
        let is_wanted = |(namespace, image): &(Arc<str>, ImageRef)| {
            wanted.get(image).is_some_and(|namespaces| namespaces.contains(namespace))
        };
        self.0.retain(|key, _| is_wanted(key));
    }

    /// Notes how asking about an image went, and tells of it if that is news.
    pub(super) fn note(
        &mut self,
        complaints: &dyn ImageWarnings,
        rules: &RuleSet,
        namespace: &Arc<str>,
        image: &ImageRef,
        fault: Option<&ResolveError>,
    ) {
        let key = (Arc::clone(namespace), image.clone());
        let Some(fault) = fault else {
            if self.0.remove(&key).is_some_and(|episode| episode.told.is_some()) {
                for build in builds(rules, namespace, image) {
                    complaints.image_known(build, image);
                }
            }
            return;
        };
        let episode = self.0.entry(key).or_default();
        episode.failures = episode.failures.saturating_add(1);
        let is_news = episode.told != Some(fault.kind);
        if is_news && (fault.kind.is_lasting() || episode.failures >= PATIENCE) {
            episode.told = Some(fault.kind);
            for build in builds(rules, namespace, image) {
                complaints.image_unknown(build, image, fault.message());
            }
        }
    }
}

fn builds<'a>(rules: &'a RuleSet, namespace: &str, image: &ImageRef) -> impl Iterator<Item = &'a Target> {
    let waits = |names: &[ImageRef]| names.contains(image);
    rules
        .waiting_for_images()
        .filter(move |rules| rules.target.key.namespace.as_ref() == namespace)
        .filter(move |rules| rules.images.as_ref().is_some_and(|images| waits(&images.names)))
        .map(|rules| rules.target.as_ref())
        .take(TOLD_AT_MOST)
}
