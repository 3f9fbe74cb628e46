use std::sync::Arc;

use trigger_core::Verification;

use crate::new_delivery::NewDelivery;
use crate::row::tier;
use crate::{JournalError, format, tenant};

/// The stored columns of a failed delivery that its next arrival is compared with.
#[derive(Debug)]
pub(crate) struct FailedRow {
    pub(crate) verification: String,
    pub(crate) headers: String,
    pub(crate) tier: u8,
}

/// A failed delivery that has arrived again.
///
/// The verification is that of all arrivals, so a delivery is decided for each tenant whose key verified one of them. In
/// place of the first, it would make the first tenant's next arrival look like a further delivery, whose runs exist
/// already.
///
/// Its sender need not know the keys of the earlier arrivals, and headers are mostly not signed. So the stored headers
/// stay, unless the arrival proves every key itself: no tenant chooses the event that another tenant's rules see.
#[derive(Debug)]
pub(crate) struct Reopening {
    pub(crate) verification: String,
    pub(crate) tenant: Arc<str>,
    /// Whether headers, event and the other columns about the request are those of the new arrival.
    pub(crate) replaces_request: bool,
}

impl Reopening {
    /// Compares the arrival with the stored row. A row that cannot be read is replaced.
    pub(crate) fn of(new: &NewDelivery, stored: &FailedRow) -> Result<Self, JournalError> {
        let Ok(earlier) = format::decode::<Verification>(&stored.verification) else {
            let (verification, tenant) = (new.verification.clone(), Arc::clone(&new.tenant));
            return Ok(Self { verification, tenant, replaces_request: true });
        };
        let headers_are_stored =
            stored.tier != tier::KEY && format::decode::<Vec<(String, String)>>(&stored.headers).is_ok();
        let proves_all = earlier.keys.iter().all(|key| new.proved.is_by_secret(&key.secret));
        let merged = earlier.merge(Verification::clone(&new.proved));
        Ok(Self {
            tenant: tenant(&merged),
            verification: format::encode(&merged)?,
            replaces_request: proves_all || !headers_are_stored,
        })
    }
}
