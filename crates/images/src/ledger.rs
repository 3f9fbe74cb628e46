use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trigger_core::{Digest, ImageChange, ImageRef, ImageSource};

use crate::change_groups::ChangeGroups;
use crate::followed::MAX_IMAGES;

/// Changes in one delivery. A Build that watches more images than that may start several runs.
pub(crate) const MAX_CHANGES: usize = 250;
/// Changes of one namespace whose deliveries are not in the journal yet, as when its quota is used up.
pub(crate) const MAX_OPEN: usize = 1000;
/// Images of one ledger: those that the Builds watch, and as many that they have watched.
pub(crate) const MAX_KNOWN: usize = 2 * MAX_IMAGES;

/// The known digests of the images that the Builds of one namespace watch. An entry in the journal, so it survives
/// restarts and is shared by all replicas. Its JSON is stored: the names of fields must not change.
///
/// A change is in `images` until it is bundled with others, in `open` until its delivery is in the journal, and then
/// in neither. A replica that finds a change in one of them repeats the interrupted step with the same outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    images: BTreeMap<ImageRef, KnownImage>,
    /// Bundles of changes, each of which becomes one delivery.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    open: Vec<Vec<ImageChange>>,
}

/// The last known state of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownImage {
    /// Its digest.
    pub(crate) digest: Digest,
    /// Since when, as far as is known.
    pub(crate) since: Timestamp,
    /// The last digest that each source reported. A source that repeats itself reports no change, even if others
    /// have reported one since: an Image object keeps its old digest until it is imported again.
    #[serde(rename = "told")]
    reported: BTreeMap<ImageSource, Digest>,
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
    /// When we first observed that the digest is not the earlier one.
    #[serde(rename = "seen")]
    observed: Timestamp,
}

/// One source reports the digest of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The image.
    pub image: ImageRef,
    /// Its digest.
    pub digest: Digest,
    /// The source that reports it.
    pub source: ImageSource,
    /// Since when the image has that digest, as far as is known.
    pub since: Timestamp,
    /// Whether the image was pushed at that time, as far as is known.
    pub pushed: Pushed,
}

/// Whether an observation is that of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// When the image was pushed is not known. The first observation of an image is no change then.
    Unknown,
    /// It was pushed just now, which is a change also if nothing was known of the image before.
    Counts,
    /// It was pushed just now by a run for which no rule fires. Reports of this digest are no change, until a run pushes it
    /// that counts.
    StartsNothing,
}

/// The outcome of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObservationOutcome {
    /// The image was unknown; this digest is its baseline.
    First,
    /// The image has the known digest, or its source repeats an earlier report.
    Same,
    /// The image has another digest.
    Changed,
}

impl ObservationOutcome {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::First, Self::Same, Self::Changed];

    /// The machine name, for metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Same => "same",
            Self::Changed => "changed",
        }
    }
}

impl Ledger {
    /// Records an observation that reached us at `now`.
    pub(crate) fn observe(&mut self, observation: &Observation, now: Timestamp) -> ObservationOutcome {
        let Observation { image, digest, source, since, pushed } = observation;
        let change = |from, observed| PendingChange { from, source: *source, since: *since, observed };
        let Some(known) = self.images.get_mut(image) else {
            let counts = *pushed == Pushed::Counts;
            let change = counts.then(|| change(None, now));
            let outcome = if counts { ObservationOutcome::Changed } else { ObservationOutcome::First };
            let reported = BTreeMap::from([(*source, digest.clone())]);
            let known = KnownImage { digest: digest.clone(), since: *since, reported, change };
            self.images.insert(image.clone(), known);
            return outcome;
        };
        if *pushed == Pushed::StartsNothing {
            for source in [ImageSource::Registry, ImageSource::Image] {
                known.reported.insert(source, digest.clone());
            }
            // A registry may have reported this very push before the run had ended.
            let change = known.change.take_if(|change| known.digest == *digest && change.from.is_some());
            if let Some(from) = change.and_then(|change| change.from) {
                known.digest = from;
            }
            return ObservationOutcome::Same;
        }
        let repeats_itself = known.reported.insert(*source, digest.clone()).as_ref() == Some(digest);
        if repeats_itself || known.digest == *digest {
            return ObservationOutcome::Same;
        }
        let before = std::mem::replace(&mut known.digest, digest.clone());
        known.since = *since;
        // Two changes before a bundle are one; a change back to the earlier digest is none.
        let earlier = known.change.take();
        let (from, observed) =
            earlier.map_or((Some(before), now), |earlier| (earlier.from, earlier.observed));
        known.change = (from.as_ref() != Some(digest)).then(|| change(from, observed));
        ObservationOutcome::Changed
    }

