use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::JournalError;

/// The journal as a small key-value store: progress and state that a restart and other replicas have to find.
pub trait Notebook: Send + Sync + 'static {
    /// How far a stream of events has been followed: everything up to this time was seen, and the relevant events were
    /// appended. `None` before the first [`Notebook::raise_watermark`] of this name.
    fn watermark<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, JournalError>>;

    /// Raises a watermark. A lower value changes nothing: of several replicas, the most advanced counts.
    fn raise_watermark<'a>(&'a self, name: &'a str, to: Timestamp)
    -> BoxFuture<'a, Result<(), JournalError>>;

    /// The entry of this name, if there is one.
    fn entry<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Entry>, JournalError>>;

    /// Replaces the text of an entry if it is at the revision `after`; 0 stands for an entry that does not exist.
    ///
    /// Returns false and changes nothing if the entry is at another revision. Of several writers that replace the same
    /// revision, in one process or many, one succeeds. The others read its text and decide again.
    fn compare_and_swap<'a>(
        &'a self,
        name: &'a str,
        after: u64,
        text: String,
    ) -> BoxFuture<'a, Result<bool, JournalError>>;
}

/// A small text that all users of a journal agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How often it has been written, from 1.
    pub revision: u64,
    /// The text.
    pub text: String,
}
