//! The syntax tree of an expression. Macros are calls here.

use std::ops::Range;

use super::node::Constant;

/// A part of an expression as it was written.
#[derive(Debug)]
pub(super) struct Syntax {
    pub(super) kind: SyntaxKind,
    /// The byte of the token that stands for the part: its operator, dot, bracket or name.
    pub(super) token: usize,
    /// Its text without brackets around it.
    pub(super) span: Range<usize>,
    /// Its text with them.
    pub(super) bracketed: Range<usize>,
    /// How many parts lie inside each other, this one included.
    pub(super) height: usize,
}

#[derive(Debug)]
pub(super) enum SyntaxKind {
    Literal(Constant),
    /// A name, without a leading dot.
    Name {
        name: String,
        absolute: bool,
    },
    /// `operand.field`
    Field {
        operand: Box<Syntax>,
        field: String,
    },
    /// A call, or an operator under its name in CEL, such as `_+_`.
    Call {
        name: String,
        target: Option<Box<Syntax>>,
        arguments: Vec<Syntax>,
    },
    /// A chain of `&&` (`_&&_`) or `||` (`_||_`).
    Logical {
        operator: Logical,
        operands: Vec<Syntax>,
    },
    List(Vec<Syntax>),
    Map(Vec<(Syntax, Syntax)>),
    /// `Name{field: value}`
    Message {
        name: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logical {
    And,
    Or,
}

impl Logical {
    /// Its name in CEL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::And => "_&&_",
            Self::Or => "_||_",
        }
    }
}

impl Syntax {
    /// The name that a part spells, such as `math` or `a.b`.
    pub(super) fn qualified_name(&self) -> Option<String> {
        match &self.kind {
            SyntaxKind::Name { name, .. } => Some(name.clone()),
            SyntaxKind::Field { operand, field } => Some(format!("{}.{field}", operand.qualified_name()?)),
            _ => None,
        }
    }
}
