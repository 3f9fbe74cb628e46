//! Both registries respond as clients expect.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod distribution;
mod own;
