//! The whole journal. A user may take the trait that it needs: an `Arc<dyn Journal>` coerces to an `Arc` of any of
//! them.

use futures::future::BoxFuture;

use crate::{History, Intake, Notebook, Queue};

/// A durable store of deliveries that is also the queue of those not yet settled.
///
/// Every call is all or nothing, and its changes are durable when it returns `Ok`. After
/// [`crate::JournalError::Unavailable`], and if the future is dropped, the changes may have happened or not.
/// `tests/it/contract` of this crate holds every store to these traits.
pub trait Journal: Intake + Queue + History + Notebook {
    /// Returns when a thread or task that the journal depends on has panicked: a bug. Acknowledged deliveries are safe,
    /// but the journal has to be opened again.
    fn failed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// Closes the journal after the calls that have begun. Later calls return [`crate::JournalError::Unavailable`].
    /// Closing twice does nothing.
    fn close(&self) -> BoxFuture<'_, ()>;
}
