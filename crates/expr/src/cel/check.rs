//! The check of an expression: names, types and bounds. It turns the library's syntax tree into nodes.

use std::ops::Range;

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};

use super::functions::{Function, Style};
use super::limits::{DEEPEST, DEEPEST_ITERATION, MOST_NODES};
use super::node::{Constant, Iteration, IterationKind, Node, Part, PatternFunction, Variable};
use super::parse::{Parsed, Problem, report, too_large};
use super::pattern::Pattern;
use super::source::Source;
use super::types::Type;
use super::{CompileError, Vocabulary};

/// Checks an expression.
pub(super) fn check(source: &str, parsed: &Parsed, vocabulary: Vocabulary) -> Result<Node, CompileError> {
    let mut check = Check {
        source: Source::new(source, &parsed.places),
        vocabulary,
        locals: Vec::new(),
        problems: Vec::new(),
        nodes: 0,
        depth: 0,
        excess: None,
    };
    let (node, _) = check.node(&parsed.expression);
    if let Some(excess) = check.excess {
        return Err(too_large(source, excess));
    }
    if check.problems.is_empty() {
        return Ok(node);
    }
    let reason = report(source, check.problems);
    Err(CompileError::Check { expression: source.to_owned(), reason })
}

struct Check<'s> {
    source: Source<'s>,
    vocabulary: Vocabulary,
    /// The variables of the macros around the part.
    locals: Vec<(String, Type)>,
    problems: Vec<Problem>,
    nodes: usize,
    depth: usize,
    excess: Option<String>,
}

/// A part with its type.
type Typed = (Node, Type);

/// Stands for a part that has a problem, so that the check goes on without problems that follow from it.
const FAULTY: Typed = (Node::Constant(Constant::Null), Type::Dyn);

