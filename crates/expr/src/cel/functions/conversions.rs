//! Conversions between types, and `type` and `dyn`.

use jiff::{SignedDuration, Timestamp};
use trigger_core::go_duration;

use super::super::context::{Context, Fault, Outcome};
use super::super::number::{go_text, is_cel_time, seconds_text};
use super::super::value::Value;
use super::operators::overflow;
use super::{Row, global};

pub(super) const TABLE: &[Row] = &[
    global("bool", to_bool, &["(bool) -> bool", "(string) -> bool"]),
    global("bytes", to_bytes, &["(bytes) -> bytes", "(string) -> bytes"]),
    global(
        "double",
        to_double,
        &["(double) -> double", "(int) -> double", "(uint) -> double", "(string) -> double"],
    ),
    global(
        "int",
        to_int,
        &["(int) -> int", "(uint) -> int", "(double) -> int", "(string) -> int", "(timestamp) -> int"],
    ),
    global("uint", to_uint, &["(uint) -> uint", "(int) -> uint", "(double) -> uint", "(string) -> uint"]),
    global(
        "string",
        to_string,
        &[
            "(string) -> string",
            "(bool) -> string",
            "(int) -> string",
            "(uint) -> string",
            "(double) -> string",
            "(bytes) -> string",
            "(timestamp) -> string",
            "(duration) -> string",
        ],
    ),
    global("duration", to_duration, &["(duration) -> duration", "(string) -> duration", "(int) -> duration"]),
    global(
        "timestamp",
        to_timestamp,
        &["(timestamp) -> timestamp", "(string) -> timestamp", "(int) -> timestamp"],
    ),
    global("dyn", to_dyn, &["(A) -> dyn"]),
    global("type", type_of, &["(A) -> type"]),
];

fn to_bool<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [value @ Value::Bool(_)] => Ok(value.clone()),
        [Value::String(text)] => match &**text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Value::Bool(false)),
            other => Err(invalid(other, "bool")),
        },
        _ => Err(Fault::NoSuchOverload),
    }
}

fn to_bytes<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [value @ Value::Bytes(_)] => Ok(value.clone()),
        [Value::String(text)] => {
            context.make(text.len())?;
            Ok(Value::Bytes(text.as_bytes().into()))
        }
        _ => Err(Fault::NoSuchOverload),
    }
}

#[expect(clippy::cast_precision_loss, reason = "as in Go")]
fn to_double<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [value @ Value::Double(_)] => Ok(value.clone()),
        [Value::Int(value)] => Ok(Value::Double(*value as f64)),
        [Value::Uint(value)] => Ok(Value::Double(*value as f64)),
        [Value::String(text)] => {
            context.read(text.len())?;
            text.parse().map(Value::Double).map_err(|_| invalid(text, "double"))
        }
        _ => Err(Fault::NoSuchOverload),
    }
}

/// Doubles lose what stands behind the point.
#[expect(clippy::cast_possible_truncation, reason = "the bounds are checked before")]
fn to_int<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [value @ Value::Int(_)] => Ok(value.clone()),
        [Value::Uint(value)] => i64::try_from(*value).map(Value::Int).map_err(|_| overflow()),
        [Value::Double(value)] if value.abs() < 9.223_372_036_854_775e18 => Ok(Value::Int(*value as i64)),
        [Value::Double(_)] => Err(overflow()),
        [Value::String(text)] => {
            context.read(text.len())?;
            text.parse().map(Value::Int).map_err(|_| invalid(text, "int"))
        }
        [Value::Timestamp(time)] => Ok(Value::Int(time.as_second())),
        _ => Err(Fault::NoSuchOverload),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds are checked before")]
fn to_uint<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let overflow = || Fault::message("unsigned integer overflow");
    match arguments {
        [value @ Value::Uint(_)] => Ok(value.clone()),
        [Value::Int(value)] => u64::try_from(*value).map(Value::Uint).map_err(|_| overflow()),
        [Value::Double(value)] if (0.0..1.844_674_407_370_955e19).contains(value) => {
            Ok(Value::Uint(*value as u64))
        }
        [Value::Double(_)] => Err(overflow()),
        [Value::String(text)] => {
            context.read(text.len())?;
            text.parse().map(Value::Uint).map_err(|_| invalid(text, "uint"))
        }
        _ => Err(Fault::NoSuchOverload),
    }
}

fn to_string<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::made(match arguments {
        [value @ Value::String(_)] => return Ok(value.clone()),
        [Value::Bool(value)] => value.to_string(),
        [Value::Int(value)] => value.to_string(),
        [Value::Uint(value)] => value.to_string(),
        [Value::Double(value)] => go_text(*value),
        [Value::Timestamp(time)] => time.to_string(),
        [Value::Duration(duration)] => seconds_text(*duration),
        [Value::Bytes(bytes)] => {
            context.make(bytes.len())?;
            let text = String::from_utf8(bytes.to_vec());
            text.map_err(|_| Fault::message("invalid UTF-8 in bytes, cannot convert to string"))?
        }
        _ => return Err(Fault::NoSuchOverload),
    }))
}

fn to_duration<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [value @ Value::Duration(_)] => Ok(value.clone()),
        [Value::Int(nanoseconds)] => Ok(Value::Duration(SignedDuration::from_nanos(*nanoseconds))),
        [Value::String(text)] => {
            context.read(text.len())?;
            go_duration(text).map(Value::Duration).ok_or_else(|| invalid(text, "duration"))
        }
        _ => Err(Fault::NoSuchOverload),
    }
}

fn to_timestamp<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let time = match arguments {
        [value @ Value::Timestamp(_)] => return Ok(value.clone()),
        [Value::Int(seconds)] => Timestamp::from_second(*seconds).ok(),
        [Value::String(text)] => {
            context.read(text.len())?;
            let time =
                (text.as_bytes().get(10) == Some(&b'T')).then(|| text.parse::<Timestamp>().ok()).flatten();
            return match time {
                Some(time) if is_cel_time(time) => Ok(Value::Timestamp(time)),
                _ => Err(invalid(text, "timestamp")),
            };
        }
        _ => return Err(Fault::NoSuchOverload),
    };
    let within = time.filter(|time| is_cel_time(*time));
    within.map(Value::Timestamp).ok_or_else(|| Fault::message("timestamp overflow"))
}

fn to_dyn<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [value] => Ok(value.clone()),
        _ => Err(Fault::NoSuchOverload),
    }
}

fn type_of<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [value] => Ok(Value::Type(value.type_name())),
        _ => Err(Fault::NoSuchOverload),
    }
}

/// The fault of a text that is no value of the type. The text is not repeated, because it may be a secret.
fn invalid(text: &str, wanted: &str) -> Fault {
    Fault::message(format!(
        "type conversion error from 'string' to '{wanted}': {} bytes are not valid",
        text.len()
    ))
}
