use std::sync::Arc;

use trigger_core::Verification;

use crate::new_delivery::NewDelivery;
use crate::row::tier;
use crate::stored_record::StoredLaunch;
use crate::{JournalError, format, tenant};

/// The stored columns of a delivery that its next arrival is compared with.
#[derive(Debug)]
pub(crate) struct KnownRow {
    pub(crate) verification: String,
    pub(crate) headers: String,
    pub(crate) tier: u8,
}

/// The stored columns that say whether a settled delivery has started nothing.
#[derive(Debug)]
pub(crate) struct LaunchHistory {
    pub(crate) tier: u8,
    pub(crate) launches: Option<String>,
    pub(crate) attempts: i64,
    /// The last attempt up to which every one was recorded and had started nothing.
    pub(crate) idle_attempts: i64,
    /// Whether a replay was requested.
    pub(crate) has_replay: bool,
}

impl LaunchHistory {
    /// Whether the settled delivery has started nothing. An attempt that was not recorded could have started a run, a
    /// replay is a delivery of its own with its own runs, and of a key it is not known any more.
    pub(crate) fn is_idle(&self) -> bool {
        let launched = |text: &str| !matches!(format::decode::<Vec<StoredLaunch>>(text), Ok(launches) if launches.is_empty());
        self.tier != tier::KEY
            && !self.has_replay
            && self.attempts <= self.idle_attempts + 1
            && !self.launches.as_deref().is_some_and(launched)
    }
}

/// A failed or idle delivery that has arrived again.
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
    pub(crate) fn of(new: &NewDelivery, stored: &KnownRow) -> Result<Self, JournalError> {
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
