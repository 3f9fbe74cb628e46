//! Faults of an expression with their places, in the form that cel-go prints.

use super::CompileError;

/// A fault at a place in the source.
#[derive(Debug)]
pub(super) struct Problem {
    /// The byte at which the faulty part begins.
    pub(super) offset: usize,
    pub(super) message: String,
}

/// How many faults an error text lists.
const MOST_PROBLEMS: usize = 4;
/// The longest line of the source that an error text repeats.
const LONGEST_LINE: usize = 256;
/// How many characters of a refused expression an error text repeats.
const SHORTENED: usize = 64;

/// The error of an expression that exceeds a bound.
pub(super) fn too_large(source: &str, excess: String) -> CompileError {
    let mut expression: String = source.chars().take(SHORTENED).collect();
    if expression.len() < source.len() {
        expression.push('…');
    }
    CompileError::TooLarge { expression, excess }
}

/// The text of faults with their places.
pub(super) fn report(source: &str, mut problems: Vec<Problem>) -> String {
    problems.sort_by_key(|problem| problem.offset);
    let texts = problems.iter().take(MOST_PROBLEMS).map(|problem| {
        let before = source.get(..problem.offset).unwrap_or(source);
        let number = before.matches('\n').count();
        let line = source.split('\n').nth(number).unwrap_or_default();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let (row, place) = (number + 1, column + 1);
        let text = format!("ERROR: <input>:{row}:{place}: {}", problem.message);
        if line.len() > LONGEST_LINE {
            return text;
        }
        format!("{text}\n | {line}\n | {}^", ".".repeat(column))
    });
    texts.collect::<Vec<_>>().join("\n")
}
