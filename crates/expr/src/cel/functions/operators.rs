//! Arithmetic, comparisons, indexes, membership and size.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::super::compare::{equal, is_ordered, order};
use super::super::context::{Context, Fault, Outcome};
use super::super::value::{List, Value};
use super::{Row, global, member};

const ORDERED: &[&str] = &[
    "(bool, bool) -> bool",
    "(int, int) -> bool",
    "(int, uint) -> bool",
    "(int, double) -> bool",
    "(uint, uint) -> bool",
    "(uint, int) -> bool",
    "(uint, double) -> bool",
    "(double, double) -> bool",
    "(double, int) -> bool",
    "(double, uint) -> bool",
    "(string, string) -> bool",
    "(bytes, bytes) -> bool",
    "(timestamp, timestamp) -> bool",
    "(duration, duration) -> bool",
];
const NUMERIC: &[&str] = &["(int, int) -> int", "(uint, uint) -> uint", "(double, double) -> double"];
const SIZED: &[&str] = &["(string) -> int", "(bytes) -> int", "(list(A)) -> int", "(map(A, B)) -> int"];

pub(super) const TABLE: &[Row] = &[
    global("_==_", equals, &["(A, A) -> bool"]),
    global("_!=_", differs, &["(A, A) -> bool"]),
    global("_<_", less, ORDERED),
    global("_<=_", at_most, ORDERED),
    global("_>_", greater, ORDERED),
    global("_>=_", at_least, ORDERED),
    global(
        "_+_",
        add,
        &[
            "(int, int) -> int",
            "(uint, uint) -> uint",
            "(double, double) -> double",
            "(string, string) -> string",
            "(bytes, bytes) -> bytes",
            "(list(A), list(A)) -> list(A)",
            "(timestamp, duration) -> timestamp",
            "(duration, timestamp) -> timestamp",
            "(duration, duration) -> duration",
        ],
    ),
    global(
        "_-_",
        subtract,
        &[
            "(int, int) -> int",
            "(uint, uint) -> uint",
            "(double, double) -> double",
            "(timestamp, timestamp) -> duration",
            "(timestamp, duration) -> timestamp",
            "(duration, duration) -> duration",
        ],
    ),
    global("_*_", multiply, NUMERIC),
    global("_/_", divide, NUMERIC),
    global("_%_", remainder, &["(int, int) -> int", "(uint, uint) -> uint"]),
    global("-_", negate, &["(int) -> int", "(double) -> double"]),
    global("@in", contains, &["(A, list(A)) -> bool", "(A, map(A, B)) -> bool"]),
    global("_[_]", index, &["(list(A), int) -> A", "(map(A, B), A) -> B"]),
    global("size", size, SIZED),
    member("size", size, SIZED),
];

fn equals<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [left, right] = arguments else { return Err(Fault::NoSuchOverload) };
    equal(context, left, right).map(Value::Bool)
}

fn differs<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [left, right] = arguments else { return Err(Fault::NoSuchOverload) };
    equal(context, left, right).map(|equal| Value::Bool(!equal))
}

fn compared<'a>(
    context: &mut Context<'a>,
    arguments: &[Value<'a>],
    holds: fn(Ordering) -> bool,
) -> Outcome<'a> {
    let [left, right] = arguments else { return Err(Fault::NoSuchOverload) };
    if let (Value::String(left), Value::String(right)) = (left, right) {
        context.read(left.len().min(right.len()))?;
    }
    if let (Value::Bytes(left), Value::Bytes(right)) = (left, right) {
        context.read(left.len().min(right.len()))?;
    }
    if !is_ordered(left, right) {
        return Err(Fault::NoSuchOverload);
    }
    match order(left, right) {
        Some(ordering) => Ok(Value::Bool(holds(ordering))),
        None => Err(Fault::message("NaN values cannot be ordered")),
    }
}

fn less<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    compared(context, arguments, Ordering::is_lt)
}

fn at_most<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    compared(context, arguments, Ordering::is_le)
}

fn greater<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    compared(context, arguments, Ordering::is_gt)
}

fn at_least<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    compared(context, arguments, Ordering::is_ge)
}

fn add<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [left, right] = arguments else { return Err(Fault::NoSuchOverload) };
    Ok(match (left, right) {
        (Value::Int(left), Value::Int(right)) => Value::Int(left.checked_add(*right).ok_or_else(overflow)?),
        (Value::Uint(left), Value::Uint(right)) => {
            Value::Uint(left.checked_add(*right).ok_or_else(unsigned_overflow)?)
        }
        (Value::Double(left), Value::Double(right)) => Value::Double(left + right),
        (Value::String(left), Value::String(right)) => {
            context.make(left.len() + right.len())?;
            Value::made([&**left, &**right].concat())
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            context.make(left.len() + right.len())?;
            Value::Bytes([&**left, &**right].concat().into())
        }
        (Value::List(left), Value::List(right)) => {
            context.make_elements(left.len() + right.len())?;
            Value::List(List::Made(left.iter().chain(right.iter()).collect::<Arc<[_]>>()))
        }
        (Value::Timestamp(time), Value::Duration(duration))
        | (Value::Duration(duration), Value::Timestamp(time)) => moved(*time, *duration)?,
        (Value::Duration(left), Value::Duration(right)) => {
            Value::Duration(left.checked_add(*right).ok_or_else(overflow)?)
        }
        _ => return Err(Fault::NoSuchOverload),
    })
}

