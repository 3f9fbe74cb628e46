//! Ports for servers that stop and start again.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Ports below Linux's range for clients (32768 and up). A client that retries while a server is away could
/// otherwise be assigned the server's own port and keep the server from starting again.
const RANGE: Range<u16> = 15_000..32_000;

/// Attempts before the range counts as full.
const ATTEMPTS: u32 = 1000;

/// A random port of [`RANGE`] without a listener on 127.0.0.1. Another process can still take it first.
pub(crate) fn free() -> io::Result<u16> {
    let width = u64::from(RANGE.end - RANGE.start);
    let state = RandomState::new();
    for attempt in 0..ATTEMPTS {
        let offset = u16::try_from(state.hash_one(attempt) % width).unwrap_or(0);
        let port = RANGE.start + offset;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other(format!("no free port between {} and {}", RANGE.start, RANGE.end)))
}
