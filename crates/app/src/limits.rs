use trigger_core::Limit;

use crate::environment::MAX_REPORTED;

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[Limit::count(
    "unknown environment variables that are reported at the start, each with the nearest name",
    MAX_REPORTED,
    "left out",
)];
