use trigger_core::Limit;

use crate::dispatcher::CLAIMED_BODIES;
use crate::facts::{MOST_FACTS, MOST_ROUNDS};

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::bytes("bodies of claimed deliveries", CLAIMED_BODIES, "further deliveries wait in the journal"),
    Limit::count("questions of a delivery to providers", MOST_FACTS, "further ones are answered as unknown"),
    Limit::count("rounds of questions of a delivery", MOST_ROUNDS, "the rules that ask on are not decided"),
];
