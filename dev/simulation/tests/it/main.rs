//! The simulated controllers on a dev cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod builds;
mod pipelines;
mod poll;
mod task_runs;