fn subtract<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [left, right] = arguments else { return Err(Fault::NoSuchOverload) };
    Ok(match (left, right) {
        (Value::Int(left), Value::Int(right)) => Value::Int(left.checked_sub(*right).ok_or_else(overflow)?),
        (Value::Uint(left), Value::Uint(right)) => {
            Value::Uint(left.checked_sub(*right).ok_or_else(unsigned_overflow)?)
        }
        (Value::Double(left), Value::Double(right)) => Value::Double(left - right),
        (Value::Timestamp(left), Value::Timestamp(right)) => Value::Duration(left.duration_since(*right)),
        (Value::Timestamp(time), Value::Duration(duration)) => {
            moved(*time, duration.checked_neg().ok_or_else(overflow)?)?
        }
        (Value::Duration(left), Value::Duration(right)) => {
            Value::Duration(left.checked_sub(*right).ok_or_else(overflow)?)
        }
        _ => return Err(Fault::NoSuchOverload),
    })
}

fn multiply<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    Ok(match arguments {
        [Value::Int(left), Value::Int(right)] => Value::Int(left.checked_mul(*right).ok_or_else(overflow)?),
        [Value::Uint(left), Value::Uint(right)] => {
            Value::Uint(left.checked_mul(*right).ok_or_else(unsigned_overflow)?)
        }
        [Value::Double(left), Value::Double(right)] => Value::Double(left * right),
        _ => return Err(Fault::NoSuchOverload),
    })
}

fn divide<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    Ok(match arguments {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => {
            return Err(Fault::message("division by zero"));
        }
        [Value::Int(left), Value::Int(right)] => Value::Int(left.checked_div(*right).ok_or_else(overflow)?),
        [Value::Uint(left), Value::Uint(right)] => {
            Value::Uint(left.checked_div(*right).ok_or_else(unsigned_overflow)?)
        }
        [Value::Double(left), Value::Double(right)] => Value::Double(left / right),
        _ => return Err(Fault::NoSuchOverload),
    })
}

fn remainder<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    Ok(match arguments {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => {
            return Err(Fault::message("modulus by zero"));
        }
        [Value::Int(left), Value::Int(right)] => Value::Int(left.checked_rem(*right).ok_or_else(overflow)?),
        [Value::Uint(left), Value::Uint(right)] => {
            Value::Uint(left.checked_rem(*right).ok_or_else(unsigned_overflow)?)
        }
        _ => return Err(Fault::NoSuchOverload),
    })
}

fn negate<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    Ok(match arguments {
        [Value::Int(value)] => Value::Int(value.checked_neg().ok_or_else(overflow)?),
        [Value::Double(value)] => Value::Double(-value),
        _ => return Err(Fault::NoSuchOverload),
    })
}

fn contains<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [item, Value::List(list)] => {
            for element in list.iter() {
                if equal(context, item, &element)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        [key, Value::Map(map)] => Ok(Value::Bool(map.get(key).is_some())),
        _ => Err(Fault::NoSuchOverload),
    }
}

fn index<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [Value::List(list), index] => {
            let place = list_index(index)?;
            let element = usize::try_from(place).ok().and_then(|place| list.get(place));
            element.ok_or_else(|| Fault::message(format!("index out of bounds: {place}")))
        }
        [Value::Map(map), key] => map.get(key).ok_or_else(|| no_such_key(key)),
        [_, key] => Err(no_such_key(key)),
        _ => Err(Fault::NoSuchOverload),
    }
}

/// The place in a list that a number means: an integral double is one too, because numbers of JSON are doubles.
pub(super) fn list_index(index: &Value<'_>) -> Result<i64, Fault> {
    match index {
        Value::Int(place) => Ok(*place),
        Value::Uint(place) => Ok(i64::try_from(*place).unwrap_or(i64::MAX)),
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and is then out of bounds")]
        Value::Double(place) if place.fract() == 0.0 => Ok(*place as i64),
        Value::Double(place) => Err(Fault::message(format!("unsupported index value {place} in list"))),
        other => Err(Fault::message(format!("unsupported index type '{}' in list", other.type_name()))),
    }
}

/// The fault of a key that a map does not have.
fn no_such_key(key: &Value<'_>) -> Fault {
    let key = match key {
        Value::String(key) => key.to_string(),
        Value::Int(key) => key.to_string(),
        Value::Uint(key) => key.to_string(),
        Value::Double(key) => key.to_string(),
        Value::Bool(key) => key.to_string(),
        other => format!("of type {}", other.type_name()),
    };
    Fault::NoSuchKey(key)
}

fn size<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let size = match arguments {
        [Value::String(text)] => {
            context.read(text.len())?;
            text.chars().count()
        }
        [Value::Bytes(bytes)] => bytes.len(),
        [Value::List(list)] => list.len(),
        [Value::Map(map)] => map.len(),
        _ => return Err(Fault::NoSuchOverload),
    };
    Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

/// A time that is moved by a duration, if it stays within the years that CEL has.
fn moved<'a>(time: Timestamp, duration: SignedDuration) -> Outcome<'a> {
    let moved = time.checked_add(duration).ok();
    let within = moved.filter(|time| super::super::number::is_cel_time(*time));
    within.map(Value::Timestamp).ok_or_else(|| Fault::message("timestamp overflow"))
}

pub(super) fn overflow() -> Fault {
    Fault::message("integer overflow")
}

fn unsigned_overflow() -> Fault {
    Fault::message("unsigned integer overflow")
}
