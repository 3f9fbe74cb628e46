//! Requests to servers and proxies on loopback. The development registry is the server: any would do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod limits;
mod proxy;
mod scene;
mod tls;
