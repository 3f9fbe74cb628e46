use trigger_core::Limit;

use crate::header::LONGEST_VALUE;

/// The bounds of this crate.
pub const LIMITS: &[Limit] =
    &[Limit::bytes("header of a delivery that is stored", LONGEST_VALUE, "the header is not stored")];
