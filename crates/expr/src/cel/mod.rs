//! CEL as Tekton's interceptor `cel` has it.
//!
//! - [`Program`]: an expression, checked once; [`Vocabulary`] names its variables.
//! - [`Variables`], [`SecretLookup`]: the event and the Secrets that an evaluation sees.
//! - [`DemandedText`]: the text in the body without which a filter is not true, to find filters by it.
//! - [`Operand`]: a part of a filter with what it evaluated to, for decisions.
//! - [`set_overlay`]: writes a result where an overlay's key says.
//! - [`CompileError`], [`EvaluateError`]: errors in Tekton's words; the latter has the [`Code`] of the answer.
//!
//! The way of an expression: `lexer`, `parse`, `check`, `evaluate`. Types, functions and texts follow cel-go, and each
//! step of an evaluation is paid for from a budget.

mod check;
mod compare;
mod context;
mod demanded_text;
mod encode;
mod error;
mod evaluate;
mod explain;
mod functions;
mod lexer;
mod limits;
mod node;
mod number;
mod overlay_key;
mod parse;
mod pattern;
mod privacy;
mod problem;
mod program;
mod syntax;
#[cfg(test)]
mod tests;
mod types;
mod url;
mod value;
mod variables;
mod yaml;

pub use demanded_text::{BodyPath, DemandedText};
pub use error::{Code, CompileError, EvaluateError, SecretError};
pub use explain::{Finding, Operand, Seen};
pub(crate) use limits::{
    DEEPEST, DEEPEST_ITERATION, DEEPEST_KEY, DEEPEST_YAML, LARGEST_PATTERN, LARGEST_PLACE, LARGEST_PRECISION,
    LONGEST_EXPRESSION, LONGEST_KEY, LONGEST_PATTERN, MOST_DEMANDED_FIELDS, MOST_DEMANDED_TEXTS, MOST_MADE,
    MOST_NODES, MOST_STEPS, MOST_YAML_ALIASES, MOST_YAML_NODES,
};
pub use overlay_key::{OverlayKeyError, set_overlay};
pub use program::{ComparedSecret, Program};
pub use variables::{NoSecrets, SecretLookup, Variables, Vocabulary};
