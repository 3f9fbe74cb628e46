//! A real PostgreSQL server.
//!
//! [`PostgresServer::start`] starts the PostgreSQL installed on this machine in a temporary directory, as durable as
//! in production. [`shared()`] is one server for all tests of a process.

mod account;
mod programs;
mod server;
mod shared;

pub use server::{PostgresError, PostgresServer};
pub use shared::shared;
