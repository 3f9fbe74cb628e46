use std::borrow::Cow;

use trigger_core::canonical_header_name;

use crate::jsonpath::{ParseError, Path};

/// The most expressions of a value: the value is searched for each of them.
pub const MOST_EXPRESSIONS: usize = 128;

/// An expression in a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expression {
    /// Its text with `$(` and `)`.
    pub(super) text: String,
    /// Its path. One that cannot be read is an error once it is used, because a default can take its place.
    pub(super) path: Result<Path, ParseError>,
}

/// The expressions of a value in their order; `None` if there are more than [`MOST_EXPRESSIONS`].
///
/// An expression ends at the first `)` without a `(` of its own. `$(` without such a `)` before the next `$(` is text.
pub(super) fn expressions_in(value: &str) -> Option<Vec<Expression>> {
    let mut expressions = Vec::new();
    for rest in value.split("$(").skip(1) {
        let Some(path) = until_unbalanced(rest) else { continue };
        if expressions.len() == MOST_EXPRESSIONS {
            return None;
        }
        expressions.push(Expression { text: format!("$({path})"), path: Path::parse(&canonical(path)) });
    }
    Some(expressions)
}

fn until_unbalanced(text: &str) -> Option<&str> {
    let mut open = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => open += 1,
            ')' if open == 0 => return text.get(..at),
            ')' => open -= 1,
            _ => {}
        }
    }
    None
}

/// The path with the name of a header as Go writes it.
fn canonical(path: &str) -> Cow<'_, str> {
    match path.strip_prefix("header.") {
        Some(name) => Cow::Owned(format!("header.{}", canonical_header_name(name))),
        None => Cow::Borrowed(path),
    }
}
