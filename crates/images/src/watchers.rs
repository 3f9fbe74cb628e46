use trigger_rules::image::{self, ImageRules};
use trigger_rules::{OwnerRules, RuleSet};

/// An owner with rules of type `Image`. This file is the only one of the crate that knows how rules store them.
pub(crate) struct Watcher<'a> {
    /// The owner: a Build.
    pub(crate) owner: &'a OwnerRules,
    /// The images that it watches, and how.
    pub(crate) images: &'a ImageRules,
}

impl Watcher<'_> {
    /// The namespace of the owner.
    pub(crate) fn namespace(&self) -> &std::sync::Arc<str> {
        self.owner.owner.namespace()
    }
}

/// All owners that watch images, in no particular order.
pub(crate) fn watchers(rules: &RuleSet) -> impl Iterator<Item = Watcher<'_>> {
    image::waiting(rules).filter_map(|owner| Some(Watcher { owner, images: image::of(owner)? }))
}

/// Whether both sets of rules watch the same images. May be false for equal ones, but costs nothing.
pub(crate) fn are_the_same(one: &RuleSet, other: &RuleSet) -> bool {
    image::wait_for_the_same(one, other)
}

/// Whether an owner in a namespace watches an image.
pub(crate) fn is_watched(rules: &RuleSet, namespace: &str, image: &trigger_core::ImageRef) -> bool {
    image::is_waited_for(rules, namespace, image)
}
