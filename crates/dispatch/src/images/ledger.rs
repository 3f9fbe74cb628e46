use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trigger_core::{Digest, ImageChange, ImageRef, ImageSource};

/// What is known of the images that the Builds of one namespace wait for. Kept in the journal as a entry, so
/// that it survives restarts and is the same for all replicas.
///
/// A change stands in `images` until it is bundled with others, in `open` until its delivery is in the journal,
/// and then nowhere: whoever finds one repeats the step that was interrupted, with the same outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    images: BTreeMap<ImageRef, KnownImage>,
    /// Changes of which each bundle is to become one delivery.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    open: Vec<Vec<ImageChange>>,
}

/// What is known of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownImage {
    /// What it stands for.
    pub(super) digest: Digest,
    /// When that was first seen.
    pub(super) since: Timestamp,
    /// What each source has said last. One that repeats itself has no news, whatever others have said since:
    /// an Image object that nobody imports anew goes on naming its old digest.
    told: BTreeMap<ImageSource, Digest>,
    /// The change that is not bundled yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change: Option<PendingChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PendingChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Digest>,
    source: ImageSource,
    /// When it happened, as far as is known.
    since: Timestamp,
    /// When we first heard that it is not what it was.
    seen: Timestamp,
}

/// Somebody says what an image stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The image.
    pub image: ImageRef,
    /// What it stands for.
    pub digest: Digest,
    /// Who says so.
    pub source: ImageSource,
    /// When it came to stand for that, as far as is known.
    pub since: Timestamp,
    /// Whether the image is known to have been pushed then. If nothing is known about an image, that is a change
    /// all the same; what is merely seen for the first time is none.
    pub pushed: bool,
}

/// What a sighting comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObservationOutcome {
    /// The image was not known. From now on it is.
    First,
    /// It stands for what it stood for.
    Same,
    /// It stands for something else.
    Changed,
}

impl Ledger {
    /// Takes a sighting in, made known to us at the moment `now`.
    pub(super) fn note(&mut self, sighting: &Observation, now: Timestamp) -> ObservationOutcome {
        let Observation { image, digest, source, since, pushed } = sighting;
        let change = |from, seen| PendingChange { from, source: *source, since: *since, seen };
        let Some(known) = self.images.get_mut(image) else {
            let change = pushed.then(|| change(None, now));
            let news = if *pushed { ObservationOutcome::Changed } else { ObservationOutcome::First };
            let told = BTreeMap::from([(*source, digest.clone())]);
            self.images
                .insert(image.clone(), KnownImage { digest: digest.clone(), since: *since, told, change });
            return news;
        };
        let repeats_itself = known.told.insert(*source, digest.clone()).as_ref() == Some(digest);
        if repeats_itself || known.digest == *digest {
            return ObservationOutcome::Same;
        }
        let before = std::mem::replace(&mut known.digest, digest.clone());
        known.since = *since;
        // What changed twice in the meantime changed once; and not at all if it is what it was.
        let earlier = known.change.take();
        let (from, seen) = earlier.map_or((Some(before), now), |earlier| (earlier.from, earlier.seen));
        known.change = (from.as_ref() != Some(digest)).then(|| change(from, seen));
        ObservationOutcome::Changed
    }

    /// Bundles the changes whose time has come, given which images each Build of the namespace waits for. True if
    /// there were any.
    ///
    /// Changes that one Build waits for become one delivery, so that it is started once. An image that some
    /// Build waits for together with others therefore waits for those: for `window`, from the first change on.
    /// What no Build waits for any more is let go.
    pub(super) fn bundle(&mut self, now: Timestamp, window: Duration, builds: &[&[ImageRef]]) -> bool {
        let mut any = false;
        for group in self.groups(builds) {
            let accompanied = || builds.iter().any(|names| names.len() > 1 && overlap(names, &group));
            if accompanied() && self.first(&group).is_none_or(|first| after(first, window) > now) {
                continue;
            }
            let changes: Vec<_> = group.iter().filter_map(|image| self.take(image)).collect();
            if builds.iter().any(|names| overlap(names, &group)) {
                self.open.push(changes);
            }
            any = true;
        }
        any
    }

    /// When the next bundle is due at the latest, if there are changes.
    pub(super) fn next(&self, window: Duration) -> Option<Timestamp> {
        let changes = self.images.values().filter_map(|known| known.change.as_ref());
        changes.map(|change| after(change.seen, window)).min()
    }

