//! The durable record of deliveries, decisions and launches; also the work queue.
//!
//! Start at [`Journal`], the one trait that every store implements, and [`Record`], what it keeps.
//! [`SqliteJournal`] is the store for a single process; see [`sqlite`] for what it promises.
//! The crate knows nothing about rules or Kubernetes: decisions arrive as [`DecisionRecord`]s.
#![forbid(unsafe_code)]

mod cursor;
mod error;
mod format;
mod journal;
mod moment;
mod record;
pub mod sqlite;

pub use error::JournalError;
pub use journal::{Appended, Claimed, Journal, Page, Query, Stats, Ticket};
pub use record::{CheckRecord, DecisionRecord, LaunchRecord, OutcomeRecord, Record, Settlement, State};
pub use sqlite::SqliteJournal;