impl Check<'_> {
    fn node(&mut self, expression: &IdedExpr) -> Typed {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            self.excess = Some(format!("more than {MOST_NODES} parts"));
        } else if self.depth > 2 * DEEPEST {
            self.excess = Some(format!("more than {DEEPEST} levels of operators and brackets"));
        }
        if self.excess.is_some() {
            return FAULTY;
        }
        self.depth += 1;
        let typed = match &expression.expr {
            Expr::Literal(literal) => constant(literal),
            Expr::Ident(name) => self.name(expression, name),
            Expr::Select(select) => self.field(expression, select),
            Expr::Call(call) => self.call(expression, call),
            Expr::List(list) => {
                let (items, element) = self.items(&list.elements);
                (Node::List(items), Type::list(element))
            }
            Expr::Map(map) => self.map(map.entries.iter().map(|entry| &entry.expr)),
            Expr::Struct(message) => self.undeclared(expression, &message.type_name),
            Expr::Comprehension(_) | Expr::Unspecified => {
                self.problem(expression, "unsupported expression".to_owned())
            }
        };
        self.depth -= 1;
        typed
    }

    fn name(&mut self, expression: &IdedExpr, name: &str) -> Typed {
        let plain = name.strip_prefix('.');
        if plain.is_none() {
            let local = self.locals.iter().rposition(|(local, _)| local == name);
            if let Some((place, (_, local))) = local.and_then(|place| Some((place, self.locals.get(place)?)))
            {
                return (Node::Local(place), local.clone());
            }
        }
        let object = || Type::map(Type::String, Type::Dyn);
        let (variable, kind) = match (plain.unwrap_or(name), self.vocabulary) {
            ("body", _) => (Variable::Body, object()),
            ("header", _) => (Variable::Header, Type::map(Type::String, Type::list(Type::String))),
            ("extensions", Vocabulary::Interceptor) => (Variable::Extensions, object()),
            ("requestURL", Vocabulary::Interceptor) => (Variable::RequestUrl, Type::String),
            ("event", Vocabulary::Build) => (Variable::Event, object()),
            (name, _) => {
                return match type_named(name) {
                    Some(name) => (Node::Constant(Constant::Type(name)), Type::Type),
                    None => self.undeclared(expression, name),
                };
            }
        };
        (Node::Variable(variable), kind)
    }

    fn field(&mut self, expression: &IdedExpr, select: &SelectExpr) -> Typed {
        let (operand, kind) = self.node(&select.operand);
        let field = match kind {
            Type::Dyn => Type::Dyn,
            Type::Map(entry) => entry.1.clone(),
            other => {
                return self.problem(expression, format!("type '{other}' does not support field selection"));
            }
        };
        (Node::Field { operand: Box::new(operand), field: select.field.as_str().into() }, field)
    }

    /// The items of a list, and the type that they share.
    fn items(&mut self, items: &[IdedExpr]) -> (Vec<Node>, Type) {
        let mut shared: Option<Type> = None;
        let nodes = items.iter().map(|item| {
            let (node, kind) = self.node(item);
            shared = Some(match shared.take() {
                Some(before) => before.joined(&kind),
                None => kind,
            });
            node
        });
        (nodes.collect(), shared.unwrap_or(Type::Dyn))
    }

    fn map<'e>(&mut self, entries: impl Iterator<Item = &'e EntryExpr>) -> Typed {
        let mut shared: Option<(Type, Type)> = None;
        let mut nodes = Vec::new();
        for entry in entries {
            let EntryExpr::MapEntry(entry) = entry else { continue };
            let (key, key_type) = self.node(&entry.key);
            let (value, value_type) = self.node(&entry.value);
            shared = Some(match shared.take() {
                Some((keys, values)) => (keys.joined(&key_type), values.joined(&value_type)),
                None => (key_type, value_type),
            });
            nodes.push((key, value));
        }
        let (keys, values) = shared.unwrap_or((Type::Dyn, Type::Dyn));
        (Node::Map(nodes), Type::map(keys, values))
    }

    fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Typed {
        let CallExpr { func_name: name, target, args } = call;
        let Some(target) = target else {
            return match (name.as_str(), args.as_slice()) {
                (operators::LOGICAL_AND | operators::LOGICAL_OR, _) => self.logical(expression, name),
                (operators::LOGICAL_NOT, [operand]) => self.not(expression, operand),
                (operators::CONDITIONAL, [condition, then, otherwise]) => {
                    self.conditional(expression, [condition, then, otherwise])
                }
                (operators::HAS, [part]) => self.has(part),
                _ => {
                    let name = name.strip_prefix('.').unwrap_or(name);
                    self.function(expression, name, Style::Global, args.iter().collect())
                }
            };
        };
        if let Some(qualified) = qualified_name(target).map(|namespace| format!("{namespace}.{name}"))
            && Function::find(&qualified, Style::Global).is_some()
        {
            return match (qualified.as_str(), args.as_slice()) {
                ("math.greatest" | "math.least", [_, _, _, ..]) => self.extreme(expression, &qualified, args),
                _ => self.function(expression, &qualified, Style::Global, args.iter().collect()),
            };
        }
        if let Some(kind) = IterationKind::of(name, args.len()) {
            return self.iteration(expression, kind, target, args);
        }
        self.function(expression, name, Style::Member, std::iter::once(&**target).chain(args).collect())
    }

    fn function(&mut self, expression: &IdedExpr, name: &str, style: Style, args: Vec<&IdedExpr>) -> Typed {
        let (arguments, kinds): (Vec<_>, Vec<_>) = args
            .iter()
            .map(|argument| {
                let span = self.source.span(argument);
                let (node, kind) = self.node(argument);
                (Part { node, span }, kind)
            })
            .unzip();
        if !Function::exists(name) {
            return self.undeclared(expression, name);
        }
        let function = Function::find(name, style);
        let Some((function, result)) = function.and_then(|found| Some((found, found.applied(&kinds)?)))
        else {
            return self.no_overload(expression, name, style, &kinds);
        };
        match self.with_pattern(name, function, arguments) {
            Ok(node) => (node, result),
            Err(problem) => self.problem(expression, problem),
        }
    }

    /// A call; one with a literal regular expression has it compiled.
    fn with_pattern(
        &self,
        name: &str,
        function: &'static Function,
        arguments: Vec<Part>,
    ) -> Result<Node, String> {
        let pattern_function = match name {
            "matches" => PatternFunction::Matches,
            "translate" => PatternFunction::Translate,
            _ => return Ok(Node::Call { function, arguments }),
        };
        let pattern = match arguments.get(1).map(|part| &part.node) {
            Some(Node::Constant(Constant::String(pattern))) => Pattern::compile(pattern)?,
            _ => return Ok(Node::Call { function, arguments }),
        };
        let mut nodes = arguments.into_iter().map(|part| Box::new(part.node));
        let text = nodes.next().ok_or("no text")?;
        let replacement = nodes.nth(1);
        Ok(Node::PatternCall { function: pattern_function, text, pattern, replacement })
    }

    /// `math.greatest` or `math.least` of more than two numbers: that of their list.
    fn extreme(&mut self, expression: &IdedExpr, name: &str, args: &[IdedExpr]) -> Typed {
        let (items, element) = self.items(args);
        if !matches!(element, Type::Int | Type::Uint | Type::Double | Type::Dyn) {
            return self.no_overload(expression, name, Style::Global, &[element]);
        }
        let Some(function) = Function::find(name, Style::Global) else {
            return self.undeclared(expression, name);
        };
        let arguments = vec![Part { node: Node::List(items), span: self.source.span(expression) }];
        (Node::Call { function, arguments }, element)
    }

    /// A chain of `&&` or `||` with all its operands.
    fn logical(&mut self, expression: &IdedExpr, operator: &str) -> Typed {
        let mut operands = Vec::new();
        chain(expression, operator, &mut operands);
        let mut parts = Vec::new();
        for operand in operands {
            let span = self.source.span(operand);
            let (node, kind) = self.node(operand);
            if !Type::Bool.accepts(&kind) {
                let kinds = if parts.is_empty() { [kind, Type::Bool] } else { [Type::Bool, kind] };
                self.no_overload(expression, operator, Style::Global, &kinds);
            }
            parts.push(Part { node, span });
        }
        let node = if operator == operators::LOGICAL_AND { Node::And(parts) } else { Node::Or(parts) };
        (node, Type::Bool)
    }

    fn not(&mut self, expression: &IdedExpr, operand: &IdedExpr) -> Typed {
        let (node, kind) = self.node(operand);
        if !Type::Bool.accepts(&kind) {
            return self.no_overload(expression, operators::LOGICAL_NOT, Style::Global, &[kind]);
        }
        (Node::Not(Box::new(node)), Type::Bool)
    }

    fn conditional(&mut self, expression: &IdedExpr, parts: [&IdedExpr; 3]) -> Typed {
        let [(condition, condition_type), (then, then_type), (otherwise, otherwise_type)] =
            parts.map(|part| self.node(part));
        let alike = then_type.accepts(&otherwise_type) || otherwise_type.accepts(&then_type);
        if !Type::Bool.accepts(&condition_type) || !alike {
            let kinds = [condition_type, then_type, otherwise_type];
            return self.no_overload(expression, operators::CONDITIONAL, Style::Global, &kinds);
        }
        let [condition, then, otherwise] = [condition, then, otherwise].map(Box::new);
        (Node::Conditional { condition, then, otherwise }, then_type.joined(&otherwise_type))
    }

    fn has(&mut self, part: &IdedExpr) -> Typed {
        let Expr::Select(select) = &part.expr else {
            return self.problem(part, "invalid argument to has() macro".to_owned());
        };
        match self.field(part, select) {
            (Node::Field { operand, field }, _) => (Node::Has { operand, field }, Type::Bool),
            faulty => faulty,
        }
    }

    fn iteration(
        &mut self,
        expression: &IdedExpr,
        kind: IterationKind,
        target: &IdedExpr,
        args: &[IdedExpr],
    ) -> Typed {
        let (range, range_type) = self.node(target);
        let (variable, condition, transform) = match (kind, args) {
            (IterationKind::Map, [variable, condition, transform]) => {
                (variable, Some(condition), Some(transform))
            }
            (IterationKind::Map | IterationKind::SortBy, [variable, transform]) => {
                (variable, None, Some(transform))
            }
            (_, [variable, condition]) => (variable, Some(condition), None),
            _ => return FAULTY,
        };
        let Expr::Ident(variable_name) = &variable.expr else {
            return self.problem(variable, "argument must be a simple name".to_owned());
        };
        let element = match &range_type {
            Type::Dyn => Type::Dyn,
            Type::List(element) => (**element).clone(),
            Type::Map(entry) => entry.0.clone(),
            other => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                return self.problem(target, message);
            }
        };
        let outer = self.locals.len();
        if outer >= DEEPEST_ITERATION {
            self.excess =
                Some(format!("more than {DEEPEST_ITERATION} macros inside each other that iterate"));
            return FAULTY;
        }
        self.locals.push((variable_name.clone(), element.clone()));
        let condition = condition.map(|part| (part, self.node(part)));
        let transform = transform.map(|part| self.node(part));
        self.locals.truncate(outer);
        if let Some((part, (_, found))) = &condition
            && !Type::Bool.accepts(found)
        {
            let message = format!("found no matching overload for the condition applied to '({found})'");
            return self.problem(part, message);
        }
        let (transform, transformed) = match transform {
            Some((node, kind)) => (Some(node), kind),
            None => (None, Type::Dyn),
        };
        let result = match kind {
            IterationKind::All | IterationKind::Exists | IterationKind::ExistsOne => Type::Bool,
            IterationKind::Map => Type::list(transformed),
            IterationKind::Filter => Type::list(element),
            IterationKind::SortBy if matches!(range_type, Type::Map(_)) => {
                return self.no_overload(expression, "sortBy", Style::Member, &[range_type]);
            }
            IterationKind::SortBy => range_type,
        };
        let condition = condition.map(|(_, (node, _))| node);
        (Node::Iteration(Box::new(Iteration { kind, range, condition, transform })), result)
    }

    fn undeclared(&mut self, expression: &IdedExpr, name: &str) -> Typed {
        self.problem(expression, format!("undeclared reference to '{name}' (in container '')"))
    }

    fn no_overload(&mut self, expression: &IdedExpr, name: &str, style: Style, kinds: &[Type]) -> Typed {
        let texts: Vec<_> = kinds.iter().map(ToString::to_string).collect();
        let applied = match (style, texts.split_first()) {
            (Style::Member, Some((receiver, rest))) => format!("{receiver}.({})", rest.join(", ")),
            _ => format!("({})", texts.join(", ")),
        };
        self.problem(expression, format!("found no matching overload for '{name}' applied to '{applied}'"))
    }

    fn problem(&mut self, expression: &IdedExpr, message: String) -> Typed {
        let Range { start: offset, .. } = self.source.token(expression);
        self.problems.push(Problem { offset, message });
        FAULTY
    }
}

