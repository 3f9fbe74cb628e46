//! The check of an expression: names, types and bounds. It turns the syntax tree into nodes.

use super::functions::{Function, Style};
use super::limits::{DEEPEST_ITERATION, MOST_NODES};
use super::node::{Constant, Iteration, IterationKind, Node, Part, PatternFunction, Variable};
use super::pattern::Pattern;
use super::problem::{Problem, report, too_large};
use super::syntax::{Logical, Syntax, SyntaxKind};
use super::types::Type;
use super::{CompileError, Vocabulary};

/// Checks an expression.
pub(super) fn check(source: &str, syntax: Syntax, vocabulary: Vocabulary) -> Result<Node, CompileError> {
    let mut check = Check { vocabulary, locals: Vec::new(), problems: Vec::new(), nodes: 0, excess: None };
    let (node, _) = check.node(syntax);
    if let Some(excess) = check.excess {
        return Err(too_large(source, excess));
    }
    if check.problems.is_empty() {
        return Ok(node);
    }
    let reason = report(source, check.problems);
    Err(CompileError::Check { expression: source.to_owned(), reason })
}

struct Check {
    vocabulary: Vocabulary,
    /// The variables of the macros around the part.
    locals: Vec<(String, Type)>,
    problems: Vec<Problem>,
    nodes: usize,
    excess: Option<String>,
}

/// A part with its type.
type Typed = (Node, Type);

/// A call of a function by its name, before it is checked.
struct Called<'n> {
    name: &'n str,
    style: Style,
    token: usize,
}

/// Stands for a part that has a problem, so that the check goes on without problems that follow from it.
const FAULTY: Typed = (Node::Constant(Constant::Null), Type::Dyn);

