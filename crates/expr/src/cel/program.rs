use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use super::context::Fault;
use super::encode::encode;
use super::evaluate::Evaluation;
use super::limits::MOST_STEPS;
use super::node::{Constant, Node};
use super::value::Value;
use super::{CompileError, EvaluateError, SecretLookup, Variables, Vocabulary, check, parse};

/// An expression that was checked once and is evaluated for each event.
///
/// `Debug` and `Display` show its source.
pub struct Program {
    source: Arc<str>,
    root: Node,
}

/// A Secret's key that an expression compares with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComparedSecret {
    /// The name of the Secret, in the trigger's namespace.
    pub name: String,
    /// The key in its data.
    pub key: String,
}

impl Program {
    /// Checks an expression: grammar, names, the types of literals, and the bounds of `limits`.
    pub fn compile(source: &str, vocabulary: Vocabulary) -> Result<Self, CompileError> {
        let syntax = parse::parse(source)?;
        let root = check::check(source, syntax, vocabulary)?;
        Ok(Self { source: source.into(), root })
    }

    /// The expression.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The value for an event, as JSON in the form of Tekton's overlays. Reads Secrets through `secrets` only.
    pub fn evaluate(&self, input: &Variables<'_>, secrets: &dyn SecretLookup) -> Result<Json, EvaluateError> {
        self.evaluate_in_steps(input, secrets).0
    }

    /// The same, with the number of steps that the evaluation took: for callers that evaluate many expressions.
    pub fn evaluate_in_steps(
        &self,
        input: &Variables<'_>,
        secrets: &dyn SecretLookup,
    ) -> (Result<Json, EvaluateError>, usize) {
        let mut evaluation = match Self::begin(input, secrets) {
            Ok(evaluation) => evaluation,
            Err(error) => return (Err(error), 0),
        };
        let value = evaluation.value(&self.root).map_err(|fault| self.failed(fault));
        let json = value.and_then(|value| {
            encode(evaluation.context(), &value).map_err(|fault| match fault {
                Fault::Message(reason) => EvaluateError::Encoding { reason },
                other => self.failed(other),
            })
        });
        (json, MOST_STEPS.saturating_sub(evaluation.context().steps_left()))
    }

    /// Whether an event passes the filter: only if its value is `true`. A value that is not a boolean does not pass.
    pub fn is_true(&self, input: &Variables<'_>, secrets: &dyn SecretLookup) -> Result<bool, EvaluateError> {
        self.is_true_in_steps(input, secrets).0
    }

    /// The same, with the number of steps that the evaluation took: for callers that evaluate many filters.
    pub fn is_true_in_steps(
        &self,
        input: &Variables<'_>,
        secrets: &dyn SecretLookup,
    ) -> (Result<bool, EvaluateError>, usize) {
        let mut evaluation = match Self::begin(input, secrets) {
            Ok(evaluation) => evaluation,
            Err(error) => return (Err(error), 0),
        };
        let value = evaluation.value(&self.root).map_err(|fault| self.failed(fault));
        let is_true = value.map(|value| matches!(value, Value::Bool(true)));
        (is_true, MOST_STEPS.saturating_sub(evaluation.context().steps_left()))
    }

    /// The message of the answer, code 9, to an event that does not pass the filter.
    pub fn not_true(&self) -> String {
        format!("expression {} did not return true", self.source)
    }

    /// The keys of Secrets that the expression compares with, as far as both names are literals.
    pub fn secrets(&self) -> Vec<ComparedSecret> {
        let mut found = Vec::new();
        self.root.walk(&mut |node| {
            let Node::Call { function, arguments } = node else { return };
            let literal = |place: usize| match arguments.get(place).map(|part| &part.node) {
                Some(Node::Constant(Constant::String(text))) => Some(text.to_string()),
                _ => None,
            };
            if let ("compareSecret", Some(key), Some(name)) = (function.name, literal(1), literal(2)) {
                found.push(ComparedSecret { name, key });
            }
        });
        found.sort();
        found.dedup();
        found
    }

    /// How many regular expressions are compiled with it: each takes time and memory.
    pub fn patterns(&self) -> usize {
        let mut count = 0;
        self.root.walk(&mut |node| count += usize::from(matches!(node, Node::PatternCall { .. })));
        count
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// Begins an evaluation; refuses a body that is no object.
    pub(super) fn begin<'a>(
        input: &Variables<'a>,
        secrets: &'a dyn SecretLookup,
    ) -> Result<Evaluation<'a>, EvaluateError> {
        let found = match input.body {
            Json::Null | Json::Object(_) => return Ok(Evaluation::new(*input, secrets)),
            Json::Bool(_) => "bool",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
        };
        Err(EvaluateError::Body { found })
    }

    fn failed(&self, fault: Fault) -> EvaluateError {
        let expression = Arc::clone(&self.source);
        match fault {
            Fault::Unbounded(reason) => EvaluateError::Unbounded { expression, reason },
            Fault::Secret(source) => EvaluateError::Secret { expression, source },
            other => EvaluateError::Failed { expression, reason: other.text() },
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.source).finish()
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}
