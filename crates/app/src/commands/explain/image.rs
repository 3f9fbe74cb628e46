//! The change of an image: flags, and the events that it causes in each namespace.

use std::collections::BTreeSet;
use std::sync::Arc;

use anstream::println;
use anyhow::bail;
use jiff::Timestamp;
use owo_colors::OwoColorize;
use trigger_core::{Digest, Event, ImageChange, ImageEvent, ImageRef, ImageSource};
use trigger_rules::{RuleSet, image};

use super::SUGGESTIONS;

/// Flags of `explain image`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The image. Short names such as `node:20` are completed.
    #[arg(value_name = "REF")]
    image: ImageRef,
    /// The new digest. Default: an invented one.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// The previous digest. Default: an invented one.
    #[arg(long, value_name = "DIGEST")]
    from: Option<Digest>,
}

impl Args {
    /// The change, at the current time.
    pub(super) fn change(self) -> anyhow::Result<ImageChange> {
        let Self { image, digest, from } = self;
        let to = digest.unwrap_or_else(|| Digest::of(b"the new version"));
        let from = from.unwrap_or_else(|| Digest::of(b"the previous version"));
        if from == to {
            bail!(
                "{image} would not change: the digest is {to} before and after; set another --digest or --from"
            );
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

/// The event in each namespace that has rules about images, in the order of their names.
pub(super) fn everywhere(change: &ImageChange, rules: &RuleSet) -> Vec<Event> {
    let namespaces: BTreeSet<_> =
        image::waiting(rules).map(|owner| Arc::clone(owner.owner.namespace())).collect();
    let event = |namespace| Event::Image(ImageEvent { namespace, changes: vec![change.clone()] });
    namespaces.into_iter().map(event).collect()
}

/// Prints the change that was derived from an object.
pub(super) fn print_change(change: &ImageChange) {
    println!("{} resolves to {}, according to {}", change.image.bold(), change.to, change.source);
}

/// Prints that no rule waits for an image, and some images that rules do wait for.
pub(super) fn print_no_rule(image: &ImageRef, namespace: Option<&str>, rules: &RuleSet) {
    let place = namespace.map(|name| format!(" in the namespace {name}")).unwrap_or_default();
    println!("No Build{place} waits for {image}.");
    let is_here = |key: &trigger_core::ObjectKey| namespace.is_none_or(|name| *key.namespace == *name);
    let waiting = image::waiting(rules).filter(|owner| is_here(&owner.owner.key));
    let names: BTreeSet<_> =
        waiting.filter_map(|owner| image::of(owner)).flat_map(|images| images.names.iter()).collect();
    for name in names.iter().take(SUGGESTIONS) {
        println!("  {} {name}", "followed:".dimmed());
    }
    if names.len() > SUGGESTIONS {
        println!("  and {} more", names.len() - SUGGESTIONS);
    }
}
