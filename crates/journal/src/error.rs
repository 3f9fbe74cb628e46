use std::error::Error;

/// Why a call of the journal failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The store cannot read or write now. Try again later.
    ///
    /// The changes may still have happened, as when a slow disk answered too late: a repeated `append` then finds the
    /// delivery in progress, a repeated `settle` finds its token stale.
    #[error("the journal is unavailable: {reason}")]
    Unavailable {
        /// The reason, in a sentence.
        reason: String,
        /// The error of the store.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A tenant's share of the journal is used up, by deliveries that cannot be pruned. Others are not affected.
    #[error(
        "the deliveries of tenant {tenant:?} take {held} bytes, and its share of the journal is {share}: wait until they \
         are settled, raise --tenant-quota, or enlarge the volume"
    )]
    TenantFull {
        /// The tenant.
        tenant: String,
        /// The bytes that it has stored.
        held: u64,
        /// Its share, in bytes.
        share: u64,
    },
    /// The claim has timed out and another dispatcher has claimed the delivery, or the delivery is settled.
    #[error("the claim on delivery {id} is no longer held")]
    StaleToken {
        /// The delivery.
        id: trigger_core::DeliveryId,
    },
    /// A stored value cannot be read.
    #[error("the journal holds a value that cannot be read: {reason}")]
    Corrupt {
        /// Which value, and the reason, in a sentence.
        reason: String,
    },
    /// The cursor of a history query is not one that a journal of this version makes.
    #[error("not a cursor of this journal: begin at the first page")]
    BadCursor,
}

impl JournalError {
    /// The store cannot work now, because of `source`.
    pub(crate) fn unavailable(
        reason: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { reason: reason.into(), source: Some(source.into()) }
    }

    /// The store cannot work now, without an error of another library.
    pub(crate) fn unavailable_because(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), source: None }
    }
}
