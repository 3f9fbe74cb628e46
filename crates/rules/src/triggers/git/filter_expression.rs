use serde_json::{Map, Value};
use trigger_api::annotations;
use trigger_core::GitEvent;
use trigger_expr::Headers;
use trigger_expr::cel::{
    CompileError, EvaluateError, Finding, NoSecrets, Operand, Program, Seen, Variables, Vocabulary,
};

use super::described::described;
use crate::limits::{LONGEST_CHECK, MOST_FILTER_PATTERNS, STEPS_OF_CEL};
use crate::payload::LazyPayload;
use crate::rule_error::RuleError;
use crate::text::cut;
use crate::work::Work;

/// What the compilation of an expression costs in steps of CEL, for each byte and for each regular expression in it.
const COMPILATION: (usize, usize) = (20, 2000);

/// An expression of CEL that an event has to make true. Its text is kept and compiled for each event: compiled regular
/// expressions take memory, and one tenant can write thousands.
pub(super) struct FilterExpression {
    source: Box<str>,
    /// How many regular expressions it holds.
    patterns: usize,
    /// Whether it can name the payload. Most filters need the event only.
    reads_payload: bool,
}

/// The result of a filter for an event.
pub(super) enum Filtered {
    /// It is true.
    True,
    /// It is not true: its operands with their values.
    False(String),
    /// It has no value, for this reason.
    Failed(String),
}

impl FilterExpression {
    pub(super) fn compile(source: &str) -> Result<Self, RuleError> {
        let key = annotations::FILTER;
        if source.trim().is_empty() {
            let message =
                format!("the annotation `{key}` is empty: write an expression of CEL, or remove it");
            return Err(RuleError::new("TriggerAnnotationEmpty", message));
        }
        let invalid = |reason: &str| {
            RuleError::new(
                "TriggerInvalidFilter",
                format!("the annotation `{key}` cannot be understood: {reason}"),
            )
        };
        let program =
            Program::compile(source, Vocabulary::Build).map_err(|error| invalid(&in_a_line(&error)))?;
        if let Some(secret) = program.secrets().first() {
            let reason = format!(
                "it compares with the Secret {:?}, and the filter of a Build reads none; the Build's own key verifies \
                 each delivery",
                secret.name
            );
            return Err(invalid(&reason));
        }
        let patterns = program.patterns();
        if patterns > MOST_FILTER_PATTERNS {
            let (reason, subject) = ("TriggerTooManyPatterns", "regular expressions in a filter");
            return Err(RuleError::too_many(reason, subject, patterns, MOST_FILTER_PATTERNS));
        }
        let reads_payload = ["body", "header"].iter().any(|variable| source.contains(variable));
        Ok(Self { source: source.into(), patterns, reads_payload })
    }

    /// Evaluates the filter for an event.
    pub(super) fn evaluate(&self, event: &GitEvent, payload: &LazyPayload<'_>, work: &mut Work) -> Filtered {
        if !work.is_left() {
            return Filtered::Failed("the rules of the namespace take too long for one event".to_owned());
        }
        let (of_byte, of_pattern) = COMPILATION;
        work.spend(STEPS_OF_CEL * (of_byte * self.source.len() + of_pattern * self.patterns));
        let program = match Program::compile(&self.source, Vocabulary::Build) {
            Ok(program) => program,
            Err(error) => return Filtered::Failed(in_a_line(&error)),
        };
        let event = work.described(|| described(event));
        let (no_header, no_extensions) = (Headers::new(), Map::new());
        let (body, header) = if self.reads_payload {
            match payload.get() {
                Ok(payload) => (&payload.body, &payload.header),
                Err(reason) => return Filtered::Failed(reason.to_owned()),
            }
        } else {
            (&Value::Null, &no_header)
        };
        let variables =
            Variables { body, header, extensions: &no_extensions, request_url: "", event: &event };
        let (is_true, steps) = program.is_true_in_steps(&variables, &NoSecrets);
        work.spend(STEPS_OF_CEL * steps);
        let mut explained = || {
            // It is evaluated once more for that.
            work.spend(STEPS_OF_CEL * steps);
            explain(&program, &variables)
        };
        match is_true {
            Ok(true) => Filtered::True,
            Ok(false) => Filtered::False(explained().unwrap_or_else(|| "false".to_owned())),
            Err(EvaluateError::Failed { reason, .. }) => Filtered::Failed(explained().unwrap_or(reason)),
            Err(EvaluateError::Unbounded { reason, .. }) => Filtered::Failed(reason.to_owned()),
            Err(error) => Filtered::Failed(error.to_string()),
        }
    }

    /// The expression, as a check shows it.
    pub(super) fn source(&self) -> String {
        cut(self.source.split_whitespace().collect::<Vec<_>>().join(" "), LONGEST_CHECK)
    }

    /// Its memory.
    pub(super) fn bytes(&self) -> usize {
        self.source.len()
    }
}

/// The first mistake in an expression, with its place. CEL shows the expression below it, for a terminal.
fn in_a_line(error: &CompileError) -> String {
    let (CompileError::Syntax { reason, .. } | CompileError::Check { reason, .. }) = error else {
        return error.to_string();
    };
    let first = reason.lines().next().unwrap_or_default();
    let first = first.strip_suffix(" (in container '')").unwrap_or(first);
    let placed = first.strip_prefix("ERROR: <input>:").and_then(|rest| {
        let (line, rest) = rest.split_once(':')?;
        let (column, mistake) = rest.split_once(": ")?;
        Some(format!("at line {line}, column {column}: {mistake}"))
    });
    placed.unwrap_or_else(|| first.to_owned())
}

/// The operands that are not true, with the values that they saw.
fn explain(program: &Program, variables: &Variables<'_>) -> Option<String> {
    let operands = program.explain(variables, &NoSecrets);
    let operands: Vec<_> = operands.iter().filter_map(explained).collect();
    (!operands.is_empty()).then(|| operands.join("; "))
}

/// An operand that is not true, such as `event.branch == "main" is false (event.branch is "dev")`.
fn explained(operand: &Operand) -> Option<String> {
    let Operand { text, finding, seen } = operand;
    let finding = match finding {
        Finding::True => return None,
        Finding::False => "is false".to_owned(),
        Finding::Other(value) => format!("is {value}, and no boolean"),
        Finding::Failed(reason) => return Some(format!("{text} fails: {reason}")),
    };
    let seen: Vec<_> = seen.iter().map(|Seen { text, value }| format!("{text} is {value}")).collect();
    Some(if seen.is_empty() {
        format!("{text} {finding}")
    } else {
        format!("{text} {finding} ({})", seen.join(", "))
    })
}
