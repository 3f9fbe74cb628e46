use std::cmp::Ordering;

use super::error::{BoundError, EvaluateError};
use super::item::Item;
use super::node::{End, Filter, Node, Operator, Slice};
use super::{Budget, MOST_VALUES};
use crate::EventInput;
use crate::go_json::DEEPEST;

/// The values of a path in an event. `None` after the word `range`: it repeats what is in braces behind it, and there is
/// nothing behind it.
pub(super) fn evaluate<'a>(
    nodes: &'a [Node],
    input: &'a EventInput<'a>,
    budget: &mut Budget,
) -> Result<Option<Vec<Item<'a>>>, EvaluateError> {
    let mut evaluation = Evaluation { budget, is_range: false };
    match evaluation.path(vec![Item::Event(input)], nodes) {
        Ok(items) => Ok(Some(items).filter(|_| !evaluation.is_range)),
        Err(failure) => Err(failure.error),
    }
}

struct Evaluation<'b> {
    budget: &'b mut Budget,
    /// Whether the word `range` has been met.
    is_range: bool,
}

/// An error, and whether values came with it: a filter that asks whether a path exists counts those.
struct Failure {
    error: EvaluateError,
    has_values: bool,
}

impl Failure {
    fn with_values(error: EvaluateError) -> Self {
        Self { error, has_values: true }
    }

    fn without_values(error: EvaluateError) -> Self {
        Self { error, has_values: false }
    }
}

impl From<BoundError> for Failure {
    fn from(error: BoundError) -> Self {
        Self::without_values(error.into())
    }
}

impl Evaluation<'_> {
    fn path<'a>(&mut self, input: Vec<Item<'a>>, nodes: &'a [Node]) -> Result<Vec<Item<'a>>, Failure> {
        nodes.iter().try_fold(input, |items, node| self.node(items, node))
    }

    fn node<'a>(&mut self, input: Vec<Item<'a>>, node: &'a Node) -> Result<Vec<Item<'a>>, Failure> {
        self.budget.spend(input.len())?;
        match node {
            Node::Field(key) => field(&input, key),
            Node::Wildcard => self.wildcard(&input),
            Node::Descent => {
                let mut found = Vec::new();
                input.into_iter().try_for_each(|item| self.descend(item, &mut found, 0))?;
                Ok(found)
            }
            Node::Slice(slice) => self.slice(&input, *slice),
            Node::Filter(filter) => self.filter(&input, filter),
            Node::Union(paths) => {
                let mut found = Vec::new();
                for path in paths {
                    let values = self.path(input.clone(), path);
                    let values = values
                        .map_err(|Failure { error, .. }| Failure { error, has_values: !input.is_empty() })?;
                    values.into_iter().try_for_each(|item| push(&mut found, item))?;
                }
                Ok(found)
            }
            Node::Text(text) => Ok(vec![Item::Text(text)]),
            Node::Int(number) => Ok(vec![Item::Int(*number); input.len()]),
            Node::Float(number) => Ok(vec![Item::Float(*number); input.len()]),
            Node::Bool(value) => Ok(vec![Item::Bool(*value); input.len()]),
            Node::Word(word) => match word.as_str() {
                "range" => {
                    self.is_range = true;
                    Ok(input)
                }
                "end" => Err(Failure::without_values(EvaluateError::NothingToEnd)),
                other => {
                    let error = EvaluateError::Identifier(other.to_owned());
                    Err(Failure { error, has_values: !input.is_empty() })
                }
            },
        }
    }

    fn wildcard<'a>(&mut self, input: &[Item<'a>]) -> Result<Vec<Item<'a>>, Failure> {
        let mut found = Vec::new();
        for item in input {
            item.for_each_child(|child| {
                self.budget.spend(1)?;
                push(&mut found, child)
            })?;
        }
        Ok(found)
    }

    /// The item and the values below it, each before those in it. Values with nothing in them are left out.
    fn descend<'a>(
        &mut self,
        item: Item<'a>,
        found: &mut Vec<Item<'a>>,
        depth: usize,
    ) -> Result<(), BoundError> {
        self.budget.spend(1)?;
        if depth > DEEPEST {
            return Err(BoundError::TooDeep);
        }
        if !item.has_children() {
            return Ok(());
        }
        push(found, item)?;
        if item.text().is_some() {
            // Its bytes have nothing in them.
            return Ok(());
        }
        item.for_each_child(|child| self.descend(child, found, depth + 1))
    }

    fn slice<'a>(&mut self, input: &[Item<'a>], slice: Slice) -> Result<Vec<Item<'a>>, Failure> {
        let mut found = Vec::new();
        for item in input.iter().filter(|item| !item.is_null()) {
            let not_a_list = || Failure::with_values(EvaluateError::NotAList(item.type_name()));
            let elements = item.elements().ok_or_else(not_a_list)?;
            let (start, end) = bounds(slice, elements.len()).map_err(Failure::with_values)?;
            if start == end {
                // Tekton leaves the lists behind an empty slice out, too.
                break;
            }
            let step = slice.step.map_or(Some(1), |step| usize::try_from(step).ok().filter(|step| *step > 0));
            let step = step.ok_or_else(|| Failure::with_values(EvaluateError::Step))?;
            let elements = elements.get(start..end).unwrap_or_default();
            for element in elements.iter().step_by(step) {
                self.budget.spend(1)?;
                push(&mut found, Item::from(element))?;
            }
        }
        Ok(found)
    }

    fn filter<'a>(&mut self, input: &[Item<'a>], filter: &'a Filter) -> Result<Vec<Item<'a>>, Failure> {
        let mut found = Vec::new();
        for item in input {
            let not_a_list = || Failure::with_values(EvaluateError::NotFilterable(item.type_name()));
            for element in item.elements().ok_or_else(not_a_list)? {
                let element = Item::from(element);
                if self.passes(element, filter, !found.is_empty())? {
                    push(&mut found, element)?;
                }
            }
        }
        Ok(found)
    }

    fn passes<'a>(
        &mut self,
        element: Item<'a>,
        filter: &'a Filter,
        has_found: bool,
    ) -> Result<bool, Failure> {
        let left = self.path(vec![element], &filter.left);
        let Some((operator, right)) = &filter.comparison else {
            return match left {
                Ok(values) => Ok(!values.is_empty()),
                Err(failure @ Failure { error: EvaluateError::Bound(_), .. }) => Err(failure),
                Err(failure) => Ok(failure.has_values),
            };
        };
        let Some(left) = only(left)? else { return Ok(false) };
        let Some(right) = only(self.path(vec![element], right))? else { return Ok(false) };
        let passes = match operator {
            Operator::Equal => left.equals(right),
            Operator::NotEqual => left.equals(right).map(|is_equal| !is_equal),
            Operator::Less => left.order(right).map(Ordering::is_lt),
            Operator::LessOrEqual => left.order(right).map(Ordering::is_le),
            Operator::Greater => left.order(right).map(Ordering::is_gt),
            Operator::GreaterOrEqual => left.order(right).map(Ordering::is_ge),
            Operator::Unknown(operator) => Err(EvaluateError::Operator(operator.clone())),
        };
        passes.map_err(|error| Failure { error, has_values: has_found })
    }
}

