use tracing::{Instrument, info_span};
use trigger_core::{Delivery, Verified};

use crate::{Journal, JournalError};

/// Appends a delivery that this program observed itself: a digest that changed, or a PipelineRun.
///
/// False if the journal has it already, even if it has failed: a failed delivery is retried by an explicit
/// replay, not because it is observed once more.
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
