//! The evaluation of a checked expression.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::context::{Context, Fault, Outcome};
use super::functions::{Function, sorted_by_keys};
use super::node::{Constant, Iteration, IterationKind, Node, Operand, Part, PatternFunction, Variable};
use super::pattern::Pattern;
use super::privacy::{HIDDEN, is_private};
use super::value::{Key, List, Map, Text, Value};
use super::{SecretLookup, Variables};

/// An evaluation in progress.
pub(super) struct Evaluation<'a> {
    variables: Variables<'a>,
    context: Context<'a>,
    /// The variables of the macros around the part.
    locals: Vec<Value<'a>>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(variables: Variables<'a>, secrets: &'a dyn SecretLookup) -> Self {
        Self { variables, context: Context::new(secrets), locals: Vec::new() }
    }

    /// The same with a smaller budget, for tests.
    #[cfg(test)]
    pub(super) fn with_budget(self, steps: usize, made: usize) -> Self {
        Self { context: self.context.with_budget(steps, made), ..self }
    }

    /// The budget of the evaluation.
    pub(super) fn context(&mut self) -> &mut Context<'a> {
        &mut self.context
    }

    pub(super) fn value(&mut self, node: &'a Node) -> Outcome<'a> {
        self.context.step(1)?;
        match node {
            Node::Constant(constant) => Ok(constant.value()),
            Node::Variable(variable) => Ok(self.variable(*variable)),
            Node::Local(place) => self.locals.get(*place).cloned().ok_or(Fault::NoSuchOverload),
            Node::Field { operand, field } => self.field(operand, field),
            Node::Has { operand, field } => self.has(operand, field),
            Node::List(items) => self.list(items),
            Node::Map(entries) => self.map(entries),
            Node::Not(operand) => match self.value(operand)? {
                Value::Bool(value) => Ok(Value::Bool(!value)),
                _ => Err(Fault::NoSuchOverload),
            },
            Node::And(operands) => self.logical(operands, false),
            Node::Or(operands) => self.logical(operands, true),
            Node::Conditional { condition, then, otherwise } => match self.value(condition)? {
                Value::Bool(true) => self.value(then),
                Value::Bool(false) => self.value(otherwise),
                _ => Err(Fault::NoSuchOverload),
            },
            Node::Call { function, arguments } => self.call(function, arguments),
            Node::PatternCall { function, text, pattern, replacement } => {
                self.pattern_call(*function, &text.node, pattern, replacement.as_deref())
            }
            Node::Iteration(iteration) => self.iteration(iteration),
        }
    }

    fn variable(&self, variable: Variable) -> Value<'a> {
        let object = |json: &'a Json| match json {
            Json::Null => Value::Map(Map::Made(Arc::default())),
            other => Value::of_json(other),
        };
        match variable {
            Variable::Body => object(self.variables.body),
            Variable::Header => Value::Map(Map::Headers(self.variables.header)),
            Variable::Extensions => Value::Map(Map::Json(self.variables.extensions)),
            Variable::RequestUrl => Value::String(Text::Borrowed(self.variables.request_url)),
            Variable::Event => object(self.variables.event),
        }
    }

    fn field(&mut self, operand: &'a Node, field: &str) -> Outcome<'a> {
        let found = match self.value(operand)? {
            Value::Map(map) => map.field(field),
            _ => None,
        };
        found.ok_or_else(|| Fault::NoSuchKey(field.to_owned()))
    }

    fn has(&mut self, operand: &'a Node, field: &str) -> Outcome<'a> {
        Ok(Value::Bool(match self.value(operand)? {
            Value::Map(map) => map.field(field).is_some(),
            _ => false,
        }))
    }

    fn list(&mut self, items: &'a [Node]) -> Outcome<'a> {
        self.context.make_elements(items.len())?;
        let values: Result<Vec<_>, _> = items.iter().map(|item| self.value(item)).collect();
        Ok(Value::list(values?))
    }

    fn map(&mut self, entries: &'a [(Node, Node)]) -> Outcome<'a> {
        self.context.make_elements(2 * entries.len())?;
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let key = match self.value(key)? {
                Value::Double(_) => return Err(Fault::message("unsupported key type: double")),
                key => Key::of(&key)
                    .ok_or_else(|| Fault::message(format!("unsupported key type: {}", key.type_name())))?,
            };
            let value = self.value(value)?;
            map.insert(key, value);
        }
        Ok(Value::Map(Map::Made(Arc::new(map))))
    }

    /// The value of a chain of `&&`, which `false` decides, or of `||`, which `true` decides. Faults count only if no
    /// operand decides.
    fn logical(&mut self, operands: &'a [Operand], decisive: bool) -> Outcome<'a> {
        let mut first_fault = None;
        for operand in operands {
            let fault = match self.value(&operand.node) {
                Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(Value::Bool(_)) => continue,
                Ok(_) => Fault::NoSuchOverload,
                Err(fault @ Fault::Unbounded(_)) => return Err(fault),
                Err(fault) => fault,
            };
            first_fault.get_or_insert(fault);
        }
        first_fault.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn call(&mut self, function: &'static Function, arguments: &'a [Part]) -> Outcome<'a> {
        let operation = function.operation;
        match arguments {
            [only] => {
                let values = [self.value(&only.node)?];
                operation(&mut self.context, &values)
            }
            [first, second] => {
                let values = [self.value(&first.node)?, self.value(&second.node)?];
                operation(&mut self.context, &values).map_err(|fault| match fault {
                    Fault::NoSuchKey(_) if is_private(&second.node) => Fault::NoSuchKey(HIDDEN.to_owned()),
                    fault => fault,
                })
            }
            more => {
                let values: Result<Vec<_>, _> = more.iter().map(|part| self.value(&part.node)).collect();
                operation(&mut self.context, &values?)
            }
        }
    }

    fn pattern_call(
        &mut self,
        function: PatternFunction,
        text: &'a Node,
        pattern: &'a Pattern,
        replacement: Option<&'a Node>,
    ) -> Outcome<'a> {
        let Value::String(text) = self.value(text)? else { return Err(Fault::NoSuchOverload) };
        let replacement = replacement.map(|replacement| self.value(replacement)).transpose()?;
        match (function, replacement) {
            (PatternFunction::Matches, _) => pattern.matches(&mut self.context, &text),
            (PatternFunction::Translate, Some(Value::String(replacement))) => {
                pattern.translate(&mut self.context, &text, &replacement)
            }
            (PatternFunction::Translate, _) => Err(Fault::NoSuchOverload),
        }
    }

    fn iteration(&mut self, iteration: &'a Iteration) -> Outcome<'a> {
        let list = match self.value(&iteration.range.node)? {
            Value::List(list) => list,
            Value::Map(map) if iteration.kind != IterationKind::SortBy => {
                self.context.make_elements(map.len())?;
                List::Made(map.keys().into())
            }
            _ => return Err(Fault::NoSuchOverload),
        };
        let place = self.locals.len();
        self.locals.push(Value::Null);
        let outcome = self.iterated(iteration, &list, place);
        self.locals.truncate(place);
        outcome
    }

    fn iterated(&mut self, iteration: &'a Iteration, list: &List<'a>, place: usize) -> Outcome<'a> {
        let mut state = Iterated::default();
        for element in list.iter() {
            self.context.step(1)?;
            if let Some(local) = self.locals.get_mut(place) {
                local.clone_from(&element);
            }
            if self.element(iteration, element, &mut state)? {
                break;
            }
        }
        state.result(&mut self.context, iteration.kind)
    }

    /// Evaluates for one element. Gives whether the rest is of no interest.
    fn element(
        &mut self,
        iteration: &'a Iteration,
        element: Value<'a>,
        state: &mut Iterated<'a>,
    ) -> Result<bool, Fault> {
        let absorbs = matches!(iteration.kind, IterationKind::All | IterationKind::Exists);
        let holds = match iteration.condition.as_ref().map(|condition| self.value(condition)) {
            None => true,
            Some(Ok(Value::Bool(holds))) => holds,
            Some(Err(fault @ Fault::Unbounded(_))) => return Err(fault),
            Some(Ok(_)) if absorbs => {
                state.fault.get_or_insert(Fault::NoSuchOverload);
                return Ok(false);
            }
            Some(Err(fault)) if absorbs => {
                state.fault.get_or_insert(fault);
                return Ok(false);
            }
            Some(Ok(_)) => return Err(Fault::NoSuchOverload),
            Some(Err(fault)) => return Err(fault),
        };
        match iteration.kind {
            IterationKind::All => {
                state.decided = !holds;
                return Ok(!holds);
            }
            IterationKind::Exists => {
                state.decided = holds;
                return Ok(holds);
            }
            IterationKind::ExistsOne => state.count += usize::from(holds),
            IterationKind::Filter if holds => {
                self.context.make_elements(1)?;
                state.made.push(element);
            }
            IterationKind::Map if holds => {
                self.context.make_elements(1)?;
                let transform = iteration.transform.as_ref().ok_or(Fault::NoSuchOverload)?;
                let value = self.value(transform)?;
                state.made.push(value);
            }
            IterationKind::Filter | IterationKind::Map => {}
            IterationKind::SortBy => {
                self.context.make_elements(2)?;
                let transform = iteration.transform.as_ref().ok_or(Fault::NoSuchOverload)?;
                let key = self.value(transform)?;
                state.keyed.push((key, element));
            }
        }
        Ok(false)
    }
}

/// The state of an iteration.
#[derive(Default)]
struct Iterated<'a> {
    /// Whether an element decided `all` or `exists`.
    decided: bool,
    /// The first fault of a condition.
    fault: Option<Fault>,
    count: usize,
    made: Vec<Value<'a>>,
    keyed: Vec<(Value<'a>, Value<'a>)>,
}

impl<'a> Iterated<'a> {
    fn result(self, context: &mut Context<'a>, kind: IterationKind) -> Outcome<'a> {
        match (kind, self.fault) {
            (IterationKind::All, _) if self.decided => Ok(Value::Bool(false)),
            (IterationKind::Exists, _) if self.decided => Ok(Value::Bool(true)),
            (_, Some(fault)) => Err(fault),
            (IterationKind::All, None) => Ok(Value::Bool(true)),
            (IterationKind::Exists, None) => Ok(Value::Bool(false)),
            (IterationKind::ExistsOne, None) => Ok(Value::Bool(self.count == 1)),
            (IterationKind::Filter | IterationKind::Map, None) => Ok(Value::list(self.made)),
            (IterationKind::SortBy, None) => sorted_by_keys(context, self.keyed),
        }
    }
}

impl Constant {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Uint(value) => Value::Uint(*value),
            Self::Double(value) => Value::Double(*value),
            Self::String(text) => Value::String(Text::Borrowed(text)),
            Self::Bytes(bytes) => Value::Bytes(Arc::clone(bytes)),
            Self::Type(name) => Value::Type(name),
        }
    }
}
