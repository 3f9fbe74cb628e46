//! The operands of a filter with what they evaluated to, for decisions.

use std::fmt;
use std::ops::Range;

use super::context::Outcome;
use super::node::{Node, Part};
use super::number::{go_text, seconds_text};
use super::privacy::{HIDDEN, is_private};
use super::value::Value;
use super::{Program, SecretLookup, Variables};

/// A part of a filter that `&&` and `||` combine, or the whole filter if nothing is combined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand {
    /// Its source, shortened.
    pub text: String,
    /// Its value for the event.
    pub finding: Finding,
    /// The values that it compares, except literals.
    pub seen: Vec<Seen>,
}

/// The value of an operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is true.
    True,
    /// It is false.
    False,
    /// It is not a boolean, but this value, shortened.
    Other(String),
    /// It has no value, for this reason.
    Failed(String),
}

/// A value that an operand compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The source of the value, shortened.
    pub text: String,
    /// The value, shortened; `(hidden)` where it may be a secret.
    pub value: String,
}

/// How many operands are explained.
const MOST_OPERANDS: usize = 16;
/// How many characters of a source are shown.
const LONGEST_TEXT: usize = 120;
/// How many characters of a value are shown.
const LONGEST_VALUE: usize = 80;

impl Program {
    /// The operands of the filter for an event, in the order of the source, at most 16. To be called for a filter that
    /// was false or failed; it evaluates again, within the bounds of one evaluation.
    pub fn explain(&self, input: &Variables<'_>, secrets: &dyn SecretLookup) -> Vec<Operand> {
        let Ok(mut evaluation) = Self::begin(input, secrets) else { return Vec::new() };
        let mut operands = Vec::new();
        collect(self.root(), 0..self.source().len(), &mut operands);
        let explained = operands.into_iter().map(|(node, span)| {
            let finding = finding(node, evaluation.value(node));
            let compared = compared(node);
            let seen = compared.into_iter().map(|part| {
                let value = match evaluation.value(&part.node) {
                    _ if is_private(&part.node) => HIDDEN.to_owned(),
                    Ok(value) => shown(&value),
                    Err(fault) => fault.text(),
                };
                Seen { text: self.excerpt(part.span.clone()), value }
            });
            Operand { seen: seen.collect(), text: self.excerpt(span), finding }
        });
        explained.collect()
    }

    fn excerpt(&self, span: Range<usize>) -> String {
        let text = self.source().get(span).unwrap_or_default();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        shortened(&words, LONGEST_TEXT)
    }
}

/// The operands below chains of `&&` and `||`.
fn collect<'a>(node: &'a Node, span: Range<usize>, operands: &mut Vec<(&'a Node, Range<usize>)>) {
    match node {
        Node::And(parts) | Node::Or(parts) => {
            for part in parts {
                collect(&part.node, part.span.clone(), operands);
            }
        }
        _ if operands.len() < MOST_OPERANDS => operands.push((node, span)),
        _ => {}
    }
}

fn finding(node: &Node, outcome: Outcome<'_>) -> Finding {
    match outcome {
        Ok(Value::Bool(true)) => Finding::True,
        Ok(Value::Bool(false)) => Finding::False,
        Ok(_) if is_private(node) => Finding::Other(HIDDEN.to_owned()),
        Ok(value) => Finding::Other(shown(&value)),
        Err(fault) => Finding::Failed(fault.text()),
    }
}

/// The parts that an operand compares, except literals.
fn compared(node: &Node) -> Vec<&Part> {
    let parts: Vec<&Part> = match node {
        Node::Not(operand) => return compared(operand),
        Node::Call { function, .. } if matches!(function.name, "compareSecret" | "_[_]") => Vec::new(),
        Node::Call { arguments, .. } => arguments.iter().collect(),
        Node::PatternCall { text, .. } => vec![text],
        Node::Iteration(iteration) => vec![&iteration.range],
        _ => Vec::new(),
    };
    let varies = |part: &&Part| {
        let mut varies = false;
        part.node.walk(&mut |node| varies |= matches!(node, Node::Variable(_)));
        varies
    };
    parts.into_iter().filter(varies).collect()
}

/// The text of a value, shortened.
fn shown(value: &Value<'_>) -> String {
    let text = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => go_text(*value),
        Value::String(value) => format!("{:?}", value.chars().take(LONGEST_VALUE).collect::<String>()),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Timestamp(time) => time.to_string(),
        Value::Duration(duration) => seconds_text(*duration),
        Value::Type(name) => (*name).to_owned(),
        Value::Map(map) => format!("a map of {}", map.len()),
        Value::List(list) => {
            let mut text = "[".to_owned();
            for (place, item) in list.iter().enumerate() {
                text.push_str(if place > 0 { ", " } else { "" });
                let item = match item {
                    Value::List(inner) => format!("a list of {}", inner.len()),
                    scalar => shown(&scalar),
                };
                text.push_str(&item);
                if text.len() > 4 * LONGEST_VALUE {
                    break;
                }
            }
            text.push(']');
            text
        }
    };
    shortened(&text, LONGEST_VALUE)
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Such as `body.ref == 'refs/heads/main' is false (body.ref is "refs/heads/next")`.
impl Operand {
    /// Whether it is true.
    pub fn is_true(&self) -> bool {
        self.finding == Finding::True
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.text, self.finding)?;
        for (place, Seen { text, value }) in self.seen.iter().enumerate() {
            write!(f, "{}{text} is {value}", if place == 0 { " (" } else { ", " })?;
        }
        if self.seen.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::True => f.write_str("is true"),
            Self::False => f.write_str("is false"),
            Self::Other(value) => write!(f, "is {value} and not a boolean"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
        }
    }
}
