use std::collections::HashMap;

use trigger_core::{ImageRef, ObjectKey};
use trigger_registries::{ResolveError, ResolveErrorKind};
use trigger_rules::OwnerRules;

use crate::followed::{Followed, MAX_IMAGES};
use crate::image_key::ImageKey;

/// Warns on Builds about the images that they watch.
pub trait ImageWarnings: Send + Sync + 'static {
    /// The registry does not resolve an image, for this reason.
    fn image_unknown(&self, build: &OwnerRules, image: &ImageRef, reason: &str);

    /// The registry resolves the image again.
    fn image_known(&self, build: &OwnerRules, image: &ImageRef);

    /// So many images of the Build are not followed, because its namespace watches more than `most`.
    fn images_left_out(&self, build: &OwnerRules, count: usize, most: usize);
}

/// A transient error is reported when it has occurred this often in a row.
const TRANSIENT_FAILURES: u32 = 3;
/// At most this many Builds of a namespace are warned about one image: the others have the same error, and
/// each warning is a write to the API server.
pub(crate) const WARNED_BUILDS: usize = 20;

/// The errors that last, so that each is reported once.
#[derive(Default)]
pub(crate) struct WarningWindows {
    images: HashMap<ImageKey, WarningWindow>,
    /// The images that are left out of each Build that was warned.
    left_out: HashMap<ObjectKey, usize>,
}

#[derive(Default)]
struct WarningWindow {
    failures: u32,
    reported: Option<ResolveErrorKind>,
}

impl WarningWindows {
    /// Drops the images that no Build watches any more, and warns Builds whose images are not followed.
    pub(crate) fn replan(&mut self, warnings: &dyn ImageWarnings, followed: &Followed) {
        self.images.retain(|key, _| followed.contains(&key.namespace, &key.image));
        let mut left_out = HashMap::new();
        for (_, namespace) in followed.namespaces() {
            let incomplete = namespace.builds().filter(|build| !build.left_out().is_empty());
            for build in incomplete.take(WARNED_BUILDS) {
                let count = build.left_out().len();
                if self.left_out.get(build.key()) != Some(&count) {
                    warnings.images_left_out(build.rules(), count, MAX_IMAGES);
                }
                left_out.insert(build.key().clone(), count);
            }
        }
        self.left_out = left_out;
    }

    /// Records the outcome of a poll (`error` is `None` for a digest), and warns if the error is new or over.
    pub(crate) fn record(
        &mut self,
        warnings: &dyn ImageWarnings,
        followed: &Followed,
        key: &ImageKey,
        error: Option<&ResolveError>,
    ) {
        let namespace = followed.namespace(&key.namespace);
        let builds = || {
            let builds = namespace.into_iter().flat_map(|namespace| namespace.watching(&key.image));
            builds.take(WARNED_BUILDS)
        };
        let Some(error) = error else {
            if self.images.remove(key).is_some_and(|window| window.reported.is_some()) {
                for build in builds() {
                    warnings.image_known(build.rules(), &key.image);
                }
            }
            return;
        };
        let window = self.images.entry(key.clone()).or_default();
        window.failures = window.failures.saturating_add(1);
        let is_new = window.reported != Some(error.kind);
        if is_new && (error.kind.is_lasting() || window.failures >= TRANSIENT_FAILURES) {
            window.reported = Some(error.kind);
            for build in builds() {
                warnings.image_unknown(build.rules(), &key.image, error.message());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::followed::tests::rules;

    #[derive(Default)]
    struct Recorded(Mutex<Vec<String>>);

    impl ImageWarnings for Recorded {
        fn image_unknown(&self, _: &OwnerRules, _: &ImageRef, _: &str) {}

        fn image_known(&self, _: &OwnerRules, _: &ImageRef) {}

        fn images_left_out(&self, build: &OwnerRules, count: usize, most: usize) {
            self.0.lock().unwrap().push(format!("{}: {count} of more than {most}", build.owner.key));
        }
    }

    #[test]
    fn a_build_whose_images_are_left_out_is_warned_once() {
        let images = |from: usize, to: usize| (from..to).map(|n| format!("i{n}")).collect::<Vec<_>>();
        let (first, second) = (images(0, 500), images(500, 950));
        let (third, longer) = (images(950, 1050), images(950, 1070));
        let (warnings, mut windows) = (Recorded::default(), WarningWindows::default());
        for third in [&third, &third, &longer] {
            let rules = rules(&[
                ("bad", "a", &first),
                ("bad", "b", &second),
                ("bad", "c", third),
                ("good", "app", &first[..3]),
            ]);
            windows.replan(&warnings, &Followed::of(&rules));
        }
        let expected = ["bad/c: 50 of more than 1000", "bad/c: 70 of more than 1000"];
        assert_eq!(*warnings.0.lock().unwrap(), expected);
    }
}