impl Check {
    fn node(&mut self, syntax: Syntax) -> Typed {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            self.excess = Some(format!("more than {MOST_NODES} parts"));
        }
        if self.excess.is_some() {
            return FAULTY;
        }
        let token = syntax.token;
        match syntax.kind {
            SyntaxKind::Literal(constant) => {
                let kind = type_of(&constant);
                (Node::Constant(constant), kind)
            }
            SyntaxKind::Name { name, absolute } => self.name(token, &name, absolute),
            SyntaxKind::Field { operand, field } => self.field(token, *operand, field),
            SyntaxKind::Call { name, target: None, arguments } => self.global(token, &name, arguments),
            SyntaxKind::Call { name, target: Some(target), arguments } => {
                self.member(token, &name, *target, arguments)
            }
            SyntaxKind::Logical { operator, operands } => self.logical(token, operator, operands),
            SyntaxKind::List(items) => {
                let (items, kinds): (Vec<_>, Vec<_>) = items.into_iter().map(|item| self.node(item)).unzip();
                (Node::List(items), Type::list(joined(kinds)))
            }
            SyntaxKind::Map(entries) => self.map(entries),
            SyntaxKind::Message { name } => self.undeclared(token, &name),
        }
    }

    fn name(&mut self, token: usize, name: &str, absolute: bool) -> Typed {
        let local = self.locals.iter().rposition(|(local, _)| local == name && !absolute);
        if let Some((place, (_, kind))) = local.and_then(|place| Some((place, self.locals.get(place)?))) {
            return (Node::Local(place), kind.clone());
        }
        let object = || Type::map(Type::String, Type::Dyn);
        let (variable, kind) = match (name, self.vocabulary) {
            ("body", _) => (Variable::Body, object()),
            ("header", _) => (Variable::Header, Type::map(Type::String, Type::list(Type::String))),
            ("extensions", Vocabulary::Interceptor) => (Variable::Extensions, object()),
            ("requestURL", Vocabulary::Interceptor) => (Variable::RequestUrl, Type::String),
            ("event", Vocabulary::Build) => (Variable::Event, object()),
            (name, _) => {
                return match type_named(name) {
                    Some(name) => (Node::Constant(Constant::Type(name)), Type::Meta),
                    None => self.undeclared(token, name),
                };
            }
        };
        (Node::Variable(variable), kind)
    }

    fn field(&mut self, token: usize, operand: Syntax, field: String) -> Typed {
        let (operand, kind) = self.node(operand);
        let found = match kind {
            Type::Dyn => Type::Dyn,
            Type::Map(entry) => entry.1.clone(),
            other => return self.problem(token, format!("type '{other}' does not support field selection")),
        };
        (Node::Field { operand: Box::new(operand), field: field.into() }, found)
    }

    fn map(&mut self, entries: Vec<(Syntax, Syntax)>) -> Typed {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let entries = entries.into_iter().map(|(key, value)| {
            let (key, key_type) = self.node(key);
            let (value, value_type) = self.node(value);
            keys.push(key_type);
            values.push(value_type);
            (key, value)
        });
        let node = Node::Map(entries.collect());
        (node, Type::map(joined(keys), joined(values)))
    }

    fn global(&mut self, token: usize, name: &str, arguments: Vec<Syntax>) -> Typed {
        let count = arguments.len();
        let mut parts = arguments.into_iter();
        match (name, count, parts.next(), parts.next(), parts.next()) {
            ("has", 1, Some(part), ..) => self.has(part),
            ("!_", 1, Some(operand), ..) => self.not(token, operand),
            ("_?_:_", 3, Some(condition), Some(then), Some(otherwise)) => {
                self.conditional(token, [condition, then, otherwise])
            }
            (_, _, first, second, third) => {
                let arguments = [first, second, third].into_iter().flatten().chain(parts).collect();
                self.function(&Called { name, style: Style::Global, token }, arguments)
            }
        }
    }

    fn member(&mut self, token: usize, name: &str, target: Syntax, arguments: Vec<Syntax>) -> Typed {
        let qualified = target.qualified_name().map(|namespace| format!("{namespace}.{name}"));
        if let Some(name) = qualified.filter(|name| Function::find(name, Style::Global).is_some()) {
            return self.function(&Called { name: &name, style: Style::Global, token }, arguments);
        }
        if let Some(kind) = IterationKind::of(name, arguments.len()) {
            return self.iteration(token, kind, target, arguments);
        }
        let arguments = std::iter::once(target).chain(arguments).collect();
        self.function(&Called { name, style: Style::Member, token }, arguments)
    }

    fn function(&mut self, called: &Called<'_>, arguments: Vec<Syntax>) -> Typed {
        let parts = arguments.into_iter().map(|argument| {
            let span = argument.bracketed.clone();
            let (node, kind) = self.node(argument);
            (Part { node, span }, kind)
        });
        let (arguments, kinds): (Vec<_>, Vec<_>) = parts.unzip();
        if !Function::exists(called.name) {
            return self.undeclared(called.token, called.name);
        }
        let Some(function) = Function::find(called.name, called.style) else {
            return self.no_overload(called, &kinds);
        };
        if matches!(called.name, "math.greatest" | "math.least") && arguments.len() > 2 {
            return self.extreme(called, function, arguments, &kinds);
        }
        let Some(result) = function.applied(&kinds) else { return self.no_overload(called, &kinds) };
        match with_pattern(function, arguments) {
            Ok(node) => (node, result),
            Err(problem) => self.problem(called.token, problem),
        }
    }

    /// `math.greatest` or `math.least` of more than two numbers: that of their list.
    fn extreme(
        &mut self,
        called: &Called<'_>,
        function: &'static Function,
        arguments: Vec<Part>,
        kinds: &[Type],
    ) -> Typed {
        let is_number = |kind: &Type| matches!(kind, Type::Int | Type::Uint | Type::Double | Type::Dyn);
        if !kinds.iter().all(is_number) {
            return self.no_overload(called, kinds);
        }
        let span = called.token..called.token;
        let items = arguments.into_iter().map(|part| part.node).collect();
        let arguments = vec![Part { node: Node::List(items), span }];
        (Node::Call { function, arguments }, joined(kinds.to_vec()))
    }

    fn logical(&mut self, token: usize, operator: Logical, operands: Vec<Syntax>) -> Typed {
        let mut parts = Vec::new();
        for operand in operands {
            let span = operand.span.clone();
            let (node, kind) = self.node(operand);
            if !Type::Bool.accepts(&kind) {
                let kinds = if parts.is_empty() { [kind, Type::Bool] } else { [Type::Bool, kind] };
                self.no_overload(&Called { name: operator.name(), style: Style::Global, token }, &kinds);
            }
            parts.push(Part { node, span });
        }
        let node = match operator {
            Logical::And => Node::And(parts),
            Logical::Or => Node::Or(parts),
        };
        (node, Type::Bool)
    }

    fn not(&mut self, token: usize, operand: Syntax) -> Typed {
        let (node, kind) = self.node(operand);
        if !Type::Bool.accepts(&kind) {
            return self.no_overload(&Called { name: "!_", style: Style::Global, token }, &[kind]);
        }
        (Node::Not(Box::new(node)), Type::Bool)
    }

    fn conditional(&mut self, token: usize, parts: [Syntax; 3]) -> Typed {
        let [(condition, condition_type), (then, then_type), (otherwise, otherwise_type)] =
            parts.map(|part| self.node(part));
        let alike = then_type.accepts(&otherwise_type) || otherwise_type.accepts(&then_type);
        if !Type::Bool.accepts(&condition_type) || !alike {
            let kinds = [condition_type, then_type, otherwise_type];
            return self.no_overload(&Called { name: "_?_:_", style: Style::Global, token }, &kinds);
        }
        let [condition, then, otherwise] = [condition, then, otherwise].map(Box::new);
        (Node::Conditional { condition, then, otherwise }, then_type.joined(&otherwise_type))
    }

    fn has(&mut self, part: Syntax) -> Typed {
        let token = part.token;
        let SyntaxKind::Field { operand, field } = part.kind else {
            return self.problem(token, "invalid argument to has() macro".to_owned());
        };
        match self.field(token, *operand, field) {
            (Node::Field { operand, field }, _) => (Node::Has { operand, field }, Type::Bool),
            faulty => faulty,
        }
    }

    fn iteration(
        &mut self,
        token: usize,
        kind: IterationKind,
        range: Syntax,
        arguments: Vec<Syntax>,
    ) -> Typed {
        let (span, place) = (range.bracketed.clone(), range.token);
        let (range, range_type) = self.node(range);
        let mut arguments = arguments.into_iter();
        let Some(Syntax { kind: SyntaxKind::Name { name, absolute: false }, .. }) = arguments.next() else {
            return self.problem(token, "argument must be a simple name".to_owned());
        };
        let (condition, transform) = match (kind, arguments.next(), arguments.next()) {
            (IterationKind::Map, condition, Some(transform)) => (condition, Some(transform)),
            (IterationKind::Map | IterationKind::SortBy, transform, None) => (None, transform),
            (_, condition, _) => (condition, None),
        };
        let element = match &range_type {
            Type::Dyn => Type::Dyn,
            Type::List(element) => (**element).clone(),
            Type::Map(entry) if kind != IterationKind::SortBy => entry.0.clone(),
            other => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                return self.problem(place, message);
            }
        };
        let outer = self.locals.len();
        if outer >= DEEPEST_ITERATION {
            self.excess =
                Some(format!("more than {DEEPEST_ITERATION} macros inside each other that iterate"));
            return FAULTY;
        }
        self.locals.push((name, element.clone()));
        let condition = condition.map(|part| (part.token, self.node(part)));
        let transform = transform.map(|part| self.node(part));
        self.locals.truncate(outer);
        if let Some((token, (_, found))) = &condition
            && !Type::Bool.accepts(found)
        {
            return self.problem(*token, format!("expected type 'bool' but found '{found}'"));
        }
        let (transform, transformed) = match transform {
            Some((node, kind)) => (Some(node), kind),
            None => (None, Type::Dyn),
        };
        let result = match kind {
            IterationKind::All | IterationKind::Exists | IterationKind::ExistsOne => Type::Bool,
            IterationKind::Map => Type::list(transformed),
            IterationKind::Filter | IterationKind::SortBy => Type::list(element),
        };
        let condition = condition.map(|(_, (node, _))| node);
        let range = Part { node: range, span };
        (Node::Iteration(Box::new(Iteration { kind, range, condition, transform })), result)
    }

    fn undeclared(&mut self, token: usize, name: &str) -> Typed {
        self.problem(token, format!("undeclared reference to '{name}' (in container '')"))
    }

    fn no_overload(&mut self, called: &Called<'_>, kinds: &[Type]) -> Typed {
        let texts: Vec<_> = kinds.iter().map(ToString::to_string).collect();
        let applied = match (called.style, texts.split_first()) {
            (Style::Member, Some((receiver, rest))) => format!("{receiver}.({})", rest.join(", ")),
            _ => format!("({})", texts.join(", ")),
        };
        let message = format!("found no matching overload for '{}' applied to '{applied}'", called.name);
        self.problem(called.token, message)
    }

    fn problem(&mut self, offset: usize, message: String) -> Typed {
        self.problems.push(Problem { offset, message });
        FAULTY
    }
}

