use std::error::Error;

/// Why the journal could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The store cannot keep or read anything now. Trying again later may help.
    ///
    /// What was asked for may still have happened, as when the answer of a slow disk came too late: an
    /// `append` tried again then finds the delivery in progress, a `settle` finds its ticket stale.
    #[error("the journal is unavailable: {reason}")]
    Unavailable {
        /// What is the matter, in a sentence.
        reason: String,
        /// The error of the store.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The lease of the ticket ran out and somebody else has taken over, or the delivery is settled.
    #[error("the claim on delivery {id} is no longer held")]
    StaleTicket {
        /// The delivery.
        id: trigger_core::DeliveryId,
    },
    /// What is stored cannot be understood.
    #[error("the journal holds an entry that cannot be read: {reason}")]
    Corrupt {
        /// What is the matter, in a sentence.
        reason: String,
    },
    /// The cursor of a history query was not made by this journal.
    #[error("not a cursor of this journal")]
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

    /// The store cannot work now, for a reason of its own.
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), source: None }
    }
}
