//! CEL as Tekton's interceptor `cel` has it.
//!
//! - [`Program`]: an expression, checked once; [`Vocabulary`] names its variables.
//! - [`Variables`], [`SecretLookup`]: the event and the Secrets that an evaluation sees.
//! - [`CompileError`], [`EvaluateError`]: errors in Tekton's words, with the [`Code`] of the answer.
//! - [`LIMITS`]: the bounds of expressions and evaluations.
//!
//! The library `cel` parses. Check and evaluation are ours: types, functions and texts follow cel-go, and each step of
//! an evaluation is paid for from a budget.

mod check;
mod compare;
mod context;
mod encode;
mod error;
mod evaluate;
mod functions;
mod limits;
mod node;
mod number;
mod parse;
mod pattern;
mod program;
mod source;
#[cfg(test)]
mod tests;
mod types;
mod value;
mod variables;

pub use error::{Code, CompileError, EvaluateError, SecretError};
pub use limits::LIMITS;
pub use program::{ComparedSecret, Program};
pub use variables::{NoSecrets, SecretLookup, Variables, Vocabulary};
