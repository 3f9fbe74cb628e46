//! The durable record of deliveries, decisions and launches; also the work queue.
//!
//! Start at [`Journal`], the one trait that every store implements, and [`Record`], what it keeps.
//! [`SqliteJournal`] is the store for a single process and [`PostgresJournal`] the one for several replicas;
//! see [`sqlite`] and [`postgres`] for what they promise.
//! The crate knows nothing about rules or Kubernetes: decisions arrive as [`DecisionRecord`]s.
#![forbid(unsafe_code)]

mod address;
mod alarm;
mod body;
mod cursor;
mod entry;
mod error;
mod format;
mod journal;
mod measured;
mod metrics;
mod moment;
mod open;
mod patience;
pub mod postgres;
mod record;
mod refusal;
mod retention;
mod row;
pub mod sqlite;
mod turns;

pub use address::{Address, InvalidAddress};
pub use error::JournalError;
pub use journal::{
    Appended, Claimed, Demand, Journal, Memo, Page, Query, ReplayOrder, Replayed, Stats, Ticket, Usage,
    tenant,
};
pub use measured::Measured;
pub use metrics::Metrics;
pub use open::{OpenError, open};
pub use postgres::PostgresJournal;
pub use record::{CheckRecord, DecisionRecord, LaunchRecord, OutcomeRecord, Record, Settlement, State};
pub use refusal::{REFUSALS, Refusal, TriedSecret};
pub use retention::{Pruned, Retention};
pub use sqlite::SqliteJournal;
