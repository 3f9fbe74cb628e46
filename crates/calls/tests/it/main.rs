//! Questions to servers on loopback.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod addresses;
mod authorities;
mod bounds;
mod cloud_events;
mod forge;
mod interceptors;
mod scene;
mod server;
