//! Values that may be secrets, and are therefore not shown in decisions or errors.

use super::node::{Constant, Node, Variable};

/// Stands for a value that may be a secret.
pub(super) const HIDDEN: &str = "(hidden)";
/// Words in the name of a field or header that holds a secret.
const PRIVATE_WORDS: &[&str] =
    &["auth", "cookie", "credential", "key", "passw", "private", "secret", "signature", "token"];

/// Whether a value may be a secret: it is compared with a Secret, or it stands under a name that says so, or it is a header
/// whose name is not known.
pub(super) fn is_private(node: &Node) -> bool {
    let (mut is_private, mut reads_header, mut names_header) = (false, false, false);
    node.walk(&mut |node| match node {
        Node::Field { field, .. } => is_private |= says_private(field),
        Node::Constant(Constant::String(text)) => {
            names_header = true;
            is_private |= says_private(text);
        }
        Node::Call { function, .. } => is_private |= function.name == "compareSecret",
        Node::Variable(Variable::Header) => reads_header = true,
        _ => {}
    });
    is_private || reads_header && !names_header
}

fn says_private(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PRIVATE_WORDS.iter().any(|word| name.contains(word))
}
