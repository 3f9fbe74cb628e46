use tracing::{error, warn};
use trigger_journal::JournalError;

use super::IngestSettings;
use super::rejections::Rejected;
use super::response::{HookResponse, UnavailableReason};
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
