//! The bounds of an expression and of its evaluation. Together they end an evaluation within about 50 ms.

use trigger_core::Limit;

/// The longest expression.
pub(super) const LONGEST_EXPRESSION: usize = 4 << 10;
/// How deep an expression may be nested, where each operator, selection, call and bracket is a level.
pub(super) const DEEPEST: usize = 64;
/// How many parts an expression may have.
pub(super) const MOST_NODES: usize = 1000;
/// How deep `all`, `exists`, `map`, `filter` and the like may be nested.
pub(super) const DEEPEST_ITERATION: usize = 4;
/// How many steps an evaluation may take. A part that is evaluated is one, and so are 64 bytes that are looked at.
pub(super) const MOST_STEPS: usize = 500_000;
/// How many bytes of strings, lists and maps an evaluation may make, in total.
pub(super) const MOST_MADE: usize = 4 << 20;
/// The longest regular expression.
pub(super) const LONGEST_PATTERN: usize = 1 << 10;
/// The size of a compiled regular expression.
pub(super) const LARGEST_PATTERN: usize = 64 << 10;
/// The longest key of an overlay.
pub(super) const LONGEST_KEY: usize = 1 << 10;
/// How many levels of objects and lists the key of an overlay may name.
pub(super) const DEEPEST_KEY: usize = 32;
/// The largest place in a list that the key of an overlay may name; the places before it become `null`.
pub(super) const LARGEST_PLACE: usize = 1000;

const REFUSED: &str = "the trigger or Build is not valid, and its status says so";
const ENDED: &str = "the evaluation ends as an error, and the event does not pass";
const INVALID_KEY: &str = "the overlay is invalid, and the event does not pass";

/// The bounds of CEL.
pub const LIMITS: &[Limit] = &[
    Limit::bytes("CEL expression", LONGEST_EXPRESSION, REFUSED),
    Limit::count("levels of a CEL expression", DEEPEST, REFUSED),
    Limit::count("parts of a CEL expression", MOST_NODES, REFUSED),
    Limit::count("macros inside each other that iterate, in a CEL expression", DEEPEST_ITERATION, REFUSED),
    Limit::bytes(
        "regular expression of CEL",
        LONGEST_PATTERN,
        "the expression is refused, or its evaluation ends",
    ),
    Limit::bytes(
        "compiled regular expression of CEL",
        LARGEST_PATTERN,
        "the expression is refused, or its evaluation ends",
    ),
    Limit::bytes("key of an overlay", LONGEST_KEY, INVALID_KEY),
    Limit::count("levels in the key of an overlay", DEEPEST_KEY, INVALID_KEY),
    Limit::count("place in a list that the key of an overlay names", LARGEST_PLACE, INVALID_KEY),
    Limit::count("steps of an evaluation of CEL", MOST_STEPS, ENDED),
    Limit::bytes("strings and lists that an evaluation of CEL makes", MOST_MADE, ENDED),
];
