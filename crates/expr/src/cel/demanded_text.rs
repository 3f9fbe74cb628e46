//! The text in the body that a filter demands, so that callers find filters by it instead of evaluating each.

use std::sync::Arc;

use serde_json::Value as Json;

use super::Program;
use super::limits::{MOST_DEMANDED_FIELDS, MOST_DEMANDED_TEXTS};
use super::node::{Constant, Node, Part, Variable};

/// A field of the body and the texts that it may have.
///
/// If the body has a string there that is none of them, the filter is not `true`: the rest of the event cannot change
/// that. If the field is absent or no string, the filter is not `true` either, but may have an error that people should see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemandedText {
    path: BodyPath,
    texts: Arc<[Box<str>]>,
}

/// The names of fields that lead from the body to a value, from the outside to the inside. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BodyPath(Arc<[Box<str>]>);

/// Fields by which providers name the repository of an event.
const REPOSITORY_FIELDS: [&str; 3] = ["repository", "project", "repo"];

impl DemandedText {
    /// The field.
    pub fn path(&self) -> &BodyPath {
        &self.path
    }

    /// The texts. Without any, the filter is never `true`.
    pub fn texts(&self) -> &[Box<str>] {
        &self.texts
    }

    /// Whether the filter has to be evaluated for an event with this body: the field is one of the texts, or absent, or
    /// no string.
    pub fn admits(&self, body: &Json) -> bool {
        self.path.text_in(body).is_none_or(|found| self.texts.iter().any(|text| **text == *found))
    }
}

impl BodyPath {
    /// The names.
    pub fn fields(&self) -> &[Box<str>] {
        &self.0
    }

    /// The string at this path of a body; `None` if there is none.
    pub fn text_in<'a>(&self, body: &'a Json) -> Option<&'a str> {
        self.0.iter().try_fold(body, |value, field| value.get(&**field))?.as_str()
    }

    fn names_repository(&self) -> bool {
        self.0.iter().any(|field| REPOSITORY_FIELDS.contains(&&**field))
    }
}

impl Program {
    /// A text in the body that the filter demands, as far as its syntax tree shows it: the filter, or an operand of its
    /// outermost `&&`, compares a field of the body with literals by `==` or `in`.
    ///
    /// Of several, the first one about the repository counts, else the first one: filters on one branch or action are
    /// many, those on one repository few.
    pub fn demanded_text(&self) -> Option<DemandedText> {
        let mut found = Vec::new();
        collect(self.root(), &mut found);
        let place = found.iter().position(|demanded| demanded.path.names_repository()).unwrap_or_default();
        found.into_iter().nth(place)
    }
}

/// The demands of the operands below chains of `&&`. `false` of one decides, even if others have errors.
fn collect(node: &Node, found: &mut Vec<DemandedText>) {
    match node {
        Node::And(parts) => parts.iter().for_each(|part| collect(&part.node, found)),
        other => found.extend(demand(other)),
    }
}

fn demand(node: &Node) -> Option<DemandedText> {
    let Node::Call { function, arguments } = node else { return None };
    let [Part { node: left, .. }, Part { node: right, .. }] = arguments.as_slice() else { return None };
    let (path, texts) = match function.name {
        "_==_" => match literal(right) {
            Some(text) => (path_of(left)?, [text].into()),
            None => (path_of(right)?, [literal(left)?].into()),
        },
        "@in" => {
            let Node::List(items) = right else { return None };
            if items.len() > MOST_DEMANDED_TEXTS {
                return None;
            }
            (path_of(left)?, items.iter().map(literal).collect::<Option<_>>()?)
        }
        _ => return None,
    };
    Some(DemandedText { path, texts })
}

fn literal(node: &Node) -> Option<Box<str>> {
    match node {
        Node::Constant(Constant::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// The path of `body.a.b` or `body['a'].b`.
fn path_of(node: &Node) -> Option<BodyPath> {
    let (mut node, mut fields) = (node, Vec::new());
    while let Some((operand, field)) = selection(node) {
        if fields.len() == MOST_DEMANDED_FIELDS {
            return None;
        }
        fields.push(Box::from(field));
        node = operand;
    }
    fields.reverse();
    let is_of_body = matches!(node, Node::Variable(Variable::Body)) && !fields.is_empty();
    is_of_body.then(|| BodyPath(fields.into()))
}

/// The operand and the field of a selection.
fn selection(node: &Node) -> Option<(&Node, &str)> {
    match node {
        Node::Field { operand, field } => Some((&**operand, &**field)),
        Node::Call { function, arguments } if function.name == "_[_]" => match arguments.as_slice() {
            [operand, Part { node: Node::Constant(Constant::String(field)), .. }] => {
                Some((&operand.node, &**field))
            }
            _ => None,
        },
        _ => None,
    }
}
