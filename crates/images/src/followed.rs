use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use trigger_core::{ImageRef, ObjectKey};
use trigger_rules::image::{self, ImageRules};
use trigger_rules::{OwnerRules, RuleSet};

/// The images that are followed for each namespace. This file is the only one of the crate that knows how rules store
/// images.
///
/// Rules may name any number of images. Of the Builds of a namespace, in the order of their names, as many images are
/// followed as [`MAX_IMAGES`] and [`MAX_WATCHES`] permit. The others are errors of their Builds.
#[derive(Default)]
pub(crate) struct Followed {
    namespaces: HashMap<Arc<str>, FollowedNamespace>,
    /// The namespaces whose Builds are not known yet.
    unseen: BTreeSet<Arc<str>>,
}

/// The images that are followed for one namespace.
#[derive(Default)]
pub(crate) struct FollowedNamespace {
    builds: Vec<FollowedBuild>,
    images: HashSet<ImageRef>,
    /// The images of all Builds, so that of two Builds each counts.
    watches: usize,
    is_full: bool,
}

/// A Build that watches images.
pub(crate) struct FollowedBuild {
    rules: Arc<OwnerRules>,
    /// The number of its images that are followed.
    count: usize,
}

/// Different images in one namespace. Each costs an entry of the namespace's ledger, which is written as a whole.
pub(crate) const MAX_IMAGES: usize = 1000;
/// Images of all Builds of one namespace: each change looks at all Builds that share images with it.
pub(crate) const MAX_WATCHES: usize = 10_000;

impl Followed {
    /// The images to follow by these rules.
    pub(crate) fn of(rules: &RuleSet) -> Self {
        let mut owners: Vec<_> = image::waiting(rules).collect();
        owners.sort_unstable_by(|a, b| a.owner.key.cmp(&b.owner.key));
        let mut followed = Self { unseen: rules.coverage().unseen.clone(), ..Self::default() };
        for owner in owners {
            let namespace = followed.namespaces.entry(Arc::clone(owner.owner.namespace())).or_default();
            namespace.follow(owner);
        }
        followed
    }

    /// The namespaces with Builds that watch images.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = (&Arc<str>, &FollowedNamespace)> {
        self.namespaces.iter()
    }

    pub(crate) fn namespace(&self, namespace: &str) -> Option<&FollowedNamespace> {
        self.namespaces.get(namespace)
    }

    /// Whether an image is followed for a namespace.
    pub(crate) fn contains(&self, namespace: &str, image: &ImageRef) -> bool {
        self.namespace(namespace).is_some_and(|namespace| namespace.images.contains(image))
    }

    /// Whether the Builds of a namespace are not known yet: then any image may be watched.
    pub(crate) fn is_unseen(&self, namespace: &str) -> bool {
        self.unseen.contains(namespace)
    }

    /// Whether an image of the namespace's Builds is not followed because there are too many.
    pub(crate) fn leaves_out(&self, namespace: &str, image: &ImageRef) -> bool {
        self.namespace(namespace)
            .is_some_and(|namespace| namespace.is_full && !namespace.images.contains(image))
    }
}

impl FollowedNamespace {
    fn follow(&mut self, rules: &Arc<OwnerRules>) {
        let names = names(rules);
        let mut count = 0;
        for name in names {
            let is_full = self.watches >= MAX_WATCHES
                || (self.images.len() >= MAX_IMAGES && !self.images.contains(name));
            if is_full {
                self.is_full = true;
                break;
            }
            self.images.insert(name.clone());
            self.watches += 1;
            count += 1;
        }
        self.builds.push(FollowedBuild { rules: Arc::clone(rules), count });
    }

    /// The Builds that watch images, in the order of their names.
    pub(crate) fn builds(&self) -> std::slice::Iter<'_, FollowedBuild> {
        self.builds.iter()
    }

    /// The images, each once.
    pub(crate) fn images(&self) -> &HashSet<ImageRef> {
        &self.images
    }

    /// The Builds that watch an image.
    pub(crate) fn watching<'a>(&'a self, image: &'a ImageRef) -> impl Iterator<Item = &'a FollowedBuild> {
        // The names of a Build are sorted.
        self.builds.iter().filter(move |build| build.names().binary_search(image).is_ok())
    }
}

impl FollowedBuild {
    /// The rules of the Build.
    pub(crate) fn rules(&self) -> &OwnerRules {
        &self.rules
    }

    pub(crate) fn key(&self) -> &ObjectKey {
        &self.rules.owner.key
    }

