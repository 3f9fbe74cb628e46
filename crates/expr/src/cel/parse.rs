//! From text to the library's syntax tree.

use cel::Env;
use cel::common::ast::{IdedExpr, SourceInfo};

use super::CompileError;
use super::limits::{DEEPEST, LONGEST_EXPRESSION};

/// A syntax tree, and the places of its parts.
pub(super) struct Parsed {
    pub(super) expression: IdedExpr,
    pub(super) places: SourceInfo,
}

/// A fault at a place in the source.
pub(super) struct Problem {
    /// The byte at which the faulty part begins.
    pub(super) offset: usize,
    pub(super) message: String,
}

/// How many faults an error text lists.
const MOST_PROBLEMS: usize = 4;
/// How much of a refused expression an error text repeats.
const SHORTENED: usize = 64;

/// Parses an expression. Macros stay calls.
pub(super) fn parse(source: &str) -> Result<Parsed, CompileError> {
    if source.len() > LONGEST_EXPRESSION {
        return Err(too_large(source, format!("more than {LONGEST_EXPRESSION} bytes")));
    }
    // The parser descends once per level, as do the check and the evaluation.
    if levels(source) > DEEPEST {
        return Err(too_large(source, format!("more than {DEEPEST} levels of operators and brackets")));
    }
    let parser = Env::default().with_optional_support(false).parser();
    match parser.parse_with_source_info(source) {
        Ok((expression, places)) => Ok(Parsed { expression, places }),
        Err(errors) => {
            let problems = errors.errors.into_iter().map(|error| {
                let (line, column) = error.pos;
                let number = |value: isize| usize::try_from(value).unwrap_or(0);
                Problem { offset: offset(source, number(line), number(column)), message: worded(error.msg) }
            });
            let reason = report(source, problems.collect());
            Err(CompileError::Syntax { expression: source.to_owned(), reason })
        }
    }
}

pub(super) fn too_large(source: &str, excess: String) -> CompileError {
    let mut expression: String = source.chars().take(SHORTENED).collect();
    if expression.len() < source.len() {
        expression.push('…');
    }
    CompileError::TooLarge { expression, excess }
}

/// The text of faults with their places, as cel-go writes it.
pub(super) fn report(source: &str, mut problems: Vec<Problem>) -> String {
    problems.sort_by_key(|problem| problem.offset);
    let texts = problems.iter().take(MOST_PROBLEMS).map(|problem| {
        let before = source.get(..problem.offset).unwrap_or(source);
        let number = before.matches('\n').count();
        let line = source.split('\n').nth(number).unwrap_or_default();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let (row, place) = (number + 1, column + 1);
        format!("ERROR: <input>:{row}:{place}: {}\n | {line}\n | {}^", problem.message, ".".repeat(column))
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// The library's message as cel-go has it: where the expression may end, it names no other tokens.
fn worded(message: String) -> String {
    match message.split_once("{<EOF>, ") {
        Some((before, _)) => format!("{before}<EOF>"),
        None => message,
    }
}

/// The byte at a line and column, both counted from one.
fn offset(source: &str, line: usize, column: usize) -> usize {
    let before: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = source.get(before..).unwrap_or_default();
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    before + within
}

/// A bound on how deep the syntax tree of an expression is: how many operators, selections and brackets can lie around
/// a part of it. The operands of `&&` and `||` and the items of lists lie beside each other.
fn levels(source: &str) -> usize {
    let mut open: Vec<usize> = vec![0];
    let mut deepest = 0;
    let mut total = 0_usize;
    let mut tokens = Tokens { rest: source };
    while let Some(token) = tokens.next() {
        let Some(here) = open.last_mut() else { break };
        match token {
            "(" | "[" | "{" => {
                *here += 1;
                total += 1;
                open.push(0);
            }
            ")" | "]" | "}" => {
                total -= *here;
                open.pop();
                if open.is_empty() {
                    open.push(0);
                }
            }
            "&&" | "||" | "," => {
                total -= *here;
                *here = 0;
            }
            _ => {
                *here += 1;
                total += 1;
            }
        }
        deepest = deepest.max(total);
    }
    deepest
}

/// The operators and brackets of a source outside of strings and comments.
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let first = self.rest.chars().next()?;
            if first == '"' || first == '\'' {
                self.rest = behind_string(self.rest, false);
            } else if self.rest.starts_with("//") {
                self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
            } else if first.is_alphanumeric() || first == '_' {
                let end =
                    self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at_checked(end)?;
                self.rest = rest;
                if rest.starts_with(['"', '\'']) && word.len() <= 2 {
                    self.rest = behind_string(rest, word.contains(['r', 'R']));
                } else if word == "in" {
                    return Some(word);
                }
            } else if first.is_whitespace() {
                self.rest = self.rest.trim_start();
            } else {
                let operator = ["&&", "||", "==", "!=", "<=", ">="];
                let two = operator.into_iter().find(|operator| self.rest.starts_with(operator));
                let (token, rest) = self.rest.split_at_checked(two.map_or(first.len_utf8(), str::len))?;
                self.rest = rest;
                return Some(token);
            }
        }
    }
}

/// The text behind the string at the start of the text.
fn behind_string(text: &str, raw: bool) -> &str {
    let triple = ["\"\"\"", "'''"].into_iter().find(|quote| text.starts_with(quote));
    let quote = triple.or_else(|| text.get(..1)).unwrap_or_default();
    let mut rest = text.get(quote.len()..).unwrap_or_default();
    while !rest.is_empty() && !rest.starts_with(quote) {
        let mut letters = rest.chars();
        if letters.next() == Some('\\') && !raw {
            letters.next();
        }
        rest = letters.as_str();
    }
    rest.get(quote.len()..).unwrap_or_default()
}
