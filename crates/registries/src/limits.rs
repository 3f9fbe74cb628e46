use trigger_core::Limit;

use crate::notifications::MOST_HINTS;

/// The bounds of this crate.
pub const LIMITS: &[Limit] =
    &[Limit::count("images of a notification", MOST_HINTS, "the notification is rejected: 400")];
