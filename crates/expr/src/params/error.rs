use super::{LARGEST_VALUE, LARGEST_VALUES, MOST_EXPRESSIONS, MOST_PARAMS};
use crate::jsonpath::{EvaluateError, ParseError};

/// Why the parameters of a trigger have no values. Messages are those of Tekton Triggers, where it has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// Two bindings give one parameter a value.
    #[error("duplicate param name: {0}")]
    Duplicate(String),
    /// An expression has no result, and the template has no default for the parameter.
    #[error(
        "failed to ApplyEventValuesToParams: failed to replace JSONPath value for param {param}: {value}"
    )]
    Expression {
        /// The name of the parameter.
        param: String,
        /// Its value in the binding, shortened.
        value: String,
        /// Why.
        #[source]
        source: ExpressionError,
    },
    /// More parameters than [`MOST_PARAMS`].
    #[error("the trigger has more than {MOST_PARAMS} parameters: use fewer")]
    TooManyParams,
    /// A value has more expressions than [`MOST_EXPRESSIONS`].
    #[error("param {0} has more than {MOST_EXPRESSIONS} expressions: use several parameters")]
    TooManyExpressions(String),
    /// A value has more bytes than [`LARGEST_VALUE`].
    #[error("param {0} is larger than {LARGEST_VALUE} bytes: choose a smaller part of the event")]
    ValueTooLarge(String),
    /// All values together have more bytes than [`LARGEST_VALUES`].
    #[error(
        "the parameters are larger than {LARGEST_VALUES} bytes together: choose smaller parts of the event"
    )]
    ValuesTooLarge,
}

/// Why an expression has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// The path cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The event has no such value.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
}

impl ExpressionError {
    /// Whether a default takes the place of the expression: not if a bound of this program is exceeded.
    pub(super) fn has_default(&self) -> bool {
        !matches!(self, Self::Parse(ParseError::TooLong) | Self::Evaluate(EvaluateError::Bound(_)))
    }
}
