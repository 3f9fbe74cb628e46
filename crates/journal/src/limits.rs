use trigger_core::Limit;

use crate::{LONGEST_WAIT, REJECTIONS};

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("rejected requests in the journal", REJECTIONS, "the oldest is dropped"),
    Limit::time("wait of a delivery for its next attempt", LONGEST_WAIT, "a clock was ahead: it is due now"),
];
