//! An image registry of one's own.
#![forbid(unsafe_code)]
