use trigger_core::Limit;

use crate::header::LONGEST_VALUE;
use crate::json::{ANY_SHAPE, LARGEST_SHAPE, LONGEST_ESCAPED};

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::bytes("header of a delivery that is stored", LONGEST_VALUE, "the header is not stored"),
    Limit::bytes(
        "text with escapes in a field that is read",
        LONGEST_ESCAPED,
        "the request is malformed: 400",
    ),
    Limit::bytes("payload of any depth and with any names of fields", ANY_SHAPE, "the next two bounds hold"),
    Limit::count("levels of a longer payload", LARGEST_SHAPE, "the request is malformed: 400"),
    Limit::bytes(
        "name of a field, with escapes, in a longer payload",
        LARGEST_SHAPE,
        "the request is malformed: 400",
    ),
];
