//! The durable record of deliveries, verifications, facts, decisions and launches; also the work queue.
//!
//! Start at the traits, one for each user: [`Intake`], [`Queue`], [`History`], [`Notebook`]; a [`Journal`] is all of
//! them. A [`Record`] is everything known about a delivery. [`SqliteJournal`] serves one process and
//! [`PostgresJournal`] several replicas; see [`sqlite`] and [`postgres`] for what each promises. [`open()`] takes an
//! [`Address`] of either. [`Measured`] counts failures and times appends.
//!
//! - SQLite: WAL, `synchronous=FULL`, one writer thread, group commit. A second thread moves the log into the main file
//!   (`sqlite/checkpoints.rs`).
//! - PostgreSQL: claims with `SKIP LOCKED`, appends of many callers in one statement, `NOTIFY` between replicas, claim
//!   timeouts by the database's clock.
//!
//! # Invariants
//!
//! - [`Intake::append`] returns after the commit. It takes `Verified` deliveries only.
//! - The crate knows neither rules nor Kubernetes. Decisions arrive as [`DecisionRecord`]s.
//! - SQL stays in `sqlite/` and `postgres/`. The stored form of a delivery (`row.rs`, `stored_record.rs`,
//!   `format.rs`) is the same for both.
//! - Both stores pass one contract suite.
//! - A connection whose call failed or was abandoned is discarded: it may hold a transaction, a lock, or a reply on the
//!   wire.
//! - The schema only moves forward. A newer one is rejected with both versions. A step may add, not take away:
//!   replicas of the version before use the same tables during an upgrade. So tables and columns keep their first
//!   names (`memos`, `refusals`, `proof`, `fault`).
//!
//! # Fairness
//!
//! [`Queue::claim`] picks deliveries round robin over tenants, because only the store sees all that wait. A
//! [`tenant`] is the namespace of the first key that verified the delivery. The position is kept in memory
//! (`round_robin.rs`): a restart may begin the round at its start.
//!
//! # Facts
//!
//! Facts belong to the delivery, not to an attempt: they survive a release, a claim that times out and a settlement,
//! and a replay copies them. So every attempt, every replay and `explain` decide with the same answers.
//!
//! # Keys
//!
//! A key outlives its delivery in the same row with most columns emptied. In a table of its own, a moment would exist
//! in which a repetition finds neither. The verification stays too, or a repetition would look like a delivery that a
//! further key verifies.
#![forbid(unsafe_code)]

mod address;
mod body;
mod cursor;
mod error;
mod format;
mod history;
mod intake;
mod journal;
mod limits;
mod measured;
mod metrics;
mod new_delivery;
mod notebook;
mod observed;
mod open;
mod panic_flag;
pub mod postgres;
mod queue;
mod record;
mod rejection;
mod reopening;
mod retention;
mod round_robin;
mod row;
mod settings;
mod shares;
mod space_request;
pub mod sqlite;
mod stored_record;
mod timeout;
mod timestamp;

pub use address::{Address, AddressError};
pub use error::JournalError;
pub use history::{History, Page, Query, ReplayOutcome, ReplayRequest, Usage};
pub use intake::{AppendOutcome, Decided, Intake};
pub use journal::Journal;
pub use limits::LIMITS;
pub use measured::Measured;
pub use metrics::Metrics;
pub use notebook::{Entry, Notebook};
pub use observed::append_observed;
pub use open::{OpenError, open, open_with};
pub use postgres::PostgresJournal;
pub use queue::{ClaimRequest, ClaimToken, ClaimedDelivery, LONGEST_WAIT, Queue, Stats, tenant};
pub use record::{
    CheckRecord, ConditionRecord, DecisionRecord, LaunchRecord, OutcomeRecord, Record, Settlement, State,
};
pub use rejection::{REJECTIONS, Rejection, TriedSecret};
pub use retention::{Pruned, Retention};
pub use settings::Settings;
pub use shares::{Share, Shares};
pub use sqlite::SqliteJournal;
