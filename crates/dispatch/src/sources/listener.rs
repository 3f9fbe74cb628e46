use trigger_core::{Delivery, Event, Events};

use super::{Source, SourceError};
use crate::listeners::{LISTENER, event};

/// Requests to listeners.
pub(super) struct Listeners;

impl Source for Listeners {
    #[cfg(test)]
    fn file(&self) -> &'static str {
        "listener"
    }

    fn events(&self, delivery: &Delivery) -> Option<Result<Events, SourceError>> {
        if *delivery.source != *LISTENER {
            return None;
        }
        Some(event(delivery).map(|event| Event::Webhook(event).into()).ok_or(SourceError::NoListener))
    }
}
