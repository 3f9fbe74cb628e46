use trigger_core::Limit;

use crate::facts::{MOST_FACTS, MOST_ROUNDS};

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("questions of a delivery to providers", MOST_FACTS, "further ones are answered as unknown"),
    Limit::count("rounds of questions of a delivery", MOST_ROUNDS, "the rules that ask on are not decided"),
];
