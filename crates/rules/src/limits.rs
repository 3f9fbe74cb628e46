use trigger_core::Limit;

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[];
