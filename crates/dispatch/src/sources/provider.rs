use trigger_core::{Delivery, Events};
use trigger_providers::by_name;

use super::{Source, SourceError};

/// Webhooks of Git providers.
pub(super) struct Providers;

impl Source for Providers {
    #[cfg(test)]
    fn file(&self) -> &'static str {
        "provider"
    }

    fn events(&self, delivery: &Delivery) -> Option<Result<Events, SourceError>> {
        let provider = by_name(&delivery.source)?;
        Some(provider.read(delivery).map_err(SourceError::from))
    }
}