    /// How the Build wants its images to be polled.
    pub(crate) fn settings(&self) -> Option<&ImageRules> {
        image::of(&self.rules)
    }

    /// The images that are followed for the Build.
    pub(crate) fn names(&self) -> &[ImageRef] {
        names(&self.rules).get(..self.count).unwrap_or_default()
    }

    /// The images that are not.
    pub(crate) fn left_out(&self) -> &[ImageRef] {
        names(&self.rules).get(self.count..).unwrap_or_default()
    }
}

fn names(rules: &OwnerRules) -> &[ImageRef] {
    image::of(rules).map_or(&[], |images| images.names.as_ref())
}

/// Whether both sets of rules watch the same images. May be false for equal ones, but costs nothing.
pub(crate) fn are_the_same(one: &RuleSet, other: &RuleSet) -> bool {
    one.coverage().unseen == other.coverage().unseen && image::wait_for_the_same(one, other)
}

/// Whether a Build of a namespace has an image in its rules, followed or not.
pub(crate) fn is_named(rules: &RuleSet, namespace: &str, image: &ImageRef) -> bool {
    image::is_waited_for(rules, namespace, image)
}

/// Whether any Build watches an image.
pub(crate) fn is_any_named(rules: &RuleSet) -> bool {
    image::waiting(rules).next().is_some()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;
    use trigger_core::KnownHosts;
    use trigger_rules::Inventory;

    use super::*;

    /// Rules of these Builds, each of a namespace, with a name and images.
    pub(crate) fn rules(builds: &[(&str, &str, &[String])]) -> Arc<RuleSet> {
        let inventory = Inventory::new(KnownHosts::NONE);
        for (namespace, name, images) in builds {
            // A rule has 64 images at most.
            let when = images.chunks(50).enumerate().map(|(n, images)| {
                json!({"name": format!("base-{n}"), "type": "Image", "github": {}, "image": {"names": images}})
            });
            let build = json!({
                "metadata": {"namespace": namespace, "name": name, "uid": name},
                "spec": {"trigger": {"when": when.collect::<Vec<_>>()}},
            });
            inventory.apply(&serde_json::from_value::<trigger_api::shipwright::Build>(build).unwrap());
        }
        inventory.mark_synced();
        inventory.current().unwrap()
    }

    fn numbered(prefix: &str, count: usize) -> Vec<String> {
        (0..count).map(|n| format!("{prefix}-{n:04}")).collect()
    }

    #[test]
    fn a_namespace_follows_a_bounded_number_of_images_and_others_lose_none() {
        let chunks: Vec<_> = (0..13).map(|n| numbered(&format!("c{n:02}"), 100)).collect();
        let names: Vec<_> = (0..13).map(|n| format!("build-{n:02}")).collect();
        let mut builds: Vec<_> = names
            .iter()
            .zip(&chunks)
            .map(|(name, images)| ("bad", name.as_str(), images.as_slice()))
            .collect();
        let good = numbered("good", 3);
        builds.push(("good", "app", &good));
        let followed = Followed::of(&rules(&builds));
        let bad = followed.namespace("bad").unwrap();
        assert_eq!(bad.images().len(), MAX_IMAGES);
        let left_out: Vec<_> = bad.builds().map(|build| build.left_out().len()).collect();
        assert_eq!(left_out, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 100, 100]);
        let image = |name: &str| ImageRef::parse(name).unwrap();
        assert!(
            followed.leaves_out("bad", &image("c10-0000")) && !followed.contains("bad", &image("c10-0000"))
        );
        assert!(
            followed.contains("bad", &image("c09-0099")) && !followed.leaves_out("bad", &image("c09-0099"))
        );
        assert!(
            followed.contains("good", &image("good-0002"))
                && !followed.leaves_out("good", &image("c10-0000"))
        );
        assert_eq!(followed.namespace("good").unwrap().watching(&image("good-0001")).count(), 1);
    }

    #[test]
    fn the_images_of_all_builds_of_a_namespace_are_bounded() {
        let images = numbered("base", 50);
        let names: Vec<_> = (0..300).map(|n| format!("build-{n:03}")).collect();
        let builds: Vec<_> = names.iter().map(|name| ("bad", name.as_str(), images.as_slice())).collect();
        let followed = Followed::of(&rules(&builds));
        let bad = followed.namespace("bad").unwrap();
        let watches: usize = bad.builds().map(|build| build.names().len()).sum();
        assert_eq!((watches, bad.images().len()), (MAX_WATCHES, 50));
        assert!(bad.builds().next_back().is_some_and(|last| last.left_out().len() == 50));
    }
}