fn constant(literal: &LiteralValue) -> Typed {
    let (constant, kind) = match literal {
        LiteralValue::Null => (Constant::Null, Type::Null),
        LiteralValue::Boolean(value) => (Constant::Bool(*value.inner()), Type::Bool),
        LiteralValue::Int(value) => (Constant::Int(*value.inner()), Type::Int),
        LiteralValue::UInt(value) => (Constant::Uint(*value.inner()), Type::Uint),
        LiteralValue::Double(value) => (Constant::Double(*value.inner()), Type::Double),
        LiteralValue::String(value) => (Constant::String(value.inner().into()), Type::String),
        LiteralValue::Bytes(value) => (Constant::Bytes(value.inner().into()), Type::Bytes),
    };
    (Node::Constant(constant), kind)
}

/// The type that a name stands for.
fn type_named(name: &str) -> Option<&'static str> {
    let names = ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];
    names.into_iter().find(|known| *known == name)
}

/// The operands of a chain of one logical operator, from left to right.
fn chain<'e>(expression: &'e IdedExpr, operator: &str, operands: &mut Vec<&'e IdedExpr>) {
    match &expression.expr {
        Expr::Call(CallExpr { func_name, target: None, args }) if func_name == operator => {
            args.iter().for_each(|operand| chain(operand, operator, operands));
        }
        _ => operands.push(expression),
    }
}

/// The name that an expression spells, such as `math` or `a.b`.
fn qualified_name(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.strip_prefix('.').unwrap_or(name).to_owned()),
        Expr::Select(select) if !select.test => {
            Some(format!("{}.{}", qualified_name(&select.operand)?, select.field))
        }
        _ => None,
    }
}
