//! An image that would change: flags, and what that would mean in each namespace.

use std::collections::BTreeSet;
use std::sync::Arc;

use anstream::println;
use anyhow::bail;
use jiff::Timestamp;
use owo_colors::OwoColorize;
use trigger_core::{Digest, Event, ImageChange, ImageEvent, ImageRef, ImageSource};
use trigger_rules::RuleSet;

use super::NAMED_AT_MOST;

/// Flags of `explain image`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The image, in any spelling.
    #[arg(value_name = "REF")]
    image: ImageRef,
    /// The digest that it would stand for. Default: one that is made up.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// The digest that it would have stood for before. Default: one that is made up.
    #[arg(long, value_name = "DIGEST")]
    from: Option<Digest>,
}

impl Args {
    /// The change, happening now.
    pub(super) fn change(self) -> anyhow::Result<ImageChange> {
        let Self { image, digest, from } = self;
        let to = digest.unwrap_or_else(|| Digest::of(b"what the image would be"));
        let from = from.unwrap_or_else(|| Digest::of(b"what the image was"));
        if from == to {
            bail!("with {to} before and after, {image} would not change: give another --digest or --from");
        }
        Ok(ImageChange {
            image,
            from: Some(from),
            to,
            source: ImageSource::Registry,
            since: Timestamp::now(),
        })
    }
}

/// The change as each namespace sees it that has rules about images, in order.
pub(super) fn everywhere(change: &ImageChange, rules: &RuleSet) -> Vec<Event> {
    let namespaces: BTreeSet<_> =
        rules.waiting_for_images().map(|rules| Arc::clone(&rules.target.key.namespace)).collect();
    let event = |namespace| Event::Image(ImageEvent { namespace, changes: vec![change.clone()] });
    namespaces.into_iter().map(event).collect()
}

/// Says what is known about a change that an object tells of, beside what comes of it.
pub(super) fn introduce(change: &ImageChange) {
    println!("{} stands for {}, says {}", change.image.bold(), change.to, change.source);
}

/// Says that no rule is about an image, in a namespace if one is given, and names some that rules are about.
pub(super) fn unknown(image: &ImageRef, namespace: Option<&str>, rules: &RuleSet) {
    let place = namespace.map(|name| format!(" in the namespace {name}")).unwrap_or_default();
    println!("No Build{place} waits for {image}.");
    let is_here = |key: &trigger_core::ObjectKey| namespace.is_none_or(|name| *key.namespace == *name);
    let waiting = rules.waiting_for_images().filter(|rules| is_here(&rules.target.key));
    let names: BTreeSet<_> =
        waiting.filter_map(|rules| rules.images.as_ref()).flat_map(|images| &images.names).collect();
    for name in names.iter().take(NAMED_AT_MOST) {
        println!("  {} {name}", "waited for:".dimmed());
    }
    if names.len() > NAMED_AT_MOST {
        println!("  and {} more", names.len() - NAMED_AT_MOST);
    }
}
