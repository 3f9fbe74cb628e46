use trigger_core::Limit;

use crate::REJECTIONS;

/// The bounds of this crate.
pub const LIMITS: &[Limit] =
    &[Limit::count("rejected requests in the journal", REJECTIONS, "the oldest is dropped")];
