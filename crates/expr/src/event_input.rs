use std::fmt;

use serde_json::{Map, Value};

use crate::Headers;

/// An event as expressions see it, after the chain of interceptors.
///
/// `Debug` shows no content, because payloads and headers may hold secrets.
#[derive(Clone, Copy)]
pub struct EventInput<'a> {
    /// The body; `null` for an empty one.
    pub body: &'a Value,
    /// The headers.
    pub header: &'a Headers,
    /// The extensions that the interceptors have added.
    pub extensions: &'a Map<String, Value>,
    /// Path and query of the request, as Tekton's `requestURL`. Only CEL sees it.
    pub request_url: &'a str,
    /// The id of the event: `$(context.eventID)`. CEL does not see it.
    pub event_id: &'a str,
}

impl fmt::Debug for EventInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventInput")
            .field("header", self.header)
            .field("event_id", &self.event_id)
            .finish_non_exhaustive()
    }
}
