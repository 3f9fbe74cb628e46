use std::fmt;

use super::{LARGEST_RESULT, LONGEST_PATH, MOST_VALUES};
use crate::go_json::DEEPEST;

/// Why a path cannot be read. The messages are those of Tekton Triggers, where it has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Braces in other places than around the path.
    #[error(
        "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{{name1.name2}}' or '{{.name1.name2}}'"
    )]
    StrayBrace,
    /// The line or the path ends where more is expected.
    #[error("unclosed action")]
    UnclosedAction,
    /// A character that begins nothing.
    #[error("unrecognized character in action: {}", Named(*.0))]
    UnrecognizedCharacter(char),
    /// `[` without `]` in its line.
    #[error("unterminated array")]
    UnterminatedArray,
    /// `[?(` without `)` in its line.
    #[error("unterminated filter")]
    UnterminatedFilter,
    /// A filter that ends with another character than `]`.
    #[error("unclosed array expect ]")]
    UnclosedFilter,
    /// A quote without a second one in its line.
    #[error("unterminated quoted string")]
    UnterminatedQuote,
    /// A quoted string with an escape that Go does not have.
    #[error("unquote string {0} error invalid syntax")]
    Unquote(String),
    /// Brackets hold neither a key in single quotes nor an index.
    #[error("invalid array index {0}")]
    InvalidIndex(String),
    /// An index without digits, or with too many.
    #[error("array index {0} is not a number")]
    NotANumber(String),
    /// A number with several points, or too large.
    #[error("cannot parse number {0}")]
    Number(String),
    /// `....`
    #[error("invalid multiple recursive descent")]
    MultipleDescent,
    /// It has more bytes than [`LONGEST_PATH`].
    #[error("the path is longer than {LONGEST_PATH} bytes: use a shorter one")]
    TooLong,
}

/// Why a path has no result in an event. The messages are those of Tekton Triggers, where it has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// No value has this field.
    #[error("{0} is not found")]
    NotFound(String),
    /// An index of another value than a list. Its type, as Go names it.
    #[error("{0} is not array or slice")]
    NotAList(&'static str),
    /// A filter of another value than a list. Its type, as Go names it.
    #[error("{0} is not array or slice and cannot be filtered")]
    NotFilterable(&'static str),
    /// The list is shorter.
    #[error("array index out of bounds: index {index}, length {length}")]
    OutOfBounds {
        /// The index, from 0.
        index: i64,
        /// The length of the list.
        length: usize,
    },
    /// A slice that would go backwards.
    #[error("starting index {start} is greater than ending index {end}")]
    Backwards {
        /// The first index.
        start: i64,
        /// The index behind the last.
        end: i64,
    },
    /// A slice with a step of 0 or less.
    #[error("step must be > 0")]
    Step,
    /// A word where a path is expected.
    #[error("unrecognized identifier {0}")]
    Identifier(String),
    /// The word `end` without `range`.
    #[error("not in range, nothing to end")]
    NothingToEnd,
    /// A side of a comparison has several values.
    #[error("can only compare one element at a time")]
    SeveralValues,
    /// A side of a comparison is null, a list or an object, or the order of booleans is asked for.
    #[error("invalid type for comparison")]
    ComparisonType,
    /// The sides of a comparison have different types. Numbers of an event are floats: `1.0`, not `1`.
    #[error("incompatible types for comparison")]
    IncompatibleTypes,
    /// No such operator.
    #[error("unrecognized filter operator {0}")]
    Operator(String),
    /// A bound of this program is exceeded.
    #[error(transparent)]
    Bound(#[from] BoundError),
}

/// An evaluation would cost more than it may. A default does not take the place of such an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    /// The expressions visit more values than [`Budget::MOST_STEPS`](super::Budget::MOST_STEPS).
    #[error(
        "the expressions of a trigger visit more than {} values: name the fields on the way",
        super::Budget::MOST_STEPS
    )]
    TooManySteps,
    /// A part of the path has more results than [`MOST_VALUES`].
    #[error("a part of the path has more than {MOST_VALUES} results: name the fields on the way")]
    TooManyValues,
    /// The result has more bytes than [`LARGEST_RESULT`].
    #[error("the result is larger than {LARGEST_RESULT} bytes: choose a smaller part of the event")]
    TooLarge,
    /// The value has more levels than can be written.
    #[error("the value has more than {DEEPEST} levels")]
    TooDeep,
}

/// A character as Go's `%#U` writes it.
struct Named(char);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "U+{:04X}", u32::from(self.0))?;
        let is_blank = self.0.is_control() || (self.0.is_whitespace() && self.0 != ' ');
        if is_blank { Ok(()) } else { write!(f, " '{}'", self.0) }
    }
}
