//! The bounds of an expression and of its evaluation. Together they end an evaluation within about 50 ms.

/// The longest expression.
pub(crate) const LONGEST_EXPRESSION: usize = 4 << 10;
/// How deep an expression may be nested, where each operator, selection, call and bracket is a level.
pub(crate) const DEEPEST: usize = 64;
/// How many parts an expression may have.
pub(crate) const MOST_NODES: usize = 1000;
/// How deep `all`, `exists`, `map`, `filter` and the like may be nested.
pub(crate) const DEEPEST_ITERATION: usize = 4;
/// How many steps an evaluation may take. A part that is evaluated is one, and so are 32 bytes that are looked at.
pub(crate) const MOST_STEPS: usize = 1_000_000;
/// How many bytes of strings, lists and maps an evaluation may make, in total.
pub(crate) const MOST_MADE: usize = 4 << 20;
/// The longest regular expression.
pub(crate) const LONGEST_PATTERN: usize = 1 << 10;
/// The size of a compiled regular expression.
pub(crate) const LARGEST_PATTERN: usize = 256 << 10;
/// The longest key of an overlay.
pub(crate) const LONGEST_KEY: usize = 1 << 10;
/// How many levels of objects and lists the key of an overlay may name.
pub(crate) const DEEPEST_KEY: usize = 32;
/// The largest place in a list that the key of an overlay may name; the places before it become `null`.
pub(crate) const LARGEST_PLACE: usize = 1000;
/// The largest precision of a number in `format`, as cel-go bounds it.
pub(crate) const LARGEST_PRECISION: usize = 100;
/// How many scalars, lists and maps a text of YAML may have, those of repeated aliases included.
pub(crate) const MOST_YAML_NODES: usize = 10_000;
/// How deep lists and maps of YAML may be nested.
pub(crate) const DEEPEST_YAML: usize = 64;
/// How many fields the path of a text may have by which a filter is found.
pub(crate) const MOST_DEMANDED_FIELDS: usize = 8;
/// How many texts a filter may compare a field with to be found by them: each is a place in an index.
pub(crate) const MOST_DEMANDED_TEXTS: usize = 64;
/// How many aliases a text of YAML may have.
pub(crate) const MOST_YAML_ALIASES: usize = 200;
