//! A checked expression, in the form in which it is evaluated.

use std::ops::Range;
use std::sync::Arc;

use super::functions::Function;
use super::pattern::Pattern;

/// A part of an expression.
#[derive(Debug)]
pub(super) enum Node {
    Constant(Constant),
    Variable(Variable),
    /// The variable of a macro that iterates, by its place on the stack of these.
    Local(usize),
    /// `operand.field`
    Field {
        operand: Box<Node>,
        field: Box<str>,
    },
    /// `has(operand.field)`
    Has {
        operand: Box<Node>,
        field: Box<str>,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Not(Box<Node>),
    /// All operands of a chain of `&&`.
    And(Vec<Operand>),
    /// All operands of a chain of `||`.
    Or(Vec<Operand>),
    Conditional {
        condition: Box<Node>,
        then: Box<Node>,
        otherwise: Box<Node>,
    },
    Call {
        function: &'static Function,
        arguments: Vec<Part>,
    },
    /// A call with a regular expression that is a literal, compiled once.
    PatternCall {
        function: PatternFunction,
        text: Box<Part>,
        pattern: Pattern,
        replacement: Option<Box<Node>>,
    },
    Iteration(Box<Iteration>),
}

/// A part with its place in the source. Comparisons and operands have it, to be explained.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) node: Node,
    pub(super) span: Range<usize>,
}

/// An operand of `&&` or `||`.
pub(super) type Operand = Part;

#[derive(Debug)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Box<str>),
    Bytes(Arc<[u8]>),
    Type(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
    Body,
    Header,
    Extensions,
    RequestUrl,
    Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatternFunction {
    /// `text.matches(pattern)`
    Matches,
    /// `text.translate(pattern, replacement)`
    Translate,
}

/// A macro that evaluates a part for each element of a list or key of a map.
#[derive(Debug)]
pub(super) struct Iteration {
    pub(super) kind: IterationKind,
    pub(super) range: Part,
    /// The condition of `all`, `exists`, `exists_one`, `filter`, and of `map` with three arguments.
    pub(super) condition: Option<Node>,
    /// The result of `map` or the key of `sortBy`, per element.
    pub(super) transform: Option<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IterationKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
    SortBy,
}

impl IterationKind {
    /// The macro of this name with this number of arguments.
    pub(super) fn of(name: &str, arguments: usize) -> Option<Self> {
        match (name, arguments) {
            ("all", 2) => Some(Self::All),
            ("exists", 2) => Some(Self::Exists),
            ("exists_one" | "existsOne", 2) => Some(Self::ExistsOne),
            ("filter", 2) => Some(Self::Filter),
            ("map", 2 | 3) => Some(Self::Map),
            ("sortBy", 2) => Some(Self::SortBy),
            _ => None,
        }
    }
}

impl Node {
    /// Calls `visit` for this part and for all parts inside it.
    pub(super) fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Node)) {
        visit(self);
        for part in self.parts() {
            part.walk(visit);
        }
    }

    /// The parts directly inside this one.
    pub(super) fn parts(&self) -> Vec<&Node> {
        match self {
            Self::Constant(_) | Self::Variable(_) | Self::Local(_) => Vec::new(),
            Self::Field { operand, .. } | Self::Has { operand, .. } | Self::Not(operand) => vec![operand],
            Self::List(items) => items.iter().collect(),
            Self::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
            Self::And(parts) | Self::Or(parts) | Self::Call { arguments: parts, .. } => {
                parts.iter().map(|part| &part.node).collect()
            }
            Self::Conditional { condition, then, otherwise } => vec![condition, then, otherwise],
            Self::PatternCall { text, replacement, .. } => {
                std::iter::once(&text.node).chain(replacement.as_deref()).collect()
            }
            Self::Iteration(iteration) => {
                let Iteration { range, condition, transform, .. } = &**iteration;
                std::iter::once(&range.node).chain(condition).chain(transform).collect()
            }
        }
    }
}
