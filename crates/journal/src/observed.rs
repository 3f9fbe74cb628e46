use tracing::{Instrument, info_span};
use trigger_core::{Delivery, Verified};

use crate::{Journal, JournalError};

/// Appends a delivery that this program observed itself: an image digest that changed, or a PipelineRun.
///
/// Returns false if the journal has the delivery already, even a failed one: a failed delivery is processed again by an
/// explicit replay, not because it is observed again.
pub async fn append_observed(
    journal: &dyn Journal,
    delivery: Verified<Delivery>,
) -> Result<bool, JournalError> {
    if journal.find(&delivery.value().id).await?.is_some() {
        return Ok(false);
    }
    let (id, source) = (&delivery.value().id, delivery.value().source.as_ref());
    let span = info_span!(target: "trigger_trace", "accept", delivery = %id, provider = source, first = true);
    journal.append(delivery).instrument(span).await.map(|_| true)
}