    /// Images that have changed, in groups that share a Build.
    fn groups(&self, builds: &[&[ImageRef]]) -> Vec<BTreeSet<ImageRef>> {
        let changed = self.images.iter().filter(|(_, known)| known.change.is_some());
        let mut groups: Vec<BTreeSet<ImageRef>> = changed.map(|(image, _)| [image.clone()].into()).collect();
        if groups.len() < 2 {
            return groups;
        }
        for names in builds.iter().filter(|names| names.len() > 1) {
            let (shared, mut apart): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|group| overlap(names, group));
            if !shared.is_empty() {
                apart.push(shared.into_iter().flatten().collect());
            }
            groups = apart;
        }
        groups
    }

    fn first(&self, group: &BTreeSet<ImageRef>) -> Option<Timestamp> {
        let known = group.iter().filter_map(|image| self.images.get(image));
        known.filter_map(|known| known.change.as_ref()).map(|change| change.seen).min()
    }

    fn take(&mut self, image: &ImageRef) -> Option<ImageChange> {
        let known = self.images.get_mut(image)?;
        let PendingChange { from, source, since, .. } = known.change.take()?;
        Some(ImageChange { image: image.clone(), from, to: known.digest.clone(), source, since })
    }

    /// The bundles that are to become deliveries.
    pub(super) fn open(&self) -> &[Vec<ImageChange>] {
        &self.open
    }

    /// Notes that these bundles are in the journal.
    pub(super) fn close(&mut self, kept: &[Vec<ImageChange>]) {
        self.open.retain(|bundle| !kept.contains(bundle));
    }

    /// What is known of an image.
    pub(super) fn known(&self, image: &ImageRef) -> Option<&KnownImage> {
        self.images.get(image)
    }

    /// The images of which something is known.
    pub(super) fn images(&self) -> impl Iterator<Item = &ImageRef> {
        self.images.keys()
    }

    /// Forgets an image: nobody waits for it any more.
    pub(super) fn forget(&mut self, image: &ImageRef) {
        self.images.remove(image);
    }
}

fn overlap(names: &[ImageRef], group: &BTreeSet<ImageRef>) -> bool {
    names.iter().any(|name| group.contains(name))
}