/// A call; one with a literal regular expression has it compiled.
fn with_pattern(function: &'static Function, arguments: Vec<Part>) -> Result<Node, String> {
    let pattern_function = match function.name {
        "matches" => PatternFunction::Matches,
        "translate" => PatternFunction::Translate,
        _ => return Ok(Node::Call { function, arguments }),
    };
    let pattern = match arguments.get(1).map(|part| &part.node) {
        Some(Node::Constant(Constant::String(pattern))) => Pattern::compile(pattern)?,
        _ => return Ok(Node::Call { function, arguments }),
    };
    let mut arguments = arguments.into_iter();
    let text = Box::new(arguments.next().ok_or("no text")?);
    let replacement = arguments.nth(1).map(|part| Box::new(part.node));
    Ok(Node::PatternCall { function: pattern_function, text, pattern, replacement })
}

fn type_of(constant: &Constant) -> Type {
    match constant {
        Constant::Null => Type::Null,
        Constant::Bool(_) => Type::Bool,
        Constant::Int(_) => Type::Int,
        Constant::Uint(_) => Type::Uint,
        Constant::Double(_) => Type::Double,
        Constant::String(_) => Type::String,
        Constant::Bytes(_) => Type::Bytes,
        Constant::Type(_) => Type::Meta,
    }
}

/// The type that a name stands for.
fn type_named(name: &str) -> Option<&'static str> {
    let names = ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];
    names.into_iter().find(|known| *known == name)
}

/// The type that all parts share, else `dyn`.
fn joined(kinds: Vec<Type>) -> Type {
    kinds.into_iter().reduce(|joined, kind| joined.joined(&kind)).unwrap_or(Type::Dyn)
}
