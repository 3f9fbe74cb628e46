use trigger_core::Limit;

use crate::resolver::MAX_NO_ENTRY;

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[Limit::count(
    "hosts without a credential that are remembered",
    MAX_NO_ENTRY,
    "the oldest is forgotten",
)];
