//! The HTTP server: requests to operations, results to responses.

mod accept;
mod body;
mod control;
mod discovery;
mod handler;
mod openapi;
mod protobuf;
mod query;
mod route;
mod server;
mod table;
mod watch;

pub(crate) use server::{Server, Shared};
