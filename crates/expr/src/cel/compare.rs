//! Equality and order of values.

use std::cmp::Ordering;

use super::context::{Context, Fault};
use super::value::Value;

/// Whether two values are equal. Numbers compare across their types; values of other types are unequal.
pub(super) fn equal<'a>(
    context: &mut Context<'a>,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Result<bool, Fault> {
    context.step(1)?;
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::String(left), Value::String(right)) => {
            context.read(left.len().min(right.len()))?;
            **left == **right
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            context.read(left.len().min(right.len()))?;
            left == right
        }
        (Value::List(left), Value::List(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(right.iter()) {
                if !equal(context, &left, &right)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(left), Value::Map(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            context.look_up(2 * left.len())?;
            for (key, left) in left.entries() {
                let Some(right) = right.get(&key) else { return Ok(false) };
                if !equal(context, &left, &right)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Timestamp(left), Value::Timestamp(right)) => left == right,
        (Value::Duration(left), Value::Duration(right)) => left == right,
        (Value::Type(left), Value::Type(right)) => left == right,
        (left, right) => numbers(left, right) == Some(Ordering::Equal),
    })
}

/// The order of two values that have one; `None` for others, and for `NaN`.
pub(super) fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Some((**left).cmp(right)),
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        (Value::Timestamp(left), Value::Timestamp(right)) => Some(left.cmp(right)),
        (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
        (left, right) => numbers(left, right),
    }
}

/// Whether values of this kind have an order among themselves.
pub(super) fn is_ordered(left: &Value<'_>, right: &Value<'_>) -> bool {
    is_number(left) && is_number(right) || order(left, right).is_some()
}

pub(super) fn is_number(value: &Value<'_>) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_))
}

fn numbers(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    let integer = |value: &Value<'_>| match value {
        Value::Int(value) => Some(i128::from(*value)),
        Value::Uint(value) => Some(i128::from(*value)),
        _ => None,
    };
    match (left, right) {
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Double(left), right) => integer_with_double(integer(right)?, *left).map(Ordering::reverse),
        (left, Value::Double(right)) => integer_with_double(integer(left)?, *right),
        (left, right) => Some(integer(left)?.cmp(&integer(right)?)),
    }
}

/// The exact order of an integer and a double.
#[expect(clippy::cast_possible_truncation, reason = "larger doubles are handled before")]
fn integer_with_double(integer: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double >= 1.9e19 {
        return Some(Ordering::Less);
    }
    if double <= -1.9e19 {
        return Some(Ordering::Greater);
    }
    let floor = double.floor();
    let order = integer.cmp(&(floor as i128));
    Some(if order == Ordering::Equal && floor < double { Ordering::Less } else { order })
}
