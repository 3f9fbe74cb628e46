//! Image registries.
#![forbid(unsafe_code)]