fn field<'a>(input: &[Item<'a>], key: &str) -> Result<Vec<Item<'a>>, Failure> {
    let found: Vec<_> = input.iter().filter_map(|item| item.field(key)).collect();
    if found.is_empty() && !input.is_empty() {
        return Err(Failure::without_values(EvaluateError::NotFound(key.to_owned())));
    }
    Ok(found)
}

/// The only value of a side of a comparison; `None` if there is none.
fn only(values: Result<Vec<Item<'_>>, Failure>) -> Result<Option<Item<'_>>, Failure> {
    let values = values.map_err(|failure| Failure { has_values: true, ..failure })?;
    match values.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        _ => Err(Failure::with_values(EvaluateError::SeveralValues)),
    }
}

/// The first index of a slice and the one behind its last; equal if it is empty.
fn bounds(slice: Slice, length: usize) -> Result<(usize, usize), EvaluateError> {
    let given = slice.start.unwrap_or_default();
    let whole = i64::try_from(length).unwrap_or(i64::MAX);
    let start = if given < 0 { given + whole } else { given };
    let end = match slice.end {
        End::OfList => whole,
        End::At(end) if end < 0 => end + whole,
        End::At(end) => end,
        // Tekton computes this before it knows the length, and in 64 bits.
        End::BehindStart => match given.wrapping_add(1) {
            end if end <= 0 => end.saturating_add(whole),
            end => end,
        },
    };
    if start == end {
        return Ok((0, 0));
    }
    let out_of_bounds = |index| EvaluateError::OutOfBounds { index, length };
    let first = usize::try_from(start).ok().filter(|start| *start < length);
    let first = first.ok_or(out_of_bounds(start))?;
    let last = usize::try_from(end).ok().filter(|end| *end <= length);
    let last = last.ok_or(out_of_bounds(end.wrapping_sub(1)))?;
    if first > last {
        return Err(EvaluateError::Backwards { start, end });
    }
    Ok((first, last))
}

fn push<'a>(found: &mut Vec<Item<'a>>, item: Item<'a>) -> Result<(), BoundError> {
    if found.len() == MOST_VALUES {
        return Err(BoundError::TooManyValues);
    }
    found.push(item);
    Ok(())
}
