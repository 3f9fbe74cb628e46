use tracing::{Instrument, info_span};
use trigger_core::{Delivery, Verified};
use trigger_journal::{Journal, JournalError};

/// Puts something that we saw ourselves into the journal. False if it is known already, even if it has failed:
/// that is tried again when somebody asks for it, not because we see it once more.
pub async fn append(journal: &dyn Journal, delivery: Verified<Delivery>) -> Result<bool, JournalError> {
    if journal.find(&delivery.value().id).await?.is_some() {
        return Ok(false);
    }
    let (id, source) = (&delivery.value().id, delivery.value().source.as_ref());
    let span = info_span!(target: "trigger_trace", "accept", delivery = %id, provider = source, first = true);
    journal.append(delivery).instrument(span).await.map(|_| true)
}
