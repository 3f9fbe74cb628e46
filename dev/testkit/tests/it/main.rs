//! Servers that run while their handles exist, and leave nothing behind.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]

mod api_server;
mod postgres;
