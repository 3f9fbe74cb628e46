//! What is learnt of registries that behave, and of those that do not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asking;
mod authentication;
mod faults;
mod published_keys;
mod redirects;
mod reference;
mod scene;
mod secrets;