fn after(moment: Timestamp, wait: Duration) -> Timestamp {
    moment.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str) -> ImageRef {
        ImageRef::parse(name).unwrap()
    }

    fn digest(of: &str) -> Digest {
        Digest::of(of.as_bytes())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const WINDOW: Duration = Duration::from_secs(10);

    /// A namespace in which each Build waits for some images.
    struct Scene {
        ledger: Ledger,
        builds: Vec<Vec<ImageRef>>,
    }

    impl Scene {
        fn of(builds: &[&[&str]]) -> Self {
            let names = |names: &&[&str]| names.iter().copied().map(image).collect();
            Self { ledger: Ledger::default(), builds: builds.iter().map(names).collect() }
        }

        fn says(&mut self, second: i64, source: ImageSource, name: &str, to: &str) -> ObservationOutcome {
            let (image, digest, since) = (image(name), digest(to), at(second));
            let sighting =
                Observation { image, digest, source, since, pushed: source == ImageSource::BuildRun };
            self.ledger.note(&sighting, since)
        }

        fn registry(&mut self, second: i64, name: &str, to: &str) -> ObservationOutcome {
            self.says(second, ImageSource::Registry, name, to)
        }

        /// The bundles that are due, as text; they are kept then.
        fn bundles(&mut self, second: i64) -> Vec<String> {
            let builds: Vec<_> = self.builds.iter().map(Vec::as_slice).collect();
            self.ledger.bundle(at(second), WINDOW, &builds);
            // What is written is what is read.
            let text = serde_json::to_string(&self.ledger).unwrap();
            assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), self.ledger);
            let open = self.ledger.open().to_vec();
            self.ledger.close(&open);
            let name = |change: &ImageChange| {
                let name = change.image.repository().trim_start_matches("library/");
                let of = ["1", "2", "3"].into_iter().find(|of| digest(of) == change.to).unwrap();
                let from = ["1", "2", "3"].into_iter().find(|of| Some(digest(of)) == change.from);
                format!("{name} {}>{of}", from.unwrap_or("?"))
            };
            let mut all: Vec<_> =
                open.iter().map(|bundle| bundle.iter().map(name).collect::<Vec<_>>().join(", ")).collect();
            all.sort();
            all
        }
    }

    #[test]
    fn what_is_seen_for_the_first_time_is_no_change() {
        let mut scene = Scene::of(&[&["a"]]);
        assert_eq!(scene.registry(0, "a", "1"), ObservationOutcome::First);
        assert_eq!(scene.registry(1, "a", "1"), ObservationOutcome::Same);
        assert_eq!(scene.bundles(100), [""; 0]);
        assert_eq!(scene.registry(2, "a", "2"), ObservationOutcome::Changed);
        assert_eq!(scene.bundles(2), ["a 1>2"], "nothing else is waited for");
        assert_eq!(scene.registry(3, "a", "2"), ObservationOutcome::Same);
        assert_eq!(
            scene.registry(4, "a", "1"),
            ObservationOutcome::Changed,
            "back to what it was is a change too"
        );
        assert_eq!(scene.bundles(4), ["a 2>1"]);
    }

    #[test]
    fn what_was_pushed_is_a_change_though_nothing_was_known() {
        let mut scene = Scene::of(&[&["a"]]);
        assert_eq!(scene.says(0, ImageSource::BuildRun, "a", "1"), ObservationOutcome::Changed);
        assert_eq!(scene.registry(1, "a", "1"), ObservationOutcome::Same);
        assert_eq!(scene.bundles(1), ["a ?>1"]);
    }

    #[test]
    fn who_repeats_himself_has_no_news() {
        use ImageSource::{BuildRun, Image, Registry};
        let mut scene = Scene::of(&[&["a"]]);
        scene.says(0, Image, "a", "1");
        assert_eq!(
            scene.says(1, Registry, "a", "2"),
            ObservationOutcome::Changed,
            "the baseline is that of all sources"
        );
        assert_eq!(scene.says(2, Image, "a", "1"), ObservationOutcome::Same, "nobody has imported it anew");
        assert_eq!(scene.says(3, Image, "a", "2"), ObservationOutcome::Same);
        assert_eq!(scene.says(4, BuildRun, "a", "3"), ObservationOutcome::Changed);
        assert_eq!(
            scene.says(5, Registry, "a", "2"),
            ObservationOutcome::Same,
            "it was asked before the push"
        );
        assert_eq!(scene.says(6, Registry, "a", "3"), ObservationOutcome::Same);
        assert_eq!(scene.bundles(6), ["a 1>3"]);
    }

    #[test]
    fn what_changes_twice_changes_once_and_there_and_back_not_at_all() {
        let mut scene = Scene::of(&[&["a", "b"]]);
        for (second, to) in [(0, "1"), (1, "2"), (2, "3")] {
            scene.registry(second, "a", to);
        }
        assert_eq!(scene.bundles(11), ["a 1>3"]);
        scene.registry(20, "a", "2");
        scene.registry(21, "a", "3");
        assert_eq!(scene.bundles(100), [""; 0]);
    }

    #[test]
    fn images_of_one_build_wait_for_each_other() {
        let mut scene = Scene::of(&[&["a", "b"], &["b", "c"], &["d"], &["e"]]);
        for name in ["a", "b", "c", "d", "e", "f"] {
            scene.registry(0, name, "1");
        }
        scene.registry(100, "a", "2");
        scene.registry(101, "d", "2");
        scene.registry(102, "e", "2");
        assert_eq!(scene.ledger.next(WINDOW), Some(at(110)));
        assert_eq!(scene.bundles(102), ["d 1>2", "e 1>2"], "nobody waits for these and another");
        scene.registry(105, "c", "2");
        scene.registry(109, "f", "2");
        assert_eq!(scene.bundles(109), [""; 0], "nobody waits for f at all");
        scene.registry(109, "b", "2");
        assert_eq!(scene.bundles(110), ["a 1>2, b 1>2, c 1>2"], "b joins the others");
        assert_eq!(scene.bundles(200), [""; 0]);
        scene.registry(300, "a", "3");
        scene.registry(305, "c", "3");
        assert_eq!(scene.bundles(310), ["a 2>3"], "without b they have nothing in common");
        assert_eq!(scene.bundles(315), ["c 2>3"]);
    }
}
