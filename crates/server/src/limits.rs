use trigger_core::Limit;

use crate::listener::{MAX_HEAD, MAX_HEADERS};

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("headers of a request", MAX_HEADERS, "431"),
    Limit::bytes("request line and headers together", MAX_HEAD, "431 or 414"),
];
