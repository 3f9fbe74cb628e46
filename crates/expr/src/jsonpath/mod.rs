//! The JSONPath dialect of client-go, as Tekton Triggers uses it.
//!
//! - `parser.rs`: reads a path into its parts (`node.rs`; string literals in `quoted.rs`).
//! - `item.rs`: a value on the way of a path, among them the event itself, its headers and its context.
//! - `evaluate.rs`: the values of a path in an event.
//!
//! The dialect is that of <https://kubernetes.io/docs/reference/kubectl/jsonpath/>, with the traits of its
//! implementation: a filter compares numbers with `1.0` and not with `1`, slices do not clamp, and `range` gives nothing.
//! Values of objects come in the order of their keys; in Tekton their order is random.

mod error;
mod evaluate;
mod item;
mod node;
mod parser;
mod quoted;
#[cfg(test)]
mod tests;

pub use self::error::{BoundError, EvaluateError, ParseError};
use self::node::Node;
use crate::EventInput;
use crate::go_json::{JsonText, JsonTextError};

/// The longest path, in bytes.
pub const LONGEST_PATH: usize = 4096;
/// The most results of a part of a path: each takes memory.
pub const MOST_VALUES: usize = 1 << 16;
/// The largest result, in bytes of JSON. No object with a larger one could be created.
pub const LARGEST_RESULT: usize = 3 << 19;

/// A path, read once.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    nodes: Vec<Node>,
}

/// The result of a path, as Tekton writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The only value, which is a string: the content of a JSON string, without the quotes around it.
    Content(String),
    /// The only value, as JSON; or a list of all values, if there is none or several.
    Json(String),
}

/// The values that the paths of one trigger may still visit.
#[derive(Debug, Clone)]
pub struct Budget {
    steps: usize,
}

impl Path {
    /// Reads the text between `$(` and `)`, such as `body.head_commit.id`.
    pub fn parse(expression: &str) -> Result<Self, ParseError> {
        parser::parse(expression).map(|nodes| Self { nodes })
    }

    /// The result in an event.
    pub fn evaluate(&self, input: &EventInput<'_>, budget: &mut Budget) -> Result<Found, EvaluateError> {
        let items =
            if self.nodes.is_empty() { None } else { evaluate::evaluate(&self.nodes, input, budget)? };
        let Some(items) = items else { return Ok(Found::Content(String::new())) };
        let mut json = JsonText::new(LARGEST_RESULT);
        if let [only] = items.as_slice() {
            if let Some(text) = only.text() {
                json.content(&text).map_err(BoundError::from)?;
                return Ok(Found::Content(json.finish()));
            }
            only.write(&mut json).map_err(BoundError::from)?;
        } else {
            json.list(items.into_iter(), |out, item| item.write(out)).map_err(BoundError::from)?;
        }
        Ok(Found::Json(json.finish()))
    }
}

impl Budget {
    /// The most values that the paths of one trigger may visit together.
    pub const MOST_STEPS: usize = 1 << 20;

    /// A whole budget.
    pub fn new() -> Self {
        Self { steps: Self::MOST_STEPS }
    }

    fn spend(&mut self, steps: usize) -> Result<(), BoundError> {
        self.steps = self.steps.checked_sub(steps).ok_or(BoundError::TooManySteps)?;
        Ok(())
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

impl From<JsonTextError> for BoundError {
    fn from(error: JsonTextError) -> Self {
        match error {
            JsonTextError::TooLong => Self::TooLarge,
            JsonTextError::TooDeep => Self::TooDeep,
        }
    }
}
