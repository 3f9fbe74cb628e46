use trigger_core::Limit;

use crate::client::{IDLE_TIMEOUT, MAX_IDLE_PER_HOST};
use crate::error::MAX_QUOTED;
use crate::lookups;
use crate::response::MAX_RETRY_AFTER;

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("idle connections to one host", MAX_IDLE_PER_HOST, "the connection is closed"),
    Limit::count("concurrent look-ups of names", lookups::MOST, "look-ups wait for their turn"),
    Limit::count(
        "concurrent look-ups of names for a namespace",
        lookups::MOST_OF_TENANT,
        "look-ups wait for their turn",
    ),
    Limit::time("life of an idle connection", IDLE_TIMEOUT, "the connection is closed"),
    Limit::time(
        "pause that a server asks for with `Retry-After`",
        MAX_RETRY_AFTER,
        "it is asked again earlier",
    ),
    Limit::bytes("text of another server in an error", MAX_QUOTED, "the text is cut"),
];
