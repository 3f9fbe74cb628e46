use trigger_core::Limit;

use crate::followed::{MAX_IMAGES, MAX_WATCHES};
use crate::images::{MAX_HINTS, MAX_OBSERVATIONS};
use crate::ledger::{MAX_CHANGES, MAX_KNOWN, MAX_OPEN};
use crate::poller::{MAX_COMPANIONS, MAX_WAITERS};
use crate::resolver::{MAX_CREDENTIALS, MAX_NO_ENTRY, MAX_SECRETS};
use crate::schedule::{
    MAX_CONCURRENT, MAX_CONCURRENT_AT_REGISTRY, MAX_CONCURRENT_IN_ALL, MAX_CONCURRENT_PER_REGISTRY,
    MAX_INTERVAL,
};
use crate::status::{MAX_HINTED, MAX_LEFT_OUT_SHOWN};
use crate::tracker::{MAX_APPENDS, WRITE_RATE};
use crate::warnings::WARNED_BUILDS;

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("images of a namespace", MAX_IMAGES, "an Event on the Build; the others are followed"),
    Limit::count(
        "images of all Builds of a namespace",
        MAX_WATCHES,
        "an Event on the Build; the others are followed",
    ),
    Limit::count(
        "images that are shown as left out of a namespace",
        MAX_LEFT_OUT_SHOWN,
        "further ones are not shown",
    ),
    Limit::count("Builds that are warned about one image", WARNED_BUILDS, "further ones get no Event"),
    Limit::time("interval between polls of an image", MAX_INTERVAL, "the interval is shortened"),
    Limit::count("concurrent polls", MAX_CONCURRENT_IN_ALL, "polls wait for their turn"),
    Limit::count("concurrent polls of a namespace", MAX_CONCURRENT, "polls wait for their turn"),
    Limit::count("concurrent polls of a registry", MAX_CONCURRENT_AT_REGISTRY, "polls wait for their turn"),
    Limit::count(
        "concurrent polls of a registry for a namespace",
        MAX_CONCURRENT_PER_REGISTRY,
        "polls wait for their turn",
    ),
    Limit::count(
        "Secrets that are read for an image of a namespace",
        MAX_SECRETS,
        "further ones are not read",
    ),
    Limit::count("credentials for an image of a namespace", MAX_CREDENTIALS, "further ones are not tried"),
    Limit::count("Secrets without an entry that are remembered", MAX_NO_ENTRY, "the oldest is forgotten"),
    Limit::count("images that a push hint is about", MAX_HINTED, "the others are polled by interval"),
    Limit::count("push hints that wait", MAX_HINTS, "the hint is dropped; the image is polled by interval"),
    Limit::count("callers that wait for a check of an image", MAX_WAITERS, "the answer has the last state"),
    Limit::count(
        "images that are polled because another has changed",
        MAX_COMPANIONS,
        "the others are polled by interval",
    ),
    Limit::count("observations that wait", MAX_OBSERVATIONS, "their sources wait"),
    Limit::count(
        "digests that are stored for a namespace",
        MAX_KNOWN,
        "digests of unwatched images are forgotten",
    ),
    Limit::bytes(
        "rate at which a namespace writes its digests, a second",
        WRITE_RATE as usize * 1024,
        "its observations wait",
    ),
    Limit::count("changes of a delivery", MAX_CHANGES, "further ones make another delivery"),
    Limit::count(
        "changes of a namespace that wait for the journal",
        MAX_OPEN,
        "further ones are merged by image",
    ),
    Limit::count("deliveries that a namespace appends at a time", MAX_APPENDS, "other namespaces come first"),
];
