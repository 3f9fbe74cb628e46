//! HTTP: from bytes to operations and back.

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
mod watching;

pub(crate) use server::{Server, Shared};
