//! Image registries.
#![forbid(unsafe_code)]

pub mod notifications;
