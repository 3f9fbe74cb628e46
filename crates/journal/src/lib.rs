//! The durable record of deliveries, decisions and launches; also the work queue.
//!
//! Start at [`Journal`], the one trait that every store implements, and [`Record`], what it keeps.
//! [`SqliteJournal`] is the store for a single process and [`PostgresJournal`] the one for several replicas;
//! see [`sqlite`] and [`postgres`] for what they promise.
//! The crate knows nothing about rules or Kubernetes: decisions arrive as [`DecisionRecord`]s.
#![forbid(unsafe_code)]

mod address;
mod body;
mod cursor;
mod error;
mod format;
mod journal;
mod measured;
mod metrics;
mod new_delivery;
mod observed;
mod open;
mod panic_flag;
pub mod postgres;
mod record;
mod rejection;
mod retention;
mod round_robin;
mod row;
pub mod sqlite;
mod timeout;
mod timestamp;

pub use address::{Address, InvalidAddress};
pub use error::JournalError;
pub use journal::{
    AppendOutcome, ClaimRequest, ClaimToken, ClaimedDelivery, Entry, Journal, Page, Query, ReplayOutcome,
    ReplayRequest, Stats, Usage, tenant,
};
pub use measured::Measured;
pub use metrics::Metrics;
pub use observed::append_observed;
pub use open::{OpenError, open};
pub use postgres::PostgresJournal;
pub use record::{CheckRecord, DecisionRecord, LaunchRecord, OutcomeRecord, Record, Settlement, State};
pub use rejection::{REJECTIONS, Rejection, TriedSecret};
pub use retention::{Pruned, Retention};
pub use sqlite::SqliteJournal;
