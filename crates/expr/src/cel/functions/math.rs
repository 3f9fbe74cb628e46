//! The functions of cel-go's extensions `math` and `encoders`.

use std::cmp::Ordering;

use data_encoding::{BASE64, BASE64_NOPAD};

use super::super::compare::{is_number, order};
use super::super::context::{Context, Fault, Outcome};
use super::super::value::Value;
use super::operators::overflow;
use super::{Row, global};

const ONE_NUMBER: &[&str] = &["(int) -> int", "(uint) -> uint", "(double) -> double"];
const TWO_INTEGERS: &[&str] = &["(int, int) -> int", "(uint, uint) -> uint"];
const SHIFT: &[&str] = &["(int, int) -> int", "(uint, int) -> uint"];
const EXTREME: &[&str] = &[
    "(int) -> int",
    "(uint) -> uint",
    "(double) -> double",
    "(int, int) -> int",
    "(uint, uint) -> uint",
    "(double, double) -> double",
    "(int, uint) -> dyn",
    "(int, double) -> dyn",
    "(uint, int) -> dyn",
    "(uint, double) -> dyn",
    "(double, int) -> dyn",
    "(double, uint) -> dyn",
    "(list(int)) -> int",
    "(list(uint)) -> uint",
    "(list(double)) -> double",
    "(list(dyn)) -> dyn",
];

pub(super) const TABLE: &[Row] = &[
    global("math.greatest", greatest, EXTREME),
    global("math.least", least, EXTREME),
    global("math.abs", abs, ONE_NUMBER),
    global("math.sign", sign, ONE_NUMBER),
    global("math.ceil", ceil, &["(double) -> double"]),
    global("math.floor", floor, &["(double) -> double"]),
    global("math.round", round, &["(double) -> double"]),
    global("math.trunc", trunc, &["(double) -> double"]),
    global("math.sqrt", sqrt, &["(int) -> double", "(uint) -> double", "(double) -> double"]),
    global("math.isNaN", is_nan, &["(double) -> bool"]),
    global("math.isInf", is_inf, &["(double) -> bool"]),
    global("math.isFinite", is_finite, &["(double) -> bool"]),
    global("math.bitAnd", bit_and, TWO_INTEGERS),
    global("math.bitOr", bit_or, TWO_INTEGERS),
    global("math.bitXor", bit_xor, TWO_INTEGERS),
    global("math.bitNot", bit_not, &["(int) -> int", "(uint) -> uint"]),
    global("math.bitShiftLeft", shift_left, SHIFT),
    global("math.bitShiftRight", shift_right, SHIFT),
    global("base64.encode", encode, &["(bytes) -> string"]),
    global("base64.decode", decode, &["(string) -> bytes"]),
];

fn greatest<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    extreme(context, arguments, Ordering::Greater)
}

fn least<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    extreme(context, arguments, Ordering::Less)
}

/// The first number of the arguments, or of the list, that none exceeds in the given direction.
fn extreme<'a>(context: &mut Context<'a>, arguments: &[Value<'a>], direction: Ordering) -> Outcome<'a> {
    let numbers: Vec<Value<'a>> = match arguments {
        [Value::List(list)] => {
            context.make_elements(list.len())?;
            list.iter().collect()
        }
        numbers => numbers.to_vec(),
    };
    if !numbers.iter().all(is_number) {
        return Err(Fault::NoSuchOverload);
    }
    let mut numbers = numbers.into_iter();
    let first = numbers.next().ok_or_else(|| Fault::message("the list must not be empty"))?;
    Ok(numbers
        .fold(first, |best, number| if order(&number, &best) == Some(direction) { number } else { best }))
}

fn abs<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    Ok(match arguments {
        [Value::Int(value)] => Value::Int(value.checked_abs().ok_or_else(overflow)?),
        [Value::Uint(value)] => Value::Uint(*value),
        [Value::Double(value)] => Value::Double(value.abs()),
        _ => return Err(Fault::NoSuchOverload),
    })
}

