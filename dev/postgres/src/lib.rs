//! A PostgreSQL server of one's own, for tests and measurements.
//!
//! [`Server::start`] makes one in a temporary directory, with the programs of PostgreSQL that are installed
//! here, as durable as a real one. It goes away with its [`Server`], and also if the process is killed.
//! [`shared`] is one for all tests of a process.
#![forbid(unsafe_code)]

mod account;
mod programs;
mod server;
mod shared;

pub use server::{Server, StartError};
pub use shared::shared;