    /// Bundles the changes that are due. `builds` has the images that each Build of the namespace watches.
    ///
    /// The changes that one Build watches become one delivery, so that it starts one run. A change of an image that
    /// some Build watches together with others therefore waits for `window`, from the first change of the bundle.
    /// Changes of images that no Build watches any more are dropped. More than [`MAX_CHANGES`] make several deliveries.
    ///
    /// While [`MAX_OPEN`] changes wait for the journal, further ones stay with their images, where two are one.
    pub(crate) fn bundle<'a>(
        &mut self,
        now: Timestamp,
        window: Duration,
        builds: impl IntoIterator<Item = &'a [ImageRef]>,
    ) {
        if self.open.iter().map(Vec::len).sum::<usize>() >= MAX_OPEN {
            return;
        }
        let observed =
            self.images.iter().filter_map(|(image, known)| Some((image, known.change.as_ref()?.observed)));
        let mut groups = ChangeGroups::default();
        for (image, since) in observed {
            groups.add(image, since);
        }
        for group in groups.of(builds) {
            if group.has_companions && after(group.first_observed, window) > now {
                continue;
            }
            let changes: Vec<_> = group.images.iter().filter_map(|image| self.take(image)).collect();
            if group.is_watched {
                self.open.extend(changes.chunks(MAX_CHANGES).map(<[_]>::to_vec));
            }
        }
    }

    /// The latest time at which the next bundle is due, if there are changes.
    pub(crate) fn next_due(&self, window: Duration) -> Option<Timestamp> {
        let changes = self.images.values().filter_map(|known| known.change.as_ref());
        changes.map(|change| after(change.observed, window)).min()
    }

    fn take(&mut self, image: &ImageRef) -> Option<ImageChange> {
        let known = self.images.get_mut(image)?;
        let PendingChange { from, source, since, .. } = known.change.take()?;
        Some(ImageChange { image: image.clone(), from, to: known.digest.clone(), source, since })
    }

    /// The bundles whose deliveries are not in the journal yet.
    pub(crate) fn open(&self) -> &[Vec<ImageChange>] {
        &self.open
    }

    /// Removes bundles whose deliveries are in the journal.
    pub(crate) fn close(&mut self, stored: &[Vec<ImageChange>]) {
        self.open.retain(|bundle| !stored.contains(bundle));
    }

    /// The state of an image, if it is known.
    pub(crate) fn known(&self, image: &ImageRef) -> Option<&KnownImage> {
        self.images.get(image)
    }

    /// The images with a known digest.
    pub(crate) fn images(&self) -> impl Iterator<Item = &ImageRef> {
        self.images.keys()
    }

    /// Whether there are more images than a namespace can watch at a time, so that earlier ones should be forgotten.
    pub(crate) fn is_full(&self) -> bool {
        self.images.len() >= MAX_KNOWN
    }

    /// Forgets the images for which `keep` is false.
    pub(crate) fn retain(&mut self, keep: impl Fn(&ImageRef) -> bool) {
        self.images.retain(|image, _| keep(image));
    }
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

    /// A namespace in which each Build watches some images.
    struct Scene {
        ledger: Ledger,
        builds: Vec<Vec<ImageRef>>,
    }

    impl Scene {
        fn of(builds: &[&[&str]]) -> Self {
            let names = |names: &&[&str]| names.iter().copied().map(image).collect();
            Self { ledger: Ledger::default(), builds: builds.iter().map(names).collect() }
        }

        fn observe(&mut self, second: i64, source: ImageSource, name: &str, to: &str) -> ObservationOutcome {
            let (image, digest, since) = (image(name), digest(to), at(second));
            let pushed = if source == ImageSource::BuildRun { Pushed::Counts } else { Pushed::Unknown };
            self.ledger.observe(&Observation { image, digest, source, since, pushed }, since)
        }

        fn registry(&mut self, second: i64, name: &str, to: &str) -> ObservationOutcome {
            self.observe(second, ImageSource::Registry, name, to)
        }

        /// Closes the bundles that are due and returns them as text.
        fn bundles(&mut self, second: i64) -> Vec<String> {
            self.ledger.bundle(at(second), WINDOW, self.builds.iter().map(Vec::as_slice));
            // The ledger survives being stored.
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
    fn the_first_observation_is_no_change() {
        let mut scene = Scene::of(&[&["a"]]);
        assert_eq!(scene.registry(0, "a", "1"), ObservationOutcome::First);
        assert_eq!(scene.registry(1, "a", "1"), ObservationOutcome::Same);
        assert_eq!(scene.bundles(100), [""; 0]);
        assert_eq!(scene.registry(2, "a", "2"), ObservationOutcome::Changed);
        assert_eq!(scene.bundles(2), ["a 1>2"], "the Build watches nothing else");
        assert_eq!(scene.registry(3, "a", "2"), ObservationOutcome::Same);
        assert_eq!(
            scene.registry(4, "a", "1"),
            ObservationOutcome::Changed,
            "the earlier digest is a change after a bundle"
        );
        assert_eq!(scene.bundles(4), ["a 2>1"]);
    }

    #[test]
    fn a_push_of_an_unknown_image_is_a_change() {
        let mut scene = Scene::of(&[&["a"]]);
        assert_eq!(scene.observe(0, ImageSource::BuildRun, "a", "1"), ObservationOutcome::Changed);
        assert_eq!(scene.registry(1, "a", "1"), ObservationOutcome::Same);
        assert_eq!(scene.bundles(1), ["a ?>1"]);
    }

    #[test]
    fn a_push_that_starts_nothing_is_no_change_for_any_source() {
        let mut scene = Scene::of(&[&["a", "b"]]);
        let push = |scene: &mut Scene, second: i64, to: &str| {
            let (image, digest, source, since) = (image("a"), digest(to), ImageSource::BuildRun, at(second));
            let pushed = Pushed::StartsNothing;
            scene.ledger.observe(&Observation { image, digest, source, since, pushed }, since)
        };
        scene.registry(0, "a", "1");
        push(&mut scene, 1, "2");
        assert_eq!(scene.registry(2, "a", "2"), ObservationOutcome::Same);
        // The registry reports the push before its run has ended.
        assert_eq!(scene.registry(3, "a", "3"), ObservationOutcome::Changed);
        push(&mut scene, 4, "3");
        assert_eq!(scene.bundles(100), [""; 0]);
        // What was reviewed may have the same content, and it counts.
        assert_eq!(scene.observe(101, ImageSource::BuildRun, "a", "3"), ObservationOutcome::Changed);
        assert_eq!(scene.bundles(200), ["a 1>3"]);
    }

    #[test]
    fn a_source_that_repeats_itself_reports_no_change() {
        use ImageSource::{BuildRun, Image, Registry};
        let mut scene = Scene::of(&[&["a"]]);
        scene.observe(0, Image, "a", "1");
        assert_eq!(
            scene.observe(1, Registry, "a", "2"),
            ObservationOutcome::Changed,
            "the baseline is that of all sources"
        );
        assert_eq!(scene.observe(2, Image, "a", "1"), ObservationOutcome::Same, "it was not imported again");
        assert_eq!(scene.observe(3, Image, "a", "2"), ObservationOutcome::Same);
        assert_eq!(scene.observe(4, BuildRun, "a", "3"), ObservationOutcome::Changed);
        assert_eq!(
            scene.observe(5, Registry, "a", "2"),
            ObservationOutcome::Same,
            "it was asked before the push"
        );
        assert_eq!(scene.observe(6, Registry, "a", "3"), ObservationOutcome::Same);
        assert_eq!(scene.bundles(6), ["a 1>3"]);
    }

    #[test]
    fn two_changes_are_one_and_a_change_back_is_none() {
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
        assert_eq!(scene.ledger.next_due(WINDOW), Some(at(110)));
        assert_eq!(scene.bundles(102), ["d 1>2", "e 1>2"], "their Builds watch nothing else");
        scene.registry(105, "c", "2");
        scene.registry(109, "f", "2");
        assert_eq!(scene.bundles(109), [""; 0], "no Build watches f");
        scene.registry(109, "b", "2");
        assert_eq!(scene.bundles(110), ["a 1>2, b 1>2, c 1>2"], "b joins the others");
        assert_eq!(scene.bundles(200), [""; 0]);
        scene.registry(300, "a", "3");
        scene.registry(305, "c", "3");
        assert_eq!(scene.bundles(310), ["a 2>3"], "without b they share no Build");
        assert_eq!(scene.bundles(315), ["c 2>3"]);
    }

    #[test]
    fn a_delivery_has_a_bounded_number_of_changes_and_so_have_those_that_wait_for_the_journal() {
        let names: Vec<_> = (0..MAX_OPEN + 100).map(|n| format!("i{n:04}")).collect();
        let images: Vec<_> = names.iter().map(|name| image(name)).collect();
        let mut ledger = Ledger::default();
        let change_all = |ledger: &mut Ledger, to: &str, images: &[ImageRef]| {
            for image in images {
                let (image, digest, since) = (image.clone(), digest(to), at(1));
                let source = ImageSource::Registry;
                ledger.observe(&Observation { image, digest, source, since, pushed: Pushed::Unknown }, since);
            }
        };
        for to in ["1", "2"] {
            change_all(&mut ledger, to, &images);
        }
        ledger.bundle(at(100), WINDOW, [images.as_slice()]);
        let sizes: Vec<_> = ledger.open().iter().map(Vec::len).collect();
        assert_eq!(sizes, [250, 250, 250, 250, 100]);
        for to in ["3", "1", "2"] {
            change_all(&mut ledger, to, &images);
            ledger.bundle(at(200), WINDOW, [images.as_slice()]);
        }
        assert_eq!(ledger.open().len(), 5, "none is added while the journal does not take them");
        assert_eq!(ledger.next_due(WINDOW), None, "the image is as it was");
    }

    #[test]
    fn a_ledger_of_many_images_and_builds_is_bundled_in_linear_time() {
        let images: Vec<_> = (0..MAX_IMAGES).map(|n| image(&format!("i{n:04}"))).collect();
        let mut ledger = Ledger::default();
        for to in ["1", "2"] {
            for image in &images {
                let (image, digest, since) = (image.clone(), digest(to), at(1));
                let source = ImageSource::Registry;
                ledger.observe(&Observation { image, digest, source, since, pushed: Pushed::Unknown }, since);
            }
        }
        // A chain of Builds, each with images in common with the next.
        let builds = || images.windows(10);
        let begun = std::time::Instant::now();
        ledger.bundle(at(2), WINDOW, builds());
        // A search through all images for each pair of them would take minutes.
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert!(ledger.open().is_empty(), "they wait for each other");
        ledger.bundle(at(100), WINDOW, builds());
        assert_eq!(ledger.open().iter().map(Vec::len).sum::<usize>(), MAX_IMAGES);
    }

    #[test]
    fn a_ledger_stored_by_an_earlier_version_is_read() {
        let (one, two) = (digest("1"), digest("2"));
        let change = format!(
            r#"{{"from":"{one}","source":"registry","since":"1970-01-01T00:00:05Z","seen":"1970-01-01T00:00:06Z"}}"#
        );
        let stored = format!(
            r#"{{"images":{{"docker.io/library/a:latest":{{"digest":"{two}","since":"1970-01-01T00:00:05Z",
            "told":{{"image":"{one}","registry":"{two}"}},"change":{change}}}}},
            "open":[[{{"image":"docker.io/library/b:latest","to":"{one}","source":"build-run",
            "since":"1970-01-01T00:00:01Z"}}]]}}"#
        );
        let mut ledger: Ledger = serde_json::from_str(&stored).unwrap();
        assert_eq!(ledger.next_due(WINDOW), Some(at(16)));
        assert_eq!(ledger.open()[0][0].image, image("b"));
        let repeated = Observation {
            image: image("a"),
            digest: one,
            source: ImageSource::Image,
            since: at(7),
            pushed: Pushed::Unknown,
        };
        assert_eq!(ledger.observe(&repeated, at(7)), ObservationOutcome::Same);
    }
}