fn sign<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    Ok(match arguments {
        [Value::Int(value)] => Value::Int(value.signum()),
        [Value::Uint(value)] => Value::Uint((*value).min(1)),
        [Value::Double(value)] if *value == 0.0 => Value::Double(0.0),
        [Value::Double(value)] => Value::Double(value.signum()),
        _ => return Err(Fault::NoSuchOverload),
    })
}

fn double(arguments: &[Value<'_>]) -> Result<f64, Fault> {
    match arguments {
        [Value::Double(value)] => Ok(*value),
        _ => Err(Fault::NoSuchOverload),
    }
}

fn ceil<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    double(arguments).map(|value| Value::Double(value.ceil()))
}

fn floor<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    double(arguments).map(|value| Value::Double(value.floor()))
}

fn round<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    double(arguments).map(|value| Value::Double(value.round()))
}

fn trunc<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    double(arguments).map(|value| Value::Double(value.trunc()))
}

#[expect(clippy::cast_precision_loss, reason = "as in Go")]
fn sqrt<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let value = match arguments {
        [Value::Int(value)] => *value as f64,
        [Value::Uint(value)] => *value as f64,
        other => double(other)?,
    };
    Ok(Value::Double(value.sqrt()))
}

fn is_nan<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    double(arguments).map(|value| Value::Bool(value.is_nan()))
}

fn is_inf<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    double(arguments).map(|value| Value::Bool(value.is_infinite()))
}

fn is_finite<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    double(arguments).map(|value| Value::Bool(value.is_finite()))
}

fn bit_and<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [Value::Int(left), Value::Int(right)] => Ok(Value::Int(left & right)),
        [Value::Uint(left), Value::Uint(right)] => Ok(Value::Uint(left & right)),
        _ => Err(Fault::NoSuchOverload),
    }
}

fn bit_or<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [Value::Int(left), Value::Int(right)] => Ok(Value::Int(left | right)),
        [Value::Uint(left), Value::Uint(right)] => Ok(Value::Uint(left | right)),
        _ => Err(Fault::NoSuchOverload),
    }
}

fn bit_xor<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [Value::Int(left), Value::Int(right)] => Ok(Value::Int(left ^ right)),
        [Value::Uint(left), Value::Uint(right)] => Ok(Value::Uint(left ^ right)),
        _ => Err(Fault::NoSuchOverload),
    }
}

fn bit_not<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [Value::Int(value)] => Ok(Value::Int(!value)),
        [Value::Uint(value)] => Ok(Value::Uint(!value)),
        _ => Err(Fault::NoSuchOverload),
    }
}

fn shift_left<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    shifted(arguments, |bits, offset| bits.checked_shl(offset).unwrap_or(0))
}

fn shift_right<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    shifted(arguments, |bits, offset| bits.checked_shr(offset).unwrap_or(0))
}

/// Shifts bits without regard to the sign.
fn shifted<'a>(arguments: &[Value<'a>], shift: fn(u64, u32) -> u64) -> Outcome<'a> {
    let [value, Value::Int(offset)] = arguments else { return Err(Fault::NoSuchOverload) };
    if *offset < 0 {
        return Err(Fault::message(format!("negative offset: {offset}")));
    }
    let offset = u32::try_from(*offset).unwrap_or(u32::MAX);
    match value {
        Value::Int(value) => Ok(Value::Int(shift(value.cast_unsigned(), offset).cast_signed())),
        Value::Uint(value) => Ok(Value::Uint(shift(*value, offset))),
        _ => Err(Fault::NoSuchOverload),
    }
}

fn encode<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::Bytes(bytes)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.make(2 * bytes.len())?;
    Ok(Value::made(BASE64.encode(bytes)))
}

/// Base64 with or without padding.
fn decode<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.make(text.len())?;
    let text = text.as_bytes();
    let bytes = BASE64.decode(text).or_else(|_| BASE64_NOPAD.decode(text));
    let bytes = bytes
        .map_err(|error| Fault::message(format!("illegal base64 data at input byte {}", error.position)))?;
    Ok(Value::Bytes(bytes.into()))
}
