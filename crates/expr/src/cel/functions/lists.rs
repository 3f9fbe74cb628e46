//! The functions of lists and sets, as in cel-go's extensions `lists` and `sets`, and `reverse`.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::super::compare::{equal, is_ordered, order};
use super::super::context::{Context, Fault, Outcome};
use super::super::value::{Key, List, Value};
use super::{Row, global, member};

pub(super) const TABLE: &[Row] = &[
    member("slice", slice, &["(list(A), int, int) -> list(A)"]),
    member("flatten", flatten, &["(list(A)) -> list(dyn)", "(list(A), int) -> list(dyn)"]),
    member("distinct", distinct, &["(list(A)) -> list(A)"]),
    member("sort", sort, &["(list(A)) -> list(A)"]),
    global("lists.range", range, &["(int) -> list(int)"]),
    member("reverse", reverse, &["(list(A)) -> list(A)", "(string) -> string"]),
    global("sets.contains", contains, &["(list(A), list(A)) -> bool"]),
    global("sets.equivalent", equivalent, &["(list(A), list(A)) -> bool"]),
    global("sets.intersects", intersects, &["(list(A), list(A)) -> bool"]),
];

fn slice<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::List(list), Value::Int(start), Value::Int(end)] = arguments else {
        return Err(Fault::NoSuchOverload);
    };
    let refused = |reason: &str| Err(Fault::message(format!("cannot slice({start}, {end}), {reason}")));
    let (Ok(first), Ok(behind)) = (usize::try_from(*start), usize::try_from(*end)) else {
        return refused("negative indexes not supported");
    };
    if first > behind {
        return refused("start index must be less than or equal to end index");
    }
    if behind > list.len() {
        return refused(&format!("list is length {}", list.len()));
    }
    context.make_elements(behind - first)?;
    Ok(Value::list((first..behind).filter_map(|place| list.get(place)).collect()))
}

fn flatten<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let (list, levels) = match arguments {
        [Value::List(list)] => (list, 1),
        [Value::List(list), Value::Int(levels)] => (list, *levels),
        _ => return Err(Fault::NoSuchOverload),
    };
    let levels = usize::try_from(levels).map_err(|_| Fault::message("level must be non-negative"))?;
    let mut flat = Vec::new();
    flatten_into(context, list, levels, &mut flat)?;
    Ok(Value::list(flat))
}

fn flatten_into<'a>(
    context: &mut Context<'a>,
    list: &List<'a>,
    levels: usize,
    flat: &mut Vec<Value<'a>>,
) -> Result<(), Fault> {
    context.make_elements(list.len())?;
    for item in list.iter() {
        match (levels.checked_sub(1), item) {
            (Some(levels), Value::List(inner)) => flatten_into(context, &inner, levels, flat)?,
            (_, item) => flat.push(item),
        }
    }
    Ok(())
}

fn distinct<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::List(list)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.make_elements(2 * list.len())?;
    let mut seen = BTreeSet::new();
    let mut others: Vec<Value<'a>> = Vec::new();
    let mut distinct = Vec::new();
    for item in list.iter() {
        let is_new = if let Some(key) = Key::of(&item) {
            context.look_up(1)?;
            context.read(COMPARISONS * size(&item))?;
            seen.insert(key)
        } else {
            let is_new = !is_in(context, &item, others.iter().cloned())?;
            if is_new {
                others.push(item.clone());
            }
            is_new
        };
        if is_new {
            distinct.push(item);
        }
    }
    Ok(Value::list(distinct))
}

/// How often a key is compared while it is looked up among many or sorted.
const COMPARISONS: usize = 16;

fn sort<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::List(list)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.make_elements(list.len())?;
    let items: Vec<_> = list.iter().map(|item| (item.clone(), item)).collect();
    sorted_by_keys(context, items)
}

/// The elements in the order of their keys, for `sort` and `sortBy`.
pub(in crate::cel) fn sorted_by_keys<'a>(
    context: &mut Context<'a>,
    mut keyed: Vec<(Value<'a>, Value<'a>)>,
) -> Outcome<'a> {
    if let Some((first, _)) = keyed.first() {
        let alike = keyed.iter().all(|(key, _)| is_ordered(first, key));
        if !alike {
            return Err(Fault::message("list elements must be comparable and have the same type"));
        }
    }
    let bytes: usize = keyed.iter().map(|(key, _)| size(key)).sum();
    context.look_up(2 * keyed.len())?;
    context.read(COMPARISONS * bytes)?;
    keyed.sort_by(|(left, _), (right, _)| order(left, right).unwrap_or(Ordering::Equal));
    Ok(Value::list(keyed.into_iter().map(|(_, element)| element).collect()))
}

/// How many bytes a comparison of the value may look at.
fn size(value: &Value<'_>) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 1,
    }
}

fn range<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::Int(end)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.make_elements(usize::try_from(*end).unwrap_or(0))?;
    Ok(Value::list((0..*end).map(Value::Int).collect()))
}

fn reverse<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [Value::List(list)] => {
            context.make_elements(list.len())?;
            Ok(Value::list(list.iter().rev().collect()))
        }
        [Value::String(text)] => {
            context.make(text.len())?;
            Ok(Value::made(text.chars().rev().collect::<String>()))
        }
        _ => Err(Fault::NoSuchOverload),
    }
}

fn contains<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::List(list), Value::List(part)] = arguments else { return Err(Fault::NoSuchOverload) };
    all_in(context, part, list).map(Value::Bool)
}

fn equivalent<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::List(left), Value::List(right)] = arguments else { return Err(Fault::NoSuchOverload) };
    Ok(Value::Bool(all_in(context, left, right)? && all_in(context, right, left)?))
}

fn intersects<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::List(left), Value::List(right)] = arguments else { return Err(Fault::NoSuchOverload) };
    for item in left.iter() {
        if is_in(context, &item, right.iter())? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn all_in<'a>(context: &mut Context<'a>, items: &List<'a>, list: &List<'a>) -> Result<bool, Fault> {
    for item in items.iter() {
        if !is_in(context, &item, list.iter())? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_in<'a>(
    context: &mut Context<'a>,
    item: &Value<'a>,
    list: impl Iterator<Item = Value<'a>>,
) -> Result<bool, Fault> {
    for element in list {
        if equal(context, item, &element)? {
            return Ok(true);
        }
    }
    Ok(false)
}
