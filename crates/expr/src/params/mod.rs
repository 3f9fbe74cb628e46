//! Parameters: the values of bindings, resolved against an event.
//!
//! - `expressions.rs`: the expressions in a value, which are read once.
//! - `bindings.rs`: the parameters of a trigger's bindings, and their resolution.
//! - `resolved.rs`: a resolved value, which remembers the origin of its parts.
//!
//! Text that came from an event is never searched for expressions. Tekton searches it, so that a sender can have parts of
//! the event appear in other places, in a random order.

mod bindings;
mod error;
mod expressions;
mod resolved;
#[cfg(test)]
mod tests;

pub use self::bindings::{Bindings, MOST_PARAMS, Param, ParamSpec};
pub use self::error::{ExpressionError, ParamsError};
pub use self::expressions::MOST_EXPRESSIONS;
pub use self::resolved::{LARGEST_VALUE, LARGEST_VALUES, Part, Resolved};
