//! Values that may be secrets, and are therefore not shown in decisions or errors.

use super::node::{Constant, Node, Part, Variable};

/// Stands for a value that may be a secret.
pub(super) const HIDDEN: &str = "(hidden)";
/// Words in the name of a field or header that holds a secret.
const PRIVATE_WORDS: &[&str] =
    &["cookie", "credential", "key", "passw", "private", "secret", "signature", "token"];
/// The functions that read one header by its name.
const HEADER_READERS: &[&str] = &["_[_]", "canonical", "match"];

/// Whether a value may be a secret.
///
/// It may be one if it is compared with a Secret, stands under a name that says so, or is a header that is not read by a
/// literal name. The URL of the request may have a secret in its query, so that only its named parts are shown.
pub(super) fn is_private(node: &Node) -> bool {
    match node {
        Node::Variable(Variable::Header | Variable::RequestUrl) => true,
        Node::Constant(Constant::String(text)) => says_private(text),
        Node::Field { operand, field } => {
            says_private(field) || !is_named_part_of_url(operand, field) && is_private(operand)
        }
        Node::Call { function, arguments } => match arguments.as_slice() {
            [Part { node: Node::Variable(Variable::Header), .. }, name, rest @ ..]
                if HEADER_READERS.contains(&function.name) && is_literal(&name.node) =>
            {
                is_private(&name.node) || rest.iter().any(|part| is_private(&part.node))
            }
            all => function.name == "compareSecret" || all.iter().any(|part| is_private(&part.node)),
        },
        other => other.parts().into_iter().any(is_private),
    }
}

fn is_literal(node: &Node) -> bool {
    matches!(node, Node::Constant(Constant::String(_)))
}

/// Whether `operand.field` is a part of the request's URL that has a name: its scheme, host or path, or a parameter of its
/// query.
fn is_named_part_of_url(operand: &Node, field: &str) -> bool {
    match operand {
        Node::Field { operand, field: query } => {
            matches!(&**query, "query" | "queryStrings") && is_parsed_url(operand)
        }
        operand => matches!(field, "scheme" | "host" | "path") && is_parsed_url(operand),
    }
}

/// Whether a part is `requestURL.parseURL()`.
fn is_parsed_url(node: &Node) -> bool {
    match node {
        Node::Call { function, arguments } => {
            let [Part { node: Node::Variable(Variable::RequestUrl), .. }] = arguments.as_slice() else {
                return false;
            };
            function.name == "parseURL"
        }
        _ => false,
    }
}

fn says_private(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PRIVATE_WORDS.iter().any(|word| name.contains(word)) || says_auth(&name)
}

/// Whether a name in lower case has `auth` in it, such as `authorization`, and not only as a part of `author`.
fn says_auth(name: &str) -> bool {
    name.split("auth").skip(1).any(|after| match after.strip_prefix("or") {
        Some(ending) => ending.starts_with("iz") || ending.starts_with("is"),
        None => true,
    })
}
