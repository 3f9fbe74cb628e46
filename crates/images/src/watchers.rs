use trigger_api::Target;
use trigger_rules::{ImageRules, RuleSet};

/// A Build with rules of type `Image`. This file is the only one of the crate that knows how rules store them.
pub(crate) struct Watcher<'a> {
    /// The Build.
    pub(crate) build: &'a Target,
    /// The images that it watches, and how.
    pub(crate) images: &'a ImageRules,
}

/// All Builds that watch images, in no particular order.
pub(crate) fn watchers(rules: &RuleSet) -> impl Iterator<Item = Watcher<'_>> {
    rules
        .waiting_for_images()
        .filter_map(|rules| Some(Watcher { build: &rules.target, images: rules.images.as_deref()? }))
}
