use tracing::{Instrument, error, info_span, warn};
use trigger_core::{Delivery, Facts, Verified};
use trigger_dispatch::{DecisionCounts, InlineDecision};
use trigger_journal::{AppendOutcome, Decided, JournalError};

use super::rejections::Rejected;
use super::response::{HookResponse, UnavailableReason};
use super::{IngestParts, IngestSettings};
use crate::recent_failure::RecentFailure;

/// Waits for the journal, as long as a sender may wait. Notes in `failure` whether deliveries can be stored.
pub(super) async fn in_time<T>(
    settings: &IngestSettings,
    failure: &RecentFailure,
    work: impl Future<Output = Result<T, JournalError>>,
) -> Result<T, Rejected> {
    match tokio::time::timeout(settings.store, work).await {
        Ok(Ok(done)) => {
            failure.clear();
            Ok(done)
        }
        Ok(Err(error @ JournalError::TenantFull { .. })) => {
            // The journal works: deliveries of other tenants are stored.
            failure.clear();
            warn!(error = %error, "a delivery is rejected");
            let response = HookResponse::Unavailable(UnavailableReason::TenantQuota);
            Err(Rejected::because(response, error.to_string()))
        }
        Ok(Err(error)) => {
            error!(error = %error, "a delivery cannot be stored");
            failure.set(error.to_string());
            Err(HookResponse::Unavailable(UnavailableReason::Journal).into())
        }
        Err(_) => {
            failure.set("the journal does not answer in time".to_owned());
            error!(within = ?settings.store, "a delivery could not be stored in time");
            Err(HookResponse::Unavailable(UnavailableReason::Journal).into())
        }
    }
}

/// Stores a delivery for triggers of Tekton with its facts; one that is decided already, with its decisions, which are
/// counted if it was not known.
pub(super) async fn store_request(
    delivery: Verified<Delivery>,
    facts: Facts,
    decided: Option<InlineDecision>,
    settings: &IngestSettings,
    parts: &IngestParts,
) -> Result<AppendOutcome, Rejected> {
    let received_at = delivery.value().received_at;
    let (stored, counts) = match decided {
        Some(InlineDecision { decisions, counts }) => {
            let decided = Some(Decided { decisions, facts });
            (parts.journal.append_decided(delivery, decided), Some(counts))
        }
        None => (parts.journal.append_with_facts(delivery, facts), None),
    };
    let rules = counts.as_ref().map(DecisionCounts::rules);
    let span = info_span!(target: "trigger_trace", "append", decided = rules);
    let outcome = in_time(settings, &parts.failure, stored.instrument(span)).await?;
    if let Some(counts) = counts.filter(|_| outcome == AppendOutcome::New) {
        counts.count(received_at, &parts.decisions);
    }
    Ok(outcome)
}
