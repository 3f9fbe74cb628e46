//! The state machine and what it reads and writes, by tables, and by walks through a world that makes trouble.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking; clippy's leave for tests does not reach the functions that they share"
)]

mod orders;
mod scene;
mod steps;
mod walks;
